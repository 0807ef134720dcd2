// An article as it arrives to all that deciding about it needs. Pure: no locks, no store.
#ifndef NEWSPRINT_SERVICE_ENGINE_PREPARE_H_
#define NEWSPRINT_SERVICE_ENGINE_PREPARE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "service/common/hash.h"
#include "service/common/types.h"
#include "service/embed/term_projection.h"
#include "service/embed/term_weights.h"
#include "service/sketch/bottom_k.h"
#include "service/store/records.h"

namespace newsprint {

struct PreparedArticle {
  Article article;       // repaired to well-formed UTF-8; without embedding, which is `vector` now
  Hash128 content_hash;  // of title, body and the caller's embedding
  Hash128 text_hash;     // of the normalised tokens of title and body
  int64_t body_tokens = 0;
  // Fewer distinct shingles than `tokens_min` different words have: matches only exactly.
  bool short_text = false;
  store::FingerprintRecord fingerprint;
  // Those of the shingles that were boilerplate when the collection was asked; ascending. Not set
  // by Prepare.
  std::vector<uint32_t> boilerplate;
  sketch::Sketch sketch;
  std::vector<float> vector;  // of length 1, or all zeros
  store::TermsRecord terms;   // empty when the caller brought the vector
};

// The scheme string of a collection: what two fingerprints must have in common to compare.
std::string FingerprintScheme(int shingle_words);

// Scales `vector` to length 1. INVALID_ARGUMENT, naming `field`, unless it has `dimension` finite
// values that are not all zero.
absl::Status NormaliseVector(absl::string_view field, int dimension, std::vector<float>* vector);

// What prepares articles of all collections with built-in vectors. Immutable.
struct BuiltInEmbedding {
  embed::TermWeights weights;
  embed::TermProjection projection{};
};

// Thread-safe; `embedding` must outlive it, and is null in collections whose callers bring the
// vectors.
class Preparer {
 public:
  Preparer(const CollectionSettings& settings, const BuiltInEmbedding* embedding);

  // INVALID_ARGUMENT for a vector or fingerprint that does not fit the collection, or a missing
  // vector.
  absl::StatusOr<PreparedArticle> Prepare(Article article) const;
  // What Prepare makes of the same article when this stands in place of its text.
  absl::StatusOr<Fingerprint> ComputeFingerprint(Article article) const;
  // Whether a fingerprint of so many distinct shingles is too short to match but exactly.
  bool IsShort(size_t shingles) const {
    return shingles + static_cast<size_t>(shingle_words_) - 1 < static_cast<size_t>(tokens_min_);
  }

 private:
  absl::StatusOr<PreparedArticle> PrepareText(Article article) const;
  absl::StatusOr<PreparedArticle> PrepareFingerprint(Article article) const;

  const std::string scheme_;
  const std::string embedder_;
  const int shingle_words_;
  const int dimension_;
  const int tokens_min_;
  const BuiltInEmbedding* const embedding_;
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_PREPARE_H_
