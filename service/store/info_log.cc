#include "service/store/info_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace newsprint::store {
namespace {

constexpr size_t kBytesMax = size_t{8} << 20;
constexpr size_t kLineBytesMax = 4096;

}  // namespace

InfoLog::InfoLog(const std::string& dir)
    : rocksdb::Logger(rocksdb::InfoLogLevel::INFO_LEVEL), path_(absl::StrCat(dir, "/LOG")) {
  MutexLock lock(mutex_);
  Begin();
}

InfoLog::~InfoLog() {
  if (file_ >= 0) close(file_);
}

void InfoLog::Begin() {
  if (file_ >= 0) close(file_);
  std::rename(path_.c_str(), absl::StrCat(path_, ".old").c_str());
  file_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
  bytes_ = 0;
}

void InfoLog::Logv(const char* format, va_list arguments) {
  std::string line = absl::FormatTime("%Y/%m/%d-%H:%M:%E6S ", absl::Now(), absl::UTCTimeZone());
  char text[kLineBytesMax];
  const int bytes = std::vsnprintf(text, sizeof(text), format, arguments);
  if (bytes < 0) return;
  line.append(text, std::min<size_t>(bytes, sizeof(text) - 1));
  if (line.back() != '\n') line.push_back('\n');
  MutexLock lock(mutex_);
  if (bytes_ + line.size() > kBytesMax) Begin();
  if (file_ >= 0 && write(file_, line.data(), line.size()) > 0) bytes_ += line.size();
}

}  // namespace newsprint::store
