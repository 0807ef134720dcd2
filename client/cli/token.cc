// newsprint token: makes tokens for an access file.
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <array>
#include <ostream>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/cli/output.h"
#include "client/cli/session.h"

namespace newsprint::cli {
namespace {

constexpr char kPrefix[] = "np_";  // by which scanners for secrets can know it
constexpr size_t kRandomBytes = 32;

absl::string_view Bytes(const unsigned char* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// SHA-256 in hexadecimal. A token is as long as the hash and random all through, so that nothing
// slower is needed to keep it from being guessed.
absl::StatusOr<std::string> HexHash(absl::string_view token) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
  unsigned int size = 0;
  if (EVP_Digest(token.data(), token.size(), hash.data(), &size, EVP_sha256(), nullptr) != 1) {
    return absl::UnknownError("cannot compute SHA-256");
  }
  return absl::BytesToHexString(Bytes(hash.data(), size));
}

// Into a new file that nobody else can read.
absl::Status WriteSecret(const std::string& path, const std::string& text) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) {
    return absl::UnknownError(absl::StrCat("cannot create ", path, ", or it exists already"));
  }
  const bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (close(file) != 0 || !written) {
    unlink(path.c_str());
    return absl::UnknownError(absl::StrCat("cannot write ", path));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunToken(Session& session, const Args& args) {
  if (args[0] != "create") return UsageError("token: use \"create\"");
  std::array<unsigned char, kRandomBytes> random;
  if (RAND_bytes(random.data(), random.size()) != 1) {
    return absl::UnknownError("no random bytes from the system");
  }
  const std::string token =
      absl::StrCat(kPrefix, absl::WebSafeBase64Escape(Bytes(random.data(), random.size())));
  const absl::StatusOr<std::string> hash = HexHash(token);
  if (!hash.ok()) return hash.status();
  const std::string& path = session.settings.output;
  if (!path.empty()) {
    if (absl::Status status = WriteSecret(path, absl::StrCat(token, "\n")); !status.ok()) {
      return status;
    }
  }
  if (session.settings.json) {
    Json json = {{"token_sha256", *hash}};
    if (path.empty()) json["token"] = token;
    PrintJson(json, session.out);
    return absl::OkStatus();
  }
  if (path.empty()) session.out << "token         " << token << "\n";
  session.out << "token_sha256  " << *hash << "\n";
  return absl::OkStatus();
}

}  // namespace newsprint::cli
