// Graphs that go to a file and come back, whatever became of the file.
#include <filesystem>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "service/common/hash.h"
#include "service/index/vector_index.h"
#include "tests/index/vectors.h"
#include "tests/testing/articles.h"
#include "tests/testing/temp_dir.h"

namespace newsprint::index {
namespace {

using ::newsprint::testing::ReadBytes;

constexpr int kFileDimension = 24;

VectorIndex::Options FileOptions() {
  VectorIndex::Options options;
  options.dimension = kFileDimension;
  options.links = 4;
  options.ef_construction = 16;
  options.ef_search = 32;
  options.exact_rows_max = 0;
  options.tail_rows_max = 50;
  options.segment_rows_max = 300;
  return options;
}

class VectorIndexFileTest : public ::testing::Test {
 protected:
  // An index of `rows` articles, some of them removed, and its file.
  void SaveRows(Ordinal rows, Ordinal dead_each = 10) {
    const auto index = *VectorIndex::Create(FileOptions());
    std::mt19937_64 random(newsprint::testing::Seed());
    for (Ordinal i = 0; i < rows; ++i) {
      vectors_.push_back(StoryVector(kFileDimension, random));
      ASSERT_TRUE(index->Add(i, vectors_.back()).ok());
    }
    ASSERT_TRUE(index->WaitUntilBuilt().ok());
    for (Ordinal i = dead_each - 1; i < rows; i += dead_each) index->Remove(i);
    EXPECT_EQ(index->unsaved_rows(), rows);
    const absl::Status saved = index->Save(path_);
    ASSERT_TRUE(saved.ok()) << saved;
    EXPECT_EQ(index->unsaved_rows(), 0);
    EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
  }
  static std::vector<Ordinal> Found(const VectorIndex& index, const std::vector<float>& query,
                                    int hits_max) {
    std::vector<Ordinal> ordinals;
    const auto hits = index.Search(query, hits_max);
    EXPECT_TRUE(hits.ok());
    for (const VectorHit& hit : *hits) ordinals.push_back(hit.ordinal);
    return ordinals;
  }
  // That an index is as good as new.
  void ExpectUsable(VectorIndex& index) {
    for (Ordinal i = 0; i < 5; ++i) ASSERT_TRUE(index.Add(i, vectors_[i]).ok());
    EXPECT_EQ(Found(index, vectors_[3], 1), std::vector<Ordinal>{3});
    EXPECT_EQ(Found(index, vectors_[3], 100).size(), 5u);
  }

