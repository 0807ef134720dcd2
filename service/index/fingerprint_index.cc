#include "service/index/fingerprint_index.h"

#include <algorithm>
#include <random>

#include "service/common/hash.h"

namespace newsprint::index {
namespace {

constexpr int kTables = 64;

struct Posting {
  Ordinal ordinal;
  float weight;
};

struct ScoredHit {
  FingerprintHit hit;
  float score;
};

// One hit for each article of `postings`.
std::vector<ScoredHit> SumByArticle(std::vector<Posting> postings) {
  std::sort(postings.begin(), postings.end(),
            [](const Posting& a, const Posting& b) { return a.ordinal < b.ordinal; });
  std::vector<ScoredHit> hits;
  for (const Posting& posting : postings) {
    if (hits.empty() || hits.back().hit.ordinal != posting.ordinal) {
      hits.push_back({{posting.ordinal, 0}, 0});
    }
    ++hits.back().hit.shared_values;
    hits.back().score += posting.weight;
  }
  return hits;
}

}  // namespace

FingerprintIndex::FingerprintIndex() : seed_(uint64_t{std::random_device()()} << 32) {
  tables_.reserve(kTables);
  for (int i = 0; i < kTables; ++i) {
    tables_.emplace_back(kArticlesPerValueMax, 50 + i * 25 / kTables);
  }
}

FingerprintIndex::Place FingerprintIndex::PlaceOf(uint32_t value) const {
  const uint64_t hash = Mix64(value ^ seed_);
  return {(hash >> 32) % tables_.size(), static_cast<uint32_t>(hash)};
}

std::vector<FingerprintIndex::Place> FingerprintIndex::PlacesOf(
    absl::Span<const uint32_t> sketch) const {
  std::vector<Place> places;
  places.reserve(sketch.size());
  for (const uint32_t value : sketch) {
    places.push_back(PlaceOf(value));
    tables_[places.back().table].Prefetch(places.back().key);
  }
  return places;
}

void FingerprintIndex::Add(Ordinal ordinal, absl::Span<const uint32_t> sketch) {
  for (const Place& place : PlacesOf(sketch)) tables_[place.table].Insert(place.key, ordinal);
}

void FingerprintIndex::Remove(Ordinal ordinal, absl::Span<const uint32_t> sketch) {
  for (const Place& place : PlacesOf(sketch)) tables_[place.table].Remove(place.key, ordinal);
}

std::vector<FingerprintHit> FingerprintIndex::Search(absl::Span<const uint32_t> sketch,
                                                     int hits_max) const {
  std::vector<uint32_t> ordinals;
  std::vector<Posting> postings;
  for (const Place& place : PlacesOf(sketch)) {
    ordinals.clear();
    const int found = tables_[place.table].AppendValues(place.key, &ordinals);
    if (found == kArticlesPerValueMax) continue;
    for (const uint32_t ordinal : ordinals) {
      postings.push_back({ordinal, 1 / static_cast<float>(found)});
    }
  }
  std::vector<ScoredHit> scored = SumByArticle(std::move(postings));
  std::sort(scored.begin(), scored.end(), [](const ScoredHit& a, const ScoredHit& b) {
    return a.score != b.score ? a.score > b.score : a.hit.ordinal < b.hit.ordinal;
  });
  std::vector<FingerprintHit> hits;
  int single_value_hits = 0;
  for (const ScoredHit& candidate : scored) {
    if (hits.size() == static_cast<size_t>(hits_max)) break;
    if (candidate.hit.shared_values == 1 && ++single_value_hits > kSingleValueHitsMax) continue;
    hits.push_back(candidate.hit);
  }
  return hits;
}

size_t FingerprintIndex::memory_bytes() const {
  size_t bytes = 0;
  for (const PostingTable& table : tables_) bytes += table.memory_bytes();
  return bytes;
}

}  // namespace newsprint::index
