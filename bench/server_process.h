// A server in a process of its own, as the load generators need it.
#ifndef NEWSPRINT_BENCH_SERVER_PROCESS_H_
#define NEWSPRINT_BENCH_SERVER_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace newsprint::bench {

// Starts a binary that stands beside the running one, and ends it with SIGTERM when destroyed, or
// when the thread that started it dies. Aborts with a message when the server does not come up.
class ServerProcess {
 public:
  // The server prints `listening on HOST:PORT` as its first line.
  ServerProcess(const std::string& binary, std::vector<std::string> arguments);
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  const std::string& address() const { return address_; }
  int64_t resident_bytes() const { return StatusField("VmRSS") * 1024; }
  int64_t threads() const { return StatusField("Threads"); }

 private:
  int64_t StatusField(const std::string& name) const;

  pid_t pid_ = -1;
  std::string address_;
};

}  // namespace newsprint::bench

#endif  // NEWSPRINT_BENCH_SERVER_PROCESS_H_
