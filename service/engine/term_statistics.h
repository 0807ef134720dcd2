// How rare each term is in a collection, learned as articles arrive.
#ifndef NEWSPRINT_SERVICE_ENGINE_TERM_STATISTICS_H_
#define NEWSPRINT_SERVICE_ENGINE_TERM_STATISTICS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "service/common/types.h"
#include "service/embed/heavy_terms.h"

namespace newsprint {

// Document frequencies over the heavy terms of the articles that were added, with news at large as
// prior: as if kPriorArticles articles with the general frequencies had come first. The same set of
// articles gives the same figures, in whatever order they come. Not thread-safe for writing.
class TermStatistics {
 public:
  static constexpr double kPriorArticles = 1'000;

  // `general` must outlive it.
  explicit TermStatistics(const embed::GeneralTerms* general);

  void Add(absl::Span<const WeightedTerm> terms);
  // Of an article that was added before.
  void Remove(absl::Span<const WeightedTerm> terms);

  // Writes the inverse document frequency of each term, at least 0, to `idf`, which has room for as
  // many.
  void Idf(absl::Span<const uint32_t> terms, float* idf) const;
  float Idf(uint32_t term) const;
  // Weight x idf of each term, scaled to length 1; sorted by term. Empty where nothing is left.
  std::vector<WeightedTerm> Weigh(absl::Span<const WeightedTerm> terms) const;

  size_t memory_bytes() const { return counts_.capacity() * sizeof(Count); }

 private:
  struct Count {
    uint32_t term = 0;
    uint32_t articles = 0;  // 0: a free place
    float prior = 0;        // articles that are counted as if they had come first
  };

  float Prior(uint32_t term) const {
    return static_cast<float>(kPriorArticles) * general_->Share(term);
  }
  // Where the search for a term begins.
  size_t Home(uint32_t term) const { return static_cast<size_t>((term * multiplier_) >> shift_); }
  size_t Next(size_t place) const { return (place + 1) & (counts_.size() - 1); }
  // The place of a term, or the free one where it belongs.
  size_t Place(uint32_t term) const;
  void Prefetch(uint32_t term) const { __builtin_prefetch(&counts_[Home(term)]); }
  void Free(size_t place);
  // To a table of 2^`bits` places.
  void Resize(int bits);

  const embed::GeneralTerms* const general_;
  // Odd, and nobody outside knows it, who could otherwise send terms that all begin at one place.
  const uint64_t multiplier_;
  uint64_t articles_ = 0;
  size_t terms_ = 0;
  int shift_;                  // 64 - log2 of the table's size
  std::vector<Count> counts_;  // open addressing, linear probing; a power of two
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_TERM_STATISTICS_H_
