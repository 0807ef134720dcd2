#include "service/index/banded_minhash_index.h"

#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/FaissException.h>
#include <faiss/impl/IDSelector.h>

#include <vector>

namespace newsprint::index {
namespace {

using Id = faiss::IndexBinary::idx_t;

std::vector<uint8_t> Code(uint8_t fill) { return std::vector<uint8_t>(16, fill); }

TEST(BandedMinHashIndexTest, FindsWhatSharesABand) {
  BandedMinHashIndex index(16);
  std::vector<uint8_t> code = Code(1);
  index.add(1, code.data());
  code[0] = 9;  // one band is broken, the others are whole
  std::vector<int32_t> distances(3);
  std::vector<Id> labels(3);
  index.search(1, code.data(), 3, distances.data(), labels.data());
  EXPECT_THAT(labels, ::testing::ElementsAre(0, -1, -1));
  EXPECT_EQ(distances[0], 1);

  for (size_t i = 0; i < code.size(); i += BandedMinHashIndex::kBandValues) code[i] = 9;
  index.search(1, code.data(), 3, distances.data(), labels.data());
  EXPECT_THAT(labels, ::testing::ElementsAre(-1, -1, -1));
}

TEST(BandedMinHashIndexTest, RangeSearchIsStrict) {
  BandedMinHashIndex index(16);
  std::vector<uint8_t> code = Code(1);
  index.add(1, code.data());
  code[0] = 9;
  faiss::RangeSearchResult none(1);
  index.range_search(1, code.data(), 1, &none);
  EXPECT_EQ(none.lims[1], 0u);
  faiss::RangeSearchResult one(1);
  index.range_search(1, code.data(), 2, &one);
  ASSERT_EQ(one.lims[1], 1u);
  EXPECT_EQ(one.labels[0], 0);
  EXPECT_EQ(one.distances[0], 1.0f);
}

TEST(BandedMinHashIndexTest, RemovesAndReusesPlaces) {
  BandedMinHashIndex index(16);
  for (Id label = 0; label < 100; ++label) {
    const std::vector<uint8_t> code = Code(static_cast<uint8_t>(label));
    index.add_with_ids(1, code.data(), &label);
  }
  const faiss::IDSelectorRange evens_up_to_50(0, 50);
  EXPECT_EQ(index.remove_ids(evens_up_to_50), 50u);
  EXPECT_EQ(index.ntotal, 50);
  EXPECT_FALSE(index.remove_id(7));
  EXPECT_TRUE(index.remove_id(70));
  const size_t bytes = index.memory_bytes();
  for (Id label = 200; label < 250; ++label) {
    const std::vector<uint8_t> code = Code(static_cast<uint8_t>(label));
    index.add_with_ids(1, code.data(), &label);
  }
  EXPECT_LE(index.memory_bytes(), bytes + 2048);
  std::vector<uint8_t> code(16);
  index.reconstruct(220, code.data());
  EXPECT_EQ(code, Code(220));
  EXPECT_THROW(index.reconstruct(70, code.data()), faiss::FaissException);
  index.reset();
  EXPECT_EQ(index.ntotal, 0);
}

TEST(BandedMinHashIndexTest, RefusesWhatItCannotHold) {
  EXPECT_THROW(BandedMinHashIndex(2), faiss::FaissException);
  BandedMinHashIndex index(16);
  const std::vector<uint8_t> code = Code(1);
  Id label = -1;
  EXPECT_THROW(index.add_with_ids(1, code.data(), &label), faiss::FaissException);
  label = 3;
  index.add_with_ids(1, code.data(), &label);
  EXPECT_THROW(index.add_with_ids(1, code.data(), &label), faiss::FaissException);
  EXPECT_EQ(index.ntotal, 1);
}

TEST(BandedMinHashIndexTest, ABucketIsBounded) {
  BandedMinHashIndex index(16);
  std::vector<uint8_t> code = Code(1);
  for (int i = 0; i < 1000; ++i) {
    code[14] = static_cast<uint8_t>(i);  // the last band differs, the others are the same for all
    code[13] = static_cast<uint8_t>(i >> 8);
    index.add(1, code.data());
  }
  std::vector<int32_t> distances(1000);
  std::vector<Id> labels(1000);
  index.search(1, code.data(), 1000, distances.data(), labels.data());
  // The newest has its own last band, and is found although the other buckets were full.
  EXPECT_EQ(labels[0], 999);
  EXPECT_EQ(distances[0], 0);
  size_t found = 0;
  while (found < labels.size() && labels[found] >= 0) ++found;
  EXPECT_EQ(found, BandedMinHashIndex::kBucketEntriesMax + 1u);
}

}  // namespace
}  // namespace newsprint::index
