#include "service/index/vector_index.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "service/common/mutex.h"
#include "service/common/status_macros.h"
#include "service/index/faiss_status.h"
#include "service/index/index_file.h"
#include "service/index/int8_hnsw_index.h"
#include "service/index/page_table.h"
#include "service/index/segment_builder.h"

namespace newsprint::index {
namespace {

constexpr uint32_t kNoRow = std::numeric_limits<uint32_t>::max();
// A walk that keeps more of a graph's nodes than one in so many, or more than so many, is slower
// than comparing with all: it looks at many times as many, in no order, and sorts what it keeps.
constexpr size_t kGraphShareMin = 64;
constexpr size_t kWalkMax = 4096;

bool IsWorthWalking(size_t ef, size_t rows) { return ef <= kWalkMax && ef * kGraphShareMin < rows; }

// An index without dead rows is made when there are so many rows, of which at least one in
// kDeadShare is dead.
constexpr uint32_t kCompactedRowsMin = 4096;
constexpr size_t kDeadShare = 3;

// The rows of consecutive ordinals; kNoRow for those without one.
struct OrdinalPage {
  static constexpr uint32_t kOrdinals = 4096;

  OrdinalPage() {
    for (std::atomic<uint32_t>& row : rows) row.store(kNoRow, std::memory_order_relaxed);
  }
  std::array<std::atomic<uint32_t>, kOrdinals> rows;
};

// Keeps the best `wanted` of what is pushed.
class BestHits {
 public:
  BestHits(size_t wanted, std::vector<VectorHit>* hits) : wanted_(wanted), hits_(*hits) {
    hits_.clear();
  }

  // Whether a hit of this score, in the units of VectorHit, could be among the best.
  bool IsGood(float score) const { return score >= score_min_; }
  void Push(VectorHit hit) {
    hits_.push_back(hit);
    if (hits_.size() >= 2 * wanted_ + kSlack) Shrink();
  }
  void Finish() {
    std::sort(hits_.begin(), hits_.end(), IsBetter);
    if (hits_.size() > wanted_) hits_.resize(wanted_);
  }

 private:
  static constexpr size_t kSlack = 64;

  static bool IsBetter(const VectorHit& a, const VectorHit& b) {
    return a.cosine != b.cosine ? a.cosine > b.cosine : a.ordinal < b.ordinal;
  }
  void Shrink() {
    const auto last = hits_.begin() + static_cast<std::ptrdiff_t>(wanted_) - 1;
    std::nth_element(hits_.begin(), last, hits_.end(), IsBetter);
    score_min_ = last->cosine;
    hits_.resize(wanted_);
  }

  const size_t wanted_;
  std::vector<VectorHit>& hits_;
  float score_min_ = -std::numeric_limits<float>::infinity();
};

// What a search needs, kept by each thread so that searches do not allocate.
struct SearchScratch {
  std::vector<int8_t> codes;
  WalkScratch walk;
  std::vector<ScoredNode> nearest;
  std::vector<VectorHit> hits;
};

SegmentBuilder::Options BuilderOptions(const VectorIndex::Options& options) {
  SegmentBuilder::Options builder;
  builder.graph.links = options.links;
  builder.graph.ef_construction = options.ef_construction;
  builder.exact_rows_max = static_cast<uint32_t>(options.exact_rows_max);
  builder.tail_rows_max = static_cast<uint32_t>(options.tail_rows_max);
  builder.segment_rows_max = static_cast<uint32_t>(options.segment_rows_max);
  return builder;
}

VectorIndex::Options Clamped(VectorIndex::Options options) {
  options.links = std::max(options.links, 2);
  options.ef_construction = std::max(options.ef_construction, 1);
  options.ef_search = std::max(options.ef_search, 1);
  options.exact_rows_max = std::max(options.exact_rows_max, 0);
  options.tail_rows_max = std::max(options.tail_rows_max, 1);
  options.segment_rows_max = std::max(options.segment_rows_max, 1);
  return options;
}

}  // namespace

class VectorIndex::Impl {
 public:
  explicit Impl(const Options& o)
      : options(Clamped(o)), rows(std::make_unique<Int8Rows>(o.dimension)) {
    builder = std::make_unique<SegmentBuilder>(rows.get(), BuilderOptions(options));
  }

