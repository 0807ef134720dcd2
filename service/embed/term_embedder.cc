#include "service/embed/term_embedder.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "service/common/hash.h"
#include "service/embed/row_sum.h"

namespace newsprint::embed {
namespace {

// Distinct terms of an article with their counts, in the order of their first occurrence. Open
// addressing is several times faster here than sorting the tokens.
class TermCounts {
 public:
  struct Term {
    text::Token token;
    float count;
  };

  void Begin(size_t tokens_max) {
    size_t slots = 64;
    while (slots < 2 * tokens_max) slots *= 2;
    slots_.assign(slots, 0);
    terms_.clear();
    terms_.reserve(tokens_max);
  }

  void Add(absl::Span<const text::Token> tokens, float count) {
    const size_t mask = slots_.size() - 1;
    for (const text::Token token : tokens) {
      size_t slot = (token >> 1) & mask;
      while (slots_[slot] != 0 && terms_[slots_[slot] - 1].token != token) slot = (slot + 1) & mask;
      if (slots_[slot] == 0) {
        terms_.push_back({token, 0});
        slots_[slot] = static_cast<uint32_t>(terms_.size());
      }
      terms_[slots_[slot] - 1].count += count;
    }
  }

  const std::vector<Term>& terms() const { return terms_; }

 private:
  std::vector<uint32_t> slots_;  // one more than the term's place, 0 when empty
  std::vector<Term> terms_;
};

// In double, so that no two implementations of the logarithm round to different floats.
float TermFrequencyWeight(float count) {
  return count == 1 ? 1 : static_cast<float>(1 + std::log(static_cast<double>(count)));
}

void ScaleToLengthOne(absl::Span<float> vector) {
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * value;
  if (squares == 0) return;
  const double scale = 1 / std::sqrt(squares);
  for (float& value : vector) value = static_cast<float>(value * scale);
}

// What one Embed() works in; kept from article to article.
struct Workspace {
  TermCounts counts;
  std::vector<WeightedRow<int8_t>> rows;
};

void EmbedOne(const TermModel& model, const EmbedInput& input, Workspace& work,
              absl::Span<float> vector) {
  const TermCounting& counting = model.counting();
  const auto lede = input.body_tokens.subspan(0, static_cast<size_t>(counting.lede_tokens));
  work.counts.Begin(input.title_tokens.size() + input.body_tokens.size());
  work.counts.Add(input.title_tokens, counting.title_count);
  work.counts.Add(lede, counting.lede_count);
  work.counts.Add(input.body_tokens.subspan(lede.size()), 1);
  work.rows.clear();
  for (const auto& [token, count] : work.counts.terms()) {
    const float weight = TermFrequencyWeight(count);
    const TermModel::Rows rows = model.RowsOf(token);
    for (int i = 0; i < rows.count; ++i) {
      __builtin_prefetch(rows.row[i]);
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
