#include "service/rpc/log.h"

#include <grpc/support/log.h>
#include <spdlog/spdlog.h>

#include <functional>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "service/common/mutex.h"
#include "service/rpc/access.h"
#include "service/rpc/message_bytes.h"
#include "service/rpc/status.h"

namespace newsprint::rpc {

namespace {

// A store that is read-only fails thousands of calls a second, and a log that tells of each would
// fill the disk once more. So could whoever is refused. Thread-safe.
class LineLimit {
 public:
  // The event that tells how many lines were left out, and how many may pass in a second.
  explicit LineLimit(const char* left_out_event, int lines_max = 20)
      : left_out_event_(left_out_event), lines_max_(lines_max) {}

  bool Passes() {
    const absl::Time now = absl::Now();
    int64_t left_out = 0;
    {
      MutexLock lock(mutex_);
      if (now - begin_ >= absl::Seconds(1)) {
        begin_ = now;
        std::swap(left_out, left_out_);
        passed_ = 0;
      }
      if (passed_ == lines_max_) {
        ++left_out_;
        return false;
      }
      ++passed_;
    }
    if (left_out > 0) spdlog::error("event={} lines={}", left_out_event_, left_out);
    return true;
  }

 private:
  const char* const left_out_event_;
  const int lines_max_;
  Mutex mutex_;
  absl::Time begin_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  int passed_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t left_out_ ABSL_GUARDED_BY(mutex_) = 0;
};

std::function<void()>& OnListenerLost() {
  static auto* const callback = new std::function<void()>();
  return *callback;
}

void OnGrpcLog(gpr_log_func_args* args) {
  // A line for each handshake that fails, of which a stranger can make many.
  static LineLimit limit("grpc_left_out");
  // gRPC does not try again to take connections after this, for as long as the process lives.
  if (absl::StartsWith(args->message, "Failed accept4")) {
    if (const auto& lost = OnListenerLost(); lost) lost();
  }
  if (!limit.Passes()) return;
  const std::string message = absl::CEscape(args->message);
  switch (args->severity) {
    case GPR_LOG_SEVERITY_ERROR:
      return spdlog::warn("event=grpc message=\"{}\"", message);
    case GPR_LOG_SEVERITY_INFO:
      return spdlog::info("event=grpc message=\"{}\"", message);
    case GPR_LOG_SEVERITY_DEBUG:
      return spdlog::debug("event=grpc message=\"{}\"", message);
  }
}

}  // namespace

void RouteLibraryLogs(std::function<void()> on_listener_lost) {
  OnListenerLost() = std::move(on_listener_lost);
  // GRPC_VERBOSITY may ask for more than errors, but not for less: see above.
  gpr_log_verbosity_init();
  if (gpr_should_log(GPR_LOG_SEVERITY_ERROR) == 0) gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
  gpr_set_log_function(&OnGrpcLog);
  CaptureProtobufLog();
}

std::string OriginFields(absl::string_view identity, absl::string_view trace) {
  if (identity.empty()) return std::string(trace);
  return absl::StrCat(" identity=\"", absl::CEscape(identity), "\"", trace);
}

void LogServerFault(absl::string_view method, const absl::Status& status, absl::string_view origin,
                    int64_t items) {
  if (!IsServerFault(status)) return;
  static LineLimit limit("rpc_failed_left_out");
  if (!limit.Passes()) return;
  spdlog::error("event=rpc_failed method={} code={} message=\"{}\"{}{}", std::string(method),
                absl::StatusCodeToString(status.code()), absl::CEscape(status.message()),
                items == 0 ? "" : absl::StrCat(" items=", items), std::string(origin));
}

namespace {

// With the steps that it was made of.
void LogSlowCall(absl::string_view method, const absl::Status& status, absl::Duration took,
                 size_t bytes, const CallTimes& times, absl::string_view origin) {
  // Of a stream whose window is slow all requests are.
  static LineLimit calls("slow_call_left_out");
  static LineLimit stream_requests("slow_request_left_out", 2);
  if (!(method == "StreamIngest" ? stream_requests : calls).Passes()) return;
  std::string steps;
  for (size_t i = 0; i < kStepCount; ++i) {
    const auto step = static_cast<Step>(i);
    const auto nanos = times.time(step).count();
    if (nanos == 0) continue;
    absl::StrAppend(&steps, " ", StepName(step),
                    absl::StrFormat("_ms=%.1f", static_cast<double>(nanos) / 1e6));
  }
  spdlog::warn("event=slow_call method={} code={} ms={:.1f} collection=\"{}\" bytes={}{}{}",
               std::string(method), absl::StatusCodeToString(ForCaller(status).code()),
               absl::ToDoubleMilliseconds(took), absl::CEscape(times.collection()), bytes, steps,
               std::string(origin));
}

}  // namespace

void LogCall(absl::string_view method, const absl::Status& status, size_t bytes,
             const CallTimes& times, const CallRemarks& remarks) {
  if (remarks.fault && IsServerFault(status)) {
    LogServerFault(method, status, remarks.origin);
  } else if (remarks.fault) {
    LogServerFault(method, times.first_item_fault(), remarks.origin, times.item_faults());
  }
  if (remarks.slow) LogSlowCall(method, status, remarks.took, bytes, times, remarks.origin);
}

void LogRefusal(absl::string_view identity, absl::string_view method, const absl::Status& status,
                absl::string_view peer, absl::FunctionRef<std::string()> trace) {
  // So that strangers do not keep out of the log what identities do, and those that call too often
  // not what others try.
  static LineLimit denied("access_refused_left_out");
  static LineLimit limited("access_limited_left_out");
  static LineLimit unknown("access_unknown_left_out", 5);
  LineLimit& limit = identity.empty()                    ? unknown
                     : absl::IsResourceExhausted(status) ? limited
                                                         : denied;
  if (!limit.Passes()) return;
  spdlog::warn(
      "event=access_refused identity=\"{}\" peer=\"{}\" method={} code={} message=\"{}\"{}",
      absl::CEscape(identity), absl::CEscape(peer), std::string(method),
      absl::StatusCodeToString(status.code()), absl::CEscape(status.message()), trace());
}

void LogAdministration(absl::string_view identity, absl::string_view method,
                       absl::string_view collection, const absl::Status& status) {
  // What was refused for who called stands there already; what was not found, anybody can ask for.
  const MethodRule* rule = FindMethodRule(method);
  if (rule == nullptr || !rule->is_administration || absl::IsPermissionDenied(status) ||
      absl::IsUnauthenticated(status) || absl::IsNotFound(status) ||
      absl::IsResourceExhausted(status)) {
    return;
  }
  static LineLimit limit("administration_left_out");
  if (!limit.Passes()) return;
  spdlog::info("event=administration identity=\"{}\" method={} collection=\"{}\" code={}",
               absl::CEscape(identity), std::string(method), absl::CEscape(collection),
               absl::StatusCodeToString(ForCaller(status).code()));
}

void LogSnapshotCreated(const SnapshotInfo& snapshot, absl::Duration took) {
  spdlog::info("event=snapshot_created name={} bytes={} seconds={:.2f}", snapshot.name,
               snapshot.bytes, absl::ToDoubleSeconds(took));
}

void LogSnapshotDeleted(absl::string_view name) {
  spdlog::info("event=snapshot_deleted name={}", std::string(name));
}

}  // namespace newsprint::rpc
