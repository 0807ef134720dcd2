// Ctrl-C as a flag, for commands that have something to clean up.
#ifndef NEWSPRINT_CLIENT_CLI_INTERRUPT_H_
#define NEWSPRINT_CLIENT_CLI_INTERRUPT_H_

#include <csignal>

namespace newsprint::cli {

// Whether SIGINT, SIGTERM or SIGHUP came since the last InterruptGuard began. Safe from any thread.
bool Interrupted();

// While it lives, the first of these signals sets Interrupted() and the second one kills the
// process as usual. One at a time; for the main thread.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  static constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction before_[3];
};

}  // namespace newsprint::cli

#endif  // NEWSPRINT_CLIENT_CLI_INTERRUPT_H_
