// Bottom-k sketches against sorting.
#include <algorithm>
#include <set>
#include <vector>

#include "service/common/hash.h"
#include "service/sketch/bottom_k.h"
#include "tests/fuzz/targets.h"

namespace newsprint::fuzz {
namespace {

bool Contains(const std::vector<uint32_t>& sorted, uint32_t value) {
  return std::binary_search(sorted.begin(), sorted.end(), value);
}

}  // namespace

// Two bytes say how many shingles are made up in a run beside those that are spelt out, and how
// many of all are taken for a part.
void FuzzSketch(absl::string_view bytes) {
  Bytes input(bytes);
  const uint32_t run = input.Number<uint16_t>() % 8192u;
  const size_t part_permille = input.Number<uint16_t>() % 1001;
  std::set<uint32_t> distinct;
  const auto first = input.Number<uint32_t>();
  for (uint32_t i = 0; i < run; ++i) distinct.insert(first + i * 0x9e3779b9u);
  while (!input.empty()) distinct.insert(input.Number<uint32_t>());
  const std::vector<uint32_t> shingles(distinct.begin(), distinct.end());

  const sketch::Sketch whole = sketch::ComputeSketch(shingles);
  const size_t size =
      std::min(shingles.size(),
               std::max(sketch::kSketchValuesMin, shingles.size() / sketch::kShinglesPerValue));
  Require(whole.size() == size, "a sketch has its size");
  for (size_t i = 0; i < whole.size(); ++i) {
    Require(i == 0 || whole[i - 1] < whole[i], "a sketch ascends");
    Require(distinct.count(whole[i]) == 1, "a sketch is of its shingles");
  }
  // The order of the input does not count.
  std::vector<uint32_t> shuffled(shingles.rbegin(), shingles.rend());
  Require(sketch::ComputeSketch(shuffled) == whole, "order does not count");

  // A part's sketch has all of the whole's sketch that is in the part, as long as it is no smaller.
  std::vector<uint32_t> part;
  for (const uint32_t shingle : shingles) {
    if (Mix64(shingle) % 1000 < part_permille) part.push_back(shingle);
  }
  const sketch::Sketch of_part = sketch::ComputeSketch(part);
  if (of_part.size() < whole.size()) return;
  for (const uint32_t value : whole) {
    Require(!Contains(part, value) || Contains(of_part, value), "a part keeps its share");
  }
}

}  // namespace newsprint::fuzz
