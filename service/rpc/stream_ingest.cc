#include "service/rpc/stream_ingest.h"

#include <google/protobuf/arena.h>
#include <grpcpp/alarm.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "newsprint/v1/article_service.pb.h"
#include "service/common/call_times.h"
#include "service/common/mutex.h"
#include "service/rpc/log.h"
#include "service/rpc/message_bytes.h"
#include "service/rpc/stream_caller.h"
#include "service/rpc/to_proto.h"
#include "service/rpc/trace_context.h"

namespace newsprint::rpc {
namespace {

using grpc::ByteBuffer;
using v1::StreamIngestRequest;
using v1::StreamIngestResponse;

constexpr char kMethod[] = "StreamIngest";
// The longest pause of a caller that has used up its rate, so that an end is noticed.
constexpr absl::Duration kPauseMax = absl::Milliseconds(500);
// Requests that one task of the pool takes on, so that streams and unary calls get their turns.
constexpr size_t kPreparedPerTaskMax = 8;
constexpr size_t kIngestedPerTaskMax = 32;
// Requests of a stream that may be prepared and not yet ingested: prepared they take several times
// the room of their bytes.
constexpr size_t kPreparedAheadMax = 64;

// A request's way: read -> items_ -> prepared by a task of the pool, several at a time -> ingested
// by another, one at a time and in order -> waiting for the disk -> outgoing_ -> written. It counts
// against the window all that while.
//
// All state changes go through Step(), which then starts what has become possible. Only one thread
// at a time starts things, and only that one may finish the call, after which the object can be
// gone at any moment; a thread whose Step() finds another one at it leaves the rest to it. gRPC may
// run a reaction inside the call that starts an operation, so nothing is started with the mutex
// held.
class StreamIngestCall final : public grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>,
                               private Admission::Waiter {
 public:
  StreamIngestCall(Dispatcher* dispatcher, const grpc::CallbackServerContext& context)
      : dispatcher_(*dispatcher),
        trace_(TraceFields(context)),
        caller_(dispatcher, kMethod, trace_) {}

  void Start(const grpc::CallbackServerContext& context) {
    absl::Status refusal;
    {
      MutexLock lock(mutex_);
      refusal = caller_.Open(context, 0);
      identity_ = std::string(caller_.caller().name());
    }
    const bool opened = refusal.ok();
    if (opened) {
      access_listener_ =
          dispatcher_.gate().control().listeners().Add([this] { OnAccessChanged(); });
    }
    Step([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      if (opened) return;
      ending_ = true;
      end_status_ = std::move(refusal);
    });
  }

  void OnReadDone(bool ok) override {
    Step([this, ok]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      reading_ = false;
      EndUnlessKnown();
      if (!ok) {
        read_all_ = true;
      } else if (!ending_ && !broken_) {
        const size_t bytes = read_buffer_.Length();
        caller_.caller().Charge(1, bytes);
        if (window_items_++ == 0) dispatcher_.AddRunning(1);
        window_bytes_ += bytes;
        items_.push_back(std::make_unique<Item>(&admission(), bytes));
        items_.back()->request.Swap(&read_buffer_);
      }
    });
  }

  void OnWriteDone(bool ok) override {
    Step([this, ok]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      writing_ = false;
      if (!ok) broken_ = true;
      outgoing_bytes_ -= outgoing_.front().request_bytes;
      LeaveWindow(outgoing_.front().request_bytes);
      outgoing_.pop_front();
    });
  }

