// Decoding of stored records: any bytes give a record or an error.
#include <cstddef>
#include <cstdint>

#include "service/store/records.h"

namespace newsprint::store {
namespace {

// What decodes must survive another round.
template <typename Record>
void Check(absl::StatusOr<Record> (*decode)(absl::string_view), absl::string_view bytes) {
  const absl::StatusOr<Record> record = decode(bytes);
  if (record.ok() ? !decode(Encode(*record)).ok() : !absl::IsDataLoss(record.status())) {
    __builtin_trap();
  }
}

}  // namespace
}  // namespace newsprint::store

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace newsprint::store;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  Check(DecodeCollection, bytes);
  Check(DecodeState, bytes);
  Check(DecodeArticle, bytes);
  Check(DecodeFingerprint, bytes);
  Check(DecodeTerms, bytes);
  Check(DecodeSketch, bytes);
  Check(DecodeGroup, bytes);
  Check(DecodeMember, bytes);
  Check(DecodeChange, bytes);
  Check(DecodeLesson, bytes);
  Check(DecodeBoilerplate, bytes);
  Check(DecodeRequest, bytes);
  return 0;
}
