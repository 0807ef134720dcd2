// Numbers that hash tables mix in where senders choose what is put into them: without, words or
// shingles could be made up to collide.
#ifndef NEWSPRINT_SERVICE_COMMON_SECRET_H_
#define NEWSPRINT_SERVICE_COMMON_SECRET_H_

#include <cstdint>
#include <random>

namespace newsprint {

// Another one at each call, from the system's source of randomness. Nothing stored may depend on
// it.
inline uint64_t SecretNumber() {
  std::random_device random;
  return uint64_t{random()} << 32 | random();
}

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_COMMON_SECRET_H_
