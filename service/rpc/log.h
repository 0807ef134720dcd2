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

// What stands at the end of a line about a call: who made it, unless that is empty, and its trace,
// as TraceFields (trace_context.h) gives it.
std::string OriginFields(absl::string_view identity, absl::string_view trace);

// Logs a status for which IsServerFault (status.h) holds. `origin`: OriginFields. `items`: how many
// of a call that has gone well itself have failed, this way the first; 0: the call itself.
void LogServerFault(absl::string_view method, const absl::Status& status, absl::string_view origin,
                    int64_t items = 0);

// What is to be logged of a call that has ended.
struct CallRemarks {
  bool fault = false;  // of the server, on the call or on items of it
  bool slow = false;
  absl::Duration took;
  std::string origin;
};
// `bytes`: of its request.
void LogCall(absl::string_view method, const absl::Status& status, size_t bytes,
             const CallTimes& times, const CallRemarks& remarks);

// Logs a call that was refused for who makes it. `identity` and `peer` may be empty. `trace` is
// called for what is logged, and returns TraceFields.
void LogRefusal(absl::string_view identity, absl::string_view method, const absl::Status& status,
                absl::string_view peer, absl::FunctionRef<std::string()> trace);
// Logs who has changed collections, snapshots or groups, read a snapshot, or made a mistake at it.
// Not calls of other methods, and not those that were refused for who called.
void LogAdministration(absl::string_view identity, absl::string_view method,
                       absl::string_view collection, const absl::Status& status);
// What takes up disk space until somebody deletes it.
void LogSnapshotCreated(const SnapshotInfo& snapshot, absl::Duration took);
void LogSnapshotDeleted(absl::string_view name);

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_LOG_H_
