#include "service/metrics/http_server.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace newsprint::metrics {
namespace {

using Clock = std::chrono::steady_clock;

// What is open at once; a further one takes the place of the oldest.
constexpr size_t kConnectionsMax = 64;
// Of a request, with its headers.
constexpr size_t kRequestBytesMax = 8 << 10;
// From when it was accepted until its answer is taken.
constexpr std::chrono::seconds kConnectionTime(10);
// After the system had no room for another connection.
constexpr std::chrono::milliseconds kAcceptPause(100);
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

struct Connection {
  Descriptor socket;
  Clock::time_point end;
  std::string request;
  bool answered = false;
  std::string answer;
  size_t sent = 0;  // of the answer
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
  return absl::StrCat("HTTP/1.1 ", answer.code, " ", Reason(answer.code),
                      "\r\nContent-Type: ", answer.type, "\r\nContent-Length: ", answer.body.size(),
                      "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
                      with_body ? answer.body : "");
}

std::string Refusal(int code) {
  HttpServer::Answer answer;
  answer.code = code;
  answer.body = absl::StrCat(Reason(code), "\n");
  return Serialize(answer, /*with_body=*/true);
}

// `request` is all up to the empty line.
std::string AnswerTo(absl::string_view request, const HttpServer::Handler& handler) {
  const absl::string_view line = request.substr(0, request.find("\r\n"));
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == absl::string_view::npos || first == last ||
      !absl::StartsWith(line.substr(last + 1), "HTTP/1.")) {
    return Refusal(400);
  }
  const absl::string_view method = line.substr(0, first);
  const absl::string_view target = line.substr(first + 1, last - first - 1);
  if (method != "GET" && method != "HEAD") return Refusal(405);
  return Serialize(handler(target.substr(0, target.find('?'))), /*with_body=*/method == "GET");
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(Descriptor listener, std::string address, Handler handler)
      : address_(std::move(address)),
        handler_(std::move(handler)),
        listener_(std::move(listener)),
        stop_(eventfd(0, EFD_CLOEXEC)),
        thread_([this] { Run(); }) {}

  ~Impl() {
    const uint64_t one = 1;
    while (write(stop_.get(), &one, sizeof(one)) < 0 && errno == EINTR) {
    }
    thread_.join();
  }

  const std::string& address() const { return address_; }

 private:
  void Run() {
    while (true) {
      std::vector<pollfd> polled = {{stop_.get(), POLLIN, 0}};
      for (const Connection& connection : connections_) {
        const short events = connection.answered ? POLLOUT : POLLIN;
        polled.push_back({connection.socket.get(), events, 0});
      }
      const bool accepts = Clock::now() >= next_accept_;
      if (accepts) polled.push_back({listener_.get(), POLLIN, 0});
      if (poll(polled.data(), polled.size(), TimeoutMs()) < 0 && errno != EINTR) return;
      if (polled[0].revents != 0) return;
      const size_t before = connections_.size();
      for (size_t i = 0; i < before; ++i) {
        if (polled[i + 1].revents != 0 && !GoOn(&connections_[i])) connections_[i].end = {};
      }
      if (accepts && polled.back().revents != 0) Accept();
      const Clock::time_point now = Clock::now();
      connections_.erase(
          std::remove_if(connections_.begin(), connections_.end(),
                         [now](const Connection& connection) { return connection.end <= now; }),
          connections_.end());
    }
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

  void Accept() {
    const int fd = accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      if (connections_.size() == kConnectionsMax) connections_.erase(connections_.begin());
      connections_.push_back({Descriptor(fd), Clock::now() + kConnectionTime, "", false, "", 0});
    } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
      next_accept_ = Clock::now() + kAcceptPause;
    }
  }

  // False when it is over.
  bool GoOn(Connection* connection) {
    if (!connection->answered && !Read(connection)) return false;
    if (!connection->answered) return true;
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
      connection->answer = AnswerTo(absl::string_view(request).substr(0, end), handler_);
    } else if (request.size() >= kRequestBytesMax) {
      connection->answer = Refusal(431);
    } else {
      return true;
    }
    connection->answered = true;
    return true;
  }

  const std::string address_;
  const Handler handler_;
  const Descriptor listener_;
  const Descriptor stop_;
  // Of the thread.
  std::vector<Connection> connections_;
  Clock::time_point next_accept_;
  std::thread thread_;  // last, so that it finds all there
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& listen,
                                                              Handler handler) {
  const absl::Status failure =
      absl::InvalidArgumentError(absl::StrCat("metrics_listen: cannot bind, got \"", listen, "\""));
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
  if (getaddrinfo(host.c_str(), listen.substr(colon + 1).c_str(), &hints, &found) != 0) {
    return failure;
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, &freeaddrinfo);
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
      continue;
    }
    const std::string address = absl::StrCat(listen.substr(0, colon), ":", ntohs(bound.sin6_port));
    return std::unique_ptr<HttpServer>(new HttpServer(
        std::make_unique<Impl>(std::move(bound_socket), address, std::move(handler))));
  }
  return failure;
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() = default;

const std::string& HttpServer::address() const { return impl_->address(); }

}  // namespace newsprint::metrics
