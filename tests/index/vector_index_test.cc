#include "service/index/vector_index.h"

#include <cmath>
#include <vector>

#include "service/index/int8_dot.h"

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

TEST(Int8DotTest, IsExactForEveryLength) {
  for (size_t size = 8; size <= 520; size += 8) {
    std::vector<int8_t> a(size);
    std::vector<int8_t> b(size);
    int32_t expected = 0;
    for (size_t i = 0; i < size; ++i) {
      a[i] = static_cast<int8_t>(i % 2 == 0 ? 127 : -127);
      b[i] = static_cast<int8_t>((i * 37) % 255 - 127);
      expected += a[i] * b[i];
    }
    EXPECT_EQ(Int8Dot()(a.data(), b.data(), size), expected) << size;
  }
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

TEST(VectorIndexTest, RowsOfTheDeadAreUsedAgain) {
  const auto index = MakeIndex(8);
  for (Ordinal i = 0; i < 8; ++i) ASSERT_TRUE(index->Add(i, Axis(static_cast<int>(i))).ok());
  const size_t bytes = index->memory_bytes();
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(index->Add(3, Axis(i % 8)).ok());
  EXPECT_LE(index->memory_bytes(), bytes + 64);
  EXPECT_EQ(index->Search(Axis(7), 8)->size(), 8u);
  EXPECT_NEAR((*index->Search(Axis(7), 1))[0].cosine, 1, 0.01);
}

TEST(VectorIndexTest, EmptyIndexAndWrongDimension) {
  const auto index = MakeIndex(8);
  EXPECT_TRUE(index->Search(Axis(0), 5)->empty());
  EXPECT_EQ(index->Add(1, std::vector<float>(16)).code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace newsprint::index
