// The embedder over a learned model of terms.
#ifndef NEWSPRINT_SERVICE_EMBED_TERM_EMBEDDER_H_
#define NEWSPRINT_SERVICE_EMBED_TERM_EMBEDDER_H_

#include <memory>
#include <string>

#include "service/embed/embedder.h"
#include "service/embed/term_model.h"

namespace newsprint::embed {

// An article's vector is the sum over its distinct terms of (1 + ln count) times the term's vector
// in the model, scaled to length 1. The occurrences in title and lede count as the model says. The
// same tokens give the same vector to the last bit on every processor. Thread-safe.
class TermEmbedder final : public Embedder {
 public:
  explicit TermEmbedder(std::shared_ptr<const TermModel> model);

  // "terms256/" and the hash of the model, for 256 dimensions.
  const std::string& identity() const override { return identity_; }
  int dimension() const override { return model_->dimension(); }
  absl::Status Embed(absl::Span<const EmbedInput> inputs, absl::Span<float> vectors) const override;

  const TermModel& model() const { return *model_; }

 private:
  const std::shared_ptr<const TermModel> model_;
  const std::string identity_;
};

}  // namespace newsprint::embed

#endif  // NEWSPRINT_SERVICE_EMBED_TERM_EMBEDDER_H_
