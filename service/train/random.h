// Random numbers that are the same everywhere, which those of the standard library are not.
#ifndef NEWSPRINT_SERVICE_TRAIN_RANDOM_H_
#define NEWSPRINT_SERVICE_TRAIN_RANDOM_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "service/common/hash.h"

namespace newsprint::train {

// SplitMix64 (G. Steele, D. Lea, C. Flood: Fast splittable pseudorandom number generators, OOPSLA
// 2014). Not thread-safe.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(Mix64(seed ^ 0x6e657773ull)) {}
  // Independent of another stream of the same seed.
  Random(uint64_t seed, uint64_t stream) : state_(Mix64(Mix64(seed) ^ Mix64(~stream))) {}

  uint64_t Next() { return Mix64(state_ += 0x9e3779b97f4a7c15ull); }
  // 0 to `limit` - 1, for 1 <= limit < 2^32.
  uint32_t Below(uint64_t limit) { return static_cast<uint32_t>(((Next() >> 32) * limit) >> 32); }
  // 0 to 1, 1 left out.
  float Uniform() { return static_cast<float>(Next() >> 40) * 0x1p-24f; }

  template <typename T>
  void Shuffle(std::vector<T>& items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[Below(i)]);
  }

 private:
  uint64_t state_;
};

}  // namespace newsprint::train

#endif  // NEWSPRINT_SERVICE_TRAIN_RANDOM_H_
