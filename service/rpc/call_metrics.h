// What the RPC layer counts of calls, for metrics.
#ifndef NEWSPRINT_SERVICE_RPC_CALL_METRICS_H_
#define NEWSPRINT_SERVICE_RPC_CALL_METRICS_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "service/common/latency_histogram.h"

namespace newsprint::rpc {

// Thread-safe. Codes are those that callers are told.
class CallMetrics {
 public:
  static constexpr size_t kCodes = 17;
  using ByCode = std::array<Counter, kCodes>;

  struct Method {
    bool has_requests = false;  // that are answered one by one: unary calls, those of StreamIngest
    bool is_stream = false;
    ByCode requests;           // that have been answered
    Counter request_bytes;     // on the wire
    LatencyHistogram seconds;  // of those that were let in
    ByCode streams;            // that have ended
  };
  using Methods = std::map<std::string, Method, std::less<>>;

  // Why a call was refused for who makes it.
  enum class AccessRefusal { kUnauthenticated, kPermission, kRate, kStreams, kArticles };
  static constexpr size_t kAccessRefusals = 5;

  CallMetrics();

  // One that has been answered with `status` after `took`; nothing: it was not let in, and so says
  // nothing of how fast the server is. Methods of other names than those of newsprint.v1 do not
  // count.
  void RecordRequest(absl::string_view method, const absl::Status& status, size_t bytes,
                     std::optional<std::chrono::nanoseconds> took);
  void RecordStream(absl::string_view method, const absl::Status& status);
  // An item of a BatchIngestArticles.
  void RecordBatchItem(const absl::Status& status);
  void RecordRefusal() { refusals_.Add(); }
  void RecordSlowCall() { slow_calls_.Add(); }
  void RecordAccessRefusal(AccessRefusal reason) {
    access_refusals_[static_cast<size_t>(reason)].Add();
  }

  // All methods of newsprint.v1, by name.
  const Methods& methods() const { return methods_; }
  const ByCode& batch_items() const { return batch_items_; }
  // Calls that were refused as there is too much to do.
  uint64_t refusals() const { return refusals_.value(); }
  // Calls and requests of streams that took longer than they should.
  uint64_t slow_calls() const { return slow_calls_.value(); }
  uint64_t access_refusals(AccessRefusal reason) const {
    return access_refusals_[static_cast<size_t>(reason)].value();
  }

 private:
  Method* Find(absl::string_view method);

  Methods methods_;  // its keys do not change
  ByCode batch_items_;
  Counter refusals_;
  Counter slow_calls_;
  std::array<Counter, kAccessRefusals> access_refusals_;
};

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_CALL_METRICS_H_
