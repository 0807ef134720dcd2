// Finds the articles whose embeddings are nearest to a given one.
#ifndef NEWSPRINT_SERVICE_INDEX_VECTOR_INDEX_H_
#define NEWSPRINT_SERVICE_INDEX_VECTOR_INDEX_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "service/common/types.h"

namespace newsprint::index {

struct VectorHit {
  Ordinal ordinal;
  float cosine;  // -1 to 1, within about 0.01 of the exact value
};

// Not thread-safe for writing; any number of threads may search while nobody writes. FAISS errors
// come back as INTERNAL.
class VectorIndex {
 public:
  struct Options {
    int dimension = 256;
    // Graph links a row (M of the HNSW paper); twice as many on the ground level. More: better
    // recall, more memory (8 bytes each) and slower building.
    int links = 16;
    // Rows looked at while a row is linked in, and while a search runs. More: better recall,
    // slower.
    int ef_construction = 64;
    int ef_search = 256;
    // Up to this many rows a search compares with all of them, in about 15 ns each, and no graph is
    // made. Beyond it each Add links a few rows, and searches go by the graph once it has them all.
    int exact_rows_max = 50'000;
  };

  static absl::StatusOr<std::unique_ptr<VectorIndex>> Create(const Options& options);
  ~VectorIndex();

  // `vector` has `dimension` values and length 1. An ordinal that is in the index is replaced.
  absl::Status Add(Ordinal ordinal, absl::Span<const float> vector);
  // Does nothing when the article is not in the index. The row is used again, unless it is in the
  // graph: then its memory comes back at the next start.
  void Remove(Ordinal ordinal);
  // The `hits_max` nearest, best first, equal ones in the order of ingestion.
  absl::StatusOr<std::vector<VectorHit>> Search(absl::Span<const float> query, int hits_max) const;
  // The vector of an article, as exact as its code; false when it is not in the index.
  bool Get(Ordinal ordinal, std::vector<float>* vector) const;

  size_t size() const;
  size_t memory_bytes() const;

 private:
  class Impl;
  explicit VectorIndex(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace newsprint::index

#endif  // NEWSPRINT_SERVICE_INDEX_VECTOR_INDEX_H_
