#include "service/rpc/page_token.h"

#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "service/common/hash.h"
#include "service/rpc/limits.h"

namespace newsprint::rpc {
namespace {

// Of binding and position together: a token that was cut, changed or made for another request
// fails.
std::string Seal(absl::string_view binding, absl::string_view position) {
  const std::string all = absl::StrCat(binding.size(), ":", binding, position);
  const uint64_t hash = Hash64(all.data(), all.size());
  std::string seal(sizeof(hash), '\0');
  std::memcpy(seal.data(), &hash, sizeof(hash));
  return seal;
}

absl::Status BadToken(absl::string_view token) {
  return absl::InvalidArgumentError(
      absl::StrCat("page_token: not one that this request's earlier page gave, got ", token.size(),
                   " bytes; begin again without it"));
}

}  // namespace

std::string MakePageToken(absl::string_view binding, absl::string_view position) {
  return absl::WebSafeBase64Escape(absl::StrCat(Seal(binding, position), position));
}

absl::StatusOr<std::string> ReadPageToken(absl::string_view binding, absl::string_view token) {
  if (token.empty()) return std::string();
  std::string bytes;
  if (token.size() > kPageTokenBytesMax || !absl::WebSafeBase64Unescape(token, &bytes) ||
      bytes.size() < sizeof(uint64_t)) {
    return BadToken(token);
  }
  const std::string position = bytes.substr(sizeof(uint64_t));
  if (Seal(binding, position) != absl::string_view(bytes).substr(0, sizeof(uint64_t))) {
    return BadToken(token);
  }
  return position;
}

std::string MakePageToken(absl::string_view binding, uint64_t position) {
  const std::string digits = absl::StrCat(position);
  return MakePageToken(binding, absl::string_view(digits));
}

absl::StatusOr<uint64_t> ReadPageTokenNumber(absl::string_view binding, absl::string_view token) {
  const absl::StatusOr<std::string> position = ReadPageToken(binding, token);
  if (!position.ok()) return position.status();
  uint64_t number = 0;
  if (!position->empty() && !absl::SimpleAtoi(*position, &number)) return BadToken(token);
  return number;
}

}  // namespace newsprint::rpc
