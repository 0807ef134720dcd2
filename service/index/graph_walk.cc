#include "service/index/graph_walk.h"

#include <algorithm>
#include <utility>

namespace newsprint::index {
namespace {

// Marks those of `nearest` whose links have been followed.
constexpr uint32_t kFollowed = uint32_t{1} << 31;
constexpr size_t kCacheLine = 64;
// How many nodes a search of the ground level begins from.
constexpr size_t kUpperBeam = 32;

bool IsBetter(const ScoredNode& a, const ScoredNode& b) {
  return a.score != b.score ? a.score > b.score : a.node < b.node;
}

}  // namespace

void GraphWalk::ComputeDots(const int8_t* query) {
  const std::vector<uint32_t>& nodes = scratch_.nodes_;
  scratch_.codes_.resize(nodes.size());
  scratch_.dots_.resize(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) scratch_.codes_[i] = storage_.codes(nodes[i]);
  dots_(query, scratch_.codes_.data(), nodes.size(), storage_.d, scratch_.dots_.data());
}

ScoredNode GraphWalk::Descend(const int8_t* query, int level_end) {
  std::vector<uint32_t>& nodes = scratch_.nodes_;
  nodes.assign(1, static_cast<uint32_t>(hnsw_.entry_point));
  ComputeDots(query);
  ScoredNode best = {static_cast<float>(scratch_.dots_[0]) * storage_.scale(nodes[0]), nodes[0]};
  for (int level = hnsw_.max_level; level >= level_end; --level) {
    for (bool moved = true; moved;) {
      moved = false;
      nodes.clear();
      const auto [begin, end] = LinkRange(best.node, level);
      for (size_t i = begin; i < end && hnsw_.neighbors[i] >= 0; ++i) {
        nodes.push_back(static_cast<uint32_t>(hnsw_.neighbors[i]));
      }
      ComputeDots(query);
      for (size_t i = 0; i < nodes.size(); ++i) {
        const float score = static_cast<float>(scratch_.dots_[i]) * storage_.scale(nodes[i]);
        if (score <= best.score) continue;
        best = {score, nodes[i]};
        moved = true;
      }
    }
  }
  return best;
}

void GraphWalk::SearchLevel(const int8_t* query, int level, size_t ef) {
  std::vector<ScoredNode>& nearest = scratch_.nearest_;  // best first
  std::vector<uint64_t>& visited = scratch_.visited_;
  std::vector<uint32_t>& nodes = scratch_.nodes_;
  visited.assign(hnsw_.levels.size() / 64 + 1, 0);
  if (nearest.size() > ef) nearest.resize(ef);
  for (const ScoredNode& entry : nearest)
    visited[entry.node / 64] |= uint64_t{1} << entry.node % 64;
  const size_t row_bytes = static_cast<size_t>(storage_.d);
  for (size_t next = 0; next < nearest.size();) {
    if ((nearest[next].node & kFollowed) != 0) {
      ++next;
      continue;
    }
    const auto [begin, end] = LinkRange(nearest[next].node, level);
    nearest[next].node |= kFollowed;
    nodes.clear();
    for (size_t i = begin; i < end && hnsw_.neighbors[i] >= 0; ++i) {
      const uint32_t node = static_cast<uint32_t>(hnsw_.neighbors[i]);
      uint64_t& word = visited[node / 64];
      const uint64_t bit = uint64_t{1} << node % 64;
      if ((word & bit) != 0) continue;
      word |= bit;
      nodes.push_back(node);
      const int8_t* codes = storage_.codes(node);
      for (size_t line = 0; line < row_bytes; line += kCacheLine) {
        __builtin_prefetch(codes + line);
      }
      storage_.PrefetchScale(node);
    }
    // Very likely the next one.
    if (next + 1 < nearest.size()) {
      const size_t links = LinkRange(nearest[next + 1].node & ~kFollowed, level).first;
      __builtin_prefetch(&hnsw_.neighbors[links]);
      __builtin_prefetch(&hnsw_.neighbors[links] + 16);
    }
    ComputeDots(query);
    for (size_t i = 0; i < nodes.size(); ++i) {
      const float score = static_cast<float>(scratch_.dots_[i]) * storage_.scale(nodes[i]);
      if (nearest.size() == ef) {
        if (score <= nearest.back().score) continue;
        nearest.pop_back();
      }
      const auto place = std::upper_bound(
          nearest.begin(), nearest.end(), score,
          [](float value, const ScoredNode& other) { return value > other.score; });
      next = std::min(next, static_cast<size_t>(place - nearest.begin()));
      nearest.insert(place, {score, nodes[i]});
      __builtin_prefetch(&hnsw_.offsets[nodes[i]]);
    }
  }
  for (ScoredNode& scored : nearest) scored.node &= ~kFollowed;
}

void GraphWalk::Approach(const int8_t* query, int level) {
  scratch_.nearest_.assign(1, Descend(query, std::max(level + 1, 2)));
  if (level == 0 && hnsw_.max_level >= 1) {
    SearchLevel(query, 1, kUpperBeam);
  }
}

const std::vector<ScoredNode>& GraphWalk::Search(const int8_t* query, size_t ef) {
  Approach(query, 0);
  SearchLevel(query, 0, ef);
  return scratch_.nearest_;
}

void GraphWalk::SelectDiverse(uint32_t base, std::vector<ScoredNode>* candidates,
                              size_t links_max) {
  const float base_scale = storage_.scale(base);
  kept_codes_.clear();
  kept_scales_.clear();
  size_t kept = 0;
  int32_t dots[8];
  for (const ScoredNode candidate : *candidates) {
    if (kept == links_max) break;
    const int8_t* codes = storage_.codes(candidate.node);
    const float scale = storage_.scale(candidate.node);
    const float cosine = candidate.score * base_scale;
    bool is_diverse = true;
    for (size_t i = 0; i < kept && is_diverse; i += std::size(dots)) {
      const size_t count = std::min(kept - i, std::size(dots));
      dots_(codes, &kept_codes_[i], count, storage_.d, dots);
      for (size_t j = 0; j < count; ++j) {
        if (static_cast<float>(dots[j]) * kept_scales_[i + j] * scale > cosine) is_diverse = false;
      }
    }
    if (!is_diverse) continue;
    (*candidates)[kept++] = candidate;
    kept_codes_.push_back(codes);
    kept_scales_.push_back(scale);
  }
  candidates->resize(kept);
}

void GraphWalk::AddLink(uint32_t from, uint32_t to, int level, faiss::HNSW* hnsw) {
  const auto [begin, end] = LinkRange(from, level);
  Links* const links = hnsw->neighbors.data();
  size_t used = begin;
  while (used < end && links[used] >= 0) ++used;
  if (used < end) {
    links[used] = static_cast<Links>(to);
    return;
  }
  std::vector<uint32_t>& nodes = scratch_.nodes_;
  nodes.assign(1, to);
  for (size_t i = begin; i < end; ++i) nodes.push_back(static_cast<uint32_t>(links[i]));
  ComputeDots(storage_.codes(from));
  rivals_.clear();
  for (size_t i = 0; i < nodes.size(); ++i) {
    rivals_.push_back({static_cast<float>(scratch_.dots_[i]) * storage_.scale(nodes[i]), nodes[i]});
  }
  std::sort(rivals_.begin(), rivals_.end(), IsBetter);
  SelectDiverse(from, &rivals_, end - begin);
  for (size_t i = begin; i < end; ++i) {
    links[i] = i - begin < rivals_.size() ? static_cast<Links>(rivals_[i - begin].node) : -1;
  }
}

void GraphWalk::Link(uint32_t node, size_t ef_construction, faiss::HNSW* hnsw) {
  const int level_top = hnsw_.levels[node] - 1;
  if (hnsw_.entry_point < 0) {
    hnsw->entry_point = static_cast<Links>(node);
    hnsw->max_level = level_top;
    return;
  }
  const int8_t* codes = storage_.codes(node);
  Approach(codes, level_top);
  for (int level = std::min(level_top, hnsw_.max_level); level >= 0; --level) {
    SearchLevel(codes, level, ef_construction);
    chosen_ = scratch_.nearest_;
    const auto [begin, end] = LinkRange(node, level);
    SelectDiverse(node, &chosen_, end - begin);
    for (size_t i = 0; i < chosen_.size(); ++i) {
      hnsw->neighbors[begin + i] = static_cast<Links>(chosen_[i].node);
    }
    for (const ScoredNode& neighbour : chosen_) AddLink(neighbour.node, node, level, hnsw);
  }
  if (level_top > hnsw_.max_level) {
    hnsw->entry_point = static_cast<Links>(node);
    hnsw->max_level = level_top;
  }
}

}  // namespace newsprint::index
