// Answers GET requests, for those who watch the server.
//
// As small as its job: HTTP/1.1 in plaintext, one request a connection, nothing of a request but
// its path. docs/adr/0017-metrics.md says why it is not civetweb.
#ifndef NEWSPRINT_SERVICE_METRICS_HTTP_SERVER_H_
#define NEWSPRINT_SERVICE_METRICS_HTTP_SERVER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace newsprint::metrics {

// One thread reads, answers and writes, and another one makes those answers that take time, so that
// neither a client nor such an answer can hold up another client. Thread-safe.
class HttpServer {
 public:
  struct Answer {
    int code = 200;  // 200, 404 or 503
    std::string type = "text/plain; charset=utf-8";
    std::string body;
  };
  // Given the path of a GET, without what follows a "?".
  struct Handlers {
    // Must wait for nothing. Nothing: `slow` is to answer.
    std::function<std::optional<Answer>(absl::string_view path)> quick;
    // May wait, for the disk say; one call at a time.
    std::function<Answer(absl::string_view path)> slow;
  };

  // `listen`: HOST:PORT; port 0 picks a free one, and of a name the first address that can be bound
  // counts. INVALID_ARGUMENT when there is none, UNAVAILABLE when the process may open no more.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& listen,
                                                           Handlers handlers);
  // Waits for the handlers, and breaks off what is under way.
  ~HttpServer();

  // HOST:PORT with the actual port.
  const std::string& address() const;

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace newsprint::metrics

#endif  // NEWSPRINT_SERVICE_METRICS_HTTP_SERVER_H_