  void OnCancel() override {
    Step([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { broken_ = true; });
  }

  void OnDone() override {
    dispatcher_.gate().control().listeners().Remove(access_listener_);
    delete this;
  }

 private:
  struct Item {
    Item(Admission* account, size_t request_bytes) : admission(account), bytes(request_bytes) {
      admission->EnterStream(bytes);
    }
    ~Item() { admission->LeaveStream(bytes); }
    Item(const Item&) = delete;
    Item& operator=(const Item&) = delete;

    Admission* const admission;
    const size_t bytes;
    std::unique_ptr<CallTimes> times = std::make_unique<CallTimes>();
    ByteBuffer request;
    // Of the preparing task until `prepared`, which is guarded by mutex_; then of the ingesting
    // one.
    uint64_t sequence = 0;
    IngestItem ingest;
    CallTimes::Clock::time_point prepared_at;
    bool prepared = false;
  };
  using Items = std::vector<std::unique_ptr<Item>>;
  // What is said of a request once it is on disk; and what is said if it does not get there.
  struct Answer {
    ByteBuffer response;
    absl::Status status;  // what the request came to, but for the disk
    std::unique_ptr<CallTimes> times;
    CallTimes::Clock::time_point ingested_at;
    uint64_t sequence = 0;
    std::string article_id;
    size_t request_bytes = 0;
  };
  struct Outgoing {
    ByteBuffer buffer;
    size_t request_bytes;
  };
  struct Actions {
    bool read = false;
    std::vector<Item*> prepare;
    bool ingest = false;
    const ByteBuffer* write = nullptr;
    bool more_to_write = false;
    absl::Duration pause;
    bool any() const {
      return read || !prepare.empty() || ingest || write != nullptr || pause > absl::ZeroDuration();
    }
  };

  template <typename Mutation>
  void Step(Mutation mutation) {
    absl::Status status;
    {
      MutexLock lock(mutex_);
      mutation();
      if (stepping_ || finished_) return;
      stepping_ = true;
    }
    while (true) {
      Actions actions;
      {
        MutexLock lock(mutex_);
        actions = NextActions();
        if (!actions.any()) {
          stepping_ = false;
          if (!CanFinish()) return;
          finished_ = true;
          status = broken_ ? absl::CancelledError("stream: broken off") : end_status_;
        }
      }
      if (!actions.any()) break;
      if (actions.read) StartRead(&read_buffer_);
      if (actions.pause > absl::ZeroDuration()) Pause(actions.pause);
      if (!actions.prepare.empty()) {
        dispatcher_.pool().Submit(
            [this, items = std::move(actions.prepare)] { PrepareSome(items); });
      }
      // First, as what is prepared takes several times the room of its request; else all streams
      // would be prepared before the first is ingested.
      if (actions.ingest) dispatcher_.pool().SubmitFirst([this] { IngestSome(); });
      if (actions.write != nullptr) {
        // What another message follows need not be sent by itself. The first goes with the headers,
        // and gRPC says that those are written only once they are sent.
        grpc::WriteOptions options;
        if (actions.more_to_write) options.set_buffer_hint();
        StartWrite(actions.write, options);
      }
    }
    dispatcher_.metrics().RecordStream(kMethod, status);
    Finish(ToGrpc(status));
  }

  Actions NextActions() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (broken_) DropUnsent();
    EndUnlessServing();
    EndUnlessKnown();
    const Limits& limits = dispatcher_.handlers().limits();
    Actions actions;
    if (!reading_ && !read_all_ && !ending_ && !broken_ &&
        window_items_ < limits.stream_window_items && window_bytes_ < limits.stream_window_bytes &&
        HasRate(&actions.pause) && MayRead()) {
      reading_ = true;
      actions.read = true;
    }
    if (waiting_ && (ending_ || broken_) && admission().Forget(this)) waiting_ = false;
    // The first request that can be read names the collection for all: until then one at a time.
    const int tasks_max = parallel_ ? dispatcher_.pool().threads() : 1;
    if (preparing_ < tasks_max && first_unprepared_ < items_.size() &&
        first_unprepared_ < kPreparedAheadMax) {
      const size_t count = std::min(items_.size() - first_unprepared_,
                                    collection_known_ ? kPreparedPerTaskMax : size_t{1});
      for (size_t i = 0; i < count; ++i) {
        actions.prepare.push_back(items_[first_unprepared_++].get());
      }
      ++preparing_;
    }
    if (!ingesting_ && !items_.empty() && items_.front()->prepared) {
      ingesting_ = true;
      actions.ingest = true;
    }
    if (!writing_ && !outgoing_.empty()) {
      writing_ = true;
      actions.write = &outgoing_.front().buffer;
      actions.more_to_write = outgoing_.size() > 1 && wrote_;
      wrote_ = true;
    }
    return actions;
  }

