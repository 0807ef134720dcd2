// Answers GET requests, for those who watch the server.
//
// As small as its job: HTTP/1.1 in plaintext, one request a connection, nothing of a request but
// its path. docs/adr/0017-metrics.md says why it is not civetweb.
#ifndef NEWSPRINT_SERVICE_METRICS_HTTP_SERVER_H_
#define NEWSPRINT_SERVICE_METRICS_HTTP_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace newsprint::metrics {

// One thread reads, calls the handler and writes; no client can hold up another. Thread-safe.
class HttpServer {
 public:
  struct Answer {
    int code = 200;  // 200, 404 or 503
    std::string type = "text/plain; charset=utf-8";
    std::string body;
  };
  // Given the path of a GET, without what follows a "?".
  using Handler = std::function<Answer(absl::string_view path)>;

  // `listen`: HOST:PORT; port 0 picks a free one. INVALID_ARGUMENT when it cannot be bound.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& listen,
                                                           Handler handler);
  // Waits for the handler, and breaks off what is under way.
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
