#include "service/engine/boilerplate.h"

#include <algorithm>

#include "service/common/hash.h"

namespace newsprint {
namespace {

// Bits for each shingle of a generation, at least; below that the filter grows. Growing keeps the
// share of bits that are set, so that this adds up with each step, and has to be small.
constexpr uint64_t kBitsPerShingle = 64;
constexpr size_t kSeenBytesMin = size_t{1} << 13;
constexpr size_t kSeenBytesMax = size_t{1} << 22;  // 2^25 bits
// Halved counts below this are dropped.
constexpr uint32_t kCountKeptMin = 2;
constexpr size_t kFetchedAhead = 16;

// A shingle of one source. It shares the space of keys with the plain shingles; that two meet is as
// unlikely as a collision of shingles.
uint32_t SourceShingle(uint32_t shingle, uint32_t source) {
  return static_cast<uint32_t>(Mix64(uint64_t{source} << 32 | shingle));
}

std::vector<store::BoilerplateRecord::Entry> Sorted(
    std::vector<store::BoilerplateRecord::Entry> entries) {
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.key < b.key; });
  return entries;
}

}  // namespace

uint32_t Boilerplate::SourceKey(absl::string_view source) {
  if (source.empty()) return 0;
  return static_cast<uint32_t>(Hash64(source.data(), source.size())) | 1;
}

uint64_t Boilerplate::SeenBit(uint32_t shingle) const {
  // The upper bits, so that growing keeps the order: see GrowSeen.
  return uint64_t{shingle} * (seen_bits_.size() * 8) >> 32;
}

bool Boilerplate::Seen(uint32_t shingle) {
  const uint64_t bit = SeenBit(shingle);
  uint8_t& byte = seen_bits_[bit / 8];
  const uint8_t mask = static_cast<uint8_t>(1 << (bit % 8));
  if ((byte & mask) != 0) return true;
  byte |= mask;
  ++seen_;
  return false;
}

// Each bit becomes a byte of eight: all that was seen stays seen, and the share of bits set too.
void Boilerplate::GrowSeen() {
  std::vector<uint8_t> grown(std::max(kSeenBytesMin, seen_bits_.size() * 8));
  for (size_t bit = 0; bit < seen_bits_.size() * 8; ++bit) {
    if ((seen_bits_[bit / 8] >> (bit % 8) & 1) != 0) grown[bit] = 0xff;
  }
  seen_bits_.swap(grown);
}

void Boilerplate::Count(uint32_t key, int articles_min) {
  if (const auto known = learned_.find(key); known != learned_.end()) {
    known->second = generation_;
    return;
  }
  uint32_t& count = counts_[key];
  // The one that set the bit counts too.
  count = count == 0 ? 2 : count + 1;
  if (count < static_cast<uint32_t>(articles_min) || learned_.size() >= limits_.learned_max) return;
  learned_.emplace(key, generation_);
  counts_.erase(key);
}

void Boilerplate::Learn(absl::Span<const uint32_t> shingles, uint32_t source) {
  shingles = shingles.subspan(0, limits_.lesson_shingles_max);
  while (seen_bits_.size() < kSeenBytesMax &&
         (seen_ + shingles.size()) * kBitsPerShingle > seen_bits_.size() * 8) {
    GrowSeen();
  }
  // Bits and counters lie all over the cache's outside: each is fetched ahead of its turn.
  std::vector<uint32_t> seen;
  for (size_t i = 0; i < shingles.size(); ++i) {
    if (i + kFetchedAhead < shingles.size()) {
      __builtin_prefetch(&seen_bits_[SeenBit(shingles[i + kFetchedAhead]) / 8], /*write=*/1);
    }
    if (Seen(shingles[i])) seen.push_back(shingles[i]);
  }
  MutexLock lock(mutex_);
  for (size_t i = 0; i < seen.size(); ++i) {
    if (i + kFetchedAhead < seen.size()) {
      const uint32_t ahead = seen[i + kFetchedAhead];
      counts_.prefetch(ahead);
      if (source != 0) counts_.prefetch(SourceShingle(ahead, source));
    }
    Count(seen[i], limits_.articles_min);
    if (source != 0) Count(SourceShingle(seen[i], source), limits_.source_articles_min);
  }
}

store::BoilerplateRecord Boilerplate::NextGeneration(Ordinal first_lesson) const {
  store::BoilerplateRecord record;
  record.generation = generation_ + 1;
  record.first_lesson = first_lesson;
  for (const auto& [key, count] : counts_) {
    if (count / 2 >= kCountKeptMin) record.counts.push_back({key, count / 2});
  }
  record.counts = Sorted(std::move(record.counts));
  ReaderMutexLock lock(mutex_);
  for (const auto& [key, last_seen] : learned_) {
    if (last_seen + kGenerationsKept >= record.generation) {
      record.learned.push_back({key, static_cast<uint32_t>(last_seen)});
    }
  }
  record.learned = Sorted(std::move(record.learned));
  return record;
}

void Boilerplate::Begin(const store::BoilerplateRecord& record) {
  generation_ = record.generation;
  seen_ = 0;
  seen_bits_.clear();
  counts_.clear();
  for (const store::BoilerplateRecord::Entry& entry : record.counts) {
    counts_.emplace(entry.key, entry.value);
  }
  MutexLock lock(mutex_);
  learned_.clear();
  for (const store::BoilerplateRecord::Entry& entry : record.learned) {
    learned_.emplace(entry.key, entry.value);
  }
}

std::vector<uint32_t> Boilerplate::Find(absl::Span<const uint32_t> shingles,
                                        uint32_t source) const {
  std::vector<uint32_t> found;
  ReaderMutexLock lock(mutex_);
  if (learned_.empty()) return found;
  for (const uint32_t shingle : shingles) {
    if (learned_.contains(shingle) ||
        (source != 0 && learned_.contains(SourceShingle(shingle, source)))) {
      found.push_back(shingle);
    }
  }
  return found;
}

size_t Boilerplate::size() const {
  ReaderMutexLock lock(mutex_);
  return learned_.size();
}

}  // namespace newsprint
