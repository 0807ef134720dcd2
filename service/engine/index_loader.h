// What a collection holds in memory, read from the store at start.
#ifndef NEWSPRINT_SERVICE_ENGINE_INDEX_LOADER_H_
#define NEWSPRINT_SERVICE_ENGINE_INDEX_LOADER_H_

#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "service/common/types.h"
#include "service/engine/boilerplate.h"
#include "service/engine/subject_index.h"
#include "service/index/fingerprint_index.h"
#include "service/store/store.h"

namespace newsprint {

// For one collection that nobody writes to meanwhile. Errors: the store's, and CANCELLED soon after
// `keep_going` says false, which is asked from several threads.
class IndexLoader {
 public:
  // All must outlive it. `ordinals`: as many have been given out.
  IndexLoader(const store::Store& store, uint32_t uid, Ordinal ordinals,
              absl::FunctionRef<bool()> keep_going)
      : store_(store), uid_(uid), ordinals_(ordinals), keep_going_(keep_going) {}

  // Takes in the last generation's record, and every lesson since, in order. Returns the first
  // article of that generation.
  absl::StatusOr<Ordinal> LoadBoilerplate(Boilerplate* boilerplate) const;
  // Fills both with the references of all groups, in the order of ingestion. Uses two threads.
  absl::Status LoadIndexes(index::FingerprintIndex* fingerprints, SubjectIndex* subjects) const;

 private:
  using Marks = std::vector<bool>;  // by ordinal

  absl::StatusOr<Marks> LoadReferences() const;
  absl::Status LoadFingerprints(const Marks& references, index::FingerprintIndex* index) const;
  absl::Status LoadTerms(const Marks& references, SubjectIndex* index) const;
  absl::Status LoadVectors(const Marks& references, const Embedding& embedding,
                           SubjectIndex* index) const;

  const store::Store& store_;
  const uint32_t uid_;
  const Ordinal ordinals_;
  const absl::FunctionRef<bool()> keep_going_;
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_INDEX_LOADER_H_
