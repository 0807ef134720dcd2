// Brings a data folder of an older format to the present one.
#ifndef NEWSPRINT_SERVICE_STORE_UPGRADE_H_
#define NEWSPRINT_SERVICE_STORE_UPGRADE_H_

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/store/store.h"

namespace newsprint::store {

// The oldest format that UpgradeFolder can begin with.
inline constexpr uint32_t kUpgradableVersion = 3;

// The number in a folder's format record, kUpgradableVersion to kFormatVersion. FAILED_PRECONDITION
// for any other, DATA_LOSS when the record is damaged.
absl::StatusOr<uint32_t> ReadFormat(absl::string_view record);

// Takes a folder of format `version`, kUpgradableVersion to kFormatVersion - 1, one format further
// after the other. Each step may be repeated, and writes the number of its format last: after a
// crash in the middle the next start begins that step anew. Nobody else may use the database
// meanwhile.
// `write_synced` writes a batch, which is on disk when it returns, with all that was written
// before.
absl::Status UpgradeFolder(uint32_t version, rocksdb::DB* db,
                           absl::FunctionRef<absl::Status(rocksdb::WriteBatch*)> write_synced,
                           const UpgradeProgress& progress);

}  // namespace newsprint::store

#endif  // NEWSPRINT_SERVICE_STORE_UPGRADE_H_
