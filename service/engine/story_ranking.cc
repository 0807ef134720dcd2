#include "service/engine/story_ranking.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace newsprint {
namespace {

// Nearest neighbours that an article is taken together with, and how much they count together, each
// by its similarity: the share of a story's, less where their similarities add up to less than
// kNeighbourSum, so that articles that have nothing near them stay what they are.
constexpr size_t kNeighbours = 5;
constexpr float kNeighbourShare = 2;
constexpr float kNeighbourSum = 1.5f;
// How much the vectors count where both kinds of evidence are there.
constexpr double kVectorShare = 0.15;

// A logistic curve from similarity to probability.
struct Curve {
  double slope;
  double middle;  // similarity of probability 0.5
  double operator()(double similarity) const {
    return 1 / (1 + std::exp(-slope * (similarity - middle)));
  }
};
constexpr Curve kPairCurve{22.5, 0.288};
constexpr Curve kStoryCurve{10.9, 0.651};

double Combine(bool terms, double term_cosine, bool vectors, double vector_cosine) {
  if (!terms) return vector_cosine;
  if (!vectors) return term_cosine;
  return (1 - kVectorShare) * term_cosine + kVectorShare * vector_cosine;
}

bool HasVector(const RankSubject& subject) {
  return std::any_of(subject.vector.begin(), subject.vector.end(),
                     [](float value) { return value != 0; });
}

// In eight sums, which the compiler can keep in one register.
float Dot(absl::Span<const float> a, absl::Span<const float> b) {
  if (a.size() != b.size()) return 0;
  constexpr size_t kLanes = 8;
  float sums[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= a.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  float sum = 0;
  for (; i < a.size(); ++i) sum += a[i] * b[i];
  for (const float lane : sums) sum += lane;
  return std::clamp(sum, -1.0f, 1.0f);
}

// Adds the cosine of the terms of each pair to `matrix`, by going through the articles of each
// term.
void AddTermCosines(absl::Span<const RankSubject> articles, std::vector<float>* matrix) {
  struct Entry {
    uint32_t term;
    uint32_t article;
    float weight;
  };
  std::vector<Entry> entries;
  for (size_t i = 0; i < articles.size(); ++i) {
    for (const WeightedTerm& term : articles[i].terms) {
      entries.push_back({term.term, static_cast<uint32_t>(i), term.weight});
    }
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.term != b.term ? a.term < b.term : a.article < b.article;
  });
  for (size_t begin = 0, end; begin < entries.size(); begin = end) {
    for (end = begin; end < entries.size() && entries[end].term == entries[begin].term;) ++end;
    for (size_t a = begin; a < end; ++a) {
      float* row = matrix->data() + entries[a].article * articles.size();
      for (size_t b = a + 1; b < end; ++b)
        row[entries[b].article] += entries[a].weight * entries[b].weight;
    }
  }
}

}  // namespace

PairNearness ComparePair(const RankSubject& a, const RankSubject& b) {
  PairNearness nearness;
  for (auto at_a = a.terms.begin(), at_b = b.terms.begin();
       at_a != a.terms.end() && at_b != b.terms.end();) {
    if (at_a->term < at_b->term) {
      ++at_a;
    } else if (at_b->term < at_a->term) {
      ++at_b;
    } else {
      nearness.term_cosine += static_cast<double>(at_a->weight) * at_b->weight;
      ++at_a, ++at_b;
    }
  }
  nearness.term_cosine = std::min(nearness.term_cosine, 1.0);
  nearness.vector_cosine = Dot(a.vector, b.vector);
  nearness.similarity = Combine(!a.terms.empty() && !b.terms.empty(), nearness.term_cosine,
                                HasVector(a) && HasVector(b), nearness.vector_cosine);
  return nearness;
}

double PairScore(double similarity) { return kPairCurve(similarity); }

double StoryScore(double similarity) { return kStoryCurve(similarity); }

StoryRanking::StoryRanking(absl::Span<const RankSubject> articles)
    : size_(articles.size()), matrix_(size_ * size_), similarities_(size_) {
  AddTermCosines(articles, &matrix_);
  std::vector<char> has_vector;
  for (const RankSubject& article : articles) has_vector.push_back(HasVector(article));
  for (size_t i = 0; i < size_; ++i) {
    matrix_[i * size_ + i] = 1;
    for (size_t j = i + 1; j < size_; ++j) {
      const bool terms = !articles[i].terms.empty() && !articles[j].terms.empty();
      const bool vectors = has_vector[i] && has_vector[j];
      const double vector_cosine = vectors ? Dot(articles[i].vector, articles[j].vector) : 0;
      const double similarity = Combine(terms, matrix_[i * size_ + j], vectors, vector_cosine);
      matrix_[i * size_ + j] = matrix_[j * size_ + i] = static_cast<float>(similarity);
    }
  }
  Expand();
}

// With S the similarities and M the unit matrix plus the neighbours' weights, the expanded
// similarities are those of the sums that the rows of M describe: M S M', scaled to a diagonal of
// 1.
void StoryRanking::Expand() {
  using Part = std::pair<size_t, float>;  // article and weight
  std::vector<std::vector<Part>> rows(size_);
  for (size_t i = 0; i < size_; ++i) {
    std::vector<Part> near;
    for (size_t j = 0; j < size_; ++j) {
      if (j != i && Similarity(i, j) > 0) near.emplace_back(j, Similarity(i, j));
    }
    const size_t kept = std::min(kNeighbours, near.size());
    std::partial_sort(near.begin(), near.begin() + kept, near.end(),
                      [](const Part& a, const Part& b) {
                        return a.second != b.second ? a.second > b.second : a.first < b.first;
                      });
    near.resize(kept);
    float sum = 0;
    for (const Part& part : near) sum += part.second;
    for (Part& part : near) part.second *= kNeighbourShare / std::max(sum, kNeighbourSum);
    near.emplace_back(i, 1.0f);
    rows[i] = std::move(near);
  }
  const auto product = [&](const std::vector<Part>& a, const std::vector<Part>& b) {
    double sum = 0;
    for (const Part& of_a : a) {
      for (const Part& of_b : b) {
        sum += static_cast<double>(of_a.second) * of_b.second * Similarity(of_a.first, of_b.first);
      }
    }
    return sum;
  };
  for (size_t i = 0; i < size_; ++i) {
    const double squares = product(rows[i], rows[i]) * product(rows[0], rows[0]);
    similarities_[i] = squares > 0 ? product(rows[0], rows[i]) / std::sqrt(squares) : 0;
  }
}

}  // namespace newsprint
