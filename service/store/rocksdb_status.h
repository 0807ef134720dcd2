// Errors of RocksDB in our terms.
#ifndef NEWSPRINT_SERVICE_STORE_ROCKSDB_STATUS_H_
#define NEWSPRINT_SERVICE_STORE_ROCKSDB_STATUS_H_

#include <rocksdb/status.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace newsprint::store {

// `what` was tried. DATA_LOSS for what is damaged or for a file that is gone, UNAVAILABLE for all
// that may pass.
inline absl::Status ToStatus(const rocksdb::Status& status, absl::string_view what) {
  if (status.ok()) return absl::OkStatus();
  const std::string message = absl::StrCat("store: ", what, ": ", status.ToString());
  if (status.IsNotFound()) return absl::NotFoundError(message);
  if (status.IsCorruption() || status.IsPathNotFound()) return absl::DataLossError(message);
  return absl::UnavailableError(message);
}

// Whether taking a folder's LOCK failed because another process, or this one, holds it.
inline bool IsHeldLock(const rocksdb::Status& status) {
  const std::string reason = status.ToString();
  if (absl::StrContains(reason, "open a file for lock")) return false;  // it could not be tried
  return absl::StrContains(reason, std::strerror(EAGAIN)) ||
         absl::StrContains(reason, std::strerror(EACCES)) ||
         absl::StrContains(reason, "lock hold by current process");
}

}  // namespace newsprint::store

#endif  // NEWSPRINT_SERVICE_STORE_ROCKSDB_STATUS_H_
