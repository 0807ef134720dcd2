#include "service/rpc/access_gate.h"

#include <algorithm>

#include "absl/time/time.h"
#include "service/rpc/log.h"
#include "service/rpc/status.h"
#include "service/rpc/trace_context.h"

namespace newsprint::rpc {
namespace {

using Refusal = CallMetrics::AccessRefusal;

}  // namespace

absl::StatusOr<Caller> AccessGate::Identify(const grpc::CallbackServerContext& context,
                                            absl::string_view method) const {
  const auto trace = [&context] { return TraceFields(context); };
  absl::StatusOr<Caller> caller = control_.Identify(context);
  if (!caller.ok()) {
    metrics_.RecordAccessRefusal(Refusal::kUnauthenticated);
    LogRefusal("", method, caller.status(), context.peer(), trace);
    return caller;
  }
  if (const absl::Duration wait = caller->Wait(); wait > absl::ZeroDuration()) {
    const absl::Status refusal = absl::ResourceExhaustedError(
        "identity: its rate is used up (calls_per_second, bytes_per_second); try again after a "
        "pause");
    metrics_.RecordAccessRefusal(Refusal::kRate);
    LogRefusal(caller->name(), method, refusal, "", trace);
    return WithRetryDelay(refusal, WithJitter(std::max(wait, kRetryDelayMin) * 4 / 3));
  }
  return caller;
}

absl::StatusOr<Caller> AccessGate::Renew(const Caller& caller, const grpc::AuthContext* peer,
                                         absl::string_view method,
                                         absl::FunctionRef<std::string()> trace) const {
  absl::StatusOr<Caller> renewed = control_.Renew(caller, peer);
  if (!renewed.ok()) {
    metrics_.RecordAccessRefusal(Refusal::kUnauthenticated);
    LogRefusal(caller.name(), method, renewed.status(), "", trace);
  }
  return renewed;
}

absl::Status AccessGate::Authorize(const Caller& caller, absl::string_view method,
                                   absl::string_view collection,
                                   absl::FunctionRef<std::string()> trace) const {
  if (caller.unrestricted()) return absl::OkStatus();
  const MethodRule* rule = FindMethodRule(method);
  if (rule == nullptr) return absl::InternalError("access: no rule for this method");
  absl::Status status = caller.Check(*rule, collection);
  if (!status.ok()) {
    metrics_.RecordAccessRefusal(Refusal::kPermission);
    LogRefusal(caller.name(), method, status, "", trace);
  }
  return status;
}

absl::Status AccessGate::EnterStream(const Caller& caller, absl::string_view method,
                                     absl::FunctionRef<std::string()> trace) const {
  absl::Status entered = caller.EnterStream();
  if (!entered.ok()) {
    metrics_.RecordAccessRefusal(Refusal::kStreams);
    LogRefusal(caller.name(), method, entered, "", trace);
  }
  return entered;
}

}  // namespace newsprint::rpc
