// Whether the store can write, and the disk that it is on.
#ifndef NEWSPRINT_SERVICE_STORE_STORAGE_STATE_H_
#define NEWSPRINT_SERVICE_STORE_STORAGE_STATE_H_

#include <cstdint>

namespace newsprint::store {

enum class WriteState {
  kWritable,
  kNearlyFull,    // only what frees space is written, until there is room
  kFailed,        // a write has failed; it is tried again every second
  kNeedsRestart,  // the same, and nothing but a restart can make it writable
};

// Of the disk of the data folder.
struct DiskSpace {
  int64_t free_bytes = 0;  // for this process
  int64_t size_bytes = 0;
};

}  // namespace newsprint::store

#endif  // NEWSPRINT_SERVICE_STORE_STORAGE_STATE_H_
