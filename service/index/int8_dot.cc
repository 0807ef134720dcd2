#include "service/index/int8_dot.h"

// Highway compiles this file once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "service/index/int8_dot.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace newsprint::index {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

int32_t Dot(const int8_t* HWY_RESTRICT a, const int8_t* HWY_RESTRICT b, size_t dimension) {
  int32_t sum = 0;
  size_t i = 0;
#if HWY_TARGET != HWY_SCALAR  // which has no vectors of more than one lane
  const hn::ScalableTag<int32_t> d32;
  const hn::Repartition<int16_t, decltype(d32)> d16;
  const hn::Rebind<int8_t, decltype(d16)> d8;
  const size_t lanes = hn::Lanes(d16);
  auto sum0 = hn::Zero(d32);
  auto sum1 = hn::Zero(d32);
  for (; i + lanes <= dimension; i += lanes) {
    const auto va = hn::PromoteTo(d16, hn::LoadU(d8, a + i));
    const auto vb = hn::PromoteTo(d16, hn::LoadU(d8, b + i));
    sum0 = hn::ReorderWidenMulAccumulate(d32, va, vb, sum0, sum1);
  }
  sum = hn::GetLane(hn::SumOfLanes(d32, hn::Add(sum0, sum1)));
#endif
  for (; i < dimension; ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace HWY_NAMESPACE
}  // namespace newsprint::index
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace newsprint::index {

HWY_EXPORT(Dot);

Int8DotFunction Int8Dot() {
  static const Int8DotFunction function = [] {
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    return &HWY_DYNAMIC_DISPATCH(Dot);
  }();
  return function;
}

}  // namespace newsprint::index
#endif  // HWY_ONCE
