#include "bench/server_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace newsprint::bench {
namespace {

[[noreturn]] void Die(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(1);
}

// Becomes the server. Only calls that are allowed between fork and exec.
[[noreturn]] void Exec(int output, const std::string& path, char* const* arguments) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  dup2(output, STDOUT_FILENO);
  execv(path.c_str(), arguments);
  _exit(127);
}

}  // namespace

ServerProcess::ServerProcess(const std::string& binary, std::vector<std::string> arguments) {
  std::string path =
      (std::filesystem::read_symlink("/proc/self/exe").parent_path() / binary).string();
  std::vector<char*> argv = {path.data()};
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) Die("cannot make a pipe");
  pid_ = fork();
  if (pid_ < 0) Die("cannot fork");
  if (pid_ == 0) Exec(ends[1], path, argv.data());
  close(ends[1]);

  std::string line;
  for (char c = 0; read(ends[0], &c, 1) == 1 && c != '\n';) line.push_back(c);
  close(ends[0]);
  absl::string_view address = line;
  if (!absl::ConsumePrefix(&address, "listening on ")) {
    Die(absl::StrCat(path, ": did not start, got \"", line, "\""));
  }
  address_ = std::string(address);
}

ServerProcess::~ServerProcess() {
  if (pid_ > 0) End(SIGTERM);
}

int ServerProcess::End(int signal_number) {
  kill(pid_, signal_number);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return status;
}

void ServerProcess::Stop() {
  const int status = End(SIGTERM);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    Die(absl::StrCat(address_, ": the server did not end well after SIGTERM, wait status ",
                     status));
  }
}

void ServerProcess::Kill() { End(SIGKILL); }

void ServerProcess::Signal(int signal_number) const { kill(pid_, signal_number); }

double ServerProcess::cpu_seconds() const {
  std::ifstream stat(absl::StrCat("/proc/", pid_, "/stat"));
  std::string line;
  std::getline(stat, line);
  // The name of the program, in brackets, may hold anything. The 14th and 15th field follow.
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) Die(absl::StrCat("server ", pid_, ": cannot read its times"));
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::string_view(line).substr(name_end + 2), ' ');
  int64_t user_ticks = 0, system_ticks = 0;
  if (fields.size() < 13 || !absl::SimpleAtoi(fields[11], &user_ticks) ||
      !absl::SimpleAtoi(fields[12], &system_ticks)) {
    Die(absl::StrCat("server ", pid_, ": cannot read its times"));
  }
  return static_cast<double>(user_ticks + system_ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

int64_t ServerProcess::written_bytes() const {
  std::ifstream io(absl::StrCat("/proc/", pid_, "/io"));
  for (std::string word; io >> word;) {
    int64_t value = 0;
    if (word == "write_bytes:" && io >> value) return value;
  }
  Die(absl::StrCat("server ", pid_, ": cannot read what it has written"));
}

int64_t ServerProcess::unnamed_file_bytes() const {
  int64_t bytes = 0;
  std::error_code ignored;  // files that are closed meanwhile
  for (const auto& entry : std::filesystem::directory_iterator(
           std::filesystem::path("/proc") / std::to_string(pid_) / "fd", ignored)) {
    struct stat status;
    if (stat(entry.path().c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_nlink == 0) {
      bytes += status.st_blocks * 512;
    }
  }
  return bytes;
}

int64_t ServerProcess::StatusField(const std::string& name) const {
  std::ifstream status(absl::StrCat("/proc/", pid_, "/status"));
  for (std::string word; status >> word;) {
    int64_t value = 0;
    if (word == name + ":" && status >> value) return value;
  }
  Die(absl::StrCat("server ", pid_, ": no ", name, " in its status; has it died?"));
}

}  // namespace newsprint::bench
