// Page tokens: opaque to the caller, bound to the request that they continue.
#ifndef NEWSPRINT_SERVICE_RPC_PAGE_TOKEN_H_
#define NEWSPRINT_SERVICE_RPC_PAGE_TOKEN_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace newsprint::rpc {

// `binding` names the method, the collection and every parameter that the list depends on;
// `position` is where the next page begins.
std::string MakePageToken(absl::string_view binding, absl::string_view position);

// The position; empty for an empty token. INVALID_ARGUMENT when the token was made for another
// binding, or is none.
absl::StatusOr<std::string> ReadPageToken(absl::string_view binding, absl::string_view token);

// For positions that are numbers, with 0 for an empty token.
std::string MakePageToken(absl::string_view binding, uint64_t position);
absl::StatusOr<uint64_t> ReadPageTokenNumber(absl::string_view binding, absl::string_view token);

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_PAGE_TOKEN_H_
