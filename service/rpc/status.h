// The one way from the engine's statuses to what a caller is told.
#ifndef NEWSPRINT_SERVICE_RPC_STATUS_H_
#define NEWSPRINT_SERVICE_RPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace newsprint::rpc {

// Whether it is not the caller's doing: INTERNAL, DATA_LOSS, UNAVAILABLE and the like.
bool IsServerFault(const absl::Status& status);

// The statuses that the proto lists: damaged data (DATA_LOSS) is told as INTERNAL, and so is what
// no engine function should return.
absl::Status ForCaller(const absl::Status& status);

// `status` with the advice to try again after `delay`, which a client finds as google.rpc.RetryInfo
// in the status's details.
absl::Status WithRetryDelay(absl::Status status, absl::Duration delay);

// With the payloads of `status` as details.
grpc::Status ToGrpc(const absl::Status& status);

// The least that a refused caller is told to wait, as the queue must have moved.
inline constexpr absl::Duration kRetryDelayMin = absl::Milliseconds(50);
// A delay around this one, so that those who were refused together do not come back together.
absl::Duration WithJitter(absl::Duration delay);

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_STATUS_H_
