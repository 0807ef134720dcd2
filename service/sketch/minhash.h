// One-permutation MinHash with optimal densification, kept to 8 bits a value.
//
// P. Li, A. Owen, C.-H. Zhang: One Permutation Hashing (NIPS 2012); A. Shrivastava: Optimal
// Densification for Fast and Accurate Minwise Hashing (ICML 2017); P. Li, C. Koenig: b-Bit Minwise
// Hashing (WWW 2010). Pure functions, safe from any thread.
#ifndef NEWSPRINT_SERVICE_SKETCH_MINHASH_H_
#define NEWSPRINT_SERVICE_SKETCH_MINHASH_H_

#include <array>
#include <cstdint>

#include "absl/types/span.h"

namespace newsprint::sketch {

// Version of the way from shingles to sketch; raised with any change that alters a sketch.
inline constexpr int kSketchVersion = 1;
// Values in a sketch: the K of the papers.
inline constexpr int kSketchValues = 256;

// For each of 256 bins, the low 8 bits of the least hash that fell into it.
using Sketch = std::array<uint8_t, kSketchValues>;

// The sketch of a set of shingle hashes. Order and repeats do not matter. An empty set gives all
// zeros, which means nothing: do not index it.
Sketch ComputeSketch(absl::Span<const uint64_t> shingles);

// Number of equal values, 0 to 256.
int EqualValues(const uint8_t* a, const uint8_t* b);

// Estimate of the Jaccard similarity from the number of equal values, 0 to 1. Unrelated values
// agree with probability 1/256, which is taken off (equation 2 in Li and Koenig, for large sets).
// For sets of many more than 256 shingles the standard error is about sqrt(J (1 - J) / 256), at
// most 0.03.
double EstimateJaccard(int equal_values);

}  // namespace newsprint::sketch

#endif  // NEWSPRINT_SERVICE_SKETCH_MINHASH_H_
