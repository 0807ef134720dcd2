#include "service/embed/row_sum.h"

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

// Two vectors of sums at a time stay in registers over all rows; 32 values are a multiple of that
// for every width up to 16 lanes.
template <typename Value>
HWY_INLINE void SumPairs(const WeightedRow<Value>* HWY_RESTRICT rows, size_t count,
                         size_t dimension, float* HWY_RESTRICT sum, size_t at) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  for (; at < dimension; at += 2 * lanes) {
    auto sum0 = hn::Zero(d);
    auto sum1 = hn::Zero(d);
    for (size_t i = 0; i < count; ++i) {
      const auto weight = hn::Set(d, rows[i].weight);
      const Value* row = rows[i].row + at;
      sum0 = hn::Add(sum0, hn::Mul(weight, LoadRow(d, row)));
      sum1 = hn::Add(sum1, hn::Mul(weight, LoadRow(d, row + lanes)));
    }
    hn::StoreU(sum0, d, sum + at);
    hn::StoreU(sum1, d, sum + at + lanes);
  }
}

template <typename Value>
HWY_INLINE void Sum(const WeightedRow<Value>* HWY_RESTRICT rows, size_t count, size_t dimension,
                    float* HWY_RESTRICT sum) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  size_t at = 0;
  for (; at + 8 * lanes <= dimension; at += 8 * lanes) {
    auto sum0 = hn::Zero(d), sum1 = sum0, sum2 = sum0, sum3 = sum0;
    auto sum4 = sum0, sum5 = sum0, sum6 = sum0, sum7 = sum0;
    for (size_t i = 0; i < count; ++i) {
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
    hn::StoreU(sum0, d, sum + at);
    hn::StoreU(sum1, d, sum + at + lanes);
    hn::StoreU(sum2, d, sum + at + 2 * lanes);
    hn::StoreU(sum3, d, sum + at + 3 * lanes);
    hn::StoreU(sum4, d, sum + at + 4 * lanes);
    hn::StoreU(sum5, d, sum + at + 5 * lanes);
    hn::StoreU(sum6, d, sum + at + 6 * lanes);
    hn::StoreU(sum7, d, sum + at + 7 * lanes);
  }
  SumPairs(rows, count, dimension, sum, at);
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
