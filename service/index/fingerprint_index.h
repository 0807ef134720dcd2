// Finds the articles whose sketches resemble a given one.
#ifndef NEWSPRINT_SERVICE_INDEX_FINGERPRINT_INDEX_H_
#define NEWSPRINT_SERVICE_INDEX_FINGERPRINT_INDEX_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "service/common/types.h"
#include "service/sketch/minhash.h"

namespace newsprint::index {

struct FingerprintHit {
  Ordinal ordinal;
  int equal_values;  // of the two sketches, 0 to 256
};

// Not thread-safe for writing; any number of threads may search while nobody writes. FAISS errors
// come back as INTERNAL.
class FingerprintIndex {
 public:
  FingerprintIndex();
  ~FingerprintIndex();

  absl::Status Add(Ordinal ordinal, const sketch::Sketch& sketch);
  // Does nothing when the article is not in the index.
  void Remove(Ordinal ordinal);
  // The `hits_max` most similar, best first, equal ones in the order of ingestion.
  absl::StatusOr<std::vector<FingerprintHit>> Search(const sketch::Sketch& sketch,
                                                     int hits_max) const;

  size_t size() const;
  size_t memory_bytes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace newsprint::index

#endif  // NEWSPRINT_SERVICE_INDEX_FINGERPRINT_INDEX_H_
