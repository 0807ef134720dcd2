// Calls that change a collection, their answers, and the order in which both happened.
#ifndef NEWSPRINT_TESTS_CRASH_OPERATION_H_
#define NEWSPRINT_TESTS_CRASH_OPERATION_H_

#include <google/protobuf/message.h>
#include <grpcpp/support/status.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "newsprint/v1/admin_service.pb.h"
#include "newsprint/v1/article_service.pb.h"
#include "newsprint/v1/cluster_service.pb.h"

namespace newsprint::crash {

using WriteRequest =
    std::variant<v1::IngestArticleRequest, v1::DeleteArticleRequest, v1::SetCanonicalRequest,
                 v1::MergeGroupsRequest, v1::SplitGroupRequest, v1::WithdrawStoryRequest,
                 v1::ReinstateStoryRequest>;

// One call. Immutable once it is sent. The generator's truth stands beside the request.
struct Operation {
  uint64_t number = 0;  // within its collection
  WriteRequest request;
  uint64_t story = 0;        // of the text that is ingested
  uint64_t text_hash = 0;    // of title and body, as sent
  std::string verbatim_of;   // a stored article with the same text; empty: none
  bool may_replay = false;   // whether the first answer may have `replayed` set
  bool other_story = false;  // a revision that tells another story than before

  const v1::IngestArticleRequest* ingest() const {
    return std::get_if<v1::IngestArticleRequest>(&request);
  }
};
using OperationPtr = std::shared_ptr<const Operation>;

// What came back for one operation: a verdict of an ingestion, else the RPC's response.
struct Answer {
  int code = 0;  // grpc::StatusCode
  std::string message;
  std::shared_ptr<const google::protobuf::Message> response;  // null when `code` is not OK

  bool ok() const { return code == 0; }
  const v1::Verdict* verdict() const { return dynamic_cast<const v1::Verdict*>(response.get()); }
};

Answer MakeAnswer(const grpc::Status& status,
                  std::shared_ptr<const google::protobuf::Message> response);
// The answer to an ingestion, of which only the verdict is kept.
Answer VerdictOnly(Answer answer);

// Whether a search for the text of a stored article has found it, or its group.
bool FindsStory(const v1::Verdict& found, const std::string& id, const std::string& group);
// Whether the answer leaves open if the operation was done.
bool IsUnclear(const Answer& answer);
// Whether docs/errors.md has such an error for a caller whose requests are right, by a server that
// was stopped or could not write.
bool IsDocumentedOutage(const Answer& answer);

// One thing that happened to a collection, in order.
struct Event {
  enum class Kind {
    kAttempt,   // the operation was sent
    kSequence,  // the server, asked while nothing was under way, told its `sequence`
    kRestart,   // the same, after it was started anew
  };
  Kind kind = Kind::kAttempt;
  OperationPtr operation;
  std::optional<Answer> answer;  // absent: none came
  uint64_t sequence = 0;
  absl::Time at;  // when the answer came
};

// For people, without texts.
std::string Describe(const Operation& operation);
std::string Describe(const Event& event);

// Clears what the server's clock has set, at any depth.
void ClearServerTimes(google::protobuf::Message* message);
// Empty when both are equal but for these; else what differs.
std::string Difference(const google::protobuf::Message& expected,
                       const google::protobuf::Message& actual);
std::string Difference(const Answer& expected, const Answer& actual);

}  // namespace newsprint::crash

#endif  // NEWSPRINT_TESTS_CRASH_OPERATION_H_
