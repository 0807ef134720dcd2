#include "service/rpc/log.h"

#include <grpc/support/log.h>
#include <spdlog/spdlog.h>

#include <string>

#include "absl/strings/escaping.h"
#include "service/rpc/message_bytes.h"

namespace newsprint::rpc {

namespace {

void OnGrpcLog(gpr_log_func_args* args) {
  const std::string message = absl::CEscape(args->message);
  switch (args->severity) {
    case GPR_LOG_SEVERITY_ERROR:
      return spdlog::warn("event=grpc message=\"{}\"", message);
    case GPR_LOG_SEVERITY_INFO:
      return spdlog::info("event=grpc message=\"{}\"", message);
    case GPR_LOG_SEVERITY_DEBUG:
      return spdlog::debug("event=grpc message=\"{}\"", message);
  }
}

}  // namespace

void RouteLibraryLogs() {
  gpr_set_log_function(&OnGrpcLog);
  CaptureProtobufLog();
}

void LogServerFault(absl::string_view method, const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kFailedPrecondition:
      return;
    default:
      spdlog::error("event=rpc_failed method={} code={} message=\"{}\"", std::string(method),
                    absl::StatusCodeToString(status.code()), absl::CEscape(status.message()));
  }
}

}  // namespace newsprint::rpc