  std::atomic<uint32_t>* RowSlot(Ordinal ordinal) const {
    OrdinalPage* page = ordinal_pages.Find(ordinal / OrdinalPage::kOrdinals);
    return page == nullptr ? nullptr : &page->rows[ordinal % OrdinalPage::kOrdinals];
  }
  // kNoRow when the article is not in the index.
  uint32_t RowOf(Ordinal ordinal) const {
    const std::atomic<uint32_t>* slot = RowSlot(ordinal);
    return slot == nullptr ? kNoRow : slot->load(std::memory_order_acquire);
  }
  std::atomic<uint32_t>& MakeRowSlot(Ordinal ordinal) {
    if (std::atomic<uint32_t>* slot = RowSlot(ordinal)) return *slot;
    OrdinalPage* page =
        ordinal_pages.Set(ordinal / OrdinalPage::kOrdinals, std::make_unique<OrdinalPage>());
    ordinal_page_count.fetch_add(1, std::memory_order_relaxed);
    return page->rows[ordinal % OrdinalPage::kOrdinals];
  }

  // The row of the file that holds this very vector of the article, or kNoRow.
  uint32_t LoadedRow(Ordinal ordinal, CodedVector vector) const {
    if (loaded == nullptr) return kNoRow;
    const auto found = loaded->find(ordinal);
    if (found == loaded->end()) return kNoRow;
    const CodedVector stored = rows->vector(found->second);
    const bool is_same = stored.scale == vector.scale &&
                         std::equal(vector.codes, vector.codes + options.dimension, stored.codes);
    return is_same ? found->second : kNoRow;
  }

  void Add(Ordinal ordinal, CodedVector coded);
  void Remove(Ordinal ordinal);

  // Compares with each row from `begin` to `end`.
  void Scan(CodedVector query, uint32_t begin, uint32_t end, BestHits* best) const;
  void SearchSegment(const Int8HnswIndex& segment, CodedVector query, size_t ef,
                     SearchScratch* scratch, BestHits* best) const;

