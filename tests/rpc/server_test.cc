// The server over loopback, with generated stubs.
#include "service/rpc/server.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <optional>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "newsprint/v1/admin_service.grpc.pb.h"
#include "newsprint/v1/article_service.grpc.pb.h"
#include "newsprint/v1/cluster_service.grpc.pb.h"
#include "service/store/store.h"
#include "tests/testing/articles.h"
#include "tests/testing/file_size_limit.h"

namespace newsprint::rpc {
namespace {

using ::newsprint::testing::OpenEngine;
using ::newsprint::testing::StoryArticle;
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

// The first deletion is done and not on disk, so nobody may be told that the article is gone.
TEST_F(ServerTest, ARefusalDoesNotRestOnWhatTheDiskLacks) {
  v1::IngestArticleResponse ingested;
  ASSERT_TRUE(Ingest(MakeRequest("a", 1), &ingested).ok());
  const auto remove = [&](const std::string& id) {
    grpc::ClientContext context;
    v1::DeleteArticleRequest request;
    request.set_id(id);
    v1::DeleteArticleResponse response;
    return stub_->DeleteArticle(&context, request, &response);
  };
  {
    const newsprint::testing::FileSizeLimit limit(100);
    EXPECT_EQ(remove("a").error_code(), grpc::UNAVAILABLE);
    EXPECT_EQ(remove("a").error_code(), grpc::UNAVAILABLE);
    EXPECT_EQ(remove("").error_code(), grpc::INVALID_ARGUMENT);
  }
  grpc::Status status = remove("a");
  for (int i = 0; i < 200 && status.error_code() == grpc::UNAVAILABLE; ++i) {
    absl::SleepFor(absl::Milliseconds(50));
    status = remove("a");
  }
  EXPECT_EQ(status.error_code(), grpc::NOT_FOUND) << status.error_message();
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

TEST_F(ServerTest, UnderLoadCallsAreServedOrRefused) {
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

// WatchGroups.

using Watch = grpc::ClientReader<v1::WatchGroupsResponse>;

class WatchGroupsTest : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    Connect();
  }

  void Connect() {
    clusters_ = v1::ClusterService::NewStub(channel_);
    collection_ = *engine_->Find(kDefaultCollection);
  }

  // Replaces what the store says of the changes to groups, and starts again.
  void RewriteState(void (*rewrite)(store::CollectionState*, store::Batch*)) {
    server_.reset();
    collection_.reset();
    engine_.reset();
    {
      store::Store::Options options;
      options.data_dir = dir_.path();
      const auto store = *store::Store::Open(options);
      store::CollectionState state = *store->State(1);
      store::Batch batch(1);
      rewrite(&state, &batch);
      batch.PutState(state);
      ASSERT_TRUE(store->Apply(batch).ok());
    }
    engine_ = OpenEngine(dir_.path());
    Start({});
    Connect();
  }

  // Story number `story`, which is one change: a group that began, or an article that joined one.
  void MustIngest(const std::string& id, uint64_t story) {
    v1::IngestArticleResponse response;
    const grpc::Status status = Ingest(MakeRequest(id, story), &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }

  std::unique_ptr<Watch> StartWatch(grpc::ClientContext* context, std::optional<int64_t> after,
                                    const std::string& collection = "") {
    context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    v1::WatchGroupsRequest request;
    request.set_collection(collection);
    if (after.has_value()) request.set_after_sequence(*after);
    return clusters_->WatchGroups(context, request);
  }

  grpc::Status WatchStatus(std::optional<int64_t> after, const std::string& collection = "") {
    grpc::ClientContext context;
    const auto watch = StartWatch(&context, after, collection);
    v1::WatchGroupsResponse response;
    EXPECT_FALSE(watch->Read(&response));
    return watch->Finish();
  }

  // The next changes, until there are so many. Checks that none is left out and none comes twice.
  static std::vector<v1::GroupChange> Read(Watch* watch, int64_t after, size_t count) {
    std::vector<v1::GroupChange> changes;
    v1::WatchGroupsResponse response;
    while (changes.size() < count && watch->Read(&response)) {
      EXPECT_LE(response.changes_size(), 256);
      for (const v1::GroupChange& change : response.changes()) {
        EXPECT_EQ(change.sequence(), ++after);
        changes.push_back(change);
      }
      EXPECT_EQ(response.sequence(), after);
    }
    EXPECT_EQ(changes.size(), count);
    return changes;
  }

  // As an editor does: two changes.
  void Toggle(GroupNumber group, const std::string& note) {
    Withdrawal withdrawal;
    withdrawal.note = note;
    ASSERT_TRUE(collection_->Withdraw(group, withdrawal).ok());
    ASSERT_TRUE(collection_->Reinstate(group).ok());
  }

  std::unique_ptr<v1::ClusterService::Stub> clusters_;
  std::shared_ptr<Collection> collection_;
};

TEST_F(WatchGroupsTest, FromTheBeginningAndOn) {
  MustIngest("a", 1);
  MustIngest("b", 2);
  MustIngest("a2", 1);
  grpc::ClientContext context;
  const auto watch = StartWatch(&context, 0);
  std::vector<v1::GroupChange> changes = Read(watch.get(), 0, 3);
  ASSERT_EQ(changes.size(), 3u);
  EXPECT_EQ(changes[0].kind(), v1::GROUP_CHANGE_KIND_CREATED);
  EXPECT_EQ(changes[0].group_id(), "g1");
  EXPECT_EQ(changes[0].article_id(), "a");
  EXPECT_EQ(changes[0].canonical_id(), "a");
  EXPECT_EQ(changes[0].relation(), v1::RELATION_NEW);
  EXPECT_GT(changes[0].changed_at().seconds(), 0);
  EXPECT_EQ(changes[1].group_id(), "g2");
  EXPECT_EQ(changes[2].kind(), v1::GROUP_CHANGE_KIND_JOINED);
  EXPECT_EQ(changes[2].group_id(), "g1");
  EXPECT_EQ(changes[2].article_id(), "a2");
  EXPECT_EQ(changes[2].canonical_id(), "a");
  EXPECT_EQ(changes[2].relation(), v1::RELATION_EXACT);
  EXPECT_EQ(changes[2].other_group_id(), "");
  EXPECT_FALSE(changes[2].has_withdrawal());

  // And then as they happen, of every kind.
  Withdrawal withdrawal;
  withdrawal.note = "Not for use.";
  ASSERT_TRUE(collection_->Withdraw(1, withdrawal).ok());
  changes = Read(watch.get(), 3, 1);
  EXPECT_EQ(changes[0].kind(), v1::GROUP_CHANGE_KIND_WITHDRAWN);
  EXPECT_EQ(changes[0].withdrawal().note(), "Not for use.");
  MustIngest("a3", 1);
  changes = Read(watch.get(), 4, 1);
  EXPECT_EQ(changes[0].withdrawal().note(), "Not for use.");
  ASSERT_TRUE(collection_->Reinstate(1).ok());
  ASSERT_TRUE(collection_->Delete("a", "").ok());
  changes = Read(watch.get(), 5, 3);
  EXPECT_EQ(changes[0].kind(), v1::GROUP_CHANGE_KIND_REINSTATED);
  EXPECT_EQ(changes[1].kind(), v1::GROUP_CHANGE_KIND_LEFT);
  EXPECT_EQ(changes[2].kind(), v1::GROUP_CHANGE_KIND_CANONICAL_CHANGED);
  EXPECT_EQ(changes[2].article_id(), "a2");
  EXPECT_EQ(changes[2].previous_canonical_id(), "a");
  ASSERT_TRUE(collection_->MergeGroups(2, 1).ok());
  changes = Read(watch.get(), 8, 1);
  EXPECT_EQ(changes[0].kind(), v1::GROUP_CHANGE_KIND_MERGED);
  EXPECT_EQ(changes[0].group_id(), "g1");
  EXPECT_EQ(changes[0].other_group_id(), "g2");
  EXPECT_EQ(changes[0].canonical_id(), "");
  for (const char* id : {"a2", "a3", "b"}) ASSERT_TRUE(collection_->Delete(id, "").ok());
  EXPECT_EQ(Read(watch.get(), 9, 4).back().kind(), v1::GROUP_CHANGE_KIND_ENDED);
}

TEST_F(WatchGroupsTest, FromNow) {
  MustIngest("a", 1);
  MustIngest("b", 2);
  grpc::ClientContext context;
  const auto watch = StartWatch(&context, std::nullopt);
  v1::WatchGroupsResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.changes_size(), 0);
  EXPECT_EQ(response.sequence(), 2);
  MustIngest("c", 3);
  EXPECT_EQ(Read(watch.get(), 2, 1)[0].article_id(), "c");
}

TEST_F(WatchGroupsTest, AnEmptyCollectionSaysSoAndGoesOn) {
  for (const std::optional<int64_t> after : {std::optional<int64_t>(), std::optional<int64_t>(0)}) {
    const std::string name = after.has_value() ? "first" : "second";
    const auto collection = *engine_->Create(newsprint::testing::Named(name));
    grpc::ClientContext context;
    const auto watch = StartWatch(&context, after, name);
    v1::WatchGroupsResponse response;
    ASSERT_TRUE(watch->Read(&response));
    EXPECT_EQ(response.changes_size(), 0);
    EXPECT_EQ(response.sequence(), 0);
    ASSERT_TRUE(newsprint::testing::Ingest(*collection, StoryArticle("a", 1)).ok());
    EXPECT_EQ(Read(watch.get(), 0, 1)[0].article_id(), "a");
  }
}

TEST_F(WatchGroupsTest, ResumesAfterANumber) {
  for (int i = 1; i <= 10; ++i) MustIngest(absl::StrCat("a", i), i);
  {
    grpc::ClientContext context;
    const auto watch = StartWatch(&context, 4);
    EXPECT_EQ(Read(watch.get(), 4, 6).front().article_id(), "a5");
  }
  // Also after a restart, when nothing has been announced yet.
  RewriteState([](store::CollectionState*, store::Batch*) {});
  {
    grpc::ClientContext context;
    const auto watch = StartWatch(&context, 9);
    EXPECT_EQ(Read(watch.get(), 9, 1).front().article_id(), "a10");
  }
  grpc::ClientContext context;
  const auto watch = StartWatch(&context, 10);
  v1::WatchGroupsResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.changes_size(), 0);
  EXPECT_EQ(response.sequence(), 10);
  MustIngest("a11", 11);
  EXPECT_EQ(Read(watch.get(), 10, 1).front().article_id(), "a11");
}

TEST_F(WatchGroupsTest, WhatHasNotHappenedIsOutOfRange) {
  MustIngest("a", 1);
  const grpc::Status early = WatchStatus(2);
  EXPECT_EQ(early.error_code(), grpc::OUT_OF_RANGE);
  EXPECT_EQ(early.error_message(), "after_sequence: has not happened, got 2, limit 1 or less");
  EXPECT_EQ(WatchStatus(std::numeric_limits<int64_t>::max()).error_code(), grpc::OUT_OF_RANGE);
  const grpc::Status negative = WatchStatus(-1);
  EXPECT_EQ(negative.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(negative.error_message(), "after_sequence: negative, got -1, limit 0 or more");
}

TEST_F(WatchGroupsTest, WhatIsNoLongerKeptIsOutOfRange) {
  MustIngest("a", 1);
  // As if a million and ten thousand changes had happened since.
  RewriteState([](store::CollectionState* state, store::Batch*) {
    EXPECT_EQ(state->next_change, 2u);
    state->next_change = 1'010'001;
  });
  {
    grpc::ClientContext context;
    const auto watch = StartWatch(&context, 0);
    v1::WatchGroupsResponse response;
    ASSERT_TRUE(watch->Read(&response));
    EXPECT_EQ(response.changes(0).sequence(), 1);
  }
  MustIngest("b", 2);
  MustIngest("c", 3);  // the first that sees too many
  MustIngest("d", 4);
  const grpc::Status status = WatchStatus(0);
  EXPECT_EQ(status.error_code(), grpc::OUT_OF_RANGE);
  EXPECT_EQ(status.error_message(),
            "after_sequence: changes are no longer kept, got 0, limit 10001 or more; list the "
            "groups anew");
  EXPECT_EQ(WatchStatus(10'000).error_code(), grpc::OUT_OF_RANGE);
  grpc::ClientContext context;
  const auto watch = StartWatch(&context, 1'010'000);
  const auto changes = Read(watch.get(), 1'010'000, 3);
  ASSERT_EQ(changes.size(), 3u);
  EXPECT_EQ(changes[2].article_id(), "d");
}

TEST_F(WatchGroupsTest, AnUnknownOrDeletedCollectionIsNotFound) {
  EXPECT_EQ(WatchStatus(0, "nowhere").error_code(), grpc::NOT_FOUND);
  ASSERT_TRUE(engine_->Create(newsprint::testing::Named("short-lived")).ok());
  grpc::ClientContext context;
  const auto watch = StartWatch(&context, 0, "short-lived");
  v1::WatchGroupsResponse response;
  ASSERT_TRUE(watch->Read(&response));
  ASSERT_TRUE(engine_->Drop("short-lived").ok());
  EXPECT_FALSE(watch->Read(&response));
  const grpc::Status status = watch->Finish();
  EXPECT_EQ(status.error_code(), grpc::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "collection: deleted while it was watched");
  EXPECT_EQ(WatchStatus(0, "short-lived").error_code(), grpc::NOT_FOUND);
  // A new one of that name begins anew.
  const auto again = *engine_->Create(newsprint::testing::Named("short-lived"));
  grpc::ClientContext other;
  const auto other_watch = StartWatch(&other, 0, "short-lived");
  ASSERT_TRUE(newsprint::testing::Ingest(*again, StoryArticle("x", 1)).ok());
  EXPECT_EQ(Read(other_watch.get(), 0, 1)[0].article_id(), "x");
}

TEST_F(WatchGroupsTest, DrainEndsIdleWatchersAtOnce) {
  constexpr int kWatchers = 10;
  std::vector<grpc::ClientContext> contexts(kWatchers);
  std::vector<std::unique_ptr<Watch>> watches;
  for (grpc::ClientContext& context : contexts) {
    watches.push_back(StartWatch(&context, std::nullopt));
    v1::WatchGroupsResponse response;
    ASSERT_TRUE(watches.back()->Read(&response));
  }
  const auto begin = std::chrono::steady_clock::now();
  std::thread drain([&] { server_->Drain(absl::Seconds(30)); });
  for (const auto& watch : watches) {
    v1::WatchGroupsResponse response;
    EXPECT_FALSE(watch->Read(&response));
    const grpc::Status status = watch->Finish();
    EXPECT_EQ(status.error_code(), grpc::UNAVAILABLE) << status.error_message();
  }
  watches.clear();
  channel_.reset();
  stub_.reset();
  clusters_.reset();
  drain.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST_F(WatchGroupsTest, ClientsThatCancelLeaveTheServerWell) {
  std::atomic<bool> done = false;
  MustIngest("a", 1);
  std::thread editor([&] {
    while (!done) Toggle(1, "note");
  });
  std::vector<std::thread> watchers;
  for (int thread = 0; thread < 4; ++thread) {
    watchers.emplace_back([&, thread] {
      for (int round = 0; round < 25; ++round) {
        grpc::ClientContext context;
        const auto watch =
            StartWatch(&context, round % 2 == 0 ? std::optional<int64_t>(0) : std::nullopt);
        v1::WatchGroupsResponse response;
        if ((round + thread) % 3 != 0) {
          ASSERT_TRUE(watch->Read(&response));
        }
        context.TryCancel();
        while (watch->Read(&response)) {
        }
        EXPECT_EQ(watch->Finish().error_code(), grpc::CANCELLED);
      }
    });
  }
  for (std::thread& watcher : watchers) watcher.join();
  done = true;
  editor.join();
  grpc::ClientContext context;
  const auto watch = StartWatch(&context, 0);
  v1::WatchGroupsResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.changes(0).article_id(), "a");
  context.TryCancel();
  watch->Finish();
  // None of them is still running.
  const auto begin = std::chrono::steady_clock::now();
  server_->Drain(absl::Seconds(30));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

// It is told what fits into the connection, and the rest when it reads; nobody else waits for it.
TEST_F(WatchGroupsTest, AClientThatDoesNotReadHoldsUpNobody) {
  MustIngest("a", 1);
  grpc::ClientContext idle_context;
  const auto idle = StartWatch(&idle_context, 0);
  grpc::ClientContext context;
  const auto watch = StartWatch(&context, 1);
  constexpr int kToggles = 2500;
  std::thread editor([&] {
    const std::string note(1000, 'x');
    for (int i = 0; i < kToggles; ++i) Toggle(1, note);
  });
  EXPECT_EQ(Read(watch.get(), 1, 2 * kToggles).size(), size_t{2 * kToggles});
  editor.join();
  MustIngest("b", 2);
  EXPECT_EQ(Read(idle.get(), 0, 2 * kToggles + 2).back().article_id(), "b");
}

TEST_F(WatchGroupsTest, DrainDoesNotWaitForAClientThatDoesNotRead) {
  MustIngest("a", 1);
  const std::string note(1000, 'x');
  for (int i = 0; i < 1000; ++i) Toggle(1, note);
  grpc::ClientContext context;
  const auto watch = StartWatch(&context, 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // until the connection is full
  const auto begin = std::chrono::steady_clock::now();
  server_->Drain(absl::Seconds(3));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  v1::WatchGroupsResponse response;
  while (watch->Read(&response)) {
  }
  EXPECT_FALSE(watch->Finish().ok());
}

TEST_F(WatchGroupsTest, ManyWatchersSeeEveryChangeOnceWhileManyIngest) {
  constexpr int kWatchers = 24;
  constexpr int kWriters = 4;
  constexpr int kArticles = 120;  // of each writer
  std::vector<std::vector<v1::GroupChange>> seen(kWatchers);
  std::vector<std::thread> watchers;
  for (int i = 0; i < kWatchers; ++i) {
    watchers.emplace_back([&, i] {
      grpc::ClientContext context;
      const auto watch = StartWatch(&context, 0);
      if (i % 8 == 7) {  // a slow one
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
      }
      seen[i] = Read(watch.get(), 0, kWriters * kArticles);
    });
  }
  std::vector<std::thread> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([&, i] {
      for (int k = 0; k < kArticles; ++k) MustIngest(absl::StrCat(i, "-", k), k);
    });
  }
  for (std::thread& writer : writers) writer.join();
  for (std::thread& watcher : watchers) watcher.join();
  ASSERT_EQ(seen[0].size(), size_t{kWriters * kArticles});
  std::set<std::string> ids;
  std::set<std::string> groups;
  for (const v1::GroupChange& change : seen[0]) {
    EXPECT_TRUE(ids.insert(change.article_id()).second);
    // A story begins before anything joins it.
    EXPECT_EQ(groups.insert(change.group_id()).second,
              change.kind() == v1::GROUP_CHANGE_KIND_CREATED);
  }
  EXPECT_EQ(groups.size(), size_t{kArticles});
  for (const auto& changes : seen) {
    ASSERT_EQ(changes.size(), seen[0].size());
    for (size_t i = 0; i < changes.size(); ++i) {
      EXPECT_EQ(changes[i].article_id(), seen[0][i].article_id());
    }
  }
}

}  // namespace
}  // namespace newsprint::rpc
