// A hash table from key to many values, for the fingerprint index.
#ifndef NEWSPRINT_SERVICE_INDEX_POSTING_TABLE_H_
#define NEWSPRINT_SERVICE_INDEX_POSTING_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace newsprint::index {

// Linear probing over entries of 8 bytes; a key may stand in it many times, up to a limit, which
// bounds a lookup where thousands of articles share a footer. Not thread-safe for writing; any
// number of threads may read while nobody writes.
class PostingTable {
 public:
  // A key takes at most `values_max` values; later ones are left out. The table grows when it is
  // filled to `growth_load_percent`: give tables that fill alike different ones, so that they don't
  // all grow in the same call.
  PostingTable(int values_max, int growth_load_percent);

  // `value` must not be UINT32_MAX.
  void Insert(uint32_t key, uint32_t value);
  // Does nothing when the value is not there, or was left out.
  void Remove(uint32_t key, uint32_t value);
  void Prefetch(uint32_t key) const;
  // Appends the values of `key`, and returns how many there were.
  int AppendValues(uint32_t key, std::vector<uint32_t>* values) const;
  size_t memory_bytes() const { return entries_.capacity() * sizeof(Entry); }

 private:
  struct Entry {
    uint32_t key;
    uint32_t value;  // kFree: none
  };
  static constexpr uint32_t kFree = UINT32_MAX;

  uint32_t Home(uint32_t key) const;
  void Grow();

  const int values_max_;
  const int growth_load_percent_;
  std::vector<Entry> entries_;  // a power of two
  size_t used_ = 0;
};

}  // namespace newsprint::index

#endif  // NEWSPRINT_SERVICE_INDEX_POSTING_TABLE_H_
