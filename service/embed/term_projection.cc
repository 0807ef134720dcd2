#include "service/embed/term_projection.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "service/common/hash.h"

namespace newsprint::embed {
namespace {

// Adds weight * (the term's vector) to `vector`. Places and signs come from a stream of hashes of
// the term, one byte for a place and one bit for a sign.
void AddTerm(text::Token term, float weight, absl::Span<float> vector) {
  uint64_t state = Mix64(term);
  for (int done = 0; done < TermProjection::kNonZeros;) {
    state = Mix64(state + 0x9e3779b97f4a7c15ull);
    for (int byte = 0; byte < 7; ++byte, ++done) {
      if (done == TermProjection::kNonZeros) break;
      const float sign = (state >> (56 + byte)) & 1 ? weight : -weight;
      vector[(state >> (8 * byte)) & 0xff] += sign;
    }
  }
}
static_assert(TermProjection::kDimension == 256, "a place is one byte");

void Project(absl::Span<const TermWeight> terms, absl::Span<float> vector) {
  std::fill(vector.begin(), vector.end(), 0.0f);
  for (const auto& [term, weight] : terms) AddTerm(term, weight, vector);
  float squares = 0;
  for (const float value : vector) squares += value * value;
  if (squares == 0) return;
  const float scale = 1 / std::sqrt(squares);
  for (float& value : vector) value *= scale;
}

}  // namespace

absl::Status TermProjection::Embed(absl::Span<const EmbedInput> inputs,
                                   absl::Span<float> vectors) const {
  if (vectors.size() != inputs.size() * kDimension) {
    return absl::InternalError(absl::StrCat("term projection: output size, got ", vectors.size(),
                                            ", expected ", inputs.size() * kDimension));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    Project(weights_.Weigh(inputs[i].title_tokens, inputs[i].body_tokens),
            vectors.subspan(i * kDimension, kDimension));
  }
  return absl::OkStatus();
}

}  // namespace newsprint::embed
