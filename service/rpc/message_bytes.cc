#include "service/rpc/message_bytes.h"

#include <google/protobuf/stubs/logging.h>
#include <grpcpp/support/slice.h>
#include <spdlog/spdlog.h>

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "service/common/status_macros.h"

namespace newsprint::rpc {
namespace {

// The full name of the field that the calling thread last found to be no UTF-8.
thread_local std::string invalid_utf8_field;

// protobuf tells which field it was in its log alone: "String field 'newsprint.v1.Article.title'
// contains invalid UTF-8 data when parsing a protocol buffer. ..."
void OnProtobufLog(google::protobuf::LogLevel level, const char* /*file*/, int /*line*/,
                   const std::string& message) {
  absl::string_view rest = message;
  const size_t end = rest.find("' contains invalid UTF-8");
  if (absl::ConsumePrefix(&rest, "String field '") && end != absl::string_view::npos) {
    invalid_utf8_field = std::string(rest.substr(0, end - (message.size() - rest.size())));
    return;
  }
  const std::string line = absl::StrCat("event=protobuf message=\"", absl::CEscape(message), "\"");
  level >= google::protobuf::LOGLEVEL_ERROR ? spdlog::error(line) : spdlog::info(line);
}

struct AnswerBytes {
  std::unique_ptr<uint8_t[]> data;
  size_t size;
  Admission::AnswerTo to;
  std::shared_ptr<Admission> admission;
};

void FreeAnswer(void* answer) {
  auto* bytes = static_cast<AnswerBytes*>(answer);
  bytes->admission->LeaveAnswer(bytes->to, bytes->size);
  delete bytes;
}

// Of an answer that has entered.
grpc::ByteBuffer Serialize(const google::protobuf::MessageLite& answer, size_t size,
                           Admission::AnswerTo to, std::shared_ptr<Admission> admission) {
  auto* bytes = new AnswerBytes{std::unique_ptr<uint8_t[]>(new uint8_t[size]), size, to,
                                std::move(admission)};
  answer.SerializeWithCachedSizesToArray(bytes->data.get());
  const grpc::Slice slice(bytes->data.get(), size, &FreeAnswer, bytes);
  return grpc::ByteBuffer(&slice, 1);
}

grpc::ByteBuffer SerializeNeeded(const google::protobuf::MessageLite& answer,
                                 Admission::AnswerTo to, std::shared_ptr<Admission> admission) {
  const size_t size = answer.ByteSizeLong();
  admission->EnterNeededAnswer(to, size);
  return Serialize(answer, size, to, std::move(admission));
}

}  // namespace

void CaptureProtobufLog() { google::protobuf::SetLogHandler(&OnProtobufLog); }

absl::Status ParseMessage(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite* message) {
  if (!bytes.Valid()) return absl::CancelledError("request: the client is gone");
  grpc::Slice whole;
  if (const grpc::Status status = bytes.DumpToSingleSlice(&whole); !status.ok()) {
    return absl::InternalError(absl::StrCat("request: cannot be read: ", status.error_message()));
  }
  invalid_utf8_field.clear();
  if (message->ParseFromArray(whole.begin(), static_cast<int>(whole.size()))) {
    return absl::OkStatus();
  }
  if (invalid_utf8_field.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("request: not a ", message->GetTypeName(), ", got ", whole.size(), " bytes"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(invalid_utf8_field,
                   ": not valid UTF-8; send titles and bodies that may not be in raw_title and "
                   "raw_body"));
}

grpc::ByteBuffer SerializeStreamAnswer(const google::protobuf::MessageLite& answer,
                                       std::shared_ptr<Admission> admission) {
  return SerializeNeeded(answer, Admission::AnswerTo::kStream, std::move(admission));
}

grpc::ByteBuffer SerializeNeededAnswer(const google::protobuf::MessageLite& answer,
                                       std::shared_ptr<Admission> admission) {
  return SerializeNeeded(answer, Admission::AnswerTo::kCall, std::move(admission));
}

absl::Status SerializeAnswer(const google::protobuf::MessageLite& answer,
                             std::shared_ptr<Admission> admission, grpc::ByteBuffer* bytes) {
  const size_t size = answer.ByteSizeLong();
  RETURN_IF_ERROR(admission->EnterAnswer(size));
  *bytes = Serialize(answer, size, Admission::AnswerTo::kCall, std::move(admission));
  return absl::OkStatus();
}

}  // namespace newsprint::rpc
