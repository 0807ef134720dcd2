#include "client/credentials.h"

#include <arpa/inet.h>
#include <grpcpp/grpcpp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "newsprint/v1/admin_service.grpc.pb.h"

namespace newsprint::client {
namespace {

// Keeps what the last call said of its caller.
class TokenServer final : public v1::AdminService::Service {
 public:
  TokenServer() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~TokenServer() override { server_->Shutdown(); }

  grpc::Status GetStats(grpc::ServerContext* context, const v1::GetStatsRequest* /*request*/,
                        v1::GetStatsResponse* /*response*/) override {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = context->client_metadata().find("authorization");
    said_ = found == context->client_metadata().end()
                ? "nothing"
                : std::string(found->second.data(), found->second.size());
    if (expected_.empty() || said_ == expected_) return grpc::Status::OK;
    on_other_();
    return {grpc::StatusCode::UNAUTHENTICATED, "authorization: not a valid token"};
  }

  // From now on refuses others, after having called `on_other`.
  void Expect(const std::string& said, std::function<void()> on_other) {
    std::lock_guard<std::mutex> lock(mutex_);
    expected_ = said;
    on_other_ = std::move(on_other);
  }

  std::string target() const { return absl::StrCat("127.0.0.1:", port_); }
  std::string said() {
    std::lock_guard<std::mutex> lock(mutex_);
    return said_;
  }

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::mutex mutex_;
  std::string said_;
  std::string expected_;
  std::function<void()> on_other_;
};

class TokenTest : public ::testing::Test {
 protected:
  void SetUp() override { options_.target = server_.target(); }

  void Write(const std::string& text) {
    std::ofstream(path_ + ".new") << text;
    std::rename((path_ + ".new").c_str(), path_.c_str());
  }

  TokenServer server_;
  ClientOptions options_;
  const std::string path_ = ::testing::TempDir() + "/newsprint_token";
};

TEST_F(TokenTest, GoesWithEveryCallToThisMachine) {
  ASSERT_TRUE(Client(MakeConnection(options_)).GetStats({}).ok());
  EXPECT_EQ(server_.said(), "nothing");
  options_.token = "np_abc";
  ASSERT_TRUE(Client(MakeConnection(options_)).GetStats({}).ok());
  EXPECT_EQ(server_.said(), "Bearer np_abc");
}

TEST_F(TokenTest, ACallWhoseTokenWasReplacedMeanwhileIsMadeAgain) {
  Write("np_old");
  options_.token_file = path_;
  server_.Expect("Bearer np_new", [this] { Write("np_new"); });
  EXPECT_TRUE(Client(MakeConnection(options_)).GetStats({}).ok());
  EXPECT_EQ(server_.said(), "Bearer np_new");
  // One that is no better is not.
  server_.Expect("Bearer np_other", [] {});
  EXPECT_TRUE(absl::IsUnauthenticated(Client(MakeConnection(options_)).GetStats({}).status()));
}

// Takes no connection, and tells whether one has come.
class SilentListener {
 public:
  SilentListener() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address_);
    auto* const address = reinterpret_cast<struct sockaddr*>(&address_);
    EXPECT_EQ(bind(socket_, address, size), 0);
    EXPECT_EQ(listen(socket_, 8), 0);
    EXPECT_EQ(getsockname(socket_, address, &size), 0);
  }
  ~SilentListener() { close(socket_); }

  std::string url() const { return absl::StrCat("http://127.0.0.1:", ntohs(address_.sin_port)); }
  bool was_called() const {
    const int connection = accept(socket_, nullptr, nullptr);
    if (connection >= 0) close(connection);
    return connection >= 0;
  }

 private:
  const int socket_;
  struct sockaddr_in address_ = {};
};

TEST_F(TokenTest, NeverGoesUnencryptedToAProxy) {
  const SilentListener proxy;
  for (const char* name : {"grpc_proxy", "https_proxy", "http_proxy"}) {
    setenv(name, proxy.url().c_str(), 1);
  }
  options_.token = "np_abc";
  options_.deadline = absl::Seconds(20);
  const absl::Status status = Client(MakeConnection(options_)).GetStats({}).status();
  for (const char* name : {"grpc_proxy", "https_proxy", "http_proxy"}) unsetenv(name);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(server_.said(), "Bearer np_abc");
  EXPECT_FALSE(proxy.was_called());
}

