// A learned model of terms, as a file and in memory: what each word says about an article's
// subject.
#ifndef NEWSPRINT_SERVICE_EMBED_TERM_MODEL_H_
#define NEWSPRINT_SERVICE_EMBED_TERM_MODEL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "service/text/tokenizer.h"

namespace newsprint::embed {

// How terms are counted before their rows are added up. Part of the model, as it was learned so.
struct TermCounting {
  float title_count = 1;     // what one occurrence in the title counts, 1 to 100
  float lede_count = 1;      // the same for the first `lede_tokens` of the body
  int32_t lede_tokens = 60;  // 0 to 100,000
  // What a number without a row of its own weighs, where any other such term weighs 1; 0 to 100.
  float number_weight = 1;
};

// A term that the model knows by itself.
struct ModelWord {
  // In place of a row: the term has no row of its own, but the hashed rows of every other term.
  static constexpr uint32_t kHashed = 0xffffffff;

  text::Token token = 0;
  uint32_t row = kHashed;
  float weight = 1;  // multiplies the row or rows; -1e9 to 1e9; 0: the word says nothing. In a
                     // model, of int8 rows, it has taken up the scale of the word's own row
  float share = 0;   // of the articles learned from that have the term, 0 to 1
};

// A model while it is made: rows as float values.
struct TermModelContent {
  int dimension = 0;
  TermCounting counting;
  std::vector<ModelWord> words;  // in any order; rows 0, 1, 2... are each used once
  std::vector<float> word_rows;  // dimension values each
  std::vector<float> hash_rows;  // the same, at least one row
  std::string provenance;        // free text: learned from what and how, with figures
};

// The bytes of a model file (docs/model-format.md). Each row is stored as int8 values, scaled so
// that the largest is 127. INVALID_ARGUMENT when `content` is not as described above or above the
// limits of TermModel.
absl::StatusOr<std::string> SerialiseTermModel(const TermModelContent& content);

// The model file `file` with other counting. INVALID_ARGUMENT as TermModel::Parse().
absl::StatusOr<std::string> ReplaceCounting(absl::string_view file, const TermCounting& counting);

// A model file in memory. Immutable, so thread-safe.
class TermModel {
 public:
  static constexpr int kDimensionMin = 32;  // and a multiple of that
  static constexpr int kDimensionMax = 1024;
  static constexpr uint32_t kWordsMax = 1'000'000;
  static constexpr uint32_t kHashRowsMax = 1'000'000;
  static constexpr size_t kFileBytesMax = size_t{1} << 30;
  static constexpr uint32_t kProvenanceBytesMax = 1 << 20;

  // Reads `bytes`, which are not copied and must outlive the model. INVALID_ARGUMENT when they are
  // not a whole model file of this version; no bytes make it crash.
  static absl::StatusOr<TermModel> Parse(absl::string_view bytes);
  // The same, and keeps the bytes.
  static absl::StatusOr<TermModel> ParseOwned(std::string bytes);
  // Reads a file. NOT_FOUND or INVALID_ARGUMENT, with its path.
  static absl::StatusOr<TermModel> Load(const std::string& path);

  int dimension() const { return dimension_; }
  const TermCounting& counting() const { return counting_; }
  size_t words() const { return word_count_; }
  size_t word_rows() const { return word_row_count_; }
  size_t hash_rows() const { return hash_row_count_; }
  absl::string_view provenance() const { return provenance_; }
  absl::string_view file() const { return file_; }  // its bytes
  // XXH3 of the file: models of one hash make the same vectors.
  uint64_t hash() const { return hash_; }

  // The term's place among words(), -1 when the model does not know it by itself.
  int64_t Find(text::Token token) const;
  // `place` is one that Find() gave, or any below words(); they are in the order of their tokens.
  ModelWord Word(size_t place) const;

  // General document frequency: the share of news articles that have the term, above 0 to 1. For a
  // term that the model does not know, that of one rarer than all it knows.
  double DocumentShare(text::Token token) const;

  // The rows that make up a term, with their weights; their number is 0 to 2.
  struct Rows {
    int count = 0;
    std::array<const int8_t*, 2> row;
    std::array<float, 2> weight;
  };
  Rows RowsOf(text::Token token) const;
  // Fetch what RowsOf() will read, first the one and some terms later the other: a large model lies
  // in no cache.
  void PrefetchDirectory(text::Token token) const {
    __builtin_prefetch(&directory_[token >> directory_shift_]);
  }
  void PrefetchWord(text::Token token) const;
  // The same as one vector of dimension() values.
  void VectorOf(text::Token token, absl::Span<float> vector) const;

  // A hash row as dimension() values.
  void HashRow(size_t row, absl::Span<float> values) const;

  // The two hash rows of a term among `count` and the signs with which they are added. Two, as in
  // D. Svenstrup and others: Hash Embeddings for Efficient Word Representations, NIPS 2017: terms
  // that share both rows are rare. Signs, so that the rows of all unknown terms have no mean.
  struct HashPlace {
    uint32_t row;
    float sign;
  };
  static std::array<HashPlace, 2> HashPlaces(text::Token token, uint32_t count);

 private:
  TermModel() = default;
  absl::Status Read(absl::string_view bytes);
  absl::Status CheckWords() const;
  void MakeDirectory();

  std::shared_ptr<const std::string> owned_;  // null for bytes of somebody else
  uint64_t hash_ = 0;
  int dimension_ = 0;
  TermCounting counting_;
  size_t word_count_ = 0;
  size_t word_row_count_ = 0;
  size_t hash_row_count_ = 0;
  float unknown_share_ = 1;
  // Into the bytes, not aligned.
  const char* words_ = nullptr;
  const char* shares_ = nullptr;
  const char* hash_scales_ = nullptr;
  const int8_t* word_values_ = nullptr;
  const int8_t* hash_values_ = nullptr;
  absl::string_view provenance_;
  absl::string_view file_;
  // Where the tokens with each value of the topmost bits begin: as tokens are hashes, about one
  // word is left to look at.
  int directory_shift_ = 0;
  std::vector<uint32_t> directory_;
};

}  // namespace newsprint::embed

#endif  // NEWSPRINT_SERVICE_EMBED_TERM_MODEL_H_
