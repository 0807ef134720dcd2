#include "service/rpc/tls.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/common/status_macros.h"
#include "service/rpc/whole_file.h"

namespace newsprint::rpc {
namespace {

constexpr size_t kFileBytesMax = size_t{1} << 20;

template <typename T, void (*Free)(T*)>
struct Freer {
  void operator()(T* object) const { Free(object); }
};
using X509Ptr = std::unique_ptr<X509, Freer<X509, &X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY, &EVP_PKEY_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, Freer<SSL_CTX, &SSL_CTX_free>>;
struct BioFreer {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioPtr = std::unique_ptr<BIO, BioFreer>;

absl::Status Bad(absl::string_view flag, absl::string_view problem, const std::string& path) {
  ERR_clear_error();
  return absl::InvalidArgumentError(absl::StrCat(flag, ": ", problem, ", got \"", path, "\""));
}

BioPtr Open(absl::string_view pem) {
  return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

X509Ptr NextCertificate(BIO* bio) {
  return X509Ptr(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr));
}

// Whether the last of the certificates has been read, rather than one that is damaged.
bool AtEnd() {
  const auto error = ERR_peek_last_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

// OK when there is a certificate, and no damaged one.
absl::Status CheckRoots(const std::string& pem, const std::string& path) {
  const BioPtr bio = Open(pem);
  if (NextCertificate(bio.get()) == nullptr) {
    return Bad("tls_client_ca", "no certificate in PEM form", path);
  }
  while (NextCertificate(bio.get()) != nullptr) {
  }
  return AtEnd() ? absl::OkStatus()
                 : Bad("tls_client_ca", "damaged behind the first certificate", path);
}

// Else OpenSSL would ask for the password of a key on the terminal.
int NoPassword(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return 0; }

absl::Time NotAfter(const X509& certificate) {
  struct tm broken_down = {};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &broken_down) != 1) {
    return absl::InfinitePast();  // nobody can say that it has not expired
  }
  return absl::FromTM(broken_down, absl::UTCTimeZone());
}

// Whether gRPC will be able to use them. Fills the time of expiry in.
absl::Status Check(const TlsOptions& options, Certificates::Pems* pems) {
  ERR_clear_error();
  const BioPtr cert = Open(pems->cert);
  const X509Ptr leaf = NextCertificate(cert.get());
  if (leaf == nullptr) return Bad("tls_cert", "no certificate in PEM form", options.cert);
  const BioPtr key_bio = Open(pems->key);
  const KeyPtr key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, &NoPassword, nullptr));
  if (key == nullptr) {
    return Bad("tls_key", "no private key in PEM form, or one with a password", options.key);
  }
  const SslContextPtr context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr || SSL_CTX_use_certificate(context.get(), leaf.get()) != 1) {
    return Bad("tls_cert", "refused by OpenSSL (its key may be too short)", options.cert);
  }
  while (const X509Ptr next = NextCertificate(cert.get())) {
    if (SSL_CTX_add1_chain_cert(context.get(), next.get()) != 1) {
      return Bad("tls_cert", "its chain is refused by OpenSSL", options.cert);
    }
  }
  if (!AtEnd()) return Bad("tls_cert", "damaged behind the first certificate", options.cert);
  if (SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1) {
    return Bad("tls_key", "not the key of the certificate in --tls_cert", options.key);
  }
  if (!options.client_ca.empty()) {
    RETURN_IF_ERROR(CheckRoots(pems->client_ca, options.client_ca));
  }
  ERR_clear_error();  // the end of the chain is an error to OpenSSL
  pems->not_after = NotAfter(*leaf);
  return absl::OkStatus();
}

grpc_ssl_client_certificate_request_type RequestType(ClientAuth auth) {
  switch (auth) {
    case ClientAuth::kNone:
      return GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;
    case ClientAuth::kRequest:
      return GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY;
    case ClientAuth::kRequire:
      break;
  }
  return GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
}

