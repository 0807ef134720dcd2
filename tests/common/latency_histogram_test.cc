#include "service/common/latency_histogram.h"

#include <chrono>
#include <thread>
#include <vector>

namespace newsprint {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(LatencyHistogramTest, ABoundBelongsToItsBucket) {
  for (size_t i = 0; i < LatencyHistogram::kBoundsNanos.size(); ++i) {
    LatencyHistogram histogram;
    histogram.Record(nanoseconds(LatencyHistogram::kBoundsNanos[i]));
    histogram.Record(nanoseconds(LatencyHistogram::kBoundsNanos[i] + 1));
    const LatencyHistogram::Snapshot snapshot = histogram.Read();
    for (size_t j = 0; j < LatencyHistogram::kBuckets; ++j) {
      EXPECT_EQ(snapshot.cumulative[j], j < i ? 0U : j == i ? 1U : 2U) << i << " " << j;
    }
  }
}

TEST(LatencyHistogramTest, CountsAndSum) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.Read().count(), 0U);
  histogram.Record(microseconds(1));
  histogram.Record(microseconds(600));
  histogram.Record(seconds(100));
  histogram.Record(nanoseconds(-5));  // a clock that was set back would else take from the sum
  const LatencyHistogram::Snapshot snapshot = histogram.Read();
  EXPECT_EQ(snapshot.count(), 4U);
  EXPECT_EQ(snapshot.cumulative[0], 2U);
  EXPECT_EQ(snapshot.cumulative[LatencyHistogram::kBuckets - 2], 3U);
  EXPECT_NEAR(snapshot.sum_seconds, 100.000601, 1e-9);
}

TEST(LatencyHistogramTest, ThreadsLoseNothing) {
  LatencyHistogram histogram;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 10'000; ++j) histogram.Record(microseconds(j));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(histogram.Read().count(), 40'000U);
  EXPECT_NEAR(histogram.Read().sum_seconds, 4 * 9'999 * 10'000 / 2 / 1e6, 1e-6);
}

}  // namespace
}  // namespace newsprint
