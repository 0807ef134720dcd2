// The built-in embedder: a random projection of weighted terms.
#ifndef NEWSPRINT_SERVICE_EMBED_TERM_PROJECTION_H_
#define NEWSPRINT_SERVICE_EMBED_TERM_PROJECTION_H_

#include <string>

#include "service/embed/embedder.h"
#include "service/embed/term_weights.h"

namespace newsprint::embed {

// Each term has a fixed vector, `kNonZeros` values of +1 or -1 at places that a hash of the term
// picks (P. Li, T. Hastie, K. Church: Very Sparse Random Projections, KDD 2006). An article is the
// sum of its terms' vectors by weight, scaled to length 1, so that the cosine of two articles
// estimates that of their TF-IDF vectors, with a standard error of about 1 / sqrt(dimension) =
// 0.06.
class TermProjection final : public Embedder {
 public:
  static constexpr int kDimension = 256;
  static constexpr int kNonZeros = 32;

  const std::string& identity() const override { return identity_; }
  int dimension() const override { return kDimension; }
  absl::Status Embed(absl::Span<const EmbedInput> inputs, absl::Span<float> vectors) const override;

 private:
  const std::string identity_ = "terms256/1";
  const TermWeights weights_;
};

}  // namespace newsprint::embed

#endif  // NEWSPRINT_SERVICE_EMBED_TERM_PROJECTION_H_
