// Tells who makes a call, by the access file as it is now.
#ifndef NEWSPRINT_SERVICE_RPC_ACCESS_CONTROL_H_
#define NEWSPRINT_SERVICE_RPC_ACCESS_CONTROL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/common/listeners.h"
#include "service/common/mutex.h"
#include "service/rpc/access.h"
#include "service/rpc/file_watch.h"

namespace grpc {
class AuthContext;
class ServerContextBase;
}  // namespace grpc

namespace newsprint::rpc {

// Thread-safe but for Poll, which is for one thread.
class AccessControl {
 public:
  // An empty path: all callers may do everything. INVALID_ARGUMENT with the place of the error for
  // a file that cannot be read, or is not one.
  static absl::StatusOr<std::unique_ptr<AccessControl>> Open(const std::string& path);

  bool enabled() const { return !path_.empty(); }

  // By the call's token, or without one by the client's certificate. UNAUTHENTICATED.
  absl::StatusOr<Caller> Identify(const grpc::ServerContextBase& context) const;
  // The same for what stands in a call's headers.
  absl::StatusOr<Caller> IdentifyToken(absl::string_view authorization) const;
  // The same for the client's certificate, which has to be that of one identity.
  absl::StatusOr<Caller> IdentifyPeer(const grpc::AuthContext& peer) const;
  // Whether a call has a token, and so goes by that.
  static bool HasToken(const grpc::ServerContextBase& context);
  // The client of a call, if it has shown a certificate; else, and without an access file, null.
  std::shared_ptr<const grpc::AuthContext> PeerOf(const grpc::ServerContextBase& context) const;
  // When the client's certificate expires; the infinite past if that cannot be told.
  static absl::Time ExpiryOf(const grpc::AuthContext& peer);

  // Grows with each change of the rules.
  uint64_t version() const { return version_; }
  // The same identity by the rules of now; one that was found by the certificate of `peer`, which
  // is null else, has to be found by that again. UNAUTHENTICATED when it is gone.
  absl::StatusOr<Caller> Renew(const Caller& caller, const grpc::AuthContext* peer) const;
  // Told after each change.
  Listeners& listeners() { return listeners_; }

  // Logs when others may write to the file, or it has names of certificates and those of clients
  // are not asked for (`certificates`).
  void Warn(bool certificates) const;
  // Reads the file again when it has changed. A file with an error changes nothing and is logged.
  void Poll();
  // Whether the file on disk has an error, and the rules are those of before.
  bool reload_failed() const { return reload_failed_; }

 private:
  explicit AccessControl(const std::string& path);

  absl::StatusOr<std::string> ReadFile() const;
  absl::Status Use(absl::string_view text);
  std::shared_ptr<const AccessRules> rules() const;

  const std::string path_;
  FileWatch watch_;
  std::atomic<uint64_t> version_{0};
  std::atomic<bool> reload_failed_{false};
  mutable Mutex mutex_;
  std::shared_ptr<const AccessRules> rules_ ABSL_GUARDED_BY(mutex_);
  Listeners listeners_;
};

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_ACCESS_CONTROL_H_