  // Whether the server has room for another request of this stream. When not, something that is
  // under way leads to another Step().
  bool MayRead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (waiting_) return false;
    if (!outgoing_.empty() && admission().many_stream_answers()) return false;
    const size_t unanswered = window_items_ - outgoing_.size();
    if (unanswered > 0) {
      return admission().MayReadMore(unanswered, window_bytes_ - outgoing_bytes_);
    }
    waiting_ = !admission().MayReadOrWait(this);
    return !waiting_;
  }

  // There may be locks of another stream held, so another thread goes on from here. The call does
  // not end before.
  void OnRoom() override {
    dispatcher_.pool().Submit(
        [this] { Step([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { waiting_ = false; }); });
  }

  // Whether the caller may send another request now. When not, the length of the pause goes to
  // `pause`, unless there is one already.
  bool HasRate(absl::Duration* pause) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (pausing_) return false;
    const absl::Duration wait = caller_.caller().Wait();
    if (wait <= absl::ZeroDuration()) return true;
    pausing_ = true;
    *pause = std::min(wait, kPauseMax);
    return false;
  }

  // Another thread goes on from here when it is over. The call does not end before.
  void Pause(absl::Duration pause) {
    // A new one each time: an alarm cannot be set again.
    alarm_ = std::make_unique<grpc::Alarm>();
    alarm_->Set(absl::ToChronoTime(absl::Now() + pause), [this](bool /*expired*/) {
      dispatcher_.pool().Submit(
          [this] { Step([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { pausing_ = false; }); });
    });
  }

  // With the lock of the listeners held, so another thread goes on from here. The call does not end
  // before.
  void OnAccessChanged() {
    {
      MutexLock lock(mutex_);
      if (rechecking_ || finished_) return;
      rechecking_ = true;
    }
    dispatcher_.pool().Submit(
        [this] { Step([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { rechecking_ = false; }); });
  }

  // Nothing more is read from a caller that is not known any more.
  void EndUnlessKnown() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (ending_ || !caller_.stale()) return;
    end_status_ = caller_.Renew();
    ending_ = !end_status_.ok();
  }

  // While the server drains, what has been read is answered and nothing more is read.
  void EndUnlessServing() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (ending_ || read_all_) return;
    end_status_ = dispatcher_.CheckServing();
    ending_ = !end_status_.ok();
  }

  bool CanFinish() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return preparing_ == 0 && !ingesting_ && !waiting_ && !pausing_ && !rechecking_ &&
           window_items_ == 0 && (ending_ || broken_ || (read_all_ && !reading_));
  }

  void LeaveWindow(size_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (--window_items_ == 0) dispatcher_.AddRunning(-1);
    window_bytes_ -= bytes;
  }

  // Forgets what no task has taken on.
  void DropUnprepared() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    while (items_.size() > first_unprepared_) {
      LeaveWindow(items_.back()->bytes);
      items_.pop_back();
    }
  }

  // Nobody reads any more: forgets what is not in the hands of a task or of gRPC.
  void DropUnsent() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    DropUnprepared();
    while (outgoing_.size() > (writing_ ? 1u : 0u)) {
      outgoing_bytes_ -= outgoing_.back().request_bytes;
      LeaveWindow(outgoing_.back().request_bytes);
      outgoing_.pop_back();
    }
  }

  // Runs on the pool.
  void PrepareSome(const std::vector<Item*>& items) {
    for (Item* item : items) Prepare(item);
    const std::shared_ptr<Collection>& collection = items.back()->ingest.collection;
    const bool known = collection != nullptr;  // else the last request could not be read
    const bool parallel = known && MayPrepareInParallel(*collection);
    Step([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      for (Item* item : items) item->prepared = true;
      if (known) parallel_ = parallel;
      --preparing_;
    });
  }

  void Prepare(Item* item) {
    PrepareIngest(item);
    item->prepared_at = CallTimes::Clock::now();
  }

  void PrepareIngest(Item* item) {
    const CallTimes::Scope scope(item->times.get());
    item->times->Record(Step::kQueue, CallTimes::Clock::now() - item->times->begin());
    google::protobuf::Arena arena;
    auto* message = google::protobuf::Arena::CreateMessage<StreamIngestRequest>(&arena);
    {
      const StepTimer timer(Step::kParse);
      item->ingest.status = ParseMessage(item->request, message);
    }
    item->request.Clear();
    // Every protobuf library writes fields in order, so the sequence is there even when the article
    // is broken.
    item->sequence = message->sequence();
    if (!item->ingest.status.ok()) return;
    v1::IngestArticleRequest& request = *message->mutable_request();
    const auto [collection, caller] = CollectionAndCaller(request);
    absl::Status status =
        dispatcher_.gate().Authorize(caller, kMethod, collection, [this] { return trace_; });
    if (!status.ok()) {
      item->ingest.article_id = request.article().id();
      item->ingest.status = std::move(status);
      return;
    }
    item->ingest = dispatcher_.handlers().Prepare(collection, request, caller);
  }

  std::pair<std::string, Caller> CollectionAndCaller(const v1::IngestArticleRequest& request) {
    MutexLock lock(mutex_);
    if (!collection_known_) {
      collection_ = request.collection();
      collection_known_ = true;
    }
    return {collection_, caller_.caller()};
  }

  // Runs on the pool.
  void IngestSome() {
    Items items = TakePrepared();
    std::vector<Answer> answers;
    absl::Status sequence_status;
    for (const std::unique_ptr<Item>& item : items) {
      sequence_status = CheckSequence(item->sequence);
      if (!sequence_status.ok()) break;
      answers.push_back(Ingest(item.get()));
    }
    const size_t answered = answers.size();
    if (answered > 0) {
      // Its items count against the window until they are written, so the call outlives it.
      dispatcher_.handlers().engine().NotifyDurable(
          [this, done = std::move(answers)](absl::Status status) mutable {
            OnDurable(status, std::move(done));
          });
    }
    // Before the step, which looks for room.
    items.erase(items.begin(), items.begin() + static_cast<ptrdiff_t>(answered));
    Step([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      ingesting_ = false;
      for (const std::unique_ptr<Item>& item : items) LeaveWindow(item->bytes);
      if (sequence_status.ok()) return;
      ending_ = out_of_order_ = true;
      end_status_ = sequence_status;
      DropUnprepared();
    });
  }

  // The next items in order; none when they are not wanted any more.
  Items TakePrepared() {
    Items items;
    MutexLock lock(mutex_);
    while (!items_.empty() && items_.front()->prepared && items.size() < kIngestedPerTaskMax) {
      if (broken_ || out_of_order_) {
        LeaveWindow(items_.front()->bytes);
      } else {
        items.push_back(std::move(items_.front()));
      }
      items_.pop_front();
      --first_unprepared_;
    }
    return items;
  }

  absl::Status CheckSequence(uint64_t sequence) {
    if (sequence <= last_sequence_) {
      return absl::InvalidArgumentError(absl::StrCat("sequence: does not grow, got ", sequence,
                                                     ", limit above ", last_sequence_));
    }
    last_sequence_ = sequence;
    return absl::OkStatus();
  }

  Answer Ingest(Item* item) {
    Answer answer;
    answer.sequence = item->sequence;
    answer.article_id = item->ingest.article_id;
    answer.request_bytes = item->bytes;
    answer.times = std::move(item->times);
    const CallTimes::Scope scope(answer.times.get());
    google::protobuf::Arena arena;
    auto* response = google::protobuf::Arena::CreateMessage<StreamIngestResponse>(&arena);
    response->set_sequence(item->sequence);
    answer.times->Record(Step::kTurn, CallTimes::Clock::now() - item->prepared_at);
    answer.status =
        dispatcher_.handlers().Ingest(std::move(item->ingest), response->mutable_result());
    answer.ingested_at = CallTimes::Clock::now();
    answer.response = SerializeStreamAnswer(*response, dispatcher_.admission());
    return answer;
  }

  // Whether it holds only if what was written up to then gets to the disk.
  static bool NeedsDisk(const Answer& answer) { return !absl::IsInvalidArgument(answer.status); }

  // Runs on the store's thread, in the order in which IngestSome registered.
  void OnDurable(const absl::Status& status, std::vector<Answer> answers) {
    const CallTimes::Clock::time_point now = CallTimes::Clock::now();
    for (const Answer& answer : answers) {
      answer.times->Record(Step::kCommit, now - answer.ingested_at);
      const absl::Status& told = NeedsDisk(answer) && !status.ok() ? status : answer.status;
      const CallRemarks remarks =
          dispatcher_.OnAnswered(kMethod, told, answer.request_bytes, *answer.times,
                                 [this] { return OriginFields(identity_, trace_); });
      LogCall(kMethod, told, answer.request_bytes, *answer.times, remarks);
    }
    Step([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      for (Answer& answer : answers) {
        if (NeedsDisk(answer) && !status.ok()) answer.response = NotStored(answer, status);
        caller_.caller().Charge(0, answer.response.Length());
        Outgoing& outgoing = outgoing_.emplace_back();
        outgoing.request_bytes = answer.request_bytes;
        outgoing_bytes_ += answer.request_bytes;
        outgoing.buffer.Swap(&answer.response);
      }
    });
  }

  ByteBuffer NotStored(const Answer& answer, const absl::Status& status) {
    StreamIngestResponse response;
    response.set_sequence(answer.sequence);
    response.mutable_result()->set_article_id(answer.article_id);
    ToProto(status, response.mutable_result()->mutable_status());
    return SerializeStreamAnswer(response, dispatcher_.admission());
  }

  Admission& admission() { return *dispatcher_.admission(); }

  Dispatcher& dispatcher_;
  const std::string trace_;
  std::string identity_;  // set at the start

  uint64_t last_sequence_ = 0;  // of the one task that ingests at a time
  Listeners::Id access_listener_ = 0;
  std::unique_ptr<grpc::Alarm> alarm_;  // at the end of a pause; of the thread that starts things

  Mutex mutex_;
  ByteBuffer read_buffer_;  // gRPC's while reading_
  StreamCaller caller_ ABSL_GUARDED_BY(mutex_);
  bool rechecking_ ABSL_GUARDED_BY(mutex_) = false;  // a task is to look whether it still is
  bool pausing_ ABSL_GUARDED_BY(mutex_) = false;     // its rate is used up
  // In the order of reading; those before first_unprepared_ are prepared, or in the hands of a
  // task.
  std::deque<std::unique_ptr<Item>> items_ ABSL_GUARDED_BY(mutex_);
  size_t first_unprepared_ ABSL_GUARDED_BY(mutex_) = 0;
  int preparing_ ABSL_GUARDED_BY(mutex_) = 0;  // tasks
  std::string collection_ ABSL_GUARDED_BY(mutex_);
  bool collection_known_ ABSL_GUARDED_BY(mutex_) = false;
  bool parallel_ ABSL_GUARDED_BY(mutex_) = false;  // whether several tasks may prepare
  std::deque<Outgoing> outgoing_ ABSL_GUARDED_BY(mutex_);
  size_t outgoing_bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // of their requests
  size_t window_items_ ABSL_GUARDED_BY(mutex_) = 0;    // read and not yet answered
  size_t window_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;  // for room, to be told by OnRoom()
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool wrote_ ABSL_GUARDED_BY(mutex_) = false;  // anything yet
  bool ingesting_ ABSL_GUARDED_BY(mutex_) = false;
  bool stepping_ ABSL_GUARDED_BY(mutex_) = false;
  bool read_all_ ABSL_GUARDED_BY(mutex_) = false;      // the client has said that it is done
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;        // with end_status_, once all is answered
  bool out_of_order_ ABSL_GUARDED_BY(mutex_) = false;  // by its sequences: nothing more is ingested
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;        // the client is gone
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>* MakeStreamIngest(
    Dispatcher* dispatcher, const grpc::CallbackServerContext& context) {
  auto* call = new StreamIngestCall(dispatcher, context);
  call->Start(context);
  return call;
}

}  // namespace newsprint::rpc
