#include "service/store/checkpoint.h"

#include <fcntl.h>
#include <rocksdb/metadata.h>
#include <rocksdb/options.h>
#include <rocksdb/version.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "service/common/status_macros.h"
#include "service/store/manifest.h"
#include "service/store/rocksdb_status.h"

namespace newsprint::store {
namespace {

constexpr size_t kCopyBytes = size_t{1} << 20;

// Copies the first `size` bytes of `in`.
absl::Status CopyBytes(int in, const std::string& from, uint64_t size, int out,
                       const std::string& to) {
  std::vector<char> buffer(kCopyBytes);
  while (size > 0) {
    const ssize_t count = read(in, buffer.data(), std::min<uint64_t>(size, buffer.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("cannot read", from);
    if (count == 0) {
      return absl::UnavailableError(
          absl::StrCat("too short, got ", from, ", expected ", size, " more"));
    }
    RETURN_IF_ERROR(WriteAll(out, to, {buffer.data(), static_cast<size_t>(count)}));
    size -= static_cast<uint64_t>(count);
  }
  return absl::OkStatus();
}

// Files that no longer change are linked, the others copied as far as they count.
absl::Status CopyFile(const rocksdb::LiveFileStorageInfo& file, const std::string& dir) {
  const std::string from = absl::StrCat(file.directory, "/", file.relative_filename);
  const std::string to = absl::StrCat(dir, "/", file.relative_filename);
  if (file.replacement_contents.empty() && !file.trim_to_size) {
    if (link(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
    return SystemError("cannot link", from);
  }
  const int out = open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (out < 0) return SystemError("cannot write", to);
  const absl::Cleanup close_out = [out] { close(out); };
  if (!file.replacement_contents.empty()) {
    RETURN_IF_ERROR(WriteAll(out, to, file.replacement_contents));
  } else {
    const int in = open(from.c_str(), O_RDONLY | O_CLOEXEC);
    if (in < 0) return SystemError("cannot read", from);
    const absl::Cleanup close_in = [in] { close(in); };
    RETURN_IF_ERROR(CopyBytes(in, from, file.size, out, to));
  }
  return fsync(out) == 0 ? absl::OkStatus() : SystemError("cannot write", to);
}

// As often as they were disabled: before RocksDB 9 that was not the default.
void EnableFileDeletions(rocksdb::DB* db) {
#if ROCKSDB_MAJOR < 9
  db->EnableFileDeletions(/*force=*/false);
#else
  db->EnableFileDeletions();
#endif
}

}  // namespace

absl::Status WriteCheckpoint(rocksdb::DB* db, const std::string& dir) {
  if (mkdir(dir.c_str(), 0755) != 0) return SystemError("cannot make", dir);
  bool complete = false;
  const absl::Cleanup remove_dir = [&] {
    if (complete) return;
    std::error_code ignored;
    std::filesystem::remove_all(dir, ignored);
  };
  RETURN_IF_ERROR(ToStatus(db->DisableFileDeletions(), "checkpoint"));
  const absl::Cleanup enable_deletions = [db] { EnableFileDeletions(db); };
  // What nobody waits for is still in the log's buffer.
  RETURN_IF_ERROR(ToStatus(db->FlushWAL(/*sync=*/false), "checkpoint"));
  rocksdb::LiveFilesStorageInfoOptions options;
  // Nothing is flushed: a flush that fails, on a full disk, would end all writing.
  options.wal_size_for_flush = std::numeric_limits<uint64_t>::max();
  std::vector<rocksdb::LiveFileStorageInfo> files;
  RETURN_IF_ERROR(ToStatus(db->GetLiveFilesStorageInfo(options, &files), "checkpoint"));
  for (const rocksdb::LiveFileStorageInfo& file : files) RETURN_IF_ERROR(CopyFile(file, dir));
  RETURN_IF_ERROR(SyncDir(dir));
  complete = true;
  return absl::OkStatus();
}

}  // namespace newsprint::store
