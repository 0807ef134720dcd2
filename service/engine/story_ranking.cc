#include "service/engine/story_ranking.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace newsprint {
namespace {

// How much its nearest neighbours count together that an article is taken together with, each by
// its similarity: the share of a story's, less where their similarities add up to less than
// kNeighbourSum, so that articles that have nothing near them stay what they are.
constexpr float kNeighbourShare = 2;
constexpr float kNeighbourSum = 1.5f;
// How much the vectors count where both kinds of evidence are there.
constexpr double kVectorShare = 0.15;
// Articles with one term from which whole rows are added at a time.
constexpr uint32_t kManyArticles = 12;

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

bool HasVector(absl::Span<const float> vector) {
  return std::any_of(vector.begin(), vector.end(), [](float value) { return value != 0; });
}

size_t RoundUp(size_t count) { return (count + kRowStep - 1) / kRowStep * kRowStep; }

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
                                HasVector(a.vector) && HasVector(b.vector), nearness.vector_cosine);
  return nearness;
}

double PairScore(double similarity) { return kPairCurve(similarity); }

double StoryScore(double similarity) { return kStoryCurve(similarity); }

void StoryRanking::Reset(size_t articles, size_t dimension) {
  size_ = articles;
  stride_ = RoundUp(articles);
  given_dimension_ = dimension;
  dimension_ = RoundUp(dimension);
  entries_ = 0;
  if (terms_.empty()) terms_.resize(1);
  vectors_.assign(stride_ * dimension_, 0.0f);
  has_vector_.assign(size_, false);
}

void StoryRanking::AddTerms(size_t article, absl::Span<const WeightedTerm> terms) {
  const size_t room = entries_ + terms.size() + 1;
  if (room > terms_.size()) terms_.resize(2 * room);
  ArticleTerm* to = terms_.data() + entries_;
  for (const WeightedTerm& term : terms) {
    *to++ = {term.term, static_cast<uint32_t>(article), term.weight};
  }
  entries_ += terms.size();
}

void StoryRanking::SetVector(size_t article, absl::Span<const float> vector) {
  has_vector_[article] = HasVector(vector);
  if (vector.size() != given_dimension_) return;
  std::copy(vector.begin(), vector.end(), vectors_.begin() + article * dimension_);
}

void StoryRanking::Rank(IdfFunction idf) {
  SortTerms();
  WeighTerms(idf);
  MultiplyTerms();
  vector_products_.resize(stride_ * stride_);
  VectorProducts(vectors_.data(), (size_ + 3) / 4 * 4, dimension_, stride_,
                 vector_products_.data());
  Combine();
  FindNeighbours();
  Expand();
}

// Puts the entries of one term together, in the order of the articles. Terms are hashes: two rounds
// of counting sort by some of their bits leave few that are not where they belong.
void StoryRanking::SortTerms() {
  constexpr int kDigitBits = 9;
  constexpr uint32_t kDigitMask = (1u << kDigitBits) - 1;
  constexpr uint32_t kSortedMask = (1u << 2 * kDigitBits) - 1;
  std::array<uint32_t, kDigitMask + 1> low_counts{}, high_counts{};
  const absl::Span<ArticleTerm> terms(terms_.data(), entries_);
  for (const ArticleTerm& term : terms) {
    ++low_counts[term.term & kDigitMask];
    ++high_counts[term.term >> kDigitBits & kDigitMask];
  }
  uint32_t low_sum = 0, high_sum = 0;
  for (size_t digit = 0; digit <= kDigitMask; ++digit) {
    low_sum += std::exchange(low_counts[digit], low_sum);
    high_sum += std::exchange(high_counts[digit], high_sum);
  }
  sorted_.resize(terms_.size());
  for (const ArticleTerm& term : terms) sorted_[low_counts[term.term & kDigitMask]++] = term;
  for (const ArticleTerm& term : absl::MakeConstSpan(sorted_.data(), entries_)) {
    terms[high_counts[term.term >> kDigitBits & kDigitMask]++] = term;
  }
  const auto same_bits = [](const ArticleTerm& a, const ArticleTerm& b) {
    return ((a.term ^ b.term) & kSortedMask) == 0;
  };
  for (size_t i = 1; i < terms.size(); ++i) {
    if (terms[i - 1].term <= terms[i].term || !same_bits(terms[i - 1], terms[i])) continue;
    size_t begin = i, end = i + 1;
    while (begin > 0 && same_bits(terms[begin - 1], terms[i])) --begin;
    while (end < terms.size() && same_bits(terms[end], terms[i])) ++end;
    std::sort(terms.begin() + begin, terms.begin() + end,
              [](const ArticleTerm& a, const ArticleTerm& b) {
                return a.term != b.term ? a.term < b.term : a.article < b.article;
              });
  }
}

