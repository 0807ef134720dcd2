// Transport security of the listeners, with certificates that are read anew when they change on
// disk.
#ifndef NEWSPRINT_SERVICE_RPC_TLS_H_
#define NEWSPRINT_SERVICE_RPC_TLS_H_

#include <grpcpp/security/server_credentials.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/common/mutex.h"
#include "service/rpc/file_watch.h"

namespace newsprint::rpc {

// When a certificate in PEM form expires; the infinite past for what is none, or does not tell.
absl::Time CertificateNotAfter(absl::string_view pem);

enum class ClientAuth {
  kNone,
  kRequest,  // a client may have a certificate, which has to be good then
  kRequire,
};

// Files in PEM form.
struct TlsOptions {
  std::string cert;  // the server's, with the chain up to a root behind it; empty: no TLS
  std::string key;
  std::string client_ca;                  // roots of the clients' certificates
  std::optional<ClientAuth> client_auth;  // absent: kRequire with client_ca, else kNone

  bool enabled() const { return !cert.empty(); }
  ClientAuth effective_client_auth() const {
    return client_auth.value_or(client_ca.empty() ? ClientAuth::kNone : ClientAuth::kRequire);
  }
};

// The files of TlsOptions as they were when they last were good. Thread-safe but for Poll, which is
// for one thread.
class Certificates {
 public:
  // INVALID_ARGUMENT naming the flag whose file is missing or no good, or does not go with another.
  static absl::StatusOr<std::shared_ptr<Certificates>> Open(const TlsOptions& options);

  // For one server each, which they must outlive. TLS 1.2 or later.
  static std::shared_ptr<grpc::ServerCredentials> MakeCredentials(
      std::shared_ptr<Certificates> certificates);

  // Logs when the certificate has expired, or others may read its key.
  void Warn();
  // Reads the files again when they have changed; those that are no good change nothing and are
  // logged. Logs once when the certificate has expired.
  void Poll();

  struct Pems {
    std::string cert;
    std::string key;
    std::string client_ca;  // may be empty
    absl::Time not_after = absl::InfiniteFuture();
  };
  // Whether the files on disk are no good, and those of before stay.
  bool reload_failed() const { return reload_failed_; }
  // Of the server's certificate.
  absl::Time not_after() const;
  // The latest good ones; a number that differs whenever they do goes to `version`.
  std::shared_ptr<const Pems> Latest(uint64_t* version) const;
  ClientAuth client_auth() const { return options_.effective_client_auth(); }

 private:
  explicit Certificates(const TlsOptions& options);

  absl::StatusOr<std::shared_ptr<Pems>> ReadFiles() const;
  absl::Status Use(std::shared_ptr<Pems> pems);
  void LogExpiry();

  const TlsOptions options_;
  FileWatch watch_;
  bool told_expired_ = false;
  std::atomic<bool> reload_failed_{false};
  mutable Mutex mutex_;
  std::shared_ptr<const Pems> pems_ ABSL_GUARDED_BY(mutex_);
  uint64_t version_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_TLS_H_
