// Any bytes as the messages of calls, one after the other, against an engine with a few articles.
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <string>

#include "service/rpc/message_bytes.h"
#include "tests/fuzz/engine_fixture.h"
#include "tests/fuzz/targets.h"

namespace newsprint::fuzz {
namespace {

using rpc::Handlers;

constexpr char kWires[] = "wires";
constexpr int kCallsMax = 16;

// Calls write to no collection that outlives them.
void KeepOffDefault(google::protobuf::Message* request) {
  const auto* field = request->GetDescriptor()->FindFieldByName("collection");
  if (field == nullptr || field->type() != google::protobuf::FieldDescriptor::TYPE_STRING) return;
  const auto* reflection = request->GetReflection();
  const std::string name = reflection->GetString(*request, field);
  if (name.empty() || name == kDefaultCollection) reflection->SetString(request, field, kWires);
}

template <typename Request, typename Response, typename... Who>
void SendBytes(const EngineFixture& fixture, absl::string_view bytes,
               absl::Status (Handlers::*handler)(Request, Response*, Who...) const) {
  grpc::Slice slice(bytes.data(), bytes.size());
  std::remove_const_t<std::remove_reference_t<Request>> request;
  const absl::Status parsed = rpc::ParseMessage(grpc::ByteBuffer(&slice, 1), &request);
  RequireCallersFault(parsed);
  if (!parsed.ok()) return;
  KeepOffDefault(&request);
  Response response;
  Call(fixture, handler, request, &response).IgnoreError();
}

void SendAny(const EngineFixture& fixture, size_t method, absl::string_view bytes) {
  switch (method) {
    case 0:
      return SendBytes(fixture, bytes, &Handlers::IngestArticle);
    case 1:
      return SendBytes(fixture, bytes, &Handlers::BatchIngestArticles);
    case 2:
      return SendBytes(fixture, bytes, &Handlers::DeleteArticle);
    case 3:
      return SendBytes(fixture, bytes, &Handlers::FindDuplicates);
    case 4:
      return SendBytes(fixture, bytes, &Handlers::FindRelated);
    case 5:
      return SendBytes(fixture, bytes, &Handlers::Compare);
    case 6:
      return SendBytes(fixture, bytes, &Handlers::GetArticle);
    case 7:
      return SendBytes(fixture, bytes, &Handlers::BatchGetArticles);
    case 8:
      return SendBytes(fixture, bytes, &Handlers::ComputeFingerprint);
    case 9:
      return SendBytes(fixture, bytes, &Handlers::GetGroup);
    case 10:
      return SendBytes(fixture, bytes, &Handlers::ListGroups);
    case 11:
      return SendBytes(fixture, bytes, &Handlers::ListAffectedArticles);
    case 12:
      return SendBytes(fixture, bytes, &Handlers::SetCanonical);
    case 13:
      return SendBytes(fixture, bytes, &Handlers::MergeGroups);
    case 14:
      return SendBytes(fixture, bytes, &Handlers::SplitGroup);
    case 15:
      return SendBytes(fixture, bytes, &Handlers::WithdrawStory);
    case 16:
      return SendBytes(fixture, bytes, &Handlers::ReinstateStory);
    case 17:
      return SendBytes(fixture, bytes, &Handlers::CreateCollection);
    case 18:
      return SendBytes(fixture, bytes, &Handlers::GetCollection);
    case 19:
      return SendBytes(fixture, bytes, &Handlers::ListCollections);
    case 20:
      return SendBytes(fixture, bytes, &Handlers::DeleteCollection);
    case 21:
      return SendBytes(fixture, bytes, &Handlers::GetStats);
    case 22:
      return SendBytes(fixture, bytes, &Handlers::ListEmbedders);
    case 23:
      return SendBytes(fixture, bytes, &Handlers::ReembedCollection);
    case 24:
      return SendBytes(fixture, bytes, &Handlers::CancelReembedding);
    case 25:
      return SendBytes(fixture, bytes, &Handlers::ListSnapshots);
    default:
      return SendBytes(fixture, bytes, &Handlers::DeleteSnapshot);
  }
}
constexpr size_t kMethods = 27;

// Two copies and another story, the first of them withdrawn.
void Furnish(const EngineFixture& fixture) {
  v1::CreateCollectionRequest create;
  create.mutable_collection()->set_name(kWires);
  v1::CreateCollectionResponse created;
  Require(Call(fixture, &Handlers::CreateCollection, create, &created).ok(),
          "a collection is made");
  const char* const kBodies[] = {
      "The bridge over the sound was closed to lorries on Sunday after a storm had torn two "
      "cables loose, and engineers said that it would take them a week to replace both.",
      "The bridge over the sound was closed to lorries on Sunday after a storm had torn two "
      "cables loose, and engineers said that it would take them a month to replace both.",
      "A choir of postmen from the hill country won the singing contest for the third time, "
      "and promised to carry the cup from village to village on their rounds."};
  for (int i = 0; i < 3; ++i) {
    v1::IngestArticleRequest ingest;
    ingest.set_collection(kWires);
    ingest.mutable_article()->set_id(std::string(1, static_cast<char>('a' + i)));
    ingest.mutable_article()->set_title("Bridge");
    ingest.mutable_article()->set_body(kBodies[i]);
    v1::IngestArticleResponse response;
    Require(Call(fixture, &Handlers::IngestArticle, ingest, &response).ok(),
            "an article is stored");
  }
  v1::WithdrawStoryRequest withdraw;
  withdraw.set_collection(kWires);
  withdraw.set_article_id("c");
  withdraw.set_reason(v1::WITHDRAWAL_REASON_KILLED);
  v1::WithdrawStoryResponse withdrawn;
  Require(Call(fixture, &Handlers::WithdrawStory, withdraw, &withdrawn).ok(), "a story is killed");
}

}  // namespace

// For each call the method, the length of its message in two bytes, and the message.
void FuzzRequests(absl::string_view bytes) {
  static EngineFixture fixture;
  rpc::CaptureProtobufLog();
  Furnish(fixture);
  Bytes input(bytes);
  for (int i = 0; i < kCallsMax && !input.empty(); ++i) {
    const size_t method = input.Below(kMethods);
    const size_t size = input.Number<uint16_t>();
    SendAny(fixture, method, input.Take(size));
  }
  fixture.Reset();
}

}  // namespace newsprint::fuzz
