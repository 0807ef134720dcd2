// Leaves a server alone that has failed (a circuit breaker).
#ifndef NEWSPRINT_SERVICE_EMBED_REMOTE_BREAKER_H_
#define NEWSPRINT_SERVICE_EMBED_REMOTE_BREAKER_H_

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace newsprint::embed {

// Closed: calls go through. Open, after Trip: they are refused with the status of the failure, but
// for one when the pause is over, the trial, whose outcome is told by Close or by the next Trip.
// The pause doubles with each Trip until a call has succeeded. Not thread-safe.
class Breaker {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  Breaker(absl::Duration pause_min, absl::Duration pause_max)
      : pause_min_(pause_min), pause_max_(std::max(pause_min, pause_max)) {}

  // OK when a call may go on.
  absl::Status Admit(TimePoint now) {
    if (refusal_.ok()) return absl::OkStatus();
    if (is_trial_ || now < retry_at_) return refusal_;
    is_trial_ = true;
    return absl::OkStatus();
  }

  // Of several failures of calls that were on their way together the first counts.
  void Trip(absl::Status refusal, TimePoint now) {
    if (is_open() && !is_trial_) return;
    pause_ = pause_ > absl::ZeroDuration() ? std::min(pause_ * 2, pause_max_) : pause_min_;
    is_trial_ = false;
    refusal_ = std::move(refusal);
    retry_at_ = now + absl::ToChronoMilliseconds(pause_);
  }

  void Close() {
    refusal_ = absl::OkStatus();
    is_trial_ = false;
  }

  void Succeeded() { pause_ = absl::ZeroDuration(); }

  bool is_open() const { return !refusal_.ok(); }
  bool is_trial() const { return is_trial_; }

 private:
  const absl::Duration pause_min_;
  const absl::Duration pause_max_;
  absl::Duration pause_;  // of the last Trip; zero when a call has succeeded since
  absl::Status refusal_;  // OK when closed
  TimePoint retry_at_;
  bool is_trial_ = false;
};

}  // namespace newsprint::embed

#endif  // NEWSPRINT_SERVICE_EMBED_REMOTE_BREAKER_H_
