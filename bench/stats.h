// Medians and percentiles of measured values.
#ifndef NEWSPRINT_BENCH_STATS_H_
#define NEWSPRINT_BENCH_STATS_H_

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace newsprint::bench {

// The value below which `share` (0 to 1) of the values lie. `values` is not empty.
inline double Percentile(std::vector<double> values, double share) {
  const size_t at =
      std::min(values.size() - 1, static_cast<size_t>(share * static_cast<double>(values.size())));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

inline double Median(std::vector<double> values) { return Percentile(std::move(values), 0.5); }

}  // namespace newsprint::bench

#endif  // NEWSPRINT_BENCH_STATS_H_
