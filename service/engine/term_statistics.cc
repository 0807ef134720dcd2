#include "service/engine/term_statistics.h"

#include <algorithm>
#include <cmath>

namespace newsprint {

void TermStatistics::Add(absl::Span<const WeightedTerm> terms) {
  ++articles_;
  for (const WeightedTerm& term : terms) ++articles_of_[term.term];
}

void TermStatistics::Remove(absl::Span<const WeightedTerm> terms) {
  --articles_;
  for (const WeightedTerm& term : terms) {
    const auto found = articles_of_.find(term.term);
    if (found != articles_of_.end() && --found->second == 0) articles_of_.erase(found);
  }
}

float TermStatistics::Idf(uint32_t term) const {
  const auto found = articles_of_.find(term);
  const double seen = found == articles_of_.end() ? 0 : found->second;
  const double with_term = seen + kPriorArticles * general_->Share(term);
  const double all = static_cast<double>(articles_) + kPriorArticles;
  return static_cast<float>(std::log(std::max(1.0, all / with_term)));
}

std::vector<WeightedTerm> TermStatistics::Weigh(absl::Span<const WeightedTerm> terms) const {
  std::vector<WeightedTerm> weighed;
  weighed.reserve(terms.size());
  double squares = 0;
  for (const WeightedTerm& term : terms) {
    const float weight = term.weight * Idf(term.term);
    if (weight == 0) continue;
    weighed.push_back({term.term, weight});
    squares += static_cast<double>(weight) * weight;
  }
  const float scale = squares == 0 ? 0 : static_cast<float>(1 / std::sqrt(squares));
  for (WeightedTerm& term : weighed) term.weight *= scale;
  return weighed;
}

}  // namespace newsprint
