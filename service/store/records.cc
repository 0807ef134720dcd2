#include "service/store/records.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/store/codec.h"

namespace newsprint::store {
namespace {

// Of most records; those that have changed have a constant of their own.
constexpr uint64_t kRecordVersion = 1;
constexpr uint64_t kCollectionVersion = 2;  // 2: durability and retention
constexpr uint64_t kStateVersion = 2;       // 2: articles_expired
constexpr uint64_t kMemberVersion = 2;      // 2: time
constexpr uint64_t kChangeVersion = 2;      // 2: expired
constexpr uint64_t kRequestVersion = 2;     // 2: expired

void Begin(Encoder& out, uint64_t version = kRecordVersion) { out.Varint(version); }

// The version that the record begins with, 1 to `newest`.
absl::StatusOr<uint64_t> ReadVersion(Decoder& in, absl::string_view what, uint64_t newest) {
  const uint64_t version = in.Varint();
  if (in.ok() && version >= 1 && version <= newest) return version;
  return absl::DataLossError(
      absl::StrCat("store: ", what, " record version, got ", version, ", limit ", newest));
}

absl::Status CheckBegin(Decoder& in, absl::string_view what) {
  return ReadVersion(in, what, kRecordVersion).status();
}

template <typename Record>
absl::StatusOr<Record> Finish(const Decoder& in, absl::string_view what, Record record) {
  if (in.ok() && in.remaining() == 0) return record;
  return absl::DataLossError(absl::StrCat("store: damaged ", what, " record"));
}

void EncodeOptionalTime(const std::optional<absl::Time>& time, Encoder& out) {
  out.Varint(time.has_value() ? 1 : 0);
  if (time.has_value()) out.Time(*time);
}

std::optional<absl::Time> DecodeOptionalTime(Decoder& in) {
  if (in.Varint() == 0) return std::nullopt;
  return in.Time();
}

void EncodeEvidence(const Evidence& evidence, Encoder& out) {
  out.Double(evidence.jaccard);
  out.Double(evidence.containment);
  out.Double(evidence.reverse_containment);
  out.Double(evidence.cosine);
  out.Varint(evidence.shared_shingles);
  out.Varint(evidence.query_shingles);
  out.Varint(evidence.match_shingles);
  out.Varint(evidence.shared_numbers.has_value() ? 1 : 0);
  if (evidence.shared_numbers.has_value()) out.Double(*evidence.shared_numbers);
  out.Varint(evidence.query_boilerplate);
  out.Varint(evidence.match_boilerplate);
  out.Varint(evidence.shared_boilerplate);
  out.Double(evidence.lede_containment);
  out.Double(evidence.term_cosine);
  out.Double(evidence.score);
}

Evidence DecodeEvidence(Decoder& in) {
  Evidence evidence;
  evidence.jaccard = in.Double();
  evidence.containment = in.Double();
  evidence.reverse_containment = in.Double();
  evidence.cosine = in.Double();
  evidence.shared_shingles = static_cast<int64_t>(in.Varint());
  evidence.query_shingles = static_cast<int64_t>(in.Varint());
  evidence.match_shingles = static_cast<int64_t>(in.Varint());
  if (in.Varint() != 0) evidence.shared_numbers = in.Double();
  evidence.query_boilerplate = static_cast<int64_t>(in.Varint());
  evidence.match_boilerplate = static_cast<int64_t>(in.Varint());
  evidence.shared_boilerplate = static_cast<int64_t>(in.Varint());
  evidence.lede_containment = in.Double();
  evidence.term_cosine = in.Double();
  evidence.score = in.Double();
  return evidence;
}

void EncodeVerdict(const Verdict& verdict, Encoder& out) {
  out.Varint(static_cast<uint64_t>(verdict.relation));
  out.String(verdict.canonical_id);
  out.Varint(verdict.group);
  out.Varint(verdict.short_text ? 1 : 0);
  out.Varint(verdict.matches.size());
  for (const Match& match : verdict.matches) {
    out.Varint(static_cast<uint64_t>(match.relation));
    out.String(match.article.id);
    out.String(match.article.title);
    out.String(match.article.source);
    out.String(match.article.language);
    out.String(match.article.url);
    EncodeOptionalTime(match.article.published_at, out);
    out.Varint(match.group);
    out.String(match.canonical_id);
    EncodeEvidence(match.evidence, out);
  }
}

Verdict DecodeVerdict(Decoder& in) {
  Verdict verdict;
  verdict.relation = static_cast<Relation>(in.Varint());
  verdict.canonical_id = in.String();
  verdict.group = in.Varint();
  verdict.short_text = in.Varint() != 0;
  verdict.matches.resize(in.Count());
  for (Match& match : verdict.matches) {
    match.relation = static_cast<Relation>(in.Varint());
    match.article.id = in.String();
    match.article.title = in.String();
    match.article.source = in.String();
    match.article.language = in.String();
    match.article.url = in.String();
    match.article.published_at = DecodeOptionalTime(in);
    match.group = in.Varint();
    match.canonical_id = in.String();
    match.evidence = DecodeEvidence(in);
  }
  return verdict;
}

void EncodeThresholds(const Thresholds& thresholds, Encoder& out) {
  out.Double(thresholds.near_duplicate_jaccard);
  out.Double(thresholds.duplicate_containment);
  out.Double(thresholds.excerpt_length_ratio);
  out.Varint(thresholds.tokens_min);
  out.Double(thresholds.template_jaccard);
  out.Double(thresholds.template_shared_numbers);
  out.Varint(thresholds.template_numbers_min);
  out.Double(thresholds.related_score_min);
  out.Varint(absl::ToInt64Seconds(thresholds.revision_window));
  out.Varint(thresholds.boilerplate_articles_min);
  out.Varint(thresholds.boilerplate_source_articles_min);
  out.Varint(thresholds.footer_shingles_max);
  out.Double(thresholds.lede_containment_min);
}

Thresholds DecodeThresholds(Decoder& in) {
  Thresholds thresholds;
  thresholds.near_duplicate_jaccard = in.Double();
  thresholds.duplicate_containment = in.Double();
  thresholds.excerpt_length_ratio = in.Double();
  thresholds.tokens_min = static_cast<int>(in.Varint());
  thresholds.template_jaccard = in.Double();
  thresholds.template_shared_numbers = in.Double();
  thresholds.template_numbers_min = static_cast<int>(in.Varint());
  thresholds.related_score_min = in.Double();
  thresholds.revision_window = absl::Seconds(static_cast<int64_t>(in.Varint()));
  thresholds.boilerplate_articles_min = static_cast<int>(in.Varint());
  thresholds.boilerplate_source_articles_min = static_cast<int>(in.Varint());
  thresholds.footer_shingles_max = static_cast<int>(in.Varint());
  thresholds.lede_containment_min = in.Double();
  return thresholds;
}

void EncodeWithdrawal(const std::optional<Withdrawal>& withdrawal, Encoder& out) {
  out.Varint(withdrawal.has_value() ? 1 : 0);
  if (!withdrawal.has_value()) return;
  out.String(withdrawal->article_id);
  out.Varint(static_cast<uint64_t>(withdrawal->reason));
  out.String(withdrawal->note);
  out.String(withdrawal->replacement_id);
  out.Time(withdrawal->withdrawn_at);
}

std::optional<Withdrawal> DecodeWithdrawal(Decoder& in) {
  if (in.Varint() == 0) return std::nullopt;
  Withdrawal withdrawal;
  withdrawal.article_id = in.String();
  withdrawal.reason = static_cast<WithdrawalReason>(in.Varint());
  withdrawal.note = in.String();
  withdrawal.replacement_id = in.String();
  withdrawal.withdrawn_at = in.Time();
  return withdrawal;
}

void EncodeEntries(const std::vector<BoilerplateRecord::Entry>& entries, Encoder& out) {
  out.Varint(entries.size());
  for (const BoilerplateRecord::Entry& entry : entries) {
    out.Fixed32(entry.key);
    out.Varint(entry.value);
  }
}

std::vector<BoilerplateRecord::Entry> DecodeEntries(Decoder& in) {
  std::vector<BoilerplateRecord::Entry> entries(in.Count());
  for (BoilerplateRecord::Entry& entry : entries) {
    entry.key = in.Fixed32();
    entry.value = static_cast<uint32_t>(in.Varint());
  }
  return entries;
}

void EncodeEmbedding(const EmbeddingSettings& embedding, Encoder& out) {
  out.String(embedding.embedder);
  out.String(embedding.identity);
  out.Varint(embedding.dimension);
  out.Varint(embedding.generation);
  out.Time(embedding.chosen_at);
}

EmbeddingSettings DecodeEmbedding(Decoder& in) {
  EmbeddingSettings embedding;
  embedding.embedder = in.String();
  embedding.identity = in.String();
  embedding.dimension = static_cast<int>(in.Varint());
  embedding.generation = static_cast<uint32_t>(in.Varint());
  embedding.chosen_at = in.Time();
  return embedding;
}

// An age of 0 seconds stands for any age.
void EncodeRetention(const Retention& retention, Encoder& out) {
  const bool limited = retention.age < absl::InfiniteDuration();
  out.Varint(limited ? absl::ToInt64Seconds(retention.age) : 0);
  out.Varint(retention.articles_max);
}

Retention DecodeRetention(Decoder& in) {
  Retention retention;
  const auto seconds = static_cast<int64_t>(in.Varint());
  if (seconds > 0) retention.age = absl::Seconds(seconds);
  retention.articles_max = static_cast<int64_t>(in.Varint());
  return retention;
}

}  // namespace

std::string Encode(const CollectionRecord& record) {
  Encoder out;
  Begin(out, kCollectionVersion);
  out.Varint(record.uid);
  out.String(record.settings.name);
  out.Varint(record.settings.omit_text ? 1 : 0);
  out.Varint(record.settings.shingle_words);
  EncodeThresholds(record.settings.thresholds, out);
  out.Varint(static_cast<uint64_t>(record.settings.canonical_policy));
  out.Varint(record.settings.source_priority.size());
  for (const std::string& source : record.settings.source_priority) out.String(source);
  out.String(record.settings.fingerprint_scheme);
  out.Time(record.settings.created_at);
  EncodeEmbedding(record.embedding, out);
  out.Varint(record.next_embedding.has_value() ? 1 : 0);
  if (record.next_embedding.has_value()) EncodeEmbedding(*record.next_embedding, out);
  out.Varint(static_cast<uint64_t>(record.settings.durability));
  EncodeRetention(record.settings.retention, out);
  return out.Take();
}

absl::StatusOr<CollectionRecord> DecodeCollection(absl::string_view bytes) {
  Decoder in(bytes);
  const absl::StatusOr<uint64_t> version = ReadVersion(in, "collection", kCollectionVersion);
  if (!version.ok()) return version.status();
  CollectionRecord record;
  record.uid = static_cast<uint32_t>(in.Varint());
  record.settings.name = in.String();
  record.settings.omit_text = in.Varint() != 0;
  record.settings.shingle_words = static_cast<int>(in.Varint());
  record.settings.thresholds = DecodeThresholds(in);
  record.settings.canonical_policy = static_cast<CanonicalPolicy>(in.Varint());
  record.settings.source_priority.resize(in.Count());
  for (std::string& source : record.settings.source_priority) source = in.String();
  record.settings.fingerprint_scheme = in.String();
  record.settings.created_at = in.Time();
  record.embedding = DecodeEmbedding(in);
  if (in.Varint() != 0) record.next_embedding = DecodeEmbedding(in);
  if (*version >= 2) {
    record.settings.durability = static_cast<Durability>(in.Varint());
    record.settings.retention = DecodeRetention(in);
  }
  return Finish(in, "collection", std::move(record));
}

std::string Encode(const CollectionState& record) {
  Encoder out;
  Begin(out, kStateVersion);
  out.Varint(record.next_ordinal);
  out.Varint(record.next_group);
  out.Varint(record.sequence);
  out.Varint(record.oldest_request);
  out.Varint(record.next_request);
  out.Varint(record.articles);
  out.Varint(record.groups);
  out.Varint(record.oldest_change);
  out.Varint(record.next_change);
  out.Varint(record.relations.size());
  for (const uint64_t count : record.relations) out.Varint(count);
  out.Varint(record.embeddings_pending);
  out.Varint(record.next_reembedded);
  out.Varint(record.reembedded_without_text);
  out.Varint(record.articles_expired);
  return out.Take();
}

absl::StatusOr<CollectionState> DecodeState(absl::string_view bytes) {
  Decoder in(bytes);
  const absl::StatusOr<uint64_t> version = ReadVersion(in, "state", kStateVersion);
  if (!version.ok()) return version.status();
  CollectionState record;
  record.next_ordinal = static_cast<Ordinal>(in.Varint());
  record.next_group = in.Varint();
  record.sequence = in.Varint();
  record.oldest_request = in.Varint();
  record.next_request = in.Varint();
  record.articles = in.Varint();
  record.groups = in.Varint();
  record.oldest_change = in.Varint();
  record.next_change = in.Varint();
  if (in.Count() != record.relations.size())
    return absl::DataLossError("store: damaged state record");
  for (uint64_t& count : record.relations) count = in.Varint();
  record.embeddings_pending = in.Varint();
  record.next_reembedded = static_cast<Ordinal>(in.Varint());
  record.reembedded_without_text = in.Varint();
  if (*version >= 2) record.articles_expired = in.Varint();
  return Finish(in, "state", std::move(record));
}

absl::Time ArticleTime(std::optional<absl::Time> published_at, absl::Time ingested_at) {
  const absl::Time time = std::min(published_at.value_or(ingested_at), ingested_at);
  return absl::FromUnixMicros(absl::ToUnixMicros(time));
}

absl::Time ArticleTime(const ArticleRecord& record) {
  return ArticleTime(record.article.published_at, record.ingested_at);
}

std::string Encode(const ArticleRecord& record) {
  Encoder out;
  Begin(out);
  out.String(record.article.id);
  out.String(record.article.title);
  out.String(record.article.language);
  out.String(record.article.source);
  out.String(record.article.url);
  EncodeOptionalTime(record.article.published_at, out);
  out.Varint(record.article.attributes.size());
  for (const auto& [key, value] : record.article.attributes) {
    out.String(key);
    out.String(value);
  }
  out.Hash(record.content_hash);
  out.Hash(record.text_hash);
  out.Varint(record.group);
  out.Varint(record.revision_number);
  out.Varint(record.body_tokens);
  out.Varint(record.body_stored ? 1 : 0);
  out.Varint(record.placed_by_editor ? 1 : 0);
  out.Varint(record.deleted ? 1 : 0);
  out.Time(record.ingested_at);
  EncodeVerdict(record.verdict, out);
  return out.Take();
}

absl::StatusOr<ArticleRecord> DecodeArticle(absl::string_view bytes) {
  Decoder in(bytes);
  if (absl::Status status = CheckBegin(in, "article"); !status.ok()) return status;
  ArticleRecord record;
  record.article.id = in.String();
  record.article.title = in.String();
  record.article.language = in.String();
  record.article.source = in.String();
  record.article.url = in.String();
  record.article.published_at = DecodeOptionalTime(in);
  for (size_t left = in.Count(); left > 0 && in.ok(); --left) {
    std::string key = in.String();
    record.article.attributes[std::move(key)] = in.String();
  }
  record.content_hash = in.Hash();
  record.text_hash = in.Hash();
  record.group = in.Varint();
  record.revision_number = static_cast<int64_t>(in.Varint());
  record.body_tokens = static_cast<int64_t>(in.Varint());
  record.body_stored = in.Varint() != 0;
  record.placed_by_editor = in.Varint() != 0;
  record.deleted = in.Varint() != 0;
  record.ingested_at = in.Time();
  record.verdict = DecodeVerdict(in);
  return Finish(in, "article", std::move(record));
}

std::string Encode(const FingerprintRecord& record) {
  Encoder out;
  Begin(out);
  out.Fixed32s(record.shingles);
  out.Fixed32s(record.lede_shingles);
  out.Fixed32s(record.numbers);
  return out.Take();
}

absl::StatusOr<FingerprintRecord> DecodeFingerprint(absl::string_view bytes) {
  Decoder in(bytes);
  if (absl::Status status = CheckBegin(in, "fingerprint"); !status.ok()) return status;
  FingerprintRecord record;
  record.shingles = in.Fixed32s();
  record.lede_shingles = in.Fixed32s();
  record.numbers = in.Fixed32s();
  return Finish(in, "fingerprint", std::move(record));
}

std::string Encode(const TermsRecord& record) {
  Encoder out;
  Begin(out);
  out.Varint(record.terms.size());
  for (const WeightedTerm& term : record.terms) {
    out.Fixed32(term.term);
    out.Varint(static_cast<uint64_t>(std::lround(term.weight / kTermWeightStep)));
  }
  return out.Take();
}

absl::StatusOr<TermsRecord> DecodeTerms(absl::string_view bytes) {
  TermsRecord record;
  if (absl::Status status = DecodeTerms(bytes, &record.terms); !status.ok()) return status;
  return record;
}

// FindRelated reads hundreds of these records, so the usual terms, whose weight takes one byte, go
// by without a Decoder.
absl::Status DecodeTerms(absl::string_view bytes, std::vector<WeightedTerm>* terms) {
  Decoder in(bytes);
  if (absl::Status status = CheckBegin(in, "terms"); !status.ok()) return status;
  terms->resize(in.Count());
  absl::string_view rest = in.Bytes(in.remaining());
  for (WeightedTerm& term : *terms) {
    constexpr size_t kUsualBytes = sizeof(uint32_t) + 1;
    if (rest.size() >= kUsualBytes && (rest[kUsualBytes - 1] & 0x80) == 0) {
      const auto* byte = reinterpret_cast<const uint8_t*>(rest.data());
      term.term = byte[0] | byte[1] << 8 | byte[2] << 16 | static_cast<uint32_t>(byte[3]) << 24;
      term.weight = static_cast<float>(byte[4]) * kTermWeightStep;
      rest.remove_prefix(kUsualBytes);
      continue;
    }
    Decoder unusual(rest);
    term.term = unusual.Fixed32();
    term.weight = static_cast<float>(unusual.Varint()) * kTermWeightStep;
    if (!unusual.ok()) return absl::DataLossError("store: damaged terms record");
    rest.remove_prefix(rest.size() - unusual.remaining());
  }
  if (in.ok() && rest.empty()) return absl::OkStatus();
  return absl::DataLossError("store: damaged terms record");
}

std::string Encode(const SketchRecord& record) {
  Encoder out;
  Begin(out);
  out.Fixed32s(record.values);
  return out.Take();
}

absl::StatusOr<SketchRecord> DecodeSketch(absl::string_view bytes) {
  Decoder in(bytes);
  if (absl::Status status = CheckBegin(in, "sketch"); !status.ok()) return status;
  SketchRecord record;
  record.values = in.Fixed32s();
  return Finish(in, "sketch", std::move(record));
}

std::string Encode(const GroupRecord& record) {
  Encoder out;
  Begin(out);
  out.Varint(record.canonical);
  out.Varint(record.members);
  out.Varint(record.references.size());
  for (const Ordinal reference : record.references) out.Varint(reference);
  out.Varint(record.canonical_pinned ? 1 : 0);
  out.Varint(record.merged_into);
  EncodeWithdrawal(record.withdrawal, out);
  return out.Take();
}

absl::StatusOr<GroupRecord> DecodeGroup(absl::string_view bytes) {
  Decoder in(bytes);
  if (absl::Status status = CheckBegin(in, "group"); !status.ok()) return status;
  GroupRecord record;
  record.canonical = static_cast<Ordinal>(in.Varint());
  record.members = in.Varint();
  record.references.resize(in.Count());
  for (Ordinal& reference : record.references) reference = static_cast<Ordinal>(in.Varint());
  record.canonical_pinned = in.Varint() != 0;
  record.merged_into = in.Varint();
  record.withdrawal = DecodeWithdrawal(in);
  return Finish(in, "group", std::move(record));
}

std::string Encode(const MemberRecord& record) {
  Encoder out;
  Begin(out, kMemberVersion);
  EncodeOptionalTime(record.published_at, out);
  out.Varint(record.body_tokens);
  out.Varint(record.source_rank);
  out.Time(record.time);
  return out.Take();
}

absl::StatusOr<MemberRecord> DecodeMember(absl::string_view bytes) {
  Decoder in(bytes);
  const absl::StatusOr<uint64_t> version = ReadVersion(in, "member", kMemberVersion);
  if (!version.ok()) return version.status();
  MemberRecord record;
  record.published_at = DecodeOptionalTime(in);
  record.body_tokens = static_cast<int64_t>(in.Varint());
  record.source_rank = static_cast<uint32_t>(in.Varint());
  record.time = *version >= 2 ? in.Time() : absl::InfiniteFuture();
  return Finish(in, "member", record);
}

std::string Encode(const GroupChange& record) {
  Encoder out;
  Begin(out, kChangeVersion);
  out.Varint(record.sequence);
  out.Varint(static_cast<uint64_t>(record.kind));
  out.Varint(record.group);
  out.String(record.article_id);
  out.String(record.canonical_id);
  out.String(record.previous_canonical_id);
  out.Varint(record.other_group);
  out.Varint(record.relation.has_value() ? static_cast<uint64_t>(*record.relation) : 0);
  out.Time(record.changed_at);
  EncodeWithdrawal(record.withdrawal, out);
  out.Varint(record.expired ? 1 : 0);
  return out.Take();
}

absl::StatusOr<GroupChange> DecodeChange(absl::string_view bytes) {
  Decoder in(bytes);
  const absl::StatusOr<uint64_t> version = ReadVersion(in, "group change", kChangeVersion);
  if (!version.ok()) return version.status();
  GroupChange record;
  record.sequence = in.Varint();
  record.kind = static_cast<GroupChangeKind>(in.Varint());
  record.group = in.Varint();
  record.article_id = in.String();
  record.canonical_id = in.String();
  record.previous_canonical_id = in.String();
  record.other_group = in.Varint();
  if (const uint64_t relation = in.Varint(); relation != 0) {
    record.relation = static_cast<Relation>(relation);
  }
  record.changed_at = in.Time();
  record.withdrawal = DecodeWithdrawal(in);
  if (*version >= 2) record.expired = in.Varint() != 0;
  return Finish(in, "group change", std::move(record));
}

std::string Encode(const LessonRecord& record) {
  Encoder out;
  Begin(out);
  out.Fixed32(record.source);
  out.Varint(record.shingles.has_value() ? 1 : 0);
  if (record.shingles.has_value()) out.Fixed32s(*record.shingles);
  return out.Take();
}

absl::StatusOr<LessonRecord> DecodeLesson(absl::string_view bytes) {
  Decoder in(bytes);
  if (absl::Status status = CheckBegin(in, "lesson"); !status.ok()) return status;
  LessonRecord record;
  record.source = in.Fixed32();
  if (in.Varint() != 0) record.shingles = in.Fixed32s();
  return Finish(in, "lesson", std::move(record));
}

std::string Encode(const BoilerplateRecord& record) {
  Encoder out;
  Begin(out);
  out.Varint(record.generation);
  out.Varint(record.first_lesson);
  EncodeEntries(record.counts, out);
  EncodeEntries(record.learned, out);
  return out.Take();
}

absl::StatusOr<BoilerplateRecord> DecodeBoilerplate(absl::string_view bytes) {
  Decoder in(bytes);
  if (absl::Status status = CheckBegin(in, "boilerplate"); !status.ok()) return status;
  BoilerplateRecord record;
  record.generation = in.Varint();
  record.first_lesson = static_cast<Ordinal>(in.Varint());
  record.counts = DecodeEntries(in);
  record.learned = DecodeEntries(in);
  return Finish(in, "boilerplate", std::move(record));
}

std::string Encode(const RequestRecord& record) {
  Encoder out;
  Begin(out, kRequestVersion);
  out.Varint(static_cast<uint64_t>(record.kind));
  out.String(record.article_id);
  out.Hash(record.content_hash);
  EncodeVerdict(record.verdict, out);
  out.Varint(record.verdict.expired ? 1 : 0);
  return out.Take();
}

absl::StatusOr<RequestRecord> DecodeRequest(absl::string_view bytes) {
  Decoder in(bytes);
  const absl::StatusOr<uint64_t> version = ReadVersion(in, "request", kRequestVersion);
  if (!version.ok()) return version.status();
  RequestRecord record;
  record.kind = static_cast<RequestRecord::Kind>(in.Varint());
  record.article_id = in.String();
  record.content_hash = in.Hash();
  record.verdict = DecodeVerdict(in);
  if (*version >= 2) record.verdict.expired = in.Varint() != 0;
  return Finish(in, "request", std::move(record));
}

std::string Encode(const PendingRecord& record) {
  Encoder out;
  Begin(out);
  out.String(record.title);
  out.String(record.body);
  return out.Take();
}

absl::StatusOr<PendingRecord> DecodePending(absl::string_view bytes) {
  Decoder in(bytes);
  if (absl::Status status = CheckBegin(in, "pending"); !status.ok()) return status;
  PendingRecord record;
  record.title = in.String();
  record.body = in.String();
  return Finish(in, "pending", std::move(record));
}

}  // namespace newsprint::store
