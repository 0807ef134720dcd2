#include "service/sketch/bottom_k.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "service/common/hash.h"
#include "service/common/sort.h"

namespace newsprint::sketch {
namespace {

constexpr uint64_t kSeed = 0x6e65777370726e74ull;  // "newsprnt"

// The upper half orders, the lower half is the shingle.
uint64_t OrderedShingle(uint32_t shingle) { return (Mix64(shingle ^ kSeed) >> 32 << 32) | shingle; }

// Puts the shingles whose order is at most `order_max` into `ordered`, in their order in
// `shingles`.
void TakeLeast(absl::Span<const uint32_t> shingles, uint32_t order_max,
               std::vector<uint64_t>* ordered) {
  ordered->resize(shingles.size());
  size_t taken = 0;
  for (const uint32_t shingle : shingles) {
    const uint64_t one = OrderedShingle(shingle);
    (*ordered)[taken] = one;
    taken += (one >> 32) <= order_max ? 1 : 0;
  }
  ordered->resize(taken);
}

// An order that, by chance, is seldom below that of the k-th least of n; a fifth of the shingles or
// fewer have one at most so high. Four standard deviations of the binomial distribution.
uint32_t ProbableOrderMax(size_t k, size_t n) {
  const auto expected = static_cast<double>(k);
  const double share = (expected + 4 * std::sqrt(expected)) / static_cast<double>(n);
  return share >= 1 ? UINT32_MAX : static_cast<uint32_t>(share * UINT32_MAX);
}

}  // namespace

Sketch ComputeSketch(absl::Span<const uint32_t> shingles) {
  const size_t k =
      std::min(shingles.size(), std::max(kSketchValuesMin, shingles.size() / kShinglesPerValue));
  Sketch sketch;
  if (k == shingles.size()) {
    sketch.assign(shingles.begin(), shingles.end());
  } else {
    std::vector<uint64_t> ordered;
    TakeLeast(shingles, ProbableOrderMax(k, shingles.size()), &ordered);
    if (ordered.size() < k) TakeLeast(shingles, UINT32_MAX, &ordered);
    std::vector<uint64_t> least = ordered;
    const auto last = least.begin() + static_cast<ptrdiff_t>(k - 1);
    std::nth_element(least.begin(), last, least.end());
    sketch.reserve(k);
    for (const uint64_t one : ordered) {
      if (one <= *last) sketch.push_back(static_cast<uint32_t>(one));
    }
  }
  if (!std::is_sorted(sketch.begin(), sketch.end())) Sort(absl::MakeSpan(sketch));
  return sketch;
}

}  // namespace newsprint::sketch
