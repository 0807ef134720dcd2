// A FAISS graph index over int8 vectors.
//
// FAISS's own float storage is slow in Debian's build (no AVX2) and four times the size. Here
// `faiss::IndexHNSW` works on a storage of ours, whose distance computer is SIMD code of ours.
// Yu. Malkov, D. Yashunin: Efficient and robust approximate nearest neighbor search using
// Hierarchical Navigable Small World graphs (TPAMI 2018).
#ifndef NEWSPRINT_SERVICE_INDEX_INT8_HNSW_INDEX_H_
#define NEWSPRINT_SERVICE_INDEX_INT8_HNSW_INDEX_H_

#include <faiss/IndexHNSW.h>
#include <omp.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace newsprint::index {

// Unit vectors as int8 with one scale each: value = scale * code, scale = max |value| / 127. The
// error of a dot product is below about 0.01.
class Int8Storage final : public faiss::Index {
 public:
  explicit Int8Storage(int dimension);

  void add(idx_t n, const float* vectors) override;
  // Compares with every vector.
  void search(idx_t n, const float* queries, idx_t k, float* distances, idx_t* labels,
              const faiss::SearchParameters* params = nullptr) const override;
  void reconstruct(idx_t row, float* vector) const override;
  void Overwrite(idx_t row, const float* vector);
  void reset() override;
  // Squared Euclidean distances of unit vectors: 2 - 2 * cosine.
  faiss::DistanceComputer* get_distance_computer() const override;

  size_t memory_bytes() const { return codes_.capacity() + scales_.capacity() * sizeof(float); }

 private:
  class Computer;

  std::vector<int8_t> codes_;  // ntotal rows of d
  std::vector<float> scales_;
};

// Rows can't be removed; the caller passes over those it no longer wants. Not thread-safe for
// adding; any number of threads may search while nobody adds. Runs on the calling thread alone.
class Int8HnswIndex final : public faiss::IndexHNSW {
 public:
  Int8HnswIndex(int dimension, int links, int ef_construction, int ef_search);
  ~Int8HnswIndex() override;

  // FAISS's own add() sets up locks and marks for all rows at each call, which makes adding one by
  // one quadratic; this one keeps them. Appends and links.
  void add(idx_t n, const float* vectors) override;
  // The two halves of add(), for callers that can do without the graph for a while: Append stores
  // rows that SearchAll finds, LinkNext puts the first row that is not in the graph into it.
  void Append(idx_t n, const float* vectors);
  void LinkNext();
  bool all_linked() const { return static_cast<idx_t>(hnsw.levels.size()) == ntotal; }
  // Replaces a stored vector. The row must not be in the graph.
  void Overwrite(idx_t row, const float* vector);
  bool is_linked(idx_t row) const { return row < static_cast<idx_t>(hnsw.levels.size()); }
  // By the graph: finds linked rows only.
  void search(idx_t n, const float* queries, idx_t k, float* distances, idx_t* labels,
              const faiss::SearchParameters* params = nullptr) const override;
  void reset() override;

  // Compares with every vector: exact, for small indexes and as the oracle in tests.
  void SearchAll(const float* query, idx_t k, float* distances, idx_t* labels) const {
    int8_storage_.search(1, query, k, distances, labels);
  }
  // The vector of a row, in the graph or not.
  void Reconstruct(idx_t row, float* vector) const { int8_storage_.reconstruct(row, vector); }
  size_t memory_bytes() const;

 private:
  void ReserveLocks(size_t rows);
  void FreeLocks();

  Int8Storage int8_storage_;
  std::vector<omp_lock_t> locks_;  // at least one a row
};

}  // namespace newsprint::index

#endif  // NEWSPRINT_SERVICE_INDEX_INT8_HNSW_INDEX_H_
