#include "service/rpc/stream_caller.h"

#include <utility>

#include "absl/time/clock.h"
#include "service/common/status_macros.h"

namespace newsprint::rpc {

absl::Status StreamCaller::Open(const grpc::CallbackServerContext& context, size_t request_bytes) {
  version_ = dispatcher_.gate().control().version();
  ASSIGN_OR_RETURN(caller_, dispatcher_.gate().Identify(context, method_));
  if (!AccessControl::HasToken(context)) peer_ = dispatcher_.gate().control().PeerOf(context);
  if (peer_ != nullptr) expires_at_ = AccessControl::ExpiryOf(*peer_);
  const auto trace = [this] { return trace_; };
  RETURN_IF_ERROR(dispatcher_.gate().EnterStream(caller_, method_, trace));
  if (absl::Status room = dispatcher_.admission()->OpenStream(); !room.ok()) {
    caller_.LeaveStream();
    return dispatcher_.Refuse(std::move(room), trace);
  }
  opened_as_ = caller_;
  opened_ = true;
  caller_.Charge(1, request_bytes);
  return absl::OkStatus();
}

void StreamCaller::Close() {
  if (!opened_) return;
  opened_ = false;
  dispatcher_.admission()->CloseStream();
  opened_as_.LeaveStream();
}

absl::Status StreamCaller::Renew() {
  version_ = dispatcher_.gate().control().version();
  const auto trace = [this] { return trace_; };
  ASSIGN_OR_RETURN(Caller renewed, dispatcher_.gate().Renew(caller_, peer_.get(), method_, trace));
  caller_ = std::move(renewed);
  return absl::OkStatus();
}

absl::Status StreamCaller::Recheck(absl::string_view collection) {
  if (!stale()) return absl::OkStatus();
  RETURN_IF_ERROR(Renew());
  return Authorize(collection);
}

absl::Status StreamCaller::Authorize(absl::string_view collection) const {
  return dispatcher_.gate().Authorize(caller_, method_, collection, [this] { return trace_; });
}

}  // namespace newsprint::rpc
