#include "service/store/wal_file_system.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace newsprint::store {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

// Thread-safe.
class WalFileSystem::Log {
 public:
  Log(std::string path, int file) : path_(std::move(path)), file_(file) {}
  ~Log() { close(file_); }

  void Append(absl::string_view bytes) {
    MutexLock lock(mutex_);
    unsynced_.append(bytes.data(), bytes.size());
    if (problem_.ok()) problem_ = Write();
  }

  // Appends may come meanwhile.
  absl::Status Sync() {
    MutexLock one_at_a_time(sync_mutex_);
    size_t bytes = 0;
    {
      MutexLock lock(mutex_);
      if (!problem_.ok()) return problem_;
      bytes = written_;
    }
    const bool synced = fdatasync(file_) == 0;
    MutexLock lock(mutex_);
    if (!synced) {
      problem_ = Error("sync");
      written_ = 0;  // nobody knows what of it is still there
      return problem_;
    }
    unsynced_.erase(0, bytes);
    written_ -= bytes;
    synced_ += bytes;
    return absl::OkStatus();
  }

  absl::Status Retry() {
    {
      MutexLock lock(mutex_);
      if (problem_.ok()) return absl::OkStatus();
      problem_ = Write();
      if (!problem_.ok()) return problem_;
    }
    return Sync();
  }

  absl::Status problem() const {
    ReaderMutexLock lock(mutex_);
    return problem_;
  }

  uint64_t size() const {
    ReaderMutexLock lock(mutex_);
    return synced_ + unsynced_.size();
  }

  // Room on the disk, without a change of size: what goes there later is synced faster. A disk that
  // has none says so when it is written to.
  void Preallocate(uint64_t offset, uint64_t bytes) {
    fallocate(file_, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset), static_cast<off_t>(bytes));
  }

  // Gives back room that was not needed. Whether that works does not matter.
  void Trim() { (void)!ftruncate(file_, static_cast<off_t>(size())); }

 private:
  absl::Status Write() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    while (written_ < unsynced_.size()) {
      const ssize_t bytes = pwrite(file_, unsynced_.data() + written_, unsynced_.size() - written_,
                                   static_cast<off_t>(synced_ + written_));
      if (bytes < 0 && errno == EINTR) continue;
      if (bytes <= 0) return Error("write");
      written_ += bytes;
    }
    return absl::OkStatus();
  }

  absl::Status Error(absl::string_view what) const {
    return absl::UnavailableError(
        absl::StrCat("store: ", what, ": ", path_, ": ", std::strerror(errno)));
  }

  const std::string path_;
  const int file_;
  Mutex sync_mutex_;  // before mutex_
  mutable Mutex mutex_;
  uint64_t synced_ ABSL_GUARDED_BY(mutex_) = 0;   // bytes from the beginning
  std::string unsynced_ ABSL_GUARDED_BY(mutex_);  // the bytes behind them
  size_t written_ ABSL_GUARDED_BY(mutex_) = 0;    // of unsynced_
  absl::Status problem_ ABSL_GUARDED_BY(mutex_);
};

// What RocksDB writes through.
class WalFileSystem::Writer final : public rocksdb::FSWritableFile {
 public:
  Writer(WalFileSystem* files, std::string path, std::shared_ptr<Log> log)
      : files_(*files), path_(std::move(path)), log_(std::move(log)) {}
  ~Writer() override { Release(); }

  using FSWritableFile::Append;
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& /*options*/,
                  IODebugContext* /*debug*/) override {
    log_->Append({data.data(), data.size()});
    return IOStatus::OK();
  }
  IOStatus Flush(const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    return IOStatus::OK();
  }
  IOStatus Sync(const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    (void)log_->Sync();  // problem() tells
    return IOStatus::OK();
  }
  bool IsSyncThreadSafe() const override { return true; }
  IOStatus Close(const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    log_->Trim();
    Release();
    return IOStatus::OK();
  }
  uint64_t GetFileSize(const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    return log_->size();
  }
  IOStatus Allocate(uint64_t offset, uint64_t bytes, const IOOptions& /*options*/,
                    IODebugContext* /*debug*/) override {
    log_->Preallocate(offset, bytes);
    return IOStatus::OK();
  }

 private:
  void Release() {
    MutexLock lock(files_.mutex_);
    const auto at = files_.logs_.find(path_);
    if (at != files_.logs_.end() && at->second == log_ && log_->problem().ok()) {
      files_.logs_.erase(at);
    }
  }

  WalFileSystem& files_;
  const std::string path_;
  const std::shared_ptr<Log> log_;
};

WalFileSystem::WalFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
WalFileSystem::~WalFileSystem() = default;

absl::Status WalFileSystem::problem() const {
  ReaderMutexLock lock(mutex_);
  for (const auto& [path, log] : logs_) {
    if (absl::Status problem = log->problem(); !problem.ok()) return problem;
  }
  return absl::OkStatus();
}

absl::Status WalFileSystem::Retry() {
  MutexLock lock(mutex_);
  for (auto at = logs_.begin(); at != logs_.end();) {
    if (absl::Status problem = at->second->Retry(); !problem.ok()) return problem;
    const bool closed = at->second.use_count() == 1;
    at = closed ? logs_.erase(at) : std::next(at);
  }
  return absl::OkStatus();
}

IOStatus WalFileSystem::NewWritableFile(const std::string& path,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSWritableFile>* file,
                                        IODebugContext* debug) {
  if (!absl::EndsWith(path, ".log")) return target()->NewWritableFile(path, options, file, debug);
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    const int error = errno;
    const std::string message = absl::StrCat(path, ": ", std::strerror(error));
    return error == ENOSPC ? IOStatus::NoSpace(message) : IOStatus::IOError(message);
  }
  auto log = std::make_shared<Log>(path, descriptor);
  {
    MutexLock lock(mutex_);
    logs_[path] = log;
  }
  *file = std::make_unique<Writer>(this, path, std::move(log));
  return IOStatus::OK();
}

IOStatus WalFileSystem::DeleteFile(const std::string& path, const IOOptions& options,
                                   IODebugContext* debug) {
  {
    MutexLock lock(mutex_);
    logs_.erase(path);  // what it did not hold is in tables
  }
  return target()->DeleteFile(path, options, debug);
}

}  // namespace newsprint::store
