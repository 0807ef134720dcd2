#include "service/index/banded_minhash_index.h"

#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/FaissAssert.h>
#include <faiss/impl/IDSelector.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace newsprint::index {
namespace {

constexpr size_t kInitialEntries = 64;

int DifferingValues(const uint8_t* a, const uint8_t* b, int values) {
  int equal = 0;
  for (int i = 0; i < values; ++i) equal += a[i] == b[i] ? 1 : 0;
  return values - equal;
}

}  // namespace

BandedMinHashIndex::BandTable::BandTable(int growth_load_percent)
    : growth_load_percent_(growth_load_percent), entries_(kInitialEntries, Entry{0, kFree}) {}

uint32_t BandedMinHashIndex::BandTable::Home(uint32_t key) const {
  // Fibonacci hashing (Knuth, TAOCP volume 3, section 6.4).
  const uint64_t product = key * 0x9e3779b97f4a7c15ull;
  return static_cast<uint32_t>(product >> 32) & static_cast<uint32_t>(entries_.size() - 1);
}

void BandedMinHashIndex::BandTable::Insert(uint32_t key, uint32_t slot) {
  if ((used_ + 1) * 100 > entries_.size() * growth_load_percent_) Grow();
  const uint32_t mask = static_cast<uint32_t>(entries_.size() - 1);
  int same_key = 0;
  uint32_t at = Home(key);
  for (; entries_[at].slot != kFree; at = (at + 1) & mask) {
    if (entries_[at].key == key && ++same_key >= kBucketEntriesMax) return;
  }
  entries_[at] = {key, slot};
  ++used_;
}

void BandedMinHashIndex::BandTable::Remove(uint32_t key, uint32_t slot) {
  const uint32_t mask = static_cast<uint32_t>(entries_.size() - 1);
  uint32_t hole = Home(key);
  while (entries_[hole].slot != slot || entries_[hole].key != key) {
    if (entries_[hole].slot == kFree) return;  // left out, as the bucket was full
    hole = (hole + 1) & mask;
  }
  // Moves later entries of the run back into the hole, as far as their home allows (Knuth,
  // algorithm 6.4R), so that no tombstones are needed.
  for (uint32_t at = (hole + 1) & mask; entries_[at].slot != kFree; at = (at + 1) & mask) {
    const uint32_t home = Home(entries_[at].key);
    if (((at - home) & mask) >= ((at - hole) & mask)) {
      entries_[hole] = entries_[at];
      hole = at;
    }
  }
  entries_[hole].slot = kFree;
  --used_;
}

void BandedMinHashIndex::BandTable::Prefetch(uint32_t key) const {
  __builtin_prefetch(&entries_[Home(key)]);
}

void BandedMinHashIndex::BandTable::AppendSlots(uint32_t key, std::vector<uint32_t>* slots) const {
  const uint32_t mask = static_cast<uint32_t>(entries_.size() - 1);
  for (uint32_t at = Home(key); entries_[at].slot != kFree; at = (at + 1) & mask) {
    if (entries_[at].key == key) slots->push_back(entries_[at].slot);
  }
}

void BandedMinHashIndex::BandTable::Clear() {
  entries_.assign(kInitialEntries, Entry{0, kFree});
  used_ = 0;
}

void BandedMinHashIndex::BandTable::Grow() {
  std::vector<Entry> old(entries_.size() * 2, Entry{0, kFree});
  old.swap(entries_);
  const uint32_t mask = static_cast<uint32_t>(entries_.size() - 1);
  for (const Entry& entry : old) {
    if (entry.slot == kFree) continue;
    uint32_t at = Home(entry.key);
    while (entries_[at].slot != kFree) at = (at + 1) & mask;
    entries_[at] = entry;
  }
}

BandedMinHashIndex::BandedMinHashIndex(int values) : faiss::IndexBinary(8 * values) {
  FAISS_THROW_IF_NOT_MSG(values >= kBandValues, "values: fewer than one band has");
  const int bands = values / kBandValues;
  bands_.reserve(bands);
  for (int band = 0; band < bands; ++band) bands_.emplace_back(50 + band * 25 / bands);
}

uint32_t BandedMinHashIndex::BandKey(const uint8_t* code, int band) const {
  uint32_t key = 0;
  static_assert(sizeof(key) >= kBandValues);
  std::memcpy(&key, code + band * kBandValues, kBandValues);
  return key;
}

void BandedMinHashIndex::add(idx_t n, const uint8_t* codes) {
  std::vector<idx_t> labels(n);
  for (idx_t i = 0; i < n; ++i) labels[i] = ntotal + i;
  add_with_ids(n, codes, labels.data());
}

