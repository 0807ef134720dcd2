// Looks at a data folder before it is opened for writing: opening makes a new database where the
// old one's CURRENT is gone, cleans up what a damaged log or manifest no longer tells of, and goes
// on behind a log that is missing.
#ifndef NEWSPRINT_SERVICE_STORE_FOLDER_CHECK_H_
#define NEWSPRINT_SERVICE_STORE_FOLDER_CHECK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace newsprint::store {

// Changes nothing in the folder. OK for one without a database. FAILED_PRECONDITION when another
// process has it open, or when it has a format that this server does not read; RESOURCE_EXHAUSTED
// when it is to be upgraded and the disk has too little room for that beside `disk_reserve_bytes`;
// DATA_LOSS when files are missing or damaged, or the database holds less than was acknowledged;
// UNAVAILABLE when it cannot be read.
absl::Status CheckFolder(const std::string& data_dir, uint64_t disk_reserve_bytes);

// DATA_LOSS when a part of the write-ahead logs is missing between others; other errors when the
// folder cannot be read. Changes nothing in it.
absl::Status CheckLogs(const std::string& data_dir);

}  // namespace newsprint::store

#endif  // NEWSPRINT_SERVICE_STORE_FOLDER_CHECK_H_
