#include "service/rpc/log.h"

#include <spdlog/spdlog.h>

#include <string>

#include "absl/strings/escaping.h"

namespace newsprint::rpc {

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
                    absl::StatusCodeToString(status.code()),
                    absl::CEscape(status.message()));
  }
}

}  // namespace newsprint::rpc
