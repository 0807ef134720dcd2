#include "service/embed/row_sum.h"

#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace newsprint::embed {
namespace {

// One product and one addition after the other, as the header promises. Volatile, so that the
// compiler does not fuse them.
template <typename Value>
std::vector<float> Naive(const std::vector<WeightedRow<Value>>& rows, size_t dimension) {
  std::vector<float> sum(dimension);
  for (const WeightedRow<Value>& row : rows) {
    for (size_t i = 0; i < dimension; ++i) {
      const volatile float product = row.weight * static_cast<float>(row.row[i]);
      sum[i] += product;
    }
  }
  return sum;
}

template <typename Value>
void CompareWithNaive(size_t dimension, size_t count) {
  std::mt19937 random(static_cast<unsigned>(dimension + count));
  std::vector<Value> table(dimension * 7);
  for (Value& value : table) value = static_cast<Value>(static_cast<int>(random() % 255) - 127);
  std::vector<WeightedRow<Value>> rows;
  for (size_t i = 0; i < count; ++i) {
    const float weight = static_cast<float>(random() % 2000) / 777.0f - 1;
    rows.push_back({&table[random() % 7 * dimension], weight});
  }
  std::vector<float> sum(dimension, 42);
  SumRows(rows.data(), rows.size(), dimension, sum.data());
  EXPECT_EQ(sum, Naive(rows, dimension)) << dimension << " values, " << count << " rows";
}

TEST(RowSumTest, IsTheNaiveSumToTheLastBit) {
  for (const size_t dimension : {32, 64, 96, 128, 160, 256, 416, 512, 1024}) {
    for (const size_t count : {0, 1, 2, 33}) {
      CompareWithNaive<int8_t>(dimension, count);
      CompareWithNaive<float>(dimension, count);
    }
  }
}

}  // namespace
}  // namespace newsprint::embed
