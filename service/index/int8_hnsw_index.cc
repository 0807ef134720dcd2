#include "service/index/int8_hnsw_index.h"

#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/DistanceComputer.h>
#include <faiss/impl/FaissAssert.h>
#include <faiss/utils/Heap.h>

#include <algorithm>
#include <cmath>

#include "service/index/int8_dot.h"

namespace newsprint::index {
namespace {

// Writes `dimension` codes; returns the scale.
float Quantise(const float* vector, int dimension, int8_t* codes) {
  float largest = 0;
  for (int i = 0; i < dimension; ++i) largest = std::max(largest, std::abs(vector[i]));
  if (largest == 0) {
    std::fill_n(codes, dimension, int8_t{0});
    return 0;
  }
  const float inverse = 127.0f / largest;
  for (int i = 0; i < dimension; ++i) {
    codes[i] = static_cast<int8_t>(std::lrint(vector[i] * inverse));
  }
  return largest / 127.0f;
}

// The calling thread's marks of visited rows. Shared by all indexes: each search takes a number
// that no earlier one had, so marks that another index left mean nothing.
faiss::VisitedTable& ThreadVisitedTable(size_t rows) {
  thread_local faiss::VisitedTable table(0);
  if (table.visited.size() < rows) table.visited.resize(rows + rows / 2, 0);
  return table;
}

}  // namespace

class Int8Storage::Computer final : public faiss::DistanceComputer {
 public:
  explicit Computer(const Int8Storage& storage)
      : storage_(storage), dimension_(storage.d), query_(storage.d), dot_(Int8Dot()) {}

  void set_query(const float* x) override {
    query_scale_ = Quantise(x, static_cast<int>(dimension_), query_.data());
  }
  float operator()(idx_t i) override {
    return Distance(query_.data(), query_scale_, Row(i), storage_.scales_[i]);
  }
  float symmetric_dis(idx_t i, idx_t j) override {
    return Distance(Row(i), storage_.scales_[i], Row(j), storage_.scales_[j]);
  }

 private:
  const int8_t* Row(idx_t i) const { return &storage_.codes_[i * dimension_]; }
  float Distance(const int8_t* a, float a_scale, const int8_t* b, float b_scale) const {
    return 2.0f - 2.0f * a_scale * b_scale * static_cast<float>(dot_(a, b, dimension_));
  }

