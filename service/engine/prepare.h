// An article as it arrives to all that deciding about it needs. No locks, no store; pure but for
// embedders that ask another server.
#ifndef NEWSPRINT_SERVICE_ENGINE_PREPARE_H_
#define NEWSPRINT_SERVICE_ENGINE_PREPARE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "service/common/call_times.h"
#include "service/common/hash.h"
#include "service/common/types.h"
#include "service/embed/heavy_terms.h"
#include "service/engine/embedding.h"
#include "service/sketch/bottom_k.h"
#include "service/store/records.h"
#include "service/text/tokenizer.h"

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
  // Whether the next two have been made: not by PrepareText().
  bool has_subject = false;
  store::TermsRecord terms;
  // Of length 1, or all zeros for a text without a word that counts. Empty when it was not asked
  // for, or the embedding server did not answer.
  std::vector<float> vector;
  uint32_t generation = 0;  // of `vector`: as EmbeddingSettings
};

// The scheme string of a collection: what two fingerprints must have in common to compare.
std::string FingerprintScheme(int shingle_words);

// Scales `vector` to length 1. INVALID_ARGUMENT, naming `field`, unless it has `dimension` finite
// values that are not all zero.
absl::Status NormaliseVector(absl::string_view field, int dimension, std::vector<float>* vector);

// Whether an embedding server is asked for the vector of an article.
enum class RemoteVector { kAsk, kLeaveOut };

// Thread-safe. `general` must outlive it.
class Preparer {
 public:
  Preparer(const CollectionSettings& settings, const embed::GeneralTerms* general);

  // INVALID_ARGUMENT for a vector or fingerprint that does not fit the collection, or a missing
  // vector. An embedding server that does not answer is no error: the vector stays empty, and
  // `problem`, where given, says why.
  absl::StatusOr<PreparedArticle> Prepare(Article article, const Embedding& embedding,
                                          RemoteVector remote_vector,
                                          absl::Status* problem = nullptr) const;
  // All of that but terms and vector: what finds copies and tells how they relate, in a third of
  // the time. The same errors; a vector of the caller's is checked and kept.
  absl::StatusOr<PreparedArticle> PrepareText(Article article, const Embedding& embedding) const;
  // Adds what PrepareText() left out to an article that has its title and body still, with
  // `problem` as in Prepare(). `embedding` may be another than then, and `generation` becomes its
  // own, unless the vector is the caller's. Does nothing when nothing is missing.
  void Complete(const Embedding& embedding, RemoteVector remote_vector, PreparedArticle* prepared,
                absl::Status* problem = nullptr) const;
  // What Prepare makes of the same article when this stands in place of its text. The errors of an
  // embedding server are errors here.
  absl::StatusOr<Fingerprint> ComputeFingerprint(Article article, const Embedding& embedding) const;
  // Vectors of stored texts, in their order.
  static absl::StatusOr<std::vector<std::vector<float>>> Embed(
      absl::Span<const store::PendingRecord> texts, const Embedding& embedding);
  // Whether a fingerprint of so many distinct shingles is too short to match but exactly.
  bool IsShort(size_t shingles) const {
    return shingles + static_cast<size_t>(shingle_words_) - 1 < static_cast<size_t>(tokens_min_);
  }

 private:
  struct Tokens {
    void Read(const Article& article);

    std::vector<text::Token> title;
    std::vector<text::Token> body;
  };

  absl::StatusOr<PreparedArticle> MakeText(Article article, const Embedding& embedding,
                                           Tokens* tokens) const;
  // `timer` stands at Step::kNormalise, and then at Step::kSketch.
  absl::StatusOr<PreparedArticle> MakeFingerprint(Article article, const Embedding& embedding,
                                                  Tokens* tokens, StepTimer* timer) const;
  void MakeSubject(const Tokens& tokens, const Embedding& embedding, RemoteVector remote_vector,
                   PreparedArticle* prepared, absl::Status* problem) const;
  absl::StatusOr<PreparedArticle> PrepareFingerprint(Article article,
                                                     const Embedding& embedding) const;

  const std::string scheme_;
  const int shingle_words_;
  const int tokens_min_;
  const embed::GeneralTerms* const general_;
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_PREPARE_H_
