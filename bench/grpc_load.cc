#include "bench/grpc_load.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/impl/codegen/sync_stream.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "bench/stats.h"

namespace newsprint::bench {
namespace {

using Clock = std::chrono::steady_clock;
using grpc::ByteBuffer;

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

[[noreturn]] void Die(const char* method, const grpc::Status& status) {
  std::fprintf(stderr, "%s: %d %s\n", method, status.error_code(), status.error_message().c_str());
  std::exit(1);
}

// Calls until `seconds` are over; returns the latencies in microseconds.
std::vector<double> CallInLoop(const std::shared_ptr<grpc::Channel>& channel, const char* method,
                               const std::vector<ByteBuffer>& requests, size_t first,
                               double seconds) {
  const grpc::internal::RpcMethod rpc(method, grpc::internal::RpcMethod::NORMAL_RPC, channel);
  std::vector<double> latencies;
  const Clock::time_point begin = Clock::now();
  for (size_t i = first; SecondsSince(begin) < seconds; ++i) {
    const Clock::time_point sent = Clock::now();
    grpc::ClientContext context;
    ByteBuffer response;
    const grpc::Status status = grpc::internal::BlockingUnaryCall<ByteBuffer, ByteBuffer>(
        channel.get(), rpc, &context, requests[i % requests.size()], &response);
    if (!status.ok()) Die(method, status);
    latencies.push_back(SecondsSince(sent) * 1e6);
  }
  return latencies;
}

std::vector<double> CallFromThreads(const std::vector<std::shared_ptr<grpc::Channel>>& channels,
                                    const char* method, const std::vector<ByteBuffer>& requests,
                                    int threads, double seconds) {
  std::vector<std::vector<double>> latencies(threads);
  std::vector<std::thread> callers;
  for (int i = 0; i < threads; ++i) {
    callers.emplace_back([&, i] {
      latencies[i] = CallInLoop(channels[i % channels.size()], method, requests,
                                i * requests.size() / threads, seconds);
    });
  }
  for (std::thread& caller : callers) caller.join();
  std::vector<double> all;
  for (const auto& part : latencies) all.insert(all.end(), part.begin(), part.end());
  return all;
}

// Counts messages on their way.
class Window {
 public:
  explicit Window(int size) : free_(size) {}
  void Enter() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return free_ > 0; });
    --free_;
  }
  void Leave() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (++free_ == 1) changed_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int free_;
};

}  // namespace

ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return ByteBuffer(&slice, 1);
}

std::shared_ptr<grpc::Channel> Connect(const std::string& target) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

UnaryLoad RunUnary(const std::string& target, const char* method,
                   const std::vector<ByteBuffer>& requests, const UnaryOptions& options) {
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < options.connections; ++i) channels.push_back(Connect(target));
  CallFromThreads(channels, method, requests, options.threads, options.seconds / 4);
  const Clock::time_point begin = Clock::now();
  const std::vector<double> latencies =
      CallFromThreads(channels, method, requests, options.threads, options.seconds);
  UnaryLoad load;
  load.calls_per_second = static_cast<double>(latencies.size()) / SecondsSince(begin);
  load.p50_us = Percentile(latencies, 0.5);
  load.p99_us = Percentile(latencies, 0.99);
  return load;
}

double RunStream(const std::string& target, const char* method, const ByteBuffer& message,
                 int messages, int window) {
  const std::shared_ptr<grpc::Channel> channel = Connect(target);
  const grpc::internal::RpcMethod rpc(method, grpc::internal::RpcMethod::BIDI_STREAMING, channel);
  grpc::ClientContext context;
  const std::unique_ptr<grpc::ClientReaderWriter<ByteBuffer, ByteBuffer>> stream(
      grpc::internal::ClientReaderWriterFactory<ByteBuffer, ByteBuffer>::Create(channel.get(), rpc,
                                                                                &context));
  Window open(window);
  const Clock::time_point begin = Clock::now();
  std::thread writer([&] {
    for (int i = 0; i < messages; ++i) {
      open.Enter();
      if (!stream->Write(message)) return;
    }
    stream->WritesDone();
  });
  int answers = 0;
  for (ByteBuffer answer; stream->Read(&answer); ++answers) open.Leave();
  const double seconds = SecondsSince(begin);
  const grpc::Status status = stream->Finish();
  // A writer that still waits would wait forever.
  if (!status.ok() || answers != messages) Die(method, status);
  writer.join();
  return messages / seconds;
}

}  // namespace newsprint::bench
