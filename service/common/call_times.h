// What the work on a call is made of, and how long each step takes.
//
// Each step that ends is recorded in a histogram of the process, and in the CallTimes of the
// thread, if it has one, so that a slow call can tell where its time went.
#ifndef NEWSPRINT_SERVICE_COMMON_CALL_TIMES_H_
#define NEWSPRINT_SERVICE_COMMON_CALL_TIMES_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "service/common/latency_histogram.h"

namespace newsprint {

// docs/operations.md says what belongs to each.
enum class Step : uint8_t {
  kQueue,
  kParse,
  kNormalise,
  kSketch,
  kEmbed,
  kTurn,
  kLock,
  kDecide,
  kSearch,
  kStore,
  kIndex,
  kCommit,
  kSync,
};
inline constexpr size_t kStepCount = 13;

// "queue", "parse" and so on.
absl::string_view StepName(Step step);

// Of all that was recorded of the step in this process.
LatencyHistogram& StepHistogram(Step step);

// One call, or one request of a stream. Thread-safe.
class CallTimes {
 public:
  using Clock = std::chrono::steady_clock;

  CallTimes() : begin_(Clock::now()) {}
  CallTimes(const CallTimes&) = delete;
  CallTimes& operator=(const CallTimes&) = delete;

  Clock::time_point begin() const { return begin_; }

  // Records a step, in its histogram too.
  void Record(Step step, std::chrono::nanoseconds took);
  // What was recorded of a step, in all: of several threads their sum.
  std::chrono::nanoseconds time(Step step) const {
    return std::chrono::nanoseconds(
        nanos_[static_cast<size_t>(step)].load(std::memory_order_relaxed));
  }

  // The collection that the call is about; the first one that is told counts.
  void SetCollection(absl::string_view name);
  // Empty when none was told. Not before those who tell it have ended.
  const std::string& collection() const { return collection_; }

  // An item of the call has failed by the server's fault, though the call goes on. For one thread
  // at a time.
  void CountItemFault(const absl::Status& status) {
    if (item_faults_++ == 0) first_item_fault_ = status;
  }
  // Not before those who count have ended.
  int64_t item_faults() const { return item_faults_; }
  const absl::Status& first_item_fault() const { return first_item_fault_; }  // OK: none

  // Of this thread; null where there is none.
  static CallTimes* Current();
  // Makes `times`, which may be null, the thread's own for as long as it lives.
  class Scope {
   public:
    explicit Scope(CallTimes* times);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    CallTimes* const outer_;
  };

 private:
  friend class StepTimer;
  void Add(Step step, std::chrono::nanoseconds took) {
    nanos_[static_cast<size_t>(step)].fetch_add(took.count(), std::memory_order_relaxed);
  }

  const Clock::time_point begin_;
  std::array<std::atomic<int64_t>, kStepCount> nanos_{};
  std::atomic<bool> has_collection_{false};
  std::string collection_;
  int64_t item_faults_ = 0;
  absl::Status first_item_fault_;
};

// Records a step from here to its end. While another one runs inside it, on the same thread, its
// own time stands still, so that no time counts twice. About 60 ns.
class StepTimer {
 public:
  explicit StepTimer(Step step);
  ~StepTimer();
  StepTimer(const StepTimer&) = delete;
  StepTimer& operator=(const StepTimer&) = delete;

  // Ends the step and begins `step`, unless it is the same.
  void Next(Step step);

 private:
  using Clock = CallTimes::Clock;

  void Record(std::chrono::nanoseconds took) const;

  Step step_;
  StepTimer* const outer_;
  Clock::time_point begin_;             // of the present step, or since an inner one has ended
  std::chrono::nanoseconds before_{0};  // of the present step, before the inner ones
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_COMMON_CALL_TIMES_H_
