#include "service/rpc/access_control.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/server_context.h>
#include <spdlog/spdlog.h>

#include <optional>
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
// machines, or without any alternative name its common name. In the form that
// CanonicalCertificateName gives them.
std::vector<std::string> CertificateNames(const grpc::AuthContext& peer) {
  std::vector<std::string> names;
  const auto add = [&](const char* property, std::optional<CertificateNameKind> kind) {
    for (const grpc::string_ref& text : peer.FindPropertyValues(property)) {
      CertificateName name = CanonicalCertificateName(View(text));
      // One that looks like a name of another kind is none: the access file does not tell them
      // apart.
      if (!kind.has_value() || name.kind == *kind) names.push_back(std::move(name.text));
    }
  };
  if (peer.FindPropertyValues(GRPC_X509_SAN_PROPERTY_NAME).empty()) {
    add(GRPC_X509_CN_PROPERTY_NAME, std::nullopt);
  } else {
    // Others, such as addresses of mail, are not what the access file means.
    add(GRPC_PEER_DNS_PROPERTY_NAME, CertificateNameKind::kDns);
    add(GRPC_PEER_URI_PROPERTY_NAME, CertificateNameKind::kUri);
    add(GRPC_PEER_IP_PROPERTY_NAME, CertificateNameKind::kIp);
  }
  return names;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AccessControl>> AccessControl::Open(const std::string& path) {
  auto control = absl::WrapUnique(new AccessControl(path));
  if (control->enabled()) {
    ASSIGN_OR_RETURN(const std::string text, control->ReadFile());
    RETURN_IF_ERROR(control->Use(text));
  }
  return control;
}

AccessControl::AccessControl(const std::string& path)
    : path_(path), watch_({path}), rules_(std::make_shared<AccessRules>()) {}

absl::StatusOr<std::string> AccessControl::ReadFile() const {
  return ReadWholeFile("access_file", path_, kFileBytesMax);
}

absl::Status AccessControl::Use(absl::string_view text) {
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

void AccessControl::Warn(bool certificates) const {
  if (!enabled()) return;
  WarnOfMode("access_file", path_, S_IWGRP | S_IWOTH, "others than its owner may write to it");
  if (!certificates && rules()->has_certificate_names()) {
    spdlog::warn(
        "event=certificate_names_unused message=\"access_file: has certificate_names, which nobody "
        "can show without --tls_client_ca\"");
  }
}

void AccessControl::Poll() {
  if (!enabled() || !watch_.Changed()) return;
  const absl::StatusOr<std::string> text = ReadFile();
  // A right that somebody has lost must not stay for that.
  if (!text.ok()) watch_.TryAgain();
  const absl::Status status = text.ok() ? Use(*text) : text.status();
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
  const std::shared_ptr<const grpc::AuthContext> peer = PeerOf(context);
  return peer == nullptr ? NoCredential() : IdentifyPeer(*peer);
}

bool AccessControl::HasToken(const grpc::ServerContextBase& context) {
  return context.client_metadata().count(kAuthorization) > 0;
}

std::shared_ptr<const grpc::AuthContext> AccessControl::PeerOf(
    const grpc::ServerContextBase& context) const {
  if (!enabled()) return nullptr;
  std::shared_ptr<const grpc::AuthContext> peer = context.auth_context();
  return peer != nullptr && peer->IsPeerAuthenticated() ? peer : nullptr;
}

absl::Time AccessControl::ExpiryOf(const grpc::AuthContext& peer) {
  const std::vector<grpc::string_ref> pem =
      peer.FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  return pem.size() == 1 ? CertificateNotAfter(View(pem.front())) : absl::InfinitePast();
}

absl::StatusOr<Caller> AccessControl::IdentifyPeer(const grpc::AuthContext& peer) const {
  const std::shared_ptr<const AccessRules> rules = this->rules();
  if (!rules->has_certificate_names() || !peer.IsPeerAuthenticated()) return NoCredential();
  std::shared_ptr<const Identity> identity = rules->FindByCertificate(CertificateNames(peer));
  if (identity == nullptr) return NoCredential();
  // The handshake has looked too, but a connection may live long, and one that resumes a session of
  // TLS is not looked at again.
  if (ExpiryOf(peer) < absl::Now()) {
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

absl::StatusOr<Caller> AccessControl::Renew(const Caller& caller,
                                            const grpc::AuthContext* peer) const {
  if (!enabled()) return caller;
  const absl::Status gone =
      absl::UnauthenticatedError("authorization: taken back while the call was open");
  if (peer != nullptr) {
    ASSIGN_OR_RETURN(Caller renewed, IdentifyPeer(*peer));
    if (renewed.name() != caller.name()) return gone;
    return renewed;
  }
  std::shared_ptr<const Identity> identity = rules()->FindByName(caller.name());
  if (identity == nullptr) return gone;
  return Caller(std::move(identity));
}

}  // namespace newsprint::rpc