TEST_F(TokenTest, AFileIsReadAgainWhenItChanges) {
  Write("np_one\n");
  options_.token = "np_passed_over";
  options_.token_file = path_;
  const Client client(MakeConnection(options_));
  ASSERT_TRUE(client.GetStats({}).ok());
  EXPECT_EQ(server_.said(), "Bearer np_one");
  Write("np_another");
  ASSERT_TRUE(client.GetStats({}).ok());
  EXPECT_EQ(server_.said(), "Bearer np_another");
  // What is no token, or gone, leaves the old one.
  Write("two words");
  ASSERT_TRUE(client.GetStats({}).ok());
  EXPECT_EQ(server_.said(), "Bearer np_another");
  std::remove(path_.c_str());
  ASSERT_TRUE(client.GetStats({}).ok());
  EXPECT_EQ(server_.said(), "Bearer np_another");
}

TEST_F(TokenTest, WhatIsNoTokenFailsBeforeTheCall) {
  options_.token = "np_abc\r\nx-evil: 1";
  EXPECT_EQ(Client(MakeConnection(options_)).GetStats({}).status().code(),
            absl::StatusCode::kInvalidArgument);
  options_.token_file = path_ + "-absent";
  const absl::Status absent = Client(MakeConnection(options_)).GetStats({}).status();
  EXPECT_THAT(std::string(absent.message()), ::testing::StartsWith("token_file: cannot be read"));
  EXPECT_EQ(server_.said(), "");
}

TEST(TokenSenderTest, NeverGoesUnencryptedToAnotherMachine) {
  ClientOptions options;
  options.target = "198.51.100.1:7420";
  options.token = "np_abc";
  const Client client(MakeConnection(options));
  const absl::Status refused = client.GetStats({}).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()), ::testing::StartsWith("token: would go unencrypted"));
  // Streams, too, fail at once and with the reason.
  const auto connection = MakeConnection(options);
  v1::StreamIngestResponse response;
  const auto ingest = connection->StreamIngest();
  EXPECT_FALSE(ingest->Write({}));
  ingest->WritesDone();
  EXPECT_FALSE(ingest->Read(&response));
  EXPECT_EQ(ingest->Finish(), refused);
  v1::WatchGroupsResponse changes;
  const auto watch = connection->WatchGroups({});
  EXPECT_FALSE(watch->Read(&changes));
  EXPECT_EQ(watch->Finish(), refused);
  // Nor do credentials that do not encrypt help.
  TokenServer server;
  options.target = server.target();
  options.credentials = grpc::InsecureChannelCredentials();
  EXPECT_FALSE(Client(MakeConnection(options)).GetStats({}).ok());
  EXPECT_EQ(server.said(), "");
}

TEST(IsLoopbackTargetTest, KnowsThisMachineFromOthers) {
  for (const char* target :
       {"127.0.0.1:7420", "localhost:7420", "[::1]:7420", "dns:///127.0.0.1:7420",
        "ipv4:127.9.9.9:1", "ipv6:[::1]:1", "unix:/tmp/socket", "dns:localhost:1"}) {
    EXPECT_TRUE(IsLoopbackTarget(target)) << target;
  }
  for (const char* target :
       {"10.0.0.1:7420", "news.example:7420", "127.example.com:1", "127.0.0.1.example:1",
        "localhost.example:1", "[fe80::1]:1", "dns:///news.example:1", "dns://8.8.8.8/localhost:1",
        "ipv4:127.0.0.1:1,10.0.0.1:1", "xds:///localhost", ""}) {
    EXPECT_FALSE(IsLoopbackTarget(target)) << target;
  }
}

TEST(ReadTlsCredentialsTest, NamesTheFileThatCannotBeRead) {
  EXPECT_EQ(ReadTlsCredentials({"/absent/ca", "", ""}).status().message(),
            "tls_ca: cannot be read (No such file or directory), got \"/absent/ca\"");
  EXPECT_EQ(ReadTlsCredentials({"", "cert", ""}).status().message(),
            "tls_cert, tls_key: got one of them, expected both or none");
  EXPECT_TRUE(ReadTlsCredentials({}).ok());
}

}  // namespace
}  // namespace newsprint::client
