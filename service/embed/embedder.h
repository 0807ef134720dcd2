// From an article to a vector of its subject.
#ifndef NEWSPRINT_SERVICE_EMBED_EMBEDDER_H_
#define NEWSPRINT_SERVICE_EMBED_EMBEDDER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "service/embed/term_counts.h"
#include "service/text/tokenizer.h"

namespace newsprint::embed {

// One article, as text and as the tokens that were made of it already; an embedder reads what it
// needs. Views: valid during the call.
struct EmbedInput {
  absl::string_view title;  // well-formed UTF-8; may hold HTML, as may the body
  absl::string_view body;
  absl::Span<const text::Token> title_tokens;
  absl::Span<const text::Token> body_tokens;
  // Of these tokens, where they have been counted already; else null.
  const TermCounts* counts = nullptr;
};

// Thread-safe.
class Embedder {
 public:
  virtual ~Embedder() = default;

  // What makes the vectors, with a hash of its parameters where it has some; at most 200 printable
  // ASCII characters. Stored with each collection: vectors of different identities do not compare.
  virtual const std::string& identity() const = 0;
  virtual int dimension() const = 0;

  // Writes inputs.size() rows of dimension() values to `vectors`, each of length 1, or all zeros
  // for an article without a word that counts. Embedders in this process do not fail. Others block
  // until their deadline, and answer UNAVAILABLE (down; does not block while that is known),
  // DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED (too many calls wait), FAILED_PRECONDITION (another model
  // answers than before) or INVALID_ARGUMENT (one of the inputs is refused, and would be again);
  // `vectors` is then undefined.
  virtual absl::Status Embed(absl::Span<const EmbedInput> inputs,
                             absl::Span<float> vectors) const = 0;
};

}  // namespace newsprint::embed

#endif  // NEWSPRINT_SERVICE_EMBED_EMBEDDER_H_
