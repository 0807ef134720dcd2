// Where RocksDB's own log goes. Its writer ends the process at the second write to a disk that is
// full, when it is built with assertions, as Debian does.
#ifndef NEWSPRINT_SERVICE_STORE_INFO_LOG_H_
#define NEWSPRINT_SERVICE_STORE_INFO_LOG_H_

#include <rocksdb/env.h>

#include <cstdarg>
#include <cstddef>
#include <string>

#include "service/common/mutex.h"

namespace newsprint::store {

// DIR/LOG, and when that has grown to 8 MiB, or at the next start, DIR/LOG.old. What cannot be
// written is left out. Thread-safe.
class InfoLog final : public rocksdb::Logger {
 public:
  explicit InfoLog(const std::string& dir);
  ~InfoLog() override;

  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override;

 private:
  void Begin() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  Mutex mutex_;
  int file_ ABSL_GUARDED_BY(mutex_) = -1;
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

// For a database that is opened for reading in a folder that is not to be changed.
class NoLog final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char* /*format*/, va_list /*arguments*/) override {}
};

}  // namespace newsprint::store

#endif  // NEWSPRINT_SERVICE_STORE_INFO_LOG_H_
