// Whether the disk has room for work that is not to eat up the reserve.
#ifndef NEWSPRINT_SERVICE_STORE_DISK_ROOM_H_
#define NEWSPRINT_SERVICE_STORE_DISK_ROOM_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace newsprint::store {

// RESOURCE_EXHAUSTED unless the disk of the data folder has room for a copy of its log (the
// write-ahead logs, and RocksDB's manifest) and for `more_bytes`, beside `reserve_bytes`.
// UNAVAILABLE when it does not say. Messages begin with `field`; `more_what` names the other bytes.
absl::Status CheckRoom(const std::string& data_dir, uint64_t reserve_bytes, absl::string_view field,
                       uint64_t more_bytes = 0, absl::string_view more_what = "");

}  // namespace newsprint::store

#endif  // NEWSPRINT_SERVICE_STORE_DISK_ROOM_H_
