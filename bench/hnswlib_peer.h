// hnswlib behind a few plain functions, so that it can be compiled with instructions of its own.
#ifndef NEWSPRINT_BENCH_HNSWLIB_PEER_H_
#define NEWSPRINT_BENCH_HNSWLIB_PEER_H_

#include <cstddef>
#include <cstdint>
#include <memory>

namespace newsprint::bench {

// hnswlib::HierarchicalNSW over squared Euclidean distances of float vectors. For one thread.
class HnswlibPeer {
 public:
  HnswlibPeer(size_t dimension, size_t rows_max, size_t links, size_t ef_construction);
  ~HnswlibPeer();

  void Add(const float* vector, size_t row);
  void SetEfSearch(size_t ef_search);
  // Writes `k` rows, nearest first.
  void Search(const float* query, size_t k, int64_t* rows) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace newsprint::bench

#endif  // NEWSPRINT_BENCH_HNSWLIB_PEER_H_
