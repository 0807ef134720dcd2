#include "service/sketch/bottom_k.h"

#include <algorithm>

#include "service/common/hash.h"

namespace newsprint::sketch {
namespace {

constexpr uint64_t kSeed = 0x6e65777370726e74ull;  // "newsprnt"

}  // namespace

Sketch ComputeSketch(absl::Span<const uint32_t> shingles) {
  const size_t k =
      std::min(shingles.size(), std::max(kSketchValuesMin, shingles.size() / kShinglesPerValue));
  // The upper half orders, the lower half is the shingle.
  std::vector<uint64_t> ordered;
  ordered.reserve(shingles.size());
  for (const uint32_t shingle : shingles) {
    ordered.push_back((Mix64(shingle ^ kSeed) >> 32 << 32) | shingle);
  }
  std::nth_element(ordered.begin(), ordered.begin() + k, ordered.end());
  Sketch sketch;
  sketch.reserve(k);
  for (size_t i = 0; i < k; ++i) sketch.push_back(static_cast<uint32_t>(ordered[i]));
  std::sort(sketch.begin(), sketch.end());
  return sketch;
}

}  // namespace newsprint::sketch
