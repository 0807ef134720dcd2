// Lets callers in or not, and tells of those that it does not.
#ifndef NEWSPRINT_SERVICE_RPC_ACCESS_GATE_H_
#define NEWSPRINT_SERVICE_RPC_ACCESS_GATE_H_

#include <grpcpp/server_context.h>

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/rpc/access.h"
#include "service/rpc/access_control.h"
#include "service/rpc/call_metrics.h"

namespace newsprint::rpc {

// Logs and counts all that it refuses. `trace` is called for what is logged, and returns
// TraceFields. Thread-safe.
class AccessGate {
 public:
  // Both must outlive it.
  AccessGate(AccessControl* control, CallMetrics* metrics)
      : control_(*control), metrics_(*metrics) {}

  AccessControl& control() const { return control_; }

  // Whose call it is. UNAUTHENTICATED, and RESOURCE_EXHAUSTED when its rate is used up; a call that
  // is let in has to be charged for.
  absl::StatusOr<Caller> Identify(const grpc::CallbackServerContext& context,
                                  absl::string_view method) const;
  // The same caller by the rules of now: AccessControl::Renew.
  absl::StatusOr<Caller> Renew(const Caller& caller, const grpc::AuthContext* peer,
                               absl::string_view method,
                               absl::FunctionRef<std::string()> trace) const;
  // Whether the caller may call the method for this collection: Caller::Check.
  absl::Status Authorize(const Caller& caller, absl::string_view method,
                         absl::string_view collection,
                         absl::FunctionRef<std::string()> trace) const;
  // Takes up one of the streams that the caller may have open: Caller::EnterStream.
  absl::Status EnterStream(const Caller& caller, absl::string_view method,
                           absl::FunctionRef<std::string()> trace) const;

 private:
  AccessControl& control_;
  CallMetrics& metrics_;
};

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_ACCESS_GATE_H_
