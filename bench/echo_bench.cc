// What gRPC itself costs: an empty call with a 4 KB request, served by the synchronous API, by the
// callback API, and by the callback API with a hop through our worker pool, as newsprintd does it.
// Decides docs/adr/0002-callback-api.md. Prints one JSON object.
//
// With --serve it is the server; the benchmark starts itself again in that role, so that each
// server has a process of its own. Requests and answers are raw bytes; the handlers are those that
// generated code registers for raw methods.
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/method_handler.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/impl/codegen/sync_stream.h>
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "bench/grpc_load.h"
#include "bench/server_process.h"
#include "bench/stats.h"
#include "nlohmann/json.hpp"
#include "service/common/worker_pool.h"

ABSL_FLAG(std::string, serve, "", "Be the server: sync, callback or callback_pool.");
ABSL_FLAG(int, rounds, 5, "Times that each server is measured, in turn.");
ABSL_FLAG(double, seconds, 2, "Length of one measurement of unary calls.");
ABSL_FLAG(int, stream_messages, 50'000, "Messages of one measurement of a stream.");

namespace newsprint::bench {
namespace {

using grpc::ByteBuffer;
using grpc::internal::RpcMethod;
using grpc::internal::RpcServiceMethod;

constexpr int kRequestBytes = 4096;
constexpr int kStreamWindow = 256;
constexpr int kIdleStreams = 100;
const char* const kVariants[] = {"sync", "callback", "callback_pool"};

class SyncEcho final : public grpc::Service {
 public:
  SyncEcho() {
    AddMethod(new RpcServiceMethod(
        kEchoUnary, RpcMethod::NORMAL_RPC,
        new grpc::internal::RpcMethodHandler<SyncEcho, ByteBuffer, ByteBuffer>(
            [](SyncEcho*, grpc::ServerContext*, const ByteBuffer*, ByteBuffer* answer) {
              *answer = ToBuffer("");
              return grpc::Status::OK;
            },
            this)));
    AddMethod(new RpcServiceMethod(
        kEchoStream, RpcMethod::BIDI_STREAMING,
        new grpc::internal::BidiStreamingHandler<SyncEcho, ByteBuffer, ByteBuffer>(
            [](SyncEcho*, grpc::ServerContext*,
               grpc::ServerReaderWriter<ByteBuffer, ByteBuffer>* stream) {
              for (ByteBuffer message; stream->Read(&message);) stream->Write(ToBuffer(""));
              return grpc::Status::OK;
            },
            this)));
  }
};

// Answers each message of a stream before it reads the next one, as the loop above does.
class EchoStream final : public grpc::ServerBidiReactor<ByteBuffer, ByteBuffer> {
 public:
  explicit EchoStream(WorkerPool* pool) : pool_(pool) { StartRead(&message_); }

  void OnReadDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::OK);
      return;
    }
    if (pool_ == nullptr) return Answer();
    pool_->Submit([this] { Answer(); });
  }
  void OnWriteDone(bool ok) override {
    if (ok) StartRead(&message_);
    if (!ok) Finish(grpc::Status::CANCELLED);
  }
  void OnDone() override { delete this; }

 private:
  void Answer() {
    answer_ = ToBuffer("");
    StartWrite(&answer_);
  }

  WorkerPool* const pool_;
  ByteBuffer message_;
  ByteBuffer answer_;
};

class CallbackEcho final : public grpc::Service {
 public:
  // `pool` may be null: no hop then.
  explicit CallbackEcho(WorkerPool* pool) {
    AddMethod(new RpcServiceMethod(kEchoUnary, RpcMethod::NORMAL_RPC, nullptr));
    MarkMethodRawCallback(
        0, new grpc::internal::CallbackUnaryHandler<ByteBuffer, ByteBuffer>(
               [pool](grpc::CallbackServerContext* context, const ByteBuffer*, ByteBuffer* answer) {
                 grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
                 const auto finish = [reactor, answer] {
                   *answer = ToBuffer("");
                   reactor->Finish(grpc::Status::OK);
                 };
                 if (pool == nullptr) {
                   finish();
                 } else {
                   pool->Submit(finish);
                 }
                 return reactor;
               }));
    AddMethod(new RpcServiceMethod(kEchoStream, RpcMethod::BIDI_STREAMING, nullptr));
    MarkMethodRawCallback(
        1, new grpc::internal::CallbackBidiHandler<ByteBuffer, ByteBuffer>(
               [pool](grpc::CallbackServerContext*) { return new EchoStream(pool); }));
  }
};

