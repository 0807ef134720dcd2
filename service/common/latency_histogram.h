// Counts that are kept on hot paths and read now and then.
//
// Plain atomics without order between them: a reader may see an event in one of two counts and not
// yet in the other. Thread-safe.
#ifndef NEWSPRINT_SERVICE_COMMON_LATENCY_HISTOGRAM_H_
#define NEWSPRINT_SERVICE_COMMON_LATENCY_HISTOGRAM_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace newsprint {

// Only grows.
class Counter {
 public:
  void Add(uint64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// How long things took, from 10 us to 30 s. Recording takes some 10 ns.
class LatencyHistogram {
 public:
  // Upper bounds of the buckets, inclusive; a last bucket has what is above.
  static constexpr std::array<int64_t, 20> kBoundsNanos = {
      10'000,        25'000,        50'000,        100'000,        250'000,
      500'000,       1'000'000,     2'500'000,     5'000'000,      10'000'000,
      25'000'000,    50'000'000,    100'000'000,   250'000'000,    500'000'000,
      1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000, 30'000'000'000};
  static constexpr size_t kBuckets = kBoundsNanos.size() + 1;

  // Nothing is shorter than 0.
  void Record(std::chrono::nanoseconds took) {
    const int64_t nanos = std::max<int64_t>(took.count(), 0);
    const auto bound = std::lower_bound(kBoundsNanos.begin(), kBoundsNanos.end(), nanos);
    buckets_[static_cast<size_t>(bound - kBoundsNanos.begin())].Add();
    sum_nanos_.Add(static_cast<uint64_t>(nanos));
  }

  struct Snapshot {
    // How many took at most so long: by bound, and all at last.
    std::array<uint64_t, kBuckets> cumulative{};
    double sum_seconds = 0;
    uint64_t count() const { return cumulative.back(); }
  };
  Snapshot Read() const {
    Snapshot snapshot;
    uint64_t count = 0;
    for (size_t i = 0; i < kBuckets; ++i) snapshot.cumulative[i] = count += buckets_[i].value();
    snapshot.sum_seconds = static_cast<double>(sum_nanos_.value()) / 1e9;
    return snapshot;
  }

 private:
  std::array<Counter, kBuckets> buckets_;
  Counter sum_nanos_;
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_COMMON_LATENCY_HISTOGRAM_H_
