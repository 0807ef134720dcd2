// The services over loopback with a pool that the test can hold up, so that queues fill.
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "newsprint/v1/article_service.grpc.pb.h"
#include "richstatus/status.pb.h"
#include "service/rpc/services.h"
#include "tests/testing/articles.h"

namespace newsprint::rpc {
namespace {

using ::newsprint::testing::OpenEngine;
using ::newsprint::testing::StoryText;
using ::newsprint::testing::TempDir;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class OverloadTest : public ::testing::Test {
 protected:
  void TearDown() override {
    Release();
    server_->Shutdown(std::chrono::system_clock::now());
  }

  void Start(size_t items_max, size_t bytes_max) {
    admission_ = std::make_shared<Admission>(items_max, bytes_max);
    dispatcher_ = std::make_unique<Dispatcher>(&handlers_, &pool_, admission_, access_.get(),
                                               &metrics_, /*slow_call=*/absl::ZeroDuration());
    services_ = MakeServices(dispatcher_.get(), /*with_admin=*/true);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    for (const auto& service : services_) builder.RegisterService(service.get());
    server_ = builder.BuildAndStart();
    // So that a client that does not read takes no more than 64 KiB.
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    stub_ = v1::ArticleService::NewStub(grpc::CreateCustomChannel(
        absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials(), arguments));
    dispatcher_->SetReady();
  }

  // Holds up the one thread of the pool.
  void Block() {
    std::promise<void> running;
    pool_.Submit([&running, released = release_.get_future()]() mutable {
      running.set_value();
      released.wait();
    });
    running.get_future().wait();
  }
  void Release() {
    if (released_) return;
    released_ = true;
    release_.set_value();
  }

  template <typename Condition>
  static void WaitFor(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "what is waited for does not come";
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  static v1::IngestArticleRequest MakeRequest(int number) {
    v1::IngestArticleRequest request;
    request.mutable_article()->set_id(absl::StrCat("a", number));
    request.mutable_article()->set_body(StoryText(number, 150));
    return request;
  }

  grpc::Status Ingest(int number) {
    grpc::ClientContext context;
    v1::IngestArticleResponse response;
    return stub_->IngestArticle(&context, MakeRequest(number), &response);
  }

  std::future<grpc::Status> IngestLater(int number) {
    return std::async(std::launch::async, [this, number] { return Ingest(number); });
  }

  bool IsStored(int number) {
    return (*engine_->Find("default"))->Get(absl::StrCat("a", number), true).ok();
  }

  // How long `status` asks to wait, in seconds; -1 when it does not.
  static double RetrySeconds(const grpc::Status& status) {
    richstatus::Status details;
    richstatus::RetryInfo info;
    if (!details.ParseFromString(status.error_details()) || details.details_size() != 1 ||
        details.code() != status.error_code() || details.message() != status.error_message() ||
        details.details(0).type_url() != "type.googleapis.com/google.rpc.RetryInfo" ||
        !info.ParseFromString(details.details(0).value())) {
      return -1;
    }
    return static_cast<double>(info.retry_delay().seconds()) + info.retry_delay().nanos() * 1e-9;
  }

  TempDir dir_;
  std::unique_ptr<Engine> engine_ = OpenEngine(dir_.path());
  std::promise<void> release_;
  bool released_ = false;
  CallMetrics metrics_;
  std::shared_ptr<Admission> admission_;
  WorkerPool pool_{1};
  const Handlers handlers_{engine_.get(), &pool_, {}};
  const std::unique_ptr<AccessControl> access_ = *AccessControl::Open("");
  std::unique_ptr<Dispatcher> dispatcher_;
  std::vector<std::unique_ptr<grpc::Service>> services_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::ArticleService::Stub> stub_;
};

// One stream, with a thread that writes.
class TestStream {
 public:
  TestStream(v1::ArticleService::Stub* stub, int first, int count)
      : stream_(stub->StreamIngest(&context_)), writer_([this, first, count] {
          for (int i = 0; i < count; ++i) {
            v1::StreamIngestRequest request;
            request.set_sequence(i + 1);
            request.mutable_request()->mutable_article()->set_id(absl::StrCat("a", first + i));
            request.mutable_request()->mutable_article()->set_body(StoryText(first + i, 150));
            if (!stream_->Write(request)) return;
          }
          stream_->WritesDone();
        }) {}

  void Cancel() { context_.TryCancel(); }
  // Reads all answers there are; returns how many were OK.
  int ReadAll() {
    int answers = 0;
    for (v1::StreamIngestResponse response; stream_->Read(&response);) {
      if (response.result().status().code() == 0) ++answers;
    }
    writer_.join();
    status_ = stream_->Finish();
    return answers;
  }
  const grpc::Status& status() const { return status_; }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::StreamIngestRequest, v1::StreamIngestResponse>>
      stream_;
  std::thread writer_;
  grpc::Status status_;
};

TEST_F(OverloadTest, AFullQueueIsRefusedAtOnceAndSaysWhenToTryAgain) {
  Start(2, 1 << 20);
  Block();
  std::future<grpc::Status> first = IngestLater(1), second = IngestLater(2);
  WaitFor([&] { return admission_->usage().unary_items == 2; });
  for (int i = 0; i < 20; ++i) {
    const grpc::Status refused = Ingest(3);
    EXPECT_EQ(refused.error_code(), grpc::RESOURCE_EXHAUSTED);
    EXPECT_THAT(refused.error_message(), HasSubstr("queue is full, limit 2 calls"));
    EXPECT_GE(RetrySeconds(refused), 0.05);
    EXPECT_LE(RetrySeconds(refused), 5);
  }
  // Those that run on gRPC's own threads count as well.
  grpc::ClientContext context;
  v1::FindDuplicatesRequest find;
  find.mutable_article()->set_body("text");
  v1::FindDuplicatesResponse found;
  EXPECT_EQ(stub_->FindDuplicates(&context, find, &found).error_code(), grpc::RESOURCE_EXHAUSTED);
  Release();
  EXPECT_TRUE(first.get().ok());
  EXPECT_TRUE(second.get().ok());
  EXPECT_FALSE(IsStored(3));
  EXPECT_TRUE(Ingest(3).ok());
  WaitFor([&] { return admission_->usage().unary_bytes == 0; });
  WaitFor([&] { return admission_->usage().answer_bytes == 0; });
}

TEST_F(OverloadTest, BytesAreBoundToo) {
  Start(100, 2 * MakeRequest(1).ByteSizeLong() + 100);
  Block();
  std::future<grpc::Status> first = IngestLater(1), second = IngestLater(2);
  WaitFor([&] { return admission_->usage().unary_items == 2; });
  EXPECT_THAT(Ingest(3).error_message(), HasSubstr("(--queue_bytes_max); try again after a pause"));
  Release();
  EXPECT_TRUE(first.get().ok());
  EXPECT_TRUE(second.get().ok());
}

TEST_F(OverloadTest, NothingIsDoneForACallThatDiedInTheQueue) {
  Start(100, 1 << 20);
  Block();
  grpc::ClientContext late;
  late.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
  v1::IngestArticleResponse response;
  EXPECT_EQ(stub_->IngestArticle(&late, MakeRequest(1), &response).error_code(),
            grpc::DEADLINE_EXCEEDED);
  grpc::ClientContext cancelled;
  std::future<grpc::Status> status = std::async(std::launch::async, [&] {
    v1::IngestArticleResponse ignored;
    return stub_->IngestArticle(&cancelled, MakeRequest(2), &ignored);
  });
  WaitFor([&] { return admission_->usage().unary_items >= 2; });
  cancelled.TryCancel();
  EXPECT_EQ(status.get().error_code(), grpc::CANCELLED);
  // Another call behind them, so that the server has heard of the end when their turn comes.
  std::future<grpc::Status> behind = IngestLater(3);
  WaitFor([&] { return admission_->usage().unary_items >= 3; });
  Release();
  EXPECT_TRUE(behind.get().ok());
  WaitFor([&] { return admission_->usage().unary_items == 0; });
  EXPECT_FALSE(IsStored(1));
  EXPECT_FALSE(IsStored(2));
}

TEST_F(OverloadTest, ADeadlineThatCannotBeMetIsRefusedAtOnce) {
  Start(100, 1 << 20);
  // The pool learns that tasks take long.
  for (int i = 0; i < 50; ++i) {
    pool_.Submit([] { std::this_thread::sleep_for(std::chrono::milliseconds(10)); });
  }
  WaitFor([&] { return pool_.ExpectedWait() == absl::ZeroDuration(); });
  Block();
  for (int i = 0; i < 1000; ++i) {
    pool_.Submit([] {});
  }
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(2));
  v1::IngestArticleResponse response;
  const grpc::Status refused = stub_->IngestArticle(&context, MakeRequest(1), &response);
  EXPECT_EQ(refused.error_code(), grpc::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), StartsWith("server: deadline cannot be met, got "));
  EXPECT_GT(RetrySeconds(refused), 0);
  // Without a deadline there is none that is missed.
  std::future<grpc::Status> patient = IngestLater(2);
  Release();
  EXPECT_TRUE(patient.get().ok());
}

TEST_F(OverloadTest, StreamsAreSlowedDownAndAllGoOn) {
  Start(4, 1 << 20);
  Block();
  constexpr int kStreams = 10;
  constexpr int kArticles = 20;
  std::vector<std::unique_ptr<TestStream>> streams;
  streams.push_back(std::make_unique<TestStream>(stub_.get(), 0, kArticles));
  // Alone, it may have half of the room.
  WaitFor([&] { return admission_->usage().stream_items == 2; });
  for (int i = 1; i < kStreams; ++i) {
    streams.push_back(std::make_unique<TestStream>(stub_.get(), 1000 * i, kArticles));
  }
  WaitFor([&] { return admission_->usage().streams == kStreams; });
  WaitFor([&] { return admission_->usage().stream_items >= 4; });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  // Each stream that began to read before there were 4 may bring one more.
  EXPECT_LE(admission_->usage().stream_items, 4u + kStreams);
  Release();
  for (const auto& stream : streams) {
    EXPECT_EQ(stream->ReadAll(), kArticles);
    EXPECT_TRUE(stream->status().ok()) << stream->status().error_message();
  }
  WaitFor([&] { return admission_->usage().streams == 0; });
  EXPECT_EQ(admission_->usage().stream_items, 0u);
  EXPECT_EQ(admission_->usage().stream_bytes, 0u);
}

TEST_F(OverloadTest, AStreamThatWaitsForRoomMayVanish) {
  Start(1, 1 << 20);
  Block();
  TestStream busy(stub_.get(), 0, 5);
  WaitFor([&] { return admission_->usage().stream_items == 1; });
  TestStream waiting(stub_.get(), 1000, 5);
  WaitFor([&] { return admission_->usage().streams == 2; });
  EXPECT_EQ(admission_->usage().stream_items, 1u);
  waiting.Cancel();
  EXPECT_EQ(waiting.ReadAll(), 0);
  EXPECT_EQ(waiting.status().error_code(), grpc::CANCELLED);
  WaitFor([&] { return admission_->usage().streams == 1; });
  Release();
  EXPECT_EQ(busy.ReadAll(), 5);
  EXPECT_TRUE(busy.status().ok());
  WaitFor([&] { return admission_->usage().streams == 0; });
  EXPECT_FALSE(IsStored(1000));
}

// Their answers count until they are taken, and then everything is free again.
TEST_F(OverloadTest, AStreamWhoseAnswersAreNotReadStopsReading) {
  Start(1000, 10'000);
  TestStream stream(stub_.get(), 0, 2000);
  WaitFor([&] { return admission_->usage().stream_answer_bytes >= 5'000; });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_LT(admission_->usage().stream_answer_bytes, 10'000u);
  // Others are served meanwhile.
  EXPECT_TRUE(Ingest(100'000).ok());
  EXPECT_EQ(stream.ReadAll(), 2000);
  EXPECT_TRUE(stream.status().ok());
  WaitFor([&] { return admission_->usage().stream_answer_bytes == 0; });
}

}  // namespace
}  // namespace newsprint::rpc
