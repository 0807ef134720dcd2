// What is stored, and its encoding. Every record begins with a version byte;
// docs/storage-format.md describes each field by field.
#ifndef NEWSPRINT_SERVICE_STORE_RECORDS_H_
#define NEWSPRINT_SERVICE_STORE_RECORDS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/common/hash.h"
#include "service/common/types.h"

namespace newsprint::store {

// Version of the whole layout: keys, column families, records. A server brings older data folders
// to it, from kUpgradableVersion (upgrade.h) on, and refuses others.
inline constexpr uint32_t kFormatVersion = 4;

struct CollectionRecord {
  uint32_t uid = 0;  // from 1, never used again
  CollectionSettings settings;
  EmbeddingSettings embedding;
  // While the collection moves to another embedder: that one.
  std::optional<EmbeddingSettings> next_embedding;
};

// Counters of a collection; written with every change.
struct CollectionState {
  Ordinal next_ordinal = 0;
  GroupNumber next_group = 1;
  uint64_t sequence = 0;
  uint64_t oldest_request = 0;  // request ids are kept in a ring [oldest_request, next_request)
  uint64_t next_request = 0;
  uint64_t articles = 0;
  uint64_t groups = 0;
  uint64_t oldest_change = 1;  // changes to groups are kept in a ring [oldest_change, next_change)
  uint64_t next_change = 1;
  std::array<uint64_t, kRelationCount> relations{};  // of the articles stored now
  uint64_t embeddings_pending = 0;  // articles whose vector of the present generation is to come
  // While the collection moves to another embedder: all before this one have been looked at, and
  // so many of them had no text.
  Ordinal next_reembedded = 0;
  uint64_t reembedded_without_text = 0;
  uint64_t articles_expired = 0;  // so far
};

struct ArticleRecord {
  // Without body, embedding and fingerprint; without title in collections that keep no text. In the
  // record that is left of a deleted article of a withdrawn story, only the id and `published_at`.
  Article article;
  Hash128 content_hash;  // of the title, body and embedding as sent
  Hash128 text_hash;     // of the normalised tokens
  GroupNumber group = 0;
  int64_t revision_number = 1;
  int64_t body_tokens = 0;
  bool body_stored = false;
  bool placed_by_editor = false;
  bool deleted = false;  // kept for its fingerprint, as its story was withdrawn
  absl::Time ingested_at;
  // As answered when the present content was ingested, without `withdrawal`, which is the group's.
  Verdict verdict;
};

// The time that an article's age counts from, rounded down to the microsecond: when it was
// published, but not later than when it, or its last revision, was ingested.
absl::Time ArticleTime(std::optional<absl::Time> published_at, absl::Time ingested_at);
absl::Time ArticleTime(const ArticleRecord& record);

// What verification needs. All sorted, without repeats.
struct FingerprintRecord {
  std::vector<uint32_t> shingles;       // low 32 bits of the shingle hashes
  std::vector<uint32_t> lede_shingles;  // those of them that begin in the lede
  std::vector<uint32_t> numbers;        // low 32 bits of the tokens that are numbers
};

// What the fingerprint index holds of an article: a bottom-k sketch of its shingles, ascending.
struct SketchRecord {
  std::vector<uint32_t> values;
};

struct GroupRecord {
  Ordinal canonical = 0;  // meaningless without members
  uint64_t members = 0;
  // The articles that later ones are verified against, and that are in the indexes: the one that
  // began the group, copies with much text of their own, and those of groups that were merged in.
  std::vector<Ordinal> references;
  bool canonical_pinned = false;  // by an editor
  GroupNumber merged_into = 0;    // then nothing else counts
  std::optional<Withdrawal> withdrawal;
};

// What the choice of a canonical looks at, for each member.
struct MemberRecord {
  std::optional<absl::Time> published_at;
  int64_t body_tokens = 0;
  uint32_t source_rank = 0;  // place in the collection's source_priority; its size when not there
  absl::Time time;           // ArticleTime; InfiniteFuture in version 1, which does not say
};

// What one article taught about boilerplate (engine/boilerplate.h).
struct LessonRecord {
  uint32_t source = 0;  // hash; 0: unknown
  // The shingles, or nothing while they are those of the article's fingerprint.
  std::optional<std::vector<uint32_t>> shingles;
};

// What is known of boilerplate at the beginning of a generation.
struct BoilerplateRecord {
  struct Entry {
    uint32_t key = 0;
    uint32_t value = 0;
  };
  uint64_t generation = 0;
  Ordinal first_lesson = 0;    // of this generation; lessons are kept from it on
  std::vector<Entry> counts;   // articles that have a shingle; ascending by key, as is the next
  std::vector<Entry> learned;  // generation in which it was last seen
};

// An operation that was answered under a request id.
struct RequestRecord {
  enum class Kind : uint8_t { kIngest = 1, kDelete = 2, kSplit = 3 };
  Kind kind = Kind::kIngest;
  std::string article_id;  // kSplit: the first of the articles that were moved
  Hash128 content_hash;    // kIngest; kSplit: of all the ids
  // kIngest: the answer; kDelete: group and canonical_id of the answer; kSplit: the new group.
  Verdict verdict;
};

// An article's place in the order of expiry.
struct TimePlace {
  absl::Time time;  // ArticleTime
  Ordinal ordinal = 0;
};

// The heaviest terms of an article, sorted by term.
struct TermsRecord {
  std::vector<WeightedTerm> terms;
};

// An article whose vector is to be filled in, with what it is to be made from where the collection
// keeps no text.
struct PendingRecord {
  std::string title;
  std::string body;
};

std::string Encode(const CollectionRecord& record);
std::string Encode(const CollectionState& record);
std::string Encode(const ArticleRecord& record);
std::string Encode(const FingerprintRecord& record);
std::string Encode(const TermsRecord& record);
std::string Encode(const SketchRecord& record);
std::string Encode(const GroupRecord& record);
std::string Encode(const MemberRecord& record);
std::string Encode(const GroupChange& record);
std::string Encode(const LessonRecord& record);
std::string Encode(const BoilerplateRecord& record);
std::string Encode(const RequestRecord& record);
std::string Encode(const PendingRecord& record);

// DATA_LOSS when the bytes are damaged or of a version that this server does not know.
absl::StatusOr<CollectionRecord> DecodeCollection(absl::string_view bytes);
absl::StatusOr<CollectionState> DecodeState(absl::string_view bytes);
absl::StatusOr<ArticleRecord> DecodeArticle(absl::string_view bytes);
absl::StatusOr<FingerprintRecord> DecodeFingerprint(absl::string_view bytes);
absl::StatusOr<TermsRecord> DecodeTerms(absl::string_view bytes);
// The same into memory that is there already. On an error `terms` is undefined.
absl::Status DecodeTerms(absl::string_view bytes, std::vector<WeightedTerm>* terms);
absl::StatusOr<SketchRecord> DecodeSketch(absl::string_view bytes);
absl::StatusOr<GroupRecord> DecodeGroup(absl::string_view bytes);
absl::StatusOr<MemberRecord> DecodeMember(absl::string_view bytes);
absl::StatusOr<GroupChange> DecodeChange(absl::string_view bytes);
absl::StatusOr<LessonRecord> DecodeLesson(absl::string_view bytes);
absl::StatusOr<BoilerplateRecord> DecodeBoilerplate(absl::string_view bytes);
absl::StatusOr<RequestRecord> DecodeRequest(absl::string_view bytes);
absl::StatusOr<PendingRecord> DecodePending(absl::string_view bytes);

}  // namespace newsprint::store

#endif  // NEWSPRINT_SERVICE_STORE_RECORDS_H_