// gRPC asks for the certificates before each handshake, and stays with those it has when it cannot
// use the new ones. Its C++ library has no way to that, and of those that it has one cannot change
// certificates, and the other drops good ones for bad ones.
class ReloadingCredentials final : public grpc::ServerCredentials {
 public:
  explicit ReloadingCredentials(std::shared_ptr<Certificates> certificates)
      : certificates_(std::move(certificates)) {
    credentials_ = grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(
            RequestType(certificates_->client_auth()), &Fetch, this));
  }
  ~ReloadingCredentials() override { grpc_server_credentials_release(credentials_); }

  // Calls are checked by rpc/access_control.h.
  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    return static_cast<ReloadingCredentials*>(self)->FetchLatest(config);
  }

  grpc_ssl_certificate_config_reload_status FetchLatest(
      grpc_ssl_server_certificate_config** config) {
    uint64_t version = 0;
    const auto pems = certificates_->Latest(&version);
    MutexLock lock(mutex_);
    if (version == fetched_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const grpc_ssl_pem_key_cert_pair pair = {pems->key.c_str(), pems->cert.c_str()};
    // gRPC insists on roots, which nothing is verified against when no certificate is asked for.
    const std::string& roots = pems->client_ca.empty() ? pems->cert : pems->client_ca;
    *config = grpc_ssl_server_certificate_config_create(roots.c_str(), &pair, 1);
    fetched_ = version;
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const std::shared_ptr<Certificates> certificates_;
  grpc_server_credentials* credentials_;
  Mutex mutex_;
  uint64_t fetched_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace

absl::Time CertificateNotAfter(absl::string_view pem) {
  const X509Ptr certificate = NextCertificate(Open(pem).get());
  ERR_clear_error();
  return certificate == nullptr ? absl::InfinitePast() : NotAfter(*certificate);
}

absl::StatusOr<std::shared_ptr<Certificates>> Certificates::Open(const TlsOptions& options) {
  auto certificates = absl::WrapUnique(new Certificates(options));
  ASSIGN_OR_RETURN(std::shared_ptr<Pems> pems, certificates->ReadFiles());
  RETURN_IF_ERROR(certificates->Use(std::move(pems)));
  return std::shared_ptr<Certificates>(std::move(certificates));
}

Certificates::Certificates(const TlsOptions& options)
    : options_(options), watch_({options.cert, options.key, options.client_ca}) {}

std::shared_ptr<grpc::ServerCredentials> Certificates::MakeCredentials(
    std::shared_ptr<Certificates> certificates) {
  return std::make_shared<ReloadingCredentials>(std::move(certificates));
}

absl::StatusOr<std::shared_ptr<Certificates::Pems>> Certificates::ReadFiles() const {
  auto pems = std::make_shared<Pems>();
  ASSIGN_OR_RETURN(pems->cert, ReadWholeFile("tls_cert", options_.cert, kFileBytesMax));
  ASSIGN_OR_RETURN(pems->key, ReadWholeFile("tls_key", options_.key, kFileBytesMax));
  if (!options_.client_ca.empty()) {
    ASSIGN_OR_RETURN(pems->client_ca,
                     ReadWholeFile("tls_client_ca", options_.client_ca, kFileBytesMax));
  }
  return pems;
}

absl::Status Certificates::Use(std::shared_ptr<Pems> pems) {
  RETURN_IF_ERROR(Check(options_, pems.get()));
  MutexLock lock(mutex_);
  pems_ = std::move(pems);
  ++version_;
  return absl::OkStatus();
}

std::shared_ptr<const Certificates::Pems> Certificates::Latest(uint64_t* version) const {
  ReaderMutexLock lock(mutex_);
  *version = version_;
  return pems_;
}

absl::Time Certificates::not_after() const {
  uint64_t version = 0;
  return Latest(&version)->not_after;
}

void Certificates::Warn() {
  WarnOfMode("tls_key", options_.key, S_IROTH, "everybody on this machine may read it");
  LogExpiry();
}

void Certificates::Poll() {
  if (watch_.Changed()) {
    absl::StatusOr<std::shared_ptr<Pems>> pems = ReadFiles();
    if (!pems.ok()) watch_.TryAgain();
    const absl::Status status = pems.ok() ? Use(*std::move(pems)) : pems.status();
    reload_failed_ = !status.ok();
    if (status.ok()) {
      told_expired_ = false;
      spdlog::info("event=certificates_read not_after={}",
                   absl::FormatTime(absl::RFC3339_sec, not_after(), absl::UTCTimeZone()));
    } else {
      spdlog::error("event=certificates_refused message=\"{}; those of before stay\"",
                    absl::CEscape(status.message()));
    }
  }
  LogExpiry();
}

void Certificates::LogExpiry() {
  if (told_expired_ || absl::Now() < not_after()) return;
  told_expired_ = true;
  spdlog::error("event=certificate_expired not_after={} message=\"clients refuse --tls_cert\"",
                absl::FormatTime(absl::RFC3339_sec, not_after(), absl::UTCTimeZone()));
}

}  // namespace newsprint::rpc
