#include "service/engine/story_ranking.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "service/common/hash.h"
#include "service/engine/term_statistics.h"
#include "tests/testing/articles.h"

namespace newsprint {
namespace {

// As story_ranking.cc has them.
constexpr size_t kNeighbours = 5;
constexpr double kNeighbourShare = 2;
constexpr double kNeighbourSum = 1.5;

RankSubject Subject(std::map<uint32_t, float> terms, std::vector<float> vector) {
  RankSubject subject;
  double squares = 0;
  for (const auto& [term, weight] : terms) squares += weight * weight;
  for (const auto& [term, weight] : terms) {
    subject.terms.push_back({term, static_cast<float>(weight / std::sqrt(squares))});
  }
  squares = 0;
  for (const float value : vector) squares += value * value;
  if (squares > 0) {
    for (float& value : vector) value = static_cast<float>(value / std::sqrt(squares));
  }
  subject.vector = std::move(vector);
  return subject;
}

// Some without terms, some without vector, some with a vector of zeros.
std::vector<RankSubject> RandomSubjects(std::mt19937_64& random, size_t count, bool complete) {
  std::normal_distribution<float> normal;
  std::vector<RankSubject> subjects;
  for (size_t i = 0; i < count; ++i) {
    std::map<uint32_t, float> terms;
    const uint64_t story = random() % 4;
    for (int k = 0; k < 20; ++k) {
      const uint64_t term = random() % 2 == 0 ? 1000 * story + random() % 30 : random() % 300;
      terms[static_cast<uint32_t>(term)] = 1.0f + static_cast<float>(random() % 100) / 10;
    }
    std::vector<float> vector(24);
    for (size_t k = 0; k < vector.size(); ++k) {
      vector[k] = normal(random) + (k == story ? 3.0f : 0.0f);
    }
    if (!complete && random() % 6 == 0) terms.clear();
    if (!complete && random() % 6 == 0) vector.assign(24, 0);
    if (!complete && random() % 6 == 0) vector.clear();
    subjects.push_back(Subject(std::move(terms), std::move(vector)));
  }
  return subjects;
}

// Ranks subjects by the weights that they have.
void Rank(const std::vector<RankSubject>& subjects, StoryRanking* ranking) {
  size_t dimension = 0;
  for (const RankSubject& subject : subjects) {
    dimension = std::max(dimension, subject.vector.size());
  }
  ranking->Reset(subjects.size(), dimension);
  for (size_t i = 0; i < subjects.size(); ++i) {
    ranking->AddTerms(i, subjects[i].terms);
    ranking->SetVector(i, subjects[i].vector);
  }
  ranking->Rank([](absl::Span<const uint32_t> terms, float* idf) {
    std::fill(idf, idf + terms.size(), 1.0f);
  });
}

StoryRanking Ranking(const std::vector<RankSubject>& subjects) {
  StoryRanking ranking;
  Rank(subjects, &ranking);
  return ranking;
}

// The same without what makes it fast: each pair by ComparePair, each step as the header's comment
// says it.
std::vector<double> PlainRanking(const std::vector<RankSubject>& subjects) {
  const size_t size = subjects.size();
  std::vector<std::vector<double>> similarities(size, std::vector<double>(size, 1.0));
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = 0; j < size; ++j) {
      if (i != j) similarities[i][j] = ComparePair(subjects[i], subjects[j]).similarity;
    }
  }
  using Part = std::pair<size_t, double>;  // article and weight
  std::vector<std::vector<Part>> rows(size);
  for (size_t i = 0; i < size; ++i) {
    std::vector<Part> near;
    for (size_t j = 0; j < size; ++j) {
      if (j != i && similarities[i][j] > 0) near.emplace_back(j, similarities[i][j]);
    }
    std::stable_sort(near.begin(), near.end(),
                     [](const Part& a, const Part& b) { return a.second > b.second; });
    near.resize(std::min(kNeighbours, near.size()));
    double sum = 0;
    for (const Part& part : near) sum += part.second;
    for (Part& part : near) part.second *= kNeighbourShare / std::max(sum, kNeighbourSum);
    near.emplace_back(i, 1.0);
    rows[i] = std::move(near);
  }
  const auto product = [&](const std::vector<Part>& a, const std::vector<Part>& b) {
    double sum = 0;
    for (const auto& [of_a, weight_a] : a) {
      for (const auto& [of_b, weight_b] : b) sum += weight_a * weight_b * similarities[of_a][of_b];
    }
    return sum;
  };
  std::vector<double> expanded;
  for (size_t i = 0; i < size; ++i) {
    const double squares = product(rows[i], rows[i]) * product(rows[0], rows[0]);
    expanded.push_back(squares > 0 ? product(rows[0], rows[i]) / std::sqrt(squares) : 0);
  }
  return expanded;
}

