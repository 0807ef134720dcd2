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
#include <utility>

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

std::string ToString(const ByteBuffer& buffer) {
  std::string bytes;
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

std::shared_ptr<grpc::Channel> Connect(const std::string& target, const Credentials& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(
      target, credentials != nullptr ? credentials : grpc::InsecureChannelCredentials(), arguments);
}

grpc::Status CallOnce(const std::string& target, const char* method, const ByteBuffer& request,
                      ByteBuffer* response, const Credentials& credentials) {
  const std::shared_ptr<grpc::Channel> channel = Connect(target, credentials);
  const grpc::internal::RpcMethod rpc(method, grpc::internal::RpcMethod::NORMAL_RPC, channel);
  grpc::ClientContext context;
  return grpc::internal::BlockingUnaryCall<ByteBuffer, ByteBuffer>(channel.get(), rpc, &context,
                                                                   request, response);
}

UnaryLoad RunUnary(const std::string& target, const char* method,
                   const std::vector<ByteBuffer>& requests, const UnaryOptions& options) {
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < options.connections; ++i) {
    channels.push_back(Connect(target, options.credentials));
  }
  CallFromThreads(channels, method, requests, options.threads, options.seconds / 4);
  const Clock::time_point begin = Clock::now();
  const std::vector<double> latencies =
      CallFromThreads(channels, method, requests, options.threads, options.seconds);
  UnaryLoad load;
  load.calls = static_cast<int64_t>(latencies.size());
  load.calls_per_second = static_cast<double>(latencies.size()) / SecondsSince(begin);
  load.p50_us = Percentile(latencies, 0.5);
  load.p99_us = Percentile(latencies, 0.99);
  return load;
}

class MessageStream::Impl {
 public:
  Impl(const std::string& target, const char* method, int window)
      : method_(method),
        channel_(Connect(target)),
        rpc_(method, grpc::internal::RpcMethod::BIDI_STREAMING, channel_),
        stream_(grpc::internal::ClientReaderWriterFactory<ByteBuffer, ByteBuffer>::Create(
            channel_.get(), rpc_, &context_)),
        window_(window) {}

  ~Impl() {
    stream_->WritesDone();
    ByteBuffer answer;
    if (stream_->Read(&answer)) {
      std::fprintf(stderr, "%s: an answer to no message\n", method_);
      std::exit(1);
    }
    const grpc::Status status = stream_->Finish();
    if (!status.ok()) Die(method_, status);
  }

  double Send(const std::vector<ByteBuffer>& messages, double per_second,
              std::vector<ByteBuffer>* answers) {
    answers->reserve(answers->size() + messages.size());
    const Clock::time_point begin = Clock::now();
    std::thread writer([&] {
      for (size_t i = 0; i < messages.size(); ++i) {
        if (per_second > 0) {
          std::this_thread::sleep_until(
              begin + std::chrono::duration_cast<Clock::duration>(
                          std::chrono::duration<double>(static_cast<double>(i) / per_second)));
        }
        window_.Enter();
        if (!stream_->Write(messages[i])) return;
      }
    });
    for (size_t i = 0; i < messages.size(); ++i) {
      ByteBuffer answer;
      // A writer that still waits would wait for ever, so it is not joined.
      if (!stream_->Read(&answer)) Die(method_, stream_->Finish());
      window_.Leave();
      answers->push_back(std::move(answer));
    }
    const double seconds = SecondsSince(begin);
    writer.join();
    return seconds;
  }

 private:
  const char* const method_;
  const std::shared_ptr<grpc::Channel> channel_;
  const grpc::internal::RpcMethod rpc_;
  grpc::ClientContext context_;
  const std::unique_ptr<grpc::ClientReaderWriter<ByteBuffer, ByteBuffer>> stream_;
  Window window_;
};

MessageStream::MessageStream(const std::string& target, const char* method, int window)
    : impl_(std::make_unique<Impl>(target, method, window)) {}
MessageStream::~MessageStream() = default;

double MessageStream::Send(const std::vector<ByteBuffer>& messages, double per_second,
                           std::vector<ByteBuffer>* answers) {
  return impl_->Send(messages, per_second, answers);
}

}  // namespace newsprint::bench
