#include "service/engine/story_kernels.h"

#include <algorithm>

// Highway compiles this file once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "service/engine/story_kernels.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace newsprint {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::CappedTag<float, kRowStep>;

void Logarithms(float* values, size_t count) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes)
    hn::StoreU(hn::Log(d, hn::LoadU(d, values + i)), d, values + i);
  if (i == count) return;
  float rest[kRowStep];
  std::fill(rest, rest + kRowStep, 1.0f);
  std::copy(values + i, values + count, rest);
  hn::StoreU(hn::Log(d, hn::LoadU(d, rest)), d, rest);
  std::copy(rest, rest + (count - i), values + i);
}

void AddTermProducts(const ArticleTerm* HWY_RESTRICT entries, size_t count, size_t stride,
                     float* HWY_RESTRICT row, float* HWY_RESTRICT products) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  for (size_t i = 0; i < count; ++i) row[entries[i].article] = entries[i].weight;
  const size_t end = entries[count - 1].article + 1;
  for (size_t i = 0; i + 1 < count; ++i) {
    float* to = products + entries[i].article * stride;
    const auto weight = hn::Set(d, entries[i].weight);
    for (size_t at = entries[i].article / lanes * lanes; at < end; at += lanes) {
      hn::StoreU(hn::MulAdd(weight, hn::LoadU(d, row + at), hn::LoadU(d, to + at)), d, to + at);
    }
  }
  for (size_t i = 0; i < count; ++i) row[entries[i].article] = 0;
}

// Four rows against two at a time, whose eight sums stay in registers.
void VectorProducts(const float* HWY_RESTRICT vectors, size_t count, size_t dimension,
                    size_t stride, float* HWY_RESTRICT products) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  for (size_t i = 0; i < count; i += 4) {
    const float* a0 = vectors + i * dimension;
    const float* a1 = a0 + dimension;
    const float* a2 = a1 + dimension;
    const float* a3 = a2 + dimension;
    for (size_t j = i; j < count; j += 2) {
      const float* b0 = vectors + j * dimension;
      const float* b1 = b0 + dimension;
      auto s00 = hn::Zero(d), s01 = s00, s10 = s00, s11 = s00;
      auto s20 = s00, s21 = s00, s30 = s00, s31 = s00;
      for (size_t k = 0; k < dimension; k += lanes) {
        const auto vb0 = hn::LoadU(d, b0 + k);
        const auto vb1 = hn::LoadU(d, b1 + k);
        const auto va0 = hn::LoadU(d, a0 + k);
        s00 = hn::MulAdd(va0, vb0, s00);
        s01 = hn::MulAdd(va0, vb1, s01);
        const auto va1 = hn::LoadU(d, a1 + k);
        s10 = hn::MulAdd(va1, vb0, s10);
        s11 = hn::MulAdd(va1, vb1, s11);
        const auto va2 = hn::LoadU(d, a2 + k);
        s20 = hn::MulAdd(va2, vb0, s20);
        s21 = hn::MulAdd(va2, vb1, s21);
        const auto va3 = hn::LoadU(d, a3 + k);
        s30 = hn::MulAdd(va3, vb0, s30);
        s31 = hn::MulAdd(va3, vb1, s31);
      }
      float* to = products + i * stride + j;
      to[0] = hn::GetLane(hn::SumOfLanes(d, s00));
      to[1] = hn::GetLane(hn::SumOfLanes(d, s01));
      to += stride;
      to[0] = hn::GetLane(hn::SumOfLanes(d, s10));
      to[1] = hn::GetLane(hn::SumOfLanes(d, s11));
      to += stride;
      to[0] = hn::GetLane(hn::SumOfLanes(d, s20));
      to[1] = hn::GetLane(hn::SumOfLanes(d, s21));
      to += stride;
      to[0] = hn::GetLane(hn::SumOfLanes(d, s30));
      to[1] = hn::GetLane(hn::SumOfLanes(d, s31));
    }
  }
}

void CombineRows(const float* HWY_RESTRICT a_scales, const float* HWY_RESTRICT b_scales,
                 const float* HWY_RESTRICT b, float scale, size_t count, float* HWY_RESTRICT a) {
  const FloatTag d;
  const auto scale_all = hn::Set(d, scale);
  const auto one = hn::Set(d, 1.0f);
  for (size_t i = 0; i < count; i += hn::Lanes(d)) {
    const auto of_a = hn::Mul(hn::Mul(scale_all, hn::LoadU(d, a_scales + i)), hn::LoadU(d, a + i));
    const auto of_b = hn::Clamp(hn::LoadU(d, b + i), hn::Neg(one), one);
    hn::StoreU(hn::MulAdd(hn::LoadU(d, b_scales + i), of_b, of_a), d, a + i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace newsprint
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace newsprint {

HWY_EXPORT(Logarithms);
HWY_EXPORT(AddTermProducts);
HWY_EXPORT(VectorProducts);
HWY_EXPORT(CombineRows);

void Logarithms(float* values, size_t count) { HWY_DYNAMIC_DISPATCH(Logarithms)(values, count); }

void AddTermProducts(const ArticleTerm* entries, size_t count, size_t stride, float* row,
                     float* products) {
  HWY_DYNAMIC_DISPATCH(AddTermProducts)(entries, count, stride, row, products);
}

void VectorProducts(const float* vectors, size_t count, size_t dimension, size_t stride,
                    float* products) {
  HWY_DYNAMIC_DISPATCH(VectorProducts)(vectors, count, dimension, stride, products);
}

void CombineRows(const float* a_scales, const float* b_scales, const float* b, float scale,
                 size_t count, float* a) {
  HWY_DYNAMIC_DISPATCH(CombineRows)(a_scales, b_scales, b, scale, count, a);
}

}  // namespace newsprint
#endif  // HWY_ONCE