// M S M' of the header's comment, as whole matrices, scaled to a diagonal of 1; row 0.
std::vector<double> NaiveExpansion(const StoryRanking& ranking, size_t size) {
  using Matrix = std::vector<std::vector<double>>;
  Matrix s(size, std::vector<double>(size));
  Matrix m = s;
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = 0; j < size; ++j) s[i][j] = ranking.Similarity(i, j);
  }
  for (size_t i = 0; i < size; ++i) {
    std::vector<size_t> order(size);
    std::iota(order.begin(), order.end(), size_t{0});
    order.erase(order.begin() + i);
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return s[i][a] > s[i][b]; });
    double sum = 0;
    for (size_t k = 0; k < std::min(kNeighbours, order.size()); ++k) {
      sum += std::max(0.0, s[i][order[k]]);
    }
    for (size_t k = 0; k < std::min(kNeighbours, order.size()); ++k) {
      const double near = s[i][order[k]];
      if (near > 0) m[i][order[k]] = kNeighbourShare * near / std::max(sum, kNeighbourSum);
    }
    m[i][i] = 1;
  }
  const auto product = [&](size_t a, size_t b) {
    double sum = 0;
    for (size_t i = 0; i < size; ++i) {
      for (size_t j = 0; j < size; ++j) sum += m[a][i] * s[i][j] * m[b][j];
    }
    return sum;
  };
  std::vector<double> row(size);
  for (size_t i = 0; i < size; ++i) {
    const double squares = product(0, 0) * product(i, i);
    row[i] = squares > 0 ? product(0, i) / std::sqrt(squares) : 0;
  }
  return row;
}

TEST(PairScoreTest, GrowsFromZeroToOne) {
  double last = 0;
  for (double similarity = -1; similarity <= 1; similarity += 0.01) {
    const double score = PairScore(similarity);
    EXPECT_GT(score, last);
    EXPECT_LT(score, 1);
    last = score;
  }
  EXPECT_LT(PairScore(0), 0.1);
  EXPECT_GT(PairScore(1), 0.99);
}

TEST(ComparePairTest, AnArticleIsNearestToItself) {
  const RankSubject a = Subject({{1, 2.0f}, {5, 1.0f}}, {1, 2, 3});
  const PairNearness same = ComparePair(a, a);
  EXPECT_NEAR(same.term_cosine, 1, 1e-6);
  EXPECT_NEAR(same.vector_cosine, 1, 1e-6);
  EXPECT_NEAR(same.similarity, 1, 1e-6);
}

TEST(ComparePairTest, IsSymmetricAndInRange) {
  std::mt19937_64 random(newsprint::testing::Seed());
  const auto subjects = RandomSubjects(random, 40, /*complete=*/false);
  for (const RankSubject& a : subjects) {
    for (const RankSubject& b : subjects) {
      const PairNearness ab = ComparePair(a, b);
      const PairNearness ba = ComparePair(b, a);
      EXPECT_EQ(ab.term_cosine, ba.term_cosine);
      EXPECT_EQ(ab.vector_cosine, ba.vector_cosine);
      EXPECT_EQ(ab.similarity, ba.similarity);
      EXPECT_GE(ab.term_cosine, 0);
      EXPECT_LE(ab.term_cosine, 1);
      EXPECT_LE(std::abs(ab.vector_cosine), 1);
      EXPECT_LE(std::abs(ab.similarity), 1);
    }
  }
}

