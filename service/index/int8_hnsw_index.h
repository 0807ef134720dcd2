// A FAISS graph index over int8 vectors.
//
// The graph is a `faiss::HNSW`, with its layout, its parameters and its way of drawing levels. How
// it is walked is code of ours over the arrays of links, several times as fast as FAISS's: Debian's
// build has no AVX2, calls a virtual function for each distance, and does not ask for memory ahead.
// Yu. Malkov, D. Yashunin: Efficient and robust approximate nearest neighbor search using
// Hierarchical Navigable Small World graphs (TPAMI 2018).
#ifndef NEWSPRINT_SERVICE_INDEX_INT8_HNSW_INDEX_H_
#define NEWSPRINT_SERVICE_INDEX_INT8_HNSW_INDEX_H_

#include <faiss/IndexHNSW.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "service/index/int8_dot.h"
#include "service/index/int8_rows.h"

namespace newsprint::index {

using idx_t = int64_t;  // what FAISS calls so, in faiss::Index until 1.7.3 and in faiss since

// What FAISS sees of some consecutive rows. Immutable. The rows must outlive it.
class Int8Storage final : public faiss::Index {
 public:
  Int8Storage(const Int8Rows* rows, uint32_t begin, uint32_t end);

  const int8_t* codes(size_t node) const {
    const size_t place = first_place_ + node;
    return chunk_codes_[place / Int8Rows::kChunkRows] + place % Int8Rows::kChunkRows * d;
  }
  float scale(size_t node) const {
    const size_t place = first_place_ + node;
    return chunk_scales_[place / Int8Rows::kChunkRows][place % Int8Rows::kChunkRows];
  }
  void PrefetchScale(size_t node) const {
    const size_t place = first_place_ + node;
    __builtin_prefetch(chunk_scales_[place / Int8Rows::kChunkRows] + place % Int8Rows::kChunkRows);
  }

  void reconstruct(idx_t node, float* vector) const override;
  // Squared Euclidean distances of unit vectors: 2 - 2 * cosine.
  faiss::DistanceComputer* get_distance_computer() const override;
  // Not supported: rows are added to Int8Rows, and searched by VectorIndex.
  void add(idx_t n, const float* vectors) override;
  void search(idx_t n, const float* queries, idx_t k, float* distances, idx_t* labels,
              const faiss::SearchParameters* params = nullptr) const override;
  void reset() override;

 private:
  class Computer;

  const size_t first_place_;  // of node 0 in the first of the chunks
  std::vector<const int8_t*> chunk_codes_;
  std::vector<const float*> chunk_scales_;
};

// A node of a graph, and its likeness to what is looked for: a dot product but for a factor that is
// the same for all nodes.
struct ScoredNode {
  float score;
  uint32_t node;
};

// What a walk through a graph needs, kept from one to the next so that it allocates nothing. For
// one thread at a time.
class WalkScratch {
 private:
  friend class GraphWalk;

  std::vector<ScoredNode> nearest_;
  std::vector<uint64_t> visited_;  // a bit a node
  std::vector<uint32_t> nodes_;
  std::vector<const int8_t*> codes_;
  std::vector<int32_t> dots_;
};

// A graph over the rows from begin() to end(); node 0 is the row begin(). Immutable once it is
// built: any number of threads may search.
class Int8HnswIndex final : public faiss::IndexHNSW {
 public:
  struct Options {
    int links = 16;
    int ef_construction = 64;
  };

  // The links of `previous` (which may be null: then the graph begins at the row `begin`) with the
  // rows up to `end` linked in as well, but for those without an ordinal. Null when `keep_going`,
  // which is asked between rows, said no.
  static std::shared_ptr<const Int8HnswIndex> Extend(const Int8HnswIndex* previous,
                                                     const Int8Rows* rows, uint32_t begin,
                                                     uint32_t end, const Options& options,
                                                     const std::function<bool()>& keep_going);

  // A graph as it was saved: FAISS's levels (1 is the ground) and neighbours. Null when they are no
  // graph over the rows from `begin` to `end`.
  static std::shared_ptr<const Int8HnswIndex> Restore(const Int8Rows* rows, uint32_t begin,
                                                      uint32_t end, int links,
                                                      const std::vector<uint8_t>& levels,
                                                      std::vector<storage_idx_t> neighbours,
                                                      storage_idx_t entry_point);
  // How many neighbours such a graph has in all; -1 when there can be no such levels.
  static int64_t NeighbourCount(int links, const std::vector<uint8_t>& levels);

  uint32_t begin() const { return begin_; }
  uint32_t end() const { return begin_ + static_cast<uint32_t>(ntotal); }

  // The nodes nearest to a vector, best first, not more than `ef` and nearly always as many. `ef`
  // >= 1: more give better recall, and take longer.
  void Search(const int8_t* codes, size_t ef, WalkScratch* scratch,
              std::vector<ScoredNode>* nearest) const;

  // As FAISS wants it, by Search with hnsw.efSearch.
  void search(idx_t n, const float* queries, idx_t k, float* distances, idx_t* labels,
              const faiss::SearchParameters* params = nullptr) const override;
  // Not supported, see Extend.
  void add(idx_t n, const float* vectors) override;
  void reset() override;

  size_t memory_bytes() const;

 private:
  Int8HnswIndex(const Int8Rows* rows, uint32_t begin, uint32_t end, int links);

  const uint32_t begin_;
  const Int8Storage int8_storage_;
};

}  // namespace newsprint::index

#endif  // NEWSPRINT_SERVICE_INDEX_INT8_HNSW_INDEX_H_
