// Goes on connecting while nobody calls.
#ifndef NEWSPRINT_CLIENT_RECONNECTOR_H_
#define NEWSPRINT_CLIENT_RECONNECTOR_H_

#include <grpcpp/channel.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/status/status.h"

namespace newsprint::client {

// gRPC's synchronous API reads from a connection that is being made only while some call waits, and
// calls on a channel that has failed do not wait. So between the attempts of a caller nothing would
// ever come of a TLS handshake, or of a connection that takes longer than a local one. This waits
// in their place, on a thread of its own, which begins with the first failure, for a minute after
// each. Thread-safe.
class Reconnector {
 public:
  explicit Reconnector(std::shared_ptr<grpc::Channel> channel) : channel_(std::move(channel)) {}
  ~Reconnector();
  Reconnector(const Reconnector&) = delete;
  Reconnector& operator=(const Reconnector&) = delete;

  // To be told what each call came to. Returns it.
  absl::Status After(absl::Status status);

 private:
  void Run();

  const std::shared_ptr<grpc::Channel> channel_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::condition_variable changed_;
  // Until when to go on. The past: not at all.
  std::chrono::steady_clock::time_point until_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace newsprint::client

#endif  // NEWSPRINT_CLIENT_RECONNECTOR_H_
