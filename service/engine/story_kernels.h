// The arithmetic of ranking stories, with the widest SIMD of the processor at hand. Pure functions.
#ifndef NEWSPRINT_SERVICE_ENGINE_STORY_KERNELS_H_
#define NEWSPRINT_SERVICE_ENGINE_STORY_KERNELS_H_

#include <cstddef>
#include <cstdint>

namespace newsprint {

// Rows of a matrix of the size below begin this many values apart, or a multiple of it, so that
// they can be gone through in whole vectors.
inline constexpr size_t kRowStep = 16;

// A term of one of the articles that are ranked together.
struct ArticleTerm {
  uint32_t term;
  uint32_t article;
  float weight;
};

// Natural logarithm of each value, all greater than 0. The same value gives the same logarithm
// wherever it stands.
void Logarithms(float* values, size_t count);

// Adds, for each two of the `count` entries of one term, the product of their weights to
// products[a * stride + b], where a < b are their articles. The entries ascend by article, and no
// article is in two. `row`: zeros, before and after, as many as `stride`, which is a multiple of
// kRowStep. What stands on the diagonal and below it is undefined afterwards.
void AddTermProducts(const ArticleTerm* entries, size_t count, size_t stride, float* row,
                     float* products);

// Writes the dot product of each two of `count` vectors a < b to products[a * stride + b].
// `vectors` are rows of `dimension` values, a multiple of kRowStep; `count` is a multiple of 4.
// What stands on the diagonal and below it is undefined afterwards.
void VectorProducts(const float* vectors, size_t count, size_t dimension, size_t stride,
                    float* products);

// a[i] = scale * a_scales[i] * a[i] + b_scales[i] * clamp(b[i], -1, 1), for `count` values, a
// multiple of kRowStep.
void CombineRows(const float* a_scales, const float* b_scales, const float* b, float scale,
                 size_t count, float* a);

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_STORY_KERNELS_H_
