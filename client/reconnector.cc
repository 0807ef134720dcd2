#include "client/reconnector.h"

#include <chrono>
#include <utility>

namespace newsprint::client {
namespace {

// How long one wait takes, and so the end of a connection at most.
constexpr std::chrono::milliseconds kStep(100);

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
    wanted_ = true;
    if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  }
  changed_.notify_all();
  return status;
}

void Reconnector::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return wanted_ || stopped_; });
    if (stopped_) return;
    lock.unlock();
    const grpc_connectivity_state state = channel_->GetState(/*try_to_connect=*/true);
    const bool over = state == GRPC_CHANNEL_READY || state == GRPC_CHANNEL_SHUTDOWN;
    if (!over) channel_->WaitForStateChange(state, std::chrono::system_clock::now() + kStep);
    lock.lock();
    if (over) wanted_ = false;
  }
}

}  // namespace newsprint::client
