#include "service/store/records.h"

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "tests/testing/articles.h"

namespace newsprint::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

// Records with all fields set, each to a value of its own.

absl::Time SomeTime(int64_t seconds) {
  return absl::FromUnixSeconds(seconds) + absl::Nanoseconds(123'456'789);
}

Withdrawal FullWithdrawal() {
  Withdrawal withdrawal;
  withdrawal.article_id = "wire-1";
  withdrawal.reason = WithdrawalReason::kCorrected;
  withdrawal.note = "figures were wrong";
  withdrawal.replacement_id = "wire-2";
  withdrawal.withdrawn_at = SomeTime(1'700'000'001);
  return withdrawal;
}

Verdict FullVerdict() {
  Verdict verdict;
  verdict.relation = Relation::kExcerpt;
  verdict.canonical_id = "canonical";
  verdict.group = 1ull << 40;
  verdict.short_text = true;
  for (int i = 0; i < 2; ++i) {
    Match match;
    match.relation = i == 0 ? Relation::kExcerpt : Relation::kTemplate;
    match.article.id = i == 0 ? "first" : "second";
    match.article.title = "Title";
    match.article.source = "Source";
    match.article.language = "pt-BR";
    match.article.url = "https://example.org";
    if (i == 0) match.article.published_at = SomeTime(-5);
    match.group = 17 + i;
    match.canonical_id = "of the match";
    match.evidence = {0.25,         0.5, 0.75, -0.125, 7,     8,      9,
                      std::nullopt, 10,  11,   12,     0.375, 0.4375, 0.6875};
    if (i == 0) match.evidence.shared_numbers = 0.625;
    verdict.matches.push_back(match);
  }
  return verdict;
}

CollectionRecord FullCollection() {
  CollectionRecord record;
  record.uid = 4'000'000'000;
  CollectionSettings& settings = record.settings;
  settings.name = "wires";
  settings.omit_text = true;
  settings.shingle_words = 7;
  settings.thresholds = {0.11, 0.12, 0.13, 14,  0.15, 0.16, 17, 0.18, absl::Seconds(19),
                         20,   21,   22,   0.23};
  settings.canonical_policy = CanonicalPolicy::kSourcePriority;
  settings.source_priority = {"AP", "Reuters", "The Ledger"};
  settings.fingerprint_scheme = "text1/w7/lede60/sketch3";
  settings.created_at = SomeTime(1'300'000'000);
  settings.durability = Durability::kAsync;
  settings.retention = {absl::Hours(24), 25};
  record.embedding = {"caller", "caller", 4096, 3, SomeTime(1'300'000'000)};
  record.next_embedding = {"archive", "terms256/0123456789abcdef", 256, 4, SomeTime(1'300'000'001)};
  return record;
}

CollectionState FullState() {
  CollectionState state;
  state.next_ordinal = 4'000'000'001;
  state.next_group = 1ull << 33;
  state.sequence = 1ull << 34;
  state.oldest_request = 5;
  state.next_request = 100'005;
  state.articles = 77;
  state.groups = 66;
  state.oldest_change = 1001;
  state.next_change = 1'002'002;
  for (int i = 0; i < kRelationCount; ++i) state.relations[i] = 1000 + i;
  state.embeddings_pending = 1ull << 35;
  state.next_reembedded = 4'000'000'000;
  state.reembedded_without_text = 1ull << 36;
  state.articles_expired = 1ull << 37;
  return state;
}

ArticleRecord FullArticle() {
  ArticleRecord record;
  record.article.id = "id";
  record.article.title = "Title “with” quotes";
  record.article.language = "en";
  record.article.source = "The Ledger";
  record.article.url = "https://example.org/1";
  record.article.published_at = SomeTime(1'304'500'000);
  record.article.attributes = {{"desk", "metro"}, {"slug", ""}};
  record.content_hash = {1, 2};
  record.text_hash = {3, 1ull << 63};
  record.group = 99;
  record.revision_number = 3;
  record.body_tokens = 1 << 20;
  record.body_stored = true;
  record.placed_by_editor = true;
  record.deleted = true;
  record.ingested_at = SomeTime(1'304'500'001);
  record.verdict = FullVerdict();
  return record;
}

FingerprintRecord FullFingerprint() { return {{1, 2, 0xffffffff}, {2}, {3, 4}}; }

GroupRecord FullGroup() {
  GroupRecord record;
  record.canonical = 4'000'000'002;
  record.members = 10'001;
  record.references = {7, 4'000'000'000, 3};
  record.canonical_pinned = true;
  record.merged_into = 1ull << 50;
  record.withdrawal = FullWithdrawal();
  return record;
}

MemberRecord FullMember() {
  MemberRecord record;
  record.published_at = SomeTime(-1);
  record.body_tokens = 1234;
  record.source_rank = 1000;
  record.time = SomeTime(3);
  return record;
}

GroupChange FullChange() {
  GroupChange change;
  change.sequence = 1ull << 41;
  change.kind = GroupChangeKind::kEnded;
  change.group = 5;
  change.article_id = "article";
  change.canonical_id = "canonical";
  change.previous_canonical_id = "previous";
  change.other_group = 1ull << 42;
  change.relation = Relation::kRelated;
  change.changed_at = SomeTime(1'700'000'002);
  change.withdrawal = FullWithdrawal();
  change.expired = true;
  return change;
}

BoilerplateRecord FullBoilerplate() {
  BoilerplateRecord record;
  record.generation = 1ull << 35;
  record.first_lesson = 4'000'000'003;
  record.counts = {{1, 2}, {0xffffffff, 300}};
  record.learned = {{5, 12}, {6, 13}, {7, 0}};
  return record;
}

RequestRecord FullRequest() {
  RequestRecord record;
  record.kind = RequestRecord::Kind::kSplit;
  record.article_id = "moved";
  record.content_hash = {8, 9};
  record.verdict = FullVerdict();
  return record;
}

void ExpectEqual(const std::optional<Withdrawal>& actual) {
  const Withdrawal expected = FullWithdrawal();
  ASSERT_TRUE(actual.has_value());
  EXPECT_EQ(actual->article_id, expected.article_id);
  EXPECT_EQ(actual->reason, expected.reason);
  EXPECT_EQ(actual->note, expected.note);
  EXPECT_EQ(actual->replacement_id, expected.replacement_id);
  EXPECT_EQ(actual->withdrawn_at, expected.withdrawn_at);
}

void ExpectEqual(const Verdict& actual) {
  const Verdict expected = FullVerdict();
  EXPECT_EQ(actual.relation, expected.relation);
  EXPECT_EQ(actual.canonical_id, expected.canonical_id);
  EXPECT_EQ(actual.group, expected.group);
  EXPECT_EQ(actual.short_text, expected.short_text);
  EXPECT_FALSE(actual.replayed);
  ASSERT_EQ(actual.matches.size(), expected.matches.size());
  for (size_t i = 0; i < actual.matches.size(); ++i) {
    const Match& a = actual.matches[i];
    const Match& b = expected.matches[i];
    EXPECT_EQ(a.relation, b.relation);
    EXPECT_EQ(a.article.id, b.article.id);
    EXPECT_EQ(a.article.title, b.article.title);
    EXPECT_EQ(a.article.source, b.article.source);
    EXPECT_EQ(a.article.language, b.article.language);
    EXPECT_EQ(a.article.url, b.article.url);
    EXPECT_EQ(a.article.published_at, b.article.published_at);
    EXPECT_EQ(a.group, b.group);
    EXPECT_EQ(a.canonical_id, b.canonical_id);
    EXPECT_EQ(a.evidence.jaccard, b.evidence.jaccard);
    EXPECT_EQ(a.evidence.containment, b.evidence.containment);
    EXPECT_EQ(a.evidence.reverse_containment, b.evidence.reverse_containment);
    EXPECT_EQ(a.evidence.cosine, b.evidence.cosine);
    EXPECT_EQ(a.evidence.shared_shingles, b.evidence.shared_shingles);
    EXPECT_EQ(a.evidence.query_shingles, b.evidence.query_shingles);
    EXPECT_EQ(a.evidence.match_shingles, b.evidence.match_shingles);
    EXPECT_EQ(a.evidence.shared_numbers, b.evidence.shared_numbers);
    EXPECT_EQ(a.evidence.query_boilerplate, b.evidence.query_boilerplate);
    EXPECT_EQ(a.evidence.match_boilerplate, b.evidence.match_boilerplate);
    EXPECT_EQ(a.evidence.shared_boilerplate, b.evidence.shared_boilerplate);
    EXPECT_EQ(a.evidence.lede_containment, b.evidence.lede_containment);
    EXPECT_EQ(a.evidence.term_cosine, b.evidence.term_cosine);
    EXPECT_EQ(a.evidence.score, b.evidence.score);
  }
}

void ExpectEqual(const EmbeddingSettings& actual, const EmbeddingSettings& expected) {
  EXPECT_EQ(actual.embedder, expected.embedder);
  EXPECT_EQ(actual.identity, expected.identity);
  EXPECT_EQ(actual.dimension, expected.dimension);
  EXPECT_EQ(actual.generation, expected.generation);
  EXPECT_EQ(actual.chosen_at, expected.chosen_at);
}

TEST(RecordsTest, ACollectionKeepsItsSettings) {
  const CollectionRecord expected = FullCollection();
  const auto actual = DecodeCollection(Encode(expected));
  ASSERT_TRUE(actual.ok()) << actual.status();
  const CollectionSettings& a = actual->settings;
  const CollectionSettings& b = expected.settings;
  EXPECT_EQ(actual->uid, expected.uid);
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.omit_text, b.omit_text);
  EXPECT_EQ(a.shingle_words, b.shingle_words);
  EXPECT_EQ(a.thresholds.near_duplicate_jaccard, 0.11);
  EXPECT_EQ(a.thresholds.duplicate_containment, 0.12);
  EXPECT_EQ(a.thresholds.excerpt_length_ratio, 0.13);
  EXPECT_EQ(a.thresholds.tokens_min, 14);
  EXPECT_EQ(a.thresholds.template_jaccard, 0.15);
  EXPECT_EQ(a.thresholds.template_shared_numbers, 0.16);
  EXPECT_EQ(a.thresholds.template_numbers_min, 17);
  EXPECT_EQ(a.thresholds.related_score_min, 0.18);
  EXPECT_EQ(a.thresholds.revision_window, absl::Seconds(19));
  EXPECT_EQ(a.thresholds.boilerplate_articles_min, 20);
  EXPECT_EQ(a.thresholds.boilerplate_source_articles_min, 21);
  EXPECT_EQ(a.thresholds.footer_shingles_max, 22);
  EXPECT_EQ(a.thresholds.lede_containment_min, 0.23);
  EXPECT_EQ(a.canonical_policy, b.canonical_policy);
  EXPECT_EQ(a.source_priority, b.source_priority);
  EXPECT_EQ(a.fingerprint_scheme, b.fingerprint_scheme);
  EXPECT_EQ(a.created_at, b.created_at);
  EXPECT_EQ(a.durability, Durability::kAsync);
  EXPECT_EQ(a.retention.age, absl::Hours(24));
  EXPECT_EQ(a.retention.articles_max, 25);
  ExpectEqual(actual->embedding, expected.embedding);
  ASSERT_TRUE(actual->next_embedding.has_value());
  ExpectEqual(*actual->next_embedding, *expected.next_embedding);
  CollectionRecord settled = expected;
  settled.next_embedding.reset();
  const auto decoded = DecodeCollection(Encode(settled));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_FALSE(decoded->next_embedding.has_value());
}

TEST(RecordsTest, AStateKeepsItsCounters) {
  const CollectionState expected = FullState();
  const auto actual = DecodeState(Encode(expected));
  ASSERT_TRUE(actual.ok()) << actual.status();
  EXPECT_EQ(actual->next_ordinal, expected.next_ordinal);
  EXPECT_EQ(actual->next_group, expected.next_group);
  EXPECT_EQ(actual->sequence, expected.sequence);
  EXPECT_EQ(actual->oldest_request, expected.oldest_request);
  EXPECT_EQ(actual->next_request, expected.next_request);
  EXPECT_EQ(actual->articles, expected.articles);
  EXPECT_EQ(actual->groups, expected.groups);
  EXPECT_EQ(actual->oldest_change, expected.oldest_change);
  EXPECT_EQ(actual->next_change, expected.next_change);
  EXPECT_EQ(actual->relations, expected.relations);
  EXPECT_EQ(actual->embeddings_pending, expected.embeddings_pending);
  EXPECT_EQ(actual->next_reembedded, expected.next_reembedded);
  EXPECT_EQ(actual->reembedded_without_text, expected.reembedded_without_text);
  EXPECT_EQ(actual->articles_expired, expected.articles_expired);
}

TEST(RecordsTest, AnArticleKeepsAllButItsTextAndVector) {
  const ArticleRecord expected = FullArticle();
  const auto actual = DecodeArticle(Encode(expected));
  ASSERT_TRUE(actual.ok()) << actual.status();
  EXPECT_EQ(actual->article.id, expected.article.id);
  EXPECT_EQ(actual->article.title, expected.article.title);
  EXPECT_EQ(actual->article.language, expected.article.language);
  EXPECT_EQ(actual->article.source, expected.article.source);
  EXPECT_EQ(actual->article.url, expected.article.url);
  EXPECT_EQ(actual->article.published_at, expected.article.published_at);
  EXPECT_THAT(actual->article.attributes, ElementsAre(Pair("desk", "metro"), Pair("slug", "")));
  EXPECT_TRUE(actual->content_hash == expected.content_hash);
  EXPECT_TRUE(actual->text_hash == expected.text_hash);
  EXPECT_EQ(actual->group, expected.group);
  EXPECT_EQ(actual->revision_number, expected.revision_number);
  EXPECT_EQ(actual->body_tokens, expected.body_tokens);
  EXPECT_EQ(actual->ingested_at, expected.ingested_at);
  ExpectEqual(actual->verdict);
  // Flags one by one, so that none can stand for another.
  for (bool ArticleRecord::*flag :
       {&ArticleRecord::body_stored, &ArticleRecord::placed_by_editor, &ArticleRecord::deleted}) {
    ArticleRecord record;
    record.*flag = true;
    const auto decoded = DecodeArticle(Encode(record));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->body_stored, record.body_stored);
    EXPECT_EQ(decoded->placed_by_editor, record.placed_by_editor);
    EXPECT_EQ(decoded->deleted, record.deleted);
  }
}

TEST(RecordsTest, AFingerprintKeepsItsThreeLists) {
  const auto actual = DecodeFingerprint(Encode(FullFingerprint()));
  ASSERT_TRUE(actual.ok()) << actual.status();
  EXPECT_THAT(actual->shingles, ElementsAre(1, 2, 0xffffffff));
  EXPECT_THAT(actual->lede_shingles, ElementsAre(2));
  EXPECT_THAT(actual->numbers, ElementsAre(3, 4));
  const auto empty = DecodeFingerprint(Encode(FingerprintRecord()));
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_THAT(empty->shingles, IsEmpty());
}

TEST(RecordsTest, ASketchKeepsItsValues) {
  const auto actual = DecodeSketch(Encode(SketchRecord{{0, 5, 0xffffffff}}));
  ASSERT_TRUE(actual.ok()) << actual.status();
  EXPECT_THAT(actual->values, ElementsAre(0, 5, 0xffffffff));
}

TEST(RecordsTest, TermsKeepTheirWeightsInSteps) {
  // Those that articles have are whole steps and come back as they were; others are rounded.
  const auto actual =
      DecodeTerms(Encode(TermsRecord{{{3, 1.0f}, {4, 1.6875f}, {9, 15.9375f}, {10, 3.33f}}}));
  ASSERT_TRUE(actual.ok()) << actual.status();
  ASSERT_EQ(actual->terms.size(), 4u);
  EXPECT_EQ(actual->terms[0].term, 3u);
  EXPECT_EQ(actual->terms[0].weight, 1);
  EXPECT_EQ(actual->terms[1].weight, 1.6875);
  EXPECT_EQ(actual->terms[2].weight, 15.9375);
  EXPECT_NEAR(actual->terms[3].weight, 3.33, kTermWeightStep / 2);
  EXPECT_EQ(actual->terms[3].term, 10u);
}

TEST(RecordsTest, WhatIsPendingKeepsItsText) {
  const auto actual = DecodePending(Encode(PendingRecord{"title", std::string("bo\0dy", 5)}));
  ASSERT_TRUE(actual.ok()) << actual.status();
  EXPECT_EQ(actual->title, "title");
  EXPECT_EQ(actual->body, std::string("bo\0dy", 5));
  const auto empty = DecodePending(Encode(PendingRecord()));
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_EQ(empty->body, "");
}

TEST(RecordsTest, AGroupKeepsReferencesMergingAndWithdrawal) {
  const GroupRecord expected = FullGroup();
  const auto actual = DecodeGroup(Encode(expected));
  ASSERT_TRUE(actual.ok()) << actual.status();
  EXPECT_EQ(actual->canonical, expected.canonical);
  EXPECT_EQ(actual->members, expected.members);
  EXPECT_EQ(actual->references, expected.references);
  EXPECT_EQ(actual->canonical_pinned, expected.canonical_pinned);
  EXPECT_EQ(actual->merged_into, expected.merged_into);
  ExpectEqual(actual->withdrawal);
  const auto plain = DecodeGroup(Encode(GroupRecord()));
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_FALSE(plain->withdrawal.has_value());
  EXPECT_FALSE(plain->canonical_pinned);
}

TEST(RecordsTest, AMemberKeepsWhatThePolicyLooksAt) {
  const auto actual = DecodeMember(Encode(FullMember()));
  ASSERT_TRUE(actual.ok()) << actual.status();
  EXPECT_EQ(actual->published_at, std::optional<absl::Time>(SomeTime(-1)));
  EXPECT_EQ(actual->body_tokens, 1234);
  EXPECT_EQ(actual->source_rank, 1000u);
  EXPECT_EQ(actual->time, SomeTime(3));
  EXPECT_FALSE(DecodeMember(Encode(MemberRecord()))->published_at.has_value());
}

TEST(RecordsTest, AChangeKeepsAllThatIsTold) {
  const GroupChange expected = FullChange();
  const auto actual = DecodeChange(Encode(expected));
  ASSERT_TRUE(actual.ok()) << actual.status();
  EXPECT_EQ(actual->sequence, expected.sequence);
  EXPECT_EQ(actual->kind, expected.kind);
  EXPECT_EQ(actual->group, expected.group);
  EXPECT_EQ(actual->article_id, expected.article_id);
  EXPECT_EQ(actual->canonical_id, expected.canonical_id);
  EXPECT_EQ(actual->previous_canonical_id, expected.previous_canonical_id);
  EXPECT_EQ(actual->other_group, expected.other_group);
  EXPECT_EQ(actual->relation, expected.relation);
  EXPECT_EQ(actual->changed_at, expected.changed_at);
  ExpectEqual(actual->withdrawal);
  EXPECT_TRUE(actual->expired);
  const auto plain = DecodeChange(Encode(GroupChange()));
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_FALSE(plain->relation.has_value());
  EXPECT_FALSE(plain->withdrawal.has_value());
}

TEST(RecordsTest, ALessonTellsNoShinglesFromShinglesElsewhere) {
  const auto with = DecodeLesson(Encode(LessonRecord{7, std::vector<uint32_t>{1, 9}}));
  ASSERT_TRUE(with.ok()) << with.status();
  EXPECT_EQ(with->source, 7u);
  EXPECT_THAT(*with->shingles, ElementsAre(1, 9));
  const auto elsewhere = DecodeLesson(Encode(LessonRecord{0xffffffff, std::nullopt}));
  ASSERT_TRUE(elsewhere.ok()) << elsewhere.status();
  EXPECT_EQ(elsewhere->source, 0xffffffff);
  EXPECT_FALSE(elsewhere->shingles.has_value());
  const auto none = DecodeLesson(Encode(LessonRecord{0, std::vector<uint32_t>{}}));
  ASSERT_TRUE(none.ok()) << none.status();
  ASSERT_TRUE(none->shingles.has_value());
  EXPECT_THAT(*none->shingles, IsEmpty());
}

TEST(RecordsTest, BoilerplateKeepsCountsAndWhatWasLearned) {
  const BoilerplateRecord expected = FullBoilerplate();
  const auto actual = DecodeBoilerplate(Encode(expected));
  ASSERT_TRUE(actual.ok()) << actual.status();
  EXPECT_EQ(actual->generation, expected.generation);
  EXPECT_EQ(actual->first_lesson, expected.first_lesson);
  ASSERT_EQ(actual->counts.size(), 2u);
  EXPECT_EQ(actual->counts[1].key, 0xffffffff);
  EXPECT_EQ(actual->counts[1].value, 300u);
  ASSERT_EQ(actual->learned.size(), 3u);
  EXPECT_EQ(actual->learned[1].key, 6u);
  EXPECT_EQ(actual->learned[1].value, 13u);
}

TEST(RecordsTest, ARequestKeepsWhatItWasAndItsAnswer) {
  for (const auto kind :
       {RequestRecord::Kind::kIngest, RequestRecord::Kind::kDelete, RequestRecord::Kind::kSplit}) {
    RequestRecord expected = FullRequest();
    expected.kind = kind;
    const auto actual = DecodeRequest(Encode(expected));
    ASSERT_TRUE(actual.ok()) << actual.status();
    EXPECT_EQ(actual->kind, kind);
    EXPECT_EQ(actual->article_id, "moved");
    EXPECT_TRUE(actual->content_hash == expected.content_hash);
    ExpectEqual(actual->verdict);
    EXPECT_FALSE(actual->verdict.expired);
    expected.verdict.expired = true;
    EXPECT_TRUE(DecodeRequest(Encode(expected))->verdict.expired);
  }
}

// As a server wrote it that did not have the record's last bytes yet, which are zeros here.
template <typename Record>
std::string OfVersion1(const Record& record, size_t new_bytes) {
  std::string bytes = Encode(record);
  EXPECT_EQ(bytes[0], '\2');
  EXPECT_EQ(bytes.substr(bytes.size() - new_bytes), std::string(new_bytes, '\0'));
  bytes.resize(bytes.size() - new_bytes);
  bytes[0] = '\1';
  return bytes;
}

TEST(RecordsTest, WhatAnEarlierServerWroteIsRead) {
  CollectionState state = FullState();
  state.articles_expired = 0;
  const auto old_state = DecodeState(OfVersion1(state, 1));
  ASSERT_TRUE(old_state.ok()) << old_state.status();
  EXPECT_EQ(old_state->reembedded_without_text, state.reembedded_without_text);
  EXPECT_EQ(old_state->articles_expired, 0u);
  GroupChange change = FullChange();
  change.expired = false;
  const auto old_change = DecodeChange(OfVersion1(change, 1));
  ASSERT_TRUE(old_change.ok()) << old_change.status();
  EXPECT_EQ(old_change->article_id, change.article_id);
  EXPECT_FALSE(old_change->expired);
  MemberRecord member = FullMember();
  member.time = absl::UnixEpoch();
  const auto old_member = DecodeMember(OfVersion1(member, 2));
  ASSERT_TRUE(old_member.ok()) << old_member.status();
  EXPECT_EQ(old_member->source_rank, member.source_rank);
  EXPECT_EQ(old_member->time, absl::InfiniteFuture());
  const auto old_request = DecodeRequest(OfVersion1(FullRequest(), 1));
  ASSERT_TRUE(old_request.ok()) << old_request.status();
  EXPECT_EQ(old_request->article_id, FullRequest().article_id);
  EXPECT_FALSE(old_request->verdict.expired);
  CollectionRecord collection = FullCollection();
  collection.settings.durability = static_cast<Durability>(0);
  collection.settings.retention = Retention();
  const auto old_collection = DecodeCollection(OfVersion1(collection, 3));
  ASSERT_TRUE(old_collection.ok()) << old_collection.status();
  EXPECT_EQ(old_collection->settings.durability, Durability::kSync);
  EXPECT_EQ(old_collection->settings.retention.age, absl::InfiniteDuration());
  EXPECT_EQ(old_collection->settings.retention.articles_max, 0);
}

TEST(RecordsTest, AnArticlesTimeIsNotLaterThanItsIngestion) {
  const absl::Time ingested = absl::FromUnixMicros(5'000'000);
  const auto after = [&](int64_t nanos) { return ingested + absl::Nanoseconds(nanos); };
  EXPECT_EQ(ArticleTime(std::nullopt, after(1)), ingested);
  EXPECT_EQ(ArticleTime(after(-1), ingested), after(-1000));
  EXPECT_EQ(ArticleTime(after(1'000'000), ingested), ingested);
}

struct Kind {
  const char* name;
  std::string bytes;
  std::function<absl::Status(absl::string_view)> decode;
};

template <typename Record>
Kind MakeKind(const char* name, const Record& record,
              absl::StatusOr<Record> (*decode)(absl::string_view)) {
  return {name, Encode(record), [decode](absl::string_view bytes) {
            const absl::StatusOr<Record> decoded = decode(bytes);
            if (decoded.ok()) Encode(*decoded);  // whatever was read can be written
            return decoded.status();
          }};
}

std::vector<Kind> AllKinds() {
  return {MakeKind("collection", FullCollection(), DecodeCollection),
          MakeKind("state", FullState(), DecodeState),
          MakeKind("article", FullArticle(), DecodeArticle),
          MakeKind("fingerprint", FullFingerprint(), DecodeFingerprint),
          MakeKind("terms", TermsRecord{{{3, 0.5f}, {4, 1.0f}}}, DecodeTerms),
          MakeKind("sketch", SketchRecord{{1, 2, 3}}, DecodeSketch),
          MakeKind("group", FullGroup(), DecodeGroup),
          MakeKind("member", FullMember(), DecodeMember),
          MakeKind("group change", FullChange(), DecodeChange),
          MakeKind("lesson", LessonRecord{7, std::vector<uint32_t>{1, 2, 3}}, DecodeLesson),
          MakeKind("boilerplate", FullBoilerplate(), DecodeBoilerplate),
          MakeKind("request", FullRequest(), DecodeRequest),
          MakeKind("pending", PendingRecord{"title", "body"}, DecodePending)};
}

TEST(DamagedRecordsTest, TruncatedAnywhereIsDataLoss) {
  for (const Kind& kind : AllKinds()) {
    ASSERT_TRUE(kind.decode(kind.bytes).ok()) << kind.name;
    for (size_t size = 0; size < kind.bytes.size(); ++size) {
      // A copy of just this size, so that AddressSanitizer sees a read behind it.
      const std::vector<char> cut(kind.bytes.begin(), kind.bytes.begin() + size);
      const absl::Status status = kind.decode({cut.data(), cut.size()});
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << kind.name << " of " << size;
    }
    EXPECT_EQ(kind.decode(kind.bytes + '\0').code(), absl::StatusCode::kDataLoss) << kind.name;
  }
}

TEST(DamagedRecordsTest, AnUnknownVersionIsDataLoss) {
  for (Kind& kind : AllKinds()) {
    const auto next = static_cast<char>(kind.bytes[0] + 1);
    for (const char version : {'\0', next, '\x7f'}) {
      kind.bytes[0] = version;
      const absl::Status status = kind.decode(kind.bytes);
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << kind.name;
      EXPECT_THAT(std::string(status.message()),
                  HasSubstr(std::string(kind.name) + " record version"));
    }
  }
}

TEST(DamagedRecordsTest, AnyBytesGiveARecordOrDataLoss) {
  std::mt19937_64 random(newsprint::testing::Seed());
  for (const Kind& kind : AllKinds()) {
    for (int round = 0; round < 3000; ++round) {
      std::string bytes = kind.bytes;
      for (uint64_t damages = 1 + random() % 3; damages > 0; --damages) {
        const size_t at = 1 + random() % (bytes.size() - 1);
        switch (random() % 3) {
          case 0:
            bytes[at] = static_cast<char>(random());
            break;
          case 1:
            bytes[at] = '\xff';  // makes counts and lengths huge
            break;
          default:
            bytes.erase(at, 1);
        }
        if (bytes.size() < 2) break;
      }
      const absl::Status status = kind.decode(bytes);
      EXPECT_TRUE(status.ok() || absl::IsDataLoss(status)) << kind.name << ": " << status;
    }
  }
}

}  // namespace
}  // namespace newsprint::store
