// The server over loopback, with generated stubs.
#include "service/rpc/server.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "newsprint/v1/admin_service.grpc.pb.h"
#include "newsprint/v1/article_service.grpc.pb.h"
#include "newsprint/v1/cluster_service.grpc.pb.h"
#include "tests/testing/articles.h"

namespace newsprint::rpc {
namespace {

using ::newsprint::testing::OpenEngine;
using ::newsprint::testing::StoryText;
using ::newsprint::testing::TempDir;
using ::testing::HasSubstr;

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override { Start({}); }

  void Start(ServerOptions options) {
    server_.reset();
    options.listen = "127.0.0.1:0";
    auto server = Server::Start(engine_.get(), options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials());
    stub_ = v1::ArticleService::NewStub(channel_);
    server_->SetReady();
  }

  static v1::IngestArticleRequest MakeRequest(const std::string& id, uint64_t story) {
    v1::IngestArticleRequest request;
    request.mutable_article()->set_id(id);
    request.mutable_article()->set_title(absl::StrCat("Story ", story));
    request.mutable_article()->set_body(StoryText(story, 150));
    return request;
  }

  grpc::Status Ingest(const v1::IngestArticleRequest& request,
                      v1::IngestArticleResponse* response) {
    grpc::ClientContext context;
    return stub_->IngestArticle(&context, request, response);
  }

  TempDir dir_;
  std::unique_ptr<Engine> engine_ = OpenEngine(dir_.path());
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ArticleService::Stub> stub_;
};

TEST_F(ServerTest, IngestsAndFinds) {
  v1::IngestArticleResponse response;
  ASSERT_TRUE(Ingest(MakeRequest("a", 1), &response).ok());
  EXPECT_EQ(response.verdict().relation(), v1::RELATION_NEW);
  grpc::ClientContext context;
  v1::FindDuplicatesRequest find;
  *find.mutable_article() = MakeRequest("", 1).article();
  v1::FindDuplicatesResponse found;
  ASSERT_TRUE(stub_->FindDuplicates(&context, find, &found).ok());
  EXPECT_EQ(found.verdict().relation(), v1::RELATION_EXACT);
  EXPECT_EQ(found.verdict().canonical_id(), "a");
}

TEST_F(ServerTest, ErrorsKeepCodeAndMessage) {
  v1::IngestArticleResponse response;
  const grpc::Status status = Ingest(MakeRequest("", 1), &response);
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "article.id: required, got nothing");
}

TEST_F(ServerTest, EveryServiceAnswers) {
  grpc::ClientContext context;
  v1::ListGroupsResponse groups;
  EXPECT_TRUE(v1::ClusterService::NewStub(channel_)->ListGroups(&context, {}, &groups).ok());
  grpc::ClientContext admin_context;
  v1::ListCollectionsResponse collections;
  EXPECT_TRUE(
      v1::AdminService::NewStub(channel_)->ListCollections(&admin_context, {}, &collections).ok());
  EXPECT_EQ(collections.collections_size(), 1);
}

TEST_F(ServerTest, InvalidUtf8InAStringFieldFailsTheCallAndNotTheConnection) {
  std::string bytes = MakeRequest("a", 1).SerializeAsString();
  const size_t at = bytes.find("Story 1");
  ASSERT_NE(at, std::string::npos);
  bytes[at] = '\xff';
  grpc::GenericStub generic(channel_);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  auto call = generic.PrepareUnaryCall(&context, "/newsprint.v1.ArticleService/IngestArticle",
                                       request, &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(),
              ::testing::StartsWith("newsprint.v1.Article.title: not valid UTF-8; send"));

  v1::IngestArticleRequest raw = MakeRequest("a", 1);
  raw.mutable_article()->clear_title();
  raw.mutable_article()->set_raw_title("\xfftory 1");
  v1::IngestArticleResponse ingested;
  EXPECT_TRUE(Ingest(raw, &ingested).ok());
}

