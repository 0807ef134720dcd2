#include "service/sketch/bottom_k.h"

#include <algorithm>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "service/common/hash.h"
#include "tests/testing/articles.h"

namespace newsprint::sketch {
namespace {

std::vector<uint32_t> DistinctShingles(size_t count, std::mt19937_64& random) {
  std::set<uint32_t> shingles;
  while (shingles.size() < count) shingles.insert(static_cast<uint32_t>(random()));
  std::vector<uint32_t> shuffled(shingles.begin(), shingles.end());
  std::shuffle(shuffled.begin(), shuffled.end(), random);
  return shuffled;
}

size_t Shared(const Sketch& a, const Sketch& b) {
  Sketch shared;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(shared));
  return shared.size();
}

TEST(BottomKPropertyTest, IsAnOrderedSampleOfTheSetWhateverItsOrder) {
  std::mt19937_64 random(testing::Seed());
  for (const size_t size : {0, 1, 47, 48, 49, 1'000, 1'536, 5'000, 100'000}) {
    std::vector<uint32_t> shingles = DistinctShingles(size, random);
    const Sketch sketch = ComputeSketch(shingles);
    EXPECT_EQ(sketch.size(), std::min(size, std::max(kSketchValuesMin, size / kShinglesPerValue)));
    EXPECT_TRUE(std::is_sorted(sketch.begin(), sketch.end()));
    const std::set<uint32_t> all(shingles.begin(), shingles.end());
    for (const uint32_t value : sketch) EXPECT_TRUE(all.count(value) == 1);
    std::shuffle(shingles.begin(), shingles.end(), random);
    EXPECT_EQ(ComputeSketch(shingles), sketch);
  }
}

// The definition, by sorting all.
Sketch NaiveSketch(const std::vector<uint32_t>& shingles) {
  constexpr uint64_t kNaiveSeed = 0x6e65777370726e74ull;
  std::vector<std::pair<uint32_t, uint32_t>> ordered;
  for (const uint32_t shingle : shingles) {
    ordered.emplace_back(static_cast<uint32_t>(Mix64(shingle ^ kNaiveSeed) >> 32), shingle);
  }
  std::sort(ordered.begin(), ordered.end());
  ordered.resize(
      std::min(ordered.size(), std::max(kSketchValuesMin, ordered.size() / kShinglesPerValue)));
  Sketch sketch;
  for (const auto& [order, shingle] : ordered) sketch.push_back(shingle);
  std::sort(sketch.begin(), sketch.end());
  return sketch;
}

TEST(BottomKPropertyTest, IsTheDefinition) {
  std::mt19937_64 random(testing::Seed());
  for (int round = 0; round < 150; ++round) {
    std::vector<uint32_t> shingles = DistinctShingles(random() % 2'500, random);
    if (round % 2 == 0) std::sort(shingles.begin(), shingles.end());
    ASSERT_EQ(ComputeSketch(shingles), NaiveSketch(shingles));
  }
  // Shingles that were chosen for their high order: none is where a sketch is looked for first.
  std::vector<uint32_t> high;
  for (const uint32_t shingle : DistinctShingles(50'000, random)) {
    if (Mix64(shingle ^ 0x6e65777370726e74ull) >> 63 == 1) high.push_back(shingle);
  }
  EXPECT_EQ(ComputeSketch(high), NaiveSketch(high));
}

// The values of a set that are in a subset too are in the subset's sketch, which is what finds an
// excerpt however long the rest is: both keep the least hashes, and the subset keeps a larger
// share.
TEST(BottomKPropertyTest, AnExcerptsSketchHoldsItsShareOfTheWhole) {
  std::mt19937_64 random(testing::Seed());
  for (int round = 0; round < 200; ++round) {
    const size_t size = 100 + random() % 5'000;
    const std::vector<uint32_t> whole = DistinctShingles(size, random);
    const size_t part_size = std::max<size_t>(30, size * (5 + random() % 95) / 100);
    const std::vector<uint32_t> part(whole.begin(),
                                     whole.begin() + std::min(part_size, whole.size()));
    const Sketch sketch = ComputeSketch(whole);
    const std::set<uint32_t> in_part(part.begin(), part.end());
    const size_t expected = static_cast<size_t>(std::count_if(
        sketch.begin(), sketch.end(), [&](uint32_t value) { return in_part.count(value) == 1; }));
    // Proportional sizes differ by rounding, and by luck in how the least hashes are spread.
    const size_t shared = Shared(sketch, ComputeSketch(part));
    EXPECT_LE(shared, expected);
    EXPECT_GE(shared * 10, expected * 7) << size << " " << part_size;
  }
}

TEST(BottomKPropertyTest, UnrelatedSetsShareNothing) {
  std::mt19937_64 random(testing::Seed());
  size_t shared = 0;
  for (int round = 0; round < 1'000; ++round) {
    shared += Shared(ComputeSketch(DistinctShingles(800, random)),
                     ComputeSketch(DistinctShingles(800, random)));
  }
  // 48 x 48 pairs of values in the lowest sixteenth of 2^32: 0.000009 expected in each round.
  EXPECT_LE(shared, 1u);
}

}  // namespace
}  // namespace newsprint::sketch
