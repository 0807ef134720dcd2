// Copies of snapshots outside of the server: a folder that is filled from a stream, and one that
// becomes a data folder again. Neither appears under its name before it is complete and verified.
#ifndef NEWSPRINT_SERVICE_STORE_BACKUP_H_
#define NEWSPRINT_SERVICE_STORE_BACKUP_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/store/manifest.h"

namespace newsprint::store {

// A folder on its way to being a backup: lies beside the place that it is meant for, and goes away
// when it is destroyed before Commit. Not thread-safe.
class BackupWriter {
 public:
  // ALREADY_EXISTS when there is something at `dir`.
  static absl::StatusOr<std::unique_ptr<BackupWriter>> Create(const std::string& dir);
  ~BackupWriter();
  BackupWriter(const BackupWriter&) = delete;
  BackupWriter& operator=(const BackupWriter&) = delete;

  // Bytes of a file, which come in order: an offset is the end of what came before, and what
  // belongs to one file comes together. DATA_LOSS when they do not. RESOURCE_EXHAUSTED when the
  // disk is full, with the names of what earlier attempts have left beside `dir`.
  absl::Status Append(const std::string& path, uint64_t offset, absl::string_view bytes);
  // Where the next bytes of the file that came last are to begin; "" before the first.
  const std::string& path() const { return path_; }
  uint64_t offset() const { return file_.bytes; }

  // Compares what has come with the manifest among it, and puts the folder in its place, on disk.
  // DATA_LOSS, with the name of the file, when they differ.
  absl::StatusOr<Manifest> Commit();

 private:
  BackupWriter(std::string dir, std::string temporary);
  absl::Status EndFile();
  absl::Status AppendSome(const std::string& path, uint64_t offset, absl::string_view bytes);

  const std::string dir_;
  const std::string temporary_;
  std::map<std::string, ManifestFile> files_;  // those that are complete
  std::string path_;                           // of the one that is open
  int descriptor_ = -1;
  ManifestFile file_;
  Hasher128 hasher_;
  bool committed_ = false;
};

// Copies the backup into a new data folder, verifying every file on the way. DATA_LOSS, with the
// name of the file, when one is not what the manifest says; then, and after every other error,
// there is no new folder. ALREADY_EXISTS when `data_dir` is there and not empty; lost+found, which
// file systems put where they are mounted, does not count. An empty folder is filled and keeps its
// owner and mode; CURRENT, without which it is no data folder, comes last. FAILED_PRECONDITION when
// the backup's format is newer than this program's.
absl::StatusOr<Manifest> RestoreBackup(const std::string& backup_dir, const std::string& data_dir,
                                       OnBytes on_bytes);

}  // namespace newsprint::store

#endif  // NEWSPRINT_SERVICE_STORE_BACKUP_H_
