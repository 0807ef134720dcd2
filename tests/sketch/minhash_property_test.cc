#include "service/sketch/minhash.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "tests/testing/articles.h"

namespace newsprint::sketch {
namespace {

// Two sets of hashes with the given sizes of intersection and differences.
std::pair<std::vector<uint64_t>, std::vector<uint64_t>> MakeSets(int shared, int only_a, int only_b,
                                                                 std::mt19937_64& random) {
  std::vector<uint64_t> a;
  std::vector<uint64_t> b;
  for (int i = 0; i < shared; ++i) {
    a.push_back(random());
    b.push_back(a.back());
  }
  for (int i = 0; i < only_a; ++i) a.push_back(random());
  for (int i = 0; i < only_b; ++i) b.push_back(random());
  return {a, b};
}

TEST(MinHashPropertyTest, OrderAndRepeatsDoNotMatter) {
  std::mt19937_64 random(testing::Seed());
  for (int size : {1, 2, 10, 300, 2000}) {
    std::vector<uint64_t> set(size);
    for (uint64_t& hash : set) hash = random();
    const Sketch sketch = ComputeSketch(set);
    set.insert(set.end(), set.begin(), set.begin() + (size + 1) / 2);
    std::shuffle(set.begin(), set.end(), random);
    EXPECT_EQ(ComputeSketch(set), sketch) << size;
  }
}

// Mean and deviation of the estimate over many pairs against the exact Jaccard similarity. The
// variance of one-permutation hashing with optimal densification is at most slightly above that of
// 256 independent permutations, J (1 - J) / 256 (Shrivastava 2017, theorem 2), when sets are large;
// small sets leave bins empty, whose values repeat others, and may have up to about twice the
// deviation.
class MinHashErrorTest : public ::testing::TestWithParam<std::tuple<int, double>> {};

TEST_P(MinHashErrorTest, EstimateIsUnbiasedWithTheTheoreticalDeviation) {
  const auto [set_size, jaccard] = GetParam();
  std::mt19937_64 random(testing::Seed());
  // |A| = |B| = n, J = s / (2n - s).
  const int shared = static_cast<int>(std::lround(2 * set_size * jaccard / (1 + jaccard)));
  const double exact = static_cast<double>(shared) / (2 * set_size - shared);
  constexpr int kPairs = 600;
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kPairs; ++i) {
    const auto [a, b] = MakeSets(shared, set_size - shared, set_size - shared, random);
    const Sketch sketch_a = ComputeSketch(a);
    const Sketch sketch_b = ComputeSketch(b);
    const double error = EstimateJaccard(EqualValues(sketch_a.data(), sketch_b.data())) - exact;
    sum += error;
    squares += error * error;
  }
  const double chance = 1.0 / 256;
  const double agree = exact + (1 - exact) * chance;
  const double theory = std::sqrt(agree * (1 - agree) / 256);
  const double allowed = set_size >= 500 ? 1.25 : 2.2;
  EXPECT_NEAR(sum / kPairs, 0, 5 * allowed * theory / std::sqrt(kPairs));
  EXPECT_LT(std::sqrt(squares / kPairs), allowed * theory);
  EXPECT_GT(std::sqrt(squares / kPairs), 0.5 * theory);
}

INSTANTIATE_TEST_SUITE_P(SizesAndSimilarities, MinHashErrorTest,
                         ::testing::Combine(::testing::Values(60, 150, 500, 3000),
                                            ::testing::Values(0.2, 0.4, 0.6, 0.9)));

TEST(MinHashPropertyTest, UnrelatedSetsAreNotSimilar) {
  std::mt19937_64 random(testing::Seed());
  for (int i = 0; i < 200; ++i) {
    const auto [a, b] = MakeSets(0, 20, 700, random);
    EXPECT_LT(EstimateJaccard(EqualValues(ComputeSketch(a).data(), ComputeSketch(b).data())), 0.1);
  }
}

}  // namespace
}  // namespace newsprint::sketch
