// Finds the articles whose sketches share values with a given one.
#ifndef NEWSPRINT_SERVICE_INDEX_FINGERPRINT_INDEX_H_
#define NEWSPRINT_SERVICE_INDEX_FINGERPRINT_INDEX_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "service/common/types.h"
#include "service/index/posting_table.h"

namespace newsprint::index {

struct FingerprintHit {
  Ordinal ordinal;
  int shared_values;
};

// An inverted index from the values of bottom-k sketches (sketch/bottom_k.h) to articles. Not
// thread-safe for writing; any number of threads may search while nobody writes.
class FingerprintIndex {
 public:
  // A value that so many articles have is a stock phrase: it finds nobody any more, so that a
  // footer of thousands costs a search nothing.
  static constexpr int kArticlesPerValueMax = 32;
  // Hits that share a single value, which is often a phrase: the likeliest so many are kept.
  static constexpr int kSingleValueHitsMax = 4;

  FingerprintIndex();

  void Add(Ordinal ordinal, absl::Span<const uint32_t> sketch);
  // `sketch` must be the one that it was added with.
  void Remove(Ordinal ordinal, absl::Span<const uint32_t> sketch);
  // The likeliest copies, at most `hits_max`: those that share the most values, rare values
  // counting more; equal ones in the order of ingestion.
  std::vector<FingerprintHit> Search(absl::Span<const uint32_t> sketch, int hits_max) const;

  size_t memory_bytes() const;
  // Values that find nobody, as kArticlesPerValueMax articles have them.
  size_t capped_values() const;

 private:
  // Where a value is kept.
  struct Place {
    uint32_t table;
    uint32_t key;
  };

  // A permutation of all values, so that two never share a place: a Feistel network of four rounds
  // (M. Luby, C. Rackoff: How to construct pseudorandom permutations, 1988). With keys of this
  // index's own, as sketches can be made up by a sender to collide otherwise.
  Place PlaceOf(uint32_t value) const;
  // Calls `function` with the place of each value, when memory has been told to fetch it.
  template <typename Function>
  void ForEachPlace(absl::Span<const uint32_t> sketch, Function function) const;

  std::array<uint64_t, 4> keys_;
  // Many small tables, as one grows at a time, and that takes as long as it is large.
  std::vector<PostingTable> tables_;
};

}  // namespace newsprint::index

#endif  // NEWSPRINT_SERVICE_INDEX_FINGERPRINT_INDEX_H_
