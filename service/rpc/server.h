// The gRPC server: listener, services, health, reflection, draining.
#ifndef NEWSPRINT_SERVICE_RPC_SERVER_H_
#define NEWSPRINT_SERVICE_RPC_SERVER_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/common/worker_pool.h"
#include "service/engine/engine.h"
#include "service/rpc/admission.h"
#include "service/rpc/call_metrics.h"
#include "service/rpc/limits.h"
#include "service/rpc/tls.h"

namespace newsprint::rpc {

// Who gets in, and how.
struct SecurityOptions {
  TlsOptions tls;  // of all listeners
  // Without TLS other addresses than loopback ones are refused, unless this is set.
  bool allow_plaintext = false;
  // Identities, roles and limits (docs/security.md). Empty: whoever can connect may do everything.
  std::string access_file;
  // HOST:PORT of a second listener, with all services. AdminService is on no other one then. Empty:
  // there is one listener for all.
  std::string admin_listen;
  // Whether the reflection service is there, which tells the API to everybody. Absent: unless there
  // is an access file.
  std::optional<bool> reflection;
};

struct ServerOptions {
  // HOST:PORT; port 0 picks a free one.
  std::string listen = "127.0.0.1:7420";
  // Threads that normalise, decide and search. 0: one for each core.
  int compute_threads = 0;
  // Unary calls that may be under way, and apart from them requests of streams. More: longer waits
  // under overload; fewer: refusals earlier.
  int queue_items_max = 1024;
  // The same in bytes, and of answers that their callers have not taken yet.
  int64_t queue_bytes_max = int64_t{64} << 20;
  // Calls of one connection, streams among them, that may be open; its client holds back further
  // ones.
  int connection_calls_max = 100;
  // What gRPC may hold in buffers. Beyond it takes no new connections and breaks off calls.
  int64_t grpc_bytes_max = int64_t{512} << 20;
  // After this time of silence a client is asked for a sign of life, and after the same time
  // without one its connection is closed.
  absl::Duration keepalive = absl::Seconds(30);
  SecurityOptions security;
  // Calls, and requests of streams, that take so long are logged. Zero: none.
  absl::Duration slow_call = absl::Seconds(1);
  Limits limits;
};

// How much there is to do at a moment.
struct ServerLoad {
  Admission::Usage usage;
  size_t items_max = 0;  // of `usage`, as of the options
  size_t bytes_max = 0;
  WorkerPool::Load pool;
  int compute_threads = 0;
  absl::Duration expected_wait;  // of a call that came now, for a thread
};

// How what may be replaced while the server runs fares. Absent: there is none.
struct ReloadState {
  std::optional<absl::Time> certificate_not_after;  // of the server
  // Whether the files on disk are no good, and those of before stay.
  std::optional<bool> certificates_failed;
  std::optional<bool> access_file_failed;
};

// INVALID_ARGUMENT unless `listen` is HOST:PORT with a port of 0 to 65535.
absl::Status CheckListenAddress(const std::string& listen, absl::string_view field = "listen");
// INVALID_ARGUMENT for addresses and SecurityOptions that do not go together. Reads no files.
absl::Status CheckSecurity(const ServerOptions& options);
// INVALID_ARGUMENT for files of SecurityOptions that are no good. Start finds the same.
absl::Status CheckSecurityFiles(const SecurityOptions& security);
// Logs what of the options, and of the files that they name, may be a mistake. So does Start.
void WarnOfSecurity(const ServerOptions& options);
// Whether nobody outside of this machine can connect to this HOST:PORT.
bool IsLoopback(const std::string& listen);

// Thread-safe. Order of calls: Start, SetReady once the engine has its indexes, Drain.
class Server {
 public:
  // `engine` must outlive it. INVALID_ARGUMENT for an address that cannot be bound, or not without
  // TLS, and for files of SecurityOptions that are no good.
  static absl::StatusOr<std::unique_ptr<Server>> Start(Engine* engine,
                                                       const ServerOptions& options);
  ~Server();

  // Begins to serve: until then health says NOT_SERVING, and every call answers UNAVAILABLE.
  void SetReady();
  // Where it listens, HOST:PORT with the actual port.
  const std::string& address() const;
  // The same of the listener for AdminService; empty when it has none of its own.
  const std::string& admin_address() const;
  const CallMetrics& metrics() const;
  ServerLoad load() const;
  ReloadState reload_state() const;
  // Refuses new calls, lets running ones end for at most `patience`, then cancels them. Returns
  // when all have ended.
  void Drain(absl::Duration patience);

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_SERVER_H_
