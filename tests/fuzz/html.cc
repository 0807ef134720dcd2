// HTML to text, with the promises of its header.
#include <string>

#include "service/text/html.h"
#include "service/text/utf8.h"
#include "tests/fuzz/targets.h"

namespace newsprint::fuzz {

void FuzzHtml(absl::string_view bytes) {
  const std::string html = text::RepairUtf8(bytes);
  const std::string plain = text::HtmlToText(html);
  Require(text::IsValidUtf8(plain), "text is well-formed");
  Require(plain.size() <= html.size(), "text is no longer than its HTML");
  if (html.find_first_of("<&") == std::string::npos) {
    Require(plain == html, "text without markup stays as it is");
  }
  Require(text::HtmlToText("<!-- x -->" + html) == plain, "a comment is no text");
}

}  // namespace newsprint::fuzz
