#include "service/train/term_table.h"

#include <algorithm>
#include <cmath>

#include "service/train/random.h"

namespace newsprint::train {
namespace {

// Inverse document frequency of a word in so small a share of articles or less.
constexpr float kIdfMax = 8.0f;
// How often the word at rank r of a list by frequency stands in an article of average length, times
// r (Zipf's law): for words that the training set does not have.
constexpr float kZipfShare = 20.0f;
// Of the articles of its language that have a stop word.
constexpr float kStopWordShare = 0.3f;

float Idf(float share) { return share <= 0 ? kIdfMax : std::min(kIdfMax, -std::log(share)); }

float Length(const float* values, size_t size) {
  double squares = 0;
  for (size_t i = 0; i < size; ++i) squares += static_cast<double>(values[i]) * values[i];
  return static_cast<float>(std::sqrt(squares));
}

// About normal: the sum of four uniform values.
float Noise(Random& random) {
  return random.Uniform() + random.Uniform() + random.Uniform() + random.Uniform() - 2;
}

struct Candidate {
  text::Token token;
  float score;  // estimated articles that have it
  float share;
};

// Words of the training set and of the word vectors, the more frequent first.
std::vector<Candidate> Candidates(const TableOptions& options, const TrainingSet& set,
                                  const WordVectors* vectors) {
  const std::vector<float> shares = set.DocumentShares();
  absl::flat_hash_map<text::Token, uint32_t> place;
  std::vector<Candidate> candidates;
  for (uint32_t term = 0; term < set.terms(); ++term) {
    place.emplace(set.Term(term), static_cast<uint32_t>(candidates.size()));
    candidates.push_back(
        {set.Term(term), static_cast<float>(set.DocumentCount(term)), shares[term]});
  }
  if (vectors != nullptr) {
    const float articles = static_cast<float>(set.articles());
    for (size_t rank = 0; rank < vectors->tokens.size(); ++rank) {
      const float share = std::min(0.5f, kZipfShare / static_cast<float>(rank + 1));
      const auto [at, is_new] =
          place.emplace(vectors->tokens[rank], static_cast<uint32_t>(candidates.size()));
      if (is_new) candidates.push_back({vectors->tokens[rank], 0, share / 4});
      candidates[at->second].score += articles * share;
    }
  }
  candidates.erase(std::remove_if(candidates.begin(), candidates.end(),
                                  [&](const Candidate& candidate) {
                                    return candidate.score <
                                           static_cast<float>(options.documents_min);
                                  }),
                   candidates.end());
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.token < b.token;
  });
  return candidates;
}

}  // namespace

TermTable::TermTable(const TableOptions& options)
    : dimension_(options.dimension), options_(options) {}

TermTable TermTable::FromVectors(const TableOptions& options, const TrainingSet& set,
                                 const WordVectors* vectors) {
  TermTable table(options);
  table.ChooseWords(set, vectors);
  table.AllocateRows();
  for (size_t row = 0; row < table.rows(); ++row) {
    const uint64_t seed = row < table.word_rows_ ? table.words_[row].token : row;
    table.FillRandom(row, 0, kRowLength, seed);
    const float idf = row < table.word_rows_ ? Idf(table.words_[row].share) : kIdfMax;
    // A hashed term is the sum of two rows.
    const float half =
        row < table.word_rows_ ? 1 : options.hash_weight * static_cast<float>(M_SQRT1_2);
    table.log_weights_[row] = std::log(std::max(0.05f, idf) * half / kIdfMax);
  }
  if (vectors != nullptr) table.BeginWithVectors(*vectors);
  table.MapTerms(set);
  table.TakeWeights();
  return table;
}

