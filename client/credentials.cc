#include "client/credentials.h"

#include <arpa/inet.h>
#include <grpcpp/grpcpp.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace newsprint::client {
namespace {

absl::StatusOr<std::string> ReadFile(absl::string_view name, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": cannot be read (", std::strerror(errno), "), got \"", path, "\""));
  }
  if (text.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": empty, got \"", path, "\""));
  }
  return text;
}

bool IsToken(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return absl::ascii_isgraph(c); });
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> ReadTlsCredentials(
    const TlsFiles& files) {
  if (files.cert.empty() != files.key.empty()) {
    return absl::InvalidArgumentError("tls_cert, tls_key: got one of them, expected both or none");
  }
  grpc::SslCredentialsOptions options;
  for (const auto& [name, path, pem] :
       {std::make_tuple("tls_ca", &files.ca, &options.pem_root_certs),
        std::make_tuple("tls_cert", &files.cert, &options.pem_cert_chain),
        std::make_tuple("tls_key", &files.key, &options.pem_private_key)}) {
    if (path->empty()) continue;
    absl::StatusOr<std::string> text = ReadFile(name, *path);
    if (!text.ok()) return text.status();
    *pem = *std::move(text);
  }
  return grpc::SslCredentials(options);
}

bool IsLoopbackTarget(absl::string_view target) {
  if (absl::StartsWith(target, "unix:")) return true;
  for (const absl::string_view scheme : {"dns:///", "dns:", "ipv4:", "ipv6:"}) {
    if (absl::ConsumePrefix(&target, scheme)) break;
  }
  if (absl::StrContains(target, ",") || absl::StrContains(target, "/")) return false;
  const size_t bracket = target.find(']');
  std::string host(target.substr(0, absl::StartsWith(target, "[") ? bracket : target.rfind(':')));
  if (absl::StartsWith(host, "[")) host = host.substr(1);
  struct in_addr v4 = {};
  struct in6_addr v6 = {};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
  return host == "localhost";
}

TokenSender::TokenSender(const ClientOptions& options)
    : target_(options.target),
      token_file_(options.token_file),
      has_credentials_(options.credentials != nullptr),
      token_(options.token_file.empty() ? options.token : "") {}

absl::StatusOr<std::string> TokenSender::Token() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (token_file_.empty()) {
    if (token_.empty() || IsToken(token_)) return token_;
    return absl::InvalidArgumentError("token: has spaces, control characters or others than ASCII");
  }
  struct stat s = {};
  stat(token_file_.c_str(), &s);
  const FileState now(s.st_ino, s.st_size, s.st_mtim.tv_sec, s.st_mtim.tv_nsec, s.st_ctim.tv_sec,
                      s.st_ctim.tv_nsec);
  if (!token_.empty() && now == read_) return token_;
  const absl::StatusOr<std::string> text = ReadFile("token_file", token_file_);
  const absl::string_view token = text.ok() ? absl::StripAsciiWhitespace(*text) : "";
  if (IsToken(token)) {
    token_ = std::string(token);
    read_ = now;
  } else if (token_.empty()) {
    if (!text.ok()) return text.status();
    return absl::InvalidArgumentError(
        absl::StrCat("token_file: holds no token, got \"", token_file_, "\""));
  }
  return token_;
}

absl::Status TokenSender::AddTo(grpc::ClientContext* context, std::string* sent) {
  const absl::StatusOr<std::string> token = Token();
  if (!token.ok() || token->empty()) return token.status();
  *sent = *token;
  if (has_credentials_) {
    // gRPC refuses to send it when these do not encrypt.
    context->set_credentials(grpc::AccessTokenCredentials(*token));
  } else if (IsLoopbackTarget(target_)) {
    context->AddMetadata("authorization", absl::StrCat("Bearer ", *token));
  } else {
    return absl::InvalidArgumentError(absl::StrCat(
        "token: would go unencrypted to another machine, got target \"", target_, "\"; use TLS"));
  }
  return absl::OkStatus();
}

absl::Status TokenSender::Translate(absl::Status status, const std::string& sent) {
  if (!absl::IsUnauthenticated(status)) return status;
  const absl::StatusOr<std::string> token = Token();
  if (!token.ok() || *token == sent) return status;
  return absl::UnavailableError(
      absl::StrCat(status.message(), " (replaced since it was sent; try again)"));
}

}  // namespace newsprint::client
