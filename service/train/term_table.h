// The rows that training changes, and which of them a term has.
#ifndef NEWSPRINT_SERVICE_TRAIN_TERM_TABLE_H_
#define NEWSPRINT_SERVICE_TRAIN_TERM_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "service/embed/term_model.h"
#include "service/train/adam.h"
#include "service/train/training_set.h"

namespace newsprint::train {

// Word vectors learned elsewhere, in order of the words' frequency.
struct WordVectors {
  int dimension = 0;
  std::vector<text::Token> tokens;  // each once
  std::vector<float> values;        // dimension each
};

// What a term is in the table: `count` rows with their signs, or none for a word without weight.
struct TermRows {
  int count = 0;
  uint32_t row[2] = {};
  float factor[2] = {};
};

struct TableOptions {
  int dimension = 256;
  size_t words_max = 45'000;  // with a row of their own
  size_t hash_rows = 12'600;
  uint32_t documents_min = 5;  // of a word of the training set that gets a row of its own
  // Of a row's square, what the word vector makes up at the beginning; the rest is random.
  float vector_share = 0.3f;
  float number_weight = 0.5f;
  // What a term with hash rows weighs at the beginning, where the rarest word with a row weighs 1.
  float hash_weight = 1;
  // Words that say nothing, in languages of which the training set has no articles: those that get
  // no row of their own get the weight 0.
  std::vector<text::Token> stop_words;
  uint64_t seed = 1;
};

// Values and log weights of all rows, to go back to.
struct RowSnapshot {
  std::vector<float> values;
  std::vector<float> log_weights;
};

// A term's vector is exp(w) * e, with the row e and the log weight w of one row or the sum of two
// (TermModel::HashPlaces). Word rows come first, hash rows behind them. Distinct rows may be
// changed by several threads at once; otherwise not thread-safe.
class TermTable {
 public:
  // The length that rows begin with; the learning rate is relative to it.
  static constexpr float kRowLength = 4;

  // Begins with word vectors, which may be null, and the words' rarity as their weight.
  static TermTable FromVectors(const TableOptions& options, const TrainingSet& set,
                               const WordVectors* vectors);
  // Begins with a model, and a row of its own for frequent words that are new to it: what the model
  // made of them until now, so that nothing changes before the first step.
  static TermTable FromModel(const TableOptions& options, const TrainingSet& set,
                             const embed::TermModel& model);

  size_t dimension() const { return static_cast<size_t>(dimension_); }
  size_t rows() const { return log_weights_.size(); }
  size_t word_rows() const { return word_rows_; }
  const TermRows& OfTerm(uint32_t term) const { return terms_[term]; }
  const float* Row(size_t row) const { return &values_[row * dimension()]; }
  float Weight(size_t row) const { return weights_[row]; }

  // One step of Adam for a row, given the gradient with respect to its product exp(w) * e. The row
  // keeps its length. Changes `gradient`.
  void Update(const AdamStep& step, float weight_rate_factor, size_t row, float* gradient);

  RowSnapshot Save() const { return {values_, log_weights_}; }
  void Restore(const RowSnapshot& snapshot);

  // As a model; counting and provenance are left to the caller.
  embed::TermModelContent Content() const;

 private:
  explicit TermTable(const TableOptions& options);
  void ChooseWords(const TrainingSet& set, const WordVectors* vectors);
  void BeginWithVectors(const WordVectors& vectors);
  void FillRandom(size_t row, size_t begin, float length, uint64_t seed);
  void MapTerms(const TrainingSet& set);
  void AllocateRows();
  void SetRow(size_t row, absl::Span<const float> product);
  void TakeWeights();

  int dimension_;
  TableOptions options_;
  size_t word_rows_ = 0;
  std::vector<embed::ModelWord> words_;
  absl::flat_hash_map<text::Token, uint32_t> place_of_word_;  // in words_
  std::vector<TermRows> terms_;                               // by term of the training set
  std::vector<float> values_, mean_, square_;                 // dimension() each
  std::vector<float> log_weights_, weight_mean_, weight_square_;
  std::vector<float> weights_;  // exp(log_weights_)
};

}  // namespace newsprint::train

#endif  // NEWSPRINT_SERVICE_TRAIN_TERM_TABLE_H_
