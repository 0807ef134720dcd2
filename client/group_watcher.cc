#include "client/group_watcher.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/backoff.h"
#include "client/retry_info.h"

namespace newsprint::client {
namespace {

constexpr absl::Duration kCancelledPoll = absl::Milliseconds(250);

GroupWatcherOptions Clamp(GroupWatcherOptions options) {
  options.attempts_max = std::max(options.attempts_max, 1);
  options.backoff_initial = std::max(options.backoff_initial, absl::Milliseconds(1));
  options.backoff_max = std::max(options.backoff_max, options.backoff_initial);
  options.stall_timeout = std::max(options.stall_timeout, absl::Milliseconds(10));
  return options;
}

}  // namespace

GroupWatcher::GroupWatcher(Client client, GroupWatcherOptions options, ChangeCallback callback)
    : client_(std::move(client)),
      options_(Clamp(std::move(options))),
      callback_(std::move(callback)),
      sequence_(options_.after_sequence),
      worker_([this] { Run(); }) {}

GroupWatcher::~GroupWatcher() {
  Stop();
  worker_.join();
}

void GroupWatcher::Stop() {
  std::lock_guard<std::mutex> lock(mutex_);
  stopped_ = true;
  if (stream_ != nullptr) stream_->Cancel();
  changed_.notify_all();
}

absl::Status GroupWatcher::Wait() {
  std::unique_lock<std::mutex> lock(mutex_);
  const auto step = absl::ToChronoNanoseconds(kCancelledPoll);
  while (!changed_.wait_for(lock, step, [this] { return done_; })) {
    if (options_.is_cancelled && options_.is_cancelled()) {
      return absl::CancelledError("given up by the caller");
    }
  }
  return final_status_;
}

absl::optional<int64_t> GroupWatcher::sequence() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return sequence_;
}

void GroupWatcher::Run() {
  Backoff backoff(options_.backoff_initial, options_.backoff_max);
  int failures = 0;  // in a row without a response, but for those with UNAVAILABLE
  bool is_broken = false;
  absl::Status status;
  for (;;) {
    bool responded = false;
    status = RunStream(&responded);
    if (responded) {
      failures = 0;
      is_broken = false;
      backoff.Reset();
    }
    if (!MayBeBrokenStream(status.code())) break;
    const absl::optional<absl::Duration> delay = RetryDelay(status);
    const bool asks_for_pause = absl::IsUnavailable(status) || delay.has_value();
    if (!asks_for_pause && ++failures >= options_.attempts_max) break;
    if (!is_broken && options_.on_broken) options_.on_broken(status);
    is_broken = true;
    std::unique_lock<std::mutex> lock(mutex_);
    const auto pause =
        absl::ToChronoNanoseconds(std::max(backoff.Next(), delay.value_or(absl::ZeroDuration())));
    if (changed_.wait_for(lock, pause, [this] { return stopped_; })) break;
  }
  std::lock_guard<std::mutex> lock(mutex_);
  final_status_ = stopped_ ? absl::OkStatus() : status;
  done_ = true;
  changed_.notify_all();
}

// Runs one stream to its end, and says why it ended; OK only after Stop(). `responded` is set when
// the server has answered.
absl::Status GroupWatcher::RunStream(bool* responded) {
  v1::WatchGroupsRequest request;
  request.set_collection(options_.collection);
  if (const auto from = sequence()) request.set_after_sequence(*from);
  const std::unique_ptr<WatchStream> stream = client_.WatchGroups(request);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stream_ = stream.get();
    stream_over_ = false;
    stalled_ = false;
    waiting_since_ = absl::Now();
    if (stopped_) stream->Cancel();
  }
  std::thread guard([&] { LookForStall(*stream); });
  absl::Status told = ReadAll(*stream, responded);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stream_over_ = true;
    if (!told.ok()) stream->Cancel();
    changed_.notify_all();
  }
  guard.join();
  const absl::Status status = stream->Finish();

  std::lock_guard<std::mutex> lock(mutex_);
  stream_ = nullptr;
  if (stopped_) return absl::OkStatus();
  if (!told.ok()) return told;
  if (stalled_) {
    return absl::UnavailableError(
        absl::StrCat("no answer for ", absl::FormatDuration(options_.stall_timeout)));
  }
  return status.ok() ? absl::UnavailableError("the server ended the stream") : status;
}

absl::Status GroupWatcher::ReadAll(WatchStream& stream, bool* responded) {
  v1::WatchGroupsResponse response;
  while (stream.Read(&response)) {
    *responded = true;
    SetWaitingSince(absl::InfiniteFuture());
    if (absl::Status status = Tell(response); !status.ok()) return status;
    SetWaitingSince(absl::Now());
  }
  return absl::OkStatus();
}

// Hands the changes of a response on, except those that were told before.
absl::Status GroupWatcher::Tell(const v1::WatchGroupsResponse& response) {
  for (const v1::GroupChange& change : response.changes()) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (stopped_) return absl::CancelledError("stopped");
      if (sequence_ && change.sequence() <= *sequence_) continue;
      if (sequence_ && change.sequence() != *sequence_ + 1) {
        return absl::DataLossError(absl::StrCat("changes: some are missing, got sequence ",
                                                change.sequence(), " after ", *sequence_));
      }
    }
    if (callback_) callback_(change);
    std::lock_guard<std::mutex> lock(mutex_);
    sequence_ = change.sequence();
  }
  std::lock_guard<std::mutex> lock(mutex_);
  sequence_ = std::max(sequence_.value_or(0), response.sequence());
  return absl::OkStatus();
}

// Cancels a stream on which the server has stopped to answer, until the reader has left it.
void GroupWatcher::LookForStall(WatchStream& stream) {
  const auto step = absl::ToChronoNanoseconds(options_.stall_timeout / 4);
  std::unique_lock<std::mutex> lock(mutex_);
  while (!changed_.wait_for(lock, step, [this] { return stream_over_; })) {
    if (absl::Now() - waiting_since_ <= options_.stall_timeout) continue;
    stalled_ = true;
    stream.Cancel();
    return;
  }
}

void GroupWatcher::SetWaitingSince(absl::Time time) {
  std::lock_guard<std::mutex> lock(mutex_);
  waiting_since_ = time;
}

}  // namespace newsprint::client
