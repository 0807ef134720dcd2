// Learns which shingles of a collection are boilerplate: footers, bylines, newsletter lines, legal
// text, stock phrases.
#ifndef NEWSPRINT_SERVICE_ENGINE_BOILERPLATE_H_
#define NEWSPRINT_SERVICE_ENGINE_BOILERPLATE_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "service/common/mutex.h"
#include "service/common/types.h"
#include "service/store/records.h"

namespace newsprint {

// Counts in how many articles a shingle occurs, in the collection and for each source, and learns
// those that reach the limits. Copies must be counted once, or a story that many outlets print
// would become boilerplate: of a copy, Learn is given only what it does not share with its story.
//
// Most shingles occur once. They only set a bit; what finds its bit set is counted (a doorkeeper,
// as in G. Einziger, R. Friedman, B. Manes: TinyLFU, ACM Transactions on Storage 2017). After
// `generation_shingles` of them, or `counts_max` counters, a generation ends: the bits are cleared
// and the counts halved, so memory is bounded and old habits fade. A learned shingle is forgotten
// when it was not seen for kGenerationsKept generations. Limits:
// - Another shingle may have set the bit, one in ten times towards the end of a generation, so that
//   a count may be one too high; the first sight of a generation is not counted, so that it may be
//   one too low for each generation.
// - A source with less than about one article in a thousand is not learned, as a generation is
//   about 5,000 long articles.
//
// The state is a function of the last record and the lessons since, in order, and of nothing else.
//
// Find and size may be called from any thread at any time; all else by one thread at a time.
class Boilerplate {
 public:
  struct Limits {
    int articles_min = 20;
    int source_articles_min = 5;
    uint64_t generation_shingles = 4'000'000;
    size_t counts_max = 500'000;
    // Of one article, so that none can fill what all share; a text of 20,000 words has as many.
    size_t lesson_shingles_max = 20'000;
    size_t learned_max = 250'000;
  };
  static constexpr uint64_t kGenerationsKept = 16;

  explicit Boilerplate(const Limits& limits) : limits_(limits) {}

  // A source's name as Learn and Find take it; 0 for the unknown source "".
  static uint32_t SourceKey(absl::string_view source);

  // Takes in the shingles of one article.
  void Learn(absl::Span<const uint32_t> shingles, uint32_t source);
  // Whether it is time for NextGeneration.
  bool GenerationIsFull() const {
    return seen_ >= limits_.generation_shingles || counts_.size() >= limits_.counts_max;
  }
  // What the next generation begins with, to be stored and then given to Begin.
  store::BoilerplateRecord NextGeneration(Ordinal first_lesson) const;
  void Begin(const store::BoilerplateRecord& record);

  // Those of `shingles` that are boilerplate in articles of `source`, in their order.
  std::vector<uint32_t> Find(absl::Span<const uint32_t> shingles, uint32_t source) const;
  // Learned shingles; one learned for two sources counts twice.
  size_t size() const;

 private:
  // The place of a shingle's bit.
  uint64_t SeenBit(uint32_t shingle) const;
  // Marks a shingle as seen; false when it was not, in this generation.
  bool Seen(uint32_t shingle);
  void GrowSeen();
  void Count(uint32_t key, int articles_min) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Limits limits_;
  uint64_t generation_ = 0;
  uint64_t seen_ = 0;               // shingles that have set a bit in this generation
  std::vector<uint8_t> seen_bits_;  // a power of two of bits, by the upper bits of a shingle
  absl::flat_hash_map<uint32_t, uint32_t> counts_;

  mutable Mutex mutex_;
  // To the generation in which it was last seen.
  absl::flat_hash_map<uint32_t, uint64_t> learned_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_BOILERPLATE_H_