  const newsprint::testing::TempDir dir_;
  const std::string path_ = dir_.File("vectors");
  std::vector<std::vector<float>> vectors_;
};

TEST_F(VectorIndexFileTest, RowsComeBackWithTheirArticles) {
  SaveRows(1000);
  const auto index = *VectorIndex::Create(FileOptions());
  ASSERT_TRUE(index->Load(path_).ok());
  EXPECT_EQ(index->size(), 0u);
  EXPECT_TRUE(index->Search(vectors_[0], 10)->empty());
  std::vector<float> vector;
  EXPECT_FALSE(index->Get(0, &vector));
  const size_t bytes = index->memory_bytes();

  // Most as they were; one with another vector; some not at all; one that was removed.
  std::mt19937_64 random(newsprint::testing::Seed() + 1);
  const std::vector<float> changed = StoryVector(kFileDimension, random);
  std::set<Ordinal> expected;
  for (Ordinal i = 0; i < 1000; ++i) {
    if (i % 10 == 9 || i % 10 == 4) continue;
    ASSERT_TRUE(index->Add(i, i == 500 ? changed : vectors_[i]).ok());
    expected.insert(i);
  }
  ASSERT_TRUE(index->Add(19, vectors_[19]).ok());
  expected.insert(19);
  index->FinishLoading();
  EXPECT_EQ(index->unsaved_rows(), 0);
  // Two new rows and the pages of ordinals, but no second copy of the others.
  EXPECT_LT(index->memory_bytes(), bytes + 20'000);
  EXPECT_EQ(index->size(), expected.size());
  const std::vector<Ordinal> all = Found(*index, vectors_[0], 2000);
  EXPECT_EQ(std::set<Ordinal>(all.begin(), all.end()), expected);
  EXPECT_EQ(Found(*index, changed, 1), std::vector<Ordinal>{500});
  int found = 0;
  for (const Ordinal i : expected) {
    if (i != 500 && Found(*index, vectors_[i], 1) == std::vector<Ordinal>{i}) ++found;
  }
  EXPECT_GE(found, static_cast<int>(expected.size() * 49 / 50));

  // An article of the file that comes too late gets a row of its own; the graphs go on growing.
  ASSERT_TRUE(index->Add(4, vectors_[4]).ok());
  EXPECT_EQ(Found(*index, vectors_[4], 1), std::vector<Ordinal>{4});
  ASSERT_TRUE(index->WaitUntilBuilt().ok());
  EXPECT_GT(index->unsaved_rows(), 0);
  ASSERT_TRUE(index->Save(path_).ok());
}

TEST_F(VectorIndexFileTest, TheSameArticleTwiceWhileLoading) {
  SaveRows(200);
  const auto index = *VectorIndex::Create(FileOptions());
  ASSERT_TRUE(index->Load(path_).ok());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(index->Add(7, vectors_[7]).ok());
  EXPECT_EQ(index->size(), 1u);
  index->Remove(7);
  EXPECT_EQ(index->size(), 0u);
  EXPECT_TRUE(index->Search(vectors_[7], 3)->empty());
  ASSERT_TRUE(index->Add(7, vectors_[8]).ok());  // the vector of another row
  ASSERT_TRUE(index->Add(8, vectors_[8]).ok());
  EXPECT_EQ(Found(*index, vectors_[8], 3), (std::vector<Ordinal>{7, 8}));
}

TEST_F(VectorIndexFileTest, NoFile) {
  vectors_.resize(5, std::vector<float>(kFileDimension, 0.2f));
  for (size_t i = 0; i < 5; ++i) vectors_[i][i] = 0.7f;
  const auto index = *VectorIndex::Create(FileOptions());
  EXPECT_EQ(index->Load(path_).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(index->Load(dir_.path()).code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(index->Save(dir_.File("none/vectors")).ok());
  ExpectUsable(*index);
}

// However many rows of a file are dead, it is what the index was that wrote it.
TEST_F(VectorIndexFileTest, AFileThatWasWrittenIsAccepted) {
  constexpr Ordinal kRows = 4200;  // enough to be worth compacting
  for (const Ordinal dead_each : {4, 3, 2}) {
    vectors_.clear();
    SaveRows(kRows, dead_each);
    const auto index = *VectorIndex::Create(FileOptions());
    const absl::Status loaded = index->Load(path_);
    ASSERT_TRUE(loaded.ok()) << dead_each << ": " << loaded;
    for (Ordinal i = 0; i < kRows; ++i) {
      if (i % dead_each == dead_each - 1) continue;
      ASSERT_TRUE(index->Add(i, vectors_[i]).ok());
    }
    index->FinishLoading();
    EXPECT_EQ(index->rows(), kRows);  // none of its own: all were in the file
    EXPECT_EQ(Found(*index, vectors_[0], 1), std::vector<Ordinal>{0});
    EXPECT_EQ(index->IsWorthCompacting(), dead_each <= 3) << dead_each;
  }
}

TEST_F(VectorIndexFileTest, AnEmptyIndexHasAFileToo) {
  SaveRows(0);
  const auto index = *VectorIndex::Create(FileOptions());
  EXPECT_TRUE(index->Load(path_).ok());
  index->FinishLoading();
}

TEST_F(VectorIndexFileTest, AnotherShapeIsRefused) {
  SaveRows(100);
  VectorIndex::Options options = FileOptions();
  options.links = 5;
  EXPECT_EQ((*VectorIndex::Create(options))->Load(path_).code(), absl::StatusCode::kDataLoss);
  options = FileOptions();
  options.dimension = 32;
  EXPECT_EQ((*VectorIndex::Create(options))->Load(path_).code(), absl::StatusCode::kDataLoss);
}

TEST_F(VectorIndexFileTest, DamageIsNoticed) {
  SaveRows(150);
  const std::string bytes = ReadBytes(path_);
  std::mt19937_64 random(newsprint::testing::Seed());
  for (int i = 0; i < 300; ++i) {
    std::string damaged = bytes;
    switch (random() % 4) {
      case 0:
        damaged.resize(random() % damaged.size());
        break;
      case 1:
        damaged.append(1 + random() % 100, 'x');
        break;
      case 2:
        damaged[random() % std::min<size_t>(damaged.size(), 64)] ^=
            static_cast<char>(1 + random() % 255);
        break;
      default:
        damaged[random() % damaged.size()] ^= static_cast<char>(1 << random() % 8);
    }
    const auto index = *VectorIndex::Create(FileOptions());
    ASSERT_EQ(index->Load(dir_.Write("damaged", damaged)).code(), absl::StatusCode::kDataLoss) << i;
    EXPECT_EQ(index->size(), 0u);
    if (i % 50 == 0) ExpectUsable(*index);
  }
}

// Damage whose checksums are right, as an attacker or a bug would make it: what is read is refused,
// or gives right answers all the same.
TEST_F(VectorIndexFileTest, ForgedFilesDoNoHarm) {
  SaveRows(150);
  const std::string bytes = ReadBytes(path_);
  constexpr size_t kChecksum = 16;
  // Header, ordinals, scales, codes, and nodes; the links run to the end.
  std::vector<std::pair<size_t, size_t>> parts;
  size_t begin = 0;
  for (const size_t size :
       {size_t{32}, size_t{600}, size_t{600}, size_t{150} * kFileDimension, size_t{8 + 150}}) {
    parts.emplace_back(begin, size);
    begin += size + kChecksum;
  }
  parts.emplace_back(begin, bytes.size() - begin - kChecksum);
  std::mt19937_64 random(newsprint::testing::Seed());
  int loaded = 0;
  for (int i = 0; i < 600; ++i) {
    std::string forged = bytes;
    const auto [part, size] = parts[random() % parts.size()];
    for (uint64_t change = 0; change <= random() % 4; ++change) {
      const size_t at = part + random() % size;
      forged[at] = static_cast<char>(random() % 3 == 0 ? random() : forged[at] ^ 1);
    }
    const Hash128 checksum = Hasher128().Add(&forged[part], size).Finish();
    std::copy_n(reinterpret_cast<const char*>(&checksum), kChecksum, &forged[part + size]);
    const auto index = *VectorIndex::Create(FileOptions());
    const absl::Status status = index->Load(dir_.Write("forged", forged));
    if (!status.ok()) {
      ASSERT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
      continue;
    }
    ++loaded;
    for (Ordinal ordinal = 0; ordinal < 150; ++ordinal) {
      ASSERT_TRUE(index->Add(ordinal, vectors_[ordinal]).ok());
    }
    index->FinishLoading();
    ASSERT_TRUE(index->WaitUntilBuilt().ok());
    EXPECT_EQ(Found(*index, vectors_[i % 150], 150).size(), 150u);
    const auto hits = *index->Search(vectors_[i % 150], 10);
    for (const VectorHit& hit : hits) {
      double cosine = 0;
      for (int d = 0; d < kFileDimension; ++d) {
        cosine += vectors_[i % 150][d] * vectors_[hit.ordinal][d];
      }
      ASSERT_NEAR(hit.cosine, cosine, 0.02);
    }
  }
  EXPECT_GT(loaded, 0);
}

}  // namespace
}  // namespace newsprint::index
