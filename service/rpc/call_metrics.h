// What the RPC layer counts of calls, for metrics.
#ifndef NEWSPRINT_SERVICE_RPC_CALL_METRICS_H_
#define NEWSPRINT_SERVICE_RPC_CALL_METRICS_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <map>
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
    // Unary calls, and requests of StreamIngest, that have been answered.
    ByCode requests;
    Counter request_bytes;  // on the wire
    LatencyHistogram seconds;
    ByCode streams;  // that have ended
  };
  using Methods = std::map<std::string, Method, std::less<>>;

  CallMetrics();

  // One that has been answered with `status` after `took`. Methods of other names than those of
  // newsprint.v1 do not count.
  void RecordRequest(absl::string_view method, const absl::Status& status, size_t bytes,
                     std::chrono::nanoseconds took);
  void RecordStream(absl::string_view method, const absl::Status& status);
  // An item of a BatchIngestArticles.
  void RecordBatchItem(const absl::Status& status);
  void RecordRefusal() { refusals_.Add(); }
  void RecordSlowCall() { slow_calls_.Add(); }

  // All methods of newsprint.v1, by name.
  const Methods& methods() const { return methods_; }
  const ByCode& batch_items() const { return batch_items_; }
  // Calls that were refused as there is too much to do.
  uint64_t refusals() const { return refusals_.value(); }
  // Calls and requests of streams that took longer than they should.
  uint64_t slow_calls() const { return slow_calls_.value(); }

 private:
  Method* Find(absl::string_view method);

  Methods methods_;  // its keys do not change
  ByCode batch_items_;
  Counter refusals_;
  Counter slow_calls_;
};

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_CALL_METRICS_H_
