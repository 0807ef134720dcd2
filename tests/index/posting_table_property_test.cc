#include "service/index/posting_table.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "tests/testing/articles.h"

namespace newsprint::index {
namespace {

std::vector<uint32_t> Values(const PostingTable& table, uint32_t key) {
  std::vector<uint32_t> values;
  const int found = table.AppendValues(key, &values);
  EXPECT_EQ(found, static_cast<int>(values.size()));
  std::sort(values.begin(), values.end());
  return values;
}

// Random changes against a map of sets, on few keys, so that runs collide and wrap.
TEST(PostingTablePropertyTest, BehavesLikeAMapOfSets) {
  constexpr int kValuesMax = 6;
  std::mt19937_64 random(testing::Seed());
  for (int round = 0; round < 20; ++round) {
    PostingTable table(kValuesMax, 50 + static_cast<int>(random() % 25));
    std::map<uint32_t, std::set<uint32_t>> model;
    const uint32_t keys = 1 + static_cast<uint32_t>(random() % 400);
    for (int step = 0; step < 5'000; ++step) {
      // Multiples of a power of two: a hash that only masks them would give a few homes to all.
      const uint32_t key = static_cast<uint32_t>(random() % keys) * 64;
      const uint32_t value = static_cast<uint32_t>(random() % 50);
      std::set<uint32_t>& values = model[key];
      if (random() % 3 != 0) {
        if (values.count(value) != 0) continue;
        table.Insert(key, value);
        if (values.size() < kValuesMax) values.insert(value);
      } else {
        table.Remove(key, value);
        values.erase(value);
      }
    }
    for (const auto& [key, values] : model) {
      EXPECT_EQ(Values(table, key), std::vector<uint32_t>(values.begin(), values.end()));
    }
  }
}

}  // namespace
}  // namespace newsprint::index
