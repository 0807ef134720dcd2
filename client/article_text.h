// Text of unknown cleanliness into an Article. Pure functions, safe from any thread.
#ifndef NEWSPRINT_CLIENT_ARTICLE_TEXT_H_
#define NEWSPRINT_CLIENT_ARTICLE_TEXT_H_

#include <cstddef>

#include "absl/strings/string_view.h"
#include "newsprint/v1/article.pb.h"

namespace newsprint::client {

// Length in bytes of the longest prefix of `bytes` that is well-formed UTF-8 (Unicode 15, table
// 3-7: no surrogates, no overlong forms, nothing above U+10FFFF).
size_t ValidUtf8Prefix(absl::string_view bytes);

inline bool IsValidUtf8(absl::string_view bytes) { return ValidUtf8Prefix(bytes) == bytes.size(); }

// Puts `bytes` into `title` when they are valid UTF-8, else into `raw_title`, and clears the other.
void SetTitleOrRaw(absl::string_view bytes, v1::Article& article);

// The same with `body` and `raw_body`.
void SetBodyOrRaw(absl::string_view bytes, v1::Article& article);

}  // namespace newsprint::client

#endif  // NEWSPRINT_CLIENT_ARTICLE_TEXT_H_
