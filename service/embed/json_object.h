// JSON files of models. For .cc files only: it includes the whole JSON library.
#ifndef NEWSPRINT_SERVICE_EMBED_JSON_OBJECT_H_
#define NEWSPRINT_SERVICE_EMBED_JSON_OBJECT_H_

#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace newsprint::embed {

// The object that `bytes` holds, with nothing behind it. INVALID_ARGUMENT, with the place of the
// error in bytes, for anything else; messages begin with "`what`: ". Takes some 20 times the memory
// of `bytes` at worst, so callers bound these.
absl::StatusOr<nlohmann::json> ParseJsonObject(absl::string_view bytes, absl::string_view what);

// A name out of a file as an error message can show it: printable, at most some 60 bytes.
std::string Printable(absl::string_view name);

}  // namespace newsprint::embed

#endif  // NEWSPRINT_SERVICE_EMBED_JSON_OBJECT_H_
