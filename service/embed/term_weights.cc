#include "service/embed/term_weights.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_split.h"

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

}  // namespace

TermWeights::TermWeights() {
  for (const GeneralTerms& terms : kGeneralTerms) {
    for (const absl::string_view word : absl::StrSplit(terms.words, ' ', absl::SkipEmpty())) {
      idf_.emplace(text::TokenOf(word), terms.idf);
    }
  }
}

std::vector<TermWeight> TermWeights::Weigh(absl::Span<const text::Token> title,
                                           absl::Span<const text::Token> body) const {
  const absl::Span<const text::Token> lede = body.subspan(0, kLedeTokens);
  std::vector<text::Token> terms;
  terms.reserve(kTitleCount * title.size() + (kLedeCount - 1) * lede.size() + body.size());
  for (int i = 0; i < kTitleCount; ++i) terms.insert(terms.end(), title.begin(), title.end());
  for (int i = 1; i < kLedeCount; ++i) terms.insert(terms.end(), lede.begin(), lede.end());
  terms.insert(terms.end(), body.begin(), body.end());
  std::sort(terms.begin(), terms.end());

  std::vector<TermWeight> weights;
  for (size_t begin = 0, end; begin < terms.size(); begin = end) {
    end = begin;
    while (end < terms.size() && terms[end] == terms[begin]) ++end;
    const auto known = idf_.find(terms[begin]);
    const float idf = known == idf_.end() ? kRareIdf : known->second;
    if (idf == 0) continue;
    weights.emplace_back(terms[begin], (1 + std::log(static_cast<float>(end - begin))) * idf);
  }
  return weights;
}

std::vector<WeightedTerm> HeavyTerms(std::vector<TermWeight> weights) {
  if (weights.size() > kHeavyTermsMax) {
    std::nth_element(weights.begin(), weights.begin() + kHeavyTermsMax, weights.end(),
                     [](const auto& a, const auto& b) {
                       return a.second != b.second ? a.second > b.second : a.first < b.first;
                     });
    weights.resize(kHeavyTermsMax);
  }
  double squares = 0;
  for (const auto& [token, weight] : weights) squares += static_cast<double>(weight) * weight;
  const double scale = squares == 0 ? 0 : 1 / std::sqrt(squares);
  std::vector<WeightedTerm> terms;
  terms.reserve(weights.size());
  for (const auto& [token, weight] : weights) {
    terms.push_back({static_cast<uint32_t>(token >> 1), static_cast<float>(weight * scale)});
  }
  std::sort(terms.begin(), terms.end(),
            [](const WeightedTerm& a, const WeightedTerm& b) { return a.term < b.term; });
  return terms;
}

double TermCosine(absl::Span<const WeightedTerm> a, absl::Span<const WeightedTerm> b) {
  double sum = 0;
  for (auto at_a = a.begin(), at_b = b.begin(); at_a != a.end() && at_b != b.end();) {
    if (at_a->term < at_b->term) {
      ++at_a;
    } else if (at_b->term < at_a->term) {
      ++at_b;
    } else {
      sum += static_cast<double>(at_a->weight) * at_b->weight;
      ++at_a, ++at_b;
    }
  }
  return std::min(sum, 1.0);
}

}  // namespace newsprint::embed
