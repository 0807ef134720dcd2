#include "client/cli/characters.h"

namespace newsprint::cli {

char32_t NextCharacter(absl::string_view text, size_t& i) {
  const auto lead = static_cast<unsigned char>(text[i++]);
  if (lead < 0x80) return lead;
  const int more = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
  char32_t c = lead & (0x3Fu >> more);
  for (int k = 0; k < more && i < text.size(); ++k) {
    c = c << 6 | (static_cast<unsigned char>(text[i++]) & 0x3Fu);
  }
  return c;
}

}  // namespace newsprint::cli
