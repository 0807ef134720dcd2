// Whether the store can write, and the disk that it is on.
#ifndef NEWSPRINT_SERVICE_STORE_STORAGE_STATE_H_
#define NEWSPRINT_SERVICE_STORE_STORAGE_STATE_H_

#include <cstdint>

#include "absl/status/status.h"

namespace newsprint::store {

struct StorageState {
  // UNAVAILABLE, with the reason, while the store is read-only.
  absl::Status writable;
  // Whether nothing but a restart can make it writable.
  bool needs_restart = false;
  // Of the disk of the data folder: what is left for this process, and all; 0 when it does not say.
  int64_t disk_free_bytes = 0;
  int64_t disk_size_bytes = 0;
  // With less left, the store is read-only.
  int64_t disk_reserve_bytes = 0;
};

}  // namespace newsprint::store

#endif  // NEWSPRINT_SERVICE_STORE_STORAGE_STATE_H_
