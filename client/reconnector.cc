#include "client/reconnector.h"

#include <chrono>
#include <system_error>
#include <utility>

namespace newsprint::client {
namespace {

// How long one wait takes, and so the end of a connection at most.
constexpr std::chrono::milliseconds kStep(100);
constexpr std::chrono::minutes kPatience(1);

using Clock = std::chrono::steady_clock;

}  // namespace

Reconnector::~Reconnector() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

absl::Status Reconnector::After(absl::Status status) {
  if (!absl::IsUnavailable(status)) return status;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    until_ = Clock::now() + kPatience;
    try {
      if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
    } catch (const std::system_error&) {
      // There may be no more threads. The next failure tries again.
    }
  }
  changed_.notify_all();
  return status;
}

void Reconnector::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopped_) {
    if (Clock::now() >= until_) {
      changed_.wait(lock);
      continue;
    }
    const Clock::time_point until = until_;
    lock.unlock();
    const grpc_connectivity_state state = channel_->GetState(/*try_to_connect=*/true);
    const bool over = state == GRPC_CHANNEL_READY || state == GRPC_CHANNEL_SHUTDOWN;
    if (!over) channel_->WaitForStateChange(state, std::chrono::system_clock::now() + kStep);
    lock.lock();
    // Unless another call has failed meanwhile.
    if (over && until == until_) until_ = {};
  }
}

}  // namespace newsprint::client
