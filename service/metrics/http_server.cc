#include "service/metrics/http_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <deque>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/common/mutex.h"

namespace newsprint::metrics {
namespace {

using Clock = std::chrono::steady_clock;

// What is open at once; a further one takes the place of the oldest.
constexpr size_t kConnectionsMax = 64;
// Of a request, with its headers.
constexpr size_t kRequestBytesMax = 8 << 10;
// From when it was accepted until its answer is taken.
constexpr std::chrono::seconds kConnectionTime(10);
// After the system had no room for another connection, or could not wait for them.
constexpr std::chrono::milliseconds kFailurePause(100);
constexpr int kBacklog = 64;
// Of what a client sends beyond its request.
constexpr int kRestReadsMax = 8;

// Closes it at the end.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

enum class State { kReading, kWaiting, kWriting };

struct Connection {
  Connection(int fd, uint64_t number)
      : socket(fd), id(number), end(Clock::now() + kConnectionTime) {}

  Descriptor socket;
  uint64_t id;
  Clock::time_point end;
  State state = State::kReading;
  std::string request;
  std::string answer;
  size_t sent = 0;  // of the answer
};

// An answer that takes time.
struct Job {
  uint64_t connection = 0;
  std::string path;
  bool with_body = true;
};
struct Done {
  uint64_t connection = 0;
  std::string answer;
};

absl::string_view Reason(int code) {
  switch (code) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 431:
      return "Request Header Fields Too Large";
    default:
      return "Service Unavailable";
  }
}

std::string Serialize(const HttpServer::Answer& answer, bool with_body) {
  return absl::StrCat(
      "HTTP/1.1 ", answer.code, " ", Reason(answer.code), "\r\nContent-Type: ", answer.type,
      "\r\nContent-Length: ", answer.body.size(), answer.code == 405 ? "\r\nAllow: GET, HEAD" : "",
      "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n", with_body ? answer.body : "");
}

std::string Refusal(int code) {
  HttpServer::Answer answer;
  answer.code = code;
  answer.body = absl::StrCat(Reason(code), "\n");
  return Serialize(answer, /*with_body=*/true);
}

// Whether the process, or the system, has no room for another connection.
bool IsFull(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

int OpenSpare() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

}  // namespace

class HttpServer::Impl {
 public:
  Impl(Descriptor listener, Descriptor wake, std::string address, Handlers handlers)
      : address_(std::move(address)),
        handlers_(std::move(handlers)),
        listener_(std::move(listener)),
        wake_(std::move(wake)),
        spare_(OpenSpare()),
        slow_thread_([this] { RunSlow(); }),
        thread_([this] { Run(); }) {}

  ~Impl() {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
    }
    job_.NotifyAll();
    Wake();
    thread_.join();
    slow_thread_.join();
  }

  const std::string& address() const { return address_; }

 private:
  void Wake() {
    const uint64_t one = 1;
    while (write(wake_.get(), &one, sizeof(one)) < 0 && errno == EINTR) {
    }
  }

  void Run() {
    bool failed = false;
    while (true) {
      std::vector<pollfd> polled = {{wake_.get(), POLLIN, 0}};
      for (const Connection& connection : connections_) {
        polled.push_back({connection.socket.get(), Events(connection), 0});
      }
      const bool accepts = Clock::now() >= next_accept_;
      if (accepts) polled.push_back({listener_.get(), POLLIN, 0});
      if (poll(polled.data(), polled.size(), TimeoutMs()) < 0 && errno != EINTR) {
        if (!failed) {
          spdlog::error("event=metrics_failed reason=\"cannot wait for connections: {}\"",
                        std::generic_category().message(errno));
        }
        failed = true;
        for (pollfd& one : polled) one.revents = 0;
        std::this_thread::sleep_for(kFailurePause);
      }
      const size_t before = connections_.size();
      for (size_t i = 0; i < before; ++i) {
        if (polled[i + 1].revents != 0 && !GoOn(&connections_[i])) connections_[i].end = {};
      }
      if (!TakeDone(polled[0].revents != 0)) return;
      if (accepts && polled.back().revents != 0) Accept();
      const Clock::time_point now = Clock::now();
      connections_.erase(
          std::remove_if(connections_.begin(), connections_.end(),
                         [now](const Connection& connection) { return connection.end <= now; }),
          connections_.end());
      if (spare_.get() < 0) spare_ = Descriptor(OpenSpare());
    }
  }

