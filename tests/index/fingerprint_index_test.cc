#include "service/index/fingerprint_index.h"

#include <algorithm>
#include <vector>

namespace newsprint::index {
namespace {

using Sketch = std::vector<uint32_t>;

// Values `first` to `first + count - 1`, scattered over the 32 bits.
Sketch Values(uint32_t first, uint32_t count) {
  Sketch sketch;
  for (uint32_t i = first; i < first + count; ++i) sketch.push_back(i * 2'654'435'761u);
  return sketch;
}

Sketch Joined(Sketch a, const Sketch& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::vector<Ordinal> Ordinals(const std::vector<FingerprintHit>& hits) {
  std::vector<Ordinal> ordinals;
  for (const FingerprintHit& hit : hits) ordinals.push_back(hit.ordinal);
  return ordinals;
}

TEST(FingerprintIndexTest, FindsByShareOfValuesBestFirst) {
  FingerprintIndex index;
  index.Add(1, Values(0, 48));
  index.Add(2, Joined(Values(0, 10), Values(100, 38)));
  index.Add(3, Values(200, 48));
  const auto hits = index.Search(Values(0, 48), 10);
  EXPECT_EQ(Ordinals(hits), (std::vector<Ordinal>{1, 2}));
  EXPECT_EQ(hits[0].shared_values, 48);
  EXPECT_EQ(hits[1].shared_values, 10);
  EXPECT_EQ(Ordinals(index.Search(Values(0, 48), 1)), std::vector<Ordinal>{1});
  EXPECT_TRUE(index.Search({}, 10).empty());
}

TEST(FingerprintIndexTest, RemovedArticlesAreNotFound) {
  FingerprintIndex index;
  index.Add(1, Values(0, 48));
  index.Add(2, Values(0, 48));
  index.Remove(1, Values(0, 48));
  EXPECT_EQ(Ordinals(index.Search(Values(0, 48), 10)), std::vector<Ordinal>{2});
  index.Remove(1, Values(0, 48));  // not there any more
  EXPECT_EQ(Ordinals(index.Search(Values(0, 48), 10)), std::vector<Ordinal>{2});
}

// Of thousands with one footer the one that shares its own words is found, and no other.
TEST(FingerprintIndexTest, ValuesOfManyArticlesFindNobody) {
  FingerprintIndex index;
  const Sketch footer = Values(0, 30);
  constexpr Ordinal kArticles = 5'000;
  for (Ordinal i = 0; i < kArticles; ++i) {
    index.Add(i, Joined(footer, Values(1'000 + 20 * i, 18)));
  }
  const auto hits = index.Search(Joined(footer, Values(1'000 + 20 * 4'321, 9)), 32);
  EXPECT_EQ(Ordinals(hits), std::vector<Ordinal>{4'321});
  EXPECT_EQ(hits[0].shared_values, 9);
}

TEST(FingerprintIndexTest, ASharedPhraseFindsAFew) {
  FingerprintIndex index;
  for (Ordinal i = 0; i < 20; ++i) index.Add(i, Joined(Values(0, 1), Values(1'000 + 20 * i, 18)));
  EXPECT_EQ(index.Search(Values(0, 40), 32).size(),
            static_cast<size_t>(FingerprintIndex::kSingleValueHitsMax));
}

TEST(FingerprintIndexTest, MemoryGrowsWithTheArticles) {
  FingerprintIndex index;
  const size_t empty = index.memory_bytes();
  constexpr Ordinal kArticles = 20'000;
  for (Ordinal i = 0; i < kArticles; ++i) index.Add(i, Values(48 * i, 48));
  const double each = static_cast<double>(index.memory_bytes() - empty) / kArticles;
  EXPECT_GT(each, 48 * 8);
  EXPECT_LT(each, 48 * 8 * 4);  // at most half empty after doubling
}

}  // namespace
}  // namespace newsprint::index
