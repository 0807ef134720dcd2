#include "service/engine/term_statistics.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "tests/testing/articles.h"

namespace newsprint {
namespace {

using Terms = std::vector<WeightedTerm>;

const embed::GeneralTerms& NewsAtLarge() {
  static const embed::GeneralTerms& general = *new embed::GeneralTerms();
  return general;
}

uint32_t Term(absl::string_view word) { return embed::TermOf(text::TokenOf(word)); }

Terms RandomTerms(std::mt19937_64& random) {
  std::map<uint32_t, float> weights;
  for (uint64_t count = random() % 20; count > 0; --count) {
    const uint64_t term = random() % 50;
    weights[static_cast<uint32_t>(term)] = 1.0f + static_cast<float>(random() % 32) / 16;
  }
  Terms terms;
  for (const auto& [term, weight] : weights) terms.push_back({term, weight});
  return terms;
}

// What must be the same of two statistics, over the terms that the tests use.
std::vector<float> Figures(const TermStatistics& statistics) {
  std::vector<float> figures;
  for (uint32_t term = 0; term < 50; ++term) figures.push_back(statistics.Idf(term));
  figures.push_back(statistics.Idf(Term("the")));
  return figures;
}

TEST(TermStatisticsTest, BeginsWithNewsAtLarge) {
  const TermStatistics statistics(&NewsAtLarge());
  for (const char* word : {"president", "earthquake", "xyzzyplugh"}) {
    EXPECT_NEAR(statistics.Idf(Term(word)), -std::log(NewsAtLarge().Share(Term(word))), 1e-5)
        << word;
  }
  EXPECT_LT(statistics.Idf(Term("the")), 1);
  EXPECT_GT(statistics.Idf(Term("xyzzyplugh")), 5);
}

TEST(TermStatisticsTest, ShrinksWithItsArticles) {
  TermStatistics statistics(&NewsAtLarge());
  const auto terms_of = [](uint32_t i) {
    return Terms{{10 * i, 1}, {10 * i + 1, 2}, {10 * i + 2, 1}, {7, 1}};
  };
  const size_t empty_bytes = statistics.memory_bytes();
  for (uint32_t i = 1; i <= 5000; ++i) statistics.Add(terms_of(i));
  const size_t full_bytes = statistics.memory_bytes();
  for (uint32_t i = 1; i <= 5000; ++i) {
    if (i % 100 != 0) statistics.Remove(terms_of(i));
  }
  EXPECT_LT(statistics.memory_bytes(), full_bytes / 8);
  TermStatistics same(&NewsAtLarge());
  for (uint32_t i = 100; i <= 5000; i += 100) same.Add(terms_of(i));
  for (uint32_t term = 0; term < 50'020; ++term) {
    ASSERT_EQ(statistics.Idf(term), same.Idf(term)) << term;
  }
  for (uint32_t i = 100; i <= 5000; i += 100) statistics.Remove(terms_of(i));
  EXPECT_EQ(statistics.memory_bytes(), empty_bytes);
}

TEST(TermStatisticsTest, LearnsWhatIsCommonHere) {
  TermStatistics statistics(&NewsAtLarge());
  const uint32_t senate = Term("xyzzysenate");
  const float before = statistics.Idf(senate);
  const float other_before = statistics.Idf(Term("xyzzyplugh"));
  float last = before;
  for (int i = 0; i < 5000; ++i) {
    statistics.Add(Terms{{senate, 2}});
    const float idf = statistics.Idf(senate);
    ASSERT_LE(idf, last);
    last = idf;
  }
  EXPECT_LT(last, 0.25);
  EXPECT_GE(last, 0);
  // What does not occur becomes rarer.
  EXPECT_GT(statistics.Idf(Term("xyzzyplugh")), other_before);
}

TEST(TermStatisticsTest, IsTheFormula) {
  TermStatistics statistics(&NewsAtLarge());
  const uint32_t rare = Term("xyzzyplugh");
  for (int i = 0; i < 700; ++i) statistics.Add(i < 70 ? Terms{{rare, 1}} : Terms{});
  const double with_term = 70 + 1000 * embed::GeneralTerms::kRareShare;
  EXPECT_NEAR(statistics.Idf(rare), std::log(1700 / with_term), 1e-5);
}

TEST(TermStatisticsTest, NoIdfIsBelowZero) {
  TermStatistics statistics(&NewsAtLarge());
  const uint32_t the = Term("the");
  for (int i = 0; i < 100; ++i) statistics.Add(Terms{{the, 3}});
  EXPECT_GE(statistics.Idf(the), 0);
  for (const WeightedTerm& term : statistics.Weigh(Terms{{the, 3}})) EXPECT_GT(term.weight, 0);
}

TEST(TermStatisticsTest, WeighedTermsHaveLengthOne) {
  TermStatistics statistics(&NewsAtLarge());
  std::mt19937_64 random(newsprint::testing::Seed());
  for (int i = 0; i < 100; ++i) {
    const Terms terms = RandomTerms(random);
    statistics.Add(terms);
    const Terms weighed = statistics.Weigh(terms);
    ASSERT_EQ(weighed.size(), terms.size());
    double squares = 0;
    for (size_t k = 0; k < terms.size(); ++k) {
      EXPECT_EQ(weighed[k].term, terms[k].term);
      squares += static_cast<double>(weighed[k].weight) * weighed[k].weight;
      const double ratio = terms[k].weight * statistics.Idf(terms[k].term) /
                           (terms[0].weight * statistics.Idf(terms[0].term));
      EXPECT_NEAR(weighed[k].weight, weighed[0].weight * ratio, 1e-5);
    }
    if (!terms.empty()) {
      EXPECT_NEAR(squares, 1, 1e-5);
    }
  }
  EXPECT_TRUE(statistics.Weigh({}).empty());
}

TEST(TermStatisticsTest, RemoveUndoesAdd) {
  TermStatistics statistics(&NewsAtLarge());
  std::mt19937_64 random(newsprint::testing::Seed());
  const Terms kept = RandomTerms(random);
  statistics.Add(kept);
  const std::vector<float> before = Figures(statistics);
  const Terms terms = RandomTerms(random);
  statistics.Add(terms);
  EXPECT_NE(Figures(statistics), before);
  statistics.Remove(terms);
  EXPECT_EQ(Figures(statistics), before);
  statistics.Remove(kept);
  EXPECT_EQ(Figures(statistics), Figures(TermStatistics(&NewsAtLarge())));
}

// However articles came and went, the figures are those of the set that is left.
TEST(TermStatisticsTest, OnlyTheSetCounts) {
  std::mt19937_64 random(newsprint::testing::Seed());
  for (int round = 0; round < 50; ++round) {
    TermStatistics walked(&NewsAtLarge());
    std::vector<Terms> present;
    for (int step = 0; step < 200; ++step) {
      if (!present.empty() && random() % 3 == 0) {
        const size_t at = random() % present.size();
        walked.Remove(present[at]);
        present.erase(present.begin() + at);
      } else {
        present.push_back(RandomTerms(random));
        walked.Add(present.back());
      }
    }
    std::shuffle(present.begin(), present.end(), random);
    TermStatistics fresh(&NewsAtLarge());
    for (const Terms& terms : present) fresh.Add(terms);
    ASSERT_EQ(Figures(walked), Figures(fresh));
  }
}

// Against plain counts, while the table grows and shrinks, with terms that lie side by side and all
// over.
TEST(TermStatisticsTest, CountsAsAMapDoes) {
  std::mt19937_64 random(newsprint::testing::Seed());
  TermStatistics statistics(&NewsAtLarge());
  std::map<uint32_t, int> counts;
  std::vector<Terms> present;
  const auto check = [&] {
    std::vector<uint32_t> terms = {Term("the"), Term("xyzzyplugh"), 0, ~0u};
    for (const auto& [term, count] : counts) terms.push_back(term);
    std::vector<float> idf(terms.size());
    statistics.Idf(terms, idf.data());
    for (size_t i = 0; i < terms.size(); ++i) {
      const double with_term = counts[terms[i]] + 1000.0 * NewsAtLarge().Share(terms[i]);
      const double all = static_cast<double>(present.size()) + 1000;
      ASSERT_NEAR(idf[i], std::log(std::max(1.0, all / with_term)), 1e-5);
      ASSERT_EQ(idf[i], statistics.Idf(terms[i]));
    }
  };
  for (int phase = 0; phase < 4; ++phase) {
    for (int step = 0; step < 300; ++step) {
      if (!present.empty() && random() % 4 < (phase % 2 == 0 ? 0u : 4u)) {
        std::swap(present[random() % present.size()], present.back());
        statistics.Remove(present.back());
        for (const WeightedTerm& term : present.back()) --counts[term.term];
        present.pop_back();
        continue;
      }
      std::map<uint32_t, float> weights;
      while (weights.size() < 40) {
        const uint64_t term = random() % 2 == 0 ? random() % 2000 : random();
        weights[static_cast<uint32_t>(term)] = 1;
      }
      present.emplace_back();
      for (const auto& [term, weight] : weights) present.back().push_back({term, weight});
      statistics.Add(present.back());
      for (const auto& [term, weight] : weights) ++counts[term];
    }
    check();
  }
}

}  // namespace
}  // namespace newsprint
