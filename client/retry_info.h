// The server's advice when to try again.
#ifndef NEWSPRINT_CLIENT_RETRY_INFO_H_
#define NEWSPRINT_CLIENT_RETRY_INFO_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace newsprint::client {

// The same code and message. Details that other servers' libraries call google.rpc.Status become
// payloads, by their types' URLs.
absl::Status FromGrpc(const grpc::Status& status);

// How long the server asks to wait before the call is made again (google.rpc.RetryInfo); nothing
// when it does not say. With RESOURCE_EXHAUSTED it says that the server has too much to do, and no
// limit of the request is meant.
absl::optional<absl::Duration> RetryDelay(const absl::Status& status);

}  // namespace newsprint::client

#endif  // NEWSPRINT_CLIENT_RETRY_INFO_H_
