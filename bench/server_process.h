// A server in a process of its own, as the load generators need it.
#ifndef NEWSPRINT_BENCH_SERVER_PROCESS_H_
#define NEWSPRINT_BENCH_SERVER_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace newsprint::bench {

// Starts a binary that stands beside the running one, and ends it with SIGTERM when destroyed, or
// when the thread that started it dies. Not thread-safe, but that several threads may read. Aborts
// with a message when the server does not come up.
class ServerProcess {
 public:
  // The server prints `listening on HOST:PORT` as its first line.
  ServerProcess(const std::string& binary, std::vector<std::string> arguments);
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // Ends the server with SIGTERM and waits for it; aborts with a message unless it exits with 0.
  void Stop();
  // Ends it with SIGKILL.
  void Kill();
  void Signal(int signal_number) const;

  const std::string& address() const { return address_; }
  // Of all its threads, in user mode and in the kernel, since it started. In steps of 10 ms.
  double cpu_seconds() const;
  int64_t resident_bytes() const { return StatusField("VmRSS") * 1024; }
  int64_t threads() const { return StatusField("Threads"); }
  // What it has written to disks since it started.
  int64_t written_bytes() const;
  // Disk space of the files without a name that it has open.
  int64_t unnamed_file_bytes() const;

 private:
  int64_t StatusField(const std::string& name) const;
  int End(int signal_number);

  pid_t pid_ = -1;  // -1 once it has ended
  std::string address_;
};

}  // namespace newsprint::bench

#endif  // NEWSPRINT_BENCH_SERVER_PROCESS_H_
