#include "bench/hnswlib_peer.h"

#include <hnswlib/hnswlib.h>

namespace newsprint::bench {

class HnswlibPeer::Impl {
 public:
  Impl(size_t dimension, size_t rows_max, size_t links, size_t ef_construction)
      : space(dimension), graph(&space, rows_max, links, ef_construction) {}

  hnswlib::L2Space space;
  hnswlib::HierarchicalNSW<float> graph;
};

HnswlibPeer::HnswlibPeer(size_t dimension, size_t rows_max, size_t links, size_t ef_construction)
    : impl_(std::make_unique<Impl>(dimension, rows_max, links, ef_construction)) {}
HnswlibPeer::~HnswlibPeer() = default;

void HnswlibPeer::Add(const float* vector, size_t row) { impl_->graph.addPoint(vector, row); }

void HnswlibPeer::SetEfSearch(size_t ef_search) { impl_->graph.setEf(ef_search); }

void HnswlibPeer::Search(const float* query, size_t k, int64_t* rows) const {
  auto found = impl_->graph.searchKnn(query, k);  // the furthest on top
  for (size_t i = found.size(); i-- > 0; found.pop()) {
    rows[i] = static_cast<int64_t>(found.top().second);
  }
}

}  // namespace newsprint::bench
