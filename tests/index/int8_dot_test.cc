#include "service/index/int8_dot.h"

#include <random>
#include <vector>

#include "tests/testing/articles.h"

namespace newsprint::index {
namespace {

void ExpectExact(Int8DotsFunction dots, size_t dimension, size_t rows, std::mt19937_64& random) {
  std::vector<std::vector<int8_t>> vectors(rows + 1, std::vector<int8_t>(dimension));
  for (std::vector<int8_t>& vector : vectors) {
    const bool is_extreme = random() % 4 == 0;
    for (int8_t& code : vector) {
      const int value = static_cast<int>(random() % 255) - 127;
      code = static_cast<int8_t>(is_extreme ? (value < 0 ? -127 : 127) : value);
    }
  }
  std::vector<const int8_t*> row_codes;
  for (size_t i = 0; i < rows; ++i) row_codes.push_back(vectors[i].data());
  const std::vector<int8_t>& query = vectors[rows];
  std::vector<int32_t> got(rows, -1);
  dots(query.data(), row_codes.data(), rows, dimension, got.data());
  for (size_t i = 0; i < rows; ++i) {
    int32_t expected = 0;
    for (size_t d = 0; d < dimension; ++d) expected += query[d] * vectors[i][d];
    ASSERT_EQ(got[i], expected) << "row " << i << " of " << rows << ", dimension " << dimension;
  }
}

TEST(Int8DotTest, IsExactForEveryDimensionAndNumberOfRows) {
  std::mt19937_64 random(testing::Seed());
  for (size_t dimension = 1; dimension <= 300; dimension += dimension < 140 ? 1 : 13) {
    for (size_t rows = 0; rows <= 9; ++rows) {
      ExpectExact(Int8Dots(), dimension, rows, random);
      ExpectExact(Int8DotsWithoutVnni(), dimension, rows, random);
    }
  }
}

TEST(Int8DotTest, DoesNotOverflow) {
  constexpr size_t kDimension = 65'536;
  const std::vector<int8_t> low(kDimension, -127);
  const std::vector<int8_t> high(kDimension, 127);
  const int8_t* const rows[] = {low.data(), high.data()};
  for (const Int8DotsFunction dots_of : {Int8Dots(), Int8DotsWithoutVnni()}) {
    int32_t dots[2];
    dots_of(high.data(), rows, 2, kDimension, dots);
    EXPECT_EQ(dots[0], -127 * 127 * static_cast<int32_t>(kDimension));
    EXPECT_EQ(dots[1], 127 * 127 * static_cast<int32_t>(kDimension));
  }
}

}  // namespace
}  // namespace newsprint::index