int Serve(const std::string& variant) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  std::unique_ptr<WorkerPool> pool;
  if (variant == "callback_pool") {
    pool = std::make_unique<WorkerPool>(std::max(1u, std::thread::hardware_concurrency()));
  }
  std::unique_ptr<grpc::Service> service;
  if (variant == "sync") {
    service = std::make_unique<SyncEcho>();
  } else {
    service = std::make_unique<CallbackEcho>(pool.get());
  }
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(service.get());
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) return 1;
  std::printf("listening on 127.0.0.1:%d\n", port);
  std::fflush(stdout);
  int signal_number = 0;
  sigwait(&signals, &signal_number);
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  return 0;
}

// The server's threads while many streams are open and have each had an answer.
double ThreadsWithIdleStreams(const ServerProcess& server) {
  using Stream = grpc::ClientReaderWriter<ByteBuffer, ByteBuffer>;
  const auto channel = Connect(server.address());
  const RpcMethod rpc(kEchoStream, RpcMethod::BIDI_STREAMING, channel);
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < kIdleStreams; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    streams.emplace_back(grpc::internal::ClientReaderWriterFactory<ByteBuffer, ByteBuffer>::Create(
        channel.get(), rpc, contexts.back().get()));
    ByteBuffer answer;
    streams.back()->Write(ToBuffer("x"));
    streams.back()->Read(&answer);
  }
  const double threads = static_cast<double>(server.threads());
  for (auto& stream : streams) {
    stream->WritesDone();
    stream->Finish();
  }
  return threads;
}

int Measure() {
  const int rounds = absl::GetFlag(FLAGS_rounds);
  const ByteBuffer request = ToBuffer(std::string(kRequestBytes, 'x'));
  const std::vector<ByteBuffer> messages(absl::GetFlag(FLAGS_stream_messages), request);
  std::map<std::string, std::unique_ptr<ServerProcess>> servers;
  for (const std::string variant : kVariants) {
    servers[variant] = std::make_unique<ServerProcess>(
        "echo_bench", std::vector<std::string>{absl::StrCat("--serve=", variant)});
  }
  std::map<std::string, std::vector<double>> values;
  UnaryOptions loaded;
  loaded.seconds = absl::GetFlag(FLAGS_seconds);
  UnaryOptions alone;
  alone.threads = alone.connections = 1;
  alone.seconds = loaded.seconds / 4;
  for (int round = 0; round < rounds; ++round) {
    for (const std::string variant : kVariants) {
      const std::string& target = servers[variant]->address();
      const std::string prefix = absl::StrCat("echo_", variant, "_");
      const UnaryLoad load = RunUnary(target, kEchoUnary, {request}, loaded);
      values[prefix + "calls_per_second"].push_back(load.calls_per_second);
      values[prefix + "p50_us"].push_back(load.p50_us);
      values[prefix + "p99_us"].push_back(load.p99_us);
      values[prefix + "alone_p50_us"].push_back(
          RunUnary(target, kEchoUnary, {request}, alone).p50_us);
      std::vector<ByteBuffer> answers;
      values[prefix + "stream_messages_per_second"].push_back(
          static_cast<double>(messages.size()) /
          MessageStream(target, kEchoStream, kStreamWindow).Send(messages, 0, &answers));
    }
  }
  nlohmann::ordered_json figures;
  for (const std::string variant : kVariants) {
    const std::string prefix = absl::StrCat("echo_", variant, "_");
    for (const char* figure :
         {"calls_per_second", "p50_us", "p99_us", "alone_p50_us", "stream_messages_per_second"}) {
      figures[prefix + figure] = Median(values[prefix + figure]);
    }
    figures[prefix + "threads_with_100_streams"] = ThreadsWithIdleStreams(*servers[variant]);
  }
  std::cout << figures.dump(1) << std::endl;
  return 0;
}

}  // namespace
}  // namespace newsprint::bench

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const std::string serve = absl::GetFlag(FLAGS_serve);
  return serve.empty() ? newsprint::bench::Measure() : newsprint::bench::Serve(serve);
}
