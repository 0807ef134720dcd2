#include "service/rpc/watch_groups.h"

#include <grpcpp/alarm.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "newsprint/v1/cluster_service.pb.h"
#include "service/common/mutex.h"
#include "service/common/status_macros.h"
#include "service/rpc/log.h"
#include "service/rpc/message_bytes.h"
#include "service/rpc/status.h"
#include "service/rpc/stream_caller.h"
#include "service/rpc/to_proto.h"
#include "service/rpc/trace_context.h"

namespace newsprint::rpc {
namespace {

using grpc::ByteBuffer;

// How long nothing is said when nothing happens, so that a dead connection is noticed.
constexpr std::chrono::seconds kSilenceMax(30);
// How long changes wait when other streams have many answers that nobody takes.
constexpr std::chrono::seconds kRoomPause(1);
constexpr char kMethod[] = "WatchGroups";

// One task of the pool at a time reads changes and starts a write, or waits for a reason to go on:
// new changes, the end of a write, silence, draining, other rules of access, a client that is gone.
// Each reason only sets `wanted_`, so that none is lost while a task runs. Callbacks of others hold
// the call by shared pointers; it ends when gRPC is done with it and they are too.
class WatchGroupsCall final : public grpc::ServerWriteReactor<ByteBuffer>,
                              public std::enable_shared_from_this<WatchGroupsCall> {
 public:
  WatchGroupsCall(Dispatcher* dispatcher, const grpc::CallbackServerContext& context,
                  const ByteBuffer& request)
      : dispatcher_(*dispatcher),
        trace_(TraceFields(context)),
        request_bytes_(request),
        caller_(dispatcher, kMethod, trace_) {}

  void Start(const grpc::CallbackServerContext& context) {
    self_ = shared_from_this();
    dispatcher_.AddRunning(1);
    const absl::Status opened = caller_.Open(context, request_bytes_.Length());
    if (opened.ok()) return Wake();
    {
      MutexLock lock(mutex_);
      finished_ = true;
    }
    dispatcher_.metrics().RecordStream(kMethod, opened);
    Finish(ToGrpc(opened));
  }

  void OnWriteDone(bool ok) override {
    {
      MutexLock lock(mutex_);
      writing_ = false;
      if (!ok) broken_ = true;
    }
    Wake();
  }

  void OnCancel() override {
    {
      MutexLock lock(mutex_);
      broken_ = true;
    }
    Wake();
  }

  void OnDone() override {
    alarm_.reset();
    dispatcher_.drain_listeners().Remove(drain_listener_);
    dispatcher_.gate().control().listeners().Remove(access_listener_);
    if (collection_ != nullptr) collection_->change_listeners().Remove(change_listener_);
    caller_.Close();
    dispatcher_.AddRunning(-1);
    self_.reset();  // the last thing: nothing but callbacks under way may hold it now
  }

 private:
  // Runs a task, or has the running one go round once more.
  void Wake() {
    {
      MutexLock lock(mutex_);
      wanted_ = true;
      if (working_ || finished_) return;
      working_ = true;
    }
    dispatcher_.pool().Submit([call = shared_from_this()] { call->Work(); });
  }

  // A callback that wakes the call while there is one.
  std::function<void()> Waker() {
    return [weak = weak_from_this()] {
      if (const auto call = weak.lock()) call->Wake();
    };
  }

  void Work() {
    while (true) {
      {
        MutexLock lock(mutex_);
        if (!wanted_ || finished_) {
          working_ = false;
          return;
        }
        wanted_ = false;
      }
      const absl::Status status = GoOn();
      if (status.ok()) continue;
      {
        MutexLock lock(mutex_);
        if (writing_) continue;  // its end wakes us, and then it is the same again
        finished_ = true;
        working_ = false;
      }
      // That the server stops is no fault of it.
      if (dispatcher_.CheckServing().ok()) {
        LogServerFault(kMethod, status, OriginFields(caller_.caller().name(), trace_));
      }
      dispatcher_.metrics().RecordStream(kMethod, status);
      Finish(ToGrpc(status));
      return;
    }
  }

  // Starts a write when there is something to say. Not OK when the call is to end.
  absl::Status GoOn() {
    RETURN_IF_ERROR(dispatcher_.CheckServing());
    bool silent = false;
    {
      MutexLock lock(mutex_);
      if (broken_) return absl::CancelledError("stream: broken off");
      if (writing_) return absl::OkStatus();
      silent = silent_;
      silent_ = false;
    }
    if (collection_ == nullptr) RETURN_IF_ERROR(Subscribe());
    RETURN_IF_ERROR(caller_.Recheck(request_.collection()));
    if (collection_->dropped()) {
      return absl::NotFoundError("collection: deleted while it was watched");
    }
    if (!positioned_) return Position();
    if (dispatcher_.admission()->many_stream_answers()) {
      SetAlarm(kRoomPause);
      return absl::OkStatus();
    }
    if (const absl::Duration wait = caller_.caller().Wait(); wait > absl::ZeroDuration()) {
      SetAlarm(std::min<std::chrono::milliseconds>(
          kSilenceMax, std::chrono::milliseconds(absl::ToInt64Milliseconds(wait) + 1)));
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const std::vector<GroupChange> changes,
                     collection_->GroupChanges(sequence_, kWatchedChangesMax));
    if (changes.empty() && !silent && greeted_) return absl::OkStatus();
    greeted_ = true;
    v1::WatchGroupsResponse response;
    for (const GroupChange& change : changes) ToProto(change, response.add_changes());
    if (!changes.empty()) sequence_ = changes.back().sequence;
    response.set_sequence(static_cast<int64_t>(sequence_));
    write_buffer_ = SerializeStreamAnswer(response, dispatcher_.admission());
    caller_.caller().Charge(1, write_buffer_.Length());
    {
      MutexLock lock(mutex_);
      writing_ = true;
    }
    SetAlarm(kSilenceMax);
    StartWrite(&write_buffer_);
    return absl::OkStatus();
  }

  // Reads the request, and arranges to be woken.
  absl::Status Subscribe() {
    RETURN_IF_ERROR(ParseMessage(request_bytes_, &request_));
    request_bytes_.Clear();
    request_.DiscardUnknownFields();
    RETURN_IF_ERROR(caller_.Authorize(request_.collection()));
    if (request_.has_after_sequence() && request_.after_sequence() < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "after_sequence: negative, got ", request_.after_sequence(), ", limit 0 or more"));
    }
    ASSIGN_OR_RETURN(collection_, dispatcher_.handlers().FindCollection(request_.collection()));
    drain_listener_ = dispatcher_.drain_listeners().Add(Waker());
    access_listener_ = dispatcher_.gate().control().listeners().Add(Waker());
    change_listener_ = collection_->change_listeners().Add(Waker());
    // All that has happened up to now is announced once it is on disk, and from then on every
    // change.
    collection_->AnnounceChanges();
    dispatcher_.handlers().engine().NotifySynced(
        [weak = weak_from_this(), collection = collection_](const absl::Status& status) {
          const auto call = weak.lock();
          if (call == nullptr) return;
          {
            MutexLock lock(call->mutex_);
            call->caught_up_ = true;
            call->caught_up_status_ = status;
          }
          call->Wake();
        });
    return absl::OkStatus();
  }

