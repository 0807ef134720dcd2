#include "service/engine/decision.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/str_format.h"

namespace newsprint {
namespace {

int64_t CountShared(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b) {
  int64_t shared = 0;
  for (auto at_a = a.begin(), at_b = b.begin(); at_a != a.end() && at_b != b.end();) {
    if (*at_a < *at_b) {
      ++at_a;
    } else if (*at_b < *at_a) {
      ++at_b;
    } else {
      ++shared, ++at_a, ++at_b;
    }
  }
  return shared;
}

double Share(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

double LargerContainment(const Evidence& evidence) {
  return std::max(evidence.containment, evidence.reverse_containment);
}

// Of a pair that is a duplicate by its text.
Classification DuplicateKind(const Evidence& evidence, const PairContext& context,
                             const Thresholds& thresholds, std::string reason) {
  if (context.same_url || context.same_source_within_window) {
    return {Relation::kRevision, reason + (context.same_url ? ", from the same source and url"
                                                            : ", from the same source within "
                                                              "revision_window_seconds")};
  }
  const int64_t query = evidence.query_shingles;
  const int64_t match = evidence.match_shingles;
  const double ratio = Share(std::min(query, match), std::max(query, match));
  if (ratio > thresholds.excerpt_length_ratio ||
      LargerContainment(evidence) < thresholds.duplicate_containment) {
    return {Relation::kNearDuplicate, std::move(reason)};
  }
  reason += absl::StrFormat(
      ", and the shorter has %.2f of the other's length, at most "
      "excerpt_length_ratio %.2f",
      ratio, thresholds.excerpt_length_ratio);
  return {query < match ? Relation::kExcerpt : Relation::kExtension, std::move(reason)};
}

Classification BySubject(const Evidence& evidence, const Thresholds& thresholds) {
  if (evidence.cosine >= thresholds.related_cosine) {
    return {Relation::kRelated, absl::StrFormat("cosine %.2f is at least related_cosine %.2f",
                                                evidence.cosine, thresholds.related_cosine)};
  }
  return {Relation::kNew,
          absl::StrFormat("jaccard %.2f, containment %.2f and %.2f, and cosine %.2f are below "
                          "near_duplicate_jaccard %.2f, duplicate_containment %.2f and "
                          "related_cosine %.2f",
                          evidence.jaccard, evidence.containment, evidence.reverse_containment,
                          evidence.cosine, thresholds.near_duplicate_jaccard,
                          thresholds.duplicate_containment, thresholds.related_cosine)};
}

}  // namespace

double VectorCosine(absl::Span<const float> a, absl::Span<const float> b) {
  if (a.size() != b.size()) return 0;
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return std::clamp(sum, -1.0, 1.0);
}

double SubjectCosine(const PreparedArticle& a, const PreparedArticle& b) {
  if (a.terms.terms.empty() || b.terms.terms.empty()) return VectorCosine(a.vector, b.vector);
  return embed::TermCosine(a.terms.terms, b.terms.terms);
}

PairContext MakePairContext(const PreparedArticle& query, const PreparedArticle& match,
                            const Thresholds& thresholds) {
  PairContext context;
  context.same_text = query.text_hash == match.text_hash;
  context.short_text = query.short_text || match.short_text;
  const Article& a = query.article;
  const Article& b = match.article;
  if (a.source.empty() || a.source != b.source) return context;
  context.same_url = !a.url.empty() && a.url == b.url;
  context.same_source_within_window =
      a.published_at.has_value() && b.published_at.has_value() &&
      absl::AbsDuration(*a.published_at - *b.published_at) <= thresholds.revision_window;
  return context;
}

Evidence MakeEvidence(const PreparedArticle& query, const PreparedArticle& match,
                      const Thresholds& thresholds) {
  const store::FingerprintRecord& a = query.fingerprint;
  const store::FingerprintRecord& b = match.fingerprint;
  Evidence evidence;
  evidence.query_shingles = static_cast<int64_t>(a.shingles.size());
  evidence.match_shingles = static_cast<int64_t>(b.shingles.size());
  evidence.shared_shingles = CountShared(a.shingles, b.shingles);
  evidence.jaccard =
      Share(evidence.shared_shingles,
            evidence.query_shingles + evidence.match_shingles - evidence.shared_shingles);
  evidence.containment = Share(evidence.shared_shingles, evidence.query_shingles);
  evidence.reverse_containment = Share(evidence.shared_shingles, evidence.match_shingles);
  const int64_t fewer_numbers = static_cast<int64_t>(std::min(a.numbers.size(), b.numbers.size()));
  if (fewer_numbers >= thresholds.template_numbers_min) {
    evidence.shared_numbers = Share(CountShared(a.numbers, b.numbers), fewer_numbers);
  }
  evidence.cosine = SubjectCosine(query, match);
  return evidence;
}

Classification Classify(const Evidence& evidence, const PairContext& context,
                        const Thresholds& thresholds) {
  if (context.same_text) return {Relation::kExact, "the normalised texts are the same"};
  if (context.short_text) {
    Classification by_subject = BySubject(evidence, thresholds);
    by_subject.explanation +=
        absl::StrFormat("; one has fewer than tokens_min %d body tokens and matches only exactly",
                        thresholds.tokens_min);
    return by_subject;
  }
  const bool by_jaccard = evidence.jaccard >= thresholds.near_duplicate_jaccard;
  const bool duplicate =
      by_jaccard || LargerContainment(evidence) >= thresholds.duplicate_containment;
  std::string reason =
      by_jaccard ? absl::StrFormat("jaccard %.2f is at least near_duplicate_jaccard %.2f",
                                   evidence.jaccard, thresholds.near_duplicate_jaccard)
                 : absl::StrFormat("containment %.2f is at least duplicate_containment %.2f",
                                   LargerContainment(evidence), thresholds.duplicate_containment);
  // An update of a page changes its numbers, and is no template for that.
  if (duplicate && context.same_url) {
    return DuplicateKind(evidence, context, thresholds, std::move(reason));
  }
  const bool other_numbers = evidence.shared_numbers.has_value() &&
                             *evidence.shared_numbers < thresholds.template_shared_numbers;
  if (other_numbers && (duplicate || evidence.jaccard >= thresholds.template_jaccard)) {
    return {Relation::kTemplate,
            absl::StrFormat("jaccard %.2f shows a shared form, but shared_numbers %.2f is below "
                            "template_shared_numbers %.2f",
                            evidence.jaccard, *evidence.shared_numbers,
                            thresholds.template_shared_numbers)};
  }
  if (duplicate) return DuplicateKind(evidence, context, thresholds, std::move(reason));
  return BySubject(evidence, thresholds);
}

bool BetterMatch(const Match& a, const Match& b) {
  const auto rank = [](Relation relation) {
    if (relation == Relation::kExact) return 0;
    if (IsDuplicate(relation)) return 1;
    return relation == Relation::kTemplate ? 2 : 3;
  };
  if (rank(a.relation) != rank(b.relation)) return rank(a.relation) < rank(b.relation);
  if (rank(a.relation) == 3) return a.evidence.cosine > b.evidence.cosine;
  const double share_a = std::max(a.evidence.jaccard, LargerContainment(a.evidence));
  const double share_b = std::max(b.evidence.jaccard, LargerContainment(b.evidence));
  if (share_a != share_b) return share_a > share_b;
  return a.evidence.jaccard > b.evidence.jaccard;
}

}  // namespace newsprint
