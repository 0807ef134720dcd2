// A library for LD_PRELOAD that makes calls on files below one folder fail as fault_control.h says.
// What standard I/O writes (RocksDB's own log) does not come by here.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "tests/crash/fault_control.h"

namespace newsprint::crash {
namespace {

constexpr int kFilesMax = 1 << 16;

enum class Coverage : char { kNone, kFile, kTable };

bool EndsWith(const char* text, const char* end) {
  const size_t text_bytes = strlen(text), end_bytes = strlen(end);
  return text_bytes >= end_bytes && strcmp(text + text_bytes - end_bytes, end) == 0;
}

// Whether RocksDB keeps tables or the list of them in it.
bool IsTable(const char* path) {
  return EndsWith(path, ".sst") || EndsWith(path, ".blob") || EndsWith(path, ".dbtmp") ||
         strstr(path, "/MANIFEST-") != nullptr;
}

struct Injector {
  Injector() {
    const char* const folder_name = getenv(kFaultFolderVariable);
    const char* const control_name = getenv(kFaultControlVariable);
    if (folder_name == nullptr || control_name == nullptr) return;
    const int fd = static_cast<int>(syscall_open(control_name));
    if (fd < 0) return;
    void* const mapped =
        mmap(nullptr, sizeof(FaultControl), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) return;
    folder = folder_name;
    folder_bytes = strlen(folder);
    control = static_cast<FaultControl*>(mapped);
  }

  static int syscall_open(const char* path) {
    using Open = int (*)(const char*, int, ...);
    return reinterpret_cast<Open>(dlsym(RTLD_NEXT, "open"))(path, O_RDWR | O_CLOEXEC);
  }

  bool Covers(const char* path) const {
    return control != nullptr && path != nullptr && strncmp(path, folder, folder_bytes) == 0;
  }
  bool Covers(int fd) const {
    return control != nullptr && fd >= 0 && fd < kFilesMax && covered[fd] != Coverage::kNone;
  }
  bool CoversTable(int fd) const { return Covers(fd) && covered[fd] == Coverage::kTable; }
  void Opened(int fd, Coverage coverage) {
    if (fd >= 0 && fd < kFilesMax) covered[fd] = coverage;
  }
  Coverage CoverageOf(const char* path) const {
    if (!Covers(path)) return Coverage::kNone;
    return IsTable(path) ? Coverage::kTable : Coverage::kFile;
  }

