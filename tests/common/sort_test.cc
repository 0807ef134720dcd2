#include "service/common/sort.h"

#include <algorithm>
#include <random>
#include <set>
#include <vector>

namespace newsprint {
namespace {

TEST(SortTest, SortsLikeTheStandardLibrary) {
  std::mt19937_64 random(7);
  for (size_t size = 0; size < 3'000; size += size < 300 ? 1 : 97) {
    std::vector<uint64_t> wide(size);
    for (uint64_t& value : wide) value = random() >> random() % 64;
    std::vector<uint32_t> values(wide.begin(), wide.end());
    const std::set<uint32_t> distinct(values.begin(), values.end());
    std::vector<uint32_t> unique = values;
    SortUnique(&unique);
    EXPECT_EQ(unique, std::vector<uint32_t>(distinct.begin(), distinct.end()));

    std::vector<uint64_t> expected = wide;
    std::sort(expected.begin(), expected.end());
    Sort(absl::MakeSpan(wide));
    EXPECT_EQ(wide, expected);
    std::vector<uint32_t> expected32 = values;
    std::sort(expected32.begin(), expected32.end());
    Sort(absl::MakeSpan(values));
    EXPECT_EQ(values, expected32);
  }
}

}  // namespace
}  // namespace newsprint
