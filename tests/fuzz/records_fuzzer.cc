// Decoding of stored records: any bytes give a record or an error.
#include <cstddef>
#include <cstdint>

#include "service/store/records.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace newsprint::store;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  DecodeCollection(bytes).IgnoreError();
  DecodeState(bytes).IgnoreError();
  DecodeFingerprint(bytes).IgnoreError();
  DecodeTerms(bytes).IgnoreError();
  DecodeGroup(bytes).IgnoreError();
  DecodeRequest(bytes).IgnoreError();
  if (const auto record = DecodeArticle(bytes); record.ok()) {
    // What decodes must survive another round.
    if (!DecodeArticle(Encode(*record)).ok()) __builtin_trap();
  }
  return 0;
}