TEST(ComparePairTest, MissingEvidenceDoesNotCountAgainst) {
  const RankSubject both = Subject({{1, 1.0f}, {2, 1.0f}}, {1, 1, 0});
  const RankSubject only_terms = Subject({{1, 1.0f}}, {});
  const RankSubject only_vector = Subject({}, {1, 0, 0});
  const RankSubject zero_vector = Subject({{1, 1.0f}}, {0, 0, 0});
  EXPECT_NEAR(ComparePair(both, only_terms).similarity, std::sqrt(0.5), 1e-6);
  EXPECT_EQ(ComparePair(both, only_terms).vector_cosine, 0);
  EXPECT_NEAR(ComparePair(both, only_vector).similarity, std::sqrt(0.5), 1e-6);
  EXPECT_EQ(ComparePair(both, only_vector).term_cosine, 0);
  EXPECT_NEAR(ComparePair(both, zero_vector).similarity, std::sqrt(0.5), 1e-6);
  EXPECT_EQ(ComparePair(only_terms, only_vector).similarity, 0);
  EXPECT_EQ(ComparePair(RankSubject(), RankSubject()).similarity, 0);
  // Vectors of different lengths do not compare.
  EXPECT_EQ(ComparePair(Subject({}, {1, 0}), only_vector).vector_cosine, 0);
}

TEST(ComparePairTest, EitherKindOfEvidenceRaisesTheSimilarity) {
  const RankSubject query = Subject({{1, 1.0f}, {2, 1.0f}}, {1, 1, 0, 0});
  const double none = ComparePair(query, Subject({{3, 1.0f}}, {0, 0, 1, 0})).similarity;
  const double terms = ComparePair(query, Subject({{1, 1.0f}}, {0, 0, 1, 0})).similarity;
  const double vector = ComparePair(query, Subject({{3, 1.0f}}, {1, 0, 1, 0})).similarity;
  const double both = ComparePair(query, Subject({{1, 1.0f}}, {1, 0, 1, 0})).similarity;
  EXPECT_GT(terms, none);
  EXPECT_GT(vector, none);
  EXPECT_GT(both, terms);
  EXPECT_GT(both, vector);
}

TEST(StoryRankingTest, TheQueryAlone) {
  const RankSubject query = Subject({{1, 1.0f}}, {1, 0});
  const StoryRanking ranking = Ranking({query});
  ASSERT_EQ(ranking.similarities().size(), 1u);
  EXPECT_NEAR(ranking.similarities()[0], 1, 1e-6);
  const RankSubject empty;
  EXPECT_NEAR(Ranking({empty}).similarities()[0], 1, 1e-6);
}

TEST(StoryRankingTest, EqualArticlesAreAsNearAsCanBe) {
  const RankSubject query = Subject({{1, 1.0f}, {2, 2.0f}}, {1, 0});
  const std::vector<RankSubject> subjects(4, query);
  const StoryRanking ranking = Ranking(subjects);
  for (const double similarity : ranking.similarities()) EXPECT_NEAR(similarity, 1, 1e-5);
}

TEST(StoryRankingTest, NothingInCommonIsZero) {
  const std::vector<RankSubject> subjects = {Subject({{1, 1.0f}}, {1, 0, 0}),
                                             Subject({{2, 1.0f}}, {0, 1, 0}),
                                             Subject({{3, 1.0f}}, {0, 0, 1})};
  const StoryRanking ranking = Ranking(subjects);
  EXPECT_NEAR(ranking.similarities()[0], 1, 1e-6);
  EXPECT_EQ(ranking.similarities()[1], 0);
  EXPECT_EQ(ranking.similarities()[2], 0);
}

TEST(StoryRankingTest, AQueryWithoutTermsOrWithoutVectorIsRankedByTheOther) {
  const RankSubject near = Subject({{1, 1.0f}, {2, 1.0f}}, {1, 1, 0});
  const RankSubject far = Subject({{7, 1.0f}, {8, 1.0f}}, {0, 0, 1});
  for (const RankSubject& query :
       {Subject({}, {1, 0, 0}), Subject({{1, 1.0f}}, {}), Subject({{1, 1.0f}}, {0, 0, 0})}) {
    const std::vector<RankSubject> subjects = {query, far, near};
    const StoryRanking ranking = Ranking(subjects);
    EXPECT_GT(ranking.similarities()[2], 0.5);
    EXPECT_LT(ranking.similarities()[1], 0.1);
  }
  const std::vector<RankSubject> subjects = {RankSubject(), far, near};
  const StoryRanking nothing = Ranking(subjects);
  EXPECT_EQ(nothing.similarities()[1], 0);
  EXPECT_EQ(nothing.similarities()[2], 0);
}

