#include "service/index/vector_index.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "service/common/status_macros.h"
#include "service/index/faiss_status.h"
#include "service/index/int8_hnsw_index.h"

namespace newsprint::index {
namespace {

// More than one, so that the graph catches up with the rows that were added before there was any.
constexpr int kRowsLinkedPerAdd = 4;
constexpr Ordinal kRemoved = std::numeric_limits<Ordinal>::max();

}  // namespace

class VectorIndex::Impl {
 public:
  explicit Impl(const Options& o)
      : options(o), graph(o.dimension, o.links, o.ef_construction, o.ef_search) {}

  // The live ones among the `rows_wanted` nearest rows.
  void SearchRows(absl::Span<const float> query, int64_t rows_wanted,
                  std::vector<VectorHit>* hits) const {
    std::vector<float> distances(rows_wanted);
    std::vector<faiss::Index::idx_t> found(rows_wanted);
    if (graph.ntotal <= options.exact_rows_max || !graph.all_linked() ||
        rows_wanted * 4 >= graph.ntotal) {
      graph.SearchAll(query.data(), rows_wanted, distances.data(), found.data());
    } else {
      graph.search(1, query.data(), rows_wanted, distances.data(), found.data());
    }
    for (int64_t i = 0; i < rows_wanted && found[i] >= 0; ++i) {
      const Ordinal ordinal = ordinals[found[i]];
      if (ordinal == kRemoved) continue;
      hits->push_back({ordinal, std::clamp(1.0f - distances[i] / 2.0f, -1.0f, 1.0f)});
    }
  }

  // In a free row, or a new one. The row stays dead until it is given an ordinal.
  uint32_t StoreRow(absl::Span<const float> vector) {
    while (!free_rows.empty()) {
      const uint32_t row = free_rows.back();
      free_rows.pop_back();
      if (graph.is_linked(row)) continue;  // since it died
      graph.Overwrite(row, vector.data());
      return row;
    }
    ordinals.resize(graph.ntotal + 1, kRemoved);
    graph.Append(1, vector.data());
    return static_cast<uint32_t>(graph.ntotal - 1);
  }

  const Options options;
  Int8HnswIndex graph;
  std::vector<Ordinal> ordinals;                // by row; kRemoved where the row is dead
  std::vector<uint32_t> free_rows;              // dead, and not in the graph when they died
  absl::flat_hash_map<Ordinal, uint32_t> rows;  // live rows
};

absl::StatusOr<std::unique_ptr<VectorIndex>> VectorIndex::Create(const Options& options) {
  std::unique_ptr<Impl> impl;
  RETURN_IF_ERROR(
      CatchFaiss("vector index: create", [&] { impl = std::make_unique<Impl>(options); }));
  return std::unique_ptr<VectorIndex>(new VectorIndex(std::move(impl)));
}

VectorIndex::VectorIndex(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
VectorIndex::~VectorIndex() = default;

absl::Status VectorIndex::Add(Ordinal ordinal, absl::Span<const float> vector) {
  if (vector.size() != static_cast<size_t>(impl_->options.dimension)) {
    return absl::InternalError(absl::StrCat("vector index: dimension, got ", vector.size(),
                                            ", expected ", impl_->options.dimension));
  }
  Remove(ordinal);
  return CatchFaiss("vector index: add", [&] {
    const uint32_t row = impl_->StoreRow(vector);
    impl_->ordinals[row] = ordinal;
    impl_->rows[ordinal] = row;
    if (impl_->graph.ntotal <= impl_->options.exact_rows_max) return;
    for (int i = 0; i < kRowsLinkedPerAdd && !impl_->graph.all_linked(); ++i) {
      impl_->graph.LinkNext();
    }
  });
}

void VectorIndex::Remove(Ordinal ordinal) {
  const auto found = impl_->rows.find(ordinal);
  if (found == impl_->rows.end()) return;
  impl_->ordinals[found->second] = kRemoved;
  if (!impl_->graph.is_linked(found->second)) impl_->free_rows.push_back(found->second);
  impl_->rows.erase(found);
}

absl::StatusOr<std::vector<VectorHit>> VectorIndex::Search(absl::Span<const float> query,
                                                           int hits_max) const {
  const int64_t live = static_cast<int64_t>(impl_->rows.size());
  const int64_t total = impl_->graph.ntotal;
  const int64_t wanted = std::min<int64_t>(hits_max, live);
  std::vector<VectorHit> hits;
  if (wanted == 0) return hits;
  // Dead rows take up places: ask for a few more, and for many more when that was not enough.
  for (int64_t rows = std::min(total, wanted + (live == total ? 0 : 16));;
       rows = std::min(total, rows * 4)) {
    hits.clear();
    RETURN_IF_ERROR(
        CatchFaiss("vector index: search", [&] { impl_->SearchRows(query, rows, &hits); }));
    if (static_cast<int64_t>(hits.size()) >= wanted || rows == total) break;
  }
  std::sort(hits.begin(), hits.end(), [](const VectorHit& a, const VectorHit& b) {
    return a.cosine != b.cosine ? a.cosine > b.cosine : a.ordinal < b.ordinal;
  });
  if (static_cast<int64_t>(hits.size()) > wanted) hits.resize(wanted);
  return hits;
}

bool VectorIndex::Get(Ordinal ordinal, std::vector<float>* vector) const {
  const auto found = impl_->rows.find(ordinal);
  if (found == impl_->rows.end()) return false;
  vector->resize(static_cast<size_t>(impl_->options.dimension));
  impl_->graph.Reconstruct(found->second, vector->data());
  return true;
}

size_t VectorIndex::size() const { return impl_->rows.size(); }

size_t VectorIndex::memory_bytes() const {
  return impl_->graph.memory_bytes() + impl_->ordinals.capacity() * sizeof(Ordinal) +
         impl_->rows.capacity() * (sizeof(std::pair<Ordinal, uint32_t>) + 1);
}

}  // namespace newsprint::index
