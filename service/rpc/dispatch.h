// Runs handlers of unary RPCs on the compute pool, for callers that may call them.
#ifndef NEWSPRINT_SERVICE_RPC_DISPATCH_H_
#define NEWSPRINT_SERVICE_RPC_DISPATCH_H_

#include <google/protobuf/arena.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>

#include <atomic>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/common/call_times.h"
#include "service/common/listeners.h"
#include "service/common/worker_pool.h"
#include "service/rpc/access.h"
#include "service/rpc/access_gate.h"
#include "service/rpc/admission.h"
#include "service/rpc/call_metrics.h"
#include "service/rpc/handlers.h"
#include "service/rpc/log.h"
#include "service/rpc/message_bytes.h"
#include "service/rpc/named_collection.h"
#include "service/rpc/status.h"
#include "service/rpc/trace_context.h"

namespace newsprint::rpc {

// What all services share. Thread-safe.
//
// A unary call is refused at once, before its request is parsed, when it is dead already, when
// nobody knows its caller or this one has used up its rate, when the server has no room for it, or
// when it would have to wait past its deadline. What the caller may do is looked at once the
// request is parsed, and before anything else. Those that are let in wait in the order in which
// they came, as each has been promised its turn in time; whoever has died meanwhile is passed over.
class Dispatcher {
 public:
  // Request: a reference to a message, const or not. Who: nothing, or const Caller&.
  template <typename Request, typename Response, typename... Who>
  using Handler = absl::Status (Handlers::*)(Request, Response*, Who...) const;
  template <typename Request, typename Response>
  using SlowHandler = absl::Status (Handlers::*)(Request, Response*,
                                                 absl::FunctionRef<bool()> keep_going) const;

  // All must outlive it. Calls that take `slow_call` or longer are logged; zero: none.
  Dispatcher(const Handlers* handlers, WorkerPool* pool, std::shared_ptr<Admission> admission,
             AccessControl* access, CallMetrics* metrics, absl::Duration slow_call)
      : handlers_(handlers),
        pool_(pool),
        admission_(std::move(admission)),
        gate_(access, metrics),
        metrics_(metrics),
        slow_call_(slow_call) {}

  const Handlers& handlers() const { return *handlers_; }
  WorkerPool& pool() const { return *pool_; }
  const std::shared_ptr<Admission>& admission() const { return admission_; }
  const AccessGate& gate() const { return gate_; }

  // Calls are answered between SetReady and BeginDrain, and refused with UNAVAILABLE before and
  // after.
  void SetReady() { phase_ = Phase::kServing; }
  void BeginDrain() {
    phase_ = Phase::kDraining;
    drain_listeners_.NotifyAll();
  }
  // Told when draining begins.
  Listeners& drain_listeners() { return drain_listeners_; }
  // UNAVAILABLE unless calls are answered now.
  absl::Status CheckServing() const;
  // Unary calls that have begun, and streams that have requests which they have not answered yet.
  int running() const { return running_; }
  void AddRunning(int count) { running_ += count; }

  // OK while the call is worth answering.
  static absl::Status CheckAlive(const grpc::CallbackServerContext& context);
  // What a caller is told that Admission refuses: `refusal`, and when to try again, by how long the
  // pool's queue is. Logs now and then that there is an overload; `trace` is called for what is
  // logged, here and below, and returns TraceFields.
  absl::Status Refuse(absl::Status refusal, absl::FunctionRef<std::string()> trace);

  CallMetrics& metrics() const { return *metrics_; }
  // Counts a call, or a request of a stream, that has been answered. What is to be logged of it is
  // for LogCall. `origin` is called for that, and returns OriginFields.
  CallRemarks OnAnswered(absl::string_view method, const absl::Status& status, size_t bytes,
                         const CallTimes& times, absl::FunctionRef<std::string()> origin) const;

  // Answers with what `handler` returns.
  template <typename Request, typename Response, typename... Who>
  grpc::ServerUnaryReactor* Read(grpc::CallbackServerContext* context, absl::string_view method,
                                 const grpc::ByteBuffer* request, grpc::ByteBuffer* response,
                                 Handler<Request, Response, Who...> handler) {
    return RunRead(MakeCall(context, method, *request), request, response, handler);
  }

