#include "client/cli/error_pairs.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace newsprint::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(FalseMatchesByLabelTest, OnePairForEachArticleOfAnotherLabel) {
  const std::vector<GroupedArticle> articles = {
      {"0", {}, {}, "x"},  {"1", "A", {}, "x"}, {"2", "B", {}, "x"},
      {"3", "A", {}, "x"}, {"4", "C", {}, "x"}, {"5", "A", {}, "y"},
      {"6", "B", {}, "z"}, {"7", "A", {}, ""},  {"8", "B", {}, ""}};
  // 0 has no label; 23 and 34 are of the merges that 12 and 14 name; 7 and 8 failed.
  EXPECT_THAT(FalseMatchesByLabel(articles), ElementsAre(Pair(1, 2), Pair(1, 4)));
  EXPECT_THAT(FalseMatchesByLabel({}), IsEmpty());
}

TEST(FalseMatchesByPairsTest, TheFirstUnknownPairOfEachArticle) {
  const std::vector<GroupedArticle> articles = {
      {"0", {}, {}, "x"}, {"1", {}, {}, "x"}, {"2", {}, {}, "x"}, {"3", {}, {}, "y"},
      {"4", {}, {}, "x"}, {"5", {}, {}, ""},  {"6", {}, {}, ""}};
  EXPECT_THAT(FalseMatchesByPairs(articles, {{0, 1}, {0, 2}, {0, 4}, {1, 4}, {2, 4}}),
              ElementsAre(Pair(1, 2)));
  EXPECT_THAT(FalseMatchesByPairs(articles, {}), ElementsAre(Pair(0, 1), Pair(0, 2), Pair(0, 4)));
}

TEST(MissesByLabelTest, ComparesWithTheFirstOfTheLabel) {
  const std::vector<GroupedArticle> articles = {
      {"0", "A", {}, "x"}, {"1", "A", {}, "y"}, {"2", "A", {}, "y"},
      {"3", "A", {}, "x"}, {"4", "A", {}, ""},   // failed
      {"5", "B", {}, ""},  {"6", "B", {}, "z"},  // the first of the label failed
      {"7", {}, {}, "w"}};
  EXPECT_THAT(MissesByLabel(articles), ElementsAre(Pair(0, 1), Pair(0, 2)));
}

TEST(SpreadOverKindsTest, TakesTheKindsInTurn) {
  const std::vector<GroupedArticle> articles = {
      {"0", {}, "original", ""}, {"1", {}, "a", ""}, {"2", {}, "a", ""}, {"3", {}, "a", ""},
      {"4", {}, "b", ""},        {"5", {}, {}, ""},  {"6", {}, "b", ""}};
  const std::vector<PositionPair> pairs = {{0, 2}, {0, 1}, {0, 6}, {0, 3}, {0, 5}, {0, 4}};
  EXPECT_THAT(SpreadOverKinds(articles, pairs, 4),
              ElementsAre(Pair(0, 2), Pair(0, 6), Pair(0, 5), Pair(0, 1)));
  EXPECT_THAT(SpreadOverKinds(articles, pairs, 100),
              ElementsAre(Pair(0, 2), Pair(0, 6), Pair(0, 5), Pair(0, 1), Pair(0, 4), Pair(0, 3)));
  EXPECT_THAT(SpreadOverKinds(articles, {}, 3), IsEmpty());
}

}  // namespace
}  // namespace newsprint::cli
