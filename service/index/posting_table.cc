#include "service/index/posting_table.h"

namespace newsprint::index {
namespace {

constexpr size_t kInitialEntries = 64;

}  // namespace

PostingTable::PostingTable(int values_max, int growth_load_percent)
    : values_max_(values_max),
      growth_load_percent_(growth_load_percent),
      entries_(kInitialEntries, Entry{0, kFree}) {}

uint32_t PostingTable::Home(uint32_t key) const {
  // Fibonacci hashing (Knuth, TAOCP volume 3, section 6.4).
  const uint64_t product = key * 0x9e3779b97f4a7c15ull;
  return static_cast<uint32_t>(product >> 32) & static_cast<uint32_t>(entries_.size() - 1);
}

void PostingTable::Insert(uint32_t key, uint32_t value) {
  if ((used_ + 1) * 100 > entries_.size() * growth_load_percent_) Grow();
  const uint32_t mask = static_cast<uint32_t>(entries_.size() - 1);
  int same_key = 0;
  uint32_t at = Home(key);
  for (; entries_[at].value != kFree; at = (at + 1) & mask) {
    if (entries_[at].key == key && ++same_key >= values_max_) return;
  }
  entries_[at] = {key, value};
  ++used_;
}

void PostingTable::Remove(uint32_t key, uint32_t value) {
  const uint32_t mask = static_cast<uint32_t>(entries_.size() - 1);
  uint32_t hole = Home(key);
  while (entries_[hole].value != value || entries_[hole].key != key) {
    if (entries_[hole].value == kFree) return;  // left out, as the bucket was full
    hole = (hole + 1) & mask;
  }
  // Moves later entries of the run back into the hole, as far as their home allows (Knuth,
  // algorithm 6.4R), so that no tombstones are needed.
  for (uint32_t at = (hole + 1) & mask; entries_[at].value != kFree; at = (at + 1) & mask) {
    const uint32_t home = Home(entries_[at].key);
    if (((at - home) & mask) >= ((at - hole) & mask)) {
      entries_[hole] = entries_[at];
      hole = at;
    }
  }
  entries_[hole].value = kFree;
  --used_;
}

void PostingTable::Prefetch(uint32_t key) const { __builtin_prefetch(&entries_[Home(key)]); }

int PostingTable::AppendValues(uint32_t key, std::vector<uint32_t>* values) const {
  const uint32_t mask = static_cast<uint32_t>(entries_.size() - 1);
  const size_t before = values->size();
  for (uint32_t at = Home(key); entries_[at].value != kFree; at = (at + 1) & mask) {
    if (entries_[at].key == key) values->push_back(entries_[at].value);
  }
  return static_cast<int>(values->size() - before);
}

void PostingTable::Grow() {
  std::vector<Entry> old(entries_.size() * 2, Entry{0, kFree});
  old.swap(entries_);
  const uint32_t mask = static_cast<uint32_t>(entries_.size() - 1);
  for (const Entry& entry : old) {
    if (entry.value == kFree) continue;
    uint32_t at = Home(entry.key);
    while (entries_[at].value != kFree) at = (at + 1) & mask;
    entries_[at] = entry;
  }
}

}  // namespace newsprint::index