  const Int8Storage& storage_;
  const size_t dimension_;
  std::vector<int8_t> query_;
  float query_scale_ = 0;
  const Int8DotFunction dot_;
};

Int8Storage::Int8Storage(int dimension) : faiss::Index(dimension, faiss::METRIC_L2) {}

void Int8Storage::add(idx_t n, const float* vectors) {
  for (idx_t i = 0; i < n; ++i) {
    codes_.resize(codes_.size() + d);
    scales_.push_back(Quantise(vectors + i * d, d, &codes_[codes_.size() - d]));
    ++ntotal;
  }
}

void Int8Storage::search(idx_t n, const float* queries, idx_t k, float* distances, idx_t* labels,
                         const faiss::SearchParameters* params) const {
  FAISS_THROW_IF_NOT_MSG(params == nullptr, "search parameters are not supported");
  Computer computer(*this);
  for (idx_t i = 0; i < n; ++i) {
    computer.set_query(queries + i * d);
    float* nearest = distances + i * k;
    idx_t* rows = labels + i * k;
    faiss::maxheap_heapify(k, nearest, rows);
    for (idx_t row = 0; row < ntotal; ++row) {
      const float distance = computer(row);
      if (distance < nearest[0]) faiss::maxheap_replace_top(k, nearest, rows, distance, row);
    }
    faiss::maxheap_reorder(k, nearest, rows);
  }
}

void Int8Storage::reconstruct(idx_t row, float* vector) const {
  for (int i = 0; i < d; ++i) {
    vector[i] = scales_[row] * static_cast<float>(codes_[row * d + i]);
  }
}

void Int8Storage::Overwrite(idx_t row, const float* vector) {
  scales_[row] = Quantise(vector, d, &codes_[row * d]);
}

void Int8Storage::reset() {
  codes_.clear();
  scales_.clear();
  ntotal = 0;
}

faiss::DistanceComputer* Int8Storage::get_distance_computer() const { return new Computer(*this); }

Int8HnswIndex::Int8HnswIndex(int dimension, int links, int ef_construction, int ef_search)
    : faiss::IndexHNSW(dimension, links, faiss::METRIC_L2), int8_storage_(dimension) {
  storage = &int8_storage_;
  own_fields = false;
  is_trained = true;
  hnsw.efConstruction = ef_construction;
  hnsw.efSearch = ef_search;
}

Int8HnswIndex::~Int8HnswIndex() { FreeLocks(); }

void Int8HnswIndex::FreeLocks() {
  for (omp_lock_t& lock : locks_) omp_destroy_lock(&lock);
  locks_.clear();
}

void Int8HnswIndex::ReserveLocks(size_t rows) {
  if (locks_.size() >= rows) return;
  FreeLocks();
  locks_.resize(std::max<size_t>(1024, rows * 2));
  for (omp_lock_t& lock : locks_) omp_init_lock(&lock);
}

void Int8HnswIndex::add(idx_t n, const float* vectors) {
  Append(n, vectors);
  while (!all_linked()) LinkNext();
}

void Int8HnswIndex::Append(idx_t n, const float* vectors) {
  int8_storage_.add(n, vectors);
  ntotal = int8_storage_.ntotal;
}

void Int8HnswIndex::Overwrite(idx_t row, const float* vector) {
  FAISS_THROW_IF_NOT_MSG(!is_linked(row), "row: is in the graph");
  int8_storage_.Overwrite(row, vector);
}

void Int8HnswIndex::LinkNext() {
  const int row = static_cast<int>(hnsw.levels.size());
  std::vector<float> vector(d);
  int8_storage_.reconstruct(row, vector.data());
  const std::unique_ptr<faiss::DistanceComputer> computer(int8_storage_.get_distance_computer());
  computer->set_query(vector.data());
  hnsw.prepare_level_tab(1, false);
  ReserveLocks(hnsw.levels.size());
  hnsw.add_with_locks(*computer, hnsw.levels[row] - 1, row, locks_, ThreadVisitedTable(ntotal));
}

void Int8HnswIndex::search(idx_t n, const float* queries, idx_t k, float* distances, idx_t* labels,
                           const faiss::SearchParameters* params) const {
  FAISS_THROW_IF_NOT_MSG(params == nullptr, "search parameters are not supported");
  const std::unique_ptr<faiss::DistanceComputer> computer(int8_storage_.get_distance_computer());
  for (idx_t i = 0; i < n; ++i) {
    computer->set_query(queries + i * d);
    float* row_distances = distances + i * k;
    idx_t* row_labels = labels + i * k;
    faiss::maxheap_heapify(k, row_distances, row_labels);
    hnsw.search(*computer, static_cast<int>(k), row_labels, row_distances,
                ThreadVisitedTable(ntotal));
    faiss::maxheap_reorder(k, row_distances, row_labels);
  }
}

void Int8HnswIndex::reset() {
  hnsw.reset();
  int8_storage_.reset();
  FreeLocks();
  ntotal = 0;
}

size_t Int8HnswIndex::memory_bytes() const {
  return int8_storage_.memory_bytes() + locks_.capacity() * sizeof(omp_lock_t) +
         hnsw.neighbors.capacity() * sizeof(hnsw.neighbors[0]) +
         hnsw.levels.capacity() * sizeof(hnsw.levels[0]) +
         hnsw.offsets.capacity() * sizeof(hnsw.offsets[0]);
}

}  // namespace newsprint::index