  // Where to begin: known once what had happened before the call is on disk.
  absl::Status Position() {
    {
      MutexLock lock(mutex_);
      if (!caught_up_) return absl::OkStatus();
      if (!caught_up_status_.ok()) return caught_up_status_;
    }
    sequence_ = request_.has_after_sequence() ? static_cast<uint64_t>(request_.after_sequence())
                                              : collection_->last_announced_change();
    RETURN_IF_ERROR(collection_->GroupChanges(sequence_, 0).status());
    positioned_ = true;
    MutexLock lock(mutex_);
    wanted_ = true;
    return absl::OkStatus();
  }

  void SetAlarm(std::chrono::milliseconds after) {
    // A new one each time: a pending alarm cannot be set again. The old one's callback sees false.
    alarm_ = std::make_unique<grpc::Alarm>();
    alarm_->Set(std::chrono::system_clock::now() + after, [weak = weak_from_this()](bool expired) {
      const auto call = weak.lock();
      if (!expired || call == nullptr) return;
      {
        MutexLock lock(call->mutex_);
        call->silent_ = true;
      }
      call->Wake();
    });
  }

  Dispatcher& dispatcher_;
  const std::string trace_;
  std::shared_ptr<WatchGroupsCall> self_;  // until gRPC is done

  // Of the one task that works at a time.
  ByteBuffer request_bytes_;  // until it is parsed
  StreamCaller caller_;
  v1::WatchGroupsRequest request_;
  std::shared_ptr<Collection> collection_;
  Listeners::Id drain_listener_ = 0;
  Listeners::Id access_listener_ = 0;
  Listeners::Id change_listener_ = 0;
  uint64_t sequence_ = 0;  // of the last change that was told
  bool positioned_ = false;
  bool greeted_ = false;
  ByteBuffer write_buffer_;  // gRPC's while writing_
  std::unique_ptr<grpc::Alarm> alarm_;

  Mutex mutex_;
  bool wanted_ ABSL_GUARDED_BY(mutex_) = false;
  bool working_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;     // the client is gone
  bool silent_ ABSL_GUARDED_BY(mutex_) = false;     // for too long
  bool caught_up_ ABSL_GUARDED_BY(mutex_) = false;  // what was before the call is on disk, or
  absl::Status caught_up_status_ ABSL_GUARDED_BY(mutex_);
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

grpc::ServerWriteReactor<ByteBuffer>* MakeWatchGroups(Dispatcher* dispatcher,
                                                      const grpc::CallbackServerContext& context,
                                                      const ByteBuffer& request) {
  const auto call = std::make_shared<WatchGroupsCall>(dispatcher, context, request);
  call->Start(context);
  return call.get();
}

}  // namespace newsprint::rpc
