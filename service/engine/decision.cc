#include "service/engine/decision.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/str_format.h"

namespace newsprint {
namespace {

// Calls visit(value) for the values of two ascending lists that are in both.
template <typename Visit>
void ForEachShared(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b, Visit visit) {
  for (auto at_a = a.begin(), at_b = b.begin(); at_a != a.end() && at_b != b.end();) {
    if (*at_a < *at_b) {
      ++at_a;
    } else if (*at_b < *at_a) {
      ++at_b;
    } else {
      visit(*at_a);
      ++at_a, ++at_b;
    }
  }
}

int64_t CountShared(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b) {
  int64_t shared = 0;
  ForEachShared(a, b, [&](uint32_t) { ++shared; });
  return shared;
}

double Share(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

double LargerContainment(const Evidence& evidence) {
  return std::max(evidence.containment, evidence.reverse_containment);
}

bool Contains(const std::vector<uint32_t>& ascending, uint32_t value) {
  return std::binary_search(ascending.begin(), ascending.end(), value);
}

// The larger share of one lede that stands in the other article, boilerplate included.
double LedeContainment(const store::FingerprintRecord& a, const store::FingerprintRecord& b) {
  const auto share = [](const store::FingerprintRecord& lede, const store::FingerprintRecord& in) {
    return Share(CountShared(lede.lede_shingles, in.shingles),
                 static_cast<int64_t>(lede.lede_shingles.size()));
  };
  return std::max(share(a, b), share(b, a));
}

// The text figures. A shingle that is boilerplate in one of the two counts in neither.
void CompareShingles(const PreparedArticle& query, const PreparedArticle& match,
                     Evidence* evidence) {
  int64_t shared = 0;
  int64_t boilerplate_of_match_alone = 0;
  int64_t boilerplate_of_query_alone = 0;
  int64_t shared_boilerplate = 0;
  ForEachShared(query.fingerprint.shingles, match.fingerprint.shingles, [&](uint32_t shingle) {
    ++shared;
    const bool of_query = Contains(query.boilerplate, shingle);
    const bool of_match = Contains(match.boilerplate, shingle);
    shared_boilerplate += of_query || of_match ? 1 : 0;
    boilerplate_of_match_alone += of_match && !of_query ? 1 : 0;
    boilerplate_of_query_alone += of_query && !of_match ? 1 : 0;
  });
  evidence->query_boilerplate =
      static_cast<int64_t>(query.boilerplate.size()) + boilerplate_of_match_alone;
  evidence->match_boilerplate =
      static_cast<int64_t>(match.boilerplate.size()) + boilerplate_of_query_alone;
  evidence->shared_boilerplate = shared_boilerplate;
  evidence->shared_shingles = shared - shared_boilerplate;
  evidence->query_shingles =
      static_cast<int64_t>(query.fingerprint.shingles.size()) - evidence->query_boilerplate;
  evidence->match_shingles =
      static_cast<int64_t>(match.fingerprint.shingles.size()) - evidence->match_boilerplate;
  evidence->jaccard =
      Share(evidence->shared_shingles,
            evidence->query_shingles + evidence->match_shingles - evidence->shared_shingles);
  evidence->containment = Share(evidence->shared_shingles, evidence->query_shingles);
  evidence->reverse_containment = Share(evidence->shared_shingles, evidence->match_shingles);
}

// The same figures with boilerplate, which show whether two articles have a form in common.
struct FormEvidence {
  double jaccard = 0;
  double containment = 0;
};

FormEvidence CompareForms(const Evidence& evidence) {
  const int64_t query = evidence.query_shingles + evidence.query_boilerplate;
  const int64_t match = evidence.match_shingles + evidence.match_boilerplate;
  const int64_t shared = evidence.shared_shingles + evidence.shared_boilerplate;
  return {Share(shared, query + match - shared), Share(shared, std::min(query, match))};
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
  if (evidence.score >= thresholds.related_score_min) {
    return {Relation::kRelated, absl::StrFormat("score %.2f is at least related_score_min %.2f",
                                                evidence.score, thresholds.related_score_min)};
  }
  return {Relation::kNew,
          absl::StrFormat("jaccard %.2f, containment %.2f and %.2f, and score %.2f are below "
                          "near_duplicate_jaccard %.2f, duplicate_containment %.2f and "
                          "related_score_min %.2f",
                          evidence.jaccard, evidence.containment, evidence.reverse_containment,
                          evidence.score, thresholds.near_duplicate_jaccard,
                          thresholds.duplicate_containment, thresholds.related_score_min)};
}

}  // namespace

PairContext MakePairContext(const PreparedArticle& query, const PreparedArticle& match,
                            const Thresholds& thresholds) {
  PairContext context;
  context.same_text = query.text_hash == match.text_hash;
  context.short_text = query.short_text || match.short_text;
  const auto mostly_boilerplate = [&](const PreparedArticle& article) {
    const size_t own = article.fingerprint.shingles.size() - article.boilerplate.size();
    return !article.boilerplate.empty() && own < static_cast<size_t>(thresholds.tokens_min);
  };
  context.mostly_boilerplate = mostly_boilerplate(query) || mostly_boilerplate(match);
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
  CompareShingles(query, match, &evidence);
  evidence.lede_containment = LedeContainment(a, b);
  const int64_t fewer_numbers = static_cast<int64_t>(std::min(a.numbers.size(), b.numbers.size()));
  if (fewer_numbers >= thresholds.template_numbers_min) {
    evidence.shared_numbers = Share(CountShared(a.numbers, b.numbers), fewer_numbers);
  }
  return evidence;
}

void SetNearness(const PairNearness& nearness, Evidence* evidence) {
  evidence->term_cosine = nearness.term_cosine;
  evidence->cosine = nearness.vector_cosine;
  evidence->score = PairScore(nearness.similarity);
}

bool MayMatch(const PreparedArticle& query, const store::FingerprintRecord& match,
              const Thresholds& thresholds) {
  // An article keeps this many shingles when its boilerplate is left out, or matches only exactly.
  const auto own_min = [&](size_t shingles) {
    return static_cast<double>(std::min<size_t>(shingles, thresholds.tokens_min));
  };
  const double query_own =
      std::max(own_min(query.fingerprint.shingles.size()),
               static_cast<double>(query.fingerprint.shingles.size() - query.boilerplate.size()));
  const double smaller = std::min(query_own, own_min(match.shingles.size()));
  const double larger_with_boilerplate =
      static_cast<double>(std::max(query.fingerprint.shingles.size(), match.shingles.size()));
  const double needed = std::min({thresholds.near_duplicate_jaccard * query_own,
                                  thresholds.duplicate_containment * smaller,
                                  thresholds.template_jaccard * larger_with_boilerplate});
  return static_cast<double>(CountShared(query.fingerprint.shingles, match.shingles)) >= needed;
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
  const bool same_text_enough =
      by_jaccard || LargerContainment(evidence) >= thresholds.duplicate_containment;
  const bool lede_shared = evidence.lede_containment >= thresholds.lede_containment_min;
  const bool footer_only =
      !lede_shared && evidence.shared_shingles <= thresholds.footer_shingles_max;
  const bool duplicate = same_text_enough && !footer_only && !context.mostly_boilerplate;
  std::string reason =
      by_jaccard ? absl::StrFormat("jaccard %.2f is at least near_duplicate_jaccard %.2f",
                                   evidence.jaccard, thresholds.near_duplicate_jaccard)
                 : absl::StrFormat("containment %.2f is at least duplicate_containment %.2f",
                                   LargerContainment(evidence), thresholds.duplicate_containment);
  // An update of a page changes its numbers, and is no template for that.
  if (duplicate && context.same_url) {
    return DuplicateKind(evidence, context, thresholds, std::move(reason));
  }
  const FormEvidence form = CompareForms(evidence);
  const bool other_numbers = evidence.shared_numbers.has_value() &&
                             *evidence.shared_numbers < thresholds.template_shared_numbers;
  if (other_numbers && (duplicate || form.jaccard >= thresholds.template_jaccard)) {
    return {Relation::kTemplate,
            absl::StrFormat("jaccard %.2f, counting boilerplate, shows a shared form, but "
                            "shared_numbers %.2f is below template_shared_numbers %.2f",
                            form.jaccard, *evidence.shared_numbers,
                            thresholds.template_shared_numbers)};
  }
  if (duplicate) return DuplicateKind(evidence, context, thresholds, std::move(reason));
  const bool same_form = form.jaccard >= thresholds.near_duplicate_jaccard ||
                         form.containment >= thresholds.duplicate_containment;
  if (same_form && lede_shared && evidence.shared_boilerplate > 0) {
    return {
        Relation::kTemplate,
        absl::StrFormat("jaccard %.2f, counting boilerplate, shows a shared form, but without it "
                        "jaccard is %.2f and containment %.2f",
                        form.jaccard, evidence.jaccard, LargerContainment(evidence))};
  }
  Classification by_subject = BySubject(evidence, thresholds);
  if (same_text_enough && footer_only) {
    by_subject.explanation += absl::StrFormat(
        "; %d shared shingles, at most footer_shingles_max %d, and lede_containment %.2f below "
        "lede_containment_min %.2f are a footer or a stock passage",
        evidence.shared_shingles, thresholds.footer_shingles_max, evidence.lede_containment,
        thresholds.lede_containment_min);
  } else if (same_text_enough) {
    by_subject.explanation += absl::StrFormat(
        "; without boilerplate one has fewer than tokens_min %d shingles and matches only exactly",
        thresholds.tokens_min);
  }
  return by_subject;
}

bool BetterMatch(Relation relation_a, const Evidence& a, Relation relation_b, const Evidence& b) {
  const auto rank = [](Relation relation) {
    if (relation == Relation::kExact) return 0;
    if (IsDuplicate(relation)) return 1;
    return relation == Relation::kTemplate ? 2 : 3;
  };
  if (rank(relation_a) != rank(relation_b)) return rank(relation_a) < rank(relation_b);
  if (rank(relation_a) == 3) return a.score > b.score;
  const double share_a = std::max(a.jaccard, LargerContainment(a));
  const double share_b = std::max(b.jaccard, LargerContainment(b));
  if (share_a != share_b) return share_a > share_b;
  return a.jaccard > b.jaccard;
}

}  // namespace newsprint