  const char* folder = nullptr;
  size_t folder_bytes = 0;
  FaultControl* control = nullptr;
  std::atomic<Coverage> covered[kFilesMax] = {};
};

// Calls may come before constructors of this library have run.
Injector& Faults() {
  static Injector injector;
  return injector;
}

template <typename Function>
Function* Next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

void Count(bool in_table) {
  Faults().control->injected.fetch_add(1);
  if (in_table) Faults().control->injected_in_tables.fetch_add(1);
}

int Fail(int error, bool in_table) {
  Count(in_table);
  errno = error;
  return -1;
}

// Takes one of `count` faults.
bool Take(std::atomic<int32_t>& count) {
  int32_t left = count.load();
  while (left != 0) {
    if (left == FaultControl::kUntilLifted) return true;
    if (count.compare_exchange_weak(left, left - 1)) return true;
  }
  return false;
}

// Whether the disk has room for `bytes` more.
bool Grow(int64_t bytes) {
  FaultControl& control = *Faults().control;
  if (bytes <= 0 || control.disk_limited.load() == 0) return true;
  int64_t left = control.bytes_left.load();
  do {
    if (left < bytes) return false;
  } while (!control.bytes_left.compare_exchange_weak(left, left - bytes));
  return true;
}

int64_t Growth(int fd, int64_t offset, size_t bytes) {
  struct stat info = {};
  if (fstat(fd, &info) != 0) return static_cast<int64_t>(bytes);
  const int flags = fcntl(fd, F_GETFL);
  if (offset < 0) {
    offset = (flags & O_APPEND) != 0 ? info.st_size : lseek(fd, 0, SEEK_CUR);
  }
  return offset + static_cast<int64_t>(bytes) - info.st_size;
}

void Delay(int32_t microseconds) {
  if (microseconds <= 0) return;
  Faults().control->delayed.fetch_add(1);
  usleep(static_cast<useconds_t>(microseconds));
}

// 0 when the write may go on; `bytes` is cut where it is to be a short one.
int BeforeWrite(int fd, int64_t offset, size_t* bytes) {
  FaultControl& control = *Faults().control;
  const int64_t number = control.writes.fetch_add(1);
  Delay(control.delay_us.load() / 10);
  const bool in_table = Faults().CoversTable(fd);
  if (Take(control.write_errors)) return Fail(EIO, in_table);
  if (in_table && Take(control.table_errors)) return Fail(EIO, in_table);
  const int64_t growth = Growth(fd, offset, *bytes);
  if (!Grow(growth)) {
    // As a real disk: what fits is written.
    const int64_t left = control.bytes_left.exchange(0);
    const int64_t fits = static_cast<int64_t>(*bytes) - growth + left;
    if (fits <= 0) return Fail(ENOSPC, in_table);
    *bytes = static_cast<size_t>(fits);
    Count(in_table);
    return 0;
  }
  const int32_t period = control.short_write_period.load();
  if (period > 0 && number % period == 0 && *bytes > 1) {
    *bytes = std::max<size_t>(1, *bytes / 2);
    Count(in_table);
  }
  return 0;
}

int BeforeSync(int fd) {
  FaultControl& control = *Faults().control;
  control.syncs.fetch_add(1);
  Delay(control.delay_us.load());
  return Take(control.sync_errors) ? Fail(EIO, Faults().CoversTable(fd)) : 0;
}

// Making a file takes a little room, too.
bool MayMake(const char* path) {
  return !Faults().Covers(path) || Faults().control->disk_limited.load() == 0 ||
         Faults().control->bytes_left.load() > 0;
}

int OpenFile(const char* name, const char* path, int flags, va_list list) {
  // Only then there is a third argument.
  const bool makes_file = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  const mode_t mode = makes_file ? va_arg(list, mode_t) : 0;
  const Coverage coverage = Faults().CoverageOf(path);
  if (coverage != Coverage::kNone && (flags & O_CREAT) != 0 && !MayMake(path) &&
      access(path, F_OK) != 0) {
    return Fail(ENOSPC, coverage == Coverage::kTable);
  }
  const int fd = Next<int(const char*, int, ...)>(name)(path, flags, mode);
  Faults().Opened(fd, coverage);
  return fd;
}

FILE* OpenStream(const char* name, const char* path, const char* mode) {
  FILE* const file = Next<FILE*(const char*, const char*)>(name)(path, mode);
  if (file != nullptr) Faults().Opened(fileno(file), Faults().CoverageOf(path));
  return file;
}

template <typename Write>
ssize_t WriteBytes(int fd, int64_t offset, size_t bytes, Write write_it) {
  if (Faults().Covers(fd) && BeforeWrite(fd, offset, &bytes) != 0) return -1;
  return write_it(bytes);
}

ssize_t WriteParts(int fd, int64_t offset, const iovec* parts, int count) {
  // One after another, as several writes would be: short when one is.
  ssize_t total = 0;
  for (int i = 0; i < count; ++i) {
    const int64_t at = offset < 0 ? -1 : offset + total;
    const ssize_t written = WriteBytes(fd, at, parts[i].iov_len, [&](size_t bytes) {
      return at < 0 ? Next<ssize_t(int, const void*, size_t)>("write")(fd, parts[i].iov_base, bytes)
                    : Next<ssize_t(int, const void*, size_t, off_t)>("pwrite")(
                          fd, parts[i].iov_base, bytes, at);
    });
    if (written < 0) return total > 0 ? total : -1;
    total += written;
    if (static_cast<size_t>(written) < parts[i].iov_len) break;
  }
  return total;
}

int Allocate(const char* name, int fd, int mode, off_t offset, off_t bytes) {
  // Room that is reserved is not counted, as it is given back; a full disk has none.
  if (Faults().Covers(fd)) {
    FaultControl& control = *Faults().control;
    if (control.disk_limited.load() != 0 && control.bytes_left.load() < bytes) {
      return Fail(ENOSPC, Faults().CoversTable(fd));
    }
  }
  return Next<int(int, int, off_t, off_t)>(name)(fd, mode, offset, bytes);
}

int Truncate(const char* name, int fd, off_t bytes) {
  struct stat info = {};
  if (Faults().Covers(fd) && fstat(fd, &info) == 0 && bytes > info.st_size &&
      !Grow(bytes - info.st_size)) {
    return Fail(ENOSPC, Faults().CoversTable(fd));
  }
  return Next<int(int, off_t)>(name)(fd, bytes);
}

void LimitRoom(bool covered, struct statvfs* info) {
  if (!covered || Faults().control->disk_limited.load() == 0) return;
  Faults().control->room_limited.fetch_add(1);
  const int64_t left = std::max<int64_t>(0, Faults().control->bytes_left.load());
  const auto blocks = static_cast<fsblkcnt_t>(left) / std::max<fsblkcnt_t>(1, info->f_frsize);
  info->f_bfree = std::min(info->f_bfree, blocks);
  info->f_bavail = std::min(info->f_bavail, blocks);
}

}  // namespace
}  // namespace newsprint::crash

