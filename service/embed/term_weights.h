// Which words of an article say what it is about, and how much.
#ifndef NEWSPRINT_SERVICE_EMBED_TERM_WEIGHTS_H_
#define NEWSPRINT_SERVICE_EMBED_TERM_WEIGHTS_H_

#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "service/common/types.h"
#include "service/text/tokenizer.h"

namespace newsprint::embed {

// A term and its weight in an article, not scaled.
using TermWeight = std::pair<text::Token, float>;

// The weight of a term is (1 + ln tf) * idf (G. Salton, C. Buckley: Term-weighting approaches in
// automatic text retrieval, 1988), with the words of title and lede counted `kTitleCount` and
// `kLedeCount` times, and idf from a built-in table of common words (general_terms.inc).
// Immutable, so thread-safe.
class TermWeights {
 public:
  static constexpr int kTitleCount = 2;
  static constexpr int kLedeTokens = 60;
  static constexpr int kLedeCount = 2;

  TermWeights();

  // Each distinct term once, in the order of their tokens; terms of weight 0 are left out.
  std::vector<TermWeight> Weigh(absl::Span<const text::Token> title,
                                absl::Span<const text::Token> body) const;

 private:
  absl::flat_hash_map<text::Token, float> idf_;  // of common words
};

// Terms kept of an article.
inline constexpr size_t kHeavyTermsMax = 128;

// The heaviest terms as a vector of length 1, sorted by term. Empty for no terms.
std::vector<WeightedTerm> HeavyTerms(std::vector<TermWeight> weights);

// Dot product of two such vectors: their cosine, 0 to 1.
double TermCosine(absl::Span<const WeightedTerm> a, absl::Span<const WeightedTerm> b);

}  // namespace newsprint::embed

#endif  // NEWSPRINT_SERVICE_EMBED_TERM_WEIGHTS_H_
