// The embedder against servers of both protocols, in-process over loopback, with faults on command.
#include "service/embed/remote/remote_embedder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/embed/fake_embedding_server.h"

namespace newsprint::embed {
namespace {

using testing::FakeEmbeddingServer;
using Behaviour = FakeEmbeddingServer::Behaviour;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kDimension = 16;
// For what must not depend on the machine's speed; a test that hangs ends with it.
constexpr absl::Duration kPatience = absl::Seconds(60);

void Await(const std::function<bool()>& is_true) {
  while (!is_true()) std::this_thread::yield();
}

struct Article {
  std::string title;
  std::string body;
};

struct Result {
  absl::Status status;
  std::vector<float> vectors;
};

Result Embed(const RemoteEmbedder& embedder, const std::vector<Article>& articles) {
  std::vector<EmbedInput> inputs;
  for (const Article& article : articles) inputs.push_back({article.title, article.body, {}, {}});
  Result result;
  result.vectors.resize(articles.size() * embedder.dimension(), -1);
  result.status = embedder.Embed(inputs, absl::MakeSpan(result.vectors));
  return result;
}

Result EmbedBody(const RemoteEmbedder& embedder, const std::string& body) {
  return Embed(embedder, {{"", body}});
}

// What the fake server makes of such an article.
std::vector<float> VectorOfBody(const std::string& body) {
  return FakeEmbeddingServer::VectorOf(absl::StrCat("\n", body), kDimension);
}

::testing::Matcher<std::vector<float>> IsNear(const std::vector<float>& expected) {
  return ::testing::Pointwise(::testing::FloatNear(1e-6f), expected);
}

class RemoteEmbedderTest : public ::testing::TestWithParam<RemoteProtocol> {
 protected:
  void SetUp() override {
    Start({});
    options_.name = "test";
    options_.protocol = GetParam();
    options_.target = server_->target();
    if (is_kserve()) options_.model = "fake-model";
    options_.deadline = kPatience;
    options_.down_for_min = options_.down_for_max = absl::Hours(1);
  }

  bool is_kserve() const { return GetParam() == RemoteProtocol::kKserve; }

  RemoteModel Expected() const {
    return {is_kserve() ? "kserve/1/fake-model@1/embedding" : "tei/1/fake-model@1", kDimension};
  }

  std::unique_ptr<RemoteEmbedder> Create() {
    auto embedder = RemoteEmbedder::Create(options_, Expected());
    EXPECT_TRUE(embedder.ok()) << embedder.status();
    return *std::move(embedder);
  }

  // In place of the one that runs, on the same port.
  void Start(Behaviour behaviour) {
    const int port = server_ == nullptr ? 0 : server_->port();
    server_.reset();
    server_ = std::make_unique<FakeEmbeddingServer>(std::move(behaviour), port);
    ASSERT_TRUE(server_->is_listening());
  }

  // A port on which nobody listens.
  void StopServer() {
    port_ = server_->port();
    server_.reset();
  }
  void StartAgain(Behaviour behaviour) {
    server_ = std::make_unique<FakeEmbeddingServer>(std::move(behaviour), port_);
    ASSERT_TRUE(server_->is_listening());
  }

  void ExpectFailure(const RemoteEmbedder& embedder, absl::StatusCode code,
                     const std::string& message) {
    const Result result = EmbedBody(embedder, "a secret text");
    EXPECT_EQ(result.status.code(), code) << result.status;
    EXPECT_THAT(std::string(result.status.message()), HasSubstr(message));
    EXPECT_THAT(std::string(result.status.message()), HasSubstr("embedder \"test\": "));
    EXPECT_THAT(std::string(result.status.message()), Not(HasSubstr("secret")));
  }