// How many entries each term has is hard to foresee, so what comes once for each entry does without
// branches that depend on it.
void StoryRanking::WeighTerms(IdfFunction idf) {
  terms_[entries_].term = entries_ == 0 ? 0 : ~terms_[entries_ - 1].term;  // ends the last term
  distinct_terms_.resize(entries_ + 1);
  term_ends_.resize(entries_ + 1);
  size_t distinct = 0;
  for (size_t i = 0; i < entries_; ++i) {
    distinct_terms_[distinct] = terms_[i].term;
    term_ends_[distinct] = static_cast<uint32_t>(i + 1);
    distinct += terms_[i].term != terms_[i + 1].term ? 1 : 0;
  }
  distinct_terms_.resize(distinct);
  term_ends_.resize(distinct);
  idf_.resize(distinct + 1);
  idf(distinct_terms_, idf_.data());
  inverse_lengths_.assign(stride_, 0.0f);
  for (size_t i = 0, term = 0; i < entries_; ++i) {
    const float weight = terms_[i].weight * idf_[term];
    terms_[i].weight = weight;
    inverse_lengths_[terms_[i].article] += weight * weight;
    term += terms_[i].term != terms_[i + 1].term ? 1 : 0;
  }
  for (float& length : inverse_lengths_) length = length > 0 ? 1 / std::sqrt(length) : 0;
}

// Goes through the articles of each term; terms of as many articles one after the other, for the
// sake of branch prediction.
void StoryRanking::MultiplyTerms() {
  std::array<uint32_t, kManyArticles + 1> counts{};
  const auto articles = [this](size_t term) {
    return term_ends_[term] - (term == 0 ? 0 : term_ends_[term - 1]);
  };
  for (size_t term = 0; term < term_ends_.size(); ++term) {
    ++counts[std::min(articles(term), kManyArticles)];
  }
  uint32_t sum = 0;
  for (uint32_t& count : counts) sum += std::exchange(count, sum);
  terms_by_articles_.resize(term_ends_.size());
  for (size_t term = 0; term < term_ends_.size(); ++term) {
    terms_by_articles_[counts[std::min(articles(term), kManyArticles)]++] =
        static_cast<uint32_t>(term);
  }
  similarities_.assign(size_ * stride_, 0.0f);
  row_.assign(stride_, 0.0f);
  // The counts are now where those of one article more begin.
  for (size_t i = counts[1]; i < terms_by_articles_.size(); ++i) {
    const size_t term = terms_by_articles_[i];
    const size_t count = articles(term);
    const ArticleTerm* const end = terms_.data() + term_ends_[term];
    if (count >= kManyArticles) {
      AddTermProducts(end - count, count, stride_, row_.data(), similarities_.data());
      continue;
    }
    for (const ArticleTerm* a = end - count; a != end; ++a) {
      float* products = similarities_.data() + a->article * stride_;
      for (const ArticleTerm* b = a + 1; b != end; ++b) {
        products[b->article] += a->weight * b->weight;
      }
    }
  }
}

