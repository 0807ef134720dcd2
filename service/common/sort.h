// Sorting of plain numbers with SIMD: many times as fast as std::sort on the hashes of an article,
// which no branch predictor foresees. Thread-safe.
#ifndef NEWSPRINT_SERVICE_COMMON_SORT_H_
#define NEWSPRINT_SERVICE_COMMON_SORT_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace newsprint {

// Ascending. O(n log n) on any input.
void Sort(absl::Span<uint32_t> values);
void Sort(absl::Span<uint64_t> values);
// And without repeats.
void SortUnique(std::vector<uint32_t>* values);

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_COMMON_SORT_H_
