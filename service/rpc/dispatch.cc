#include "service/rpc/dispatch.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <string>

#include "service/rpc/log.h"

namespace newsprint::rpc {

absl::Status Dispatcher::CheckReady() const {
  if (ready_) return absl::OkStatus();
  return absl::UnavailableError("server: starting; try again after a pause");
}

absl::Status Dispatcher::CheckAlive(const grpc::CallbackServerContext& context) {
  // Deadline first: gRPC cancels a call whose deadline has passed.
  if (context.deadline() < std::chrono::system_clock::now()) {
    return absl::DeadlineExceededError("deadline: passed before the work began");
  }
  if (context.IsCancelled()) return absl::CancelledError("call: cancelled before the work began");
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* Dispatcher::Run(grpc::CallbackServerContext* context, Body body) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (absl::Status status = CheckReady(); !status.ok()) {
    reactor->Finish(ToGrpc(status));
    return reactor;
  }
  const bool queued = pool_->TrySubmit([context, reactor, work = std::move(body)]() mutable {
    if (absl::Status status = CheckAlive(*context); !status.ok()) {
      reactor->Finish(ToGrpc(status));
      return;
    }
    work(reactor);
  });
  if (!queued) {
    reactor->Finish(ToGrpc(absl::ResourceExhaustedError(
        "server: queue is full (--queue_items_max); try again after a pause")));
  }
  return reactor;
}

void Dispatcher::Finish(absl::string_view method, grpc::ServerUnaryReactor* reactor,
                        const absl::Status& status) {
  LogServerFault(method, status);
  reactor->Finish(ToGrpc(status));
}

}  // namespace newsprint::rpc