TermTable TermTable::FromModel(const TableOptions& options, const TrainingSet& set,
                               const embed::TermModel& model) {
  TermTable table(options);
  table.dimension_ = model.dimension();
  table.options_.hash_rows = model.hash_rows();
  table.options_.number_weight = model.counting().number_weight;
  std::vector<Candidate> fresh = Candidates(options, set, nullptr);
  for (size_t place = 0; place < model.words(); ++place) {
    embed::ModelWord word = model.Word(place);
    if (word.row != embed::ModelWord::kHashed) {
      word.row = static_cast<uint32_t>(table.word_rows_++);
      word.weight = 1;
    }
    table.place_of_word_.emplace(word.token, static_cast<uint32_t>(table.words_.size()));
    table.words_.push_back(word);
  }
  for (const Candidate& candidate : fresh) {
    if (table.word_rows_ >= options.words_max) break;
    if (text::IsNumber(candidate.token)) continue;
    const auto [at, is_new] =
        table.place_of_word_.emplace(candidate.token, static_cast<uint32_t>(table.words_.size()));
    if (!is_new) continue;
    table.words_.push_back(
        {candidate.token, static_cast<uint32_t>(table.word_rows_++), 1, candidate.share});
  }
  table.AllocateRows();
  std::vector<float> vector(table.dimension());
  for (const embed::ModelWord& word : table.words_) {
    if (word.row == embed::ModelWord::kHashed) continue;
    model.VectorOf(word.token, absl::MakeSpan(vector));
    table.SetRow(word.row, vector);
  }
  for (size_t row = 0; row < model.hash_rows(); ++row) {
    model.HashRow(row, absl::MakeSpan(vector));
    table.SetRow(table.word_rows_ + row, vector);
  }
  table.MapTerms(set);
  table.TakeWeights();
  return table;
}

void TermTable::ChooseWords(const TrainingSet& set, const WordVectors* vectors) {
  for (const Candidate& candidate : Candidates(options_, set, vectors)) {
    if (word_rows_ >= options_.words_max) break;
    place_of_word_.emplace(candidate.token, static_cast<uint32_t>(words_.size()));
    words_.push_back({candidate.token, static_cast<uint32_t>(word_rows_++), 1, candidate.share});
  }
  for (const text::Token token : options_.stop_words) {
    const auto [at, is_new] = place_of_word_.emplace(token, static_cast<uint32_t>(words_.size()));
    if (is_new) words_.push_back({token, embed::ModelWord::kHashed, 0, kStopWordShare});
  }
}

// The mean of all word vectors tells nothing about a subject and is taken off.
void TermTable::BeginWithVectors(const WordVectors& vectors) {
  const size_t size = static_cast<size_t>(vectors.dimension);
  const size_t used = std::min(size, dimension());
  std::vector<float> mean(size);
  for (size_t i = 0; i < vectors.values.size(); ++i) mean[i % size] += vectors.values[i];
  for (float& value : mean) value /= static_cast<float>(vectors.tokens.size());
  std::vector<float> vector(size);
  for (size_t place = 0; place < vectors.tokens.size(); ++place) {
    const auto found = place_of_word_.find(vectors.tokens[place]);
    if (found == place_of_word_.end()) continue;
    const size_t row = words_[found->second].row;
    if (row == embed::ModelWord::kHashed) continue;
    for (size_t i = 0; i < size; ++i) vector[i] = vectors.values[place * size + i] - mean[i];
    const float length = Length(vector.data(), size);
    if (length == 0) continue;
    const float scale = kRowLength * std::sqrt(options_.vector_share) / length;
    float* values = &values_[row * dimension()];
    for (size_t i = 0; i < used; ++i) values[i] = scale * vector[i];
    FillRandom(row, used, kRowLength * std::sqrt(1 - options_.vector_share), words_[row].token);
  }
}

// Random values of the given length from place `begin` on.
void TermTable::FillRandom(size_t row, size_t begin, float length, uint64_t seed) {
  if (begin >= dimension()) return;
  Random random(options_.seed, seed);
  float* values = &values_[row * dimension() + begin];
  const size_t size = dimension() - begin;
  for (size_t i = 0; i < size; ++i) values[i] = Noise(random);
  const float scale = length / Length(values, size);
  for (size_t i = 0; i < size; ++i) values[i] *= scale;
}

