#include "service/index/vector_index.h"

#include <cmath>
#include <vector>

namespace newsprint::index {
namespace {

std::unique_ptr<VectorIndex> MakeIndex(int dimension) {
  VectorIndex::Options options;
  options.dimension = dimension;
  return *VectorIndex::Create(options);
}

std::vector<float> Axis(int axis, int dimension = 8) {
  std::vector<float> vector(dimension);
  vector[axis] = 1;
  return vector;
}

TEST(VectorIndexTest, FindsTheNearestFirst) {
  const auto index = MakeIndex(8);
  ASSERT_TRUE(index->Add(3, Axis(0)).ok());
  ASSERT_TRUE(index->Add(5, Axis(1)).ok());
  std::vector<float> query(8);
  query[0] = 0.6f;
  query[1] = 0.8f;
  const auto hits = *index->Search(query, 10);
  ASSERT_EQ(hits.size(), 2u);
  EXPECT_EQ(hits[0].ordinal, 5u);
  EXPECT_NEAR(hits[0].cosine, 0.8, 0.01);
  EXPECT_EQ(hits[1].ordinal, 3u);
  EXPECT_NEAR(hits[1].cosine, 0.6, 0.01);
}

TEST(VectorIndexTest, RemovedAndReplacedRowsAreNotFound) {
  const auto index = MakeIndex(8);
  for (Ordinal i = 0; i < 8; ++i) ASSERT_TRUE(index->Add(i, Axis(static_cast<int>(i))).ok());
  index->Remove(2);
  index->Remove(77);
  ASSERT_TRUE(index->Add(4, Axis(5)).ok());
  EXPECT_EQ(index->size(), 7u);
  const auto hits = *index->Search(Axis(5), 8);
  ASSERT_EQ(hits.size(), 7u);
  EXPECT_EQ(hits[0].ordinal, 4u);  // equal scores in the order of ingestion
  EXPECT_EQ(hits[1].ordinal, 5u);
  for (const VectorHit& hit : hits) EXPECT_NE(hit.ordinal, 2u);
}

TEST(VectorIndexTest, GivesBackTheVector) {
  const auto index = MakeIndex(8);
  const std::vector<float> vector = {0.5f, -0.5f, 0.5f, -0.5f, 0, 0, 0, 0};
  ASSERT_TRUE(index->Add(7, vector).ok());
  ASSERT_TRUE(index->Add(5000, Axis(3)).ok());  // on another page
  std::vector<float> got;
  ASSERT_TRUE(index->Get(5000, &got));
  EXPECT_NEAR(got[3], 1, 0.01);
  ASSERT_TRUE(index->Get(7, &got));
  for (size_t i = 0; i < vector.size(); ++i) EXPECT_NEAR(got[i], vector[i], 0.01);
  index->Remove(7);
  for (const Ordinal ordinal : {6u, 7u, 8u, 4'000'000'000u}) {
    EXPECT_FALSE(index->Get(ordinal, &got));
  }
}

TEST(VectorIndexTest, TheLargestOrdinalIsNotForUse) {
  EXPECT_EQ(MakeIndex(8)->Add(kRemoved, Axis(0)).code(), absl::StatusCode::kInternal);
}

TEST(VectorIndexTest, WaitingForNoGraphEnds) {
  const auto index = MakeIndex(8);
  EXPECT_TRUE(index->WaitUntilBuilt().ok());
  ASSERT_TRUE(index->Add(1, Axis(0)).ok());
  EXPECT_TRUE(index->WaitUntilBuilt().ok());
  EXPECT_EQ(index->unsaved_rows(), 0);
}

TEST(VectorIndexTest, EmptyIndexAndWrongDimension) {
  const auto index = MakeIndex(8);
  EXPECT_TRUE(index->Search(Axis(0), 5)->empty());
  EXPECT_EQ(index->Add(1, std::vector<float>(16)).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(index->Search(std::vector<float>(16), 1).status().code(), absl::StatusCode::kInternal);
  ASSERT_TRUE(index->Add(1, Axis(0)).ok());
  EXPECT_TRUE(index->Search(Axis(0), 0)->empty());
}

}  // namespace
}  // namespace newsprint::index
