// The words that say what an article is about, and how rare they are in news at large.
#ifndef NEWSPRINT_SERVICE_EMBED_HEAVY_TERMS_H_
#define NEWSPRINT_SERVICE_EMBED_HEAVY_TERMS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "service/common/types.h"
#include "service/embed/term_counts.h"
#include "service/text/tokenizer.h"

namespace newsprint::embed {

// How common words are in news: a built-in table of the commonest in several languages
// (general_terms.inc), and for rarer ones what the built-in model has seen. Immutable, so
// thread-safe.
class GeneralTerms {
 public:
  // Of words that are known to neither, and the least of any.
  static constexpr float kRareShare = 0.0001f;

  GeneralTerms();

  // Share of articles that have the term, in the language where it is commonest. 0 to 1.
  float Share(uint32_t term) const { return Find(term).share; }
  // -ln of that.
  float Idf(uint32_t term) const { return Find(term).idf; }
  // Fetches what Share() and Idf() will look at.
  void Prefetch(uint32_t term) const { __builtin_prefetch(&slots_[Home(term)]); }

 private:
  struct Slot {
    uint32_t term = 0;
    float share = 0;  // 0: empty
    float idf = 0;
  };

  size_t Home(uint32_t term) const { return term >> shift_; }
  const Slot& Find(uint32_t term) const {
    size_t at = Home(term);
    while (slots_[at].share != 0) {
      if (slots_[at].term == term) return slots_[at];
      at = (at + 1) & (slots_.size() - 1);
    }
    return rare_;
  }
  // Unless it is there.
  void Add(uint32_t term, float share);

  const Slot rare_;
  int shift_ = 0;  // terms are hashes: their topmost bits number a slot
  std::vector<Slot> slots_;
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
// The same for counts that were made with kLedeTokens.
std::vector<WeightedTerm> HeavyTerms(const TermCounts& counts, const GeneralTerms& general);

}  // namespace newsprint::embed

#endif  // NEWSPRINT_SERVICE_EMBED_HEAVY_TERMS_H_
