// Hashes that end up in stored data. Changing one changes the fingerprint scheme.
#ifndef NEWSPRINT_SERVICE_COMMON_HASH_H_
#define NEWSPRINT_SERVICE_COMMON_HASH_H_

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstddef>
#include <cstdint>

namespace newsprint {

inline uint64_t Hash64(const void* data, size_t size, uint64_t seed = 0) {
  return XXH3_64bits_withSeed(data, size, seed);
}

struct Hash128 {
  uint64_t high = 0;
  uint64_t low = 0;
  friend bool operator==(const Hash128& a, const Hash128& b) {
    return a.high == b.high && a.low == b.low;
  }
  friend bool operator!=(const Hash128& a, const Hash128& b) { return !(a == b); }
};

// XXH3 128 bits over several pieces, in order.
class Hasher128 {
 public:
  Hasher128() { XXH3_128bits_reset(&state_); }
  Hasher128& Add(const void* data, size_t size) {
    XXH3_128bits_update(&state_, data, size);
    return *this;
  }
  Hash128 Finish() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(&state_);
    return {hash.high64, hash.low64};
  }

 private:
  XXH3_state_t state_;
};

// A bijective mixer: David Stafford's variant 13 of the MurmurHash3 finaliser
// (https://zimbry.blogspot.com/2011/09/better-bit-mixing-improving-on.html).
inline uint64_t Mix64(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_COMMON_HASH_H_
