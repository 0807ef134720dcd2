#include "service/common/call_times.h"

namespace newsprint {
namespace {

thread_local CallTimes* current_times = nullptr;
thread_local StepTimer* current_timer = nullptr;

}  // namespace

absl::string_view StepName(Step step) {
  switch (step) {
    case Step::kQueue:
      return "queue";
    case Step::kParse:
      return "parse";
    case Step::kNormalise:
      return "normalise";
    case Step::kSketch:
      return "sketch";
    case Step::kEmbed:
      return "embed";
    case Step::kTurn:
      return "turn";
    case Step::kLock:
      return "lock";
    case Step::kDecide:
      return "decide";
    case Step::kSearch:
      return "search";
    case Step::kStore:
      return "store";
    case Step::kIndex:
      return "index";
    case Step::kCommit:
      return "commit";
    case Step::kSync:
      return "sync";
  }
  return "unknown";
}

LatencyHistogram& StepHistogram(Step step) {
  static std::array<LatencyHistogram, kStepCount> histograms;
  return histograms[static_cast<size_t>(step)];
}

void CallTimes::Record(Step step, std::chrono::nanoseconds took) {
  StepHistogram(step).Record(took);
  Add(step, took);
}

void CallTimes::SetCollection(absl::string_view name) {
  if (!has_collection_.exchange(true)) collection_ = std::string(name);
}

CallTimes* CallTimes::Current() { return current_times; }

CallTimes::Scope::Scope(CallTimes* times) : outer_(current_times) { current_times = times; }

CallTimes::Scope::~Scope() { current_times = outer_; }

StepTimer::StepTimer(Step step) : step_(step), outer_(current_timer), begin_(Clock::now()) {
  if (outer_ != nullptr) outer_->before_ += begin_ - outer_->begin_;
  current_timer = this;
}

StepTimer::~StepTimer() {
  const Clock::time_point now = Clock::now();
  Record(before_ + (now - begin_));
  if (outer_ != nullptr) outer_->begin_ = now;
  current_timer = outer_;
}

void StepTimer::Next(Step step) {
  if (step == step_) return;
  const Clock::time_point now = Clock::now();
  Record(before_ + (now - begin_));
  step_ = step;
  before_ = std::chrono::nanoseconds(0);
  begin_ = now;
}

void StepTimer::Record(std::chrono::nanoseconds took) const {
  StepHistogram(step_).Record(took);
  if (current_times != nullptr) current_times->Add(step_, took);
}

}  // namespace newsprint
