// What kinds of bytes a text has and where, with the widest SIMD of the processor at hand. Pure
// functions, safe from any thread.
#ifndef NEWSPRINT_SERVICE_TEXT_BYTE_MASKS_H_
#define NEWSPRINT_SERVICE_TEXT_BYTE_MASKS_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace newsprint::text {

// 64 bytes of a text, one bit each, the first byte's lowest. Bits behind the text's end are 0.
struct ByteMasks {
  uint64_t word = 0;       // ASCII letters and digits
  uint64_t non_ascii = 0;  // 0x80 and above
};
inline constexpr size_t kMaskBytes = 64;

// Writes (text.size() + 63) / 64 masks.
void ClassifyBytes(absl::string_view text, ByteMasks* masks);

struct ByteKinds {
  bool non_ascii = false;
  bool markup = false;  // `<` or `&`
};
// Which of these bytes `text` has anywhere.
ByteKinds FindByteKinds(absl::string_view text);

}  // namespace newsprint::text

#endif  // NEWSPRINT_SERVICE_TEXT_BYTE_MASKS_H_
