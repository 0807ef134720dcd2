// Made-up vectors for tests of the vector index.
#ifndef NEWSPRINT_TESTS_INDEX_VECTORS_H_
#define NEWSPRINT_TESTS_INDEX_VECTORS_H_

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace newsprint::index {

// Unit vectors around stories, which lie around subjects, as articles do. (Around centres that have
// nothing in common with each other a graph has no way from one to the next, and finds little.)
inline std::vector<float> StoryVector(int dimension, std::mt19937_64& random) {
  const uint64_t story = random() % 1000;
  std::mt19937_64 story_random(story);
  std::mt19937_64 subject_random(5000 + story % 25);
  std::normal_distribution<float> normal;
  std::vector<float> vector(dimension);
  double squares = 0;
  for (float& value : vector) {
    value = normal(subject_random);
    normal.reset();
    value += normal(story_random);
    normal.reset();
    value += normal(random);
    squares += value * value;
  }
  for (float& value : vector) value /= static_cast<float>(std::sqrt(squares));
  return vector;
}

}  // namespace newsprint::index

#endif  // NEWSPRINT_TESTS_INDEX_VECTORS_H_
