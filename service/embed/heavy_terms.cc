#include "service/embed/heavy_terms.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/strings/str_split.h"
#include "service/common/sort.h"
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

float ComputeTermWeight(uint32_t count) {
  const float weight = 1 + std::log(static_cast<float>(count));
  return std::min(std::round(weight / kTermWeightStep) * kTermWeightStep, kTermWeightMax);
}

// Most counts are small.
float TermWeight(uint32_t count) {
  static const std::array<float, 256> table = [] {
    std::array<float, 256> weights{};
    for (uint32_t i = 1; i < weights.size(); ++i) weights[i] = ComputeTermWeight(i);
    return weights;
  }();
  return count < table.size() ? table[count] : ComputeTermWeight(count);
}

uint32_t TermIn(uint64_t counted) { return static_cast<uint32_t>(counted >> 32); }
uint32_t CountIn(uint64_t counted) { return static_cast<uint32_t>(counted); }

// Adds up the counts of different words that are the same term, which are neighbours.
void MergeTerms(std::vector<uint64_t>* counted) {
  size_t merged = 0;
  for (const uint64_t one : *counted) {
    if (merged > 0 && TermIn((*counted)[merged - 1]) == TermIn(one)) {
      (*counted)[merged - 1] += CountIn(one);
    } else {
      (*counted)[merged++] = one;
    }
  }
  counted->resize(merged);
}

}  // namespace

GeneralTerms::GeneralTerms() : rare_{0, kRareShare, -std::log(kRareShare)} {
  const TermModel& model = BuiltInModel();
  std::vector<std::pair<uint32_t, float>> shares;
  for (const TermsOfIdf& terms : kGeneralTerms) {
    for (const absl::string_view word : absl::StrSplit(terms.words, ' ', absl::SkipEmpty())) {
      shares.emplace_back(TermOf(text::TokenOf(word)), std::exp(-terms.idf));
    }
  }
  for (size_t place = 0; place < model.words(); ++place) {
    const ModelWord word = model.Word(place);
    shares.emplace_back(TermOf(word.token), std::max(word.share, kRareShare));
  }
  int bits = 1;
  while ((size_t{1} << bits) < 2 * shares.size()) ++bits;
  shift_ = 32 - bits;
  slots_.resize(size_t{1} << bits);
  for (const auto& [term, share] : shares) Add(term, share);
}

void GeneralTerms::Add(uint32_t term, float share) {
  size_t at = Home(term);
  while (slots_[at].share != 0) {
    if (slots_[at].term == term) return;
    at = (at + 1) & (slots_.size() - 1);
  }
  slots_[at] = {term, share, -std::log(share)};
}

std::vector<WeightedTerm> HeavyTerms(absl::Span<const text::Token> title,
                                     absl::Span<const text::Token> body,
                                     const GeneralTerms& general) {
  TermCounts counts;
  counts.Count(title, body, kLedeTokens);
  return HeavyTerms(counts, general);
}

std::vector<WeightedTerm> HeavyTerms(const TermCounts& counts, const GeneralTerms& general) {
  // Each term with its count in the lower half.
  std::vector<uint64_t> counted;
  counted.reserve(counts.terms().size());
  for (const TermCounts::Term& term : counts.terms()) {
    const uint32_t count = kTitleCount * term.title + kLedeCount * term.lede + term.rest;
    counted.push_back(uint64_t{TermOf(term.token)} << 32 | count);
    general.Prefetch(TermOf(term.token));
  }
  Sort(absl::MakeSpan(counted));
  MergeTerms(&counted);

  // How heavy each is, above its place from behind: of two equal ones the first is heavier. Floats
  // that are not negative have the order of their bits.
  std::vector<uint64_t> heaviness(counted.size());
  size_t terms_that_count = 0;
  for (size_t i = 0; i < counted.size(); ++i) {
    const float heavy = TermWeight(CountIn(counted[i])) * general.Idf(TermIn(counted[i]));
    uint32_t bits;
    std::memcpy(&bits, &heavy, sizeof(bits));
    heaviness[i] = heavy > 0 ? uint64_t{bits} << 32 | (counted.size() - i) : 0;
    terms_that_count += heavy > 0 ? 1 : 0;
  }
  uint64_t least = 1;
  if (terms_that_count > kHeavyTermsMax) {
    std::vector<uint64_t> sorted = heaviness;
    Sort(absl::MakeSpan(sorted));
    least = sorted[sorted.size() - kHeavyTermsMax];
  }
  std::vector<WeightedTerm> terms;
  terms.reserve(std::min(terms_that_count, kHeavyTermsMax));
  for (size_t i = 0; i < counted.size(); ++i) {
    if (heaviness[i] < least) continue;
    terms.push_back({TermIn(counted[i]), TermWeight(CountIn(counted[i]))});
  }
  return terms;
}

}  // namespace newsprint::embed
