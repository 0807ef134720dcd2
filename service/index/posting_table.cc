#include "service/index/posting_table.h"

#include <algorithm>
#include <utility>

#include "absl/numeric/bits.h"

namespace newsprint::index {
namespace {

constexpr size_t kInitialBuckets = 8;
constexpr size_t kGrowthDivisor = 4;
constexpr size_t kShrinkDivisor = 3;
constexpr uint32_t kTagMask = (1u << 24) - 1;
constexpr uint32_t kKeyMask = (1u << PostingTable::kKeyBits) - 1;

}  // namespace

PostingTable::PostingTable(int ordinals_max, int growth_load_permille)
    : ordinals_max_(ordinals_max),
      growth_load_permille_(static_cast<size_t>(growth_load_permille)),
      buckets_(kInitialBuckets) {}

uint32_t PostingTable::Matches(const Bucket& bucket, uint32_t key) {
  const auto low = static_cast<uint16_t>(key);
  const auto high = static_cast<uint8_t>(key >> 16);
  uint32_t matches = 0;
  for (size_t i = 0; i < kEntries; ++i) {
    const uint32_t equal =
        uint32_t{bucket.low_tags[i] == low} & uint32_t{bucket.high_tags[i] == high};
    matches |= equal << i;
  }
  return matches & ((1u << bucket.used) - 1);
}

uint32_t PostingTable::LastKey(size_t bucket, size_t buckets) {
  return static_cast<uint32_t>(((uint64_t{bucket + 1} << kKeyBits) - 1) / buckets);
}

uint32_t PostingTable::KeyOf(const Bucket& bucket, size_t entry, uint32_t last_key) {
  // The greatest key with these 24 bits that is not above `last_key`, around the end: the next one
  // below has its home a quarter of the table away.
  const uint32_t tag = uint32_t{bucket.high_tags[entry]} << 16 | bucket.low_tags[entry];
  return (last_key - ((last_key - tag) & kTagMask)) & kKeyMask;
}

int PostingTable::Find(uint32_t key, uint32_t* ordinals) const {
  int found = 0;
  size_t at = Home(key);
  for (size_t distance = 0; distance < distance_end(); ++distance, at = Next(at)) {
    const Bucket& bucket = buckets_[at];
    for (uint32_t matches = Matches(bucket, key); matches != 0; matches &= matches - 1) {
      ordinals[found++] = bucket.ordinals[static_cast<size_t>(absl::countr_zero(matches))];
    }
    if (bucket.used < kEntries) break;
  }
  return found;
}

void PostingTable::Insert(uint32_t key, uint32_t ordinal) {
  int same_key = 0;
  size_t at = Home(key);
  for (size_t distance = 0; distance < distance_end(); ++distance, at = Next(at)) {
    for (uint32_t matches = Matches(buckets_[at], key); matches != 0; matches &= matches - 1) {
      ++same_key;  // there are hardly ever any: faster than an instruction that counts them
    }
    if (same_key >= ordinals_max_) return;
    if (buckets_[at].used < kEntries) break;
  }
  if (same_key + 1 == ordinals_max_) ++full_keys_;
  ++used_;
  if (used_ * 1000 > buckets_.size() * kEntries * growth_load_permille_) Grow();
  while (!Put(key, ordinal)) Grow();
}

bool PostingTable::Put(uint32_t key, uint32_t ordinal) {
  size_t at = Home(key);
  for (size_t distance = 0; distance < distance_end(); ++distance, at = Next(at)) {
    Bucket& bucket = buckets_[at];
    if (bucket.used == kEntries) continue;
    bucket.ordinals[bucket.used] = ordinal;
    bucket.low_tags[bucket.used] = static_cast<uint16_t>(key);
    bucket.high_tags[bucket.used] = static_cast<uint8_t>(key >> 16);
    ++bucket.used;
    return true;
  }
  return false;
}

void PostingTable::Remove(uint32_t key, uint32_t ordinal) {
  int same_key = 0;
  bool found = false;
  size_t found_at = 0;
  size_t found_entry = 0;
  size_t at = Home(key);
  for (size_t distance = 0; distance < distance_end(); ++distance, at = Next(at)) {
    const Bucket& bucket = buckets_[at];
    for (uint32_t matches = Matches(bucket, key); matches != 0; matches &= matches - 1) {
      ++same_key;
      const auto entry = static_cast<size_t>(absl::countr_zero(matches));
      if (bucket.ordinals[entry] != ordinal) continue;
      found = true;
      found_at = at;
      found_entry = entry;
    }
    if (bucket.used < kEntries) break;
  }
  if (!found) return;
  if (same_key == ordinals_max_) --full_keys_;
  Erase(found_at, found_entry);
  --used_;
  ShrinkIfEmpty();
}

void PostingTable::Erase(size_t bucket, size_t entry) {
  // An entry that went past the bucket when it was full moves back, and leaves a gap in its turn
  // (Knuth, algorithm 6.4R), so that no tombstones are needed.
  while (true) {
    Bucket& gap = buckets_[bucket];
    const bool was_full = gap.used == kEntries;
    const size_t last = --gap.used;
    gap.ordinals[entry] = gap.ordinals[last];
    gap.low_tags[entry] = gap.low_tags[last];
    gap.high_tags[entry] = gap.high_tags[last];
    if (!was_full) return;

    size_t from = bucket;
    size_t distance = 0;
    bool found = false;
    while (!found) {
      from = Next(from);
      if (++distance == distance_end()) return;
      const Bucket& later = buckets_[from];
      const uint32_t last_key = LastKey(from, buckets_.size());
      for (entry = 0; entry < later.used && !found; ++entry) {
        found = Distance(Home(KeyOf(later, entry, last_key)), from) >= distance;
      }
      if (!found && later.used < kEntries) return;
    }
    --entry;
    const Bucket& later = buckets_[from];
    gap.ordinals[last] = later.ordinals[entry];
    gap.low_tags[last] = later.low_tags[entry];
    gap.high_tags[last] = later.high_tags[entry];
    ++gap.used;
    bucket = from;
  }
}

void PostingTable::ShrinkIfEmpty() {
  const size_t used_min =
      buckets_.size() * kEntries * growth_load_permille_ / kShrinkDivisor / 1000;
  if (used_ >= used_min || buckets_.size() == kInitialBuckets) return;
  Resize(std::max(kInitialBuckets, buckets_.size() / 2));
}

void PostingTable::Grow() { Resize(buckets_.size() + buckets_.size() / kGrowthDivisor); }

void PostingTable::Resize(size_t size) {
  std::vector<Bucket> old = std::move(buckets_);
  const size_t old_size = old.size();
  for (size_t placed = 0; placed < old_size; size += size / kGrowthDivisor) {
    buckets_ = std::vector<Bucket>(size);
    // In the order of the keys, so memory is gone through once.
    for (placed = 0; placed < old_size; ++placed) {
      const Bucket& bucket = old[placed];
      const uint32_t last_key = LastKey(placed, old_size);
      size_t entry = 0;
      while (entry < bucket.used && Put(KeyOf(bucket, entry, last_key), bucket.ordinals[entry])) {
        ++entry;
      }
      if (entry < bucket.used) break;
    }
  }
}

}  // namespace newsprint::index
