#include "service/index/forward_index.h"

#include <filesystem>
#include <random>
#include <vector>

#include "tests/testing/articles.h"

namespace newsprint::index {
namespace {

constexpr size_t kTermsMax = 128;

std::vector<WeightedTerm> RandomTerms(std::mt19937_64& random, size_t count) {
  std::vector<WeightedTerm> terms;
  for (size_t i = 0; i < count; ++i) {
    terms.push_back({static_cast<uint32_t>(random()),
                     static_cast<float>(1 + random() % 256) * kTermWeightStep});
  }
  return terms;
}

std::unique_ptr<ForwardIndex> MakeIndex(const testing::TempDir& folder) {
  return ForwardIndex::Create(folder.path() + "/1-", kTermsMax).value();
}

TEST(ForwardIndexTest, GivesBackWhatWasPut) {
  const testing::TempDir folder;
  const auto index = MakeIndex(folder);
  std::mt19937_64 random(testing::Seed());
  std::vector<std::vector<WeightedTerm>> put(300);
  for (size_t i = 0; i < 2000; ++i) {  // many are replaced
    const size_t ordinal = random() % put.size();
    put[ordinal] = RandomTerms(random, random() % (kTermsMax + 1));
    index->Put(static_cast<Ordinal>(ordinal), put[ordinal]);
  }
  std::vector<WeightedTerm> got;
  for (size_t ordinal = 0; ordinal < put.size(); ++ordinal) {
    ASSERT_TRUE(index->Get(static_cast<Ordinal>(ordinal), &got));
    ASSERT_EQ(got.size(), put[ordinal].size());
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(got[i].term, put[ordinal][i].term);
      EXPECT_EQ(got[i].weight, put[ordinal][i].weight);
    }
  }
}

TEST(ForwardIndexTest, HolesAndWhatLiesBehindTheEndAreNotThere) {
  const testing::TempDir folder;
  const auto index = MakeIndex(folder);
  std::vector<WeightedTerm> got;
  EXPECT_FALSE(index->Get(0, &got));
  index->Put(5, {});
  EXPECT_TRUE(index->Get(5, &got));
  EXPECT_TRUE(got.empty());
  for (const Ordinal ordinal : {0u, 4u, 6u, 4'000'000'000u})
    EXPECT_FALSE(index->Get(ordinal, &got));
}

TEST(ForwardIndexTest, WhatIsRemovedIsNotThere) {
  const testing::TempDir folder;
  const auto index = MakeIndex(folder);
  std::mt19937_64 random(testing::Seed());
  std::vector<WeightedTerm> got;
  for (const size_t count : {0, 3}) {
    index->Put(1, RandomTerms(random, count));
    EXPECT_TRUE(index->Get(1, &got));
    index->Remove(1);
    EXPECT_FALSE(index->Get(1, &got));
  }
}

TEST(ForwardIndexTest, WhatDoesNotFitIsNotThere) {
  const testing::TempDir folder;
  const auto index = MakeIndex(folder);
  std::mt19937_64 random(testing::Seed());
  index->Put(1, RandomTerms(random, 3));
  index->Put(1, RandomTerms(random, kTermsMax + 1));
  std::vector<WeightedTerm> got;
  EXPECT_FALSE(index->Get(1, &got));
}

TEST(ForwardIndexTest, PagesThatAreEmptyAreGivenBackAndUsedAnew) {
  const testing::TempDir folder;
  const auto index = MakeIndex(folder);
  std::mt19937_64 random(testing::Seed());
  const std::vector<WeightedTerm> terms = RandomTerms(random, 5);
  std::vector<WeightedTerm> got;
  for (Ordinal ordinal = 4000; ordinal < 8300; ++ordinal) index->Put(ordinal, terms);
  for (Ordinal ordinal = 4000; ordinal < 8300; ++ordinal) {
    index->Remove(ordinal);
    index->Remove(ordinal);  // as if it were not there
    EXPECT_FALSE(index->Get(ordinal, &got));
    EXPECT_EQ(index->Get(8299, &got), ordinal < 8299);
  }
  for (const Ordinal ordinal : {4095u, 4096u, 8191u, 8192u}) index->Put(ordinal, terms);
  index->Remove(4096);
  for (const Ordinal ordinal : {4095u, 8191u, 8192u}) {
    EXPECT_TRUE(index->Get(ordinal, &got));
    EXPECT_EQ(got.size(), terms.size());
  }
  EXPECT_FALSE(index->Get(4096, &got));
}

TEST(ForwardIndexTest, LeavesNoFileBehind) {
  const testing::TempDir folder;
  const auto index = MakeIndex(folder);
  index->Put(1, {});
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  EXPECT_EQ(ForwardIndex::Create(folder.path() + "/nowhere/1-", kTermsMax).status().code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace newsprint::index