void BandedMinHashIndex::add_with_ids(idx_t n, const uint8_t* codes, const idx_t* labels) {
  for (idx_t i = 0; i < n; ++i) {
    FAISS_THROW_IF_NOT_MSG(labels[i] >= 0, "labels: must not be negative");
    const uint8_t* code = codes + i * code_size;
    const bool reuse = !free_slots_.empty();
    const uint32_t slot = reuse ? free_slots_.back() : static_cast<uint32_t>(labels_.size());
    FAISS_THROW_IF_NOT_MSG(slots_.emplace(labels[i], slot).second, "labels: added already");
    if (reuse) {
      free_slots_.pop_back();
      std::copy_n(code, code_size, codes_.begin() + static_cast<size_t>(slot) * code_size);
      labels_[slot] = labels[i];
    } else {
      codes_.insert(codes_.end(), code, code + code_size);
      labels_.push_back(labels[i]);
    }
    for (size_t band = 0; band < bands_.size(); ++band) {
      bands_[band].Prefetch(BandKey(code, static_cast<int>(band)));
    }
    for (size_t band = 0; band < bands_.size(); ++band) {
      bands_[band].Insert(BandKey(code, static_cast<int>(band)), slot);
    }
    ++ntotal;
  }
}

std::vector<BandedMinHashIndex::Hit> BandedMinHashIndex::Candidates(const uint8_t* code) const {
  std::vector<uint32_t> slots;
  for (size_t band = 0; band < bands_.size(); ++band) {
    bands_[band].Prefetch(BandKey(code, static_cast<int>(band)));
  }
  for (size_t band = 0; band < bands_.size(); ++band) {
    bands_[band].AppendSlots(BandKey(code, static_cast<int>(band)), &slots);
  }
  std::sort(slots.begin(), slots.end());
  slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
  for (const uint32_t slot : slots) {
    __builtin_prefetch(&codes_[static_cast<size_t>(slot) * code_size]);
  }
  std::vector<Hit> hits;
  hits.reserve(slots.size());
  for (const uint32_t slot : slots) {
    const uint8_t* other = &codes_[static_cast<size_t>(slot) * code_size];
    hits.push_back({DifferingValues(code, other, code_size), labels_[slot]});
  }
  return hits;
}

void BandedMinHashIndex::search(idx_t n, const uint8_t* codes, idx_t k, int32_t* distances,
                                idx_t* labels, const faiss::SearchParameters* params) const {
  FAISS_THROW_IF_NOT_MSG(params == nullptr, "search parameters are not supported");
  for (idx_t i = 0; i < n; ++i) {
    std::vector<Hit> hits = Candidates(codes + i * code_size);
    const idx_t found = std::min<idx_t>(k, static_cast<idx_t>(hits.size()));
    std::partial_sort(
        hits.begin(), hits.begin() + found, hits.end(), [](const Hit& a, const Hit& b) {
          return a.distance != b.distance ? a.distance < b.distance : a.label < b.label;
        });
    for (idx_t j = 0; j < k; ++j) {
      distances[i * k + j] = j < found ? hits[j].distance : std::numeric_limits<int32_t>::max();
      labels[i * k + j] = j < found ? hits[j].label : -1;
    }
  }
}

void BandedMinHashIndex::range_search(idx_t n, const uint8_t* codes, int radius,
                                      faiss::RangeSearchResult* result,
                                      const faiss::SearchParameters* params) const {
  FAISS_THROW_IF_NOT_MSG(params == nullptr, "search parameters are not supported");
  faiss::RangeSearchPartialResult partial(result);
  for (idx_t i = 0; i < n; ++i) {
    faiss::RangeQueryResult& query = partial.new_result(i);
    for (const Hit& hit : Candidates(codes + i * code_size)) {
      if (hit.distance < radius) query.add(static_cast<float>(hit.distance), hit.label);
    }
  }
  partial.finalize();
}

bool BandedMinHashIndex::remove_id(idx_t label) {
  const auto found = slots_.find(label);
  if (found == slots_.end()) return false;
  const uint32_t slot = found->second;
  const uint8_t* code = &codes_[static_cast<size_t>(slot) * code_size];
  for (size_t band = 0; band < bands_.size(); ++band) {
    bands_[band].Remove(BandKey(code, static_cast<int>(band)), slot);
  }
  labels_[slot] = -1;
  free_slots_.push_back(slot);
  slots_.erase(found);
  --ntotal;
  return true;
}

size_t BandedMinHashIndex::remove_ids(const faiss::IDSelector& selector) {
  std::vector<idx_t> labels;
  for (const idx_t label : labels_) {
    if (label >= 0 && selector.is_member(label)) labels.push_back(label);
  }
  for (const idx_t label : labels) remove_id(label);
  return labels.size();
}

void BandedMinHashIndex::reconstruct(idx_t label, uint8_t* code) const {
  const auto found = slots_.find(label);
  FAISS_THROW_IF_NOT_MSG(found != slots_.end(), "label: not in the index");
  std::copy_n(&codes_[static_cast<size_t>(found->second) * code_size], code_size, code);
}

void BandedMinHashIndex::reset() {
  for (BandTable& band : bands_) band.Clear();
  codes_.clear();
  labels_.clear();
  free_slots_.clear();
  slots_.clear();
  ntotal = 0;
}

size_t BandedMinHashIndex::memory_bytes() const {
  size_t bytes = codes_.capacity() + labels_.capacity() * sizeof(idx_t) +
                 free_slots_.capacity() * sizeof(uint32_t) +
                 slots_.capacity() * (sizeof(std::pair<idx_t, uint32_t>) + 1);
  for (const BandTable& band : bands_) bytes += band.memory_bytes();
  return bytes;
}

}  // namespace newsprint::index
