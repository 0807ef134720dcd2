// A hash table from key to many ordinals, for the fingerprint index.
#ifndef NEWSPRINT_SERVICE_INDEX_POSTING_TABLE_H_
#define NEWSPRINT_SERVICE_INDEX_POSTING_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace newsprint::index {

// Buckets of a cache line with 9 entries of 7 bytes each: an ordinal and 24 of the key's 26 bits. A
// key's home is the bucket at its place in the order of all keys, as that of a word in a
// dictionary; what does not fit there goes to the next ones (linear probing by buckets, Knuth,
// TAOCP volume 3, section 6.4). The two bits that are left out follow from the place, as no entry
// is a quarter of the table from home; so the table can be of any size, and grows by a small step,
// in one pass through memory. Keys must be spread evenly, which is for the caller to see to.
//
// A key may stand in it many times, up to a limit, which bounds a lookup where thousands of
// articles share a footer. Not thread-safe for writing; any number of threads may read while nobody
// writes.
class PostingTable {
 public:
  static constexpr int kKeyBits = 26;

  // A key takes at most `ordinals_max` ordinals; later ones are left out. The table grows by a
  // quarter when so many in a thousand of its entries are used, 800 to 900: give tables that fill
  // alike different ones, so that they don't all grow in the same call. It shrinks to a half when a
  // third as many are used.
  PostingTable(int ordinals_max, int growth_load_permille);

  // `key` < 2^kKeyBits, here and below. `ordinal` must not be there already under the key.
  void Insert(uint32_t key, uint32_t ordinal);
  // Does nothing when the ordinal is not there, or was left out.
  void Remove(uint32_t key, uint32_t ordinal);
  // Fetches what the other calls will look at.
  void Prefetch(uint32_t key) const { __builtin_prefetch(&buckets_[Home(key)]); }
  // Writes the ordinals of `key`, at most `ordinals_max`, and returns how many there are.
  int Find(uint32_t key, uint32_t* ordinals) const;
  size_t memory_bytes() const { return buckets_.capacity() * sizeof(Bucket); }
  // Keys that have `ordinals_max` ordinals.
  size_t full_keys() const { return full_keys_; }

 private:
  static constexpr size_t kEntries = 9;

  struct alignas(64) Bucket {
    std::array<uint32_t, kEntries> ordinals;
    std::array<uint16_t, kEntries> low_tags;  // bits 0 to 15 of the key
    std::array<uint8_t, kEntries> high_tags;  // bits 16 to 23
    uint8_t used;                             // the first so many entries are
  };
  static_assert(sizeof(Bucket) == 64, "one cache line");

  size_t Home(uint32_t key) const {
    return static_cast<size_t>(uint64_t{key} * buckets_.size() >> kKeyBits);
  }
  size_t Next(size_t bucket) const { return bucket + 1 == buckets_.size() ? 0 : bucket + 1; }
  // How many buckets `bucket` lies behind `home`.
  size_t Distance(size_t home, size_t bucket) const {
    return bucket >= home ? bucket - home : bucket + buckets_.size() - home;
  }
  // No entry is so far from home.
  size_t distance_end() const { return buckets_.size() / 4; }
  // Entries of the bucket with the key, one bit each.
  static uint32_t Matches(const Bucket& bucket, uint32_t key);
  // The last key that has its home in this bucket of so many, and by that the whole key of an
  // entry.
  static uint32_t LastKey(size_t bucket, size_t buckets);
  static uint32_t KeyOf(const Bucket& bucket, size_t entry, uint32_t last_key);
  // False when there is no room near the key's home.
  bool Put(uint32_t key, uint32_t ordinal);
  // Closes the gap that `entry` leaves.
  void Erase(size_t bucket, size_t entry);
  // To so many buckets, or more where these are too few.
  void Resize(size_t buckets);
  void Grow();
  void ShrinkIfEmpty();

  const int ordinals_max_;
  const size_t growth_load_permille_;
  std::vector<Bucket> buckets_;
  size_t used_ = 0;
  size_t full_keys_ = 0;
};

}  // namespace newsprint::index

#endif  // NEWSPRINT_SERVICE_INDEX_POSTING_TABLE_H_
