#include "client/connection.h"

#include "absl/time/clock.h"
#include "client/backoff.h"
#include "client/retry_info.h"
#include "gtest/gtest.h"
#include "richstatus/status.pb.h"
#include "tests/client/fake_server.h"

namespace newsprint::client {
namespace {

using testing::FakeServer;

ClientOptions FastOptions(const std::string& target) {
  ClientOptions options;
  options.target = target;
  options.backoff_initial = absl::Milliseconds(1);
  options.backoff_max = absl::Milliseconds(4);
  return options;
}

TEST(ConnectionTest, RepeatsUnavailableUntilItWorks) {
  FakeServer server;
  server.faults.unary_failures = 3;
  const Client client(MakeConnection(FastOptions(server.target())));
  EXPECT_TRUE(client.GetStats({}).ok());
  EXPECT_EQ(server.unary_calls, 4);
}

TEST(ConnectionTest, GivesUpAfterAttemptsMax) {
  FakeServer server;
  server.faults.unary_failures = 100;
  ClientOptions options = FastOptions(server.target());
  options.attempts_max = 3;
  const Client client(MakeConnection(options));
  EXPECT_EQ(client.GetStats({}).status(), absl::UnavailableError("draining"));
  EXPECT_EQ(server.unary_calls, 3);
}

TEST(ConnectionTest, RepeatsNothingElse) {
  for (const auto code : {grpc::StatusCode::INTERNAL, grpc::StatusCode::RESOURCE_EXHAUSTED,
                          grpc::StatusCode::NOT_FOUND, grpc::StatusCode::CANCELLED}) {
    FakeServer server;
    server.faults.unary_failures = 1;
    server.faults.unary_status = grpc::Status(code, "no");
    const Client client(MakeConnection(FastOptions(server.target())));
    EXPECT_EQ(static_cast<int>(client.GetStats({}).status().code()), static_cast<int>(code));
    EXPECT_EQ(server.unary_calls, 1);
  }
}

// RESOURCE_EXHAUSTED with the advice to try again after `delay`.
grpc::Status Overloaded(absl::Duration delay) {
  richstatus::RetryInfo info;
  info.mutable_retry_delay()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(delay)));
  richstatus::Status details;
  details.set_code(grpc::RESOURCE_EXHAUSTED);
  details.add_details()->set_type_url("type.googleapis.com/google.rpc.RetryInfo");
  details.mutable_details(0)->set_value(info.SerializeAsString());
  return grpc::Status(grpc::RESOURCE_EXHAUSTED, "queue is full", details.SerializeAsString());
}

TEST(ConnectionTest, RepeatsWhatAnOverloadedServerRefusesWhenItSays) {
  FakeServer server;
  server.faults.unary_failures = 2;
  server.faults.unary_status = Overloaded(absl::Milliseconds(100));
  const Client client(MakeConnection(FastOptions(server.target())));
  const absl::Time begin = absl::Now();
  EXPECT_TRUE(client.GetStats({}).ok());
  EXPECT_EQ(server.unary_calls, 3);
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(200));  // its own pauses are shorter
}

