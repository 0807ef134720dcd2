#include "service/embed/term_counts.h"

#include <map>
#include <random>
#include <tuple>
#include <vector>

#include "service/embed/heavy_terms.h"
#include "tests/testing/articles.h"

namespace newsprint::embed {
namespace {

TEST(TermCountsTest, CountsLikeAMap) {
  std::mt19937_64 random(newsprint::testing::Seed());
  TermCounts counts;  // used again and again
  for (int round = 0; round < 200; ++round) {
    const auto random_tokens = [&](size_t count) {
      std::vector<text::Token> tokens;
      // Many that share 32 bits with others.
      while (tokens.size() < count) tokens.push_back((random() % 3 << 60) | random() % 300);
      return tokens;
    };
    const auto title = random_tokens(random() % 20);
    const auto body = random_tokens(random() % 900);
    const size_t lede = random() % 100;
    counts.Count(title, body, lede);
    EXPECT_EQ(counts.lede_tokens(), lede);
    std::map<text::Token, std::tuple<uint32_t, uint32_t, uint32_t>> expected;
    std::vector<text::Token> order;
    const auto note = [&](text::Token token) -> auto& {
      if (expected.count(token) == 0) order.push_back(token);
      return expected[token];
    };
    for (const text::Token token : title) ++std::get<0>(note(token));
    for (size_t i = 0; i < body.size(); ++i) {
      auto& [in_title, in_lede, in_rest] = note(body[i]);
      ++(i < lede ? in_lede : in_rest);
    }
    ASSERT_EQ(counts.terms().size(), order.size());
    for (size_t i = 0; i < order.size(); ++i) {
      const TermCounts::Term& term = counts.terms()[i];
      ASSERT_EQ(term.token, order[i]);
      ASSERT_EQ(std::make_tuple(term.title, term.lede, term.rest), expected[order[i]]);
    }
  }
}

// One in ten thousand articles has two words of the same 32 bits.
TEST(TermCountsTest, WordsOfTheSameTermAreOneHeavyTerm) {
  const GeneralTerms general;
  const text::Token one = text::Token{0x1234567} << 1;
  const text::Token other = one | text::Token{1} << 40;
  ASSERT_EQ(TermOf(one), TermOf(other));
  const std::vector<text::Token> twice = {one, one, text::TokenOf("strike")};
  const std::vector<text::Token> both = {one, other, text::TokenOf("strike")};
  const auto expected = HeavyTerms({}, twice, general);
  const auto actual = HeavyTerms({}, both, general);
  ASSERT_EQ(actual.size(), 2u);
  for (size_t i = 0; i < actual.size(); ++i) {
    EXPECT_EQ(actual[i].term, expected[i].term);
    EXPECT_EQ(actual[i].weight, expected[i].weight);
  }
}

}  // namespace
}  // namespace newsprint::embed
