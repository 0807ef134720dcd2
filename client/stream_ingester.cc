#include "client/stream_ingester.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/article_text.h"
#include "client/backoff.h"
#include "client/retry_info.h"

namespace newsprint::client {
namespace {

using Clock = std::chrono::steady_clock;

StreamIngesterOptions Clamp(StreamIngesterOptions options) {
  options.window_items = std::clamp(options.window_items, 1, 100000);
  options.window_bytes = std::max<int64_t>(options.window_bytes, 1);
  options.message_bytes_max = std::max<int64_t>(options.message_bytes_max, 1);
  options.attempts_max = std::max(options.attempts_max, 1);
  options.backoff_initial = std::max(options.backoff_initial, absl::Milliseconds(1));
  options.backoff_max = std::max(options.backoff_max, options.backoff_initial);
  options.stall_timeout = std::max(options.stall_timeout, absl::Milliseconds(10));
  return options;
}

// Whether a stream may have ended thus because of what one of its messages holds.
bool MayBeOneItem(absl::StatusCode code) {
  return code == absl::StatusCode::kResourceExhausted || code == absl::StatusCode::kInternal;
}

// Whether the caller has stored as many articles as it may, which no pause helps. What the server
// says begins with what it is about (docs/errors.md).
bool IsOverQuota(absl::string_view message) {
  return absl::StartsWith(message, "identity: has stored");
}

// Whether the server asks for a pause rather than refusing the item.
bool AsksForPause(const v1::ItemStatus& status) {
  return status.code() == static_cast<int>(absl::StatusCode::kUnavailable) ||
         (status.code() == static_cast<int>(absl::StatusCode::kResourceExhausted) &&
          !IsOverQuota(status.message()));
}

// Why an article cannot be sent. gRPC refuses a message with one invalid string field, and the
// whole stream with it.
absl::Status CheckSendable(const v1::Article& article, int64_t bytes, int64_t bytes_max) {
  if (bytes > bytes_max) {
    return absl::ResourceExhaustedError(
        absl::StrCat("article: message too large, got ", bytes, " bytes, limit ", bytes_max));
  }
  const std::pair<const char*, const std::string*> fields[] = {
      {"id", &article.id()},
      {"title", &article.title()},
      {"body", &article.body()},
      {"source", &article.source()},
      {"language", &article.language()},
      {"url", &article.url()},
      {"fingerprint.scheme", &article.fingerprint().scheme()},
      {"fingerprint.embedder", &article.fingerprint().embedder()}};
  for (const auto& [name, value] : fields) {
    if (!IsValidUtf8(*value)) return absl::InvalidArgumentError(absl::StrCat(name, ": not UTF-8"));
  }
  for (const auto& [key, value] : article.attributes()) {
    if (!IsValidUtf8(key) || !IsValidUtf8(value)) {
      return absl::InvalidArgumentError("attributes: not UTF-8");
    }
  }
  return absl::OkStatus();
}

v1::IngestResult ErrorResult(const std::string& article_id, const absl::Status& status) {
  v1::IngestResult result;
  result.set_article_id(article_id);
  result.mutable_status()->set_code(static_cast<int>(status.code()));
  result.mutable_status()->set_message(std::string(status.message()));
  return result;
}

}  // namespace

StreamIngester::StreamIngester(Client client, StreamIngesterOptions options,
                               ResultCallback callback)
    : client_(std::move(client)),
      options_(Clamp(std::move(options))),
      callback_(std::move(callback)),
      progress_at_(absl::Now()),
      worker_([this] { Run(); }) {}

StreamIngester::~StreamIngester() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    abandoned_ = true;
    if (stream_ != nullptr) stream_->Cancel();
    changed_.notify_all();
  }
  if (worker_.joinable()) worker_.join();
}

bool StreamIngester::HasRoom(int64_t bytes) const {
  return pending_.empty() || (pending_.size() < static_cast<size_t>(options_.window_items) &&
                              pending_bytes_ + bytes <= options_.window_bytes);
}

