#include "service/engine/story_ranking.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>
#include <vector>

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
  const StoryRanking ranking({&query, 1});
  ASSERT_EQ(ranking.similarities().size(), 1u);
  EXPECT_NEAR(ranking.similarities()[0], 1, 1e-6);
  const RankSubject empty;
  EXPECT_NEAR(StoryRanking({&empty, 1}).similarities()[0], 1, 1e-6);
}

TEST(StoryRankingTest, EqualArticlesAreAsNearAsCanBe) {
  const RankSubject query = Subject({{1, 1.0f}, {2, 2.0f}}, {1, 0});
  const std::vector<RankSubject> subjects(4, query);
  const StoryRanking ranking(subjects);
  for (const double similarity : ranking.similarities()) EXPECT_NEAR(similarity, 1, 1e-5);
}

TEST(StoryRankingTest, NothingInCommonIsZero) {
  const std::vector<RankSubject> subjects = {Subject({{1, 1.0f}}, {1, 0, 0}),
                                             Subject({{2, 1.0f}}, {0, 1, 0}),
                                             Subject({{3, 1.0f}}, {0, 0, 1})};
  const StoryRanking ranking(subjects);
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
    const StoryRanking ranking(subjects);
    EXPECT_GT(ranking.similarities()[2], 0.5);
    EXPECT_LT(ranking.similarities()[1], 0.1);
  }
  const std::vector<RankSubject> subjects = {RankSubject(), far, near};
  const StoryRanking nothing(subjects);
  EXPECT_EQ(nothing.similarities()[1], 0);
  EXPECT_EQ(nothing.similarities()[2], 0);
}

// A report that shares no word with the query, but many with another one that does.
TEST(StoryRankingTest, NeighboursSpeakForAnArticle) {
  const std::vector<RankSubject> subjects = {
      Subject({{1, 1.0f}, {2, 1.0f}, {3, 1.0f}}, {}),
      Subject({{2, 1.0f}, {3, 1.0f}, {4, 1.0f}, {5, 1.0f}}, {}),
      Subject({{4, 1.0f}, {5, 1.0f}, {6, 1.0f}}, {}), Subject({{7, 1.0f}, {8, 1.0f}}, {})};
  const StoryRanking ranking(subjects);
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
    const StoryRanking ranking(subjects);
    ASSERT_NEAR(ranking.Similarity(0, 1), 0.1, 1e-5);
    EXPECT_LT(StoryScore(ranking.similarities()[1]), 0.2) << others << " others";
  }
}

TEST(StoryRankingPropertyTest, TheMatrixIsComparePair) {
  std::mt19937_64 random(newsprint::testing::Seed());
  for (int round = 0; round < 30; ++round) {
    const auto subjects = RandomSubjects(random, 1 + random() % 40, round % 2 == 0);
    const StoryRanking ranking(subjects);
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
    const StoryRanking ranking(subjects);
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

}  // namespace
}  // namespace newsprint
