#include "service/metrics/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "service/common/mutex.h"

namespace newsprint::metrics {
namespace {

// A connection that has sent a request.
class Asked {
 public:
  Asked(const std::string& address, const std::string& path)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<uint16_t>(std::atoi(address.c_str() + address.rfind(':') + 1)));
    const std::string request = "GET " + path + " HTTP/1.1\r\n\r\n";
    EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
    EXPECT_EQ(send(fd_, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
  }
  ~Asked() { close(fd_); }
  Asked(const Asked&) = delete;
  Asked& operator=(const Asked&) = delete;

  // The body of the answer.
  std::string Read() const {
    std::string answer;
    char buffer[4096];
    for (ssize_t got = 0; (got = recv(fd_, buffer, sizeof(buffer), 0)) > 0;) {
      answer.append(buffer, static_cast<size_t>(got));
    }
    const size_t end = answer.find("\r\n\r\n");
    return end == std::string::npos ? "nothing" : answer.substr(end + 4);
  }

 private:
  const int fd_;
};

HttpServer::Answer Body(const std::string& body) {
  HttpServer::Answer answer;
  answer.body = body;
  return answer;
}

TEST(HttpServerTest, AnAnswerThatTakesTimeHoldsUpNoOther) {
  Mutex mutex;
  CondVar changed;
  bool begun = false;
  bool let_go = false;
  HttpServer::Handlers handlers;
  handlers.quick = [](absl::string_view path) -> std::optional<HttpServer::Answer> {
    if (path == "/slow") return std::nullopt;
    return Body("quick");
  };
  handlers.slow = [&](absl::string_view path) {
    MutexLock lock(mutex);
    begun = true;
    changed.NotifyAll();
    while (!let_go) changed.Wait(mutex);
    return Body(std::string(path));
  };
  const auto server = HttpServer::Start("127.0.0.1:0", std::move(handlers));
  ASSERT_TRUE(server.ok()) << server.status();
  const std::string& address = (*server)->address();
  const Asked first(address, "/slow");
  const Asked second(address, "/slow?again");
  {
    MutexLock lock(mutex);
    while (!begun) changed.Wait(mutex);
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Asked(address, "/").Read(), "quick");
  { const Asked gone(address, "/slow"); }  // before its answer is there
  {
    MutexLock lock(mutex);
    let_go = true;
  }
  changed.NotifyAll();
  EXPECT_EQ(first.Read(), "/slow");
  EXPECT_EQ(second.Read(), "/slow");
  EXPECT_EQ(Asked(address, "/slow").Read(), "/slow");
}

}  // namespace
}  // namespace newsprint::metrics
