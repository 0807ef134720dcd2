// The words that say what an article is about, and how rare they are in news at large.
#ifndef NEWSPRINT_SERVICE_EMBED_HEAVY_TERMS_H_
#define NEWSPRINT_SERVICE_EMBED_HEAVY_TERMS_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "service/common/types.h"
#include "service/text/tokenizer.h"

namespace newsprint::embed {

// 32 bits of a token, by which terms are stored.
inline constexpr uint32_t TermOf(text::Token token) { return static_cast<uint32_t>(token >> 1); }

// How common words are in news: a built-in table of the commonest in several languages
// (general_terms.inc), and for rarer ones what the built-in model has seen. Immutable, so
// thread-safe.
class GeneralTerms {
 public:
  // Of words that are known to neither, and the least of any.
  static constexpr float kRareShare = 0.0001f;

  GeneralTerms();

  // Share of articles that have the term, in the language where it is commonest. 0 to 1.
  float Share(uint32_t term) const {
    const auto known = share_.find(term);
    return known == share_.end() ? kRareShare : known->second;
  }

 private:
  absl::flat_hash_map<uint32_t, float> share_;
};

// Terms kept of an article.
inline constexpr size_t kHeavyTermsMax = 128;
// Least and greatest weight of a term.
inline constexpr float kTermWeightMin = 1;
inline constexpr float kTermWeightMax = 16;

// How often the words of title and lede count.
inline constexpr int kTitleCount = 2;
inline constexpr size_t kLedeTokens = 60;
inline constexpr int kLedeCount = 2;

// The heaviest terms of an article, by (1 + ln tf) x idf (G. Salton, C. Buckley: Term-weighting
// approaches in automatic text retrieval, 1988) with the general idf. Sorted by term; their weights
// are 1 + ln tf, the rest is for the collection to say, which knows better what is rare in it.
// Words that all articles have are left out.
std::vector<WeightedTerm> HeavyTerms(absl::Span<const text::Token> title,
                                     absl::Span<const text::Token> body,
                                     const GeneralTerms& general);

}  // namespace newsprint::embed

#endif  // NEWSPRINT_SERVICE_EMBED_HEAVY_TERMS_H_
