// Characters of UTF-8 text. Pure functions, safe from any thread.
#ifndef NEWSPRINT_CLIENT_CLI_CHARACTERS_H_
#define NEWSPRINT_CLIENT_CLI_CHARACTERS_H_

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "absl/strings/string_view.h"

namespace newsprint::cli {

// Both ends belong to it.
struct CharacterRange {
  char32_t first;
  char32_t last;
};

template <size_t kCount>
bool Contains(const CharacterRange (&ranges)[kCount], char32_t c) {
  return std::any_of(std::begin(ranges), std::end(ranges), [c](const CharacterRange& range) {
    return c >= range.first && c <= range.last;
  });
}

// Decodes the character at `i` of valid UTF-8 and moves `i` behind it.
char32_t NextCharacter(absl::string_view text, size_t& i);

}  // namespace newsprint::cli

#endif  // NEWSPRINT_CLIENT_CLI_CHARACTERS_H_
