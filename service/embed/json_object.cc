#include "service/embed/json_object.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace newsprint::embed {

absl::StatusOr<nlohmann::json> ParseJsonObject(absl::string_view bytes, absl::string_view what) {
  nlohmann::json value;
  try {
    value = nlohmann::json::parse(bytes.begin(), bytes.end());
  } catch (const nlohmann::json::parse_error& error) {
    return absl::InvalidArgumentError(absl::StrCat(what,
                                                   ": not well-formed JSON, got an error at byte ",
                                                   error.byte, ", limit ", bytes.size(), " bytes"));
  } catch (const nlohmann::json::exception&) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": a number is out of range"));
  }
  if (!value.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": not a JSON object, got ", value.type_name()));
  }
  return value;
}

std::string Printable(absl::string_view name) {
  constexpr size_t kBytesMax = 60;
  return absl::StrCat(absl::CHexEscape(name.substr(0, kBytesMax)),
                      name.size() > kBytesMax ? "..." : "");
}

}  // namespace newsprint::embed
