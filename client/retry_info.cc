#include "client/retry_info.h"

#include <algorithm>
#include <string>

#include "absl/strings/cord.h"
#include "richstatus/status.pb.h"

namespace newsprint::client {
namespace {

constexpr char kRetryInfoType[] = "type.googleapis.com/google.rpc.RetryInfo";

}  // namespace

absl::Status FromGrpc(const grpc::Status& status) {
  // The codes of the two are the same by definition.
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  richstatus::Status details;
  if (!status.ok() && details.ParseFromString(status.error_details())) {
    for (const google::protobuf::Any& detail : details.details()) {
      result.SetPayload(detail.type_url(), absl::Cord(detail.value()));
    }
  }
  return result;
}

absl::optional<absl::Duration> RetryDelay(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kRetryInfoType);
  richstatus::RetryInfo info;
  if (!payload.has_value() || !info.ParseFromString(std::string(*payload))) return absl::nullopt;
  return std::max(absl::ZeroDuration(), absl::Seconds(info.retry_delay().seconds()) +
                                            absl::Nanoseconds(info.retry_delay().nanos()));
}

}  // namespace newsprint::client
