// One writer, many readers and the builder on one index. Run under ThreadSanitizer too.
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "service/index/vector_index.h"
#include "tests/index/vectors.h"
#include "tests/testing/articles.h"
#include "tests/testing/temp_dir.h"

namespace newsprint::index {
namespace {

constexpr int kRaceDimension = 16;

TEST(VectorIndexRaceTest, ReadersNeverSeeHalfOfAnything) {
  constexpr Ordinal kOrdinals = 6000;
  VectorIndex::Options options;
  options.dimension = kRaceDimension;
  options.links = 4;
  options.ef_construction = 10;
  options.ef_search = 20;
  options.exact_rows_max = 50;
  options.tail_rows_max = 40;
  options.segment_rows_max = 700;
  const auto index = *VectorIndex::Create(options);
  const newsprint::testing::TempDir dir;
  std::atomic<bool> is_done{false};
  std::vector<std::thread> readers;
  for (uint64_t reader = 0; reader < 3; ++reader) {
    readers.emplace_back([&, reader] {
      std::mt19937_64 random(newsprint::testing::Seed() + reader);
      std::vector<float> vector;
      while (!is_done) {
        const auto hits = index->Search(StoryVector(kRaceDimension, random), 5);
        ASSERT_TRUE(hits.ok());
        std::vector<Ordinal> ordinals;
        for (const VectorHit& hit : *hits) {
          EXPECT_LT(hit.ordinal, kOrdinals);
          EXPECT_LE(hit.cosine, 1.0f);
          ordinals.push_back(hit.ordinal);
        }
        for (const Ordinal ordinal : ordinals) {
          if (!index->Get(ordinal, &vector)) continue;  // removed meanwhile
          ASSERT_EQ(vector.size(), size_t{kRaceDimension});
          float squares = 0;
          for (const float value : vector) squares += value * value;
          EXPECT_NEAR(squares, 1.0f, 0.05f);
        }
        (void)index->size();
        (void)index->memory_bytes();
        (void)index->unsaved_rows();
      }
    });
  }
  readers.emplace_back([&] {
    while (!is_done) EXPECT_TRUE(index->Save(dir.File("index")).ok());
  });
  std::mt19937_64 random(newsprint::testing::Seed());
  for (Ordinal i = 0; i < kOrdinals; ++i) {
    ASSERT_TRUE(index->Add(i, StoryVector(kRaceDimension, random)).ok());
    if (i % 7 == 0) index->Remove(static_cast<Ordinal>(random() % (i + 1)));
    if (i % 11 == 0) {
      ASSERT_TRUE(
          index->Add(static_cast<Ordinal>(random() % (i + 1)), StoryVector(kRaceDimension, random))
              .ok());
    }
    if (i % 2000 == 1999) {
      EXPECT_TRUE(index->WaitUntilBuilt().ok());
    }
  }
  is_done = true;
  for (std::thread& reader : readers) reader.join();
}

// With the builder at work, and with it having never begun.
TEST(VectorIndexRaceTest, MayBeDestroyedAtAnyTime) {
  std::mt19937_64 random(newsprint::testing::Seed());
  for (Ordinal rows = 0; rows < 400; rows += 40) {
    VectorIndex::Options options;
    options.dimension = kRaceDimension;
    options.exact_rows_max = 30;
    options.tail_rows_max = 20;
    const auto index = *VectorIndex::Create(options);
    for (Ordinal i = 0; i < rows; ++i) {
      ASSERT_TRUE(index->Add(i, StoryVector(kRaceDimension, random)).ok());
    }
  }
}

}  // namespace
}  // namespace newsprint::index
