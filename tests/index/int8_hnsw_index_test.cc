// Our walk through the graph against FAISS's own, and against comparing with all.
#include "service/index/int8_hnsw_index.h"

#include <algorithm>
#include <random>
#include <vector>

#include "tests/index/vectors.h"
#include "tests/testing/articles.h"

namespace newsprint::index {
namespace {

constexpr int kGraphDimension = 40;

Int8HnswIndex::Options GraphOptions() {
  Int8HnswIndex::Options options;
  options.links = 16;
  options.ef_construction = 64;
  return options;
}

bool KeepGoing() { return true; }

std::shared_ptr<const Int8HnswIndex> Extend(const Int8HnswIndex* previous, const Int8Rows& rows,
                                            uint32_t begin, uint32_t end) {
  return Int8HnswIndex::Extend(previous, &rows, begin, end, GraphOptions(), KeepGoing);
}

void AppendRows(uint32_t count, std::mt19937_64& random, Int8Rows* rows) {
  std::vector<int8_t> codes(kGraphDimension);
  for (uint32_t i = 0; i < count; ++i) {
    const std::vector<float> vector = StoryVector(kGraphDimension, random);
    const float scale = Quantise(vector.data(), kGraphDimension, codes.data());
    rows->Append({codes.data(), scale}, rows->size());
  }
}

// How many of the 10 nearest nodes are among `labels`, by comparing with all.
int CountFound(const Int8HnswIndex& graph, const std::vector<float>& query,
               const std::vector<idx_t>& labels) {
  const auto* storage = static_cast<const Int8Storage*>(graph.storage);
  std::vector<int8_t> codes(kGraphDimension);
  Quantise(query.data(), kGraphDimension, codes.data());
  std::vector<std::pair<float, idx_t>> scored;
  for (idx_t node = 0; node < graph.ntotal; ++node) {
    const int8_t* const row = storage->codes(node);
    int32_t dot;
    Int8Dots()(codes.data(), &row, 1, kGraphDimension, &dot);
    scored.emplace_back(-static_cast<float>(dot) * storage->scale(node), node);
  }
  std::sort(scored.begin(), scored.end());
  int found = 0;
  for (int i = 0; i < 10; ++i) {
    found += static_cast<int>(std::count(labels.begin(), labels.end(), scored[i].second));
  }
  return found;
}

TEST(Int8HnswIndexTest, FindsAsMuchAsFaissDoes) {
  std::mt19937_64 random(testing::Seed());
  Int8Rows rows(kGraphDimension);
  AppendRows(4500, random, &rows);
  // Over a part of the rows, in steps, across the borders of chunks.
  auto graph = Extend(nullptr, rows, 100, 1000);
  graph = Extend(graph.get(), rows, 100, 4300);
  ASSERT_EQ(graph->begin(), 100u);
  ASSERT_EQ(graph->end(), 4300u);
  int ours = 0, theirs = 0;
  for (int i = 0; i < 60; ++i) {
    const std::vector<float> query = StoryVector(kGraphDimension, random);
    std::vector<float> distances(64);
    std::vector<idx_t> labels(64);
    graph->search(1, query.data(), 64, distances.data(), labels.data());
    EXPECT_TRUE(std::is_sorted(distances.begin(), distances.end()));
    ours += CountFound(*graph, query, labels);
    graph->faiss::IndexHNSW::search(1, query.data(), 64, distances.data(), labels.data());
    theirs += CountFound(*graph, query, labels);
  }
  EXPECT_GE(ours, 600 * 0.97);
  EXPECT_GE(ours, theirs - 6);
}

TEST(Int8HnswIndexTest, LinksAreWithinBoundsAndDiverse) {
  std::mt19937_64 random(testing::Seed());
  Int8Rows rows(kGraphDimension);
  AppendRows(1500, random, &rows);
  const auto graph = Extend(nullptr, rows, 0, 1500);
  for (idx_t node = 0; node < graph->ntotal; ++node) {
    for (int level = 0; level < graph->hnsw.levels[node]; ++level) {
      size_t begin, end;
      graph->hnsw.neighbor_range(node, level, &begin, &end);
      std::vector<int> links;
      bool is_ended = false;
      for (size_t i = begin; i < end; ++i) {
        const int to = graph->hnsw.neighbors[i];
        is_ended = is_ended || to < 0;
        if (is_ended) {
          ASSERT_EQ(to, -1);
          continue;
        }
        ASSERT_NE(to, node);
        ASSERT_GT(graph->hnsw.levels[to], level);
        links.push_back(to);
      }
      std::sort(links.begin(), links.end());
      ASSERT_EQ(std::unique(links.begin(), links.end()), links.end());
      ASSERT_TRUE(level > 0 || !links.empty());
    }
  }
}

TEST(Int8HnswIndexTest, DeadRowsAreNotLinked) {
  std::mt19937_64 random(testing::Seed());
  Int8Rows rows(kGraphDimension);
  AppendRows(300, random, &rows);
  for (uint32_t row = 0; row < 300; row += 3) rows.SetOrdinal(row, kRemoved);
  const auto graph = Extend(nullptr, rows, 0, 300);
  WalkScratch scratch;
  std::vector<ScoredNode> nearest;
  graph->Search(rows.vector(1).codes, 300, &scratch, &nearest);
  EXPECT_EQ(nearest.size(), 200u);
  for (const ScoredNode& scored : nearest) EXPECT_NE(scored.node % 3, 0u);
}

TEST(Int8HnswIndexTest, AGraphOfNothingFindsNothing) {
  Int8Rows rows(kGraphDimension);
  std::mt19937_64 random(testing::Seed());
  AppendRows(3, random, &rows);
  for (uint32_t row = 0; row < 3; ++row) rows.SetOrdinal(row, kRemoved);
  const auto graph = Extend(nullptr, rows, 0, 3);
  WalkScratch scratch;
  std::vector<ScoredNode> nearest(1);
  graph->Search(rows.vector(0).codes, 10, &scratch, &nearest);
  EXPECT_TRUE(nearest.empty());
}

TEST(Int8HnswIndexTest, EqualVectorsAreAllFound) {
  Int8Rows rows(kGraphDimension);
  const std::vector<int8_t> codes(kGraphDimension, 20);
  const std::vector<int8_t> zeros(kGraphDimension, 0);
  for (uint32_t i = 0; i < 12; ++i) rows.Append({codes.data(), 0.01f}, i);
  for (uint32_t i = 12; i < 20; ++i) rows.Append({zeros.data(), 0.0f}, i);
  const auto graph = Extend(nullptr, rows, 0, 20);
  WalkScratch scratch;
  std::vector<ScoredNode> nearest;
  graph->Search(codes.data(), 20, &scratch, &nearest);
  EXPECT_GE(nearest.size(), 12u);
}

TEST(Int8HnswIndexTest, BuildingCanBeStopped) {
  std::mt19937_64 random(testing::Seed());
  Int8Rows rows(kGraphDimension);
  AppendRows(100, random, &rows);
  int calls = 0;
  EXPECT_EQ(
      Int8HnswIndex::Extend(nullptr, &rows, 0, 100, GraphOptions(), [&] { return ++calls < 50; }),
      nullptr);
  EXPECT_EQ(calls, 50);
}

TEST(Int8HnswIndexTest, OnlyGraphsAreRestored) {
  std::mt19937_64 random(testing::Seed());
  Int8Rows rows(kGraphDimension);
  AppendRows(400, random, &rows);
  const auto graph = Extend(nullptr, rows, 0, 400);
  const std::vector<uint8_t> levels(graph->hnsw.levels.begin(), graph->hnsw.levels.end());
  const auto& neighbours = graph->hnsw.neighbors;
  const auto restore = [&](const std::vector<uint8_t>& with_levels, std::vector<int> links,
                           int entry_point) {
    return Int8HnswIndex::Restore(&rows, 0, 400, 16, with_levels, std::move(links), entry_point);
  };
  const auto restored = restore(levels, neighbours, graph->hnsw.entry_point);
  ASSERT_NE(restored, nullptr);
  EXPECT_EQ(restored->hnsw.max_level, graph->hnsw.max_level);
  EXPECT_EQ(restored->hnsw.offsets, graph->hnsw.offsets);

  EXPECT_EQ(restore(levels, neighbours, 400), nullptr);
  EXPECT_EQ(restore(levels, neighbours, -2), nullptr);
  auto wrong = neighbours;
  wrong[5] = 400;
  EXPECT_EQ(restore(levels, wrong, 0), nullptr);
  wrong[5] = -2;
  EXPECT_EQ(restore(levels, wrong, 0), nullptr);
  wrong = neighbours;
  wrong.pop_back();
  EXPECT_EQ(restore(levels, wrong, 0), nullptr);
  auto wrong_levels = levels;
  wrong_levels[7] = 0;
  EXPECT_EQ(restore(wrong_levels, neighbours, 0), nullptr);
  wrong_levels[7] = 255;
  EXPECT_EQ(restore(wrong_levels, neighbours, 0), nullptr);
  // A link on a level to a node that ends below it.
  size_t tall = 0;
  while (levels[tall] < 2) ++tall;
  size_t low = 0;
  while (levels[low] != 1) ++low;
  wrong = neighbours;
  size_t begin, end;
  graph->hnsw.neighbor_range(static_cast<int64_t>(tall), 1, &begin, &end);
  wrong[begin] = static_cast<int>(low);
  EXPECT_EQ(restore(levels, wrong, 0), nullptr);
}

}  // namespace
}  // namespace newsprint::index
