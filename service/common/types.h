// The plain data that the service is about. proto/newsprint/v1/article.proto says what each field
// means to a caller; here stand units and what differs.
#ifndef NEWSPRINT_SERVICE_COMMON_TYPES_H_
#define NEWSPRINT_SERVICE_COMMON_TYPES_H_

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace newsprint {

// Number of an article within its collection, in the order of first ingestion, from 0. Never used
// again after a deletion.
using Ordinal = uint32_t;

// Number of a group within its collection, from 1. Never used again.
using GroupNumber = uint64_t;

// Stored: the numbers must not change.
enum class Relation : uint8_t {
  kNew = 1,
  kExact = 2,
  kNearDuplicate = 3,
  kExcerpt = 4,
  kExtension = 5,
  kRevision = 6,
  kTemplate = 7,
  kRelated = 8,
};
inline constexpr int kRelationCount = 9;  // counts are indexed by the number; 0 is not used

// "new", "near_duplicate" and so on.
absl::string_view RelationName(Relation relation);

// Whether an article of this relation belongs into the group of the other.
bool IsDuplicate(Relation relation);

// A term of an article, by 32 bits of its hash, and how much the article speaks of it: 1 + ln of
// its count, whatever the rarity of the term. In steps, as it is stored.
struct WeightedTerm {
  uint32_t term = 0;
  float weight = 0;
};
inline constexpr float kTermWeightStep = 1.0f / 16;

// See Fingerprint in article.proto.
struct Fingerprint {
  std::string scheme;
  std::string text_hash;  // 16 bytes
  int64_t body_tokens = 0;
  std::vector<uint32_t> shingles;       // ascending, as are the next two
  std::vector<uint32_t> lede_shingles;  // a subset of `shingles`
  std::vector<uint32_t> numbers;
  std::vector<WeightedTerm> terms;  // ascending by term
  std::vector<float> vector;        // of length 1 or 0
  std::string embedder;
};

struct Article {
  std::string id;
  std::string title;
  std::string body;
  std::string language;
  std::string source;
  std::string url;
  std::optional<absl::Time> published_at;
  std::map<std::string, std::string> attributes;
  std::vector<float> embedding;            // of the caller, in collections that want it
  std::optional<Fingerprint> fingerprint;  // in place of body and embedding
};

// See Evidence in article.proto.
struct Evidence {
  double jaccard = 0;
  double containment = 0;
  double reverse_containment = 0;
  double cosine = 0;
  int64_t shared_shingles = 0;
  int64_t query_shingles = 0;
  int64_t match_shingles = 0;
  std::optional<double> shared_numbers;
  int64_t query_boilerplate = 0;
  int64_t match_boilerplate = 0;
  int64_t shared_boilerplate = 0;
  double lede_containment = 0;
  double term_cosine = 0;
  double score = 0;
};

// See Thresholds in article.proto for what each decides; docs/decision.md for why it is what it is.
struct Thresholds {
  double near_duplicate_jaccard = 0.30;
  double duplicate_containment = 0.60;
  double excerpt_length_ratio = 0.85;
  int tokens_min = 20;
  double template_jaccard = 0.10;
  double template_shared_numbers = 0.50;
  int template_numbers_min = 2;
  double related_score_min = 0.50;
  absl::Duration revision_window = absl::Hours(48);
  int boilerplate_articles_min = 20;
  int boilerplate_source_articles_min = 5;
  int footer_shingles_max = 200;
  double lede_containment_min = 0.20;
};

// Stored: the numbers must not change.
enum class WithdrawalReason : uint8_t { kKilled = 1, kCorrected = 2 };

// See Withdrawal in article.proto.
struct Withdrawal {
  std::string article_id;
  WithdrawalReason reason = WithdrawalReason::kKilled;
  std::string note;
  std::string replacement_id;
  absl::Time withdrawn_at;
};

// An article as one line of a list.
struct ArticleSummary {
  std::string id;
  std::string title;
  std::string source;
  std::string language;
  std::string url;
  std::optional<absl::Time> published_at;
};

struct Match {
  Relation relation = Relation::kNew;
  ArticleSummary article;
  GroupNumber group = 0;
  std::string canonical_id;
  Evidence evidence;
};

struct Verdict {
  Relation relation = Relation::kNew;
  std::string canonical_id;
  GroupNumber group = 0;
  std::vector<Match> matches;  // best first
  bool replayed = false;
  bool short_text = false;
  std::optional<Withdrawal> withdrawal;  // of the group, when it affects the article
  bool embedding_pending = false;
  bool expired = false;  // it came too late to be kept
};

// What the service holds about a stored article beside its content.
struct ArticleState {
  GroupNumber group = 0;
  std::string canonical_id;
  Relation relation = Relation::kNew;
  absl::Time ingested_at;
  int64_t revision_number = 1;
  int64_t body_tokens = 0;
  bool text_stored = false;
  std::optional<Withdrawal> withdrawal;
  bool embedding_pending = false;
};

// Stored: the numbers must not change. See GroupChangeKind in cluster_service.proto.
enum class GroupChangeKind : uint8_t {
  kCreated = 1,
  kJoined = 2,
  kLeft = 3,
  kCanonicalChanged = 4,
  kMerged = 5,
  kWithdrawn = 6,
  kReinstated = 7,
  kEnded = 8,
};

// See GroupChange in cluster_service.proto.
struct GroupChange {
  uint64_t sequence = 0;
  GroupChangeKind kind = GroupChangeKind::kCreated;
  GroupNumber group = 0;
  std::string article_id;
  std::string canonical_id;
  std::string previous_canonical_id;
  GroupNumber other_group = 0;       // 0: none
  std::optional<Relation> relation;  // absent: moved by an editor, or not a joining
  absl::Time changed_at;
  std::optional<Withdrawal> withdrawal;
  bool expired = false;  // kLeft: by the collection's retention
};

// Stored: the numbers must not change. See CanonicalPolicy in admin_service.proto.
enum class CanonicalPolicy : uint8_t {
  kFirstIngested = 1,
  kEarliestPublished = 2,
  kSourcePriority = 3,
  kLongest = 4,
};

// When a write is acknowledged. Stored: the numbers must not change. See Durability in
// admin_service.proto.
enum class Durability : uint8_t { kSync = 1, kAsync = 2 };

// How long articles are kept. See Retention in admin_service.proto.
struct Retention {
  absl::Duration age = absl::InfiniteDuration();
  int64_t articles_max = 0;  // 0: any number
};

// A collection's settings. All but durability and retention are fixed at its creation.
struct CollectionSettings {
  std::string name;
  bool omit_text = false;
  int shingle_words = 5;
  Thresholds thresholds;
  CanonicalPolicy canonical_policy = CanonicalPolicy::kFirstIngested;
  std::vector<std::string> source_priority;
  std::string fingerprint_scheme;
  absl::Time created_at;
  Durability durability = Durability::kSync;
  Retention retention;
};

// What makes a collection's vectors.
struct EmbeddingSettings {
  std::string embedder;     // its name
  std::string identity;     // vectors of different identities do not compare
  int dimension = 0;        // values in a vector
  uint32_t generation = 1;  // of vectors in the store, one more with each change of embedder
  absl::Time chosen_at;     // when the collection was created, or the move to it began
};

// How far a move to another embedder is. See Reembedding in admin_service.proto.
struct ReembeddingProgress {
  EmbeddingSettings to;
  int64_t articles_done = 0;
  int64_t articles = 0;
  int64_t articles_without_text = 0;
  std::string problem;
};

// A collection as the one who asks sees it.
struct CollectionInfo {
  CollectionSettings settings;
  EmbeddingSettings embedding;
  std::optional<ReembeddingProgress> reembedding;
};

struct CollectionStats {
  int64_t articles = 0;
  int64_t groups = 0;
  std::array<int64_t, kRelationCount> relations{};
  int64_t fingerprint_index_bytes = 0;
  int64_t vector_index_bytes = 0;
  int64_t sequence = 0;
  int64_t group_change_sequence = 0;
  int64_t boilerplate_shingles = 0;
  int64_t embeddings_pending = 0;
  int64_t articles_expired = 0;  // so far
  std::optional<absl::Time> oldest_article_at;
  int64_t capped_values = 0;   // of sketches: so many articles have them that they find nobody
  int64_t graph_segments = 0;  // of the vector index
  bool read_only = false;      // until the server is restarted, as an index has failed
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_COMMON_TYPES_H_
