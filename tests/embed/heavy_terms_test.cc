#include "service/embed/heavy_terms.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/testing/articles.h"

namespace newsprint::embed {
namespace {

using ::newsprint::testing::StoryText;

const GeneralTerms& CommonTerms() {
  static const GeneralTerms& general = *new GeneralTerms();
  return general;
}

std::vector<text::Token> Tokens(absl::string_view text) {
  std::vector<text::Token> tokens;
  text::Tokenize(text, &tokens);
  return tokens;
}

uint32_t Term(absl::string_view word) { return TermOf(Tokens(word).front()); }

std::map<uint32_t, float> Heavy(absl::string_view title, absl::string_view body) {
  std::map<uint32_t, float> weights;
  for (const WeightedTerm& term : HeavyTerms(Tokens(title), Tokens(body), CommonTerms())) {
    EXPECT_TRUE(weights.emplace(term.term, term.weight).second) << "twice: " << term.term;
  }
  return weights;
}

// The header's formula, term by term: weights of all terms that count, and how heavy each is.
struct NaiveTerm {
  float weight;
  double heaviness;
};
std::map<uint32_t, NaiveTerm> Naive(absl::string_view title, absl::string_view body) {
  std::map<uint32_t, int> counts;
  for (const text::Token token : Tokens(title)) counts[TermOf(token)] += kTitleCount;
  const std::vector<text::Token> tokens = Tokens(body);
  for (size_t i = 0; i < tokens.size(); ++i) {
    counts[TermOf(tokens[i])] += i < kLedeTokens ? kLedeCount : 1;
  }
  std::map<uint32_t, NaiveTerm> terms;
  for (const auto& [term, count] : counts) {
    const double steps = std::round((1 + std::log(count)) / kTermWeightStep);
    const auto weight = static_cast<float>(std::min<double>(steps * kTermWeightStep, 16));
    const double idf = -std::log(static_cast<double>(CommonTerms().Share(term)));
    if (idf > 0) terms[term] = {weight, weight * idf};
  }
  return terms;
}

TEST(GeneralTermsTest, CommonWordsHaveGreatShares) {
  const float the = CommonTerms().Share(Term("the"));
  const float president = CommonTerms().Share(Term("president"));
  const float unknown = CommonTerms().Share(Term("xyzzyplugh"));
  EXPECT_GT(the, 0.5f);
  EXPECT_LE(the, 1.0f);
  EXPECT_GT(the, president);
  EXPECT_GT(president, unknown);
  EXPECT_EQ(unknown, GeneralTerms::kRareShare);
  // In the language where it is commonest.
  for (const char* word : {"und", "les", "los"}) {
    EXPECT_GT(CommonTerms().Share(Term(word)), 0.1f) << word;
  }
}

TEST(HeavyTermsTest, TitleAndLedeCountTwice) {
  std::string body = "ledeword ";
  for (size_t i = 1; i < kLedeTokens; ++i) absl::StrAppend(&body, "filler", i, " ");
  body += "tailword";
  const auto weights = Heavy("titleword", body);
  const float twice = std::round((1 + std::log(2.0f)) / kTermWeightStep) * kTermWeightStep;
  EXPECT_EQ(weights.at(Term("titleword")), twice);
  EXPECT_EQ(weights.at(Term("ledeword")), twice);
  EXPECT_EQ(weights.at(Term("tailword")), 1);
}

TEST(HeavyTermsTest, IsTheFormula) {
  std::mt19937_64 random(newsprint::testing::Seed());
  for (int round = 0; round < 60; ++round) {
    const std::string title = StoryText(random(), static_cast<int>(random() % 12));
    std::string body = StoryText(random(), 1 + static_cast<int>(random() % 600));
    if (round % 3 == 0) body += " the president of the United States said on Tuesday";
    const auto expected = Naive(title, body);
    const auto actual = Heavy(title, body);
    ASSERT_EQ(actual.size(), std::min(expected.size(), kHeavyTermsMax));
    double least_kept = 1e9;
    for (const auto& [term, weight] : actual) {
      ASSERT_EQ(expected.count(term), 1u);
      EXPECT_EQ(weight, expected.at(term).weight);
      least_kept = std::min(least_kept, expected.at(term).heaviness);
    }
    for (const auto& [term, naive] : expected) {
      if (actual.count(term) == 0) {
        EXPECT_LE(naive.heaviness, least_kept + 1e-4);
      }
    }
  }
}

TEST(HeavyTermsTest, WeightsAreInRangeAndInSteps) {
  std::string body;
  for (int i = 0; i < 200'000; ++i) body += "again ";
  body += StoryText(1, 500);
  std::vector<WeightedTerm> terms = HeavyTerms({}, Tokens(body), CommonTerms());
  EXPECT_TRUE(std::is_sorted(terms.begin(), terms.end(),
                             [](const auto& a, const auto& b) { return a.term < b.term; }));
  for (const WeightedTerm& term : terms) {
    EXPECT_GE(term.weight, kTermWeightMin);
    EXPECT_LE(term.weight, kTermWeightMax);
    EXPECT_EQ(term.weight, std::round(term.weight / kTermWeightStep) * kTermWeightStep);
  }
}

TEST(HeavyTermsTest, DoesNotDependOnTheOrderOfWordsBehindTheLede) {
  const std::string lede = StoryText(1, static_cast<int>(kLedeTokens));
  const std::string one = StoryText(2, 100);
  const std::string other = StoryText(3, 100);
  EXPECT_EQ(Heavy("", absl::StrCat(lede, " ", one, " ", other)),
            Heavy("", absl::StrCat(lede, " ", other, " ", one)));
}

TEST(HeavyTermsTest, NothingGivesNothing) {
  EXPECT_TRUE(Heavy("", "").empty());
  EXPECT_TRUE(Heavy("...", "--- !").empty());
  EXPECT_EQ(Heavy("title", "").size(), 1u);
}

}  // namespace
}  // namespace newsprint::embed