  const Options options;
  std::unique_ptr<Int8Rows> rows;  // changed by Load alone
  PageTable<OrdinalPage> ordinal_pages;
  std::atomic<size_t> ordinal_page_count{0};
  std::atomic<size_t> live{0};
  // Of the file's rows, until FinishLoading.
  std::unique_ptr<absl::flat_hash_map<Ordinal, uint32_t>> loaded;
  std::vector<int8_t> codes;  // of the vector that is being added
  Mutex save_mutex;
  std::atomic<uint32_t> saved_rows{0};
  std::unique_ptr<SegmentBuilder> builder;  // last, as its thread uses the rows
};

void VectorIndex::Impl::Scan(CodedVector query, uint32_t begin, uint32_t end,
                             BestHits* best) const {
  constexpr uint32_t kBlock = 64;
  static_assert(Int8Rows::kChunkRows % kBlock == 0);
  const int8_t* codes_of[kBlock];
  int32_t dots[kBlock];
  const Int8DotsFunction compute_dots = Int8Dots();
  for (uint32_t row = begin; row < end;) {
    const Int8Rows::Chunk& chunk = rows->chunk(row / Int8Rows::kChunkRows);
    const uint32_t place = row % Int8Rows::kChunkRows;
    const uint32_t count = std::min(kBlock - place % kBlock, end - row);
    for (uint32_t i = 0; i < count; ++i) codes_of[i] = chunk.Codes(place + i, options.dimension);
    compute_dots(query.codes, codes_of, count, options.dimension, dots);
    for (uint32_t i = 0; i < count; ++i) {
      const float score = static_cast<float>(dots[i]) * chunk.scales[place + i] * query.scale;
      if (!best->IsGood(score)) continue;
      const Ordinal ordinal = chunk.ordinals[place + i].load(std::memory_order_relaxed);
      if (ordinal != kRemoved) best->Push({ordinal, score});
    }
    row += count;
  }
}

void VectorIndex::Impl::SearchSegment(const Int8HnswIndex& segment, CodedVector query, size_t ef,
                                      SearchScratch* scratch, BestHits* best) const {
  if (!IsWorthWalking(ef, static_cast<size_t>(segment.ntotal))) {
    Scan(query, segment.begin(), segment.end(), best);
    return;
  }
  segment.Search(query.codes, ef, &scratch->walk, &scratch->nearest);
  for (const ScoredNode& scored : scratch->nearest) {
    const float score = scored.score * query.scale;
    if (!best->IsGood(score)) break;
    const Ordinal ordinal = rows->ordinal(segment.begin() + scored.node);
    if (ordinal != kRemoved) best->Push({ordinal, score});
  }
}

absl::StatusOr<std::unique_ptr<VectorIndex>> VectorIndex::Create(const Options& options) {
  std::unique_ptr<Impl> impl;
  RETURN_IF_ERROR(
      CatchFaiss("vector index: create", [&] { impl = std::make_unique<Impl>(options); }));
  return std::unique_ptr<VectorIndex>(new VectorIndex(std::move(impl)));
}

VectorIndex::VectorIndex(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
VectorIndex::~VectorIndex() = default;

absl::Status VectorIndex::Add(Ordinal ordinal, absl::Span<const float> vector) {
  Impl& impl = *impl_;
  if (vector.size() != static_cast<size_t>(impl.options.dimension)) {
    return absl::InternalError(absl::StrCat("vector index: dimension, got ", vector.size(),
                                            ", expected ", impl.options.dimension));
  }
  if (ordinal == kRemoved) return absl::InternalError("vector index: ordinal, out of range");
  return CatchFaiss("vector index: add", [&] {
    impl.codes.resize(vector.size());
    CodedVector coded;
    coded.scale = Quantise(vector.data(), impl.options.dimension, impl.codes.data());
    coded.codes = impl.codes.data();
    impl.Add(ordinal, coded);
  });
}

void VectorIndex::Impl::Add(Ordinal ordinal, CodedVector coded) {
  std::atomic<uint32_t>& slot = MakeRowSlot(ordinal);
  Remove(ordinal);
  uint32_t row = LoadedRow(ordinal, coded);
  if (row != kNoRow) {
    rows->SetOrdinal(row, ordinal);
  } else {
    if (rows->size() == Int8Rows::kRowsMax) throw std::bad_alloc();
    row = rows->Append(coded, ordinal);
  }
  slot.store(row, std::memory_order_release);
  live.fetch_add(1, std::memory_order_relaxed);
  builder->OnRowsAdded();
}

void VectorIndex::Remove(Ordinal ordinal) { impl_->Remove(ordinal); }

void VectorIndex::Impl::Remove(Ordinal ordinal) {
  std::atomic<uint32_t>* slot = RowSlot(ordinal);
  if (slot == nullptr) return;
  const uint32_t row = slot->load(std::memory_order_relaxed);
  if (row == kNoRow) return;
  slot->store(kNoRow, std::memory_order_release);
  rows->SetOrdinal(row, kRemoved);
  live.fetch_sub(1, std::memory_order_relaxed);
}

absl::StatusOr<uint32_t> VectorIndex::AddFrom(const VectorIndex& from, uint32_t begin,
                                              uint32_t rows_max) {
  const Int8Rows& rows = *from.impl_->rows;
  const uint32_t end = begin + std::min(rows_max, rows.size() - begin);
  RETURN_IF_ERROR(CatchFaiss("vector index: add from", [&] {
    for (uint32_t row = begin; row < end; ++row) {
      const Ordinal ordinal = rows.ordinal(row);
      if (ordinal != kRemoved && impl_->RowOf(ordinal) == kNoRow) {
        impl_->Add(ordinal, rows.vector(row));
      }
    }
  }));
  return end;
}

absl::StatusOr<std::vector<VectorHit>> VectorIndex::Search(absl::Span<const float> query,
                                                           int hits_max, int ef_search) const {
  const Impl& impl = *impl_;
  if (query.size() != static_cast<size_t>(impl.options.dimension)) {
    return absl::InternalError(absl::StrCat("vector index: dimension, got ", query.size(),
                                            ", expected ", impl.options.dimension));
  }
  const size_t wanted = std::min<size_t>(std::max(hits_max, 0), size());
  std::vector<VectorHit> hits;
  if (wanted == 0) return hits;
  RETURN_IF_ERROR(CatchFaiss("vector index: search", [&] {
    thread_local SearchScratch scratch;
    scratch.codes.resize(query.size());
    CodedVector coded;
    coded.scale = Quantise(query.data(), impl.options.dimension, scratch.codes.data());
    coded.codes = scratch.codes.data();
    // In this order, so that the rows reach at least to the end of the graphs.
    const std::shared_ptr<const Segments> segments = impl.builder->segments();
    const uint32_t rows = impl.rows->size();
    size_t largest = 0;
    for (const auto& segment : *segments) {
      largest = std::max(largest, static_cast<size_t>(segment->ntotal));
    }
    // Dead rows take up places in what a graph finds: look at many more when that was not enough.
    size_t ef = ef_search > 0 ? std::max<size_t>(ef_search, wanted)
                              : std::max<size_t>(impl.options.ef_search, wanted + wanted / 2);
    for (;; ef *= 4) {
      BestHits best(wanted, &scratch.hits);
      impl.Scan(coded, EndOf(*segments), rows, &best);
      for (const auto& segment : *segments) {
        impl.SearchSegment(*segment, coded, ef, &scratch, &best);
      }
      best.Finish();
      if (scratch.hits.size() >= wanted || !IsWorthWalking(ef, largest)) break;
    }
    hits = scratch.hits;
  }));
  for (VectorHit& hit : hits) hit.cosine = std::clamp(hit.cosine, -1.0f, 1.0f);
  return hits;
}

bool VectorIndex::Get(Ordinal ordinal, std::vector<float>* vector) const {
  const uint32_t row = impl_->RowOf(ordinal);
  if (row == kNoRow) return false;
  const CodedVector coded = impl_->rows->vector(row);
  vector->resize(static_cast<size_t>(impl_->options.dimension));
  for (size_t i = 0; i < vector->size(); ++i) {
    (*vector)[i] = coded.scale * static_cast<float>(coded.codes[i]);
  }
  return true;
}

absl::Status VectorIndex::Save(const std::string& path) {
  MutexLock lock(impl_->save_mutex);
  const std::shared_ptr<const Segments> segments = impl_->builder->segments();
  absl::Status status;
  RETURN_IF_ERROR(CatchFaiss("vector index: save", [&] {
    status = WriteIndexFile(path, *impl_->rows, *segments, impl_->options.links);
  }));
  RETURN_IF_ERROR(status);
  impl_->saved_rows = EndOf(*segments);
  return absl::OkStatus();
}

int64_t VectorIndex::unsaved_rows() const {
  return int64_t{EndOf(*impl_->builder->segments())} - int64_t{impl_->saved_rows};
}

absl::Status VectorIndex::Load(const std::string& path) {
  Impl& impl = *impl_;
  IndexFile file;
  absl::Status status;
  RETURN_IF_ERROR(CatchFaiss("vector index: load", [&] {
    status = ReadIndexFile(path, impl.options.dimension, impl.options.links, &file);
    if (!status.ok()) return;
    auto loaded = std::make_unique<absl::flat_hash_map<Ordinal, uint32_t>>();
    loaded->reserve(file.ordinals.size());
    for (size_t row = 0; row < file.ordinals.size(); ++row) {
      if (file.ordinals[row] != kRemoved) {
        loaded->emplace(file.ordinals[row], static_cast<uint32_t>(row));
      }
    }
    auto builder = std::make_unique<SegmentBuilder>(file.rows.get(), BuilderOptions(impl.options));
    builder->Restore(std::move(file.segments));
    impl.saved_rows = file.rows->size();
    impl.loaded = std::move(loaded);
    impl.builder = std::move(builder);
    impl.rows = std::move(file.rows);
  }));
  return status;
}

void VectorIndex::FinishLoading() { impl_->loaded.reset(); }

absl::Status VectorIndex::WaitUntilBuilt() { return impl_->builder->WaitUntilBuilt(); }

bool VectorIndex::IsBuilt() const {
  const uint32_t built = EndOf(*impl_->builder->segments());
  const uint32_t rows = impl_->rows->size();
  const Options& options = impl_->options;
  if (built == 0) return rows <= static_cast<uint32_t>(options.exact_rows_max);
  return rows - built <= static_cast<uint32_t>(options.tail_rows_max);
}

bool VectorIndex::IsWorthCompacting() const {
  const size_t live = size();  // first, as rows that are added now must not count as dead
  const uint32_t all = rows();
  return all >= kCompactedRowsMin && (all - live) * kDeadShare >= all;
}

uint32_t VectorIndex::rows() const { return impl_->rows->size(); }

size_t VectorIndex::size() const { return impl_->live.load(std::memory_order_relaxed); }

size_t VectorIndex::memory_bytes() const {
  const std::shared_ptr<const Segments> segments = impl_->builder->segments();
  size_t bytes = impl_->rows->memory_bytes() + impl_->ordinal_page_count * sizeof(OrdinalPage);
  for (const auto& segment : *segments) bytes += segment->memory_bytes();
  return bytes;
}

size_t VectorIndex::graph_segments() const { return impl_->builder->segments()->size(); }

}  // namespace newsprint::index
