// Snapshots over loopback.
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <thread>

#include "absl/strings/str_cat.h"
#include "newsprint/v1/admin_service.grpc.pb.h"
#include "service/rpc/server.h"
#include "tests/testing/articles.h"

namespace newsprint::rpc {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class SnapshotRpcTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.listen = "127.0.0.1:0";
    options.compute_threads = 1;
    auto server = Server::Start(engine_.get(), options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials());
    stub_ = v1::AdminService::NewStub(channel_);
    server_->SetReady();
    const auto collection = *engine_->Find(kDefaultCollection);
    for (int i = 0; i < 200; ++i) {
      ASSERT_TRUE(newsprint::testing::Ingest(
                      *collection, newsprint::testing::StoryArticle(absl::StrCat("a", i), i, 400))
                      .ok());
    }
  }

  grpc::Status Create(const std::string& name, v1::Snapshot* snapshot = nullptr) {
    grpc::ClientContext context;
    v1::CreateSnapshotRequest request;
    request.set_name(name);
    v1::CreateSnapshotResponse response;
    const grpc::Status status = stub_->CreateSnapshot(&context, request, &response);
    if (snapshot != nullptr) *snapshot = response.snapshot();
    return status;
  }
  grpc::Status Delete(const std::string& name) {
    grpc::ClientContext context;
    v1::DeleteSnapshotRequest request;
    request.set_name(name);
    v1::DeleteSnapshotResponse response;
    return stub_->DeleteSnapshot(&context, request, &response);
  }
  // Reads to the end; sums up the bytes of each file.
  grpc::Status Read(const v1::ReadSnapshotRequest& request, std::map<std::string, int64_t>* files,
                    std::string* last = nullptr) {
    grpc::ClientContext context;
    const auto stream = stub_->ReadSnapshot(&context, request);
    v1::ReadSnapshotResponse piece;
    while (stream->Read(&piece)) {
      EXPECT_LE(piece.data().size(), 256u << 10);
      (*files)[piece.path()] = piece.offset() + static_cast<int64_t>(piece.data().size());
      if (last != nullptr) *last = piece.path();
    }
    return stream->Finish();
  }

  newsprint::testing::TempDir dir_;
  std::unique_ptr<Engine> engine_ = newsprint::testing::OpenEngine(dir_.path());
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::AdminService::Stub> stub_;
};

TEST_F(SnapshotRpcTest, AreMadeListedReadAndDeleted) {
  v1::Snapshot made;
  ASSERT_TRUE(Create("first", &made).ok());
  EXPECT_EQ(made.name(), "first");
  EXPECT_GT(made.bytes(), 256 << 10);
  EXPECT_GT(made.created_at().seconds(), 1'700'000'000);
  EXPECT_EQ(Create("first").error_code(), grpc::ALREADY_EXISTS);
  v1::Snapshot unnamed;
  ASSERT_TRUE(Create("", &unnamed).ok());
  EXPECT_EQ(unnamed.name().size(), 15u);

  grpc::ClientContext context;
  v1::ListSnapshotsRequest list;
  list.set_page_size(1);
  v1::ListSnapshotsResponse page;
  ASSERT_TRUE(stub_->ListSnapshots(&context, list, &page).ok());
  ASSERT_EQ(page.snapshots_size(), 1);
  EXPECT_EQ(page.snapshots(0).name(), unnamed.name());  // digits go before letters
  grpc::ClientContext next_context;
  list.set_page_token(page.next_page_token());
  ASSERT_TRUE(stub_->ListSnapshots(&next_context, list, &page).ok());
  ASSERT_EQ(page.snapshots_size(), 1);
  EXPECT_EQ(page.snapshots(0).SerializeAsString(), made.SerializeAsString());
  EXPECT_EQ(page.next_page_token(), "");

  v1::ReadSnapshotRequest request;
  request.set_name("first");
  std::map<std::string, int64_t> files;
  std::string last;
  ASSERT_TRUE(Read(request, &files, &last).ok());
  EXPECT_EQ(last, "MANIFEST.newsprint");
  int64_t bytes = -files.at("MANIFEST.newsprint");
  for (const auto& [path, size] : files) bytes += size;
  EXPECT_EQ(bytes, made.bytes());
  EXPECT_EQ(static_cast<int64_t>(files.size()), made.files() + 1);

  EXPECT_TRUE(Delete("first").ok());
  EXPECT_EQ(Delete("first").error_code(), grpc::NOT_FOUND);
  EXPECT_EQ(Read(request, &files).error_code(), grpc::NOT_FOUND);
}

TEST_F(SnapshotRpcTest, NamesAreChecked) {
  for (const std::string& name : {std::string("../graphs"), std::string("."), std::string("A"),
                                  std::string(65, 'a'), std::string("a/b")}) {
    const grpc::Status status = Create(name);
    EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT) << name;
    EXPECT_THAT(status.error_message(), StartsWith("name: not a name, got "));
    EXPECT_EQ(Delete(name).error_code(), grpc::INVALID_ARGUMENT) << name;
    v1::ReadSnapshotRequest request;
    request.set_name(name);
    std::map<std::string, int64_t> files;
    EXPECT_EQ(Read(request, &files).error_code(), grpc::INVALID_ARGUMENT) << name;
  }
  EXPECT_EQ(Delete("").error_message(), "name: required, got nothing");
  EXPECT_TRUE(std::filesystem::exists(dir_.path() + "/graphs"));
}