absl::StatusOr<uint64_t> StreamIngester::Add(v1::Article article) {
  auto request = std::make_shared<v1::StreamIngestRequest>();
  v1::IngestArticleRequest& ingest = *request->mutable_request();
  ingest.set_collection(options_.collection);
  ingest.set_skip_related(options_.skip_related);
  *ingest.mutable_article() = std::move(article);
  request->set_sequence(UINT64_MAX);  // the largest that it can take in the message
  const auto bytes = static_cast<int64_t>(request->ByteSizeLong());

  const absl::Status sendable = CheckSendable(ingest.article(), bytes, options_.message_bytes_max);

  std::unique_lock<std::mutex> lock(mutex_);
  if (!sendable.ok()) {
    const uint64_t number = next_number_++;
    lock.unlock();
    Report(number, ErrorResult(ingest.article().id(), sendable));
    return number;
  }
  const absl::Status waited = WaitFor(lock, [&] { return done_ || HasRoom(bytes); });
  if (!waited.ok()) return waited;
  if (!final_status_.ok()) return final_status_;
  if (done_ || finishing_) return absl::FailedPreconditionError("Add() after Finish()");
  const uint64_t number = next_number_++;
  request->set_sequence(number);
  pending_.push_back({std::move(request), bytes});
  pending_bytes_ += bytes;
  changed_.notify_all();
  return number;
}

absl::Status StreamIngester::Finish() {
  std::unique_lock<std::mutex> lock(mutex_);
  finishing_ = true;
  changed_.notify_all();
  const absl::Status waited = WaitFor(lock, [&] { return done_; });
  return waited.ok() ? final_status_ : waited;
}

// Waits for `done`. The waiting thread is the one that would wait for ever on a server that stands
// still, so it is also the one that watches for that.
absl::Status StreamIngester::WaitFor(std::unique_lock<std::mutex>& lock,
                                     const std::function<bool()>& done) {
  const auto step = absl::ToChronoNanoseconds(
      std::clamp(options_.stall_timeout / 4, absl::Milliseconds(5), absl::Milliseconds(250)));
  while (!changed_.wait_for(lock, step, done)) {
    if (options_.is_cancelled && options_.is_cancelled()) {
      return absl::CancelledError("given up by the caller");
    }
    if (stream_ != nullptr && sent_ > 0 && !stalled_ &&
        absl::Now() - progress_at_ > options_.stall_timeout) {
      stalled_ = true;
      stream_->Cancel();
    }
  }
  return absl::OkStatus();
}

void StreamIngester::Run() {
  Backoff backoff(options_.backoff_initial, options_.backoff_max);
  int failures = 0;             // in a row without an acknowledgment
  int attempts = 0;             // of these those that count
  Clock::time_point broken_at;  // the first of them
  const auto begin_anew = [&] {
    failures = attempts = 0;
    backoff.Reset();
  };
  absl::Status status;
  while (true) {
    uint64_t acknowledged_before;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      acknowledged_before = acknowledged_;
      // What was long ago does not count.
      if (pending_.empty()) begin_anew();
    }
    if (!WaitForWork()) break;
    status = RunStream();
    if (status.ok()) continue;
    if (MayBeOneItem(status.code()) && !RetryDelay(status).has_value() && attempts > 0) {
      const absl::Status single = SendSingly(attempts + 1 >= options_.attempts_max);
      if (!single.ok()) status = single;
    }
    std::unique_lock<std::mutex> lock(mutex_);
    if (abandoned_) break;
    if (acknowledged_ > acknowledged_before) begin_anew();
    const bool is_first = failures++ == 0;
    if (is_first) broken_at = Clock::now();
    const bool gives_up = is_away_ && acknowledged_ > 0
                              ? absl::FromChrono(Clock::now() - broken_at) >= options_.outage_max
                              : ++attempts >= options_.attempts_max;
    if (!MayBeBrokenStream(status.code()) || gives_up) {
      final_status_ = status;
      break;
    }
    if (is_first && options_.on_broken) {
      lock.unlock();
      options_.on_broken(status);
      lock.lock();
      if (abandoned_) break;
    }
    const absl::Duration pause =
        std::max(backoff.Next(), RetryDelay(status).value_or(absl::ZeroDuration()));
    changed_.wait_for(lock, absl::ToChronoNanoseconds(pause), [this] { return abandoned_; });
  }
  std::lock_guard<std::mutex> lock(mutex_);
  done_ = true;
  changed_.notify_all();
}

// Returns true when there is something to send, false when nothing more will come.
bool StreamIngester::WaitForWork() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return abandoned_ || finishing_ || !pending_.empty(); });
  return !abandoned_ && !pending_.empty();
}

