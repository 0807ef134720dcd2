// The graphs against comparing with every vector.
#include "service/index/vector_index.h"

#include <algorithm>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "tests/index/vectors.h"
#include "tests/testing/articles.h"

namespace newsprint::index {
namespace {

constexpr int kDimension = 64;

std::vector<float> RandomVector(std::mt19937_64& random) { return StoryVector(kDimension, random); }

std::unique_ptr<VectorIndex> MakeIndex(int exact_rows_max, int segment_rows_max = 1 << 20) {
  VectorIndex::Options options;
  options.dimension = kDimension;
  options.exact_rows_max = exact_rows_max;
  options.ef_search = 256;
  options.tail_rows_max = 500;
  options.segment_rows_max = segment_rows_max;
  return *VectorIndex::Create(options);
}

// Share of the exact answers that the graph's have.
double Recall(const VectorIndex& exact, const VectorIndex& graph, int count,
              std::mt19937_64& random) {
  constexpr int kQueries = 100;
  int found = 0;
  for (int i = 0; i < kQueries; ++i) {
    const std::vector<float> query = RandomVector(random);
    const auto expected = *exact.Search(query, count);
    const auto got = *graph.Search(query, count);
    EXPECT_EQ(got.size(), expected.size());
    std::set<Ordinal> ordinals;
    for (const VectorHit& hit : expected) ordinals.insert(hit.ordinal);
    for (const VectorHit& hit : got) found += static_cast<int>(ordinals.count(hit.ordinal));
    for (size_t j = 1; j < got.size(); ++j) EXPECT_GE(got[j - 1].cosine, got[j].cosine);
  }
  return found / static_cast<double>(kQueries * count);
}

void GraphFindsWhatComparingAllFinds(int segment_rows_max) {
  std::mt19937_64 random(testing::Seed());
  const auto graph = MakeIndex(0, segment_rows_max);
  const auto exact = MakeIndex(1'000'000);
  for (Ordinal i = 0; i < 6000; ++i) {
    const std::vector<float> vector = RandomVector(random);
    ASSERT_TRUE(graph->Add(i, vector).ok());
    ASSERT_TRUE(exact->Add(i, vector).ok());
    if (i % 5 == 4) {  // and some die again, others change
      const Ordinal victim = static_cast<Ordinal>(random() % i);
      graph->Remove(victim);
      exact->Remove(victim);
      const Ordinal changed = static_cast<Ordinal>(random() % i);
      ASSERT_TRUE(graph->Add(changed, vector).ok());
      ASSERT_TRUE(exact->Add(changed, vector).ok());
    }
    // At the end a short tail stays.
    if (i == 2000 || i == 5900) {
      EXPECT_TRUE(graph->WaitUntilBuilt().ok());
    }
  }
  ASSERT_EQ(graph->size(), exact->size());
  EXPECT_GT(graph->unsaved_rows(), 5000);
  EXPECT_GE(Recall(*exact, *graph, 10, random), 0.97);
  EXPECT_GE(Recall(*exact, *graph, 200, random), 0.97);
}

TEST(VectorIndexPropertyTest, OneGraphFindsWhatComparingAllFinds) {
  GraphFindsWhatComparingAllFinds(1 << 20);
}

TEST(VectorIndexPropertyTest, ManyGraphsFindWhatComparingAllFinds) {
  GraphFindsWhatComparingAllFinds(1100);
}

TEST(VectorIndexPropertyTest, FewLiveRowsAmongManyDeadAreFound) {
  std::mt19937_64 random(testing::Seed());
  const auto index = MakeIndex(0);
  std::vector<std::vector<float>> vectors;
  for (Ordinal i = 0; i < 4000; ++i) {
    vectors.push_back(RandomVector(random));
    ASSERT_TRUE(index->Add(i, vectors.back()).ok());
  }
  ASSERT_TRUE(index->WaitUntilBuilt().ok());
  for (Ordinal i = 0; i < 4000; ++i) {
    if (i % 400 != 0) index->Remove(i);
  }
  EXPECT_EQ(index->size(), 10u);
  EXPECT_EQ(index->Search(vectors[3], 10)->size(), 10u);
  const auto hits = *index->Search(vectors[800], 20);
  ASSERT_EQ(hits.size(), 10u);
  EXPECT_EQ(hits[0].ordinal, 800u);
}

// No row is lost on its way from the tail into a graph.
TEST(VectorIndexPropertyTest, EveryRowIsFoundWhileGraphsAreBuilt) {
  std::mt19937_64 random(testing::Seed());
  const auto index = MakeIndex(600);
  std::vector<std::vector<float>> vectors;
  for (Ordinal i = 0; i < 5000; ++i) {
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