TEST_F(ServerTest, AMessageOverTheLimitIsRefused) {
  v1::IngestArticleRequest request = MakeRequest("a", 1);
  request.mutable_article()->set_body(std::string(17 << 20, 'x'));
  v1::IngestArticleResponse response;
  EXPECT_EQ(Ingest(request, &response).error_code(), grpc::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Ingest(MakeRequest("a", 1), &response).ok());
}

TEST_F(ServerTest, StreamAnswersInOrderAndSurvivesBadItems) {
  grpc::ClientContext context;
  auto stream = stub_->StreamIngest(&context);
  constexpr int kItems = 600;
  std::thread writer([&] {
    for (int i = 1; i <= kItems; ++i) {
      v1::StreamIngestRequest request;
      request.set_sequence(i);
      *request.mutable_request() = MakeRequest(absl::StrCat("s", i), i / 3);
      if (i % 10 == 0) request.mutable_request()->mutable_article()->clear_body();
      ASSERT_TRUE(stream->Write(request));
    }
    stream->WritesDone();
  });
  v1::StreamIngestResponse response;
  uint64_t sequence = 0;
  int bad = 0;
  while (stream->Read(&response)) {
    EXPECT_EQ(response.sequence(), ++sequence);
    EXPECT_EQ(response.result().article_id(), absl::StrCat("s", sequence));
    if (sequence % 10 == 0) {
      EXPECT_EQ(response.result().status().code(), 3);
      ++bad;
    } else {
      EXPECT_EQ(response.result().status().code(), 0) << response.result().status().message();
      EXPECT_TRUE(response.result().has_verdict());
    }
  }
  writer.join();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(sequence, static_cast<uint64_t>(kItems));
  EXPECT_EQ(bad, kItems / 10);
  EXPECT_EQ((*engine_->Find("default"))->Stats().articles, kItems - kItems / 10);
}

// Sent as bytes, since our own stubs would not send it.
TEST_F(ServerTest, StreamAnswersAnItemWithInvalidUtf8AndGoesOn) {
  grpc::GenericStub generic(channel_);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  auto stream = generic.PrepareCall(&context, "/newsprint.v1.ArticleService/StreamIngest", &queue);
  void* tag = nullptr;
  bool ok = false;
  stream->StartCall(nullptr);
  queue.Next(&tag, &ok);
  for (int i = 1; i <= 3; ++i) {
    v1::StreamIngestRequest request;
    request.set_sequence(i);
    *request.mutable_request() = MakeRequest(absl::StrCat("s", i), i);
    std::string bytes = request.SerializeAsString();
    if (i == 2) bytes[bytes.find("Story")] = '\xff';
    const grpc::Slice slice(bytes);
    stream->Write(grpc::ByteBuffer(&slice, 1), nullptr);
    queue.Next(&tag, &ok);
    ASSERT_TRUE(ok);
    grpc::ByteBuffer buffer;
    stream->Read(&buffer, nullptr);
    queue.Next(&tag, &ok);
    ASSERT_TRUE(ok);
    grpc::Slice answer;
    ASSERT_TRUE(buffer.DumpToSingleSlice(&answer).ok());
    v1::StreamIngestResponse response;
    ASSERT_TRUE(response.ParseFromArray(answer.begin(), static_cast<int>(answer.size())));
    EXPECT_EQ(response.sequence(), static_cast<uint64_t>(i));
    EXPECT_EQ(response.result().status().code(), i == 2 ? 3 : 0);
    EXPECT_THAT(response.result().status().message(), HasSubstr(i == 2 ? "not valid UTF-8" : ""));
  }
  stream->WritesDone(nullptr);
  queue.Next(&tag, &ok);
  grpc::Status status;
  stream->Finish(&status, nullptr);
  queue.Next(&tag, &ok);
  EXPECT_TRUE(status.ok());
}

