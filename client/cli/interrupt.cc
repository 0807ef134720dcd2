#include "client/cli/interrupt.h"

#include <atomic>

namespace newsprint::cli {
namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "used in a signal handler");

void OnSignal(int /*number*/) { interrupted.store(true); }

}  // namespace

bool Interrupted() { return interrupted.load(); }

InterruptGuard::InterruptGuard() {
  interrupted.store(false);
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  for (int i = 0; i < 3; ++i) sigaction(kSignals[i], &action, &before_[i]);
}

InterruptGuard::~InterruptGuard() {
  for (int i = 0; i < 3; ++i) sigaction(kSignals[i], &before_[i], nullptr);
}

}  // namespace newsprint::cli
