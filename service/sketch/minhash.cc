#include "service/sketch/minhash.h"

#include <algorithm>
#include <limits>

#include "service/common/hash.h"

namespace newsprint::sketch {
namespace {

constexpr uint64_t kSeed = 0x6e65777370726e74ull;  // "newsprnt"
constexpr uint64_t kEmpty = std::numeric_limits<uint64_t>::max();
constexpr int kBinBits = 8;
static_assert(1 << kBinBits == kSketchValues);

// Gives each empty bin the value of a full one, chosen by a hash of the bin and the attempt alone,
// so that two sets make the same choice whenever they can. (Algorithm 1 of the 2017 paper.)
void Densify(std::array<uint64_t, kSketchValues>& bins) {
  const std::array<uint64_t, kSketchValues> full = bins;
  for (uint64_t bin = 0; bin < kSketchValues; ++bin) {
    for (uint64_t attempt = 1; bins[bin] == kEmpty; ++attempt) {
      const uint64_t other = Mix64(kSeed ^ (bin << 32) ^ attempt) >> (64 - kBinBits);
      bins[bin] = full[other];
    }
  }
}

}  // namespace

Sketch ComputeSketch(absl::Span<const uint64_t> shingles) {
  Sketch sketch{};
  if (shingles.empty()) return sketch;
  std::array<uint64_t, kSketchValues> bins;
  bins.fill(kEmpty);
  for (const uint64_t shingle : shingles) {
    const uint64_t hash = Mix64(shingle ^ kSeed);
    // The bin comes from the upper bits, the order within it from all of them below.
    const uint64_t bin = hash >> (64 - kBinBits);
    bins[bin] = std::min(bins[bin], hash & (kEmpty >> kBinBits));
  }
  Densify(bins);
  // The least of many hashes has small upper bits; its low ones are as good as random.
  for (int i = 0; i < kSketchValues; ++i) sketch[i] = static_cast<uint8_t>(bins[i]);
  return sketch;
}

int EqualValues(const uint8_t* a, const uint8_t* b) {
  int equal = 0;
  for (int i = 0; i < kSketchValues; ++i) equal += a[i] == b[i] ? 1 : 0;  // vectorised by -O3
  return equal;
}

double EstimateJaccard(int equal_values) {
  constexpr double kChance = 1.0 / 256;
  const double share = static_cast<double>(equal_values) / kSketchValues;
  return std::clamp((share - kChance) / (1 - kChance), 0.0, 1.0);
}

}  // namespace newsprint::sketch
