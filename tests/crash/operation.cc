#include "tests/crash/operation.h"

#include <google/protobuf/util/message_differencer.h>
#include <grpcpp/support/status_code_enum.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace newsprint::crash {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::util::MessageDifferencer;

constexpr size_t kDifferenceBytesMax = 2000;

bool IsServerTime(const FieldDescriptor& field) {
  const auto& name = field.name();
  return name == "ingested_at" || name == "withdrawn_at" || name == "changed_at" ||
         name == "created_at" || name == "started_at";
}

struct Describer {
  std::string operator()(const v1::IngestArticleRequest& request) const {
    return absl::StrCat("ingest ", request.article().id(), " request_id=", request.request_id());
  }
  std::string operator()(const v1::DeleteArticleRequest& request) const {
    return absl::StrCat("delete ", request.id(), " request_id=", request.request_id());
  }
  std::string operator()(const v1::SetCanonicalRequest& request) const {
    return absl::StrCat("set_canonical ", request.group_id(), " ", request.article_id());
  }
  std::string operator()(const v1::MergeGroupsRequest& request) const {
    return absl::StrCat("merge ", request.merged_group_id(), " into ", request.group_id());
  }
  std::string operator()(const v1::SplitGroupRequest& request) const {
    return absl::StrCat("split ", request.article_ids_size(), " articles off ", request.group_id(),
                        " request_id=", request.request_id());
  }
  std::string operator()(const v1::WithdrawStoryRequest& request) const {
    return absl::StrCat("withdraw ", request.article_id(), request.group_id());
  }
  std::string operator()(const v1::ReinstateStoryRequest& request) const {
    return absl::StrCat("reinstate ", request.article_id(), request.group_id());
  }
};

}  // namespace

Answer MakeAnswer(const grpc::Status& status,
                  std::shared_ptr<const google::protobuf::Message> response) {
  Answer answer;
  answer.code = status.error_code();
  answer.message = status.error_message();
  if (status.ok()) answer.response = std::move(response);
  return answer;
}

Answer VerdictOnly(Answer answer) {
  if (!answer.ok()) return answer;
  const auto& response = static_cast<const v1::IngestArticleResponse&>(*answer.response);
  answer.response = std::make_shared<v1::Verdict>(response.verdict());
  return answer;
}

bool FindsStory(const v1::Verdict& found, const std::string& id, const std::string& group) {
  return std::any_of(found.matches().begin(), found.matches().end(), [&](const v1::Match& match) {
    // Of several articles with one text the first is told, which an editor may have moved.
    return match.article_id() == id || match.group_id() == group ||
           match.relation() == v1::RELATION_EXACT;
  });
}

bool IsUnclear(const Answer& answer) {
  switch (answer.code) {
    case grpc::StatusCode::OK:
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::ALREADY_EXISTS:
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::OUT_OF_RANGE:
      return false;
    default:
      return true;
  }
}

bool IsDocumentedOutage(const Answer& answer) {
  if (answer.code == grpc::StatusCode::UNAVAILABLE) return true;
  return answer.code == grpc::StatusCode::RESOURCE_EXHAUSTED &&
         absl::StrContains(answer.message, "server: ");
}

std::string Describe(const Operation& operation) {
  return absl::StrCat("#", operation.number, " ", std::visit(Describer(), operation.request));
}

std::string Describe(const Event& event) {
  if (event.kind != Event::Kind::kAttempt) {
    return absl::StrCat(event.kind == Event::Kind::kRestart ? "restarted, " : "",
                        "sequence=", event.sequence);
  }
  std::string text = absl::StrCat(Describe(*event.operation), ": ");
  if (!event.answer.has_value()) return text + "no answer";
  if (!event.answer->ok())
    return absl::StrCat(text, event.answer->code, " ", event.answer->message);
  const v1::Verdict* const verdict = event.answer->verdict();
  if (verdict == nullptr) return text + "ok";
  return absl::StrCat(text, v1::Relation_Name(verdict->relation()), " ", verdict->group_id(),
                      verdict->replayed() ? " replayed" : "");
}

void ClearServerTimes(Message* message) {
  const google::protobuf::Reflection& reflection = *message->GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(*message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field->is_map()) continue;
    if (IsServerTime(*field)) {
      reflection.ClearField(message, field);
    } else if (field->is_repeated()) {
      for (int i = 0; i < reflection.FieldSize(*message, field); ++i) {
        ClearServerTimes(reflection.MutableRepeatedMessage(message, field, i));
      }
    } else {
      ClearServerTimes(reflection.MutableMessage(message, field));
    }
  }
}

std::string Difference(const Message& expected, const Message& actual) {
  const std::unique_ptr<Message> a(expected.New()), b(actual.New());
  a->CopyFrom(expected);
  b->CopyFrom(actual);
  ClearServerTimes(a.get());
  ClearServerTimes(b.get());
  MessageDifferencer differencer;
  std::string report;
  differencer.ReportDifferencesToString(&report);
  if (differencer.Compare(*a, *b)) return "";
  if (report.size() > kDifferenceBytesMax) report.resize(kDifferenceBytesMax);
  return report.empty() ? "differ" : report;
}

std::string Difference(const Answer& expected, const Answer& actual) {
  if (expected.code != actual.code || expected.message != actual.message) {
    return absl::StrCat("expected status ", expected.code, " \"", expected.message, "\", got ",
                        actual.code, " \"", actual.message, "\"");
  }
  if (!expected.ok()) return "";
  return Difference(*expected.response, *actual.response);
}

}  // namespace newsprint::crash
