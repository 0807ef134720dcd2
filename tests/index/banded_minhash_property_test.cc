// The banded index against two oracles: comparing with everything, and FAISS's
// IndexBinaryMultiHash, which finds what agrees with the query in one of its hashes.
#include <faiss/IndexBinaryHash.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "service/index/banded_minhash_index.h"
#include "service/sketch/minhash.h"
#include "tests/testing/articles.h"

namespace newsprint::index {
namespace {

using Id = faiss::IndexBinary::idx_t;
constexpr int kValues = 32;  // ten bands, and two values left over

using Code = std::vector<uint8_t>;

// Codes in families: members share most values, so that bands meet.
Code RandomCode(std::mt19937_64& random) {
  Code code(kValues);
  std::mt19937_64 family(random() % 40);
  const double change = static_cast<double>(random() % 100) / 100;
  std::uniform_real_distribution<double> uniform(0, 1);
  for (uint8_t& value : code) {
    value = static_cast<uint8_t>(family());
    if (uniform(random) < change) value = static_cast<uint8_t>(random());
  }
  return code;
}

bool ShareABand(const Code& a, const Code& b) {
  for (int band = 0; band + BandedMinHashIndex::kBandValues <= kValues;
       band += BandedMinHashIndex::kBandValues) {
    if (std::equal(a.begin() + band, a.begin() + band + BandedMinHashIndex::kBandValues,
                   b.begin() + band)) {
      return true;
    }
  }
  return false;
}

// What search must return: entries that share a band, by distance and label.
std::vector<std::pair<int32_t, Id>> Oracle(const std::map<Id, Code>& codes, const Code& query,
                                           size_t k) {
  std::vector<std::pair<int32_t, Id>> hits;
  for (const auto& [label, code] : codes) {
    if (!ShareABand(code, query)) continue;
    int32_t distance = 0;
    for (int i = 0; i < kValues; ++i) distance += code[i] != query[i];
    hits.emplace_back(distance, label);
  }
  std::sort(hits.begin(), hits.end());
  if (hits.size() > k) hits.resize(k);
  return hits;
}

TEST(BandedMinHashPropertyTest, AnyOrderOfAddsAndRemovesAgreesWithComparingAll) {
  std::mt19937_64 random(testing::Seed());
  BandedMinHashIndex index(kValues);
  std::map<Id, Code> codes;
  Id next = 0;
  for (int step = 0; step < 6000; ++step) {
    if (random() % 3 == 0 && !codes.empty()) {
      const auto victim = std::next(codes.begin(), static_cast<long>(random() % codes.size()));
      ASSERT_TRUE(index.remove_id(victim->first));
      codes.erase(victim);
    } else if (codes.size() < 1500) {
      const Id label = next++;
      codes[label] = RandomCode(random);
      index.add_with_ids(1, codes[label].data(), &label);
    }
    if (step % 7 != 0) continue;
    const Code query = RandomCode(random);
    const size_t k = 1 + random() % 20;
    std::vector<int32_t> distances(k);
    std::vector<Id> labels(k);
    index.search(1, query.data(), static_cast<Id>(k), distances.data(), labels.data());
    std::vector<std::pair<int32_t, Id>> found;
    for (size_t i = 0; i < k && labels[i] >= 0; ++i) found.emplace_back(distances[i], labels[i]);
    ASSERT_EQ(found, Oracle(codes, query, k)) << "step " << step;
  }
  EXPECT_EQ(index.ntotal, static_cast<Id>(codes.size()));
}

// With as many hashes as bands, of the same bits, IndexBinaryMultiHash has the same candidates.
TEST(BandedMinHashPropertyTest, AgreesWithIndexBinaryMultiHash) {
  std::mt19937_64 random(testing::Seed());
  BandedMinHashIndex banded(kValues);
  constexpr int kBands = kValues / BandedMinHashIndex::kBandValues;
  faiss::IndexBinaryMultiHash oracle(8 * kValues, kBands, 8 * BandedMinHashIndex::kBandValues);
  for (int i = 0; i < 1000; ++i) {
    const Code code = RandomCode(random);
    banded.add(1, code.data());
    oracle.add(1, code.data());
  }
  for (int i = 0; i < 200; ++i) {
    const Code query = RandomCode(random);
    std::vector<int32_t> distances(1000);
    std::vector<Id> labels(1000);
    banded.search(1, query.data(), 1000, distances.data(), labels.data());
    std::set<Id> found(labels.begin(), labels.end());
    oracle.search(1, query.data(), 1000, distances.data(), labels.data());
    EXPECT_EQ(found, std::set<Id>(labels.begin(), labels.end()));
  }
}

// The share of pairs found is 1 - (1 - J^3)^85.
TEST(BandedMinHashPropertyTest, RecallFollowsTheBandFormula) {
  std::mt19937_64 random(testing::Seed());
  for (const double jaccard : {0.2, 0.3, 0.4, 0.6}) {
    constexpr int kPairs = 500;
    constexpr int kSetSize = 600;
    const int shared = static_cast<int>(std::lround(2 * kSetSize * jaccard / (1 + jaccard)));
    int found = 0;
    for (int pair = 0; pair < kPairs; ++pair) {
      std::vector<uint64_t> a(kSetSize);
      for (uint64_t& hash : a) hash = random();
      std::vector<uint64_t> b = a;
      for (int i = shared; i < kSetSize; ++i) b[i] = random();
      BandedMinHashIndex index(sketch::kSketchValues);
      index.add(1, sketch::ComputeSketch(a).data());
      int32_t distance = 0;
      Id label = -1;
      index.search(1, sketch::ComputeSketch(b).data(), 1, &distance, &label);
      found += label == 0 ? 1 : 0;
    }
    const double expected = 1 - std::pow(1 - std::pow(jaccard, 3), 85);
    const double deviation = std::sqrt(expected * (1 - expected) / kPairs);
    EXPECT_NEAR(static_cast<double>(found) / kPairs, expected, 4 * deviation + 0.03) << jaccard;
  }
}

}  // namespace
}  // namespace newsprint::index
