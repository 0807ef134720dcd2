// Walks through the links of a faiss::HNSW, to search it and to link nodes in.
#ifndef NEWSPRINT_SERVICE_INDEX_GRAPH_WALK_H_
#define NEWSPRINT_SERVICE_INDEX_GRAPH_WALK_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "service/index/int8_hnsw_index.h"

namespace newsprint::index {

// For one thread. What it is given must outlive it.
class GraphWalk {
 public:
  GraphWalk(const Int8Storage* storage, const faiss::HNSW* hnsw, WalkScratch* scratch)
      : storage_(*storage), hnsw_(*hnsw), scratch_(*scratch), dots_(Int8Dots()) {}

  // Algorithm 5 of the paper: the up to `ef` nearest nodes of the ground level, best first. They
  // stay valid until the next call. The graph must have a node.
  const std::vector<ScoredNode>& Search(const int8_t* query, size_t ef);

  // Algorithm 1: links a node in. `hnsw`, the graph of the walk, has a level for it, and no other
  // node knows it yet.
  void Link(uint32_t node, size_t ef_construction, faiss::HNSW* hnsw);

 private:
  using Links = faiss::HNSW::storage_idx_t;

  // The links of a node on a level, from 0. The first of them that is negative ends them.
  std::pair<size_t, size_t> LinkRange(uint32_t node, int level) const {
    const size_t begin = hnsw_.offsets[node];
    return {begin + hnsw_.cum_nneighbor_per_level[level],
            begin + hnsw_.cum_nneighbor_per_level[level + 1]};
  }
  // Fills scratch dots_ for the nodes in scratch nodes_.
  void ComputeDots(const int8_t* query);
  // Greedy, from the top down to, and with, `level_end`.
  ScoredNode Descend(const int8_t* query, int level_end);
  // Fills scratch nearest_ with nodes from which to search `level`: one, but 32 for the
  // ground. From a single one a search in a large graph of clusters often ends in the wrong
  // cluster.
  void Approach(const int8_t* query, int level);
  // Algorithm 2: replaces the nodes in scratch nearest_ by the up to `ef` nearest that it finds
  // from them.
  void SearchLevel(const int8_t* query, int level, size_t ef);
  void AddLink(uint32_t from, uint32_t to, int level, faiss::HNSW* hnsw);
  // Algorithm 4: keeps those of `candidates`, nodes near to `base` with the best first, that are
  // nearer to the base than to any one kept before; `links_max` at most.
  void SelectDiverse(uint32_t base, std::vector<ScoredNode>* candidates, size_t links_max);

  const Int8Storage& storage_;
  const faiss::HNSW& hnsw_;
  WalkScratch& scratch_;
  const Int8DotsFunction dots_;
  std::vector<ScoredNode> chosen_;  // while linking: the node's links on a level
  std::vector<ScoredNode> rivals_;  // the links of one of those
  std::vector<const int8_t*> kept_codes_;
  std::vector<float> kept_scales_;
};

}  // namespace newsprint::index

#endif  // NEWSPRINT_SERVICE_INDEX_GRAPH_WALK_H_
