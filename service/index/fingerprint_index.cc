#include "service/index/fingerprint_index.h"

#include <algorithm>
#include <array>

#include "service/common/hash.h"
#include "service/common/secret.h"

namespace newsprint::index {
namespace {

constexpr int kTableBits = 32 - PostingTable::kKeyBits;
constexpr size_t kTables = size_t{1} << kTableBits;

// Values that are looked up together: so many cache misses are under way at a time.
constexpr size_t kBatch = 64;

// What a value of `n` articles adds to the score of each is this divided by n: the least common
// multiple of 1 to 31, so that scores are exact, whatever the order of the values.
constexpr uint64_t kScoreOne = 72'201'776'446'800;
static_assert(FingerprintIndex::kArticlesPerValueMax == 32, "kScoreOne fits it");

struct ScoredHit {
  FingerprintHit hit;
  uint64_t score;
};

// Adds up scores by article. Empty between searches, but keeps its memory, unless that is much.
class ScoreTable {
 public:
  void Add(Ordinal ordinal, uint64_t score) {
    if (2 * hits_.size() >= slots_.size()) Grow();
    uint32_t& slot = *Find(ordinal);
    if (slot == 0) {
      hits_.push_back({{ordinal, 0}, 0});
      slot = static_cast<uint32_t>(hits_.size());
    }
    ScoredHit& hit = hits_[slot - 1];
    ++hit.hit.shared_values;
    hit.score = hit.score > UINT64_MAX - score ? UINT64_MAX : hit.score + score;
  }

  std::vector<ScoredHit>& hits() { return hits_; }

  void Clear() {
    if (slots_.size() > kSlotsKept) *this = {};
    hits_.clear();
    std::fill(slots_.begin(), slots_.end(), 0);
  }

 private:
  static constexpr size_t kSlotsMin = 64;
  static constexpr size_t kSlotsKept = 4096;

  uint32_t* Find(Ordinal ordinal) {
    // Fibonacci hashing (Knuth, TAOCP volume 3, section 6.4).
    const uint64_t product = ordinal * 0x9e3779b97f4a7c15ull;
    size_t at = (product >> 32) & (slots_.size() - 1);
    while (slots_[at] != 0 && hits_[slots_[at] - 1].hit.ordinal != ordinal) {
      at = (at + 1) & (slots_.size() - 1);
    }
    return &slots_[at];
  }

  void Grow() {
    slots_.assign(std::max(kSlotsMin, 2 * slots_.size()), 0);
    for (size_t i = 0; i < hits_.size(); ++i) {
      *Find(hits_[i].hit.ordinal) = static_cast<uint32_t>(i + 1);
    }
  }

  std::vector<ScoredHit> hits_;
  std::vector<uint32_t> slots_;  // one more than the hit's place, 0 when empty; a power of two
};

}  // namespace

FingerprintIndex::FingerprintIndex() {
  for (uint64_t& key : keys_) key = SecretNumber();
  tables_.reserve(kTables);
  for (size_t i = 0; i < kTables; ++i) {
    tables_.emplace_back(kArticlesPerValueMax, static_cast<int>(800 + i * 100 / kTables));
  }
}

FingerprintIndex::Place FingerprintIndex::PlaceOf(uint32_t value) const {
  uint32_t left = value >> 16;
  uint32_t right = value & 0xffff;
  for (const uint64_t key : keys_) {
    const uint32_t round = static_cast<uint32_t>(Mix64(right ^ key) >> 48);
    const uint32_t mixed = left ^ round;
    left = right;
    right = mixed;
  }
  const uint32_t mixed = left << 16 | right;
  return {mixed >> PostingTable::kKeyBits, mixed & ((1u << PostingTable::kKeyBits) - 1)};
}

template <typename Function>
void FingerprintIndex::ForEachPlace(absl::Span<const uint32_t> sketch, Function function) const {
  std::array<Place, kBatch> places;
  for (; !sketch.empty(); sketch.remove_prefix(std::min(kBatch, sketch.size()))) {
    const size_t count = std::min(kBatch, sketch.size());
    for (size_t i = 0; i < count; ++i) {
      places[i] = PlaceOf(sketch[i]);
      tables_[places[i].table].Prefetch(places[i].key);
    }
    for (size_t i = 0; i < count; ++i) function(places[i]);
  }
}

void FingerprintIndex::Add(Ordinal ordinal, absl::Span<const uint32_t> sketch) {
  ForEachPlace(sketch, [&](Place place) { tables_[place.table].Insert(place.key, ordinal); });
}

void FingerprintIndex::Remove(Ordinal ordinal, absl::Span<const uint32_t> sketch) {
  ForEachPlace(sketch, [&](Place place) { tables_[place.table].Remove(place.key, ordinal); });
}

std::vector<FingerprintHit> FingerprintIndex::Search(absl::Span<const uint32_t> sketch,
                                                     int hits_max) const {
  static thread_local ScoreTable scores;
  std::array<uint32_t, kArticlesPerValueMax> ordinals;
  ForEachPlace(sketch, [&](Place place) {
    const int found = tables_[place.table].Find(place.key, ordinals.data());
    if (found == kArticlesPerValueMax) return;
    for (int i = 0; i < found; ++i) {
      scores.Add(ordinals[static_cast<size_t>(i)], kScoreOne / static_cast<uint64_t>(found));
    }
  });
  std::vector<ScoredHit>& scored = scores.hits();
  std::sort(scored.begin(), scored.end(), [](const ScoredHit& a, const ScoredHit& b) {
    return a.score != b.score ? a.score > b.score : a.hit.ordinal < b.hit.ordinal;
  });
  std::vector<FingerprintHit> hits;
  hits.reserve(std::min(scored.size(), static_cast<size_t>(hits_max)));
  int single_value_hits = 0;
  for (const ScoredHit& candidate : scored) {
    if (hits.size() == static_cast<size_t>(hits_max)) break;
    if (candidate.hit.shared_values == 1 && ++single_value_hits > kSingleValueHitsMax) continue;
    hits.push_back(candidate.hit);
  }
  scores.Clear();
  return hits;
}

size_t FingerprintIndex::memory_bytes() const {
  size_t bytes = 0;
  for (const PostingTable& table : tables_) bytes += table.memory_bytes();
  return bytes;
}

size_t FingerprintIndex::capped_values() const {
  size_t values = 0;
  for (const PostingTable& table : tables_) values += table.full_keys();
  return values;
}

}  // namespace newsprint::index