// A report that shares no word with the query, but many with another one that does.
TEST(StoryRankingTest, NeighboursSpeakForAnArticle) {
  const std::vector<RankSubject> subjects = {
      Subject({{1, 1.0f}, {2, 1.0f}, {3, 1.0f}}, {}),
      Subject({{2, 1.0f}, {3, 1.0f}, {4, 1.0f}, {5, 1.0f}}, {}),
      Subject({{4, 1.0f}, {5, 1.0f}, {6, 1.0f}}, {}), Subject({{7, 1.0f}, {8, 1.0f}}, {})};
  const StoryRanking ranking = Ranking(subjects);
  EXPECT_EQ(ranking.Similarity(0, 2), 0);
  EXPECT_GT(ranking.similarities()[2], 0.2);
  EXPECT_GT(ranking.similarities()[1], ranking.similarities()[2]);
  EXPECT_EQ(ranking.similarities()[3], 0);
}

// In a small collection the nearest neighbours are not near. They must not make of two articles
// that share a common word a story.
TEST(StoryRankingTest, DistantNeighboursSayLittle) {
  for (size_t others = 1; others <= 4; ++others) {
    std::vector<RankSubject> subjects;
    for (uint32_t i = 0; i <= others; ++i) {
      // Each has one term of ten in common with all.
      std::map<uint32_t, float> terms = {{0, 1.0f}};
      for (uint32_t k = 1; k < 10; ++k) terms[100 * i + k] = 1.0f;
      subjects.push_back(Subject(std::move(terms), {}));
    }
    const StoryRanking ranking = Ranking(subjects);
    ASSERT_NEAR(ranking.Similarity(0, 1), 0.1, 1e-5);
    EXPECT_LT(StoryScore(ranking.similarities()[1]), 0.2) << others << " others";
  }
}

TEST(StoryRankingPropertyTest, TheMatrixIsComparePair) {
  std::mt19937_64 random(newsprint::testing::Seed());
  for (int round = 0; round < 30; ++round) {
    const auto subjects = RandomSubjects(random, 1 + random() % 40, round % 2 == 0);
    const StoryRanking ranking = Ranking(subjects);
    for (size_t i = 0; i < subjects.size(); ++i) {
      EXPECT_EQ(ranking.Similarity(i, i), 1);
      for (size_t j = 0; j < subjects.size(); ++j) {
        if (i == j) continue;
        ASSERT_NEAR(ranking.Similarity(i, j), ComparePair(subjects[i], subjects[j]).similarity,
                    1e-5);
      }
    }
  }
}

TEST(StoryRankingPropertyTest, TheExpansionIsTheMatrixProduct) {
  std::mt19937_64 random(newsprint::testing::Seed());
  for (int round = 0; round < 60; ++round) {
    const auto subjects = RandomSubjects(random, 1 + random() % 30, round % 2 == 0);
    const StoryRanking ranking = Ranking(subjects);
    const std::vector<double> naive = NaiveExpansion(ranking, subjects.size());
    for (size_t i = 0; i < subjects.size(); ++i) {
      ASSERT_NEAR(ranking.similarities()[i], naive[i], 1e-5) << "round " << round << ", " << i;
      ASSERT_TRUE(std::isfinite(ranking.similarities()[i]));
      if (round % 2 == 0) {
        ASSERT_LE(std::abs(ranking.similarities()[i]), 1 + 1e-5);
      }
    }
  }
}

