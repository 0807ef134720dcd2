// When to try again: after which errors of a stream, and after which pause.
#ifndef NEWSPRINT_CLIENT_BACKOFF_H_
#define NEWSPRINT_CLIENT_BACKOFF_H_

#include <algorithm>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

namespace newsprint::client {

// Whether a stream that ended thus may work when it is opened again. Only UNAVAILABLE says so; the
// others are also what a connection looks like that broke on the way.
inline bool MayBeBrokenStream(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kCancelled:
      return true;
    default:
      return false;
  }
}

// Pauses between attempts: exponential, with jitter. Not thread-safe.
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
