#include "service/engine/term_statistics.h"

#include <algorithm>
#include <cmath>

#include "service/common/secret.h"
#include "service/engine/story_kernels.h"

namespace newsprint {
namespace {

constexpr int kInitialBits = 10;
// Places that are fetched ahead of their use: most of a large table is in no cache.
constexpr size_t kAhead = 12;

}  // namespace

TermStatistics::TermStatistics(const embed::GeneralTerms* general)
    : general_(general),
      multiplier_(SecretNumber() | 1),
      shift_(64 - kInitialBits),
      counts_(size_t{1} << kInitialBits) {}

size_t TermStatistics::Place(uint32_t term) const {
  size_t place = Home(term);
  while (counts_[place].articles != 0 && counts_[place].term != term) place = Next(place);
  return place;
}

void TermStatistics::Add(absl::Span<const WeightedTerm> terms) {
  ++articles_;
  while (4 * (terms_ + terms.size()) > 3 * counts_.size()) Resize(65 - shift_);
  for (const WeightedTerm& term : terms) Prefetch(term.term);
  for (const WeightedTerm& term : terms) {
    Count& count = counts_[Place(term.term)];
    if (count.articles == 0) {
      count.term = term.term;
      count.prior = Prior(term.term);
      ++terms_;
    }
    ++count.articles;
  }
}

void TermStatistics::Remove(absl::Span<const WeightedTerm> terms) {
  --articles_;
  for (const WeightedTerm& term : terms) {
    const size_t place = Place(term.term);
    if (counts_[place].articles != 0 && --counts_[place].articles == 0) Free(place);
  }
  // It was three times as full when it last grew.
  if (8 * terms_ < counts_.size() && shift_ < 64 - kInitialBits) Resize(63 - shift_);
}

// Moves up what would no longer be found behind a free place.
void TermStatistics::Free(size_t place) {
  --terms_;
  for (size_t at = Next(place); counts_[at].articles != 0; at = Next(at)) {
    const size_t mask = counts_.size() - 1;
    const size_t from_home = (at - Home(counts_[at].term)) & mask;
    if (from_home < ((at - place) & mask)) continue;
    counts_[place] = counts_[at];
    place = at;
  }
  counts_[place] = Count();
}

void TermStatistics::Resize(int bits) {
  std::vector<Count> old(size_t{1} << bits);
  old.swap(counts_);
  shift_ = 64 - bits;
  for (const Count& count : old) {
    if (count.articles != 0) counts_[Place(count.term)] = count;
  }
}

void TermStatistics::Idf(absl::Span<const uint32_t> terms, float* idf) const {
  const float all = static_cast<float>(static_cast<double>(articles_) + kPriorArticles);
  for (size_t i = 0; i < std::min(kAhead, terms.size()); ++i) Prefetch(terms[i]);
  for (size_t i = 0; i < terms.size(); ++i) {
    if (i + kAhead < terms.size()) Prefetch(terms[i + kAhead]);
    const Count& count = counts_[Place(terms[i])];
    const float prior = count.articles != 0 ? count.prior : Prior(terms[i]);
    idf[i] = std::max(1.0f, all / (static_cast<float>(count.articles) + prior));
  }
  Logarithms(idf, terms.size());
}

float TermStatistics::Idf(uint32_t term) const {
  float idf;
  Idf({&term, 1}, &idf);
  return idf;
}

std::vector<WeightedTerm> TermStatistics::Weigh(absl::Span<const WeightedTerm> terms) const {
  std::vector<uint32_t> numbers;
  numbers.reserve(terms.size());
  for (const WeightedTerm& term : terms) numbers.push_back(term.term);
  std::vector<float> idf(terms.size());
  Idf(numbers, idf.data());
  std::vector<WeightedTerm> weighed;
  weighed.reserve(terms.size());
  double squares = 0;
  for (size_t i = 0; i < terms.size(); ++i) {
    const float weight = terms[i].weight * idf[i];
    if (weight == 0) continue;
    weighed.push_back({terms[i].term, weight});
    squares += static_cast<double>(weight) * weight;
  }
  const float scale = squares == 0 ? 0 : static_cast<float>(1 / std::sqrt(squares));
  for (WeightedTerm& term : weighed) term.weight *= scale;
  return weighed;
}

}  // namespace newsprint