void TermTable::AllocateRows() {
  const size_t rows = word_rows_ + options_.hash_rows;
  values_.assign(rows * dimension(), 0);
  mean_.assign(rows * dimension(), 0);
  square_.assign(rows * dimension(), 0);
  log_weights_.assign(rows, 0);
  weight_mean_.assign(rows, 0);
  weight_square_.assign(rows, 0);
}

void TermTable::MapTerms(const TrainingSet& set) {
  terms_.resize(set.terms());
  const auto hash_rows = static_cast<uint32_t>(options_.hash_rows);
  for (uint32_t term = 0; term < set.terms(); ++term) {
    const text::Token token = set.Term(term);
    float weight = text::IsNumber(token) ? options_.number_weight : 1;
    TermRows& rows = terms_[term];
    if (const auto found = place_of_word_.find(token); found != place_of_word_.end()) {
      const embed::ModelWord& word = words_[found->second];
      if (word.row != embed::ModelWord::kHashed) {
        rows = {1, {word.row, 0}, {1, 0}};
        continue;
      }
      weight = word.weight;
    }
    if (weight == 0) continue;
    for (const auto& place : embed::TermModel::HashPlaces(token, hash_rows)) {
      rows.row[rows.count] = static_cast<uint32_t>(word_rows_) + place.row;
      rows.factor[rows.count++] = weight * place.sign;
    }
  }
}

// Sets a row so that exp(w) * e is `product`.
void TermTable::SetRow(size_t row, absl::Span<const float> product) {
  const float length = Length(product.data(), product.size());
  const float scale = length == 0 ? 0 : kRowLength / length;
  for (size_t i = 0; i < product.size(); ++i) values_[row * dimension() + i] = scale * product[i];
  log_weights_[row] = length == 0 ? 0 : std::log(length / kRowLength);
}

void TermTable::TakeWeights() {
  weights_.resize(log_weights_.size());
  for (size_t row = 0; row < weights_.size(); ++row) weights_[row] = std::exp(log_weights_[row]);
}

void TermTable::Update(const AdamStep& step, float weight_rate_factor, size_t row,
                       float* gradient) {
  float* values = &values_[row * dimension()];
  float weight_gradient = 0;
  for (size_t i = 0; i < dimension(); ++i) {
    gradient[i] *= weights_[row];
    weight_gradient += gradient[i] * values[i];
  }
  AdamUpdate(step, gradient, dimension(), values, &mean_[row * dimension()],
             &square_[row * dimension()]);
  // Adam moves a row as far for a small gradient as for a large one, so that often used rows would
  // outgrow the others. How much a word counts is left to its weight.
  const float length = Length(values, dimension());
  const float scale = length == 0 ? 0 : kRowLength / length;
  for (size_t i = 0; i < dimension(); ++i) values[i] *= scale;
  AdamStep weight_step = step;
  weight_step.rate *= weight_rate_factor;
  AdamUpdate(weight_step, &weight_gradient, 1, &log_weights_[row], &weight_mean_[row],
             &weight_square_[row]);
  weights_[row] = std::exp(log_weights_[row]);
}

void TermTable::Restore(const RowSnapshot& snapshot) {
  values_ = snapshot.values;
  log_weights_ = snapshot.log_weights;
  TakeWeights();
}

embed::TermModelContent TermTable::Content() const {
  embed::TermModelContent content;
  content.dimension = dimension_;
  content.counting.number_weight = options_.number_weight;
  content.words = words_;
  const auto middle = values_.begin() + static_cast<std::ptrdiff_t>(word_rows_ * dimension());
  content.word_rows.assign(values_.begin(), middle);
  for (embed::ModelWord& word : content.words) {
    if (word.row != embed::ModelWord::kHashed) word.weight = weights_[word.row];
  }
  content.hash_rows.assign(middle, values_.end());
  for (size_t i = 0; i < content.hash_rows.size(); ++i) {
    content.hash_rows[i] *= weights_[word_rows_ + i / dimension()];
  }
  return content;
}

}  // namespace newsprint::train
