#include "service/rpc/status.h"

#include <string>

namespace newsprint::rpc {

bool IsServerFault(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return false;
    default:
      return true;
  }
}

absl::Status ForCaller(const absl::Status& status) {
  if (!IsServerFault(status) || absl::IsInternal(status) || absl::IsUnavailable(status)) {
    return status;
  }
  return absl::InternalError(status.message());
}

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const absl::Status told = ForCaller(status);
  return {static_cast<grpc::StatusCode>(told.code()), std::string(told.message())};
}

}  // namespace newsprint::rpc
