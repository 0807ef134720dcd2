#include "service/embed/term_projection.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "service/common/hash.h"

namespace newsprint::embed {
namespace {

struct GeneralTerms {
  float idf;
  const char* words;  // each followed by a space
};

constexpr GeneralTerms kGeneralTerms[] = {
#include "service/embed/general_terms.inc"
};

// Of a word that is not in the table, as rarer words still differ in rarity: somewhat more than the
// table's last.
constexpr float kRareIdf = 6.0f;

// Adds weight * (the term's vector) to `vector`. Places and signs come from a stream of hashes of the
// term, one byte for a place and one bit for a sign.
void AddTerm(text::Token term, float weight, absl::Span<float> vector) {
  uint64_t state = Mix64(term);
  for (int done = 0; done < TermProjection::kNonZeros;) {
    state = Mix64(state + 0x9e3779b97f4a7c15ull);
    for (int byte = 0; byte < 7; ++byte, ++done) {
      if (done == TermProjection::kNonZeros) break;
      const float sign = (state >> (56 + byte)) & 1 ? weight : -weight;
      vector[(state >> (8 * byte)) & 0xff] += sign;
    }
  }
}
static_assert(TermProjection::kDimension == 256, "a place is one byte");

}  // namespace

TermProjection::TermProjection() {
  for (const GeneralTerms& terms : kGeneralTerms) {
    for (const absl::string_view word : absl::StrSplit(terms.words, ' ', absl::SkipEmpty())) {
      idf_.emplace(text::TokenOf(word), terms.idf);
    }
  }
}

void TermProjection::EmbedOne(const EmbedInput& input, absl::Span<float> vector) const {
  std::vector<text::Token> terms;
  terms.reserve(kTitleCount * input.title_tokens.size() + input.body_tokens.size() +
                kLedeTokens * (kLedeCount - 1));
  for (int i = 0; i < kTitleCount; ++i) {
    terms.insert(terms.end(), input.title_tokens.begin(), input.title_tokens.end());
  }
  const absl::Span<const text::Token> lede = input.body_tokens.subspan(0, kLedeTokens);
  for (int i = 1; i < kLedeCount; ++i) terms.insert(terms.end(), lede.begin(), lede.end());
  terms.insert(terms.end(), input.body_tokens.begin(), input.body_tokens.end());
  std::sort(terms.begin(), terms.end());

  std::fill(vector.begin(), vector.end(), 0.0f);
  for (size_t begin = 0, end; begin < terms.size(); begin = end) {
    end = begin;
    while (end < terms.size() && terms[end] == terms[begin]) ++end;
    const auto known = idf_.find(terms[begin]);
    const float idf = known == idf_.end() ? kRareIdf : known->second;
    AddTerm(terms[begin], (1 + std::log(static_cast<float>(end - begin))) * idf, vector);
  }
  float squares = 0;
  for (const float value : vector) squares += value * value;
  if (squares == 0) return;
  const float scale = 1 / std::sqrt(squares);
  for (float& value : vector) value *= scale;
}

absl::Status TermProjection::Embed(absl::Span<const EmbedInput> inputs,
                                   absl::Span<float> vectors) const {
  if (vectors.size() != inputs.size() * kDimension) {
    return absl::InternalError(absl::StrCat("term projection: output size, got ", vectors.size(),
                                            ", expected ", inputs.size() * kDimension));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    EmbedOne(inputs[i], vectors.subspan(i * kDimension, kDimension));
  }
  return absl::OkStatus();
}

}  // namespace newsprint::embed
