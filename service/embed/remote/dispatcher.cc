#include "service/embed/remote/dispatcher.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace newsprint::embed {
namespace {

// Before the second attempt; doubles with each further one.
constexpr absl::Duration kBackoff = absl::Milliseconds(20);

bool IsPassedOn(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kInvalidArgument:
      return true;
    default:
      return false;
  }
}

std::string Describe(const RemoteModel& model) {
  return absl::StrCat("\"", model.identity, "\" of ", model.dimension, " values");
}

}  // namespace

absl::Status Named(const RemoteOptions& options, const absl::Status& status) {
  return absl::Status(IsPassedOn(status.code()) ? status.code() : absl::StatusCode::kUnavailable,
                      absl::StrCat("embedder \"", options.name, "\": ", status.message()));
}

Dispatcher::Dispatcher(const RemoteOptions& options, const RemoteModel& expected)
    : options_(options),
      expected_(expected),
      breaker_(options.down_for_min, options.down_for_max),
      thread_([this] { Run(); }) {}

Dispatcher::~Dispatcher() { Stop(); }

void Dispatcher::Stop() {
  std::shared_ptr<Connection> checking;
  {
    MutexLock lock(mutex_);
    if (!is_stopping_) Wake();
    is_stopping_ = true;
    checking = checking_;
  }
  if (checking != nullptr) checking->CancelDescribe();
  MutexLock lock(join_mutex_);
  if (thread_.joinable()) thread_.join();
}

RemoteStats Dispatcher::stats() {
  MutexLock lock(mutex_);
  RemoteStats stats = stats_;
  stats.queued = static_cast<int>(queue_.size());
  stats.is_down = breaker_.is_open();
  return stats;
}

absl::Status Dispatcher::Embed(std::vector<std::string> texts,
                               std::vector<absl::Span<float>> rows) {
  const auto call = std::make_shared<Call>();
  call->missing = texts.size();
  call->texts = std::move(texts);
  call->rows = std::move(rows);
  call->deadline = Clock::now() + absl::ToChronoNanoseconds(options_.deadline);
  MutexLock lock(mutex_);
  ++stats_.calls;
  absl::Status refusal;
  if (is_stopping_) {
    refusal = absl::UnavailableError("stopping");
  } else if (queue_.size() + call->missing > static_cast<size_t>(options_.queue_items_max)) {
    refusal = absl::ResourceExhaustedError(absl::StrCat("too many texts wait, got ",
                                                        queue_.size() + call->missing, ", limit ",
                                                        options_.queue_items_max));
  } else {
    refusal = breaker_.Admit(Clock::now());
  }
  if (!refusal.ok()) {
    ++stats_.failures;
    ++stats_.refusals;
    return Named(options_, refusal);
  }
  for (size_t i = 0; i < call->texts.size(); ++i) queue_.push_back({call, i});
  Wake();
  while (!call->is_over) {
    if (call->changed.WaitUntil(mutex_, call->deadline) || call->is_over) continue;
    End(*call, absl::DeadlineExceededError(
                   absl::StrCat("no answer within ", absl::FormatDuration(options_.deadline))));
  }
  if (call->status.ok()) return absl::OkStatus();
  ++stats_.failures;
  return Named(options_, call->status);
}

// Makes the thread look at the queue.
void Dispatcher::Wake() {
  if (is_waking_) return;
  is_waking_ = true;
  alarm_.Set(&completions_, std::chrono::system_clock::now(), &alarm_);
}

void Dispatcher::End(Call& call, absl::Status status) {
  if (call.is_over) return;
  call.is_over = true;
  call.status = std::move(status);
  call.changed.NotifyAll();
  queue_.erase(std::remove_if(queue_.begin(), queue_.end(),
                              [&](const Item& item) { return item.call.get() == &call; }),
               queue_.end());
}

void Dispatcher::Run() {
  while (true) {
    const Clock::time_point wake = NextWake();
    const auto until = wake == Clock::time_point::max()
                           ? std::chrono::system_clock::time_point::max()
                           : std::chrono::system_clock::now() +
                                 std::chrono::duration_cast<std::chrono::system_clock::duration>(
                                     wake - Clock::now());
    void* tag = nullptr;
    bool ok = false;
    const auto event = completions_.AsyncNext(&tag, &ok, until);
    if (event == grpc::CompletionQueue::SHUTDOWN) return;
    if (event == grpc::CompletionQueue::GOT_EVENT) {
      if (tag == &alarm_) {
        MutexLock lock(mutex_);
        is_waking_ = false;
      } else {
        Finish(tag);
      }
    }
    Advance();
  }
}

