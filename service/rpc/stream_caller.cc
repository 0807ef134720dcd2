#include "service/rpc/stream_caller.h"

#include <utility>

#include "absl/time/clock.h"
#include "service/common/status_macros.h"
#include "service/rpc/log.h"

namespace newsprint::rpc {

absl::Status StreamCaller::Open(const grpc::CallbackServerContext& context, size_t request_bytes) {
  version_ = dispatcher_.access().version();
  ASSIGN_OR_RETURN(caller_, dispatcher_.Identify(context, method_));
  if (!AccessControl::HasToken(context)) peer_ = dispatcher_.access().PeerOf(context);
  if (peer_ != nullptr) expires_at_ = AccessControl::ExpiryOf(*peer_);
  if (const absl::Status entered = caller_.EnterStream(); !entered.ok()) {
    dispatcher_.metrics().RecordAccessRefusal(CallMetrics::AccessRefusal::kStreams);
    LogRefusal(caller_.name(), method_, entered, "", [this] { return trace_; });
    return entered;
  }
  if (absl::Status room = dispatcher_.admission()->OpenStream(); !room.ok()) {
    caller_.LeaveStream();
    return dispatcher_.Refuse(std::move(room), [this] { return trace_; });
  }
  opened_ = true;
  caller_.Charge(1, request_bytes);
  return absl::OkStatus();
}

void StreamCaller::Close() {
  if (!opened_) return;
  opened_ = false;
  dispatcher_.admission()->CloseStream();
  caller_.LeaveStream();
}

absl::Status StreamCaller::Renew() {
  version_ = dispatcher_.access().version();
  absl::StatusOr<Caller> renewed = dispatcher_.access().Renew(caller_, peer_.get());
  if (!renewed.ok()) {
    dispatcher_.metrics().RecordAccessRefusal(CallMetrics::AccessRefusal::kUnauthenticated);
    return renewed.status();
  }
  caller_ = *std::move(renewed);
  return absl::OkStatus();
}

absl::Status StreamCaller::Authorize(absl::string_view collection) const {
  return dispatcher_.Authorize(caller_, method_, collection, [this] { return trace_; });
}

}  // namespace newsprint::rpc
