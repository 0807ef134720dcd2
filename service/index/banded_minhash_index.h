// Banded locality-sensitive hashing over MinHash sketches, as a FAISS binary index.
//
// A sketch is cut into bands of 3 values; two sketches meet when they agree on all values of one
// band, which two sets of Jaccard similarity J do with probability 1 - (1 - J^3)^85 for the 85
// bands of 256 values: .997 for J = 0.4, .90 for 0.3, .49 for 0.2 (J. Leskovec, A. Rajaraman, J.
// Ullman: Mining of Massive Datasets, section 3.4). docs/adr/0004-bands.md compares with bands
// of 4.
#ifndef NEWSPRINT_SERVICE_INDEX_BANDED_MINHASH_INDEX_H_
#define NEWSPRINT_SERVICE_INDEX_BANDED_MINHASH_INDEX_H_

#include <faiss/IndexBinary.h>

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace newsprint::index {

// The distance is the number of sketch values that differ, 0 to `values` (not the Hamming distance
// of the bits). Codes are one byte a value, so d is 8 * values.
//
// Not thread-safe for writing; any number of threads may search while nobody writes. Labels must be
// unique and not negative. Searches see only entries that share a band with the query, so distances
// are exact and recall is not.
class BandedMinHashIndex final : public faiss::IndexBinary {
 public:
  static constexpr int kBandValues = 3;
  // Entries that one band key can have. Later entries are left out of that band's table and are
  // still found by their other bands. It bounds a lookup where thousands of articles share a
  // footer.
  static constexpr int kBucketEntriesMax = 128;

  // One band for each 3 of the `values`, of which there must be as many; one or two left over count
  // in distances alone.
  explicit BandedMinHashIndex(int values);

  // Labels are ntotal, ntotal + 1, and so on.
  void add(idx_t n, const uint8_t* codes) override;
  void add_with_ids(idx_t n, const uint8_t* codes, const idx_t* labels) override;
  // Nearest first, equal distances by label; padded with label -1 and distance INT32_MAX.
  void search(idx_t n, const uint8_t* codes, idx_t k, int32_t* distances, idx_t* labels,
              const faiss::SearchParameters* params = nullptr) const override;
  void range_search(idx_t n, const uint8_t* codes, int radius, faiss::RangeSearchResult* result,
                    const faiss::SearchParameters* params = nullptr) const override;
  // Looks at every entry, as the selector could hold any set.
  size_t remove_ids(const faiss::IDSelector& selector) override;
  // Returns whether the label was there. Cost of one lookup.
  bool remove_id(idx_t label);
  void reconstruct(idx_t label, uint8_t* code) const override;
  void reset() override;

  // Memory of codes, labels and band tables.
  size_t memory_bytes() const;

 private:
  struct Hit {
    int32_t distance;
    idx_t label;
  };

  // A hash table with linear probing from band key to slots; a key may stand in it many times.
  class BandTable {
   public:
    // `growth_load_percent`: the tables grow at different fillings, so that they don't all do it in
    // the same call.
    explicit BandTable(int growth_load_percent);

    void Insert(uint32_t key, uint32_t slot);
    void Remove(uint32_t key, uint32_t slot);
    void Prefetch(uint32_t key) const;
    void AppendSlots(uint32_t key, std::vector<uint32_t>* slots) const;
    void Clear();
    size_t memory_bytes() const { return entries_.capacity() * sizeof(Entry); }

   private:
    struct Entry {
      uint32_t key;
      uint32_t slot;  // kFree: none
    };
    static constexpr uint32_t kFree = UINT32_MAX;

    uint32_t Home(uint32_t key) const;
    void Grow();

    const int growth_load_percent_;
    std::vector<Entry> entries_;  // a power of two
    size_t used_ = 0;
  };

  uint32_t BandKey(const uint8_t* code, int band) const;
  // The entries that share a band with `code`, each once.
  std::vector<Hit> Candidates(const uint8_t* code) const;

  std::vector<BandTable> bands_;
  std::vector<uint8_t> codes_;  // by slot
  std::vector<idx_t> labels_;   // by slot; -1 in free ones
  std::vector<uint32_t> free_slots_;
  absl::flat_hash_map<idx_t, uint32_t> slots_;  // by label
};

}  // namespace newsprint::index

#endif  // NEWSPRINT_SERVICE_INDEX_BANDED_MINHASH_INDEX_H_
