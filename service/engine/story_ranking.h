// How likely articles are of one story.
#ifndef NEWSPRINT_SERVICE_ENGINE_STORY_RANKING_H_
#define NEWSPRINT_SERVICE_ENGINE_STORY_RANKING_H_

#include <array>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "service/common/types.h"
#include "service/engine/story_kernels.h"

namespace newsprint {

// What counts of one of two articles. Either part may be empty.
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
//
// Order of calls: Reset, then terms and vectors, Rank, then the results. One object serves any
// number of rankings, one after another, in the same memory: about 1 MB for 200 articles of 256
// dimensions. Not thread-safe.
class StoryRanking {
 public:
  // Writes the inverse document frequency of each term, at least 0, to `idf`.
  using IdfFunction = absl::FunctionRef<void(absl::Span<const uint32_t> terms, float* idf)>;

  // Begins anew, with the query and more articles, `articles` in all, that have neither terms nor
  // vectors yet. No copies of one story, which would only speak for each other. O(n^2) in time and
  // memory for n articles.
  void Reset(size_t articles, size_t dimension);
  // The terms of an article as it is stored, each of them once. Later articles come later.
  void AddTerms(size_t article, absl::Span<const WeightedTerm> terms);
  // Of length 1, or zeros. One of another dimension is like none of the others.
  void SetVector(size_t article, absl::Span<const float> vector);
  // Asks `idf` once, for all terms.
  void Rank(IdfFunction idf);

  size_t size() const { return size_; }
  // Of each article with the query, expanded. [0] is 1.
  const std::vector<double>& similarities() const { return expanded_; }
  // Of two articles as they are, -1 to 1: PairNearness::similarity.
  float Similarity(size_t a, size_t b) const {
    if (a == b) return 1;
    return a < b ? similarities_[a * stride_ + b] : similarities_[b * stride_ + a];
  }

 private:
  static constexpr size_t kNeighbours = 5;
  // The nearest other articles of one, best first, and what they count.
  struct Neighbours {
    size_t count = 0;
    std::array<uint32_t, kNeighbours> articles;
    std::array<float, kNeighbours> weights;
  };

  void SortTerms();
  void WeighTerms(IdfFunction idf);
  void MultiplyTerms();
  void Combine();
  void FindNeighbours();
  void Expand();

  size_t size_ = 0;
  size_t stride_ = 0;     // of the matrices
  size_t dimension_ = 0;  // of `vectors_`, padded
  size_t given_dimension_ = 0;
  size_t entries_ = 0;
  std::vector<ArticleTerm> terms_;  // `entries_` of them, and room for more
  std::vector<ArticleTerm> sorted_;
  std::vector<uint32_t> distinct_terms_;
  std::vector<uint32_t> term_ends_;          // in `terms_`, by place in `distinct_terms_`
  std::vector<uint32_t> terms_by_articles_;  // places in `distinct_terms_`
  std::vector<float> idf_;
  std::vector<float> vectors_;  // rows
  std::vector<char> has_vector_;
  std::vector<float> row_;
  std::vector<float> inverse_lengths_;  // of the terms of each article; 0: it has none
  // Above the diagonal: products of terms, then similarities.
  std::vector<float> similarities_;
  std::vector<float> vector_products_;
  std::vector<Neighbours> neighbours_;
  std::vector<double> expanded_;
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_STORY_RANKING_H_
