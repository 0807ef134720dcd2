// From an article to a vector of its subject.
#ifndef NEWSPRINT_SERVICE_EMBED_EMBEDDER_H_
#define NEWSPRINT_SERVICE_EMBED_EMBEDDER_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "service/embed/term_weights.h"

namespace newsprint::embed {

// One article, as text and as the weighted terms that were made of it already; an embedder reads
// what it needs. Views: valid during the call.
struct EmbedInput {
  absl::string_view title;
  absl::string_view body;
  absl::Span<const TermWeight> terms;
};

// Thread-safe.
class Embedder {
 public:
  virtual ~Embedder() = default;

  // Name and version, stored with each collection: vectors of different names do not compare.
  virtual absl::string_view name() const = 0;
  virtual int dimension() const = 0;

  // Writes inputs.size() rows of dimension() values to `vectors`, each of length 1, or all zeros
  // for an article without a word that counts.
  virtual absl::Status Embed(absl::Span<const EmbedInput> inputs,
                             absl::Span<float> vectors) const = 0;
};

}  // namespace newsprint::embed

#endif  // NEWSPRINT_SERVICE_EMBED_EMBEDDER_H_
