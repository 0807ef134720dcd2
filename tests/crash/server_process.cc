#include "tests/crash/server_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"

extern char** environ;

namespace newsprint::crash {
namespace {

[[noreturn]] void Die(const std::string& message) {
  std::fprintf(stderr, "crash_test: %s\n", message.c_str());
  std::exit(2);
}

}  // namespace

int RunProgram(const std::string& binary, const std::vector<std::string>& arguments,
               const std::string& log_path) {
  ServerProcess::Options options;
  options.binary = binary;
  options.arguments = arguments;
  options.log_path = log_path;
  options.output_to_log = true;
  ServerProcess program(options);
  const auto end = program.WaitForEnd(absl::Minutes(2));
  if (!end.ok()) return 255;
  return end->exited ? end->code : 128 + end->code;
}

ServerProcess::ServerProcess(const Options& options) {
  std::vector<std::string> words = {options.binary};
  words.insert(words.end(), options.arguments.begin(), options.arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::vector<std::string> variables;
  for (const auto& [name, value] : options.environment) {
    variables.push_back(absl::StrCat(name, "=", value));
  }
  std::vector<char*> environment;
  for (char** at = environ; *at != nullptr; ++at) environment.push_back(*at);
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);

  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) Die("cannot make a pipe");
  const int log = open(options.log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) Die(absl::StrCat("cannot open ", options.log_path));
  pid_ = fork();
  if (pid_ < 0) Die("cannot fork");
  if (pid_ == 0) {  // only calls that are allowed between fork and exec
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(options.output_to_log ? log : ends[1], STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execve(argv[0], argv.data(), environment.data());
    _exit(127);
  }
  close(ends[1]);
  close(log);
  output_ = ends[0];
}

ServerProcess::~ServerProcess() {
  if (pid_ > 0) Kill();
  close(output_);
}

absl::StatusOr<std::string> ServerProcess::WaitForAddress(absl::Duration patience) {
  const absl::Time deadline = absl::Now() + patience;
  std::string line;
  while (true) {
    pollfd waiting = {output_, POLLIN, 0};
    const int64_t left_ms = absl::ToInt64Milliseconds(deadline - absl::Now());
    if (left_ms <= 0 || poll(&waiting, 1, static_cast<int>(left_ms)) <= 0) {
      return absl::DeadlineExceededError("the server does not tell its address");
    }
    char c = 0;
    if (read(output_, &c, 1) != 1) return absl::FailedPreconditionError("the server ended");
    if (c == '\n') break;
    line.push_back(c);
  }
  absl::string_view address = line;
  if (!absl::ConsumePrefix(&address, "listening on ")) {
    return absl::InternalError(absl::StrCat("the server printed \"", line, "\""));
  }
  return std::string(address);
}

void ServerProcess::Signal(int signal_number) const {
  if (pid_ > 0) kill(pid_, signal_number);
}

void ServerProcess::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
}

absl::StatusOr<ServerProcess::End> ServerProcess::WaitForEnd(absl::Duration patience) {
  const absl::Time deadline = absl::Now() + patience;
  int status = 0;
  while (true) {
    const pid_t ended = waitpid(pid_, &status, WNOHANG);
    if (ended == pid_) break;
    if (ended < 0) Die("cannot wait for the server");
    if (absl::Now() > deadline) return absl::DeadlineExceededError("the server does not end");
    absl::SleepFor(absl::Milliseconds(2));
  }
  pid_ = -1;
  End end;
  end.exited = WIFEXITED(status);
  end.code = end.exited ? WEXITSTATUS(status) : WTERMSIG(status);
  return end;
}

int64_t ServerProcess::resident_bytes() const {
  std::ifstream status(absl::StrCat("/proc/", pid_, "/status"));
  for (std::string word; status >> word;) {
    int64_t kilobytes = 0;
    if (word == "VmRSS:" && status >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

}  // namespace newsprint::crash
