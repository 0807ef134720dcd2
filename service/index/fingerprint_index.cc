#include "service/index/fingerprint_index.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "service/index/banded_minhash_index.h"
#include "service/index/faiss_status.h"

namespace newsprint::index {

class FingerprintIndex::Impl {
 public:
  BandedMinHashIndex banded{sketch::kSketchValues};
};

FingerprintIndex::FingerprintIndex() : impl_(std::make_unique<Impl>()) {}
FingerprintIndex::~FingerprintIndex() = default;

absl::Status FingerprintIndex::Add(Ordinal ordinal, const sketch::Sketch& sketch) {
  return CatchFaiss("fingerprint index: add", [&] {
    const faiss::IndexBinary::idx_t label = ordinal;
    impl_->banded.add_with_ids(1, sketch.data(), &label);
  });
}

void FingerprintIndex::Remove(Ordinal ordinal) { impl_->banded.remove_id(ordinal); }

absl::StatusOr<std::vector<FingerprintHit>> FingerprintIndex::Search(const sketch::Sketch& sketch,
                                                                     int hits_max) const {
  std::vector<int32_t> distances(hits_max);
  std::vector<faiss::IndexBinary::idx_t> labels(hits_max);
  absl::Status status = CatchFaiss("fingerprint index: search", [&] {
    impl_->banded.search(1, sketch.data(), hits_max, distances.data(), labels.data());
  });
  if (!status.ok()) return status;
  std::vector<FingerprintHit> hits;
  for (int i = 0; i < hits_max && labels[i] >= 0; ++i) {
    hits.push_back({static_cast<Ordinal>(labels[i]), sketch::kSketchValues - distances[i]});
  }
  return hits;
}

size_t FingerprintIndex::size() const { return static_cast<size_t>(impl_->banded.ntotal); }

size_t FingerprintIndex::memory_bytes() const { return impl_->banded.memory_bytes(); }

}  // namespace newsprint::index
