// The one place that says how two articles stand to each other. Pure functions.
#ifndef NEWSPRINT_SERVICE_ENGINE_DECISION_H_
#define NEWSPRINT_SERVICE_ENGINE_DECISION_H_

#include <string>

#include "absl/types/span.h"
#include "service/common/types.h"
#include "service/engine/prepare.h"
#include "service/engine/story_ranking.h"

namespace newsprint {

// What counts beside the texts. "Query" is the article asked about.
struct PairContext {
  bool same_text = false;                  // equal after normalisation
  bool short_text = false;                 // one of them is too short to match but exactly
  bool mostly_boilerplate = false;         // one of them is when its boilerplate is left out
  bool same_url = false;                   // the same, known source and the same, known url
  bool same_source_within_window = false;  // the same, known source, published close together
};

PairContext MakePairContext(const PreparedArticle& query, const PreparedArticle& match,
                            const Thresholds& thresholds);

// Exact shares from the two fingerprints, boilerplate left out; without the nearness of subject.
Evidence MakeEvidence(const PreparedArticle& query, const PreparedArticle& match,
                      const Thresholds& thresholds);

void SetNearness(const PairNearness& nearness, Evidence* evidence);

// False when the two share too few shingles to be copies or of one form, whatever is boilerplate.
// Quick: it reads the shingles alone. (The texts may still be the same, when they are short.)
bool MayMatch(const PreparedArticle& query, const store::FingerprintRecord& match,
              const Thresholds& thresholds);

struct Classification {
  Relation relation = Relation::kNew;
  std::string explanation;  // one sentence: what decided
};

// Applies the thresholds. kNew means: neither a copy, nor of one form, nor related.
Classification Classify(const Evidence& evidence, const PairContext& context,
                        const Thresholds& thresholds);

// For ranking matches: duplicates before templates before related, then by the larger share of
// text.
bool BetterMatch(Relation relation_a, const Evidence& a, Relation relation_b, const Evidence& b);

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_DECISION_H_