  static short Events(const Connection& connection) {
    switch (connection.state) {
      case State::kReading:
        return POLLIN;
      case State::kWaiting:
        return 0;  // is told all the same when it is broken off
      case State::kWriting:
        break;
    }
    return POLLOUT;
  }

  // Makes the answers that take time.
  void RunSlow() {
    while (true) {
      Job job;
      {
        MutexLock lock(mutex_);
        while (jobs_.empty() && !stopping_) job_.Wait(mutex_);
        if (stopping_) return;
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
      std::string answer = Serialize(handlers_.slow(job.path), job.with_body);
      {
        MutexLock lock(mutex_);
        done_.push_back({job.connection, std::move(answer)});
      }
      Wake();
    }
  }

  // Hands finished answers to their connections, if these are still there. False at the end.
  bool TakeDone(bool woken) {
    std::vector<Done> done;
    {
      MutexLock lock(mutex_);
      if (stopping_) return false;
      done.swap(done_);
    }
    uint64_t count = 0;
    if (woken && read(wake_.get(), &count, sizeof(count)) < 0) count = 0;
    for (Done& one : done) {
      for (Connection& connection : connections_) {
        if (connection.id != one.connection) continue;
        connection.answer = std::move(one.answer);
        connection.state = State::kWriting;
      }
    }
    return true;
  }

  // Until the first connection has had its time; -1: there is none.
  int TimeoutMs() const {
    const Clock::time_point now = Clock::now();
    Clock::time_point next = Clock::time_point::max();
    if (next_accept_ > now) next = next_accept_;
    for (const Connection& connection : connections_) next = std::min(next, connection.end);
    if (next == Clock::time_point::max()) return -1;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(next - now).count();
    return static_cast<int>(std::max<int64_t>(left + 1, 0));
  }

  int AcceptOne() {
    return accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  }

  void Accept() {
    int fd = AcceptOne();
    if (fd < 0 && IsFull(errno)) {
      // Neither those who came before nor what else the process has open keeps out who asks for
      // its health.
      if (connections_.empty()) {
        spare_ = Descriptor(-1);
      } else {
        connections_.erase(connections_.begin());
      }
      fd = AcceptOne();
    }
    if (fd >= 0) {
      if (connections_.size() == kConnectionsMax) connections_.erase(connections_.begin());
      connections_.emplace_back(fd, next_id_++);
    } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
      next_accept_ = Clock::now() + kFailurePause;
    }
  }

