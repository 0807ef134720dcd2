#include "service/index/posting_table.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "tests/testing/articles.h"

namespace newsprint::index {
namespace {

constexpr int kOrdinalsMax = 6;

std::vector<uint32_t> Ordinals(const PostingTable& table, uint32_t key) {
  std::vector<uint32_t> ordinals(kOrdinalsMax);
  ordinals.resize(static_cast<size_t>(table.Find(key, ordinals.data())));
  std::sort(ordinals.begin(), ordinals.end());
  return ordinals;
}

// Random changes against a map of sets. `step` apart, keys lie in a few buckets that overflow for
// long, or all over the table and around its end.
void CompareWithAMapOfSets(uint32_t step, uint32_t first) {
  constexpr uint32_t kKeyMask = (1u << PostingTable::kKeyBits) - 1;
  std::mt19937_64 random(testing::Seed() + step);
  for (int round = 0; round < 20; ++round) {
    PostingTable table(kOrdinalsMax, 800 + static_cast<int>(random() % 100));
    std::map<uint32_t, std::set<uint32_t>> model;
    const uint32_t keys = 1 + static_cast<uint32_t>(random() % 400);
    for (int change = 0; change < 5'000; ++change) {
      const uint32_t key = (first + static_cast<uint32_t>(random() % keys) * step) & kKeyMask;
      const uint32_t ordinal = static_cast<uint32_t>(random() % 50);
      std::set<uint32_t>& ordinals = model[key];
      if (random() % 3 != 0) {
        if (ordinals.count(ordinal) != 0) continue;
        table.Insert(key, ordinal);
        if (ordinals.size() < kOrdinalsMax) ordinals.insert(ordinal);
      } else {
        table.Remove(key, ordinal);
        ordinals.erase(ordinal);
      }
    }
    size_t full_keys = 0;
    for (const auto& [key, ordinals] : model) {
      full_keys += ordinals.size() == kOrdinalsMax ? 1 : 0;
      ASSERT_EQ(Ordinals(table, key), std::vector<uint32_t>(ordinals.begin(), ordinals.end()));
    }
    EXPECT_EQ(table.full_keys(), full_keys);
  }
}

TEST(PostingTablePropertyTest, BehavesLikeAMapOfSets) {
  for (const uint32_t step : {1u, 64u, 1u << 16, 1u << 24, (1u << 24) + 1, 40'503u * 4'099}) {
    CompareWithAMapOfSets(step, 0);
    CompareWithAMapOfSets(step, (1u << PostingTable::kKeyBits) - 100);
  }
}

// Keys all over the table, as those of an index are, and so many that it grows through many sizes.
// All are found under their own key alone, though entries hold 24 bits of 26.
TEST(PostingTablePropertyTest, GrowsAndShrinksWithoutLosingAny) {
  constexpr uint32_t kKeyMask = (1u << PostingTable::kKeyBits) - 1;
  constexpr uint32_t kKeys = 60'000;
  const auto key_of = [](uint32_t i) { return i * 40'503u * 4'099 & kKeyMask; };
  PostingTable table(kOrdinalsMax, 850);
  const size_t empty_bytes = table.memory_bytes();
  for (uint32_t i = 0; i < kKeys; ++i) {
    for (uint32_t j = 0; j <= i % 3; ++j) table.Insert(key_of(i), i + j);
  }
  EXPECT_GT(table.memory_bytes(), empty_bytes + 7 * 2 * kKeys);
  EXPECT_LT(table.memory_bytes(), 11 * 2 * kKeys);
  for (uint32_t i = 0; i < kKeys; i += 2) {
    for (uint32_t j = 0; j <= i % 3; ++j) table.Remove(key_of(i), i + j);
  }
  for (uint32_t i = 0; i < kKeys; ++i) {
    std::vector<uint32_t> expected;
    for (uint32_t j = 0; j <= i % 3 && i % 2 == 1; ++j) expected.push_back(i + j);
    ASSERT_EQ(Ordinals(table, key_of(i)), expected) << i;
    // Another key with the same 24 bits.
    EXPECT_TRUE(Ordinals(table, key_of(kKeys + i)).empty());
  }
  // What is left takes as much as if it had been all.
  const size_t full_bytes = table.memory_bytes();
  for (uint32_t i = 1; i < kKeys; i += 2) {
    if (i % 20 == 1) continue;
    for (uint32_t j = 0; j <= i % 3; ++j) table.Remove(key_of(i), i + j);
  }
  EXPECT_LT(table.memory_bytes(), full_bytes / 7);
  for (uint32_t i = 0; i < kKeys; ++i) {
    std::vector<uint32_t> expected;
    for (uint32_t j = 0; j <= i % 3 && i % 20 == 1; ++j) expected.push_back(i + j);
    ASSERT_EQ(Ordinals(table, key_of(i)), expected) << i;
  }
}

}  // namespace
}  // namespace newsprint::index
