#include "service/train/adam.h"

#include <cmath>

// Highway compiles this file once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "service/train/adam.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace newsprint::train {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <typename Tag>
HWY_INLINE void UpdateLanes(Tag d, const AdamStep& step, const float* gradient, float* values,
                            float* mean, float* square) {
  const auto g = hn::LoadU(d, gradient);
  const auto m = hn::MulAdd(hn::Set(d, AdamStep::kBeta1), hn::LoadU(d, mean),
                            hn::Mul(hn::Set(d, 1 - AdamStep::kBeta1), g));
  const auto v = hn::MulAdd(hn::Set(d, AdamStep::kBeta2), hn::LoadU(d, square),
                            hn::Mul(hn::Mul(hn::Set(d, 1 - AdamStep::kBeta2), g), g));
  hn::StoreU(m, d, mean);
  hn::StoreU(v, d, square);
  const auto length =
      hn::Add(hn::Sqrt(hn::Mul(v, hn::Set(d, step.second_scale))), hn::Set(d, AdamStep::kEpsilon));
  const auto change = hn::Div(hn::Mul(hn::Set(d, step.rate), m), length);
  hn::StoreU(hn::Sub(hn::LoadU(d, values), change), d, values);
}

void Update(const AdamStep& step, const float* gradient, size_t size, float* values, float* mean,
            float* square) {
  const hn::CappedTag<float, 16> d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= size; i += lanes) {
    UpdateLanes(d, step, gradient + i, values + i, mean + i, square + i);
  }
  const hn::CappedTag<float, 1> d1;
  for (; i < size; ++i) UpdateLanes(d1, step, gradient + i, values + i, mean + i, square + i);
}

}  // namespace HWY_NAMESPACE
}  // namespace newsprint::train
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace newsprint::train {

HWY_EXPORT(Update);

AdamStep::AdamStep(float learning_rate, int step)
    : rate(static_cast<float>(learning_rate / (1 - std::pow(static_cast<double>(kBeta1), step)))),
      second_scale(static_cast<float>(1 / (1 - std::pow(static_cast<double>(kBeta2), step)))) {}

void AdamUpdate(const AdamStep& step, const float* gradient, size_t size, float* values,
                float* mean, float* square) {
  HWY_DYNAMIC_DISPATCH(Update)(step, gradient, size, values, mean, square);
}

}  // namespace newsprint::train
#endif  // HWY_ONCE
