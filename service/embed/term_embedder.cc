#include "service/embed/term_embedder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "service/common/hash.h"
#include "service/embed/row_sum.h"
#include "service/embed/term_counts.h"

namespace newsprint::embed {
namespace {

// Up to here every whole number is a float.
constexpr float kExactMax = 1 << 24;

// Adds `count` to `*sum` so many times, one after the other: the counts of a model need not be
// whole numbers, and then the sum depends on how it is rounded.
void AddTimes(uint32_t times, float count, float* sum) {
  for (uint32_t i = 0; i < times; ++i) *sum += count;
}

float CountOf(const TermCounts::Term& term, const TermCounting& counting, bool exact) {
  if (exact) {
    return counting.title_count * static_cast<float>(term.title) +
           counting.lede_count * static_cast<float>(term.lede) + static_cast<float>(term.rest);
  }
  float sum = 0;
  AddTimes(term.title, counting.title_count, &sum);
  AddTimes(term.lede, counting.lede_count, &sum);
  AddTimes(term.rest, 1, &sum);
  return sum;
}

// In double, so that no two implementations of the logarithm round to different floats.
float ComputeFrequencyWeight(float count) {
  return count == 1 ? 1 : static_cast<float>(1 + std::log(static_cast<double>(count)));
}

// Most counts are small whole numbers.
float TermFrequencyWeight(float count) {
  static const std::array<float, 256> table = [] {
    std::array<float, 256> weights{};
    for (size_t i = 1; i < weights.size(); ++i) {
      weights[i] = ComputeFrequencyWeight(static_cast<float>(i));
    }
    return weights;
  }();
  if (count >= static_cast<float>(table.size())) return ComputeFrequencyWeight(count);
  const auto whole = static_cast<size_t>(count);
  return static_cast<float>(whole) == count ? table[whole] : ComputeFrequencyWeight(count);
}

void ScaleToLengthOne(absl::Span<float> vector) {
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * value;
  if (squares == 0) return;
  const double scale = 1 / std::sqrt(squares);
  for (float& value : vector) value = static_cast<float>(value * scale);
}

// What one Embed() works in, article after article.
struct Workspace {
  TermCounts counts;
  std::vector<WeightedRow<int8_t>> rows;
};

void EmbedOne(const TermModel& model, const EmbedInput& input, Workspace& work,
              absl::Span<float> vector) {
  const TermCounting& counting = model.counting();
  const auto lede_tokens = static_cast<size_t>(counting.lede_tokens);
  const TermCounts* counts = input.counts;
  if (counts == nullptr || counts->lede_tokens() != lede_tokens) {
    work.counts.Count(input.title_tokens, input.body_tokens, lede_tokens);
    counts = &work.counts;
  }
  const auto tokens = static_cast<float>(input.title_tokens.size() + input.body_tokens.size());
  const float count_max = std::max({counting.title_count, counting.lede_count, 1.0f});
  const bool exact = counting.title_count == std::floor(counting.title_count) &&
                     counting.lede_count == std::floor(counting.lede_count) &&
                     tokens * count_max < kExactMax;
  for (const TermCounts::Term& term : counts->terms()) model.PrefetchDirectory(term.token);
  for (const TermCounts::Term& term : counts->terms()) model.PrefetchWord(term.token);
  work.rows.clear();
  for (const TermCounts::Term& term : counts->terms()) {
    const float weight = TermFrequencyWeight(CountOf(term, counting, exact));
    const TermModel::Rows rows = model.RowsOf(term.token);
    for (int i = 0; i < rows.count; ++i) {
      work.rows.push_back({rows.row[i], weight * rows.weight[i]});
    }
  }
  SumRows(work.rows.data(), work.rows.size(), vector.size(), vector.data());
  ScaleToLengthOne(vector);
}

}  // namespace

TermEmbedder::TermEmbedder(std::shared_ptr<const TermModel> model)
    : model_(std::move(model)),
      identity_(absl::StrFormat("terms%d/%016x", model_->dimension(), model_->hash())) {}

absl::Status TermEmbedder::Embed(absl::Span<const EmbedInput> inputs,
                                 absl::Span<float> vectors) const {
  const size_t size = static_cast<size_t>(dimension());
  if (vectors.size() != inputs.size() * size) {
    return absl::InternalError(absl::StrCat("term embedder: output size, got ", vectors.size(),
                                            ", expected ", inputs.size() * size));
  }
  Workspace work;
  for (size_t i = 0; i < inputs.size(); ++i) {
    EmbedOne(*model_, inputs[i], work, vectors.subspan(i * size, size));
  }
  return absl::OkStatus();
}

}  // namespace newsprint::embed