using newsprint::crash::Allocate;
using newsprint::crash::BeforeSync;
using newsprint::crash::Coverage;
using newsprint::crash::Fail;
using newsprint::crash::Faults;
using newsprint::crash::IsTable;
using newsprint::crash::LimitRoom;
using newsprint::crash::MayMake;
using newsprint::crash::Next;
using newsprint::crash::OpenFile;
using newsprint::crash::OpenStream;
using newsprint::crash::Truncate;
using newsprint::crash::WriteBytes;
using newsprint::crash::WriteParts;

extern "C" {

int open(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const int fd = OpenFile("open", path, flags, list);
  va_end(list);
  return fd;
}

int open64(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const int fd = OpenFile("open64", path, flags, list);
  va_end(list);
  return fd;
}

FILE* fopen(const char* path, const char* mode) { return OpenStream("fopen", path, mode); }

FILE* fopen64(const char* path, const char* mode) { return OpenStream("fopen64", path, mode); }

int close(int fd) {
  Faults().Opened(fd, Coverage::kNone);
  return Next<int(int)>("close")(fd);
}

ssize_t write(int fd, const void* data, size_t bytes) {
  return WriteBytes(fd, -1, bytes, [&](size_t part) {
    return Next<ssize_t(int, const void*, size_t)>("write")(fd, data, part);
  });
}

ssize_t pwrite(int fd, const void* data, size_t bytes, off_t offset) {
  return WriteBytes(fd, offset, bytes, [&](size_t part) {
    return Next<ssize_t(int, const void*, size_t, off_t)>("pwrite")(fd, data, part, offset);
  });
}

ssize_t pwrite64(int fd, const void* data, size_t bytes, off_t offset) {
  return pwrite(fd, data, bytes, offset);
}

ssize_t writev(int fd, const iovec* parts, int count) {
  if (!Faults().Covers(fd))
    return Next<ssize_t(int, const iovec*, int)>("writev")(fd, parts, count);
  return WriteParts(fd, -1, parts, count);
}

ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
  if (!Faults().Covers(fd)) {
    return Next<ssize_t(int, const iovec*, int, off_t)>("pwritev")(fd, parts, count, offset);
  }
  return WriteParts(fd, offset, parts, count);
}

int fsync(int fd) {
  if (Faults().Covers(fd) && BeforeSync(fd) != 0) return -1;
  return Next<int(int)>("fsync")(fd);
}

int fdatasync(int fd) {
  if (Faults().Covers(fd) && BeforeSync(fd) != 0) return -1;
  return Next<int(int)>("fdatasync")(fd);
}

int sync_file_range(int fd, off_t offset, off_t bytes, unsigned int flags) {
  if (Faults().Covers(fd) && BeforeSync(fd) != 0) return -1;
  return Next<int(int, off_t, off_t, unsigned int)>("sync_file_range")(fd, offset, bytes, flags);
}

int fallocate(int fd, int mode, off_t offset, off_t bytes) {
  return Allocate("fallocate", fd, mode, offset, bytes);
}

int fallocate64(int fd, int mode, off_t offset, off_t bytes) {
  return Allocate("fallocate64", fd, mode, offset, bytes);
}

int ftruncate(int fd, off_t bytes) noexcept { return Truncate("ftruncate", fd, bytes); }

int ftruncate64(int fd, off_t bytes) noexcept { return Truncate("ftruncate64", fd, bytes); }

int rename(const char* from, const char* to) noexcept {
  if (!MayMake(to)) return Fail(ENOSPC, IsTable(to));
  return Next<int(const char*, const char*)>("rename")(from, to);
}

int link(const char* from, const char* to) noexcept {
  if (!MayMake(to)) return Fail(ENOSPC, IsTable(to));
  return Next<int(const char*, const char*)>("link")(from, to);
}

int mkdir(const char* path, mode_t mode) noexcept {
  if (!MayMake(path) && access(path, F_OK) != 0) {
    return Fail(ENOSPC, /*in_table=*/false);
  }
  return Next<int(const char*, mode_t)>("mkdir")(path, mode);
}

int statvfs(const char* path, struct statvfs* info) noexcept {
  const int result = Next<int(const char*, struct statvfs*)>("statvfs")(path, info);
  if (result == 0) LimitRoom(Faults().Covers(path), info);
  return result;
}

int fstatvfs(int fd, struct statvfs* info) noexcept {
  const int result = Next<int(int, struct statvfs*)>("fstatvfs")(fd, info);
  if (result == 0) LimitRoom(Faults().Covers(fd), info);
  return result;
}

}  // extern "C"
