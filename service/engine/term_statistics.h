// How rare each term is in a collection, learned as articles arrive.
#ifndef NEWSPRINT_SERVICE_ENGINE_TERM_STATISTICS_H_
#define NEWSPRINT_SERVICE_ENGINE_TERM_STATISTICS_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
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
  explicit TermStatistics(const embed::GeneralTerms* general) : general_(general) {}

  void Add(absl::Span<const WeightedTerm> terms);
  // Of an article that was added before.
  void Remove(absl::Span<const WeightedTerm> terms);

  // Inverse document frequency, at least 0.
  float Idf(uint32_t term) const;
  // Weight x idf of each term, scaled to length 1; sorted by term. Empty where nothing is left.
  std::vector<WeightedTerm> Weigh(absl::Span<const WeightedTerm> terms) const;

  size_t memory_bytes() const { return articles_of_.capacity() * (2 * sizeof(uint32_t) + 1); }

 private:
  const embed::GeneralTerms* const general_;
  uint64_t articles_ = 0;
  absl::flat_hash_map<uint32_t, uint32_t> articles_of_;  // by term
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_TERM_STATISTICS_H_
