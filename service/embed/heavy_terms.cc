#include "service/embed/heavy_terms.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_split.h"
#include "service/embed/builtin_model.h"

namespace newsprint::embed {
namespace {

struct TermsOfIdf {
  float idf;
  const char* words;  // each followed by a space
};

constexpr TermsOfIdf kGeneralTerms[] = {
#include "service/embed/general_terms.inc"
};

float TermWeight(size_t count) {
  const float weight = 1 + std::log(static_cast<float>(count));
  return std::min(std::round(weight / kTermWeightStep) * kTermWeightStep, kTermWeightMax);
}

struct Ranked {
  WeightedTerm term;
  float heaviness;
};

bool Heavier(const Ranked& a, const Ranked& b) {
  return a.heaviness != b.heaviness ? a.heaviness > b.heaviness : a.term.term < b.term.term;
}

}  // namespace

GeneralTerms::GeneralTerms() {
  for (const TermsOfIdf& terms : kGeneralTerms) {
    for (const absl::string_view word : absl::StrSplit(terms.words, ' ', absl::SkipEmpty())) {
      share_.emplace(TermOf(text::TokenOf(word)), std::exp(-terms.idf));
    }
  }
  const TermModel& model = BuiltInModel();
  for (size_t place = 0; place < model.words(); ++place) {
    const ModelWord word = model.Word(place);
    share_.emplace(TermOf(word.token), std::max(word.share, kRareShare));
  }
}

std::vector<WeightedTerm> HeavyTerms(absl::Span<const text::Token> title,
                                     absl::Span<const text::Token> body,
                                     const GeneralTerms& general) {
  std::vector<uint32_t> occurrences;
  const auto add = [&](absl::Span<const text::Token> tokens, int times) {
    for (int i = 0; i < times; ++i) {
      for (const text::Token token : tokens) occurrences.push_back(TermOf(token));
    }
  };
  occurrences.reserve(kTitleCount * title.size() + body.size() + (kLedeCount - 1) * kLedeTokens);
  add(title, kTitleCount);
  add(body.subspan(0, kLedeTokens), kLedeCount - 1);
  add(body, 1);
  std::sort(occurrences.begin(), occurrences.end());

  std::vector<Ranked> ranked;
  for (size_t begin = 0, end; begin < occurrences.size(); begin = end) {
    const uint32_t term = occurrences[begin];
    for (end = begin; end < occurrences.size() && occurrences[end] == term;) ++end;
    const float share = general.Share(term);
    if (share >= 1) continue;
    const float weight = TermWeight(end - begin);
    ranked.push_back({{term, weight}, weight * -std::log(share)});
  }
  if (ranked.size() > kHeavyTermsMax) {
    std::nth_element(ranked.begin(), ranked.begin() + kHeavyTermsMax, ranked.end(), Heavier);
    ranked.resize(kHeavyTermsMax);
  }
  std::vector<WeightedTerm> terms;
  terms.reserve(ranked.size());
  for (const Ranked& one : ranked) terms.push_back(one.term);
  std::sort(terms.begin(), terms.end(),
            [](const WeightedTerm& a, const WeightedTerm& b) { return a.term < b.term; });
  return terms;
}

}  // namespace newsprint::embed
