// Reads small files of settings.
#ifndef NEWSPRINT_SERVICE_RPC_WHOLE_FILE_H_
#define NEWSPRINT_SERVICE_RPC_WHOLE_FILE_H_

#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace newsprint::rpc {

// What the file of flag `flag` holds. INVALID_ARGUMENT when it cannot be read, or is larger.
inline absl::StatusOr<std::string> ReadWholeFile(absl::string_view flag, const std::string& path,
                                                 size_t bytes_max) {
  std::ifstream file(path, std::ios::binary);
  std::string text(bytes_max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad() || file.gcount() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, ": cannot be read, or is empty, got \"", path, "\""));
  }
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > bytes_max) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, ": too large, got \"", path, "\", limit ", bytes_max, " bytes"));
  }
  return text;
}

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_WHOLE_FILE_H_
