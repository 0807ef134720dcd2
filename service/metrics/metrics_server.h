// The port for those who watch the server: /metrics for Prometheus, /healthz and /readyz for
// whoever starts and stops it.
//
// The only code that knows Prometheus and HTTP. It reads what the engine and the RPC layer count
// when it is asked, and nothing else calls it.
#ifndef NEWSPRINT_SERVICE_METRICS_METRICS_SERVER_H_
#define NEWSPRINT_SERVICE_METRICS_METRICS_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/engine/engine.h"
#include "service/metrics/server_state.h"
#include "service/rpc/server.h"

namespace newsprint::metrics {

// Thread-safe.
class MetricsServer {
 public:
  // `listen`: HOST:PORT, where HOST is an address or "localhost"; port 0 picks a free one. `state`
  // must outlive it. INVALID_ARGUMENT when the address cannot be bound.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(const std::string& listen,
                                                              absl::string_view newsprint_version,
                                                              const ServerState* state);
  ~MetricsServer();

  // Where it listens, HOST:PORT with the actual port.
  const std::string& address() const;

  // From now on it tells of these too, until the object that is returned goes, which must be before
  // them, and before the MetricsServer.
  class Attachment;
  std::unique_ptr<Attachment> Attach(const Engine* engine, const rpc::Server* server);

 private:
  class Impl;
  explicit MetricsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class MetricsServer::Attachment {
 public:
  explicit Attachment(Impl* impl) : impl_(impl) {}
  // Waits for whoever is reading.
  ~Attachment();
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;

 private:
  Impl* const impl_;
};

}  // namespace newsprint::metrics

#endif  // NEWSPRINT_SERVICE_METRICS_METRICS_SERVER_H_
