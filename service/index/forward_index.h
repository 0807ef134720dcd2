// The terms of articles by ordinal, for ranking.
#ifndef NEWSPRINT_SERVICE_INDEX_FORWARD_INDEX_H_
#define NEWSPRINT_SERVICE_INDEX_FORWARD_INDEX_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "service/common/types.h"

namespace newsprint::index {

// A temporary file with a place of fixed size for each ordinal: one pread() gives an article's
// terms, in a tenth of the time that the store takes, and the memory they lie in is the kernel's to
// keep or to give up. Pages of places without a live article go back to the file system, where that
// has holes in files. The file has no name and goes with the process, so it is never stale; whoever
// owns the index fills it at start. What is not in it is to be read from the store, and that is all
// once a write to it has failed.
//
// Put and Remove are for one thread at a time; any number of threads may read at any time.
class ForwardIndex {
 public:
  // `path`: beginning of the file's path while it is made. `terms_max`: of an article, up to 255.
  // UNAVAILABLE when the file cannot be made.
  static absl::StatusOr<std::unique_ptr<ForwardIndex>> Create(const std::string& path,
                                                              size_t terms_max);
  ~ForwardIndex();
  ForwardIndex(const ForwardIndex&) = delete;
  ForwardIndex& operator=(const ForwardIndex&) = delete;

  // Weights must be 1 to 256 steps of kTermWeightStep.
  void Put(Ordinal ordinal, absl::Span<const WeightedTerm> terms);
  void Remove(Ordinal ordinal);
  // False when they are not there, or are being replaced.
  bool Get(Ordinal ordinal, std::vector<WeightedTerm>* terms) const;

 private:
  ForwardIndex(int file, size_t terms_max);
  uint32_t Check(Ordinal ordinal, const char* slot) const;
  // False when the slot, of `slot_bytes_`, holds no article.
  bool Read(Ordinal ordinal, char* slot) const;
  void Write(Ordinal ordinal, const char* slot);

  const int file_;
  std::atomic<bool> broken_{false};
  const size_t terms_max_;
  const size_t slot_bytes_;
  // How many articles are there of each page of kPageSlots consecutive ordinals that has any.
  absl::flat_hash_map<Ordinal, uint32_t> live_;
};

}  // namespace newsprint::index

#endif  // NEWSPRINT_SERVICE_INDEX_FORWARD_INDEX_H_
