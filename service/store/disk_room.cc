#include "service/store/disk_room.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace newsprint::store {

absl::Status CheckRoom(const std::string& data_dir, uint64_t reserve_bytes, absl::string_view field,
                       uint64_t more_bytes, absl::string_view more_what) {
  namespace fs = std::filesystem;
  uint64_t needed = reserve_bytes + more_bytes;
  std::error_code error;
  for (fs::directory_iterator at(data_dir, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (!absl::EndsWith(name, ".log") && !absl::StartsWith(name, "MANIFEST-")) continue;
    std::error_code gone;  // meanwhile
    const uint64_t bytes = fs::file_size(at->path(), gone);
    if (!gone) needed += bytes;
  }
  fs::space_info space = {};
  if (!error) space = fs::space(data_dir, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat(field, ": cannot read ", data_dir, ": ", error.message()));
  }
  if (space.available >= needed) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      field, ": not enough room on disk, got ", space.available, " bytes free, limit ", needed,
      " or more (", more_what, more_what.empty() ? "" : ", ", "the log and --disk_reserve_bytes)"));
}

}  // namespace newsprint::store
