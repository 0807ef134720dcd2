#include "service/rpc/access_control.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/server_context.h>
#include <spdlog/spdlog.h>

#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/common/status_macros.h"
#include "service/rpc/tls.h"
#include "service/rpc/whole_file.h"

namespace newsprint::rpc {
namespace {

constexpr char kAuthorization[] = "authorization";
constexpr absl::string_view kBearer = "bearer ";  // any case
constexpr size_t kTokenBytesMax = 512;
constexpr size_t kFileBytesMax = size_t{16} << 20;

absl::string_view View(grpc::string_ref text) { return {text.data(), text.size()}; }

absl::Status NoCredential() {
  return absl::UnauthenticatedError(
      "authorization: required, got nothing; send a token, or a certificate that the server knows");
}

// Of unknown tokens and of what is none alike.
absl::Status BadToken() { return absl::UnauthenticatedError("authorization: not a valid token"); }

// The names that stand in the client's certificate: of its subject alternative names those for
// machines, or without any alternative name its common name.
std::vector<absl::string_view> CertificateNames(const grpc::AuthContext& peer) {
  std::vector<absl::string_view> names;
  const auto add = [&](const char* property) {
    for (const grpc::string_ref& name : peer.FindPropertyValues(property)) {
      names.push_back(View(name));
    }
  };
  if (peer.FindPropertyValues(GRPC_X509_SAN_PROPERTY_NAME).empty()) {
    add(GRPC_X509_CN_PROPERTY_NAME);
  } else {
    // Others, such as addresses of mail, are not what the access file means.
    add(GRPC_PEER_DNS_PROPERTY_NAME);
    add(GRPC_PEER_URI_PROPERTY_NAME);
    add(GRPC_PEER_IP_PROPERTY_NAME);
  }
  return names;
}

// The handshake has looked too, but a connection may live long, and one that resumes a session of
// TLS is not looked at again.
bool HasExpired(const grpc::AuthContext& peer) {
  const std::vector<grpc::string_ref> pem =
      peer.FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  return pem.size() != 1 || CertificateNotAfter(View(pem.front())) < absl::Now();
}

}  // namespace

absl::StatusOr<std::unique_ptr<AccessControl>> AccessControl::Open(const std::string& path) {
  auto control = absl::WrapUnique(new AccessControl(path));
  if (control->enabled()) RETURN_IF_ERROR(control->Load());
  return control;
}

AccessControl::AccessControl(const std::string& path)
    : path_(path), watch_({path}), rules_(std::make_shared<AccessRules>()) {}

absl::Status AccessControl::Load() {
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile("access_file", path_, kFileBytesMax));
  ASSIGN_OR_RETURN(std::shared_ptr<const AccessRules> rules,
                   AccessRules::Parse(text, this->rules().get()));
  {
    MutexLock lock(mutex_);
    rules_ = std::move(rules);
  }
  ++version_;
  return absl::OkStatus();
}

std::shared_ptr<const AccessRules> AccessControl::rules() const {
  ReaderMutexLock lock(mutex_);
  return rules_;
}

void AccessControl::Poll() {
  if (!enabled() || !watch_.Changed()) return;
  const absl::Status status = Load();
  reload_failed_ = !status.ok();
  if (!status.ok()) {
    spdlog::error("event=access_file_refused message=\"{}; the rules stay as they were\"",
                  absl::CEscape(status.message()));
    return;
  }
  spdlog::info("event=access_file_read identities={}", rules()->identities());
  listeners_.NotifyAll();
}

absl::StatusOr<Caller> AccessControl::Identify(const grpc::ServerContextBase& context) const {
  if (!enabled()) return Caller::Unrestricted();
  const auto& headers = context.client_metadata();
  const auto [first, last] = headers.equal_range(kAuthorization);
  if (first != last) {
    // With two of them it would be open which one counts.
    return std::next(first) == last ? IdentifyToken(View(first->second)) : BadToken();
  }
  const std::shared_ptr<const grpc::AuthContext> peer = context.auth_context();
  if (peer == nullptr) return NoCredential();
  return IdentifyPeer(*peer);
}

absl::StatusOr<Caller> AccessControl::IdentifyPeer(const grpc::AuthContext& peer) const {
  const std::shared_ptr<const AccessRules> rules = this->rules();
  if (!rules->has_certificate_names() || !peer.IsPeerAuthenticated()) return NoCredential();
  std::shared_ptr<const Identity> identity = rules->FindByCertificate(CertificateNames(peer));
  if (identity == nullptr) return NoCredential();
  if (HasExpired(peer)) {
    return absl::UnauthenticatedError(
        "certificate: expired; send a token, or connect with another");
  }
  return Caller(std::move(identity));
}

absl::StatusOr<Caller> AccessControl::IdentifyToken(absl::string_view authorization) const {
  if (!absl::StartsWithIgnoreCase(authorization, kBearer)) return BadToken();
  const absl::string_view token = authorization.substr(kBearer.size());
  if (token.empty() || token.size() > kTokenBytesMax) return BadToken();
  std::shared_ptr<const Identity> identity = rules()->FindByToken(HashToken(token));
  if (identity == nullptr) return BadToken();
  return Caller(std::move(identity));
}

absl::StatusOr<Caller> AccessControl::Renew(const Caller& caller) const {
  if (!enabled()) return caller;
  std::shared_ptr<const Identity> identity = rules()->FindByName(caller.name());
  if (identity == nullptr) {
    return absl::UnauthenticatedError("authorization: taken back while the call was open");
  }
  return Caller(std::move(identity));
}

}  // namespace newsprint::rpc
