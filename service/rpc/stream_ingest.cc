#include "service/rpc/stream_ingest.h"

#include <google/protobuf/arena.h>

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "newsprint/v1/article_service.pb.h"
#include "service/common/mutex.h"
#include "service/rpc/log.h"
#include "service/rpc/message_bytes.h"
#include "service/rpc/to_proto.h"

namespace newsprint::rpc {
namespace {

using grpc::ByteBuffer;
using v1::StreamIngestRequest;
using v1::StreamIngestResponse;

// Requests that one task of the pool takes on, so that streams and unary calls get their turns.
constexpr size_t kItemsPerTaskMax = 32;

// A request's way: read -> incoming_ -> ingested by a task of the pool, one task at a time and so
// in order -> waiting for the disk -> outgoing_ -> written. It counts against the window all that
// while.
//
// All state changes go through Step(), which then starts what has become possible. Only one thread
// at a time starts things, and only that one may finish the call, after which the object can be
// gone at any moment; a thread whose Step() finds another one at it leaves the rest to it. gRPC may
// run a reaction inside the call that starts an operation, so nothing is started with the mutex
// held.
class StreamIngestCall final : public grpc::ServerBidiReactor<ByteBuffer, ByteBuffer> {
 public:
  explicit StreamIngestCall(Dispatcher* dispatcher) : dispatcher_(*dispatcher) {}

  void Start() {
    Step([] {});
  }

  void OnReadDone(bool ok) override {
    Step([this, ok]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      reading_ = false;
      if (!ok) {
        read_all_ = true;
      } else if (!ending_ && !broken_) {
        const size_t bytes = read_buffer_.Length();
        if (window_items_++ == 0) dispatcher_.AddRunning(1);
        window_bytes_ += bytes;
        incoming_.push_back({ByteBuffer(), bytes});
        incoming_.back().buffer.Swap(&read_buffer_);
      }
    });
  }

  void OnWriteDone(bool ok) override {
    Step([this, ok]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      writing_ = false;
      if (!ok) broken_ = true;
      LeaveWindow(outgoing_.front().request_bytes);
      outgoing_.pop_front();
    });
  }