// With ComparePair's formula: what is missing of an article gives products of 0, and the other kind
// of evidence counts in full.
void StoryRanking::Combine() {
  constexpr float kTerms = static_cast<float>(1 - kVectorShare);
  constexpr float kVectors = static_cast<float>(kVectorShare);
  // With an article that has the other kind of evidence as well, and with one that has not.
  std::vector<float> term_scales(2 * stride_), vector_scales(2 * stride_);
  for (size_t i = 0; i < size_; ++i) {
    const float length = inverse_lengths_[i];
    term_scales[i] = has_vector_[i] ? kTerms * length : length;
    term_scales[stride_ + i] = length;
    vector_scales[i] = length > 0 ? kVectors : 1;
    vector_scales[stride_ + i] = 1;
  }
  for (size_t i = 0; i < size_; ++i) {
    const size_t begin = i / kRowStep * kRowStep;
    const float length = inverse_lengths_[i];
    CombineRows(term_scales.data() + (has_vector_[i] ? 0 : stride_) + begin,
                vector_scales.data() + (length > 0 ? 0 : stride_) + begin,
                vector_products_.data() + i * stride_ + begin, length, stride_ - begin,
                similarities_.data() + i * stride_ + begin);
  }
}

void StoryRanking::FindNeighbours() {
  neighbours_.assign(size_, Neighbours());
  row_.assign(stride_, 0.0f);  // what an article must exceed to be among the nearest
  const auto add = [&](size_t article, size_t neighbour, float similarity) {
    Neighbours& nearest = neighbours_[article];
    size_t place = nearest.count < kNeighbours ? nearest.count++ : kNeighbours - 1;
    // Of equal ones the first stays before.
    for (; place > 0 && nearest.weights[place - 1] < similarity; --place) {
      nearest.weights[place] = nearest.weights[place - 1];
      nearest.articles[place] = nearest.articles[place - 1];
    }
    nearest.weights[place] = similarity;
    nearest.articles[place] = static_cast<uint32_t>(neighbour);
    if (nearest.count == kNeighbours) row_[article] = nearest.weights[kNeighbours - 1];
  };
  for (size_t i = 0; i < size_; ++i) {
    const float* similarities = similarities_.data() + i * stride_;
    for (size_t j = i + 1; j < size_; ++j) {
      if (similarities[j] > row_[i]) add(i, j, similarities[j]);
      if (similarities[j] > row_[j]) add(j, i, similarities[j]);
    }
  }
  for (Neighbours& nearest : neighbours_) {
    float sum = 0;
    for (size_t k = 0; k < nearest.count; ++k) sum += nearest.weights[k];
    for (size_t k = 0; k < nearest.count; ++k) {
      nearest.weights[k] *= kNeighbourShare / std::max(sum, kNeighbourSum);
    }
  }
}

// With S the similarities and M the unit matrix plus the neighbours' weights, the expanded
// similarities are those of the sums that the rows of M describe: M S M', scaled to a diagonal of
// 1.
void StoryRanking::Expand() {
  // The row of M S that belongs to the query.
  std::vector<double> of_query(size_);
  const auto add_row = [&](size_t article, double weight) {
    for (size_t j = 0; j < size_; ++j) of_query[j] += weight * Similarity(article, j);
  };
  add_row(0, 1);
  for (size_t k = 0; k < neighbours_[0].count; ++k) {
    add_row(neighbours_[0].articles[k], neighbours_[0].weights[k]);
  }
  expanded_.resize(size_);
  std::vector<double> squares(size_);
  for (size_t i = 0; i < size_; ++i) {
    const Neighbours& nearest = neighbours_[i];
    double product = of_query[i];
    double square = 1;
    for (size_t a = 0; a < nearest.count; ++a) {
      const double weight = nearest.weights[a];
      product += weight * of_query[nearest.articles[a]];
      double others = weight / 2 + Similarity(i, nearest.articles[a]);
      for (size_t b = a + 1; b < nearest.count; ++b) {
        others += nearest.weights[b] * Similarity(nearest.articles[a], nearest.articles[b]);
      }
      square += 2 * weight * others;
    }
    expanded_[i] = product;
    squares[i] = square;
  }
  const double query_square = squares[0];
  for (size_t i = 0; i < size_; ++i) {
    const double both = squares[i] * query_square;
    expanded_[i] = both > 0 ? expanded_[i] / std::sqrt(both) : 0;
  }
}

}  // namespace newsprint
