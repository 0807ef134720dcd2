#include "service/embed/row_sum.h"

#include <algorithm>

// Highway compiles this file once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "service/embed/row_sum.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace newsprint::embed {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::CappedTag<float, 16>;

HWY_INLINE hn::Vec<FloatTag> LoadRow(FloatTag d, const float* from) { return hn::LoadU(d, from); }
HWY_INLINE hn::Vec<FloatTag> LoadRow(FloatTag d, const int8_t* from) {
  const hn::Rebind<int8_t, FloatTag> d8;
  const hn::Rebind<int32_t, FloatTag> d32;
  return hn::ConvertTo(d, hn::PromoteTo(d32, hn::LoadU(d8, from)));
}

// Rows that are added up before the next part of the dimensions: they stay in the first-level
// cache.
constexpr size_t kTileRows = 16;
constexpr size_t kCacheLineBytes = 64;

// Adds `count` rows to the sums from `at` on, two vectors of them. 32 values are a multiple of that
// for every width up to 16 lanes.
template <typename Value>
HWY_INLINE void AddToPair(const WeightedRow<Value>* HWY_RESTRICT rows, size_t count, size_t at,
                          float* HWY_RESTRICT sum) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  auto sum0 = hn::LoadU(d, sum + at);
  auto sum1 = hn::LoadU(d, sum + at + lanes);
  for (size_t i = 0; i < count; ++i) {
    const auto weight = hn::Set(d, rows[i].weight);
    const Value* row = rows[i].row + at;
    sum0 = hn::Add(sum0, hn::Mul(weight, LoadRow(d, row)));
    sum1 = hn::Add(sum1, hn::Mul(weight, LoadRow(d, row + lanes)));
  }
  hn::StoreU(sum0, d, sum + at);
  hn::StoreU(sum1, d, sum + at + lanes);
}

// The same for eight vectors, which stay in registers. The next `coming` rows are fetched
// meanwhile: they lie scattered over a large table.
template <typename Value>
HWY_INLINE void AddToEight(const WeightedRow<Value>* HWY_RESTRICT rows, size_t count, size_t coming,
                           size_t at, float* HWY_RESTRICT sum) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  float* const to = sum + at;
  auto sum0 = hn::LoadU(d, to);
  auto sum1 = hn::LoadU(d, to + lanes);
  auto sum2 = hn::LoadU(d, to + 2 * lanes);
  auto sum3 = hn::LoadU(d, to + 3 * lanes);
  auto sum4 = hn::LoadU(d, to + 4 * lanes);
  auto sum5 = hn::LoadU(d, to + 5 * lanes);
  auto sum6 = hn::LoadU(d, to + 6 * lanes);
  auto sum7 = hn::LoadU(d, to + 7 * lanes);
  for (size_t i = 0; i < count; ++i) {
    if (i < coming) {
      const auto* const next = reinterpret_cast<const char*>(rows[count + i].row + at);
      for (size_t byte = 0; byte < 8 * lanes * sizeof(Value); byte += kCacheLineBytes) {
        __builtin_prefetch(next + byte);
      }
    }
    const auto weight = hn::Set(d, rows[i].weight);
    const Value* row = rows[i].row + at;
    sum0 = hn::Add(sum0, hn::Mul(weight, LoadRow(d, row)));
    sum1 = hn::Add(sum1, hn::Mul(weight, LoadRow(d, row + lanes)));
    sum2 = hn::Add(sum2, hn::Mul(weight, LoadRow(d, row + 2 * lanes)));
    sum3 = hn::Add(sum3, hn::Mul(weight, LoadRow(d, row + 3 * lanes)));
    sum4 = hn::Add(sum4, hn::Mul(weight, LoadRow(d, row + 4 * lanes)));
    sum5 = hn::Add(sum5, hn::Mul(weight, LoadRow(d, row + 5 * lanes)));
    sum6 = hn::Add(sum6, hn::Mul(weight, LoadRow(d, row + 6 * lanes)));
    sum7 = hn::Add(sum7, hn::Mul(weight, LoadRow(d, row + 7 * lanes)));
  }
  hn::StoreU(sum0, d, to);
  hn::StoreU(sum1, d, to + lanes);
  hn::StoreU(sum2, d, to + 2 * lanes);
  hn::StoreU(sum3, d, to + 3 * lanes);
  hn::StoreU(sum4, d, to + 4 * lanes);
  hn::StoreU(sum5, d, to + 5 * lanes);
  hn::StoreU(sum6, d, to + 6 * lanes);
  hn::StoreU(sum7, d, to + 7 * lanes);
}

template <typename Value>
HWY_INLINE void Sum(const WeightedRow<Value>* HWY_RESTRICT rows, size_t count, size_t dimension,
                    float* HWY_RESTRICT sum) {
  const size_t lanes = hn::Lanes(FloatTag());
  std::fill(sum, sum + dimension, 0.0f);
  for (size_t tile; count > 0; rows += tile, count -= tile) {
    tile = std::min(count, kTileRows);
    const size_t coming = std::min(count - tile, tile);
    size_t at = 0;
    for (; at + 8 * lanes <= dimension; at += 8 * lanes) {
      AddToEight(rows, tile, coming, at, sum);
    }
    for (; at < dimension; at += 2 * lanes) AddToPair(rows, tile, at, sum);
  }
}

void SumInt8(const WeightedRow<int8_t>* rows, size_t count, size_t dimension, float* sum) {
  Sum(rows, count, dimension, sum);
}
void SumFloat(const WeightedRow<float>* rows, size_t count, size_t dimension, float* sum) {
  Sum(rows, count, dimension, sum);
}

}  // namespace HWY_NAMESPACE
}  // namespace newsprint::embed
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace newsprint::embed {

HWY_EXPORT(SumInt8);
HWY_EXPORT(SumFloat);

void SumRows(const WeightedRow<int8_t>* rows, size_t count, size_t dimension, float* sum) {
  HWY_DYNAMIC_DISPATCH(SumInt8)(rows, count, dimension, sum);
}

void SumRows(const WeightedRow<float>* rows, size_t count, size_t dimension, float* sum) {
  HWY_DYNAMIC_DISPATCH(SumFloat)(rows, count, dimension, sum);
}

}  // namespace newsprint::embed
#endif  // HWY_ONCE
