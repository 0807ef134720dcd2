#include "service/index/fingerprint_index.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "tests/testing/articles.h"

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
  EXPECT_GT(each, 48 * 7);
  EXPECT_LT(each, 600);
}

// What the header promises, from lists of articles by value; scores in whole numbers.
class NaiveFingerprintIndex {
 public:
  void Add(Ordinal ordinal, const Sketch& sketch) {
    for (const uint32_t value : sketch) {
      std::set<Ordinal>& articles = articles_[value];
      if (articles.size() < FingerprintIndex::kArticlesPerValueMax) articles.insert(ordinal);
    }
  }
  void Remove(Ordinal ordinal, const Sketch& sketch) {
    for (const uint32_t value : sketch) articles_[value].erase(ordinal);
  }
  std::vector<std::pair<Ordinal, int>> Search(const Sketch& sketch, size_t hits_max) const {
    constexpr uint64_t kOne = 72'201'776'446'800;  // all of 1 to 31 divide it
    std::map<Ordinal, std::pair<uint64_t, int>> scores;
    for (const uint32_t value : sketch) {
      const auto found = articles_.find(value);
      if (found == articles_.end()) continue;
      if (found->second.size() == FingerprintIndex::kArticlesPerValueMax) continue;
      for (const Ordinal ordinal : found->second) {
        scores[ordinal].first += kOne / found->second.size();
        ++scores[ordinal].second;
      }
    }
    std::vector<std::pair<Ordinal, std::pair<uint64_t, int>>> order(scores.begin(), scores.end());
    std::stable_sort(order.begin(), order.end(),
                     [](const auto& a, const auto& b) { return a.second.first > b.second.first; });
    std::vector<std::pair<Ordinal, int>> hits;
    int singles = 0;
    for (const auto& [ordinal, score] : order) {
      if (hits.size() == hits_max) break;
      if (score.second == 1 && ++singles > FingerprintIndex::kSingleValueHitsMax) continue;
      hits.emplace_back(ordinal, score.second);
    }
    return hits;
  }

 private:
  std::map<uint32_t, std::set<Ordinal>> articles_;
};

TEST(FingerprintIndexTest, IsTheNaiveIndex) {
  std::mt19937_64 random(newsprint::testing::Seed());
  for (int round = 0; round < 2; ++round) {
    FingerprintIndex index;
    NaiveFingerprintIndex naive;
    // Few values, so that some are of many articles; from the lowest, as those of sketches are.
    const uint32_t values = round % 2 == 0 ? 2'000 : 100'000;
    const auto random_sketch = [&](size_t size) {
      std::set<uint32_t> sketch;
      while (sketch.size() < size) {
        const uint32_t value = static_cast<uint32_t>(random() % values);
        sketch.insert(random() % 3 == 0 ? value % 200 : value);
      }
      return Sketch(sketch.begin(), sketch.end());
    };
    std::vector<Sketch> added;
    for (Ordinal i = 0; i < 600; ++i) {
      added.push_back(random_sketch(1 + random() % 70));
      index.Add(i, added.back());
      naive.Add(i, added.back());
      if (random() % 4 == 0) {
        const auto gone = static_cast<Ordinal>(random() % added.size());
        index.Remove(gone, added[gone]);
        naive.Remove(gone, added[gone]);
      }
      const Sketch query =
          random() % 2 == 0 ? added[random() % added.size()] : random_sketch(random() % 150);
      const int hits_max = static_cast<int>(random() % 40);
      std::vector<std::pair<Ordinal, int>> hits;
      for (const FingerprintHit& hit : index.Search(query, hits_max)) {
        hits.emplace_back(hit.ordinal, hit.shared_values);
      }
      ASSERT_EQ(hits, naive.Search(query, static_cast<size_t>(hits_max)));
    }
  }
}

}  // namespace
}  // namespace newsprint::index