// When there is something to do that no event announces.
Dispatcher::Clock::time_point Dispatcher::NextWake() {
  const bool is_check_needed = IsCheckNeeded(Clock::now());
  MutexLock lock(mutex_);
  Clock::time_point wake = Clock::time_point::max();
  if (is_stopping_ || (connection_ != nullptr &&
                       sent_.size() >= static_cast<size_t>(connection_->requests_at_once()))) {
    return wake;
  }
  for (const Item& item : queue_) {
    wake = std::min(
        wake, is_check_needed ? std::max(item.not_before, check_not_before_) : item.not_before);
  }
  return wake;
}

void Dispatcher::Advance() {
  if (WindUp()) return;
  do {
    const Clock::time_point now = Clock::now();
    if (IsCheckDue(now)) {
      if (!CheckModel()) return;
    } else if (IsCheckNeeded(now)) {
      return;
    }
  } while (SendNext());
}

// When stopping, ends all calls and shuts the completion queue down, once nothing is to come out of
// it any more.
bool Dispatcher::WindUp() {
  MutexLock lock(mutex_);
  if (!is_stopping_) return false;
  const absl::Status status = absl::UnavailableError("stopping");
  while (!queue_.empty()) End(*std::shared_ptr<Call>(queue_.front().call), status);
  for (const auto& [tag, sent] : sent_) {
    for (const Item& item : sent->items) End(*item.call, status);
    sent->request->Cancel();
  }
  if (sent_.empty() && !is_waking_ && !is_shut_down_) {
    is_shut_down_ = true;
    completions_.Shutdown();
  }
  return true;
}

// Whether nothing may be sent before the model was checked.
bool Dispatcher::IsCheckNeeded(Clock::time_point now) const {
  return connection_ == nullptr || now >= checked_until_ || !connection_->is_connected();
}

// Whether it is needed for something now.
bool Dispatcher::IsCheckDue(Clock::time_point now) {
  if (!IsCheckNeeded(now) || now < check_not_before_) return false;
  MutexLock lock(mutex_);
  return breaker_.is_trial() || std::any_of(queue_.begin(), queue_.end(), [now](const Item& item) {
           return item.not_before <= now;
         });
}

bool Dispatcher::CheckModel() {
  // A channel that has lost its connection, or never had one, would answer with old errors.
  if (connection_ == nullptr || !connection_->is_connected()) {
    connection_ = Connection::Open(options_);
  }
  {
    MutexLock lock(mutex_);
    if (is_stopping_) return false;
    checking_ = connection_;
    ++stats_.model_checks;
  }
  const absl::StatusOr<RemoteModel> model = connection_->Describe(
      std::chrono::system_clock::now() + absl::ToChronoMilliseconds(options_.deadline));
  MutexLock lock(mutex_);
  checking_ = nullptr;
  if (is_stopping_) return false;
  if (!model.ok()) {
    CheckFailed(model.status());
    return false;
  }
  if (model->identity != expected_.identity || model->dimension != expected_.dimension) {
    GoDown(absl::FailedPreconditionError(absl::StrCat(
        "another model than before, got ", Describe(*model), ", expected ", Describe(expected_))));
    return false;
  }
  failed_checks_ = 0;
  checked_until_ = Clock::now() + absl::ToChronoNanoseconds(options_.model_check_interval);
  breaker_.Close();
  return true;
}

void Dispatcher::CheckFailed(const absl::Status& status) {
  connection_ = nullptr;
  ++failed_checks_;
  if (status.code() == absl::StatusCode::kUnavailable && !breaker_.is_open() &&
      failed_checks_ < options_.attempts_max) {
    check_not_before_ = Clock::now() + Backoff(failed_checks_);
    return;
  }
  GoDown(absl::Status(status.code(), absl::StrCat("model check: ", status.message())));
}

// From here on calls are refused, those that wait too.
void Dispatcher::GoDown(const absl::Status& status) {
  connection_ = nullptr;
  failed_checks_ = 0;
  check_not_before_ = {};
  breaker_.Trip(status.code() == absl::StatusCode::kFailedPrecondition
                    ? status
                    : absl::UnavailableError(absl::StrCat("down: ", status.message())),
                Clock::now());
  while (!queue_.empty()) End(*std::shared_ptr<Call>(queue_.front().call), status);
}

// Whether there was something to send, and room for it.
bool Dispatcher::SendNext() {
  if (sent_.size() >= static_cast<size_t>(connection_->requests_at_once())) return false;
  auto sent = std::make_unique<Sent>();
  {
    MutexLock lock(mutex_);
    sent->items = TakeItems(connection_->texts_per_request());
    if (sent->items.empty()) return false;
    ++stats_.requests;
  }
  std::vector<absl::string_view> texts;
  texts.reserve(sent->items.size());
  for (const Item& item : sent->items) texts.push_back(item.call->texts[item.index]);
  sent->connection = connection_;
  sent->request = connection_->Send(texts, options_.deadline, &completions_, sent.get());
  void* const tag = sent.get();
  sent_.emplace(tag, std::move(sent));
  return true;
}

