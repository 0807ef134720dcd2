// Log lines of the RPC layer. They never hold article text.
#ifndef NEWSPRINT_SERVICE_RPC_LOG_H_
#define NEWSPRINT_SERVICE_RPC_LOG_H_

#include <functional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/common/call_times.h"
#include "service/engine/snapshots.h"

namespace newsprint::rpc {

// Sends what gRPC and protobuf log to our log, in its form. Parse errors are kept off it: the
// caller is told of them (message_bytes.h). Once a process, before the first use of either.
// `on_listener_lost` is called when gRPC has given up a listener for want of file descriptors: it
// takes no more connections on it, and the process should be started anew.
void RouteLibraryLogs(std::function<void()> on_listener_lost);

// Logs a status for which IsServerFault (status.h) holds. `trace`: see TraceFields
// (trace_context.h).
void LogServerFault(absl::string_view method, const absl::Status& status,
                    absl::string_view trace = "");

// Logs a call that took long, with the steps that it was made of. `bytes`: of its request.
void LogSlowCall(absl::string_view method, const absl::Status& status, absl::Duration took,
                 size_t bytes, const CallTimes& times, absl::string_view trace);

// Logs a call that was refused for who makes it. `identity` and `peer` may be empty. `trace` is
// called for what is logged, and returns TraceFields.
void LogRefusal(absl::string_view identity, absl::string_view method, const absl::Status& status,
                absl::string_view peer, absl::FunctionRef<std::string()> trace);
// Logs who has changed collections or snapshots, or tried to.
void LogAdministration(absl::string_view identity, absl::string_view method,
                       absl::string_view collection, const absl::Status& status);
// What takes up disk space until somebody deletes it.
void LogSnapshotCreated(const SnapshotInfo& snapshot, absl::Duration took);
void LogSnapshotDeleted(absl::string_view name);

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_LOG_H_
