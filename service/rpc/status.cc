#include "service/rpc/status.h"

#include <string>

#include "absl/random/random.h"
#include "absl/strings/cord.h"
#include "richstatus/status.pb.h"

namespace newsprint::rpc {
namespace {

constexpr char kRetryInfoType[] = "type.googleapis.com/google.rpc.RetryInfo";

// The bytes of a google.rpc.Status; empty when there is nothing to say that the code and the
// message do not.
std::string Details(const absl::Status& status) {
  richstatus::Status details;
  status.ForEachPayload([&details](absl::string_view type, const absl::Cord& bytes) {
    google::protobuf::Any* detail = details.add_details();
    detail->set_type_url(std::string(type));
    detail->set_value(std::string(bytes));
  });
  if (details.details().empty()) return "";
  details.set_code(status.raw_code());
  details.set_message(std::string(status.message()));
  return details.SerializeAsString();
}

}  // namespace

bool IsServerFault(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
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

absl::Status WithRetryDelay(absl::Status status, absl::Duration delay) {
  richstatus::RetryInfo info;
  const int64_t seconds = absl::IDivDuration(delay, absl::Seconds(1), &delay);
  info.mutable_retry_delay()->set_seconds(seconds);
  info.mutable_retry_delay()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(delay)));
  status.SetPayload(kRetryInfoType, absl::Cord(info.SerializeAsString()));
  return status;
}

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const absl::Status told = ForCaller(status);
  return {static_cast<grpc::StatusCode>(told.code()), std::string(told.message()), Details(told)};
}

absl::Duration WithJitter(absl::Duration delay) {
  thread_local absl::InsecureBitGen random;
  return delay * absl::Uniform(random, 0.75, 1.5);
}

}  // namespace newsprint::rpc