std::vector<Dispatcher::Item> Dispatcher::TakeItems(size_t items_max) {
  const Clock::time_point now = Clock::now();
  std::vector<Item> items;
  for (auto it = queue_.begin(); it != queue_.end() && items.size() < items_max;) {
    if (it->not_before > now || (it->is_alone && !items.empty())) {
      ++it;
      continue;
    }
    items.push_back(std::move(*it));
    it = queue_.erase(it);
    if (items.back().is_alone) break;
  }
  return items;
}

void Dispatcher::Finish(void* tag) {
  const auto it = sent_.find(tag);
  const std::unique_ptr<Sent> sent = std::move(it->second);
  sent_.erase(it);
  const grpc::Status& ended = sent->request->status();
  absl::StatusOr<std::vector<float>> rows = absl::UnavailableError("");
  if (ended.ok()) rows = sent->request->Rows(expected_.dimension);
  MutexLock lock(mutex_);
  if (ended.ok() && rows.ok()) {
    Deliver(sent->items, *rows);
  } else if (ended.ok()) {
    RequestFailed(std::move(*sent), rows.status(), /*may_repeat=*/false);
  } else if (ended.error_code() == grpc::StatusCode::INVALID_ARGUMENT) {
    TextsRefused(std::move(sent->items));
  } else {
    // The codes of the two are the same by definition. The server's message may quote the text.
    const auto code = static_cast<absl::StatusCode>(ended.error_code());
    const bool may_repeat =
        code == absl::StatusCode::kUnavailable || code == absl::StatusCode::kResourceExhausted;
    const bool has_meaning = may_repeat || code == absl::StatusCode::kDeadlineExceeded;
    RequestFailed(std::move(*sent),
                  absl::Status(has_meaning ? code : absl::StatusCode::kUnavailable,
                               absl::StrCat("request: got ", absl::StatusCodeToString(code))),
                  may_repeat);
  }
}

void Dispatcher::Deliver(const std::vector<Item>& items, absl::Span<const float> rows) {
  breaker_.Succeeded();
  for (size_t i = 0; i < items.size(); ++i) {
    Call& call = *items[i].call;
    if (call.is_over) continue;
    const absl::Span<const float> row = rows.subspan(i * expected_.dimension, expected_.dimension);
    std::copy(row.begin(), row.end(), call.rows[items[i].index].begin());
    ++stats_.texts;
    if (--call.missing == 0) End(call, absl::OkStatus());
  }
}

// One of the texts will not do. To find out which, each goes alone.
void Dispatcher::TextsRefused(std::vector<Item> items) {
  if (items.size() == 1) {
    End(*items[0].call, absl::InvalidArgumentError("the server refuses a text"));
    return;
  }
  for (auto item = items.rbegin(); item != items.rend(); ++item) {
    if (item->call->is_over) continue;
    item->is_alone = true;
    queue_.push_front(std::move(*item));
  }
}

void Dispatcher::RequestFailed(Sent sent, const absl::Status& status, bool may_repeat) {
  const bool is_busy = status.code() == absl::StatusCode::kResourceExhausted;
  // A failure of a connection that was given up already says nothing about the present one.
  const bool is_present = sent.connection == connection_;
  if (is_present && !is_busy) connection_ = nullptr;
  bool gave_up = !may_repeat;
  for (auto item = sent.items.rbegin(); item != sent.items.rend(); ++item) {
    if (item->call->is_over) continue;
    const std::shared_ptr<Call> call = item->call;
    if (may_repeat && Repeat(std::move(*item))) continue;
    gave_up = true;
    End(*call, status);
  }
  if (gave_up && is_present && !is_busy) GoDown(status);
}

// Puts `item` back into the queue, unless it was tried too often or its time is up.
bool Dispatcher::Repeat(Item item) {
  ++item.attempts;
  item.not_before = Clock::now() + Backoff(item.attempts);
  if (item.attempts >= options_.attempts_max || item.not_before >= item.call->deadline) {
    return false;
  }
  queue_.push_front(std::move(item));
  return true;
}

Dispatcher::Clock::duration Dispatcher::Backoff(int attempts) {
  // Jitter, so that those that failed together do not come back together.
  const absl::Duration pause = kBackoff * (1 << (attempts - 1)) * absl::Uniform(random_, 0.5, 1.0);
  return absl::ToChronoNanoseconds(pause);
}

}  // namespace newsprint::embed
