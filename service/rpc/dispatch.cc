#include "service/rpc/dispatch.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <string>

#include "service/rpc/log.h"

namespace newsprint::rpc {

absl::Status Dispatcher::CheckServing() const {
  switch (phase_) {
    case Phase::kServing:
      return absl::OkStatus();
    case Phase::kStarting:
      return absl::UnavailableError("server: starting; try again after a pause");
    case Phase::kDraining:
      return absl::UnavailableError("server: stopping; try again elsewhere, or after a pause");
  }
  return absl::InternalError("server: unknown phase");
}

absl::Status Dispatcher::CheckAlive(const grpc::CallbackServerContext& context) {
  // Deadline first: gRPC cancels a call whose deadline has passed.
  if (context.deadline() < std::chrono::system_clock::now()) {
    return absl::DeadlineExceededError("deadline: passed before the work began");
  }
  if (context.IsCancelled()) return absl::CancelledError("call: cancelled before the work began");
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* Dispatcher::RunOn(WorkerPool* pool, grpc::CallbackServerContext* context,
                                            absl::string_view method, Body body) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (absl::Status status = CheckServing(); !status.ok()) {
    reactor->Finish(ToGrpc(status));
    return reactor;
  }
  ++running_;
  const bool queued = pool->TrySubmit([=, work = std::move(body)]() mutable {
    if (absl::Status status = CheckAlive(*context); !status.ok()) {
      return Finish(method, reactor, status);
    }
    work(reactor);
  });
  if (!queued) {
    Finish(method, reactor,
           absl::ResourceExhaustedError(
               "server: queue is full (--queue_items_max); try again after a pause"));
  }
  return reactor;
}

void Dispatcher::Finish(absl::string_view method, grpc::ServerUnaryReactor* reactor,
                        const absl::Status& status) {
  LogServerFault(method, status);
  --running_;  // first: once the call has ended, the server may go, and this object with it
  reactor->Finish(ToGrpc(status));
}

}  // namespace newsprint::rpc