  std::unique_ptr<FakeEmbeddingServer> server_;
  RemoteOptions options_;
  int port_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Protocols, RemoteEmbedderTest,
                         ::testing::Values(RemoteProtocol::kTei, RemoteProtocol::kKserve),
                         [](const auto& protocol) {
                           return protocol.param == RemoteProtocol::kTei ? "Tei" : "Kserve";
                         });

TEST_P(RemoteEmbedderTest, DescribesTheModel) {
  const auto model = RemoteEmbedder::Describe(options_);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->identity, Expected().identity);
  EXPECT_EQ(model->dimension, kDimension);
  const auto embedder = Create();
  EXPECT_EQ(embedder->identity(), Expected().identity);
  EXPECT_EQ(embedder->dimension(), kDimension);
}

TEST_P(RemoteEmbedderTest, IdentityIsShortAndPrintable) {
  Behaviour behaviour;
  behaviour.model = options_.model = std::string(190, 'm');
  behaviour.version = absl::StrCat("v\n", std::string(150, 'v'));
  if (is_kserve()) behaviour.model = options_.model = std::string(120, 'm');
  server_->Set(behaviour);
  const auto one = RemoteEmbedder::Describe(options_);
  behaviour.version.back() = 'w';
  server_->Set(behaviour);
  const auto other = RemoteEmbedder::Describe(options_);
  ASSERT_TRUE(one.ok() && other.ok()) << one.status() << other.status();
  EXPECT_EQ(one->identity.size(), 200u);
  EXPECT_NE(one->identity, other->identity);
  EXPECT_THAT(one->identity, Not(HasSubstr("\n")));
}

TEST_P(RemoteEmbedderTest, SendsPlainTextAndGivesUnitVectors) {
  const auto embedder = Create();
  const Result result = Embed(
      *embedder, {{"Fish &amp; <b>chips</b>", "<p>Price rises.</p>"}, {"Second", "Another body."}});
  ASSERT_TRUE(result.status.ok()) << result.status;
  std::vector<std::string> sent = server_->seen().texts;
  std::sort(sent.begin(), sent.end());
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_THAT(sent[0], ::testing::MatchesRegex("Fish & chips\n *\n*Price rises\\.[ \n]*"));
  EXPECT_EQ(sent[1], "Second\nAnother body.");
  std::vector<float> expected = FakeEmbeddingServer::VectorOf(sent[0], kDimension);
  const std::vector<float> second = FakeEmbeddingServer::VectorOf(sent[1], kDimension);
  expected.insert(expected.end(), second.begin(), second.end());
  EXPECT_THAT(result.vectors, IsNear(expected));
}

TEST_P(RemoteEmbedderTest, CutsLongTextsBetweenCharacters) {
  options_.text_bytes_max = 64;
  const auto embedder = Create();
  // A line break and 21 characters of 3 bytes make 64 bytes. With an "a" before them only 20 fit.
  std::string body;
  for (int i = 0; i < 40; ++i) body += "\xE2\x82\xAC";
  ASSERT_TRUE(EmbedBody(*embedder, body).status.ok());
  ASSERT_TRUE(EmbedBody(*embedder, absl::StrCat("a", body)).status.ok());
  const auto texts = server_->seen().texts;
  ASSERT_EQ(texts.size(), 2u);
  EXPECT_EQ(texts[0], absl::StrCat("\n", body.substr(0, 63)));
  EXPECT_EQ(texts[1], absl::StrCat("\na", body.substr(0, 60)));
}

TEST_P(RemoteEmbedderTest, TextWithoutWordsIsZeroAndNotSent) {
  const auto embedder = Create();
  const Result result = Embed(*embedder, {{"", " "}, {"", "text"}, {"<br>", "\n\n"}});
  ASSERT_TRUE(result.status.ok()) << result.status;
  EXPECT_THAT(server_->seen().texts, ElementsAre("\ntext"));
  for (int i = 0; i < kDimension; ++i) {
    EXPECT_EQ(result.vectors[i], 0);
    EXPECT_EQ(result.vectors[2 * kDimension + i], 0);
  }
  StopServer();
  EXPECT_TRUE(Embed(*embedder, {{"", ""}}).status.ok()) << "no server is needed for this";
  EXPECT_TRUE(Embed(*embedder, {}).status.ok());
}

TEST_P(RemoteEmbedderTest, ZeroVectorIsNoError) {
  const auto embedder = Create();
  Behaviour behaviour;
  behaviour.is_zero = true;
  server_->Set(behaviour);
  const Result result = EmbedBody(*embedder, "text");
  ASSERT_TRUE(result.status.ok()) << result.status;
  EXPECT_THAT(result.vectors, ::testing::Each(0.0f));
}

TEST_P(RemoteEmbedderTest, RefusesAtOnceWhileTheServerIsDown) {
  StopServer();
  const auto embedder = Create();
  ExpectFailure(*embedder, absl::StatusCode::kUnavailable, "model check: got UNAVAILABLE");
  EXPECT_EQ(embedder->stats().model_checks, options_.attempts_max);
  EXPECT_TRUE(embedder->stats().is_down);
  for (int i = 0; i < 3; ++i) ExpectFailure(*embedder, absl::StatusCode::kUnavailable, "down: ");
  EXPECT_EQ(embedder->stats().model_checks, options_.attempts_max) << "it did not try again";
  EXPECT_EQ(embedder->stats().refusals, 3);
  EXPECT_EQ(embedder->stats().failures, 4);
  EXPECT_EQ(RemoteEmbedder::Describe(options_).status().code(), absl::StatusCode::kUnavailable);
}

TEST_P(RemoteEmbedderTest, ComesBackWithTheServer) {
  options_.down_for_min = options_.down_for_max = absl::Milliseconds(1);
  const auto embedder = Create();
  ASSERT_TRUE(EmbedBody(*embedder, "before").status.ok());
  StopServer();
  EXPECT_EQ(EmbedBody(*embedder, "meanwhile").status.code(), absl::StatusCode::kUnavailable);
  StartAgain({});
  Result result;
  Await([&] { return (result = EmbedBody(*embedder, "after")).status.ok(); });
  EXPECT_THAT(result.vectors, IsNear(VectorOfBody("after")));
  EXPECT_FALSE(embedder->stats().is_down);
}

TEST_P(RemoteEmbedderTest, SlowServerMeansDeadlineExceededAndThenUnavailable) {
  options_.deadline = absl::Seconds(1);
  const auto embedder = Create();
  ASSERT_TRUE(EmbedBody(*embedder, "before").status.ok());
  server_->Hold();
  // In our words or in gRPC's, whose clock may be first.
  ExpectFailure(*embedder, absl::StatusCode::kDeadlineExceeded, "");
  Await([&] { return embedder->stats().is_down; });
  ExpectFailure(*embedder, absl::StatusCode::kUnavailable, "down: request: got DEADLINE_EXCEEDED");
}

TEST_P(RemoteEmbedderTest, RepeatsWhatTheServerIsTooBusyFor) {
  for (const auto code : {grpc::StatusCode::RESOURCE_EXHAUSTED, grpc::StatusCode::UNAVAILABLE}) {
    Behaviour behaviour;
    behaviour.failures = 2;
    behaviour.failure = code;
    server_->Set(behaviour);
    const auto embedder = Create();
    const Result result = EmbedBody(*embedder, "text");
    ASSERT_TRUE(result.status.ok()) << result.status;
    EXPECT_THAT(result.vectors, IsNear(VectorOfBody("text")));
    EXPECT_EQ(embedder->stats().requests, 3);
    // A connection that failed has its model checked again.
    EXPECT_EQ(embedder->stats().model_checks, code == grpc::StatusCode::UNAVAILABLE ? 3 : 1);
  }
}

TEST_P(RemoteEmbedderTest, GivesUpAfterAttemptsMax) {
  Behaviour behaviour;
  behaviour.failures = 3;
  behaviour.failure = grpc::StatusCode::RESOURCE_EXHAUSTED;
  server_->Set(behaviour);
  const auto embedder = Create();
  ExpectFailure(*embedder, absl::StatusCode::kResourceExhausted, "request: got RESOURCE_EXHAUSTED");
  EXPECT_FALSE(embedder->stats().is_down) << "a busy server is not a broken one";
  EXPECT_TRUE(EmbedBody(*embedder, "text").status.ok());
  behaviour.failures = 3;
  behaviour.failure = grpc::StatusCode::UNAVAILABLE;
  server_->Set(behaviour);
  ExpectFailure(*embedder, absl::StatusCode::kUnavailable, "request: got UNAVAILABLE");
  EXPECT_TRUE(embedder->stats().is_down);
}

TEST_P(RemoteEmbedderTest, OtherErrorsAreNotRepeated) {
  Behaviour behaviour;
  behaviour.failures = 1;
  behaviour.failure = grpc::StatusCode::INTERNAL;
  server_->Set(behaviour);
  const auto embedder = Create();
  ExpectFailure(*embedder, absl::StatusCode::kUnavailable, "request: got INTERNAL");
  EXPECT_EQ(server_->seen().requests, 1);
  EXPECT_TRUE(embedder->stats().is_down);
}

TEST_P(RemoteEmbedderTest, NeverGivesOutWhatIsNoVector) {
  Behaviour longer;
  longer.extra_values = 1;
  Behaviour shorter;
  shorter.extra_values = -kDimension;
  Behaviour nan;
  nan.is_nan = true;
  for (const auto& [behaviour, message] : std::vector<std::pair<Behaviour, std::string>>{
           {longer, "answered with 17 values, expected 16"},
           {shorter, "answered with 0 values, expected 16"},
           {nan, "answered with a value that is not a finite number"}}) {
    server_->Set(behaviour);
    const auto embedder = Create();
    ExpectFailure(*embedder, absl::StatusCode::kUnavailable, message);
    EXPECT_TRUE(embedder->stats().is_down);
  }
}

TEST_P(RemoteEmbedderTest, AnotherModelAfterARestartIsRefused) {
  options_.down_for_min = options_.down_for_max = absl::Milliseconds(1);
  Behaviour other_version;
  other_version.version = "2";
  Behaviour other_dimension;
  other_dimension.dimension = 32;
  for (const Behaviour& other : {other_version, other_dimension}) {
    Start({});
    const auto embedder = Create();
    ASSERT_TRUE(EmbedBody(*embedder, "before").status.ok());
    Start(other);
    Result result;
    Await([&] {
      result = EmbedBody(*embedder, "after");
      return result.status.code() != absl::StatusCode::kUnavailable;
    });
    EXPECT_EQ(result.status.code(), absl::StatusCode::kFailedPrecondition) << result.status;
    const std::string message(result.status.message());
    EXPECT_THAT(message, HasSubstr(absl::StrCat("expected \"", Expected().identity, "\" of 16")));
    EXPECT_THAT(message, HasSubstr(other.dimension == 32 ? "of 32 values" : "fake-model@2"));
    EXPECT_TRUE(server_->seen().texts.empty()) << "no article goes to another model";
    ExpectFailure(*embedder, absl::StatusCode::kFailedPrecondition, "another model than before");
    Start({});
    Await([&] { return EmbedBody(*embedder, "again").status.ok(); });
  }
}

TEST_P(RemoteEmbedderTest, AnotherModelOnTheSameConnectionIsFoundByTheNextCheck) {
  options_.model_check_interval = absl::Milliseconds(1);
  const auto embedder = Create();
  ASSERT_TRUE(EmbedBody(*embedder, "before").status.ok());
  Behaviour other;
  other.version = "2";
  server_->Set(other);
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  ExpectFailure(*embedder, absl::StatusCode::kFailedPrecondition, "another model than before");
}

TEST_P(RemoteEmbedderTest, ChecksTheModelOnceAConnection) {
  const auto embedder = Create();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(EmbedBody(*embedder, absl::StrCat(i)).status.ok());
  EXPECT_EQ(embedder->stats().model_checks, 1);
  EXPECT_EQ(embedder->stats().requests, 10);
  EXPECT_EQ(embedder->stats().texts, 10);
  EXPECT_EQ(embedder->stats().calls, 10);
  EXPECT_EQ(embedder->stats().failures, 0);
}

// A caller on a thread of its own.
class Caller {
 public:
  Caller(const RemoteEmbedder& embedder, std::vector<std::string> bodies)
      : thread_([this, &embedder, bodies = std::move(bodies)] {
          std::vector<Article> articles;
          for (const std::string& body : bodies) articles.push_back({"", body});
          result_ = Embed(embedder, articles);
        }) {}
  ~Caller() {
    if (thread_.joinable()) thread_.join();
  }