TEST_F(SnapshotRpcTest, ReadingGoesOnFromAPlace) {
  ASSERT_TRUE(Create("s").ok());
  v1::ReadSnapshotRequest request;
  request.set_name("s");
  std::map<std::string, int64_t> files;
  ASSERT_TRUE(Read(request, &files).ok());
  request.set_first_path("CURRENT");
  request.set_first_offset(3);
  std::map<std::string, int64_t> rest;
  ASSERT_TRUE(Read(request, &rest).ok());
  EXPECT_EQ(rest.at("CURRENT"), files.at("CURRENT"));
  EXPECT_LT(rest.size(), files.size());
  request.set_first_offset(1 << 20);
  EXPECT_THAT(Read(request, &rest).error_message(), HasSubstr("first_offset: beyond the file"));
  request.set_first_offset(-1);
  EXPECT_EQ(Read(request, &rest).error_code(), grpc::INVALID_ARGUMENT);
  request.clear_first_path();
  request.set_first_offset(1);
  EXPECT_EQ(Read(request, &rest).error_code(), grpc::INVALID_ARGUMENT);
  request.set_first_path("nothing");
  EXPECT_THAT(Read(request, &rest).error_message(), HasSubstr("first_path: no such file"));
}

// A client that does not read holds up neither other calls nor the memory of the server.
TEST_F(SnapshotRpcTest, ASlowReaderIsWaitedFor) {
  ASSERT_TRUE(Create("s").ok());
  v1::ReadSnapshotRequest request;
  request.set_name("s");
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::ReadSnapshotResponse>>> streams;
  for (int i = 0; i < 8; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    streams.push_back(stub_->ReadSnapshot(contexts.back().get(), request));
    v1::ReadSnapshotResponse piece;
    ASSERT_TRUE(streams.back()->Read(&piece));
  }
  EXPECT_TRUE(Create("t").ok());  // with one compute thread
  contexts[0]->TryCancel();
  EXPECT_EQ(streams[0]->Finish().error_code(), grpc::CANCELLED);
  v1::ReadSnapshotResponse piece;
  while (streams[1]->Read(&piece)) {
  }
  EXPECT_TRUE(streams[1]->Finish().ok());
  for (size_t i = 2; i < streams.size(); ++i) {
    contexts[i]->TryCancel();
    streams[i]->Finish();
  }
}

TEST_F(SnapshotRpcTest, AStoppingServerEndsTheStream) {
  ASSERT_TRUE(Create("s").ok());
  v1::ReadSnapshotRequest request;
  request.set_name("s");
  // More than gRPC takes in on its own.
  std::filesystem::resize_file(dir_.path() + "/snapshots/s/CURRENT", 64 << 20);
  grpc::ClientContext context;
  const auto stream = stub_->ReadSnapshot(&context, request);
  v1::ReadSnapshotResponse piece;
  ASSERT_TRUE(stream->Read(&piece));
  std::thread drain([this] { server_->Drain(absl::Seconds(10)); });
  while (stream->Read(&piece)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::UNAVAILABLE);
  drain.join();
}

}  // namespace
}  // namespace newsprint::rpc
