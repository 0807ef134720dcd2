#include "client/cli/metrics.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace newsprint::cli {
namespace {

using ::testing::DoubleNear;
using ::testing::Optional;

TEST(ComparePairsTest, CountsPairsByHand) {
  // Labels A = {1, 2, 3}, B = {4, 5}; groups x = {1, 2, 4}, y = {3}, z = {5, 6}; 6 has no label.
  const std::vector<GroupedArticle> articles = {{"1", "A", {}, "x"}, {"2", "A", {}, "x"},
                                                {"3", "A", {}, "y"}, {"4", "B", {}, "x"},
                                                {"5", "B", {}, "z"}, {"6", {}, {}, "z"}};
  const PairFigures figures = ComparePairs(articles);
  EXPECT_EQ(figures.called_pairs, 3);   // 12 14 24; 56 does not count
  EXPECT_EQ(figures.true_pairs, 4);     // 12 13 23 45
  EXPECT_EQ(figures.correct_pairs, 1);  // 12
  EXPECT_THAT(figures.precision, Optional(DoubleNear(1.0 / 3, 1e-12)));
  EXPECT_THAT(figures.recall, Optional(DoubleNear(1.0 / 4, 1e-12)));
  EXPECT_THAT(figures.f1, Optional(DoubleNear(2.0 / 7, 1e-12)));
}

TEST(ComparePairsTest, FailedArticlesAreInNoGroup) {
  const PairFigures figures = ComparePairs({{"1", "A", {}, ""}, {"2", "A", {}, ""}});
  EXPECT_EQ(figures.called_pairs, 0);
  EXPECT_FALSE(figures.precision.has_value());
  EXPECT_THAT(figures.recall, Optional(0.0));
  EXPECT_THAT(figures.f1, Optional(0.0));
}

TEST(ComparePairsTest, NothingGivesNoFigures) {
  const PairFigures figures = ComparePairs({});
  EXPECT_FALSE(figures.precision.has_value());
  EXPECT_FALSE(figures.recall.has_value());
  EXPECT_FALSE(figures.f1.has_value());
}

TEST(RecallByKindTest, ComparesWithTheFirstOfTheLabel) {
  const std::vector<GroupedArticle> articles = {
      {"1", "A", "original", "x"}, {"2", "A", "trimmed", "x"},
      {"3", "A", "trimmed", "y"},  {"4", "B", "trimmed", "z"},  // first of its label
      {"5", "B", "footer", ""},                                 // failed
      {"6", "A", {}, "x"},                                      // no kind
      {"7", {}, "trimmed", "x"}};                               // no label
  const auto shares = RecallByKind(articles);
  ASSERT_EQ(shares.size(), 3u);
  EXPECT_THAT(shares.at("original").recall, Optional(1.0));
  EXPECT_EQ(shares.at("trimmed").count, 3);
  EXPECT_THAT(shares.at("trimmed").recall, Optional(DoubleNear(2.0 / 3, 1e-12)));
  EXPECT_THAT(shares.at("footer").recall, Optional(0.0));
}

TEST(RecallByBandTest, PutsPairsIntoTenths) {
  const std::vector<KnownPair> pairs = {{0.29, true}, {0.3, true},  {0.31, false}, {0.7, true},
                                        {0.79, true}, {0.95, true}, {1.0, false},  {1.0, true}};
  const auto shares = RecallByBand(pairs);
  ASSERT_EQ(shares.size(), 4u);
  EXPECT_EQ(shares.at("0.3-0.4").count, 2);
  EXPECT_THAT(shares.at("0.3-0.4").recall, Optional(0.5));
  EXPECT_EQ(shares.at("0.7-0.8").count, 2);
  EXPECT_EQ(shares.at("0.9-1.0").count, 1);
  EXPECT_EQ(shares.at("1.0").count, 2);
  EXPECT_THAT(shares.at("1.0").recall, Optional(0.5));

  EXPECT_EQ(RecallFrom(0.7, pairs).count, 5);
  EXPECT_THAT(RecallFrom(0.7, pairs).recall, Optional(0.8));
  EXPECT_FALSE(RecallFrom(0.7, {}).recall.has_value());
}

TEST(ScoreRankingTest, AveragePrecisionByHand) {
  // Relevant at ranks 1, 3 and 12, a fourth one never returned.
  std::vector<bool> hits(12, false);
  hits[0] = hits[2] = hits[11] = true;
  const RankedFigures figures = ScoreRanking(hits, 4);
  EXPECT_EQ(figures.first, 1);
  EXPECT_DOUBLE_EQ(figures.average_precision, (1.0 / 1 + 2.0 / 3 + 3.0 / 12) / 4);
  EXPECT_DOUBLE_EQ(figures.recall_at_10, 0.5);
}

TEST(ScoreRankingTest, NothingReturned) {
  const RankedFigures figures = ScoreRanking({}, 2);
  EXPECT_EQ(figures.first, 0);
  EXPECT_EQ(figures.average_precision, 0);
  EXPECT_EQ(figures.recall_at_10, 0);
}

TEST(CorrelationTest, PearsonByHand) {
  // Deviations -1.5 -.5 .5 1.5 and -1.75 .25 -.75 2.25: 6 / sqrt(5 * 8.75).
  EXPECT_THAT(Pearson({1, 2, 3, 4}, {1, 3, 2, 5}),
              Optional(DoubleNear(5.5 / std::sqrt(5 * 8.75), 1e-12)));
  EXPECT_THAT(Pearson({1, 2, 3}, {6, 4, 2}), Optional(DoubleNear(-1, 1e-12)));
  EXPECT_FALSE(Pearson({1, 1}, {1, 2}).has_value());
  EXPECT_FALSE(Pearson({1}, {1}).has_value());
}

TEST(CorrelationTest, SpearmanUsesMeanRanksForTies) {
  EXPECT_THAT(Spearman({1, 10, 100, 1000}, {1, 2, 3, 4}), Optional(DoubleNear(1, 1e-12)));
  // Ranks 0, 1.5, 1.5, 3 against 0, 1, 2, 3: 4.5 / sqrt(4.5 * 5).
  EXPECT_THAT(Spearman({1, 2, 2, 3}, {1, 2, 3, 4}),
              Optional(DoubleNear(4.5 / std::sqrt(4.5 * 5), 1e-12)));
}

}  // namespace
}  // namespace newsprint::cli