TEST(ConnectionTest, TellsWhatTheServerAdvisesWhenThereIsNoTimeForIt) {
  FakeServer server;
  server.faults.unary_failures = 1;
  server.faults.unary_status = Overloaded(absl::Milliseconds(900));
  const Client client(MakeConnection(FastOptions(server.target())));
  const absl::Status status = client.GetStats({}, {absl::Milliseconds(500)}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(RetryDelay(status), absl::Milliseconds(900));
  EXPECT_EQ(server.unary_calls, 1);
  EXPECT_EQ(RetryDelay(absl::ResourceExhaustedError("message too large")), absl::nullopt);
}

TEST(ConnectionTest, DeadlineOfTheCallOverridesTheOneOfTheConnection) {
  FakeServer server;
  server.faults.latency = absl::Milliseconds(400);
  const Client client(MakeConnection(FastOptions(server.target())));
  const absl::Time begin = absl::Now();
  EXPECT_EQ(client.GetStats({}, {absl::Milliseconds(50)}).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_LT(absl::Now() - begin, absl::Milliseconds(300));
  EXPECT_TRUE(client.GetStats({}).ok());
}

TEST(ConnectionTest, NeverRepeatsPastTheDeadline) {
  FakeServer server;
  server.faults.unary_failures = 1000;
  ClientOptions options = FastOptions(server.target());
  options.attempts_max = 100;
  options.backoff_initial = options.backoff_max = absl::Milliseconds(60);
  options.deadline = absl::Milliseconds(200);
  const Client client(MakeConnection(options));
  // On a busy machine the deadline finds a call on its way.
  const absl::Status status = client.GetStats({}).status();
  EXPECT_TRUE(absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) << status;
  EXPECT_GE(server.unary_calls, 1);
  EXPECT_LE(server.unary_calls, 7);
}

TEST(ConnectionTest, RepeatedDeleteSucceedsWhenTheAnswerWasLost) {
  FakeServer server;
  const Client client(MakeConnection(FastOptions(server.target())));
  v1::IngestArticleRequest ingest;
  ingest.mutable_article()->set_id("a");
  ingest.mutable_article()->set_body("text");
  ASSERT_TRUE(client.IngestArticle(ingest).ok());
  server.faults.lost_answers = 1;
  v1::DeleteArticleRequest request;
  request.set_id("a");
  EXPECT_TRUE(client.DeleteArticle(request).ok());
  EXPECT_EQ(client.DeleteArticle(request).status().code(), absl::StatusCode::kNotFound);
}

TEST(ConnectionTest, RepeatedSplitGivesTheAnswerThatWasLost) {
  FakeServer server;
  const Client client(MakeConnection(FastOptions(server.target())));
  v1::IngestArticleRequest ingest;
  for (const char* id : {"a", "b"}) {
    ingest.mutable_article()->set_id(id);
    ingest.mutable_article()->set_body("text");
    ASSERT_TRUE(client.IngestArticle(ingest).ok());
  }
  server.faults.lost_answers = 1;
  v1::SplitGroupRequest request;
  request.set_group_id("g0");
  request.add_article_ids("b");
  const auto response = client.SplitGroup(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->group().member_count(), 1);
  EXPECT_EQ(response->new_group().canonical_id(), "b");
}

// Each of the calls reaches the RPC of its name, and is repeated.
TEST(ConnectionTest, GroupCallsAreRepeatedToo) {
  FakeServer server;
  const Client client(MakeConnection(FastOptions(server.target())));
  v1::IngestArticleRequest ingest;
  ingest.mutable_article()->set_id("a");
  ingest.mutable_article()->set_body("text");
  ASSERT_TRUE(client.IngestArticle(ingest).ok());
  server.faults.unary_failures = 1;
  v1::SetCanonicalRequest canonical;
  canonical.set_group_id("g0");
  canonical.set_article_id("a");
  EXPECT_TRUE(client.SetCanonical(canonical)->group().canonical_pinned());
  server.faults.unary_failures = 1;
  v1::MergeGroupsRequest merge;
  merge.set_group_id("g0");
  merge.set_merged_group_id("g0");
  EXPECT_EQ(client.MergeGroups(merge).status().code(), absl::StatusCode::kInvalidArgument);
  server.faults.unary_failures = 1;
  v1::WithdrawStoryRequest withdraw;
  withdraw.set_group_id("g0");
  EXPECT_EQ(client.WithdrawStory(withdraw)->affected_count(), 1);
  server.faults.unary_failures = 1;
  v1::ListAffectedArticlesRequest affected;
  affected.set_article_id("a");
  EXPECT_EQ(client.ListAffectedArticles(affected)->articles_size(), 1);
  server.faults.unary_failures = 1;
  v1::ReinstateStoryRequest reinstate;
  reinstate.set_article_id("a");
  EXPECT_FALSE(client.ReinstateStory(reinstate)->group().has_withdrawal());
  server.faults.unary_failures = 1;
  v1::ComputeFingerprintRequest compute;
  compute.mutable_article()->set_body("one two");
  EXPECT_EQ(client.ComputeFingerprint(compute)->fingerprint().body_tokens(), 2);
}

TEST(ConnectionTest, UnreachableServerIsUnavailable) {
  ClientOptions options = FastOptions("127.0.0.1:1");
  options.attempts_max = 2;
  const Client client(MakeConnection(options));
  EXPECT_EQ(client.GetStats({}).status().code(), absl::StatusCode::kUnavailable);
}

TEST(ConnectionTest, RawBytesArriveUnchanged) {
  FakeServer server;
  const Client client = server.MakeClient();
  v1::IngestArticleRequest request;
  request.mutable_article()->set_id("a");
  request.mutable_article()->set_raw_body("caf\xE9");
  ASSERT_TRUE(client.IngestArticle(request).ok());
  EXPECT_EQ(server.Stored("a").raw_body(), "caf\xE9");
}

TEST(BackoffTest, DoublesToItsMaximumWithJitter) {
  Backoff backoff(absl::Milliseconds(100), absl::Milliseconds(350));
  for (const int step_ms : {100, 200, 350, 350}) {
    const absl::Duration pause = backoff.Next();
    EXPECT_GE(pause, absl::Milliseconds(step_ms) / 2);
    EXPECT_LE(pause, absl::Milliseconds(step_ms));
  }
  backoff.Reset();
  EXPECT_LE(backoff.Next(), absl::Milliseconds(100));
}

}  // namespace
}  // namespace newsprint::client
