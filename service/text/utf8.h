// Repair of text that is not clean UTF-8. Pure functions, safe from any thread.
#ifndef NEWSPRINT_SERVICE_TEXT_UTF8_H_
#define NEWSPRINT_SERVICE_TEXT_UTF8_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace newsprint::text {

// Whether `bytes` is well-formed UTF-8 (Unicode 15, table 3-7).
bool IsValidUtf8(absl::string_view bytes);

// Returns `bytes` as well-formed UTF-8: each byte that belongs to no well-formed sequence is read
// as Windows-1252 (the five bytes that it leaves undefined become U+FFFD). Well-formed input comes
// back unchanged.
std::string RepairUtf8(absl::string_view bytes);

// Undoes double encoding: runs of characters that, read as Windows-1252 or Latin-1 bytes, are
// well-formed multi-byte UTF-8 ("â€™" for "’", "Ã©" for "é"), up to twice over, and the halves of
// double-encoded quotes that a scraper cut off ("â€" for "”"). Where the characters could as well
// be meant, as a letter and the punctuation after it ("fiancé »", "CAFÉ’S"), they stay. `utf8` must
// be well-formed; the result is, and is no longer than `utf8`.
std::string UndoDoubleEncoding(absl::string_view utf8);

// False where UndoDoubleEncoding() would change nothing, as in most text; quick.
bool MayBeDoubleEncoded(absl::string_view utf8);

// The character that `byte` stands for in Windows-1252; for the five bytes that it leaves undefined
// the C1 control character of the same value, as browsers have it (WHATWG Encoding Standard).
char32_t FromWindows1252(unsigned char byte);

// The character at `*position` in `utf8`, which moves behind it; 0 at the end. A byte that begins
// no well-formed sequence reads as U+FFFD.
char32_t NextCharacter(absl::string_view utf8, size_t* position);

// Appends the UTF-8 of `character`, a Unicode scalar value.
void AppendUtf8(char32_t character, std::string* utf8);

}  // namespace newsprint::text

#endif  // NEWSPRINT_SERVICE_TEXT_UTF8_H_
