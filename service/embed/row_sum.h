// Weighted sums of rows of a table, with the widest SIMD of the processor at hand.
#ifndef NEWSPRINT_SERVICE_EMBED_ROW_SUM_H_
#define NEWSPRINT_SERVICE_EMBED_ROW_SUM_H_

#include <cstddef>
#include <cstdint>

namespace newsprint::embed {

// A row and what it is multiplied by.
template <typename Value>
struct WeightedRow {
  const Value* row;
  float weight;
};

// Writes to `sum`, for each of `dimension` places, the sum over `rows` of weight * row, added up in
// the order of the rows. No products are fused into the additions, so the sum is the same to the
// last bit on every processor. `dimension` is a multiple of 32.
void SumRows(const WeightedRow<int8_t>* rows, size_t count, size_t dimension, float* sum);
void SumRows(const WeightedRow<float>* rows, size_t count, size_t dimension, float* sum);

}  // namespace newsprint::embed

#endif  // NEWSPRINT_SERVICE_EMBED_ROW_SUM_H_
