// Reads small files of settings.
#ifndef NEWSPRINT_SERVICE_RPC_WHOLE_FILE_H_
#define NEWSPRINT_SERVICE_RPC_WHOLE_FILE_H_

#include <sys/types.h>

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace newsprint::rpc {

// What the file of flag `flag` holds. INVALID_ARGUMENT with the reason when it cannot be read, is
// empty or larger, or is no regular file.
absl::StatusOr<std::string> ReadWholeFile(absl::string_view flag, const std::string& path,
                                          size_t bytes_max);

// Logs `problem` with the file of flag `flag` when its mode has any of these bits.
void WarnOfMode(absl::string_view flag, const std::string& path, mode_t bits,
                absl::string_view problem);

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_WHOLE_FILE_H_
