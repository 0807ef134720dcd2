#include "service/index/int8_hnsw_index.h"

#include <faiss/impl/DistanceComputer.h>
#include <faiss/impl/FaissAssert.h>

#include <algorithm>
#include <utility>

#include "service/index/graph_walk.h"
#include "service/index/huge_pages.h"

namespace newsprint::index {

class Int8Storage::Computer final : public faiss::DistanceComputer {
 public:
  explicit Computer(const Int8Storage& storage)
      : storage_(storage), dimension_(storage.d), query_(storage.d), dots_(Int8Dots()) {}

  void set_query(const float* x) override {
    query_scale_ = Quantise(x, static_cast<int>(dimension_), query_.data());
  }
  float operator()(idx_t i) override { return Distance(query_.data(), query_scale_, i); }
  float symmetric_dis(idx_t i, idx_t j) override {
    return Distance(storage_.codes(i), storage_.scale(i), j);
  }

 private:
  float Distance(const int8_t* codes, float scale, idx_t node) const {
    const int8_t* row = storage_.codes(node);
    int32_t dot;
    dots_(codes, &row, 1, dimension_, &dot);
    return 2.0f - 2.0f * scale * storage_.scale(node) * static_cast<float>(dot);
  }

  const Int8Storage& storage_;
  const size_t dimension_;
  std::vector<int8_t> query_;
  float query_scale_ = 0;
  const Int8DotsFunction dots_;
};

Int8Storage::Int8Storage(const Int8Rows* rows, uint32_t begin, uint32_t end)
    : faiss::Index(rows->dimension(), faiss::METRIC_L2),
      first_place_(begin % Int8Rows::kChunkRows) {
  ntotal = end - begin;
  for (uint32_t row = begin - begin % Int8Rows::kChunkRows; row < end;
       row += Int8Rows::kChunkRows) {
    const Int8Rows::Chunk& chunk = rows->chunk(row / Int8Rows::kChunkRows);
    chunk_codes_.push_back(chunk.codes.get());
    chunk_scales_.push_back(chunk.scales.data());
  }
}

void Int8Storage::reconstruct(idx_t node, float* vector) const {
  for (int i = 0; i < d; ++i) vector[i] = scale(node) * static_cast<float>(codes(node)[i]);
}

faiss::DistanceComputer* Int8Storage::get_distance_computer() const { return new Computer(*this); }

void Int8Storage::add(idx_t, const float*) { FAISS_THROW_MSG("not supported"); }
void Int8Storage::search(idx_t, const float*, idx_t, float*, idx_t*,
                         const faiss::SearchParameters*) const {
  FAISS_THROW_MSG("not supported");
}
void Int8Storage::reset() { FAISS_THROW_MSG("not supported"); }

Int8HnswIndex::Int8HnswIndex(const Int8Rows* rows, uint32_t begin, uint32_t end, int links)
    : faiss::IndexHNSW(rows->dimension(), links, faiss::METRIC_L2),
      begin_(begin),
      int8_storage_(rows, begin, end) {
  storage = const_cast<Int8Storage*>(&int8_storage_);  // FAISS writes to it in add() alone
  own_fields = false;
  is_trained = true;
  ntotal = int8_storage_.ntotal;
}

std::shared_ptr<const Int8HnswIndex> Int8HnswIndex::Extend(
    const Int8HnswIndex* previous, const Int8Rows* rows, uint32_t begin, uint32_t end,
    const Options& options, const std::function<bool()>& keep_going) {
  if (previous != nullptr) begin = previous->begin();
  std::shared_ptr<Int8HnswIndex> index(new Int8HnswIndex(rows, begin, end, options.links));
  faiss::HNSW& hnsw = index->hnsw;
  const size_t nodes = end - begin;
  const size_t nodes_before = previous == nullptr ? 0 : previous->ntotal;
  // All levels first, so that each array is allocated once and in its final size.
  hnsw.levels.reserve(nodes);
  hnsw.offsets.reserve(nodes + 1);
  size_t neighbours = 0;
  if (previous != nullptr) {
    const faiss::HNSW& before = previous->hnsw;
    hnsw.levels = before.levels;
    hnsw.levels.reserve(nodes);
    hnsw.rng = before.rng;
    hnsw.entry_point = before.entry_point;
    hnsw.max_level = before.max_level;
    neighbours = before.neighbors.size();
  }
  for (size_t node = nodes_before; node < nodes; ++node) {
    hnsw.levels.push_back(hnsw.random_level() + 1);
    neighbours += hnsw.cum_nb_neighbors(hnsw.levels.back());
  }
  std::vector<storage_idx_t> links;  // of all nodes
  links.reserve(neighbours);
  AdviseHugePages(links.data(), neighbours * sizeof(links[0]));
  if (previous != nullptr) {
    const auto& before = previous->hnsw.neighbors;
    links.assign(before.data(), before.data() + before.size());
    hnsw.offsets = previous->hnsw.offsets;
  }
  links.resize(neighbours, -1);
  hnsw.neighbors = std::move(links);
  for (size_t node = nodes_before; node < nodes; ++node) {
    hnsw.offsets.push_back(hnsw.offsets.back() + hnsw.cum_nb_neighbors(hnsw.levels[node]));
  }
  WalkScratch scratch;
  GraphWalk walk(&index->int8_storage_, &hnsw, &scratch);
  for (size_t node = nodes_before; node < nodes; ++node) {
    if (!keep_going()) return nullptr;
    const uint32_t row = begin + static_cast<uint32_t>(node);
    if (rows->ordinal(row) == kRemoved) continue;
    walk.Link(static_cast<uint32_t>(node), options.ef_construction, &hnsw);
  }
  return index;
}

int64_t Int8HnswIndex::NeighbourCount(int links, const std::vector<uint8_t>& levels) {
  const faiss::HNSW hnsw(links);
  int64_t count = 0;
  for (const uint8_t level : levels) {
    if (level < 1 || level >= hnsw.cum_nneighbor_per_level.size()) return -1;
    count += hnsw.cum_nb_neighbors(level);
  }
  return count;
}

std::shared_ptr<const Int8HnswIndex> Int8HnswIndex::Restore(const Int8Rows* rows, uint32_t begin,
                                                            uint32_t end, int links,
                                                            const std::vector<uint8_t>& levels,
                                                            std::vector<storage_idx_t> neighbours,
                                                            storage_idx_t entry_point) {
  const size_t nodes = end - begin;
  const int64_t expected = NeighbourCount(links, levels);
  if (levels.size() != nodes || expected < 0 ||
      neighbours.size() != static_cast<size_t>(expected) || entry_point < -1 ||
      entry_point >= static_cast<int64_t>(nodes)) {
    return nullptr;
  }
  std::shared_ptr<Int8HnswIndex> index(new Int8HnswIndex(rows, begin, end, links));
  faiss::HNSW& hnsw = index->hnsw;
  hnsw.levels.assign(levels.begin(), levels.end());
  hnsw.offsets.reserve(nodes + 1);
  for (const uint8_t level : levels) {
    hnsw.offsets.push_back(hnsw.offsets.back() + hnsw.cum_nb_neighbors(level));
  }
  // A walk stays in bounds when each link leads to a node that is there on its level.
  for (size_t node = 0; node < nodes; ++node) {
    for (int level = 0; level < levels[node]; ++level) {
      size_t link, link_end;
      hnsw.neighbor_range(static_cast<idx_t>(node), level, &link, &link_end);
      for (; link < link_end; ++link) {
        const storage_idx_t to = neighbours[link];
        if (to < -1 || to >= static_cast<int64_t>(nodes) || (to >= 0 && levels[to] <= level)) {
          return nullptr;
        }
      }
    }
  }
  hnsw.neighbors = std::move(neighbours);
  hnsw.entry_point = entry_point;
  hnsw.max_level = entry_point < 0 ? -1 : levels[entry_point] - 1;
  return index;
}

void Int8HnswIndex::Search(const int8_t* codes, size_t ef, WalkScratch* scratch,
                           std::vector<ScoredNode>* nearest) const {
  nearest->clear();
  if (hnsw.entry_point < 0) return;
  GraphWalk walk(&int8_storage_, &hnsw, scratch);
  *nearest = walk.Search(codes, ef);
}

void Int8HnswIndex::search(idx_t n, const float* queries, idx_t k, float* distances, idx_t* labels,
                           const faiss::SearchParameters* params) const {
  FAISS_THROW_IF_NOT_MSG(params == nullptr, "search parameters are not supported");
  WalkScratch scratch;
  std::vector<ScoredNode> nearest;
  std::vector<int8_t> codes(d);
  for (idx_t i = 0; i < n; ++i) {
    const float scale = Quantise(queries + i * d, d, codes.data());
    Search(codes.data(), std::max<size_t>(hnsw.efSearch, k), &scratch, &nearest);
    for (idx_t j = 0; j < k; ++j) {
      const bool found = static_cast<size_t>(j) < nearest.size();
      labels[i * k + j] = found ? nearest[j].node : -1;
      distances[i * k + j] = found ? 2.0f - 2.0f * scale * nearest[j].score : HUGE_VALF;
    }
  }
}

void Int8HnswIndex::add(idx_t, const float*) { FAISS_THROW_MSG("not supported"); }
void Int8HnswIndex::reset() { FAISS_THROW_MSG("not supported"); }

size_t Int8HnswIndex::memory_bytes() const {
  return hnsw.neighbors.size() * sizeof(hnsw.neighbors[0]) +
         hnsw.levels.capacity() * sizeof(hnsw.levels[0]) +
         hnsw.offsets.capacity() * sizeof(hnsw.offsets[0]);
}

}  // namespace newsprint::index
