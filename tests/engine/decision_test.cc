#include "service/engine/decision.h"

namespace newsprint {
namespace {

using ::testing::HasSubstr;

// Evidence of two sets of shingles by size.
Evidence Sets(int64_t query, int64_t match, int64_t shared, double score = 0) {
  Evidence evidence;
  evidence.query_shingles = query;
  evidence.match_shingles = match;
  evidence.shared_shingles = shared;
  evidence.jaccard = static_cast<double>(shared) / static_cast<double>(query + match - shared);
  evidence.containment = static_cast<double>(shared) / static_cast<double>(query);
  evidence.reverse_containment = static_cast<double>(shared) / static_cast<double>(match);
  evidence.score = score;
  evidence.lede_containment = 1;
  return evidence;
}

Relation RelationOf(const Evidence& evidence, const PairContext& context = {}) {
  return Classify(evidence, context, Thresholds()).relation;
}

TEST(DecisionTest, TheTextDecides) {
  EXPECT_EQ(RelationOf(Sets(500, 500, 480)), Relation::kNearDuplicate);
  EXPECT_EQ(RelationOf(Sets(200, 500, 195)), Relation::kExcerpt);
  EXPECT_EQ(RelationOf(Sets(500, 200, 195)), Relation::kExtension);
  EXPECT_EQ(RelationOf(Sets(500, 500, 20)), Relation::kNew);
  // Below the Jaccard threshold, but most of the short one is in the long one.
  EXPECT_EQ(RelationOf(Sets(100, 900, 70)), Relation::kExcerpt);
  EXPECT_EQ(RelationOf(Sets(100, 900, 50)), Relation::kNew);
}

TEST(DecisionTest, ThresholdsAreInclusive) {
  Thresholds thresholds;
  thresholds.near_duplicate_jaccard = 0.5;
  thresholds.duplicate_containment = 1.0;
  EXPECT_EQ(Classify(Sets(300, 300, 200), {}, thresholds).relation, Relation::kNearDuplicate);
  EXPECT_EQ(Classify(Sets(300, 300, 199), {}, thresholds).relation, Relation::kNew);
}

TEST(DecisionTest, SameTextIsExactAndShortTextOnlyThat) {
  PairContext context;
  context.short_text = true;
  EXPECT_EQ(RelationOf(Sets(10, 10, 10), context), Relation::kNew);
  EXPECT_EQ(RelationOf(Sets(10, 10, 10, 0.9), context), Relation::kRelated);
  context.same_text = true;
  EXPECT_EQ(RelationOf(Sets(10, 10, 10), context), Relation::kExact);
}

TEST(DecisionTest, OtherNumbersMakeATemplate) {
  Evidence evidence = Sets(60, 60, 40);
  evidence.shared_numbers = 0.2;
  EXPECT_EQ(RelationOf(evidence), Relation::kTemplate);
  evidence.shared_numbers = 0.8;
  EXPECT_EQ(RelationOf(evidence), Relation::kNearDuplicate);
  evidence = Sets(60, 60, 15);
  evidence.shared_numbers = 0.2;
  EXPECT_EQ(RelationOf(evidence), Relation::kTemplate);
  evidence = Sets(60, 60, 5);
  evidence.shared_numbers = 0.2;
  EXPECT_EQ(RelationOf(evidence), Relation::kNew);
}

TEST(DecisionTest, AnUpdateFromTheSamePlaceIsARevision) {
  PairContext same_url;
  same_url.same_url = true;
  Evidence evidence = Sets(500, 300, 280);
  EXPECT_EQ(RelationOf(evidence, same_url), Relation::kRevision);
  evidence.shared_numbers = 0.1;  // updated figures
  EXPECT_EQ(RelationOf(evidence, same_url), Relation::kRevision);
  EXPECT_EQ(RelationOf(Sets(500, 300, 10), same_url), Relation::kNew);

  PairContext same_day;
  same_day.same_source_within_window = true;
  EXPECT_EQ(RelationOf(Sets(500, 300, 280), same_day), Relation::kRevision);
  EXPECT_EQ(RelationOf(evidence, same_day), Relation::kTemplate);  // two earnings items of a wire
}

TEST(DecisionTest, ContextComesFromSourceUrlAndTime) {
  PreparedArticle a;
  a.article.source = "wire";
  a.article.url = "https://example.org/a";
  a.article.published_at = absl::FromUnixSeconds(1'000'000);
  a.text_hash = {1, 1};
  PreparedArticle b = a;
  b.text_hash = {2, 2};
  PairContext context = MakePairContext(a, b, Thresholds());
  EXPECT_TRUE(context.same_url);
  EXPECT_TRUE(context.same_source_within_window);
  EXPECT_FALSE(context.same_text);
  b.article.published_at = *a.article.published_at + absl::Hours(49);
  b.article.url = "https://example.org/b";
  context = MakePairContext(a, b, Thresholds());
  EXPECT_FALSE(context.same_url);
  EXPECT_FALSE(context.same_source_within_window);
  // Unknown is not the same as unknown.
  a.article = {};
  b.article = {};
  context = MakePairContext(a, b, Thresholds());
  EXPECT_FALSE(context.same_url);
  EXPECT_FALSE(context.same_source_within_window);
}

TEST(DecisionTest, EvidenceIsExact) {
  PreparedArticle a;
  a.fingerprint = {{1, 2, 3, 4}, {1, 3}, {10, 11, 12, 13}};
  PreparedArticle b;
  b.fingerprint = {{3, 4, 5}, {5}, {12, 13, 14, 15, 16}};
  const Evidence evidence = MakeEvidence(a, b, Thresholds());
  EXPECT_DOUBLE_EQ(evidence.jaccard, 2.0 / 5);
  EXPECT_DOUBLE_EQ(evidence.containment, 2.0 / 4);
  EXPECT_DOUBLE_EQ(evidence.reverse_containment, 2.0 / 3);
  EXPECT_DOUBLE_EQ(*evidence.shared_numbers, 2.0 / 4);
  EXPECT_DOUBLE_EQ(evidence.lede_containment, 1.0 / 2);
  b.fingerprint.numbers = {1};
  EXPECT_FALSE(MakeEvidence(a, b, Thresholds()).shared_numbers.has_value());
}

TEST(DecisionTest, TheScoreDecidesWhatIsRelated) {
  const Thresholds thresholds;
  EXPECT_EQ(RelationOf(Sets(500, 500, 1, thresholds.related_score_min)), Relation::kRelated);
  EXPECT_EQ(RelationOf(Sets(500, 500, 1, thresholds.related_score_min - 0.001)), Relation::kNew);
  Evidence evidence = Sets(500, 500, 1);
  evidence.cosine = evidence.term_cosine = 1;  // told, but the score has counted them
  EXPECT_EQ(RelationOf(evidence), Relation::kNew);
}

TEST(DecisionTest, NearnessTellsBothCosinesAndTheScore) {
  Evidence evidence = Sets(500, 500, 1);
  SetNearness({/*term_cosine=*/0.25, /*vector_cosine=*/-0.5, /*similarity=*/0.75}, &evidence);
  EXPECT_EQ(evidence.term_cosine, 0.25);
  EXPECT_EQ(evidence.cosine, -0.5);
  EXPECT_EQ(evidence.score, PairScore(0.75));
  EXPECT_EQ(evidence.shared_shingles, 1);
}

TEST(DecisionTest, ExplainsWithTheNamesOfTheThresholds) {
  EXPECT_THAT(Classify(Sets(200, 500, 195), {}, Thresholds()).explanation,
              HasSubstr("near_duplicate_jaccard 0.30"));
  EXPECT_THAT(Classify(Sets(200, 500, 195), {}, Thresholds()).explanation,
              HasSubstr("excerpt_length_ratio 0.85"));
  EXPECT_THAT(Classify(Sets(500, 500, 1, 0.9), {}, Thresholds()).explanation,
              HasSubstr("score 0.90 is at least related_score_min"));
  EXPECT_THAT(Classify(Sets(500, 500, 1, 0.1), {}, Thresholds()).explanation,
              HasSubstr("and score 0.10 are below"));
}

TEST(DecisionTest, DuplicatesRankBeforeTemplatesBeforeRelated) {
  Match exact;
  exact.relation = Relation::kExact;
  Match excerpt;
  excerpt.relation = Relation::kExcerpt;
  excerpt.evidence = Sets(200, 500, 195);
  Match near;
  near.relation = Relation::kNearDuplicate;
  near.evidence = Sets(500, 500, 300);
  Match form;
  form.relation = Relation::kTemplate;
  Match related;
  related.relation = Relation::kRelated;
  EXPECT_TRUE(BetterMatch(exact.relation, exact.evidence, excerpt.relation, excerpt.evidence));
  EXPECT_TRUE(BetterMatch(excerpt.relation, excerpt.evidence, near.relation, near.evidence));
  EXPECT_TRUE(BetterMatch(near.relation, near.evidence, form.relation, form.evidence));
  EXPECT_TRUE(BetterMatch(form.relation, form.evidence, related.relation, related.evidence));
  EXPECT_FALSE(BetterMatch(related.relation, related.evidence, form.relation, form.evidence));
}

}  // namespace
}  // namespace newsprint
