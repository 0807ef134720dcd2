// Static embedding models in the folders that Model2Vec writes (github.com/MinishLab/model2vec).
#ifndef NEWSPRINT_SERVICE_EMBED_MODEL2VEC_H_
#define NEWSPRINT_SERVICE_EMBED_MODEL2VEC_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "service/embed/embedder.h"
#include "service/embed/safetensors.h"
#include "service/embed/wordpiece.h"

namespace newsprint::embed {

// The three files of a model.
struct Model2VecFiles {
  std::string config;     // config.json
  std::string model;      // model.safetensors
  std::string tokenizer;  // tokenizer.json
};

// An article's vector is the mean of the vectors of its tokens, scaled to length 1: what the Python
// library's StaticModel.encode gives for the plain text of title and body with a line feed between
// them, but for rounding (sums are of floats) and for texts that `padding` in tokenizer.json would
// change there. So, like there, only the beginning of an article counts: kTokensMax tokens that are
// in the vocabulary, and kTokensMax times the median length of a token in characters.
//
// Thread-safe. The table stays in memory in the type that the file has, 30 MB for 30,000 tokens of
// 256 F32 values. Files may change or go once they are loaded.
class Model2VecEmbedder final : public Embedder {
 public:
  static constexpr size_t kTokensMax = 512;
  static constexpr size_t kDimensionMin = 8, kDimensionMax = 4096, kDimensionStep = 8;
  static constexpr size_t kConfigBytesMax = 1u << 20;
  static constexpr size_t kModelBytesMax = size_t{4} << 30;
  static constexpr size_t kNameBytesMax = 100;
  // Of a value and of a weight. Their products can be summed without overflow.
  static constexpr float kMagnitudeMax = 1e15f;

  // Reads the folder's config.json, model.safetensors and tokenizer.json. NOT_FOUND when one is
  // absent, PERMISSION_DENIED and the like when it cannot be read, else as Create. Messages begin
  // with the path of the file, then name the field.
  static absl::StatusOr<std::unique_ptr<Model2VecEmbedder>> Load(const std::string& folder);

  // `name` becomes part of the identity: up to kNameBytesMax ASCII letters, digits and any of
  // "._+-", and neither "." nor "..". INVALID_ARGUMENT for a model that is broken or not supported:
  // a table whose rows are not as many as tokens (or, with a mapping, that this leads out of),
  // another dimension than a multiple of 8 from 8 to 4096, values that are not finite or beyond
  // kMagnitudeMax, nothing but zeros; and what Safetensors::Parse and ParseTokenizerJson refuse.
  static absl::StatusOr<std::unique_ptr<Model2VecEmbedder>> Create(absl::string_view name,
                                                                   Model2VecFiles files);

  // "model2vec/NAME/HASH", the hash of the files' bytes.
  const std::string& identity() const override { return identity_; }
  int dimension() const override { return static_cast<int>(dimension_); }
  absl::Status Embed(absl::Span<const EmbedInput> inputs, absl::Span<float> vectors) const override;

 private:
  Model2VecEmbedder(std::string identity, WordPieceTokenizer tokenizer, std::string model);

  absl::Status ReadModel();
  absl::Status ReadTable(const Tensor* table);
  absl::Status ReadMapping(const Tensor* mapping);
  absl::Status ReadWeights(const Tensor* weights);
  void EmbedText(absl::string_view utf8, absl::Span<float> vector) const;

  const std::string identity_;
  const WordPieceTokenizer tokenizer_;
  const std::string model_;  // what table_ points into
  Tensor table_;             // rows of dimension_ values
  size_t dimension_ = 0;
  std::vector<uint32_t> rows_;  // by token id; empty: each id is its row
  std::vector<float> weights_;  // by token id; empty: all 1
};

}  // namespace newsprint::embed

#endif  // NEWSPRINT_SERVICE_EMBED_MODEL2VEC_H_
