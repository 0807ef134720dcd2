// A copy of the database as it is at one moment, while it is written to.
#ifndef NEWSPRINT_SERVICE_STORE_CHECKPOINT_H_
#define NEWSPRINT_SERVICE_STORE_CHECKPOINT_H_

#include <rocksdb/db.h>

#include <string>

#include "absl/status/status.h"

namespace newsprint::store {

// Does what Store::WriteCheckpoint says. RocksDB's own Checkpoint is not used, as its way of
// copying ends the process on a full disk, with RocksDB's assertions on, as Debian builds it.
absl::Status WriteCheckpoint(rocksdb::DB* db, const std::string& dir);

}  // namespace newsprint::store

#endif  // NEWSPRINT_SERVICE_STORE_CHECKPOINT_H_
