// Whether a file of graphs (index_file.h) is as it was written.
#ifndef NEWSPRINT_SERVICE_INDEX_INDEX_FILE_CHECK_H_
#define NEWSPRINT_SERVICE_INDEX_INDEX_FILE_CHECK_H_

#include <string>

#include "absl/status/status.h"

namespace newsprint::index {

// Compares each part with its checksum; the graphs themselves are not walked. DATA_LOSS when the
// file is damaged, NOT_FOUND or UNAVAILABLE when it cannot be read.
absl::Status CheckIndexFile(const std::string& path);

}  // namespace newsprint::index

#endif  // NEWSPRINT_SERVICE_INDEX_INDEX_FILE_CHECK_H_
