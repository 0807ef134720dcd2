// Dot product of int8 vectors with the widest SIMD of the processor at hand.
#ifndef NEWSPRINT_SERVICE_INDEX_INT8_DOT_H_
#define NEWSPRINT_SERVICE_INDEX_INT8_DOT_H_

#include <cstddef>
#include <cstdint>

namespace newsprint::index {

using Int8DotFunction = int32_t (*)(const int8_t* a, const int8_t* b, size_t dimension);

// Chosen once a process. Exact for values in -127..127 and a dimension up to 65,536, a multiple
// of 8.
Int8DotFunction Int8Dot();

}  // namespace newsprint::index

#endif  // NEWSPRINT_SERVICE_INDEX_INT8_DOT_H_
