// The trace that a caller's call belongs to, for our log (W3C Trace Context).
#ifndef NEWSPRINT_SERVICE_RPC_TRACE_CONTEXT_H_
#define NEWSPRINT_SERVICE_RPC_TRACE_CONTEXT_H_

#include <grpcpp/server_context.h>

#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace newsprint::rpc {

struct TraceContext {
  std::string trace_id;  // 32 digits, lower hexadecimal
  std::string span_id;   // 16, of the caller's span
};

// Reads a `traceparent`, of later versions what version 00 has too; nothing when it is none.
absl::optional<TraceContext> ParseTraceparent(absl::string_view traceparent);

// What is to stand at the end of each log line about a call: " trace_id=X span_id=Y", or nothing
// when its metadata has no `traceparent`, several, or none of this kind. For one thread at a time.
std::string TraceFields(const grpc::CallbackServerContext& context);

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_TRACE_CONTEXT_H_
