// A real server in a process of its own, that may be killed at any moment.
#ifndef NEWSPRINT_TESTS_CRASH_SERVER_PROCESS_H_
#define NEWSPRINT_TESTS_CRASH_SERVER_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace newsprint::crash {

// Runs a program to its end, without a shell. Its output, both kinds, is appended to the file. 128
// and more: a signal, or it did not end in time.
int RunProgram(const std::string& binary, const std::vector<std::string>& arguments,
               const std::string& log_path);

// Not thread-safe, but that Kill may be called from another thread than the one that reads. Kills
// the server when destroyed; it dies with the thread that started it, too.
class ServerProcess {
 public:
  // How a process ended.
  struct End {
    bool exited = false;  // else by a signal
    int code = 0;         // of the exit, or the signal
  };

  struct Options {
    std::string binary;                                            // path
    std::vector<std::string> arguments;                            // without the program's name
    std::vector<std::pair<std::string, std::string>> environment;  // added to our own
    std::string log_path;                                          // standard error is appended
    bool output_to_log = false;                                    // standard output too
  };
  // Aborts when no process can be made.
  explicit ServerProcess(const Options& options);
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // Waits for the line that tells the address, and returns that. FAILED_PRECONDITION when the
  // server ended first, DEADLINE_EXCEEDED when it said nothing in time.
  absl::StatusOr<std::string> WaitForAddress(absl::Duration patience);
  void Signal(int signal_number) const;
  // Kills it with SIGKILL and waits until it is gone.
  void Kill();
  // Waits for it to end by itself. DEADLINE_EXCEEDED when it does not.
  absl::StatusOr<End> WaitForEnd(absl::Duration patience);
  bool running() const { return pid_ > 0; }
  // VmRSS; 0 when it cannot be told.
  int64_t resident_bytes() const;

 private:
  pid_t pid_ = -1;  // -1 once it has been waited for
  int output_ = -1;
};

}  // namespace newsprint::crash

#endif  // NEWSPRINT_TESTS_CRASH_SERVER_PROCESS_H_
