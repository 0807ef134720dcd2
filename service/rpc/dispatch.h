// Runs handlers of unary RPCs on the compute pool.
#ifndef NEWSPRINT_SERVICE_RPC_DISPATCH_H_
#define NEWSPRINT_SERVICE_RPC_DISPATCH_H_

#include <grpcpp/server_context.h>

#include <atomic>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "service/common/worker_pool.h"
#include "service/rpc/handlers.h"
#include "service/rpc/status.h"

namespace newsprint::rpc {

// What all services share. Thread-safe.
class Dispatcher {
 public:
  // All must outlive it.
  Dispatcher(const Handlers* handlers, WorkerPool* pool) : handlers_(handlers), pool_(pool) {}

  const Handlers& handlers() const { return *handlers_; }
  WorkerPool& pool() const { return *pool_; }

  // Before that every call answers UNAVAILABLE.
  void SetReady() { ready_ = true; }
  absl::Status CheckReady() const;

  // OK while the call is worth working on.
  static absl::Status CheckAlive(const grpc::CallbackServerContext& context);

  // Answers with what `handler` returns.
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* Read(
      grpc::CallbackServerContext* context, absl::string_view method, const Request* request,
      Response* response, absl::Status (Handlers::*handler)(const Request&, Response*) const) {
    return Run(context, [=](grpc::ServerUnaryReactor* reactor) {
      Finish(method, reactor, (handlers_->*handler)(*request, response));
    });
  }

  // The same, once what `handler` wrote is on disk.
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* Write(
      grpc::CallbackServerContext* context, absl::string_view method, const Request* request,
      Response* response, absl::Status (Handlers::*handler)(const Request&, Response*) const) {
    return Run(context, [=](grpc::ServerUnaryReactor* reactor) {
      const absl::Status status = (handlers_->*handler)(*request, response);
      if (!status.ok()) return Finish(method, reactor, status);
      handlers_->engine().NotifyDurable(
          [=](absl::Status durable) { Finish(method, reactor, durable); });
    });
  }

 private:
  using Body = absl::AnyInvocable<void(grpc::ServerUnaryReactor*)>;

  grpc::ServerUnaryReactor* Run(grpc::CallbackServerContext* context, Body body);
  // Logs what is the server's fault, and answers.
  static void Finish(absl::string_view method, grpc::ServerUnaryReactor* reactor,
                     const absl::Status& status);

  const Handlers* const handlers_;
  WorkerPool* const pool_;
  std::atomic<bool> ready_{false};
};

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_DISPATCH_H_
