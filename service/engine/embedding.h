// What makes the vectors of a collection.
#ifndef NEWSPRINT_SERVICE_ENGINE_EMBEDDING_H_
#define NEWSPRINT_SERVICE_ENGINE_EMBEDDING_H_

#include <memory>

#include "service/common/types.h"
#include "service/embed/embedder.h"

namespace newsprint {

// The embedder that callers stand for: they send their vectors with the articles.
inline constexpr char kCallerEmbedder[] = "caller";
inline constexpr char kBuiltInEmbedder[] = "builtin";

// Immutable; a collection that changes its embedder gets another one.
struct Embedding {
  EmbeddingSettings settings;
  std::shared_ptr<const embed::Embedder> embedder;  // null: callers bring the vectors
  bool remote = false;  // another server is asked, which takes time and may fail
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_EMBEDDING_H_