// Stored terms of articles in stories: some of a story, some of all articles, some of one. The low
// bits of some terms are those of others, as may happen to hashes.
std::vector<std::vector<WeightedTerm>> RandomTermLists(std::mt19937_64& random, size_t count) {
  std::vector<std::vector<WeightedTerm>> lists;
  const uint64_t stories = 1 + random() % 8;
  for (size_t i = 0; i < count; ++i) {
    std::map<uint32_t, float> weights;
    const uint64_t story = random() % stories;
    for (uint64_t terms = random() % 128; terms > 0; --terms) {
      const uint64_t kind = random() % 3;
      uint64_t term = kind == 0   ? Mix64(story * 100 + random() % 100)
                      : kind == 1 ? Mix64(1'000'000 + random() % 30)
                                  : random() % 100'000;
      if (random() % 8 == 0) term = (term & 0x3ffff) | (random() % 4) << 30;
      weights[static_cast<uint32_t>(term)] = 1.0f + static_cast<float>(random() % 64) / 16;
    }
    lists.emplace_back();
    for (const auto& [term, weight] : weights) lists.back().push_back({term, weight});
  }
  return lists;
}

TEST(StoryRankingPropertyTest, IsThePlainRanking) {
  std::mt19937_64 random(newsprint::testing::Seed());
  const embed::GeneralTerms general;
  StoryRanking ranking;
  for (int round = 0; round < 40; ++round) {
    const size_t count = round == 0 ? 401 : 1 + random() % (round % 4 == 0 ? 220 : 40);
    const size_t dimension = 1 + random() % 300;
    const auto lists = RandomTermLists(random, count);
    TermStatistics statistics(&general);
    for (const auto& terms : lists) statistics.Add(terms);
    std::normal_distribution<float> normal;
    std::vector<RankSubject> subjects;
    ranking.Reset(count, dimension);
    for (size_t i = 0; i < count; ++i) {
      std::vector<float> vector(dimension);
      for (float& value : vector) value = normal(random);
      if (random() % 8 == 0) vector.assign(dimension, 0);
      subjects.push_back(Subject({}, std::move(vector)));
      subjects.back().terms = statistics.Weigh(lists[i]);
      ranking.AddTerms(i, lists[i]);
      if (random() % 8 == 0) {
        subjects.back().vector.clear();
      } else {
        ranking.SetVector(i, subjects.back().vector);
      }
    }
    ranking.Rank([&](absl::Span<const uint32_t> terms, float* idf) {
      EXPECT_EQ(std::set<uint32_t>(terms.begin(), terms.end()).size(), terms.size());
      statistics.Idf(terms, idf);
    });
    const std::vector<double> plain = PlainRanking(subjects);
    for (size_t i = 0; i < count; ++i) {
      ASSERT_NEAR(ranking.similarities()[i], plain[i], 1e-5) << "round " << round << ", " << i;
      const size_t other = random() % count;
      if (i == other) continue;
      ASSERT_NEAR(ranking.Similarity(i, other),
                  ComparePair(subjects[i], subjects[other]).similarity, 1e-5);
    }
  }
}

// A client may choose the terms of its fingerprints.
TEST(StoryRankingTest, TermsThatAgreeInTheirLowBits) {
  std::vector<RankSubject> subjects;
  for (uint32_t i = 0; i < 60; ++i) {
    std::map<uint32_t, float> terms;
    for (uint32_t k = 0; k < 100; ++k) terms[((i + 61 * k) % 997) << 20 | 7] = 1.0f;
    subjects.push_back(Subject(std::move(terms), {}));
  }
  const StoryRanking ranking = Ranking(subjects);
  const std::vector<double> plain = PlainRanking(subjects);
  for (size_t i = 0; i < subjects.size(); ++i) {
    EXPECT_NEAR(ranking.similarities()[i], plain[i], 1e-5);
  }
}

TEST(StoryRankingTest, AVectorOfAnotherDimensionIsLikeNone) {
  StoryRanking ranking;
  ranking.Reset(3, 2);
  for (size_t i = 0; i < 3; ++i) ranking.AddTerms(i, std::vector<WeightedTerm>{{1, 1.0f}});
  ranking.SetVector(0, std::vector<float>{1, 0});
  ranking.SetVector(1, std::vector<float>{1, 0, 0});
  ranking.SetVector(2, std::vector<float>{1, 0});
  ranking.Rank([](absl::Span<const uint32_t>, float* idf) { *idf = 1; });
  EXPECT_NEAR(ranking.Similarity(0, 1), 0.85, 1e-6);
  EXPECT_NEAR(ranking.Similarity(0, 2), 1, 1e-6);
}

}  // namespace
}  // namespace newsprint
