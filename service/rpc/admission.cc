#include "service/rpc/admission.h"

#include "absl/strings/str_cat.h"

namespace newsprint::rpc {
namespace {

absl::Status Full(absl::string_view what, size_t limit, absl::string_view unit,
                  absl::string_view flag) {
  return absl::ResourceExhaustedError(absl::StrCat("server: ", what, ", limit ", limit, " ", unit,
                                                   " (", flag, "); try again after a pause"));
}

}  // namespace

absl::Status Admission::AnswersFull() const {
  return Full("answers wait for callers that read slowly", bytes_max_, "bytes",
              "--queue_bytes_max");
}

absl::Status Admission::EnterUnary(size_t bytes) {
  MutexLock lock(mutex_);
  if (usage_.unary_items >= items_max_) {
    return Full("queue is full", items_max_, "calls", "--queue_items_max");
  }
  if (usage_.unary_items > 0 && usage_.unary_bytes + bytes > bytes_max_) {
    return Full("queue is full", bytes_max_, "bytes", "--queue_bytes_max");
  }
  if (usage_.answer_bytes >= bytes_max_) {
    return AnswersFull();
  }
  ++usage_.unary_items;
  usage_.unary_bytes += bytes;
  return absl::OkStatus();
}

void Admission::LeaveUnary(size_t bytes) {
  MutexLock lock(mutex_);
  --usage_.unary_items;
  usage_.unary_bytes -= bytes;
}

absl::Status Admission::OpenStream() {
  MutexLock lock(mutex_);
  if (usage_.streams >= kStreamsMax) {
    return absl::ResourceExhaustedError(absl::StrCat("server: too many open streams, limit ",
                                                     kStreamsMax, "; try again after a pause"));
  }
  ++usage_.streams;
  return absl::OkStatus();
}

void Admission::CloseStream() {
  MutexLock lock(mutex_);
  --usage_.streams;
}

bool Admission::MayReadMore(size_t items, size_t bytes) const {
  ReaderMutexLock lock(mutex_);
  return !streams_full() && items < items_max_ - usage_.stream_items &&
         bytes < bytes_max_ - usage_.stream_bytes;
}

bool Admission::MayReadOrWait(Waiter* waiter) {
  MutexLock lock(mutex_);
  if (!streams_full()) return true;
  waiter->place_ = waiters_.insert(waiters_.end(), waiter);
  waiter->waits_ = true;
  return false;
}

bool Admission::Forget(Waiter* waiter) {
  MutexLock lock(mutex_);
  if (!waiter->waits_) return false;
  waiters_.erase(waiter->place_);
  waiter->waits_ = false;
  return true;
}

void Admission::EnterStream(size_t bytes) {
  MutexLock lock(mutex_);
  ++usage_.stream_items;
  usage_.stream_bytes += bytes;
}

void Admission::LeaveStream(size_t bytes) {
  std::list<Waiter*> told;
  {
    MutexLock lock(mutex_);
    --usage_.stream_items;
    usage_.stream_bytes -= bytes;
    if (waiters_.empty() || streams_full()) return;
    // While there is much room, all. A read that has begun may bring something in an hour, so those
    // that were told first must not keep out the others.
    if (usage_.stream_items <= items_max_ / 2 && usage_.stream_bytes <= bytes_max_ / 2) {
      told.swap(waiters_);
    } else {
      told.splice(told.begin(), waiters_, waiters_.begin());
    }
    for (Waiter* waiter : told) waiter->waits_ = false;
  }
  for (Waiter* waiter : told) waiter->OnRoom();
}

absl::Status Admission::EnterAnswer(size_t bytes) {
  const bool large = bytes > kLargeAnswerBytes;
  MutexLock lock(mutex_);
  if (large && large_answers_ > 0 && usage_.answer_bytes + bytes > bytes_max_ / 2) {
    return AnswersFull();
  }
  if (large) ++large_answers_;
  usage_.answer_bytes += bytes;
  return absl::OkStatus();
}

void Admission::EnterNeededAnswer(AnswerTo to, size_t bytes) {
  MutexLock lock(mutex_);
  if (to == AnswerTo::kStream) {
    usage_.stream_answer_bytes += bytes;
    return;
  }
  if (bytes > kLargeAnswerBytes) ++large_answers_;
  usage_.answer_bytes += bytes;
}

void Admission::LeaveAnswer(AnswerTo to, size_t bytes) {
  MutexLock lock(mutex_);
  if (to == AnswerTo::kStream) {
    usage_.stream_answer_bytes -= bytes;
    return;
  }
  if (bytes > kLargeAnswerBytes) --large_answers_;
  usage_.answer_bytes -= bytes;
}

bool Admission::many_stream_answers() const {
  ReaderMutexLock lock(mutex_);
  return usage_.stream_answer_bytes >= bytes_max_ / 2;
}

Admission::Usage Admission::usage() const {
  ReaderMutexLock lock(mutex_);
  return usage_;
}

}  // namespace newsprint::rpc
