// Runs handlers of unary RPCs on the compute pool.
#ifndef NEWSPRINT_SERVICE_RPC_DISPATCH_H_
#define NEWSPRINT_SERVICE_RPC_DISPATCH_H_

#include <google/protobuf/arena.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>

#include <atomic>
#include <type_traits>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "service/common/listeners.h"
#include "service/common/worker_pool.h"
#include "service/rpc/handlers.h"
#include "service/rpc/message_bytes.h"
#include "service/rpc/status.h"

namespace newsprint::rpc {

// What all services share. Thread-safe.
class Dispatcher {
 public:
  // Request: a reference to a message, const or not.
  template <typename Request, typename Response>
  using Handler = absl::Status (Handlers::*)(Request, Response*) const;
  template <typename Request, typename Response>
  using SlowHandler = absl::Status (Handlers::*)(Request, Response*,
                                                 absl::FunctionRef<bool()> keep_going) const;

  // All must outlive it.
  Dispatcher(const Handlers* handlers, WorkerPool* pool) : handlers_(handlers), pool_(pool) {}

  const Handlers& handlers() const { return *handlers_; }
  WorkerPool& pool() const { return *pool_; }

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

  // OK while the call is worth working on.
  static absl::Status CheckAlive(const grpc::CallbackServerContext& context);

  // Answers with what `handler` returns.
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* Read(grpc::CallbackServerContext* context, absl::string_view method,
                                 const grpc::ByteBuffer* request, grpc::ByteBuffer* response,
                                 Handler<Request, Response> handler) {
    return Run(context, method, [=](grpc::ServerUnaryReactor* reactor) {
      Finish(method, reactor, Call(handler, *request, response));
    });
  }

  // As Read, for handlers that take some 100 us: runs on gRPC's own thread, as handing over to the
  // pool and back would take about as long, and does not count for the pool's queue. Large
  // requests, and those that come while several run so, go to the pool.
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* QuickRead(grpc::CallbackServerContext* context,
                                      absl::string_view method, const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response,
                                      Handler<Request, Response> handler) {
    if (request->Length() > kQuickBytesMax || !CheckServing().ok()) {
      return Read(context, method, request, response, handler);
    }
    if (quick_running_.fetch_add(1) >= kQuickRunningMax) {
      --quick_running_;
      return Read(context, method, request, response, handler);
    }
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    ++running_;
    const absl::Status alive = CheckAlive(*context);
    const absl::Status status = alive.ok() ? Call(handler, *request, response) : alive;
    --quick_running_;
    Finish(method, reactor, status);
    return reactor;
  }

  // As Read, for handlers that take seconds or minutes, on a thread of their own, one after the
  // other. `handler` ends early when it is told that the caller is gone or the server stops.
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* RunAside(grpc::CallbackServerContext* context, absl::string_view method,
                                     const grpc::ByteBuffer* request, grpc::ByteBuffer* response,
                                     SlowHandler<Request, Response> handler) {
    return RunOn(&aside_, context, method, [=](grpc::ServerUnaryReactor* reactor) {
      std::decay_t<Request> parsed;
      Response filled;
      absl::Status status = ParseMessage(*request, &parsed);
      if (status.ok()) {
        status = (handlers_->*handler)(
            parsed, &filled, [&] { return CheckAlive(*context).ok() && CheckServing().ok(); });
      }
      if (status.ok()) *response = SerializeMessage(filled);
      if (absl::IsCancelled(status) && !CheckServing().ok()) status = CheckServing();
      Finish(method, reactor, status);
    });
  }

  // As Read, once what `handler` wrote is on disk.
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* Write(grpc::CallbackServerContext* context, absl::string_view method,
                                  const grpc::ByteBuffer* request, grpc::ByteBuffer* response,
                                  Handler<Request, Response> handler) {
    return Run(context, method, [=](grpc::ServerUnaryReactor* reactor) {
      const absl::Status status = Call(handler, *request, response);
      if (!status.ok()) return Finish(method, reactor, status);
      handlers_->engine().NotifyDurable(
          [=](absl::Status durable) { Finish(method, reactor, durable); });
    });
  }

 private:
  static constexpr size_t kQuickBytesMax = size_t{64} << 10;
  // gRPC has two threads or more that take calls.
  static constexpr int kQuickRunningMax = 2;
  static constexpr size_t kAsideQueueMax = 16;

  enum class Phase { kStarting, kServing, kDraining };
  using Body = absl::AnyInvocable<void(grpc::ServerUnaryReactor*)>;

  template <typename Request, typename Response>
  absl::Status Call(Handler<Request, Response> handler, const grpc::ByteBuffer& request_bytes,
                    grpc::ByteBuffer* response_bytes) const {
    google::protobuf::Arena arena;
    auto* request = google::protobuf::Arena::CreateMessage<std::decay_t<Request>>(&arena);
    auto* response = google::protobuf::Arena::CreateMessage<Response>(&arena);
    absl::Status status = ParseMessage(request_bytes, request);
    if (status.ok()) status = (handlers_->*handler)(*request, response);
    if (status.ok()) *response_bytes = SerializeMessage(*response);
    return status;
  }

  grpc::ServerUnaryReactor* Run(grpc::CallbackServerContext* context, absl::string_view method,
                                Body body) {
    return RunOn(pool_, context, method, std::move(body));
  }
  grpc::ServerUnaryReactor* RunOn(WorkerPool* pool, grpc::CallbackServerContext* context,
                                  absl::string_view method, Body body);
  // Logs what is the server's fault, and answers.
  void Finish(absl::string_view method, grpc::ServerUnaryReactor* reactor,
              const absl::Status& status);

  const Handlers* const handlers_;
  WorkerPool* const pool_;
  std::atomic<Phase> phase_{Phase::kStarting};
  std::atomic<int> running_{0};
  std::atomic<int> quick_running_{0};
  Listeners drain_listeners_;
  WorkerPool aside_{1, kAsideQueueMax};  // last, so that its calls end before the rest goes
};

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_DISPATCH_H_
