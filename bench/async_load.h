// Unary load of many calls at once from a few threads, where refusals and missed deadlines are what
// is measured.
#ifndef NEWSPRINT_BENCH_ASYNC_LOAD_H_
#define NEWSPRINT_BENCH_ASYNC_LOAD_H_

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "bench/server_process.h"

namespace newsprint::bench {

// The requests that calls are made with, in turn. Thread-safe.
class RequestQueue {
 public:
  // With `once`, each request is served at most once; else they go round.
  RequestQueue(std::vector<grpc::ByteBuffer> requests, bool once);

  // Exits with a message when there are none left.
  grpc::ByteBuffer Take();
  // Of a call that was not served: it may be sent again.
  void GiveBack(grpc::ByteBuffer request);

 private:
  const bool once_;
  std::mutex mutex_;
  std::deque<grpc::ByteBuffer> requests_;
};

inline constexpr int kOnTheirWayMax = 5000;

struct AsyncOptions {
  int connections = 8;
  // Closed loop: this many calls are on their way at any time. A call that is refused is made again
  // at once.
  int in_flight = 16;
  // Open loop, if above 0: calls begin at this rate, whatever becomes of those before; but while
  // kOnTheirWayMax are on their way none begins, as the client would but burn the cores.
  double per_second = 0;
  double deadline_seconds = 1;
  double warm_up_seconds = 1;
  double seconds = 5;
};

// Of the calls that ended while it was measured.
struct AsyncLoad {
  int64_t begun = 0;
  int64_t served = 0;
  int64_t refused = 0;  // RESOURCE_EXHAUSTED
  int64_t late = 0;     // DEADLINE_EXCEEDED
  int64_t failed = 0;   // anything else
  double seconds = 0;
  double server_cpu_seconds = 0;
  double served_p50_us = 0;
  double served_p99_us = 0;
  double refused_p50_us = 0;  // 0 when there are none
  double refused_p99_us = 0;

  double served_per_second() const { return static_cast<double>(served) / seconds; }
  double begun_per_second() const { return static_cast<double>(begun) / seconds; }
};

AsyncLoad RunAsync(const ServerProcess& server, const char* method, RequestQueue* requests,
                   const AsyncOptions& options);

}  // namespace newsprint::bench

#endif  // NEWSPRINT_BENCH_ASYNC_LOAD_H_
