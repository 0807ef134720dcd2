// Repair of text that is not clean UTF-8. Pure functions, safe from any thread.
#ifndef NEWSPRINT_SERVICE_TEXT_UTF8_H_
#define NEWSPRINT_SERVICE_TEXT_UTF8_H_

#include <string>

#include "absl/strings/string_view.h"

namespace newsprint::text {

// Whether `bytes` is well-formed UTF-8 (Unicode 15, table 3-7).
bool IsValidUtf8(absl::string_view bytes);

// Returns `bytes` as well-formed UTF-8: each byte that belongs to no well-formed sequence is read as
// Windows-1252 (the five bytes that it leaves undefined become U+FFFD). Well-formed input comes back
// unchanged.
std::string RepairUtf8(absl::string_view bytes);

// Undoes double encoding: runs of characters that, read as Windows-1252 bytes, are well-formed
// multi-byte UTF-8 ("â€™" for "’", "Ã©" for "é"), up to twice over, and the halves of double-encoded
// quotes that a scraper cut off ("â€" for "”"). `utf8` must be well-formed.
std::string UndoDoubleEncoding(absl::string_view utf8);

}  // namespace newsprint::text

#endif  // NEWSPRINT_SERVICE_TEXT_UTF8_H_
