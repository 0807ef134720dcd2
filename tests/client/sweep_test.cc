#include "client/cli/sweep.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace newsprint::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::vector<double> Jaccards(absl::string_view text) {
  std::vector<double> values;
  const auto sweep = ParseSweep(text);
  EXPECT_TRUE(sweep.ok()) << sweep.status();
  if (!sweep.ok()) return values;
  EXPECT_EQ(sweep->threshold, "near_duplicate_jaccard");
  for (const v1::Thresholds& value : sweep->values) {
    values.push_back(value.near_duplicate_jaccard());
    EXPECT_FALSE(value.has_duplicate_containment());
  }
  return values;
}

TEST(ParseSweepTest, StepsAreExactDecimals) {
  EXPECT_THAT(Jaccards("near_duplicate_jaccard=0.2:0.5:0.05"),
              ElementsAre(0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5));
  EXPECT_THAT(Jaccards("near_duplicate_jaccard=.1:.3:.1"), ElementsAre(0.1, 0.2, 0.3));
}

TEST(ParseSweepTest, EndsAtOrBelowTheUpperEnd) {
  EXPECT_THAT(Jaccards("near_duplicate_jaccard=0.2:0.49:0.1"), ElementsAre(0.2, 0.3, 0.4));
  EXPECT_THAT(Jaccards("near_duplicate_jaccard=0.2:0.2:0.1"), ElementsAre(0.2));
  EXPECT_THAT(Jaccards("near_duplicate_jaccard=0.2:0.3:9"), ElementsAre(0.2));
}

TEST(ParseSweepTest, IntegersOfBothSizesAndNegativeValues) {
  const auto tokens = ParseSweep("tokens_min=10:30:10");
  ASSERT_TRUE(tokens.ok());
  ASSERT_THAT(tokens->values, SizeIs(3));
  EXPECT_EQ(tokens->values[2].tokens_min(), 30);
  const auto seconds = ParseSweep("revision_window_seconds=0:31536000:31536000");
  ASSERT_TRUE(seconds.ok());
  ASSERT_THAT(seconds->values, SizeIs(2));
  EXPECT_TRUE(seconds->values[0].has_revision_window_seconds());
  EXPECT_EQ(seconds->values[1].revision_window_seconds(), 31536000);
  const auto score = ParseSweep("related_score_min=-1:1:1");
  ASSERT_TRUE(score.ok());  // whether it is in range is for the server to say
  EXPECT_EQ(score->values[0].related_score_min(), -1);
}

TEST(ParseSweepTest, FiftyValuesAreTheMost) {
  const auto most = ParseSweep("near_duplicate_jaccard=0.01:0.5:0.01");
  ASSERT_TRUE(most.ok());
  EXPECT_THAT(most->values, SizeIs(50));
  EXPECT_EQ(most->values.back().near_duplicate_jaccard(), 0.5);
  for (const char* text : {"near_duplicate_jaccard=0:0.5:0.01", "tokens_min=1:1000:1",
                           "near_duplicate_jaccard=0:1e300:1e-300"}) {
    EXPECT_THAT(ParseSweep(text).status().message(), HasSubstr("limit 50")) << text;
  }
}

TEST(ParseSweepTest, SaysWhatIsWrong) {
  const struct {
    const char* text;
    const char* problem;
  } kCases[] = {
      {"", "THRESHOLD=FROM:TO:STEP"},
      {"near_duplicate_jaccard", "THRESHOLD=FROM:TO:STEP"},
      {"near_duplicate_jaccard=0.2:0.5", "THRESHOLD=FROM:TO:STEP"},
      {"near_duplicate_jaccard=0.2:0.5:0.1:0.1", "THRESHOLD=FROM:TO:STEP"},
      {"near_duplicate_jaccard=0.2:0.5:x", "THRESHOLD=FROM:TO:STEP"},
      {"near_duplicate_jaccard=nan:0.5:0.1", "THRESHOLD=FROM:TO:STEP"},
      {"near_duplicate_jaccard=0:inf:0.1", "THRESHOLD=FROM:TO:STEP"},
      {"a=b=0.2:0.5:0.1", "THRESHOLD=FROM:TO:STEP"},
      {"jaccard=0.2:0.5:0.1", "no such threshold: jaccard; there are near_duplicate_jaccard, dup"},
      {"near_duplicate_jaccard=0.5:0.2:0.1", "FROM must not be above TO"},
      {"near_duplicate_jaccard=0.2:0.5:0", "STEP must be above 0"},
      {"near_duplicate_jaccard=0.2:0.5:-0.1", "STEP must be above 0"},
      {"tokens_min=1:3:0.5", "tokens_min takes whole numbers"},
      {"tokens_min=1.5:3:1", "tokens_min takes whole numbers"},
      {"revision_window_seconds=0:1e18:1e18", "takes whole numbers"},
  };
  for (const auto& one : kCases) {
    const auto sweep = ParseSweep(one.text);
    EXPECT_TRUE(absl::IsInvalidArgument(sweep.status())) << one.text;
    EXPECT_THAT(sweep.status().message(), HasSubstr(one.problem)) << one.text;
  }
}

}  // namespace
}  // namespace newsprint::cli
