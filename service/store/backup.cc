#include "service/store/backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/common/status_macros.h"
#include "service/store/records.h"

namespace newsprint::store {
namespace {

namespace fs = std::filesystem;

constexpr size_t kCopyBytes = size_t{1} << 20;

std::string WithoutSlashes(std::string dir) {
  while (dir.size() > 1 && dir.back() == '/') dir.pop_back();
  return dir;
}

// The folder that holds `path`.
std::string ParentOf(const std::string& path) {
  const fs::path parent = fs::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

absl::Status MakeParents(const std::string& path) {
  std::error_code error;
  fs::create_directories(ParentOf(path), error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot make ", ParentOf(path), ": ", error.message()));
  }
  return absl::OkStatus();
}

absl::StatusOr<int> CreateFile(const std::string& path) {
  RETURN_IF_ERROR(MakeParents(path));
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return SystemError("cannot write", path);
  return fd;
}

// Makes the entries of `dir` and of the folders below durable, then those of its parent after
// `dir` has been renamed to `target`.
absl::Status PutInPlace(const std::string& dir, const std::string& target) {
  std::error_code error;
  fs::recursive_directory_iterator at(dir, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (at->is_directory(error)) RETURN_IF_ERROR(SyncDir(at->path().string()));
  }
  if (error) return absl::UnavailableError(absl::StrCat(dir, ": ", error.message()));
  RETURN_IF_ERROR(SyncDir(dir));
  if (std::rename(dir.c_str(), target.c_str()) != 0) return SystemError("cannot make", target);
  return SyncDir(ParentOf(target));
}

// Copies one file of the manifest, and verifies what was read.
absl::Status CopyFile(const std::string& from_dir, const ManifestFile& file,
                      const std::string& to_dir, OnBytes on_bytes) {
  const std::string from = absl::StrCat(from_dir, "/", file.path);
  const std::string to = absl::StrCat(to_dir, "/", file.path);
  const int in = open(from.c_str(), O_RDONLY | O_CLOEXEC);
  if (in < 0 && errno == ENOENT) return absl::DataLossError(absl::StrCat(file.path, ": missing"));
  if (in < 0) return SystemError("cannot read", from);
  const absl::Cleanup close_in = [in] { close(in); };
  ASSIGN_OR_RETURN(const int out, CreateFile(to));
  const absl::Cleanup close_out = [out] { close(out); };
  ManifestFile found;
  Hasher128 hasher;
  std::vector<char> buffer(kCopyBytes);
  while (true) {
    const ssize_t count = read(in, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("cannot read", from);
    if (count == 0) break;
    const absl::string_view bytes(buffer.data(), static_cast<size_t>(count));
    hasher.Add(bytes.data(), bytes.size());
    found.bytes += bytes.size();
    RETURN_IF_ERROR(WriteAll(out, to, bytes));
    if (!on_bytes(bytes.size())) return absl::CancelledError("interrupted");
  }
  found.hash = hasher.Finish();
  RETURN_IF_ERROR(CompareFiles(found, file));
  return fsync(out) == 0 ? absl::OkStatus() : SystemError("cannot write", to);
}

absl::Status CheckRestoreTarget(const std::string& data_dir) {
  std::error_code error;
  const fs::file_status found = fs::symlink_status(data_dir, error);
  if (found.type() == fs::file_type::not_found) return absl::OkStatus();
  if (fs::is_directory(found) && fs::is_empty(data_dir, error) && !error) return absl::OkStatus();
  if (error) return absl::UnavailableError(absl::StrCat(data_dir, ": ", error.message()));
  return absl::AlreadyExistsError(
      absl::StrCat(data_dir, ": exists and is not an empty folder; restore into a new one"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<BackupWriter>> BackupWriter::Create(const std::string& wanted) {
  const std::string dir = WithoutSlashes(wanted);
  struct stat info = {};
  if (lstat(dir.c_str(), &info) == 0) {
    return absl::AlreadyExistsError(absl::StrCat(dir, ": exists already; back up into a new one"));
  }
  std::string temporary = absl::StrCat(dir, ".part.", getpid());
  if (mkdir(temporary.c_str(), 0755) != 0) return SystemError("cannot make", temporary);
  return std::unique_ptr<BackupWriter>(new BackupWriter(dir, std::move(temporary)));
}

BackupWriter::BackupWriter(std::string dir, std::string temporary)
    : dir_(std::move(dir)), temporary_(std::move(temporary)) {}

BackupWriter::~BackupWriter() {
  if (descriptor_ >= 0) close(descriptor_);
  std::error_code ignored;
  if (!committed_) fs::remove_all(temporary_, ignored);
}

absl::Status BackupWriter::EndFile() {
  if (descriptor_ < 0) return absl::OkStatus();
  const std::string full = absl::StrCat(temporary_, "/", path_);
  if (fsync(descriptor_) != 0) return SystemError("cannot write", full);
  if (close(std::exchange(descriptor_, -1)) != 0) return SystemError("cannot write", full);
  file_.path = path_;
  file_.hash = hasher_.Finish();
  files_[path_] = file_;
  return absl::OkStatus();
}

absl::Status BackupWriter::Append(const std::string& path, uint64_t offset,
                                  absl::string_view bytes) {
  if (path != path_ || descriptor_ < 0) {
    RETURN_IF_ERROR(EndFile());
    const fs::path plain(path);
    if (path.empty() || plain.is_absolute() || files_.count(path) > 0 ||
        plain.lexically_normal() != plain || absl::StartsWith(path, "..")) {
      return absl::DataLossError(
          absl::StrCat("snapshot: sent a file out of order, got \"", path, "\""));
    }
    ASSIGN_OR_RETURN(descriptor_, CreateFile(absl::StrCat(temporary_, "/", path)));
    path_ = path;
    file_ = ManifestFile();
    hasher_ = Hasher128();
  }
  if (offset != file_.bytes) {
    return absl::DataLossError(absl::StrCat("snapshot: sent ", path, " out of order, got offset ",
                                            offset, ", expected ", file_.bytes));
  }
  hasher_.Add(bytes.data(), bytes.size());
  file_.bytes += bytes.size();
  return WriteAll(descriptor_, absl::StrCat(dir_, "/", path), bytes);
}

absl::StatusOr<Manifest> BackupWriter::Commit() {
  RETURN_IF_ERROR(EndFile());
  absl::StatusOr<Manifest> manifest = ReadManifest(temporary_);
  if (absl::IsNotFound(manifest.status())) {
    return absl::DataLossError(absl::StrCat(kManifestName, ": missing"));
  }
  RETURN_IF_ERROR(manifest.status());
  for (const ManifestFile& file : manifest->files) {
    const auto found = files_.find(file.path);
    if (found == files_.end()) return absl::DataLossError(absl::StrCat(file.path, ": missing"));
    RETURN_IF_ERROR(CompareFiles(found->second, file));
  }
  if (files_.size() != manifest->files.size() + 1) {
    return absl::DataLossError("snapshot: sent files that its manifest does not list");
  }
  RETURN_IF_ERROR(PutInPlace(temporary_, dir_));
  committed_ = true;
  return manifest;
}

absl::StatusOr<Manifest> RestoreBackup(const std::string& backup_dir, const std::string& wanted,
                                       OnBytes on_bytes) {
  const std::string data_dir = WithoutSlashes(wanted);
  RETURN_IF_ERROR(CheckRestoreTarget(data_dir));
  absl::StatusOr<Manifest> manifest = ReadManifest(backup_dir);
  if (absl::IsNotFound(manifest.status())) {
    return absl::NotFoundError(
        absl::StrCat(backup_dir, ": no backup, as there is no ", kManifestName, " in it"));
  }
  RETURN_IF_ERROR(manifest.status());
  if (manifest->store_format > kFormatVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(backup_dir, ": format is newer than this program knows, got ",
                     manifest->store_format, ", limit ", kFormatVersion));
  }
  RETURN_IF_ERROR(MakeParents(data_dir));
  const std::string temporary = absl::StrCat(data_dir, ".part.", getpid());
  if (mkdir(temporary.c_str(), 0755) != 0) return SystemError("cannot make", temporary);
  absl::Cleanup remove_temporary = [&temporary] {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
  };
  for (const ManifestFile& file : manifest->files) {
    RETURN_IF_ERROR(CopyFile(backup_dir, file, temporary, on_bytes));
  }
  RETURN_IF_ERROR(PutInPlace(temporary, data_dir));
  std::move(remove_temporary).Cancel();
  return manifest;
}

}  // namespace newsprint::store
