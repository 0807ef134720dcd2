// Dot products of int8 vectors with the widest SIMD of the processor at hand.
#ifndef NEWSPRINT_SERVICE_INDEX_INT8_DOT_H_
#define NEWSPRINT_SERVICE_INDEX_INT8_DOT_H_

#include <cstddef>
#include <cstdint>

namespace newsprint::index {

// Writes the dot products of `query` with each of `count` rows. Exact for values in -127..127 and a
// dimension up to 65,536. Several rows at a time, so a call with many costs least.
using Int8DotsFunction = void (*)(const int8_t* query, const int8_t* const* rows, size_t count,
                                  size_t dimension, int32_t* dots);

// Chosen once a process.
Int8DotsFunction Int8Dots();

// The next best one, for processors without AVX-512 VNNI; tests compare the two.
Int8DotsFunction Int8DotsWithoutVnni();

}  // namespace newsprint::index

#endif  // NEWSPRINT_SERVICE_INDEX_INT8_DOT_H_
