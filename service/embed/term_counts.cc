#include "service/embed/term_counts.h"

#include "service/common/secret.h"

namespace newsprint::embed {
namespace {

// Multiplies a word's token to find its slot (M. Dietzfelbinger and others: A Reliable Randomized
// Algorithm for the Closest-Pair Problem, 1997).
uint64_t Multiplier() {
  static const uint64_t multiplier = SecretNumber() | 1;
  return multiplier;
}

}  // namespace

void TermCounts::Count(absl::Span<const text::Token> title, absl::Span<const text::Token> body,
                       size_t lede_tokens) {
  const size_t tokens = title.size() + body.size();
  int bits = 6;
  while ((size_t{1} << bits) < 2 * tokens) ++bits;
  shift_ = 64 - bits;
  slots_.assign(size_t{1} << bits, 0);
  terms_.clear();
  terms_.reserve(tokens);
  lede_tokens_ = lede_tokens;
  const auto lede = body.subspan(0, lede_tokens);
  Add(title, &Term::title);
  Add(lede, &Term::lede);
  Add(body.subspan(lede.size()), &Term::rest);
}

void TermCounts::Add(absl::Span<const text::Token> tokens, uint32_t Term::*count) {
  const uint64_t multiplier = Multiplier();
  const size_t mask = slots_.size() - 1;
  for (const text::Token token : tokens) {
    size_t slot = token * multiplier >> shift_;
    while (slots_[slot] != 0 && terms_[slots_[slot] - 1].token != token) slot = (slot + 1) & mask;
    if (slots_[slot] == 0) {
      terms_.push_back({token, 0, 0, 0});
      slots_[slot] = static_cast<uint32_t>(terms_.size());
    }
    ++(terms_[slots_[slot] - 1].*count);
  }
}

}  // namespace newsprint::embed
