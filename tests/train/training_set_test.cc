#include "service/train/training_set.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace newsprint::train {
namespace {

using Added = TrainingSet::Added;

// `count` words that no other call with another stem has.
std::string Words(const std::string& stem, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) absl::StrAppend(&text, i == 0 ? "" : " ", stem, i);
  return text;
}

std::string Sentences(const std::string& stem, int count, absl::string_view stop = ". ") {
  std::string text;
  for (int i = 0; i < count; ++i) {
    absl::StrAppend(&text, Words(absl::StrCat(stem, "s", i, "w"), 10), stop);
  }
  return text;
}

TEST(TrainingSetTest, SplitsAtPunctuationAndKeepsTheTitleApart) {
  TrainingSet set;
  ASSERT_EQ(set.Add("A title here", Sentences("a", 6), "en"), Added::kYes);
  ASSERT_EQ(set.Sentences(0), 7u);
  EXPECT_EQ(set.Sentence(0, 0).size(), 3u);
  for (size_t i = 1; i < 7; ++i) EXPECT_EQ(set.Sentence(0, i).size(), 10u);
  EXPECT_EQ(set.Term(set.Sentence(0, 1)[0]), text::TokenOf("as0w0"));
}

TEST(TrainingSetTest, LeavesOutATitleThatTheBodyRepeats) {
  TrainingSet set;
  const std::string body = Sentences("a", 6);
  ASSERT_EQ(set.Add(Words("as0w", 10), body, "en"), Added::kYes);
  EXPECT_EQ(set.Sentences(0), 6u);
  EXPECT_EQ(set.tokens(), 60u);
}

TEST(TrainingSetTest, CutsTextWithoutPunctuationIntoRuns) {
  TrainingSet set;
  ASSERT_EQ(set.Add("", Words("x", 100), ""), Added::kYes);
  ASSERT_EQ(set.Sentences(0), 3u);
  EXPECT_EQ(set.Sentence(0, 0).size(), TrainingSet::kSentenceTokensMax);
  EXPECT_EQ(set.Sentence(0, 2).size(), 20u);
}

TEST(TrainingSetTest, KnowsTheStopsOfOtherScripts) {
  TrainingSet set;
  const std::string han =
      "今天市政府宣布新的交通计划将在明年开始。市民可以在网上查看详细内容并提出意见。"
      "专家认为这项计划很重要。";
  ASSERT_EQ(set.Add("", han, "zh"), Added::kYes);
  EXPECT_EQ(set.Sentences(0), 3u);
  ASSERT_EQ(set.Add("", Sentences("u", 5, "۔ "), "ur"), Added::kYes);
  EXPECT_EQ(set.Sentences(1), 5u);
}

TEST(TrainingSetTest, RefusesShortArticlesAndCopies) {
  TrainingSet set;
  EXPECT_EQ(set.Add("", "Too short. Really.", "en"), Added::kTooShort);
  EXPECT_EQ(set.Add("", "", "en"), Added::kTooShort);
  ASSERT_EQ(set.Add("", Sentences("a", 6), "en"), Added::kYes);
  EXPECT_EQ(set.Add("Another title", Sentences("a", 6), "en"), Added::kCopy);
  EXPECT_EQ(set.Add("", Sentences("a", 6) + Sentences("b", 2), "en"), Added::kCopy);
  EXPECT_EQ(set.Add("", Sentences("a", 1) + Sentences("c", 6), "en"), Added::kYes);
  EXPECT_EQ(set.articles(), 2u);
}

TEST(TrainingSetTest, SurvivesAnyBytes) {
  TrainingSet set;
  std::string bytes;
  for (int i = 0; i < 5000; ++i) bytes.push_back(static_cast<char>(i * 37 % 256));
  set.Add(bytes, bytes, bytes);
  set.Add("", std::string(1 << 20, '.'), "en");
  set.Add("", std::string(1 << 20, 'a'), "en");
  EXPECT_LE(set.articles(), 2u);
}

TEST(TrainingSetTest, ReadsOnlyTheBeginningOfEndlessArticles) {
  TrainingSet set;
  ASSERT_EQ(set.Add("", Words("x", 50'000), "en"), Added::kYes);
  EXPECT_LE(set.tokens(), 16 * TrainingSet::kArticleTokensMax);
}

TEST(TrainingSetTest, SharesAreThoseOfTheLanguageWhereATermIsCommon) {
  TrainingSet set;
  for (int i = 0; i < 600; ++i) {
    const std::string stem = absl::StrCat("e", i, "x");
    ASSERT_EQ(set.Add("", absl::StrCat("the ", Sentences(stem, 5)), "en"), Added::kYes);
  }
  for (int i = 0; i < 200; ++i) {
    const std::string stem = absl::StrCat("d", i, "x");
    ASSERT_EQ(set.Add("", absl::StrCat("der ", Sentences(stem, 5)), "de-AT"), Added::kYes);
  }
  const std::vector<float> shares = set.DocumentShares();
  for (uint32_t term = 0; term < set.terms(); ++term) {
    if (set.Term(term) == text::TokenOf("der") || set.Term(term) == text::TokenOf("the")) {
      EXPECT_FLOAT_EQ(shares[term], 1);
    } else {
      EXPECT_LE(shares[term], 0.005f);
    }
  }
}

}  // namespace
}  // namespace newsprint::train