// Runs one stream to its end. OK when everything was acknowledged and nothing more will come.
absl::Status StreamIngester::RunStream() {
  const std::unique_ptr<IngestStream> stream = client_.StreamIngest();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stream_ = stream.get();
    stream_over_ = false;
    stalled_ = false;
    sent_ = 0;
    if (abandoned_) stream->Cancel();
  }
  std::thread writer([&] { WriteAll(*stream); });
  const absl::Status item_status = ReadAll(*stream);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stream_over_ = true;
    if (!item_status.ok()) stream->Cancel();
    changed_.notify_all();
  }
  writer.join();
  const absl::Status status = stream->Finish();

  std::lock_guard<std::mutex> lock(mutex_);
  stream_ = nullptr;
  is_away_ = item_status.ok() && !stalled_ && absl::IsUnavailable(status);
  if (!item_status.ok()) return item_status;
  if (stalled_) {
    return absl::UnavailableError(
        absl::StrCat("no acknowledgment for ", absl::FormatDuration(options_.stall_timeout)));
  }
  if (!status.ok()) return status;
  if (pending_.empty() && finishing_) return absl::OkStatus();
  if (pending_.empty()) return absl::UnavailableError("the server ended the stream");
  // So does a server that could not parse a message: it takes that for the end of the requests.
  return absl::InternalError("the server ended the stream early");
}

void StreamIngester::WriteAll(IngestStream& stream) {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] {
      return abandoned_ || stream_over_ || finishing_ || sent_ < pending_.size();
    });
    if (abandoned_ || stream_over_) return;
    const bool all_sent = sent_ == pending_.size();
    std::shared_ptr<const v1::StreamIngestRequest> request;
    if (!all_sent) {
      request = pending_[sent_].request;
      if (sent_++ == 0) progress_at_ = absl::Now();
    }
    lock.unlock();
    if (all_sent) {
      stream.WritesDone();
      return;
    }
    if (!stream.Write(*request)) return;
    lock.lock();
  }
}

// Reads answers until there are no more. An error when an answer says that the stream should be
// tried again from that item on, or makes no sense.
absl::Status StreamIngester::ReadAll(IngestStream& stream) {
  v1::StreamIngestResponse response;
  while (stream.Read(&response)) {
    const v1::ItemStatus& status = response.result().status();
    if (AsksForPause(status)) {
      return absl::Status(static_cast<absl::StatusCode>(status.code()), status.message());
    }
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (sent_ == 0 || pending_.front().request->sequence() != response.sequence()) {
        return absl::DataLossError(
            absl::StrCat("stream: answer out of order, got sequence ", response.sequence()));
      }
    }
    Acknowledge(response.sequence(), response.result());
  }
  return absl::OkStatus();
}

// Sends what the broken stream held in calls of its own, until one of them fails: that one is
// reported and the rest goes by stream again. An error when the server asks for a pause instead; on
// the last attempt that is the item's outcome, as its size may be the reason.
absl::Status StreamIngester::SendSingly(bool last_attempt) {
  for (;;) {
    std::shared_ptr<const v1::StreamIngestRequest> request;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (sent_ == 0 || abandoned_) return absl::OkStatus();
      request = pending_.front().request;
    }
    absl::StatusOr<v1::IngestArticleResponse> response = client_.IngestArticle(request->request());
    if (!response.ok()) {
      const absl::Status& status = response.status();
      if (status.code() == absl::StatusCode::kUnavailable || RetryDelay(status).has_value()) {
        return status;
      }
      if (absl::IsResourceExhausted(status) && !IsOverQuota(status.message()) && !last_attempt) {
        return status;
      }
      Acknowledge(request->sequence(), ErrorResult(request->request().article().id(), status));
      return absl::OkStatus();
    }
    v1::IngestResult result;
    result.set_article_id(request->request().article().id());
    *result.mutable_verdict() = std::move(*response->mutable_verdict());
    Acknowledge(request->sequence(), result);
  }
}

// Reports the result of the first of pending_ and lets go of it.
void StreamIngester::Acknowledge(uint64_t number, const v1::IngestResult& result) {
  Report(number, result);
  std::lock_guard<std::mutex> lock(mutex_);
  pending_bytes_ -= pending_.front().bytes;
  pending_.pop_front();
  --sent_;
  ++acknowledged_;
  progress_at_ = absl::Now();
  changed_.notify_all();
}

void StreamIngester::Report(uint64_t number, const v1::IngestResult& result) {
  std::lock_guard<std::mutex> lock(callback_mutex_);
  if (callback_) callback_(number, result);
}

}  // namespace newsprint::client