  // As Read, for handlers that take some 100 us: runs on gRPC's own thread, as handing over to the
  // pool and back would take about as long. Large requests, and those that come while several run
  // so, go to the pool.
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* QuickRead(grpc::CallbackServerContext* context,
                                      absl::string_view method, const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response,
                                      Handler<Request, Response> handler) {
    UnaryCall call = MakeCall(context, method, *request);
    if (call.bytes > kQuickBytesMax) return RunRead(call, request, response, handler);
    if (quick_running_.fetch_add(1) >= kQuickRunningMax) {
      --quick_running_;
      return RunRead(call, request, response, handler);
    }
    if (Begin(&call, absl::ZeroDuration())) {
      const CallTimes::Scope scope(call.times.get());
      const absl::Status status = AnswerRead(call, handler, request, response);
      --quick_running_;
      Finish(call, status);
    } else {
      --quick_running_;
    }
    return call.reactor;
  }

  // As Read, for handlers that take seconds or minutes, on a thread of their own, one after the
  // other. `handler` ends early when it is told that the caller is gone or the server stops. Who
  // may not call it does not wait for others to learn that, so it has to be a method about the
  // server.
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* RunAside(grpc::CallbackServerContext* context, absl::string_view method,
                                     const grpc::ByteBuffer* request, grpc::ByteBuffer* response,
                                     SlowHandler<Request, Response> handler) {
    UnaryCall call = MakeCall(context, method, *request);
    grpc::ServerUnaryReactor* const reactor = call.reactor;
    if (!Begin(&call, absl::ZeroDuration())) return reactor;
    if (absl::Status status = Authorize(call, ""); !status.ok()) {
      Finish(call, status);
      return reactor;
    }
    aside_.Submit([=] {
      const CallTimes::Scope scope(call.times.get());
      call.times->Record(Step::kQueue, CallTimes::Clock::now() - call.times->begin());
      const absl::Status status = CheckAlive(*call.context);
      Finish(call, status.ok() ? AnswerAside(call, handler, *request, response) : status);
    });
    return reactor;
  }

  // As Read, once what `handler` wrote is on disk. So with a refusal, unless the request itself is
  // wrong, as it may rest on what others wrote: who deletes what is deleted already must not be
  // told so before that is on disk.
  template <typename Request, typename Response, typename... Who>
  grpc::ServerUnaryReactor* Write(grpc::CallbackServerContext* context, absl::string_view method,
                                  const grpc::ByteBuffer* request, grpc::ByteBuffer* response,
                                  Handler<Request, Response, Who...> handler) {
    return Run(MakeCall(context, method, *request), [=](const UnaryCall& call) {
      google::protobuf::Arena arena;
      auto* message = google::protobuf::Arena::CreateMessage<Response>(&arena);
      const absl::Status status = Call(call, handler, request, &arena, message);
      if (absl::IsInvalidArgument(status) || absl::IsPermissionDenied(status)) {
        return Finish(call, status);
      }
      if (status.ok()) {
        // What is done is done, and its caller is told, room or not.
        *response = SerializeNeededAnswer(*message, admission_);
        call.caller.Charge(0, response->Length());
      }
      handlers_->engine().NotifyDurable(
          [=, done = CallTimes::Clock::now()](const absl::Status& durable) {
            call.times->Record(Step::kCommit, CallTimes::Clock::now() - done);
            Finish(call, durable.ok() ? status : durable);
          });
    });
  }

 private:
  static constexpr size_t kQuickBytesMax = size_t{64} << 10;
  // gRPC has two threads or more that take calls.
  static constexpr int kQuickRunningMax = 2;

  enum class Phase { kStarting, kServing, kDraining };
  struct UnaryCall {
    grpc::CallbackServerContext* context;
    grpc::ServerUnaryReactor* reactor;
    absl::string_view method;
    bool came;     // false when the client was gone before its request had come
    size_t bytes;  // of the request
    Caller caller;
    std::shared_ptr<CallTimes> times;
  };
  using Body = absl::AnyInvocable<void(const UnaryCall&)>;

  static UnaryCall MakeCall(grpc::CallbackServerContext* context, absl::string_view method,
                            const grpc::ByteBuffer& request) {
    const bool came = request.Valid();
    return {context,  context->DefaultReactor(),    method, came, came ? request.Length() : 0,
            Caller(), std::make_shared<CallTimes>()};
  }