  // False when it is over.
  bool GoOn(Connection* connection) {
    if (connection->state == State::kWaiting) return false;  // broken off
    if (connection->state == State::kReading && !Read(connection)) return false;
    if (connection->state != State::kWriting) return true;
    const int fd = connection->socket.get();
    const ssize_t sent = send(fd, connection->answer.data() + connection->sent,
                              connection->answer.size() - connection->sent, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    connection->sent += static_cast<size_t>(sent);
    if (connection->sent < connection->answer.size()) return true;
    shutdown(fd, SHUT_WR);
    // What is left unread when it is closed would take the answer back.
    char rest[kRequestBytesMax];
    for (int i = 0; i < kRestReadsMax && recv(fd, rest, sizeof(rest), MSG_DONTWAIT) > 0;) ++i;
    return false;
  }

  bool Read(Connection* connection) {
    char buffer[kRequestBytesMax];
    const ssize_t got = recv(connection->socket.get(), buffer, sizeof(buffer), 0);
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    std::string& request = connection->request;
    request.append(buffer, static_cast<size_t>(got));
    const size_t end = request.find("\r\n\r\n");
    if (end != std::string::npos) {
      AnswerRequest(absl::string_view(request).substr(0, end), connection);
    } else if (request.size() >= kRequestBytesMax) {
      SetAnswer(Refusal(431), connection);
    }
    return true;
  }

  static void SetAnswer(std::string answer, Connection* connection) {
    connection->answer = std::move(answer);
    connection->state = State::kWriting;
  }

  // `request` is all up to the empty line.
  void AnswerRequest(absl::string_view request, Connection* connection) {
    const absl::string_view line = request.substr(0, request.find("\r\n"));
    const size_t first = line.find(' ');
    const size_t last = line.rfind(' ');
    if (first == absl::string_view::npos || first == last ||
        !absl::StartsWith(line.substr(last + 1), "HTTP/1.")) {
      return SetAnswer(Refusal(400), connection);
    }
    const absl::string_view method = line.substr(0, first);
    const absl::string_view target = line.substr(first + 1, last - first - 1);
    if (method != "GET" && method != "HEAD") return SetAnswer(Refusal(405), connection);
    const bool with_body = method == "GET";
    const absl::string_view path = target.substr(0, target.find('?'));
    if (const auto answer = handlers_.quick(path); answer.has_value()) {
      return SetAnswer(Serialize(*answer, with_body), connection);
    }
    {
      MutexLock lock(mutex_);
      // Jobs outlive their connections.
      if (jobs_.size() >= kConnectionsMax) return SetAnswer(Refusal(503), connection);
      jobs_.push_back({connection->id, std::string(path), with_body});
    }
    connection->state = State::kWaiting;
    job_.NotifyOne();
  }

  const std::string address_;
  const Handlers handlers_;
  const Descriptor listener_;
  const Descriptor wake_;  // an eventfd: an answer is done, or it is time to end

  // Of the thread.
  std::vector<Connection> connections_;
  uint64_t next_id_ = 0;
  Clock::time_point next_accept_;
  Descriptor spare_;  // gives way to a connection when the process may open no more

  Mutex mutex_;
  CondVar job_;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mutex_);
  std::vector<Done> done_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread slow_thread_;
  std::thread thread_;  // these two last, so that they find all there
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& listen,
                                                              Handlers handlers) {
  const auto failure = [&listen](absl::string_view reason) {
    return absl::InvalidArgumentError(
        absl::StrCat("metrics_listen: cannot bind (", reason, "), got \"", listen, "\""));
  };
  const size_t colon = listen.rfind(':');
  std::string host = listen.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), listen.substr(colon + 1).c_str(), &hints, &found);
  if (error != 0) return failure(gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, &freeaddrinfo);
  int problem = 0;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    Descriptor bound_socket(socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int on = 1;
    sockaddr_in6 bound = {};  // has room for both families, whose ports are in the same place
    socklen_t length = sizeof(bound);
    if (bound_socket.get() < 0 ||
        setsockopt(bound_socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(bound_socket.get(), at->ai_addr, at->ai_addrlen) != 0 ||
        ::listen(bound_socket.get(), kBacklog) != 0 ||
        getsockname(bound_socket.get(), reinterpret_cast<sockaddr*>(&bound), &length) != 0) {
      problem = errno;
      continue;
    }
    Descriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (wake.get() < 0) {
      return absl::UnavailableError(absl::StrCat("metrics_listen: cannot make an eventfd: ",
                                                 std::generic_category().message(errno)));
    }
    const std::string address = absl::StrCat(listen.substr(0, colon), ":", ntohs(bound.sin6_port));
    return std::unique_ptr<HttpServer>(new HttpServer(std::make_unique<Impl>(
        std::move(bound_socket), std::move(wake), address, std::move(handlers))));
  }
  return failure(std::generic_category().message(problem));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() = default;

const std::string& HttpServer::address() const { return impl_->address(); }

}  // namespace newsprint::metrics
