// Load on a gRPC server in raw bytes, so that the client side costs the same for every server.
#ifndef NEWSPRINT_BENCH_GRPC_LOAD_H_
#define NEWSPRINT_BENCH_GRPC_LOAD_H_

#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace newsprint::bench {

inline constexpr char kEchoUnary[] = "/newsprint.bench.Echo/Unary";
inline constexpr char kEchoStream[] = "/newsprint.bench.Echo/Stream";

grpc::ByteBuffer ToBuffer(const std::string& bytes);

// The bytes of a buffer, in one piece.
std::string ToString(const grpc::ByteBuffer& buffer);

// Null: plaintext.
using Credentials = std::shared_ptr<grpc::ChannelCredentials>;

// A connection that is shared with no other channel.
std::shared_ptr<grpc::Channel> Connect(const std::string& target,
                                       const Credentials& credentials = nullptr);

struct UnaryOptions {
  int threads = 8;      // each with one call on its way
  int connections = 2;  // shared by the threads
  double seconds = 2;
  Credentials credentials;
};

struct UnaryLoad {
  int64_t calls = 0;
  double calls_per_second = 0;
  double p50_us = 0;
  double p99_us = 0;
};

// The answer to one call. Status codes other than OK are returned.
grpc::Status CallOnce(const std::string& target, const char* method,
                      const grpc::ByteBuffer& request, grpc::ByteBuffer* response,
                      const Credentials& credentials = nullptr);

// Calls `method` in a closed loop, each thread going through the requests from another place on.
// Warms up for a quarter of the time first. Exits with a message when a call fails.
UnaryLoad RunUnary(const std::string& target, const char* method,
                   const std::vector<grpc::ByteBuffer>& requests, const UnaryOptions& options);

// One bidirectional stream that answers each message with one, in order. Not thread-safe. Every
// failure of the stream exits with a message.
class MessageStream {
 public:
  // At most `window` messages are on their way at once.
  MessageStream(const std::string& target, const char* method, int window);
  // Ends the stream.
  ~MessageStream();
  MessageStream(const MessageStream&) = delete;
  MessageStream& operator=(const MessageStream&) = delete;

  // Sends all messages and waits for their answers, which are appended to `answers` as they came;
  // returns the seconds from the first message to the last answer. With `per_second` above 0, sends
  // no faster than that.
  double Send(const std::vector<grpc::ByteBuffer>& messages, double per_second,
              std::vector<grpc::ByteBuffer>* answers);

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace newsprint::bench

#endif  // NEWSPRINT_BENCH_GRPC_LOAD_H_
