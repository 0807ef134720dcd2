// What is stored, and its encoding. Every record begins with a version byte;
// docs/storage-format.md describes each field by field.
#ifndef NEWSPRINT_SERVICE_STORE_RECORDS_H_
#define NEWSPRINT_SERVICE_STORE_RECORDS_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/common/hash.h"
#include "service/common/types.h"

namespace newsprint::store {

// Version of the whole layout: keys, column families, records. A server refuses a data folder with
// a higher one.
inline constexpr uint32_t kFormatVersion = 1;

struct CollectionRecord {
  uint32_t uid = 0;  // from 1, never used again
  CollectionSettings settings;
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
  std::array<uint64_t, kRelationCount> relations{};  // of the articles stored now
};

struct ArticleRecord {
  Article article;  // without body and embedding; without title in collections that keep no text
  Hash128 content_hash;  // of the title, body and embedding as sent
  Hash128 text_hash;     // of the normalised tokens
  GroupNumber group = 0;
  int64_t revision_number = 1;
  int64_t body_tokens = 0;
  absl::Time ingested_at;
  Verdict verdict;  // as answered when the present content was ingested
};

// What verification needs. Both sorted, without repeats.
struct FingerprintRecord {
  std::vector<uint32_t> shingles;  // low 32 bits of the shingle hashes
  std::vector<uint32_t> numbers;   // low 32 bits of the tokens that are numbers
};

struct GroupRecord {
  Ordinal canonical = 0;
  uint64_t members = 0;
};

// An operation that was answered under a request id.
struct RequestRecord {
  enum class Kind : uint8_t { kIngest = 1, kDelete = 2 };
  Kind kind = Kind::kIngest;
  std::string article_id;
  Hash128 content_hash;  // kIngest
  Verdict verdict;       // kIngest: the answer; kDelete: group and canonical_id of the answer
};

// The heaviest terms of an article, sorted by term. Weights are kept to 1 / 65,535.
struct TermsRecord {
  std::vector<WeightedTerm> terms;
};

std::string Encode(const CollectionRecord& record);
std::string Encode(const CollectionState& record);
std::string Encode(const ArticleRecord& record);
std::string Encode(const FingerprintRecord& record);
std::string Encode(const TermsRecord& record);
std::string Encode(const GroupRecord& record);
std::string Encode(const RequestRecord& record);

// DATA_LOSS when the bytes are damaged or of a version that this server does not know.
absl::StatusOr<CollectionRecord> DecodeCollection(absl::string_view bytes);
absl::StatusOr<CollectionState> DecodeState(absl::string_view bytes);
absl::StatusOr<ArticleRecord> DecodeArticle(absl::string_view bytes);
absl::StatusOr<FingerprintRecord> DecodeFingerprint(absl::string_view bytes);
absl::StatusOr<TermsRecord> DecodeTerms(absl::string_view bytes);
absl::StatusOr<GroupRecord> DecodeGroup(absl::string_view bytes);
absl::StatusOr<RequestRecord> DecodeRequest(absl::string_view bytes);

}  // namespace newsprint::store

#endif  // NEWSPRINT_SERVICE_STORE_RECORDS_H_
