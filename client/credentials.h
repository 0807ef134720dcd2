// What a client shows to a server: a bearer token, and TLS.
#ifndef NEWSPRINT_CLIENT_CREDENTIALS_H_
#define NEWSPRINT_CLIENT_CREDENTIALS_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/options.h"

namespace grpc {
class ChannelCredentials;
class ClientContext;
}  // namespace grpc

namespace newsprint::client {

// Files in PEM form; each may be empty.
struct TlsFiles {
  std::string ca;    // roots of the server's certificate; empty: those of the system
  std::string cert;  // the client's own certificate, with its chain, and its key: both or none
  std::string key;
};

// For ClientOptions::credentials. The files are read once. INVALID_ARGUMENT when one cannot be.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> ReadTlsCredentials(const TlsFiles& files);

// Whether this target of gRPC is on this machine, so that nobody listens on the way to it.
bool IsLoopbackTarget(absl::string_view target);

// Puts the token of ClientOptions on calls. Thread-safe.
class TokenSender {
 public:
  explicit TokenSender(const ClientOptions& options);

  // Nothing when there is no token. INVALID_ARGUMENT when the file has none, and when it would go
  // unencrypted to another machine. A file that has changed is read again; when it has no token any
  // more, the old one stays. What has been sent goes to `sent`.
  absl::Status AddTo(grpc::ClientContext* context, std::string* sent);
  // What a call with the token `sent` came to: UNAVAILABLE in place of UNAUTHENTICATED when the
  // token has been replaced since, as the next attempt has a better one.
  absl::Status Translate(absl::Status status, const std::string& sent);

 private:
  using FileState = std::tuple<uint64_t, int64_t, int64_t, int64_t, int64_t, int64_t>;

  absl::StatusOr<std::string> Token();

  const std::string target_;
  const std::string token_file_;
  const bool has_credentials_;
  std::mutex mutex_;
  std::string token_;
  FileState read_;  // the file as it was read
};

}  // namespace newsprint::client

#endif  // NEWSPRINT_CLIENT_CREDENTIALS_H_
