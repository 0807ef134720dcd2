// The graph against comparing with every vector.
#include <cmath>
#include <random>
#include <set>
#include <vector>

#include "service/index/vector_index.h"
#include "tests/testing/articles.h"

namespace newsprint::index {
namespace {

constexpr int kDimension = 64;

// Unit vectors around stories, which lie around subjects, as articles do. (Around centres that have
// nothing in common with each other a graph has no way from one to the next, and finds little.)
std::vector<float> RandomVector(std::mt19937_64& random) {
  const uint64_t story = random() % 1000;
  std::mt19937_64 story_random(story);
  std::mt19937_64 subject_random(5000 + story % 25);
  std::normal_distribution<float> normal;
  std::vector<float> vector(kDimension);
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

std::unique_ptr<VectorIndex> MakeIndex(int exact_rows_max) {
  VectorIndex::Options options;
  options.dimension = kDimension;
  options.exact_rows_max = exact_rows_max;
  return *VectorIndex::Create(options);
}

TEST(VectorIndexPropertyTest, GraphFindsWhatComparingAllFinds) {
  std::mt19937_64 random(testing::Seed());
  const auto graph = MakeIndex(0);
  const auto exact = MakeIndex(1'000'000);
  for (Ordinal i = 0; i < 4000; ++i) {
    const std::vector<float> vector = RandomVector(random);
    ASSERT_TRUE(graph->Add(i, vector).ok());
    ASSERT_TRUE(exact->Add(i, vector).ok());
    if (i % 5 == 4) {  // and some die again
      const Ordinal victim = static_cast<Ordinal>(random() % i);
      graph->Remove(victim);
      exact->Remove(victim);
    }
  }
  ASSERT_EQ(graph->size(), exact->size());
  int found = 0;
  constexpr int kQueries = 200;
  for (int i = 0; i < kQueries; ++i) {
    const std::vector<float> query = RandomVector(random);
    const auto expected = *exact->Search(query, 10);
    const auto got = *graph->Search(query, 10);
    ASSERT_EQ(got.size(), 10u);
    std::set<Ordinal> ordinals;
    for (const VectorHit& hit : expected) ordinals.insert(hit.ordinal);
    for (const VectorHit& hit : got) found += static_cast<int>(ordinals.count(hit.ordinal));
    for (size_t j = 1; j < got.size(); ++j) EXPECT_GE(got[j - 1].cosine, got[j].cosine);
  }
  EXPECT_GE(found, kQueries * 10 * 0.95);
}

// Rows that came before the graph was wanted are linked bit by bit, and none is lost on the way.
TEST(VectorIndexPropertyTest, GraphCatchesUp) {
  std::mt19937_64 random(testing::Seed());
  const auto index = MakeIndex(600);
  std::vector<std::vector<float>> vectors;
  for (Ordinal i = 0; i < 1200; ++i) {
    vectors.push_back(RandomVector(random));
    ASSERT_TRUE(index->Add(i, vectors.back()).ok());
    const Ordinal asked = static_cast<Ordinal>(random() % (i + 1));
    const auto hits = *index->Search(vectors[asked], 1);
    ASSERT_EQ(hits.size(), 1u);
    // By the graph now and then another one, but never one that is much worse.
    EXPECT_GT(hits[0].cosine, 0.9) << "row " << asked << " of " << i;
  }
}

// int8 codes against the float vectors they came from.
TEST(VectorIndexPropertyTest, CosinesAreWithinOneHundredth) {
  std::mt19937_64 random(testing::Seed());
  const auto index = MakeIndex(1'000'000);
  std::vector<std::vector<float>> vectors;
  for (Ordinal i = 0; i < 500; ++i) {
    vectors.push_back(RandomVector(random));
    ASSERT_TRUE(index->Add(i, vectors.back()).ok());
  }
  for (int i = 0; i < 50; ++i) {
    const std::vector<float> query = RandomVector(random);
    const auto hits = *index->Search(query, 500);
    for (const VectorHit& hit : hits) {
      double exact = 0;
      for (int d = 0; d < kDimension; ++d) exact += query[d] * vectors[hit.ordinal][d];
      EXPECT_NEAR(hit.cosine, exact, 0.015);
    }
  }
}

}  // namespace
}  // namespace newsprint::index
