// How often an article has each of its words.
#ifndef NEWSPRINT_SERVICE_EMBED_TERM_COUNTS_H_
#define NEWSPRINT_SERVICE_EMBED_TERM_COUNTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "service/text/tokenizer.h"

namespace newsprint::embed {

// 32 bits of a token, by which terms are stored.
inline constexpr uint32_t TermOf(text::Token token) { return static_cast<uint32_t>(token >> 1); }

// The distinct words of an article with their counts. An object can be filled again and again, and
// keeps its memory. Not thread-safe.
class TermCounts {
 public:
  struct Term {
    text::Token token;
    uint32_t title;  // occurrences in the title,
    uint32_t lede;   // in the first tokens of the body,
    uint32_t rest;   // and behind these
  };

  // Replaces what was there. The lede is the first `lede_tokens` of the body.
  void Count(absl::Span<const text::Token> title, absl::Span<const text::Token> body,
             size_t lede_tokens);

  // In the order of their first occurrence, the title's first.
  absl::Span<const Term> terms() const { return terms_; }
  size_t lede_tokens() const { return lede_tokens_; }

 private:
  void Add(absl::Span<const text::Token> tokens, uint32_t Term::*count);

  size_t lede_tokens_ = 0;
  int shift_ = 0;                // leaves the bits that number a slot
  std::vector<uint32_t> slots_;  // one more than the term's place, 0 when empty
  std::vector<Term> terms_;
};

}  // namespace newsprint::embed

#endif  // NEWSPRINT_SERVICE_EMBED_TERM_COUNTS_H_
