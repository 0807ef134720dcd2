// Any bytes as a page token: only what was made for the same request is read.
#include <string>

#include "service/rpc/limits.h"
#include "service/rpc/page_token.h"
#include "tests/fuzz/targets.h"

namespace newsprint::fuzz {
namespace {

void RefusedOrMadeHere(absl::string_view binding, absl::string_view token) {
  const auto position = rpc::ReadPageToken(binding, token);
  if (!position.ok()) {
    Require(absl::IsInvalidArgument(position.status()), "a bad token is INVALID_ARGUMENT");
    return;
  }
  Require(rpc::ReadPageToken(binding, rpc::MakePageToken(binding, *position)).value() == *position,
          "what was read could have been made");
  const auto number = rpc::ReadPageTokenNumber(binding, token);
  Require(number.ok() || absl::IsInvalidArgument(number.status()), "a number or none");
}

}  // namespace

// A binding, a position, and what is done to the token.
void FuzzPageToken(absl::string_view bytes) {
  RefusedOrMadeHere("ListGroups/1/2/0", bytes);

  Bytes input(bytes);
  const std::string binding = input.ShortString();
  const std::string position = input.ShortString();
  const std::string token = rpc::MakePageToken(binding, absl::string_view(position));
  const auto read = rpc::ReadPageToken(binding, token);
  if (token.size() <= rpc::kPageTokenBytesMax) {
    Require(read.ok() && *read == position, "a token is read");
  } else {
    Require(absl::IsInvalidArgument(read.status()), "a token has a limit");
  }
  const auto number = input.Number<uint64_t>();
  Require(rpc::ReadPageTokenNumber(binding, rpc::MakePageToken(binding, number)).value() == number,
          "a number is read");
  Require(!rpc::ReadPageToken(binding + "x", token).ok(), "a token is of its request");
  std::string changed = token;
  const size_t at = input.Number<uint16_t>() % changed.size();
  changed[at] = static_cast<char>(input.Byte());
  const auto other = rpc::ReadPageToken(binding, changed);
  Require(!other.ok() || *other == position, "a changed token is refused");
  RefusedOrMadeHere(binding, input.Rest());
}

}  // namespace newsprint::fuzz
