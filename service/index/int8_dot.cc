#include "service/index/int8_dot.h"

#if defined(__x86_64__)
#if defined(__GNUC__) && !defined(__clang__)
// The intrinsics' own headers: https://gcc.gnu.org/bugzilla/show_bug.cgi?id=105593
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#endif

#include <algorithm>

// Highway compiles this file once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "service/index/int8_dot.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace newsprint::index {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <size_t kRows>
void DotRows(const int8_t* HWY_RESTRICT query, const int8_t* const* HWY_RESTRICT rows,
             size_t dimension, int32_t* HWY_RESTRICT dots) {
  size_t i = 0;
  std::fill_n(dots, kRows, 0);
#if HWY_TARGET != HWY_SCALAR  // which has no vectors of more than one lane
  const hn::ScalableTag<int32_t> d32;
  const hn::Repartition<int16_t, decltype(d32)> d16;
  const hn::Rebind<int8_t, decltype(d16)> d8;
  const size_t lanes = hn::Lanes(d16);
  // Vectors cannot be elements of arrays everywhere.
  auto a0 = hn::Zero(d32), a1 = a0, a2 = a0, a3 = a0;
  auto b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  for (; i + lanes <= dimension; i += lanes) {
    const auto q = hn::PromoteTo(d16, hn::LoadU(d8, query + i));
    const auto row = [&](size_t r) { return hn::PromoteTo(d16, hn::LoadU(d8, rows[r] + i)); };
    a0 = hn::ReorderWidenMulAccumulate(d32, q, row(0), a0, b0);
    if (kRows == 1) continue;
    a1 = hn::ReorderWidenMulAccumulate(d32, q, row(1 % kRows), a1, b1);
    a2 = hn::ReorderWidenMulAccumulate(d32, q, row(2 % kRows), a2, b2);
    a3 = hn::ReorderWidenMulAccumulate(d32, q, row(3 % kRows), a3, b3);
  }
  const auto sum = [&](decltype(a0) a, decltype(a0) b) {
    return hn::GetLane(hn::SumOfLanes(d32, hn::Add(a, b)));
  };
  dots[0] = sum(a0, b0);
  if (kRows > 1) {
    dots[1 % kRows] = sum(a1, b1);
    dots[2 % kRows] = sum(a2, b2);
    dots[3 % kRows] = sum(a3, b3);
  }
#endif
  for (; i < dimension; ++i) {
    for (size_t r = 0; r < kRows; ++r) dots[r] += query[i] * rows[r][i];
  }
}

void Dots(const int8_t* query, const int8_t* const* rows, size_t count, size_t dimension,
          int32_t* dots) {
  size_t i = 0;
  for (; i + 4 <= count; i += 4) DotRows<4>(query, rows + i, dimension, dots + i);
  for (; i < count; ++i) DotRows<1>(query, rows + i, dimension, dots + i);
}

}  // namespace HWY_NAMESPACE
}  // namespace newsprint::index
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace newsprint::index {

HWY_EXPORT(Dots);

Int8DotsFunction Int8DotsWithoutVnni() {
  static const Int8DotsFunction function = [] {
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    return &HWY_DYNAMIC_DISPATCH(Dots);
  }();
  return function;
}

#if defined(__x86_64__)
namespace {

// Highway 1.0 has no operation for VPDPBUSD, which adds up products of unsigned by signed bytes.
// Rows are made unsigned by adding 128, which adds 128 times the sum of the query to each result.
#define NEWSPRINT_VNNI __attribute__((target("avx512f,avx512bw,avx512vnni")))

NEWSPRINT_VNNI inline __m256i AddHalves(__m512i sums) {
  return _mm256_add_epi32(_mm512_castsi512_si256(sums), _mm512_extracti64x4_epi64(sums, 1));
}

// The sum of each of four vectors.
NEWSPRINT_VNNI inline __m128i SumEach(__m512i a, __m512i b, __m512i c, __m512i d) {
  const __m256i sums = _mm256_hadd_epi32(_mm256_hadd_epi32(AddHalves(a), AddHalves(b)),
                                         _mm256_hadd_epi32(AddHalves(c), AddHalves(d)));
  return _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
}

template <size_t kRows>  // 1 or 4
NEWSPRINT_VNNI inline void DotRowsVnni(const int8_t* query, const int8_t* const* rows,
                                       size_t dimension, int32_t bias, int32_t* dots) {
  const __m512i sign = _mm512_set1_epi8(static_cast<char>(0x80));
  __m512i sums[kRows];
  for (size_t r = 0; r < kRows; ++r) sums[r] = _mm512_setzero_si512();
  size_t i = 0;
  for (; i + 64 <= dimension; i += 64) {
    const __m512i q = _mm512_loadu_si512(query + i);
    for (size_t r = 0; r < kRows; ++r) {
      const __m512i row = _mm512_loadu_si512(rows[r] + i);
      sums[r] = _mm512_dpbusd_epi32(sums[r], _mm512_xor_si512(row, sign), q);
    }
  }
  if (i < dimension) {
    const __mmask64 rest = (uint64_t{1} << (dimension - i)) - 1;
    const __m512i q = _mm512_maskz_loadu_epi8(rest, query + i);
    for (size_t r = 0; r < kRows; ++r) {
      const __m512i row = _mm512_maskz_loadu_epi8(rest, rows[r] + i);
      sums[r] = _mm512_dpbusd_epi32(sums[r], _mm512_xor_si512(row, sign), q);
    }
  }
  const __m128i biased = SumEach(sums[0], sums[1 % kRows], sums[2 % kRows], sums[3 % kRows]);
  const __m128i exact = _mm_sub_epi32(biased, _mm_set1_epi32(bias));
  if constexpr (kRows == 4) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(dots), exact);
  } else {
    dots[0] = _mm_cvtsi128_si32(exact);
  }
}

NEWSPRINT_VNNI void DotsVnni(const int8_t* query, const int8_t* const* rows, size_t count,
                             size_t dimension, int32_t* dots) {
  // A row of zeros becomes 128 everywhere, so its result is the bias.
  const __m512i offset = _mm512_set1_epi8(static_cast<char>(0x80));
  __m512i sum = _mm512_setzero_si512();
  size_t i = 0;
  for (; i + 64 <= dimension; i += 64) {
    sum = _mm512_dpbusd_epi32(sum, offset, _mm512_loadu_si512(query + i));
  }
  if (i < dimension) {
    const __mmask64 rest = (uint64_t{1} << (dimension - i)) - 1;
    sum = _mm512_dpbusd_epi32(sum, offset, _mm512_maskz_loadu_epi8(rest, query + i));
  }
  const int32_t bias = _mm_cvtsi128_si32(SumEach(sum, sum, sum, sum));
  size_t done = 0;
  for (; done + 4 <= count; done += 4) {
    DotRowsVnni<4>(query, rows + done, dimension, bias, dots + done);
  }
  for (; done < count; ++done) DotRowsVnni<1>(query, rows + done, dimension, bias, dots + done);
}

}  // namespace
#endif  // __x86_64__

Int8DotsFunction Int8Dots() {
#if defined(__x86_64__)
  static const Int8DotsFunction function =
      __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw")
          ? &DotsVnni
          : Int8DotsWithoutVnni();
  return function;
#else
  return Int8DotsWithoutVnni();
#endif
}

}  // namespace newsprint::index
#endif  // HWY_ONCE