  const Result& Join() {
    if (thread_.joinable()) thread_.join();
    return result_;
  }

 private:
  Result result_;
  std::thread thread_;
};

TEST_P(RemoteEmbedderTest, RefusedTextFailsItsOwnCallAlone) {
  Behaviour behaviour;
  behaviour.refused_word = "bad";
  server_->Set(behaviour);
  const auto embedder = Create();
  server_->Hold();
  // Two requests on their way keep the others in the queue, until they share a batch.
  Caller first(*embedder, {"first"});
  server_->AwaitHeld(1);
  Caller second(*embedder, {"second"});
  server_->AwaitHeld(2);
  Caller good(*embedder, {"good 1", "good 2"});
  Caller bad(*embedder, {"fine", "a bad one"});
  Caller better(*embedder, {"better"});
  if (is_kserve()) Await([&] { return embedder->stats().queued == 5; });
  server_->Release();
  EXPECT_EQ(bad.Join().status.code(), absl::StatusCode::kInvalidArgument) << bad.Join().status;
  EXPECT_THAT(std::string(bad.Join().status.message()), HasSubstr("the server refuses a text"));
  ASSERT_TRUE(good.Join().status.ok()) << good.Join().status;
  ASSERT_TRUE(better.Join().status.ok()) << better.Join().status;
  EXPECT_THAT(better.Join().vectors, IsNear(VectorOfBody("better")));
  EXPECT_EQ(server_->seen().batch_largest, is_kserve() ? 5u : 1u);
  EXPECT_FALSE(embedder->stats().is_down);
}

TEST_P(RemoteEmbedderTest, FullQueueRefuses) {
  options_.queue_items_max = 2;
  options_.batch_items_max = 1;
  const auto embedder = Create();
  server_->Hold();
  std::vector<std::unique_ptr<Caller>> callers;
  const int at_once = is_kserve() ? 2 : 1;
  for (int i = 0; i < at_once; ++i) {
    callers.push_back(std::make_unique<Caller>(*embedder, std::vector<std::string>{"sent"}));
    server_->AwaitHeld(i + 1);
  }
  callers.push_back(std::make_unique<Caller>(*embedder, std::vector<std::string>{"a", "b"}));
  Await([&] { return embedder->stats().queued == 2; });
  ExpectFailure(*embedder, absl::StatusCode::kResourceExhausted,
                "too many texts wait, got 3, limit 2");
  server_->Release();
  for (const auto& caller : callers) EXPECT_TRUE(caller->Join().status.ok());
  EXPECT_TRUE(EmbedBody(*embedder, "later").status.ok());
  EXPECT_EQ(Embed(*embedder, {{"", "a"}, {"", "b"}, {"", "c"}}).status.code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_P(RemoteEmbedderTest, StopEndsCallsThatWait) {
  options_.batch_items_max = 1;
  const auto embedder = Create();
  server_->Hold();
  std::vector<std::unique_ptr<Caller>> callers;
  for (int i = 0; i < 4; ++i) {
    callers.push_back(std::make_unique<Caller>(*embedder, std::vector<std::string>{"text"}));
  }
  const int at_once = is_kserve() ? 2 : 1;
  server_->AwaitHeld(at_once);
  Await([&] { return embedder->stats().queued == 4 - at_once; });
  embedder->Stop();
  for (const auto& caller : callers) {
    EXPECT_EQ(caller->Join().status.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(caller->Join().status.message()), HasSubstr("stopping"));
  }
  ExpectFailure(*embedder, absl::StatusCode::kUnavailable, "stopping");
  embedder->Stop();
  server_->Release();
}

TEST_P(RemoteEmbedderTest, StopEndsAModelCheckThatWaits) {
  const auto embedder = Create();
  server_->Hold(/*checks_too=*/true);
  Caller caller(*embedder, {"text"});
  server_->AwaitHeld(1);
  EXPECT_EQ(embedder->stats().model_checks, 1);
  embedder->Stop();
  EXPECT_EQ(caller.Join().status.code(), absl::StatusCode::kUnavailable);
  server_->Release();
}

TEST_P(RemoteEmbedderTest, FailingChecksMakeItDown) {
  Behaviour behaviour;
  behaviour.check_failure = grpc::StatusCode::INTERNAL;
  server_->Set(behaviour);
  const auto embedder = Create();
  ExpectFailure(*embedder, absl::StatusCode::kUnavailable, "model check: got INTERNAL: on command");
  EXPECT_TRUE(embedder->stats().is_down);
  EXPECT_EQ(server_->seen().requests, 0);
}

TEST_P(RemoteEmbedderTest, CallersGetTheirOwnVectorsInTheirOrder) {
  options_.batch_items_max = 5;
  const auto embedder = Create();
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 40; ++i) {
        std::vector<Article> articles;
        std::vector<float> expected;
        for (int k = 0; k <= (t + i) % 7; ++k) {
          articles.push_back({"", absl::StrCat(t, " ", i, " ", k)});
          const std::vector<float> row = VectorOfBody(articles.back().body);
          expected.insert(expected.end(), row.begin(), row.end());
        }
        const Result result = Embed(*embedder, articles);
        if (!result.status.ok() || !::testing::Matches(IsNear(expected))(result.vectors)) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(server_->seen().batch_largest, is_kserve() ? 5u : 1u);
  if (is_kserve()) {
    EXPECT_GT(embedder->stats().texts, embedder->stats().requests) << "nothing was batched";
  }
}

TEST_P(RemoteEmbedderTest, ManyThreadsOverFaultsGetTheirVectorsOrAnError) {
  options_.deadline = absl::Milliseconds(200);
  options_.down_for_min = options_.down_for_max = absl::Milliseconds(1);
  const auto embedder = Create();
  std::atomic<bool> is_over{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; !is_over; ++i) {
        const std::string body = absl::StrCat(t, " ", i);
        const Result result = EmbedBody(*embedder, body);
        if (!result.status.ok()) {
          std::this_thread::yield();
        } else if (!::testing::Matches(IsNear(VectorOfBody(body)))(result.vectors)) {
          ++wrong;
        }
      }
    });
  }
  for (const auto code : {grpc::StatusCode::UNAVAILABLE, grpc::StatusCode::INTERNAL,
                          grpc::StatusCode::RESOURCE_EXHAUSTED}) {
    Behaviour behaviour;
    behaviour.failures = 7;
    behaviour.failure = code;
    server_->Set(behaviour);
    Await([&] { return server_->behaviour().failures == 0; });
  }
  Start({});
  Await([&] { return EmbedBody(*embedder, "after").status.ok(); });
  is_over = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_P(RemoteEmbedderTest, CreateRefusesWhatCannotBe) {
  for (const RemoteModel& model :
       {RemoteModel{"", 16}, RemoteModel{"a\n", 16}, RemoteModel{std::string(201, 'a'), 16},
        RemoteModel{"a", 0}, RemoteModel{"a", 4097}}) {
    EXPECT_EQ(RemoteEmbedder::Create(options_, model).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  options_.batch_items_max = 0;
  EXPECT_EQ(RemoteEmbedder::Create(options_, Expected()).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(RemoteEmbedder::Describe(options_).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_P(RemoteEmbedderTest, DescribeRefusesVectorsThatAreTooLong) {
  Behaviour behaviour;
  behaviour.dimension = 4097;
  server_->Set(behaviour);
  const auto model = RemoteEmbedder::Describe(options_);
  EXPECT_EQ(model.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(model.status().message()), HasSubstr("4097"));
}

class TeiTest : public RemoteEmbedderTest {};
INSTANTIATE_TEST_SUITE_P(Protocols, TeiTest, ::testing::Values(RemoteProtocol::kTei));

TEST_P(TeiTest, ModelWithoutRevision) {
  Behaviour behaviour;
  behaviour.version = "";
  server_->Set(behaviour);
  const auto model = RemoteEmbedder::Describe(options_);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->identity, "tei/1/fake-model");
}

TEST_P(TeiTest, OtherModelsThanEmbeddersAreRefused) {
  Behaviour behaviour;
  behaviour.is_reranker = true;
  server_->Set(behaviour);
  EXPECT_EQ(RemoteEmbedder::Describe(options_).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_P(TeiTest, FailureOfOneTextLeavesTheOthersOnTheirWayAlone) {
  Behaviour behaviour;
  behaviour.failing_word = "broken";
  server_->Set(behaviour);
  const auto embedder = Create();
  server_->Hold();
  Caller good(*embedder, {"good"});
  server_->AwaitHeld(1);
  Caller broken(*embedder, {"broken"});
  server_->AwaitHeld(2);
  server_->Release();
  EXPECT_TRUE(good.Join().status.ok()) << good.Join().status;
  EXPECT_EQ(broken.Join().status.code(), absl::StatusCode::kUnavailable);
}

class KserveTest : public RemoteEmbedderTest {
 protected:
  void ExpectWorks(Behaviour behaviour) {
    server_->Set(std::move(behaviour));
    const auto embedder = Create();
    server_->Hold();
    Caller first(*embedder, {"first"});
    server_->AwaitHeld(1);
    Caller more(*embedder, {"one", "two", "three"});
    Await([&] { return embedder->stats().requests + embedder->stats().queued >= 2; });
    server_->Release();
    ASSERT_TRUE(first.Join().status.ok()) << first.Join().status;
    ASSERT_TRUE(more.Join().status.ok()) << more.Join().status;
    std::vector<float> expected;
    for (const char* body : {"one", "two", "three"}) {
      const std::vector<float> row = VectorOfBody(body);
      expected.insert(expected.end(), row.begin(), row.end());
    }
    EXPECT_THAT(more.Join().vectors, IsNear(expected));
    EXPECT_FALSE(embedder->stats().is_down);
  }

  void ExpectDescribeFails(Behaviour behaviour, absl::StatusCode code, const std::string& message) {
    server_->Set(std::move(behaviour));
    const auto model = RemoteEmbedder::Describe(options_);
    EXPECT_EQ(model.status().code(), code) << model.status();
    EXPECT_THAT(std::string(model.status().message()), HasSubstr(message));
  }
};
INSTANTIATE_TEST_SUITE_P(Protocols, KserveTest, ::testing::Values(RemoteProtocol::kKserve));

TEST_P(KserveTest, AllFormsOfTensors) {
  for (const bool raw_contents : {false, true}) {
    for (const bool answers_raw : {false, true}) {
      for (const std::vector<int64_t>& shape :
           {std::vector<int64_t>{-1}, std::vector<int64_t>{-1, 1}, std::vector<int64_t>{-1, -1}}) {
        options_.raw_contents = raw_contents;
        Behaviour behaviour;
        behaviour.answers_raw = answers_raw;
        behaviour.input_shape = shape;
        ExpectWorks(behaviour);
      }
    }
  }
  EXPECT_EQ(server_->seen().batch_largest, 3u);
}

TEST_P(KserveTest, ModelOfFixedShapeGetsOneTextAtATime) {
  Behaviour behaviour;
  behaviour.input_shape = {1};
  ExpectWorks(behaviour);
  EXPECT_EQ(server_->seen().batch_largest, 1u);
}

TEST_P(KserveTest, BatchThatIsTooLargeForTheModelGoesOneByOne) {
  Behaviour behaviour;
  behaviour.batch_max = 2;
  ExpectWorks(behaviour);
  EXPECT_EQ(server_->seen().batch_largest, 3u);
}

TEST_P(KserveTest, VersionThatIsNotToldWithAnswers) {
  Behaviour behaviour;
  behaviour.hides_version = true;
  ExpectWorks(behaviour);
}

TEST_P(KserveTest, AnswerOfAnotherVersionIsRefused) {
  const auto embedder = Create();
  ASSERT_TRUE(EmbedBody(*embedder, "before").status.ok());
  Behaviour behaviour;
  behaviour.version = "2";
  server_->Set(behaviour);
  ExpectFailure(*embedder, absl::StatusCode::kFailedPrecondition, "another version");
}

TEST_P(KserveTest, OutputIsChosenByNameOrBecauseItIsAlone) {
  Behaviour behaviour;
  behaviour.outputs = {"hidden", "embedding"};
  ExpectDescribeFails(behaviour, absl::StatusCode::kFailedPrecondition,
                      "output: not one tensor of type FP32, got 2");
  options_.output = "embedding";
  ExpectWorks(behaviour);
  options_.output = "tokens";
  ExpectDescribeFails(behaviour, absl::StatusCode::kFailedPrecondition, "no such FP32 tensor");
  options_.output = "";
  behaviour.outputs = {};
  ExpectDescribeFails(behaviour, absl::StatusCode::kFailedPrecondition, "got 0, expected 1");
}

TEST_P(KserveTest, ModelsThatTakeNoTextsAreRefused) {
  Behaviour behaviour;
  behaviour.input_datatype = "INT64";
  ExpectDescribeFails(behaviour, absl::StatusCode::kFailedPrecondition, "input: not texts");
  for (const std::vector<int64_t>& shape :
       std::vector<std::vector<int64_t>>{{-1, 2}, {8}, {-1, -1, -1}, {-1, 0}, {0}}) {
    behaviour = {};
    behaviour.input_shape = shape;
    ExpectDescribeFails(behaviour, absl::StatusCode::kFailedPrecondition, "input: not texts");
  }
  options_.input = "prompt";
  ExpectDescribeFails({}, absl::StatusCode::kFailedPrecondition, "got \"prompt\"");
}

TEST_P(KserveTest, ModelThatIsNotThere) {
  Behaviour behaviour;
  behaviour.is_not_ready = true;
  ExpectDescribeFails(behaviour, absl::StatusCode::kUnavailable, "not ready");
  options_.model = "other";
  ExpectDescribeFails({}, absl::StatusCode::kUnavailable, "got NOT_FOUND");
}

TEST_P(KserveTest, AnswerOfAnotherShapeIsRefused) {
  for (const std::vector<int64_t>& shape : std::vector<std::vector<int64_t>>{
           {2, 16}, {1, 17}, {1, 1, 16}, {16, 1}, {-1, 16}, {1, int64_t{1} << 62}, {0, 0}, {17}}) {
    Behaviour behaviour;
    behaviour.output_shape = shape;
    server_->Set(behaviour);
    const auto embedder = Create();
    ExpectFailure(*embedder, absl::StatusCode::kUnavailable, "answered with ");
  }
  Behaviour behaviour;
  behaviour.missing_rows = 1;
  server_->Set(behaviour);
  const auto embedder = Create();
  ExpectFailure(*embedder, absl::StatusCode::kUnavailable, "answered with 0 rows, expected 1");
  behaviour.missing_rows = 0;
  behaviour.output_shape = {16};
  server_->Set(behaviour);
  EXPECT_TRUE(EmbedBody(*Create(), "text").status.ok()) << "one text may come without its row";
}

}  // namespace
}  // namespace newsprint::embed
