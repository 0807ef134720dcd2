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

struct Article {
  std::string id;
  std::string title;
  std::string body;
  std::string language;
  std::string source;
  std::string url;
  std::optional<absl::Time> published_at;
  std::map<std::string, std::string> attributes;
  std::vector<float> embedding;  // empty, or the collection's dimension
};

// A term of an article, by the low 32 bits of its hash, and its share in the article's subject.
struct WeightedTerm {
  uint32_t term = 0;
  float weight = 0;
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
};

// See Thresholds in article.proto for what each decides; docs/decision.md for why it is what it is.
struct Thresholds {
  double near_duplicate_jaccard = 0.30;
  double duplicate_containment = 0.60;
  double excerpt_length_ratio = 0.85;
  int tokens_min = 20;
  double template_jaccard = 0.10;
  double template_shared_numbers = 0.50;
  int template_numbers_min = 4;
  double related_cosine = 0.18;
  absl::Duration revision_window = absl::Hours(48);
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
};

// What the service holds about a stored article beside its content.
struct ArticleState {
  GroupNumber group = 0;
  std::string canonical_id;
  Relation relation = Relation::kNew;
  absl::Time ingested_at;
  int64_t revision_number = 1;
  int64_t body_tokens = 0;
};

// A collection's settings, fixed at its creation.
struct CollectionSettings {
  std::string name;
  bool omit_text = false;
  int shingle_words = 5;
  int embedding_dimension = 256;
  bool caller_embeddings = false;
  Thresholds thresholds;
  std::string fingerprint_scheme;
  std::string embedder;
  absl::Time created_at;
};

struct CollectionStats {
  int64_t articles = 0;
  int64_t groups = 0;
  std::array<int64_t, kRelationCount> relations{};
  int64_t fingerprint_index_bytes = 0;
  int64_t vector_index_bytes = 0;
  int64_t store_bytes = 0;
  int64_t sequence = 0;
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_COMMON_TYPES_H_
