// How likely articles are of one story. Pure functions.
#ifndef NEWSPRINT_SERVICE_ENGINE_STORY_RANKING_H_
#define NEWSPRINT_SERVICE_ENGINE_STORY_RANKING_H_

#include <vector>

#include "absl/types/span.h"
#include "service/common/types.h"

namespace newsprint {

// What counts of an article here. Either part may be empty.
struct RankSubject {
  std::vector<WeightedTerm> terms;  // as TermStatistics::Weigh gives them: of length 1, sorted
  std::vector<float> vector;        // of length 1 or 0
};

// Nearness of subject of two articles, by each kind of evidence and by both.
struct PairNearness {
  double term_cosine = 0;    // 0 to 1; 0 where one has no terms
  double vector_cosine = 0;  // -1 to 1; 0 where one has no vector
  double similarity = 0;     // -1 to 1
};

PairNearness ComparePair(const RankSubject& a, const RankSubject& b);

// How likely two articles are of one story, 0 to 1, by their own similarity, and by the one that
// StoryRanking gives: logistic curves, fitted to labelled events (docs/decision.md).
double PairScore(double similarity);
double StoryScore(double similarity);

// Ranks articles against the first of them, the query, with what their neighbours tell: reports of
// one event share words with each other that no two of them need to share. Each article is taken
// together with its nearest neighbours among those given, as local query and document expansion do
// (X. Tao, X. Wang, Q. Mei, C. Zhai: Language Model Information Retrieval with Document Expansion,
// 2006).
class StoryRanking {
 public:
  // At least the query. No copies of one story, which would only speak for each other. O(n^2) in
  // time and memory for n articles.
  explicit StoryRanking(absl::Span<const RankSubject> articles);

  // Of each article with the query, expanded. [0] is 1.
  const std::vector<double>& similarities() const { return similarities_; }
  // Of two articles as they are, -1 to 1.
  float Similarity(size_t a, size_t b) const { return matrix_[a * size_ + b]; }

 private:
  void Expand();

  const size_t size_;
  std::vector<float> matrix_;  // size_ x size_
  std::vector<double> similarities_;
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_STORY_RANKING_H_
