#include "client/article_text.h"

#include <cstdint>
#include <cstring>

namespace newsprint::client {
namespace {

// Length of the well-formed sequence that starts at `s`, of which `left` bytes exist; 0 for none.
size_t SequenceLength(const unsigned char* s, size_t left) {
  const unsigned char lead = s[0];
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (left < length) return 0;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (lead == 0xE0) low = 0xA0;   // overlong
  if (lead == 0xED) high = 0x9F;  // surrogates
  if (lead == 0xF0) low = 0x90;   // overlong
  if (lead == 0xF4) high = 0x8F;  // above U+10FFFF
  if (s[1] < low || s[1] > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if ((s[i] & 0xC0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

size_t ValidUtf8Prefix(absl::string_view bytes) {
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  size_t i = 0;
  while (i < bytes.size()) {
    uint64_t word;
    if (i + sizeof(word) <= bytes.size()) {
      std::memcpy(&word, data + i, sizeof(word));
      if ((word & 0x8080808080808080u) == 0) {
        i += sizeof(word);
        continue;
      }
    }
    const size_t length = SequenceLength(data + i, bytes.size() - i);
    if (length == 0) return i;
    i += length;
  }
  return i;
}

void SetTitleOrRaw(absl::string_view bytes, v1::Article& article) {
  article.clear_title();
  article.clear_raw_title();
  if (IsValidUtf8(bytes)) {
    article.set_title(bytes.data(), bytes.size());
  } else {
    article.set_raw_title(bytes.data(), bytes.size());
  }
}

void SetBodyOrRaw(absl::string_view bytes, v1::Article& article) {
  article.clear_body();
  article.clear_raw_body();
  if (IsValidUtf8(bytes)) {
    article.set_body(bytes.data(), bytes.size());
  } else {
    article.set_raw_body(bytes.data(), bytes.size());
  }
}

}  // namespace newsprint::client
