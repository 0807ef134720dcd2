// Finds the articles whose embeddings are nearest to a given one.
#ifndef NEWSPRINT_SERVICE_INDEX_VECTOR_INDEX_H_
#define NEWSPRINT_SERVICE_INDEX_VECTOR_INDEX_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "service/common/types.h"
#include "service/index/int8_rows.h"

namespace newsprint::index {

struct VectorHit {
  Ordinal ordinal;
  float cosine;  // -1 to 1, within about 0.01 of the exact value
};

// Thread-safe, but that Add, Remove and FinishLoading are for one thread at a time, and Load comes
// before all other calls. No call waits for another one, nor for the graphs, which are built in the
// background. FAISS errors come back as INTERNAL.
//
// A search compares the query with each of the latest rows, and finds its way through graphs over
// the older ones. While an article is added anew, a search may miss it.
class VectorIndex {
 public:
  struct Options {
    int dimension = 256;
    // Graph links a row (M of the HNSW paper); twice as many on the ground level. More: better
    // recall, more memory (8 bytes each) and slower building.
    int links = 16;
    // Nearest nodes that are kept while a row is linked in, and while a search runs, which keeps at
    // least 3/2 of the hits that are wanted. More: better recall, slower.
    int ef_construction = 64;
    int ef_search = 64;
    // Up to this many rows there is no graph: searches are exact.
    int exact_rows_max = 16'384;
    // Rows beyond the graphs at which these are extended. More: slower searches; fewer: the last
    // graph is copied more often.
    int tail_rows_max = 4096;
    // Rows of a graph. More: faster searches, and more memory while it is extended.
    int segment_rows_max = 1 << 20;
  };

  static absl::StatusOr<std::unique_ptr<VectorIndex>> Create(const Options& options);
  ~VectorIndex();

  // `vector` has `dimension` values and length 1. An ordinal that is in the index is replaced.
  absl::Status Add(Ordinal ordinal, absl::Span<const float> vector);
  // Does nothing when the article is not in the index. The row stays, dead.
  void Remove(Ordinal ordinal);
  // Adds what is live among the rows of `from` from row `begin` on, at most `rows_max` of them, and
  // is not in this index. Returns the row to go on from, from.rows() at last. For making an index
  // without dead rows; both must have the same dimension, and counts as an Add to either.
  absl::StatusOr<uint32_t> AddFrom(const VectorIndex& from, uint32_t begin, uint32_t rows_max);
  // The `hits_max` nearest, best first, equal ones in the order of ingestion. `ef_search`:
  // instead of what the options say.
  absl::StatusOr<std::vector<VectorHit>> Search(absl::Span<const float> query, int hits_max,
                                                int ef_search = 0) const;
  // The vector of an article, as exact as its code; false when it is not in the index.
  bool Get(Ordinal ordinal, std::vector<float>* vector) const;

  // Writes the graphs and their rows, not the latest rows, to a file that takes the place of an
  // earlier one when it is complete and on disk. The file saves time at a start and is no more than
  // that. One call at a time does its work, others wait.
  absl::Status Save(const std::string& path);
  // Rows that a Save would write beyond those of the last Save, or Load.
  int64_t unsaved_rows() const;
  // Whatever Save has written, dead rows and all. NOT_FOUND where there is no file. DATA_LOSS when
  // it is damaged, or of another version or shape than `options`; the index is empty and usable
  // then. A row of the file is not found before its article is added with the very same vector,
  // which then costs less than a new one.
  absl::Status Load(const std::string& path);
  // Rows of the file that nobody has added until now are dead.
  void FinishLoading();

  // Returns when the rows that are there now are in graphs, or too few to be.
  absl::Status WaitUntilBuilt();

  // Whether most of the rows are in graphs, or there are too few for any.
  bool IsBuilt() const;

  // Whether so many of the rows are dead that AddFrom should make an index of the others.
  bool IsWorthCompacting() const;

  size_t size() const;
  uint32_t rows() const;  // with dead ones
  size_t memory_bytes() const;
  size_t graph_segments() const;  // number of graphs

 private:
  class Impl;
  explicit VectorIndex(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace newsprint::index

#endif  // NEWSPRINT_SERVICE_INDEX_VECTOR_INDEX_H_