  void OnCancel() override {
    Step([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { broken_ = true; });
  }

  void OnDone() override { delete this; }

 private:
  struct Incoming {
    ByteBuffer buffer;
    size_t bytes;
  };
  struct Answer {
    StreamIngestResponse response;
    size_t request_bytes;
  };
  struct Outgoing {
    ByteBuffer buffer;
    size_t request_bytes;
  };
  struct Actions {
    bool read = false;
    bool work = false;
    const ByteBuffer* write = nullptr;
    bool any() const { return read || work || write != nullptr; }
  };

  template <typename Mutation>
  void Step(Mutation mutation) {
    grpc::Status status;
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
          status = ToGrpc(broken_ ? absl::CancelledError("stream: broken off") : end_status_);
        }
      }
      if (!actions.any()) break;
      if (actions.read) StartRead(&read_buffer_);
      if (actions.work) dispatcher_.pool().Submit([this] { Work(); });
      if (actions.write != nullptr) StartWrite(actions.write);
    }
    Finish(status);
  }

  Actions NextActions() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (broken_) DropUnsent();
    EndUnlessServing();
    const Limits& limits = dispatcher_.handlers().limits();
    Actions actions;
    if (!reading_ && !read_all_ && !ending_ && !broken_ &&
        window_items_ < limits.stream_window_items && window_bytes_ < limits.stream_window_bytes) {
      reading_ = true;
      actions.read = true;
    }
    if (!working_ && !incoming_.empty()) {
      working_ = true;
      actions.work = true;
    }
    if (!writing_ && !outgoing_.empty()) {
      writing_ = true;
      actions.write = &outgoing_.front().buffer;
    }
    return actions;
  }

  // While the server drains, what has been read is answered and nothing more is read.
  void EndUnlessServing() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (ending_ || read_all_) return;
    end_status_ = dispatcher_.CheckServing();
    ending_ = !end_status_.ok();
  }

  bool CanFinish() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !working_ && window_items_ == 0 && (ending_ || broken_ || (read_all_ && !reading_));
  }

  void LeaveWindow(size_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (--window_items_ == 0) dispatcher_.AddRunning(-1);
    window_bytes_ -= bytes;
  }

  void DropIncoming() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (const Incoming& incoming : incoming_) LeaveWindow(incoming.bytes);
    incoming_.clear();
  }

  // Nobody reads any more: forgets what is not in the hands of a task or of gRPC.
  void DropUnsent() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    DropIncoming();
    while (outgoing_.size() > (writing_ ? 1u : 0u)) {
      LeaveWindow(outgoing_.back().request_bytes);
      outgoing_.pop_back();
    }
  }

  // Runs on the pool.
  void Work() {
    std::vector<Incoming> items;
    {
      MutexLock lock(mutex_);
      while (!incoming_.empty() && items.size() < kItemsPerTaskMax) {
        items.push_back(std::move(incoming_.front()));
        incoming_.pop_front();
      }
    }
    std::vector<Answer> answers;
    absl::Status sequence_status;
    for (const Incoming& item : items) {
      Answer answer;
      answer.request_bytes = item.bytes;
      sequence_status = Process(item.buffer, &answer.response);
      if (!sequence_status.ok()) break;
      LogFault(answer.response.result());
      answers.push_back(std::move(answer));
    }
    const size_t answered = answers.size();
    if (answered > 0) {
      // Its items count against the window until they are written, so the call outlives it.
      dispatcher_.handlers().engine().NotifyDurable(
          [this, done = std::move(answers)](absl::Status status) mutable {
            OnDurable(status, std::move(done));
          });
    }
    Step([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      working_ = false;
      for (size_t i = answered; i < items.size(); ++i) LeaveWindow(items[i].bytes);
      if (sequence_status.ok()) return;
      ending_ = true;
      end_status_ = sequence_status;
      DropIncoming();
    });
  }

  // Parses and ingests one request. Not OK when its sequence does not grow.
  absl::Status Process(const ByteBuffer& buffer, StreamIngestResponse* response) {
    google::protobuf::Arena arena;
    auto* request = google::protobuf::Arena::CreateMessage<StreamIngestRequest>(&arena);
    // Every protobuf library writes fields in order, so the sequence is there even when the article
    // is broken.
    const absl::Status parsed = ParseMessage(buffer, request);
    if (request->sequence() <= last_sequence_) {
      return absl::InvalidArgumentError(absl::StrCat(
          "sequence: does not grow, got ", request->sequence(), ", limit above ", last_sequence_));
    }
    // The first request that can be read names the collection for all.
    if (parsed.ok() && !collection_known_) {
      collection_ = request->request().collection();
      collection_known_ = true;
    }
    last_sequence_ = request->sequence();
    response->set_sequence(request->sequence());
    if (parsed.ok()) {
      dispatcher_.handlers().IngestItem(collection_, request->request(),
                                        response->mutable_result());
    } else {
      ToProto(parsed, response->mutable_result()->mutable_status());
    }
    return absl::OkStatus();
  }

  static void LogFault(const v1::IngestResult& result) {
    LogServerFault("StreamIngest",
                   absl::Status(static_cast<absl::StatusCode>(result.status().code()),
                                result.status().message()));
  }

  // Runs on the store's thread, in the order in which Work registered.
  void OnDurable(const absl::Status& status, std::vector<Answer> answers) {
    LogServerFault("StreamIngest", status);
    Step([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      for (Answer& answer : answers) {
        if (!status.ok() && answer.response.result().status().code() == 0) {
          answer.response.mutable_result()->clear_verdict();
          ToProto(status, answer.response.mutable_result()->mutable_status());
        }
        Outgoing& outgoing = outgoing_.emplace_back();
        outgoing.request_bytes = answer.request_bytes;
        outgoing.buffer = SerializeMessage(answer.response);
      }
    });
  }

  Dispatcher& dispatcher_;

  // Of the one task that works at a time.
  std::string collection_;
  bool collection_known_ = false;
  uint64_t last_sequence_ = 0;

  Mutex mutex_;
  ByteBuffer read_buffer_;  // gRPC's while reading_
  std::deque<Incoming> incoming_ ABSL_GUARDED_BY(mutex_);
  std::deque<Outgoing> outgoing_ ABSL_GUARDED_BY(mutex_);
  size_t window_items_ ABSL_GUARDED_BY(mutex_) = 0;  // read and not yet answered
  size_t window_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool working_ ABSL_GUARDED_BY(mutex_) = false;
  bool stepping_ ABSL_GUARDED_BY(mutex_) = false;
  bool read_all_ ABSL_GUARDED_BY(mutex_) = false;  // the client has said that it is done
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;    // with end_status_, once all is answered
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;    // the client is gone
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>* MakeStreamIngest(Dispatcher* dispatcher) {
  auto* call = new StreamIngestCall(dispatcher);
  call->Start();
  return call;
}

}  // namespace newsprint::rpc
