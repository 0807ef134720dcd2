// Write-ahead logs that survive a failed write or sync.
#ifndef NEWSPRINT_SERVICE_STORE_WAL_FILE_SYSTEM_H_
#define NEWSPRINT_SERVICE_STORE_WAL_FILE_SYSTEM_H_

#include <rocksdb/file_system.h>

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "service/common/mutex.h"

namespace newsprint::store {

// The default file system, but for files whose name ends in .log. RocksDB gives up a log after the
// first error, and with its assertions on, as Debian builds it, the next write ends the process.
// And after a failed fsync the kernel may have dropped what it could not write (A. Rebello and
// others: Can Applications Recover from fsync Failures?, 2020), so a second one proves nothing. So
// a log keeps what it was given since its last sync, tells RocksDB that all is well, and tells the
// truth through problem(), which whoever acknowledges a write must ask after the sync. Thread-safe.
class WalFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  WalFileSystem();
  ~WalFileSystem() override;

  // OK when every sync so far did its work. UNAVAILABLE else.
  absl::Status problem() const;
  // Writes and syncs again what failed.
  absl::Status Retry();

  const char* Name() const override { return "newsprint.WalFileSystem"; }
  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;

 private:
  class Log;
  class Writer;

  mutable Mutex mutex_;
  // Those that are open, and those that RocksDB has closed and that are not all on disk.
  std::map<std::string, std::shared_ptr<Log>> logs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace newsprint::store

#endif  // NEWSPRINT_SERVICE_STORE_WAL_FILE_SYSTEM_H_
