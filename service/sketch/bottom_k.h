// Bottom-k sketches: a sample of an article's shingles by which even a small part of it is found
// again.
//
// The k shingles with the least hashes, k in proportion to the length (A. Broder: On the
// resemblance and containment of documents, 1997; E. Cohen, H. Kaplan: Summarizing Data using
// Bottom-k Sketches, PODC 2007). An excerpt that holds a share of a text holds about the same share
// of the text's sketch, and these are in the excerpt's sketch too. So what two sketches share grows
// with the number of shingles that the texts share, however long the rest is; bands of
// k-permutation MinHash need a large Jaccard similarity instead. Pure functions, safe from any
// thread.
#ifndef NEWSPRINT_SERVICE_SKETCH_BOTTOM_K_H_
#define NEWSPRINT_SERVICE_SKETCH_BOTTOM_K_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace newsprint::sketch {

// Version of the way from shingles to sketch; raised with any change that alters a sketch.
inline constexpr int kSketchVersion = 3;
// One value for so many shingles, and at least kSketchValuesMin, or all shingles where there are
// fewer. docs/adr/0008-bottom-k.md has the measurements.
inline constexpr size_t kShinglesPerValue = 32;
inline constexpr size_t kSketchValuesMin = 48;

// Shingles, ascending.
using Sketch = std::vector<uint32_t>;

// `shingles` must be distinct.
Sketch ComputeSketch(absl::Span<const uint32_t> shingles);

}  // namespace newsprint::sketch

#endif  // NEWSPRINT_SERVICE_SKETCH_BOTTOM_K_H_
