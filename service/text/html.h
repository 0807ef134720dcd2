// HTML to plain text. A pure function, safe from any thread.
#ifndef NEWSPRINT_SERVICE_TEXT_HTML_H_
#define NEWSPRINT_SERVICE_TEXT_HTML_H_

#include <string>

#include "absl/strings/string_view.h"

namespace newsprint::text {

// Removes tags and comments, drops the content of script and style elements, and decodes entities
// (numeric ones, with the browsers' reading of 128 to 159 as Windows-1252, and the named ones that
// news text has; an unknown name stays as it is; `&amp;#8217;` is decoded through). Block-level
// tags separate words, inline ones don't. A `<` that begins no tag, as in "a < b", stays, and so
// does a word in angle brackets that is no element of HTML, as wire copy writes tickers ("<IBM>").
// An unclosed comment, script or style drops the rest. Takes linear time on any input. `utf8` must
// be well-formed; the result is.
std::string HtmlToText(absl::string_view utf8);

}  // namespace newsprint::text

#endif  // NEWSPRINT_SERVICE_TEXT_HTML_H_