TEST_F(ServerTest, StreamEndsWhenTheSequenceDoesNotGrow) {
  grpc::ClientContext context;
  auto stream = stub_->StreamIngest(&context);
  v1::StreamIngestRequest request;
  request.set_sequence(5);
  *request.mutable_request() = MakeRequest("a", 1);
  ASSERT_TRUE(stream->Write(request));
  *request.mutable_request() = MakeRequest("b", 2);
  stream->Write(request);
  v1::StreamIngestResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.sequence(), 5u);
  EXPECT_FALSE(stream->Read(&response));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "sequence: does not grow, got 5, limit above 5");
  EXPECT_FALSE((*engine_->Find("default"))->Get("b", true).ok());
}

// A client that does not read is stopped after a window of requests, and loses nothing.
TEST_F(ServerTest, StreamStopsReadingWhenTheClientDoes) {
  ServerOptions options;
  options.limits.stream_window_items = 8;
  Start(options);
  grpc::ClientContext context;
  auto stream = stub_->StreamIngest(&context);
  std::atomic<int> written = 0;
  constexpr int kItems = 200;
  // Big enough that what HTTP/2 takes ahead of the server is a part of it.
  const std::string padding(60'000, 'x');
  std::thread writer([&] {
    for (int i = 1; i <= kItems; ++i) {
      v1::StreamIngestRequest request;
      request.set_sequence(i);
      *request.mutable_request() = MakeRequest(absl::StrCat("s", i), i);
      for (int k = 0; k < 16; ++k) {
        (*request.mutable_request()->mutable_article()->mutable_attributes())[absl::StrCat(k)] =
            padding.substr(0, 4000);
      }
      if (!stream->Write(request)) break;
      ++written;
    }
    stream->WritesDone();
  });
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const int64_t ingested = (*engine_->Find("default"))->Stats().articles;
  v1::StreamIngestResponse response;
  int read = 0;
  while (stream->Read(&response)) ++read;
  writer.join();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(read, kItems);
  EXPECT_EQ(written, kItems);
  EXPECT_LE(ingested, kItems);
}

TEST_F(ServerTest, AStreamThatVanishesLeavesTheServerWell) {
  for (int round = 0; round < 20; ++round) {
    grpc::ClientContext context;
    auto stream = stub_->StreamIngest(&context);
    for (int i = 1; i <= 20; ++i) {
      v1::StreamIngestRequest request;
      request.set_sequence(i);
      *request.mutable_request() = MakeRequest(absl::StrCat(round, "-", i), 20 * round + i);
      stream->Write(request);
    }
    v1::StreamIngestResponse response;
    if (round % 2 == 0) stream->Read(&response);
    context.TryCancel();
    while (stream->Read(&response)) {
    }
    EXPECT_EQ(stream->Finish().error_code(), grpc::CANCELLED);
  }
  v1::IngestArticleResponse response;
  EXPECT_TRUE(Ingest(MakeRequest("after", 1'000'000), &response).ok());
}

TEST_F(ServerTest, StreamOfAnUnknownCollectionAnswersEachItem) {
  grpc::ClientContext context;
  auto stream = stub_->StreamIngest(&context);
  v1::StreamIngestRequest request;
  request.set_sequence(1);
  *request.mutable_request() = MakeRequest("a", 1);
  request.mutable_request()->set_collection("nowhere");
  stream->Write(request);
  stream->WritesDone();
  v1::StreamIngestResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.result().status().code(), 5);
  EXPECT_EQ(response.result().status().message(), "collection: not found, got \"nowhere\"");
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(ServerTest, AFullQueueIsRefusedAtOnceAndAPassedDeadlineIsNotWorkedOn) {
  ServerOptions options;
  options.compute_threads = 1;
  options.queue_items_max = 1;
  Start(options);
  std::atomic<int> refused = 0;
  std::atomic<int> served = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 30; ++k) {
        v1::IngestArticleRequest request = MakeRequest(absl::StrCat(i, "-", k), 1000 * i + k);
        request.mutable_article()->set_body(StoryText(1000 * i + k, 5000));
        v1::IngestArticleResponse response;
        const grpc::Status status = Ingest(request, &response);
        if (status.ok()) {
          ++served;
        } else {
          EXPECT_EQ(status.error_code(), grpc::RESOURCE_EXHAUSTED) << status.error_message();
          EXPECT_THAT(status.error_message(), HasSubstr("queue is full"));
          ++refused;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(served, 0);
  EXPECT_GT(refused, 0);

  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() - std::chrono::seconds(1));
  v1::IngestArticleResponse response;
  EXPECT_EQ(stub_->IngestArticle(&context, MakeRequest("late", 1), &response).error_code(),
            grpc::DEADLINE_EXCEEDED);
}

TEST_F(ServerTest, BeforeItIsReadyEveryCallIsUnavailable) {
  ServerOptions options;
  options.listen = "127.0.0.1:0";
  const auto starting = *Server::Start(engine_.get(), options);
  auto stub = v1::ArticleService::NewStub(
      grpc::CreateChannel(starting->address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::IngestArticleResponse response;
  const grpc::Status status = stub->IngestArticle(&context, MakeRequest("a", 1), &response);
  EXPECT_EQ(status.error_code(), grpc::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "server: starting; try again after a pause");
  grpc::ClientContext stream_context;
  auto stream = stub->StreamIngest(&stream_context);
  v1::StreamIngestResponse answer;
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_EQ(stream->Finish().error_code(), grpc::UNAVAILABLE);
}

TEST_F(ServerTest, RefusesAnAddressInUse) {
  ServerOptions options;
  options.listen = server_->address();
  EXPECT_EQ(Server::Start(engine_.get(), options).status().message(),
            absl::StrCat("listen: cannot bind, got \"", server_->address(), "\""));
  options.listen = "nonsense";
  EXPECT_EQ(Server::Start(engine_.get(), options).status().message(),
            "listen: not HOST:PORT with a port of 0 to 65535, got \"nonsense\"");
}

TEST_F(ServerTest, ThirtyTwoClientsMakeOneCanonicalAStory) {
  constexpr int kStories = 200;
  constexpr int kCopies = 5;
  std::vector<std::pair<int, int>> work;
  for (int story = 0; story < kStories; ++story) {
    for (int copy = 0; copy < kCopies; ++copy) work.emplace_back(story, copy);
  }
  std::mt19937_64 random(newsprint::testing::Seed());
  std::shuffle(work.begin(), work.end(), random);
  std::atomic<size_t> next = 0;
  std::atomic<int> firsts = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 32; ++i) {
    threads.emplace_back([&] {
      for (size_t item = next++; item < work.size(); item = next++) {
        const auto [story, copy] = work[item];
        v1::IngestArticleResponse response;
        const grpc::Status status =
            Ingest(MakeRequest(absl::StrCat(story, "-", copy), story), &response);
        ASSERT_TRUE(status.ok()) << status.error_message();
        const v1::Relation relation = response.verdict().relation();
        if (relation == v1::RELATION_NEW || relation == v1::RELATION_RELATED) ++firsts;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(firsts, kStories);
  EXPECT_EQ((*engine_->Find("default"))->Stats().groups, kStories);
}

TEST_F(ServerTest, DrainLetsRunningCallsEnd) {
  std::atomic<bool> stop = false;
  std::atomic<int> lost = 0;
  std::atomic<int> acknowledged = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; !stop; ++k) {
        v1::IngestArticleResponse response;
        const grpc::Status status =
            Ingest(MakeRequest(absl::StrCat(i, "-", k), 1000 * i + k), &response);
        if (status.ok()) {
          ++acknowledged;
        } else {
          if (status.error_code() != grpc::UNAVAILABLE) ++lost;
          break;
        }
      }
    });
  }
  while (acknowledged < 50) std::this_thread::yield();
  server_->Drain(absl::Seconds(10));
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(lost, 0);
  EXPECT_GE((*engine_->Find("default"))->Stats().articles, acknowledged);
}

}  // namespace
}  // namespace newsprint::rpc
