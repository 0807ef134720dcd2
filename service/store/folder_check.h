// Looks at a data folder before it is opened for writing: opening makes a new database where the
// old one's CURRENT is gone, and cleans up what a damaged log or manifest no longer tells of.
#ifndef NEWSPRINT_SERVICE_STORE_FOLDER_CHECK_H_
#define NEWSPRINT_SERVICE_STORE_FOLDER_CHECK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace newsprint::store {

// Changes nothing in the folder but RocksDB's own log. `acknowledged`: what
// AcknowledgedFile says. OK for a folder without a database. FAILED_PRECONDITION when another
// process has it open, DATA_LOSS when files are missing or damaged, or the database holds less than
// was acknowledged.
absl::Status CheckFolder(const std::string& data_dir, uint64_t acknowledged);

}  // namespace newsprint::store

#endif  // NEWSPRINT_SERVICE_STORE_FOLDER_CHECK_H_
