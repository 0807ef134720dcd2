// Pauses between attempts: exponential, with jitter. Not thread-safe.
#ifndef NEWSPRINT_CLIENT_BACKOFF_H_
#define NEWSPRINT_CLIENT_BACKOFF_H_

#include <algorithm>

#include "absl/random/random.h"
#include "absl/time/time.h"

namespace newsprint::client {

class Backoff {
 public:
  Backoff(absl::Duration initial, absl::Duration max)
      : initial_(initial), max_(max), current_(initial) {}

  // The pause to make now: between half of the current step and all of it. Doubles the step.
  absl::Duration Next() {
    const absl::Duration pause = current_ * absl::Uniform(random_, 0.5, 1.0);
    current_ = std::min(max_, current_ * 2);
    return pause;
  }

  void Reset() { current_ = initial_; }

 private:
  const absl::Duration initial_;
  const absl::Duration max_;
  absl::Duration current_;
  absl::BitGen random_;
};

}  // namespace newsprint::client

#endif  // NEWSPRINT_CLIENT_BACKOFF_H_
