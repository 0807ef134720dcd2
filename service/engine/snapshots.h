// Snapshots: copies of the data folder as it was at one moment, made while it is in use.
//
// A snapshot is a folder, snapshots/NAME in the data folder: the database (most of it hard links,
// which take no room while the originals are there), the saved graphs, and a manifest
// (store/manifest.h). A copy of it, without the manifest, is a data folder.
#ifndef NEWSPRINT_SERVICE_ENGINE_SNAPSHOTS_H_
#define NEWSPRINT_SERVICE_ENGINE_SNAPSHOTS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/common/mutex.h"
#include "service/store/manifest.h"
#include "service/store/store.h"

namespace newsprint {

struct SnapshotInfo {
  std::string name;
  std::optional<absl::Time> created_at;  // nothing when its manifest cannot be read
  uint64_t bytes = 0;                    // of all files but the manifest
  uint64_t files = 0;                    // the same
};

// The bytes of a snapshot's files, in the order of the manifest, which comes last. Not thread-safe.
class SnapshotReader {
 public:
  struct Chunk {
    std::string path;     // within the snapshot; empty: that was all
    uint64_t offset = 0;  // of the first byte
    std::string bytes;    // empty for an empty file
  };

  ~SnapshotReader();
  SnapshotReader(const SnapshotReader&) = delete;
  SnapshotReader& operator=(const SnapshotReader&) = delete;

  // At most `bytes_max` of one file. NOT_FOUND when the snapshot was deleted meanwhile.
  absl::StatusOr<Chunk> Next(size_t bytes_max);

 private:
  friend class Snapshots;
  SnapshotReader(std::string name, std::string dir, std::vector<std::string> paths);

  const std::string name_;
  const std::string dir_;
  const std::vector<std::string> paths_;
  size_t next_ = 0;  // the file that is read, or to be read next
  uint64_t offset_ = 0;
  int descriptor_ = -1;
};

// Thread-safe.
class Snapshots {
 public:
  // `store`, opened with `options`, must outlive it.
  Snapshots(store::Store* store, const store::Store::Options& options,
            std::string newsprint_version);

  // Removes what a crash has left of snapshots that were being made or deleted, and the manifest
  // that a folder has which is itself a copy of a snapshot. Before the first call of the others,
  // and once it is sure that the server starts: what does not start on a backup leaves it one.
  absl::Status Begin();

  // Makes one that holds everything that was on disk before the call; reads all files for their
  // checksums. One at a time: another call waits. `name`: empty for one made from the time, else as
  // of a collection. ALREADY_EXISTS; RESOURCE_EXHAUSTED when the disk is full; UNAVAILABLE when it
  // fails; CANCELLED soon after `keep_going` says false. After an error nothing is left.
  absl::StatusOr<SnapshotInfo> Create(absl::string_view name, absl::FunctionRef<bool()> keep_going);
  // By name, from `first` on, at most `snapshots_max`. One whose manifest cannot be read is among
  // them, with 0 bytes and files: it takes up room, and its name.
  absl::StatusOr<std::vector<SnapshotInfo>> List(absl::string_view first,
                                                 size_t snapshots_max) const;
  // NOT_FOUND. UNAVAILABLE: its name is free already, when the snapshot is not listed any more;
  // what is left of its files goes with the next start.
  absl::Status Delete(absl::string_view name);
  // From a place on: the file `first_path` ("" for the first) at `first_offset`. NOT_FOUND when
  // there is no such snapshot, INVALID_ARGUMENT when it has no such file or that is shorter.
  absl::StatusOr<std::unique_ptr<SnapshotReader>> Read(absl::string_view name,
                                                       absl::string_view first_path,
                                                       uint64_t first_offset) const;

 private:
  std::string PathOf(absl::string_view name) const;
  // One that nothing has, and that Begin removes.
  std::string HiddenPathOf(absl::string_view name, absl::string_view suffix);
  absl::Status LinkGraphs(const std::string& dir) const;
  absl::StatusOr<store::Manifest> Complete(const std::string& dir,
                                           absl::FunctionRef<bool()> keep_going) const;

  store::Store* const store_;
  const std::string data_dir_;
  const uint64_t disk_reserve_bytes_;
  const std::string newsprint_version_;
  const std::string snapshots_dir_;
  std::atomic<uint64_t> hidden_{0};  // hidden paths so far
  Mutex mutex_;                      // held while one is made
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_SNAPSHOTS_H_
