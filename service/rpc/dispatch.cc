#include "service/rpc/dispatch.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/common/status_macros.h"
#include "service/rpc/limits.h"

namespace newsprint::rpc {
namespace {

constexpr absl::Duration kRetryDelayMax = absl::Seconds(5);
// A call is let in when its deadline leaves this many times the wait that is expected: guesses are
// off, and what misses its deadline in the end was work for nothing.
constexpr double kWaitMargin = 2;
constexpr int64_t kRefusalLogSeconds = 10;

}  // namespace

absl::Status Dispatcher::CheckServing() const {
  switch (phase_) {
    case Phase::kServing:
      return absl::OkStatus();
    case Phase::kStarting:
      return absl::UnavailableError("server: starting; try again after a pause");
    case Phase::kDraining:
      return absl::UnavailableError("server: stopping; try again elsewhere, or after a pause");
  }
  return absl::InternalError("server: unknown phase");
}

absl::Status Dispatcher::CheckAlive(const grpc::CallbackServerContext& context) {
  // Deadline first: gRPC cancels a call whose deadline has passed.
  if (context.deadline() < std::chrono::system_clock::now()) {
    return absl::DeadlineExceededError("deadline: passed before the work was done");
  }
  if (context.IsCancelled())
    return absl::CancelledError("call: cancelled before the work was done");
  return absl::OkStatus();
}

absl::Status Dispatcher::Refuse(absl::Status refusal, absl::FunctionRef<std::string()> trace) {
  metrics_->RecordRefusal();
  const int64_t now = absl::ToUnixSeconds(absl::Now());
  int64_t due = next_refusal_log_;
  if (now >= due && next_refusal_log_.compare_exchange_strong(due, now + kRefusalLogSeconds)) {
    const Admission::Usage usage = admission_->usage();
    spdlog::warn(
        "event=overload refused={} calls={} call_bytes={} stream_requests={} stream_bytes={} "
        "answer_bytes={} stream_answer_bytes={} message=\"{}\"{}",
        metrics_->refusals(), usage.unary_items, usage.unary_bytes, usage.stream_items,
        usage.stream_bytes, usage.answer_bytes, usage.stream_answer_bytes,
        std::string(refusal.message()), trace());
  }
  const absl::Duration delay =
      WithJitter(std::clamp(pool_->ExpectedWait(), kRetryDelayMin * 4 / 3, kRetryDelayMax * 2 / 3));
  return WithRetryDelay(std::move(refusal), delay);
}

absl::Status Dispatcher::Authorize(const UnaryCall& call, absl::string_view collection) const {
  if (!collection.empty()) {
    call.times->SetCollection(collection.substr(0, kCollectionNameBytesMax));
  }
  return gate_.Authorize(call.caller, call.method, collection,
                         [&call] { return TraceFields(*call.context); });
}

void Dispatcher::ChargeForItems(const UnaryCall& call, size_t items) const {
  // A batch of more will be refused.
  if (items <= 1 || items > static_cast<size_t>(handlers_->limits().batch_items_max)) return;
  call.caller.Charge(static_cast<double>(items - 1), 0);
}

absl::Status Dispatcher::Admit(UnaryCall* call, absl::Duration wait) {
  const auto trace = [call] { return TraceFields(*call->context); };
  RETURN_IF_ERROR(CheckServing());
  if (!call->came) return absl::CancelledError("call: cancelled before the request had come");
  RETURN_IF_ERROR(CheckAlive(*call->context));
  ASSIGN_OR_RETURN(call->caller, gate_.Identify(*call->context, call->method));
  if (wait > absl::ZeroDuration()) {
    const absl::Duration left = absl::FromChrono(call->context->deadline()) - absl::Now();
    if (wait * kWaitMargin > left) {
      return Refuse(absl::ResourceExhaustedError(
                        absl::StrCat("server: deadline cannot be met, got ",
                                     absl::FormatDuration(left), ", and the queue takes about ",
                                     absl::FormatDuration(wait), "; try again after a pause")),
                    trace);
    }
  }
  absl::Status entered = admission_->EnterUnary(call->bytes);
  if (!entered.ok()) return Refuse(std::move(entered), trace);
  call->caller.Charge(1, call->bytes);
  return entered;
}

bool Dispatcher::Begin(UnaryCall* call, absl::Duration wait) {
  const absl::Status status = Admit(call, wait);
  if (status.ok()) {
    ++running_;
  } else {
    metrics_->RecordRequest(call->method, status, call->bytes, std::nullopt);
    call->reactor->Finish(ToGrpc(status));
  }
  return status.ok();
}

grpc::ServerUnaryReactor* Dispatcher::Run(UnaryCall call, Body body) {
  grpc::ServerUnaryReactor* const reactor = call.reactor;
  if (!Begin(&call, pool_->ExpectedWait())) return reactor;
  pool_->Submit([this, call = std::move(call), work = std::move(body)]() mutable {
    const CallTimes::Scope scope(call.times.get());
    call.times->Record(Step::kQueue, CallTimes::Clock::now() - call.times->begin());
    if (absl::Status status = CheckAlive(*call.context); !status.ok()) return Finish(call, status);
    work(call);
  });
  return reactor;
}

CallRemarks Dispatcher::OnAnswered(absl::string_view method, const absl::Status& status,
                                   size_t bytes, const CallTimes& times,
                                   absl::FunctionRef<std::string()> origin) const {
  const auto took = CallTimes::Clock::now() - times.begin();
  metrics_->RecordRequest(method, status, bytes, took);
  CallRemarks remarks;
  remarks.took = absl::FromChrono(took);
  remarks.slow = slow_call_ > absl::ZeroDuration() && remarks.took >= slow_call_;
  remarks.fault = IsServerFault(status) || times.item_faults() > 0;
  if (remarks.slow) metrics_->RecordSlowCall();
  if (remarks.slow || remarks.fault) remarks.origin = origin();
  return remarks;
}

void Dispatcher::Finish(const UnaryCall& call, const absl::Status& status) {
  const CallRemarks remarks = OnAnswered(call.method, status, call.bytes, *call.times, [&call] {
    return OriginFields(call.caller.name(), TraceFields(*call.context));
  });
  admission_->LeaveUnary(call.bytes);
  --running_;  // first: once the call has ended, the server may go, and this object with it
  call.reactor->Finish(ToGrpc(status));
  // The caller does not wait for the log.
  LogCall(call.method, status, call.bytes, *call.times, remarks);
  LogAdministration(call.caller.name(), call.method, call.times->collection(), status);
}

}  // namespace newsprint::rpc
