// Load on a gRPC server in raw bytes, so that the client side costs the same for every server.
#ifndef NEWSPRINT_BENCH_GRPC_LOAD_H_
#define NEWSPRINT_BENCH_GRPC_LOAD_H_

#include <grpcpp/channel.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <string>
#include <vector>

namespace newsprint::bench {

inline constexpr char kEchoUnary[] = "/newsprint.bench.Echo/Unary";
inline constexpr char kEchoStream[] = "/newsprint.bench.Echo/Stream";

grpc::ByteBuffer ToBuffer(const std::string& bytes);

// A connection that is shared with no other channel.
std::shared_ptr<grpc::Channel> Connect(const std::string& target);

struct UnaryOptions {
  int threads = 8;      // each with one call on its way
  int connections = 2;  // shared by the threads
  double seconds = 2;
};

struct UnaryLoad {
  double calls_per_second = 0;
  double p50_us = 0;
  double p99_us = 0;
};

// Calls `method` in a closed loop, each thread going through the requests from another place on.
// Warms up for a quarter of the time first. Exits with a message when a call fails.
UnaryLoad RunUnary(const std::string& target, const char* method,
                   const std::vector<grpc::ByteBuffer>& requests, const UnaryOptions& options);

// Messages a second over one bidirectional stream that answers each message with one, with at most
// `window` of them on their way.
double RunStream(const std::string& target, const char* method, const grpc::ByteBuffer& message,
                 int messages, int window);

}  // namespace newsprint::bench

#endif  // NEWSPRINT_BENCH_GRPC_LOAD_H_
