#include "service/rpc/log.h"

#include <grpc/support/log.h>
#include <spdlog/spdlog.h>

#include <string>

#include "absl/strings/escaping.h"
#include "service/rpc/message_bytes.h"
#include "service/rpc/status.h"

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
  if (!IsServerFault(status)) return;
  spdlog::error("event=rpc_failed method={} code={} message=\"{}\"", std::string(method),
                absl::StatusCodeToString(status.code()), absl::CEscape(status.message()));
}

}  // namespace newsprint::rpc