  template <typename Request, typename Response, typename... Who>
  grpc::ServerUnaryReactor* RunRead(UnaryCall call, const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response,
                                    Handler<Request, Response, Who...> handler) {
    return Run(std::move(call), [=](const UnaryCall& running) {
      Finish(running, AnswerRead(running, handler, request, response));
    });
  }

  template <typename Request, typename Response, typename... Who>
  absl::Status AnswerRead(const UnaryCall& call, Handler<Request, Response, Who...> handler,
                          const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
    google::protobuf::Arena arena;
    auto* message = google::protobuf::Arena::CreateMessage<Response>(&arena);
    absl::Status status = Call(call, handler, request, &arena, message);
    if (status.ok()) status = CheckAlive(*call.context);
    if (!status.ok()) return status;
    status = SerializeAnswer(*message, admission_, response);
    if (!status.ok()) {
      return Refuse(std::move(status), [&call] { return TraceFields(*call.context); });
    }
    call.caller.Charge(0, response->Length());
    return status;
  }

  template <typename Request, typename Response, typename... Who>
  absl::Status Call(const UnaryCall& call, Handler<Request, Response, Who...> handler,
                    const grpc::ByteBuffer* request_bytes, google::protobuf::Arena* arena,
                    Response* response) const {
    auto* request = google::protobuf::Arena::CreateMessage<std::decay_t<Request>>(arena);
    absl::Status status = TimedParse(*request_bytes, request);
    // gRPC would keep them until the answer is sent. The buffer itself is no constant.
    const_cast<grpc::ByteBuffer*>(request_bytes)->Clear();
    if (status.ok()) status = Authorize(call, NamedCollection(*request));
    if (!status.ok()) return status;
    ChargeForItems(call, ItemCount(*request));
    if constexpr (sizeof...(Who) == 0) {
      return (handlers_->*handler)(*request, response);
    } else {
      return (handlers_->*handler)(*request, response, call.caller);
    }
  }

  template <typename Request, typename Response>
  absl::Status AnswerAside(const UnaryCall& call, SlowHandler<Request, Response> handler,
                           const grpc::ByteBuffer& request, grpc::ByteBuffer* response) const {
    std::decay_t<Request> parsed;
    Response filled;
    static_assert(kIsAboutServer<std::decay_t<Request>>, "has been authorized as such");
    absl::Status status = TimedParse(request, &parsed);
    if (!status.ok()) return status;
    status = (handlers_->*handler)(
        parsed, &filled, [&] { return CheckAlive(*call.context).ok() && CheckServing().ok(); });
    if (status.ok()) {
      *response = SerializeNeededAnswer(filled, admission_);
      call.caller.Charge(0, response->Length());
    }
    return absl::IsCancelled(status) && !CheckServing().ok() ? CheckServing() : status;
  }

  static absl::Status TimedParse(const grpc::ByteBuffer& bytes,
                                 google::protobuf::MessageLite* message) {
    const StepTimer timer(Step::kParse);
    return ParseMessage(bytes, message);
  }

  // Runs `body` on the pool, unless the call is answered here and now with a refusal.
  grpc::ServerUnaryReactor* Run(UnaryCall call, Body body);
  // Fills in who calls. False when the call has been refused. `wait` is what it is expected to wait
  // for a thread.
  bool Begin(UnaryCall* call, absl::Duration wait);
  absl::Status Admit(UnaryCall* call, absl::Duration wait);
  // Each item of a batch counts as a call, like a message of a stream.
  void ChargeForItems(const UnaryCall& call, size_t items) const;
  // AccessGate::Authorize, and remembers the collection for the log.
  absl::Status Authorize(const UnaryCall& call, absl::string_view collection) const;
  // Answers a call that Begin has let in, and logs what there is to say of it.
  void Finish(const UnaryCall& call, const absl::Status& status);

  const Handlers* const handlers_;
  WorkerPool* const pool_;
  const std::shared_ptr<Admission> admission_;  // shared with answers that gRPC still holds
  const AccessGate gate_;
  CallMetrics* const metrics_;
  const absl::Duration slow_call_;
  std::atomic<Phase> phase_{Phase::kStarting};
  std::atomic<int> running_{0};
  std::atomic<int> quick_running_{0};
  std::atomic<int64_t> next_refusal_log_{0};  // seconds since 1970
  Listeners drain_listeners_;
  WorkerPool aside_{1};  // last, so that its calls end before the rest goes
};

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_DISPATCH_H_
