#include "service/store/backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <random>
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

// Makes the folders above `path`, and their entries durable.
absl::Status MakeParents(const std::string& path) {
  const std::string parent = ParentOf(path);
  std::error_code error;
  if (parent == path || fs::is_directory(parent, error)) return absl::OkStatus();
  RETURN_IF_ERROR(MakeParents(parent));
  if (mkdir(parent.c_str(), 0755) != 0 && errno != EEXIST)
    return SystemError("cannot make", parent);
  return SyncDir(ParentOf(parent));
}

constexpr char kPart[] = ".part.";

// A new folder PATH.part.XXXXXX, under a name that no other process has: not even one of the same
// process id in another container.
absl::StatusOr<std::string> MakePartFolder(const std::string& path) {
  constexpr int kAttempts = 100;
  std::random_device random;
  for (int i = 0; i < kAttempts; ++i) {
    std::string part = absl::StrCat(path, kPart, absl::Hex(random() & 0xffffff, absl::kZeroPad6));
    if (mkdir(part.c_str(), 0755) == 0) return part;
    if (errno != EEXIST) return SystemError("cannot make", part);
  }
  return absl::UnavailableError(absl::StrCat("cannot make ", path, kPart, "XXXXXX: all taken"));
}

// Adds to the error of a full disk what earlier attempts have left beside `path`, `own` aside.
absl::Status WithLeftovers(const absl::Status& status, const std::string& path,
                           const std::string& own) {
  if (!absl::IsResourceExhausted(status)) return status;
  const std::string prefix = absl::StrCat(fs::path(path).filename().string(), kPart);
  std::string message(status.message());
  std::error_code error;
  for (fs::directory_iterator at(ParentOf(path), error), end; !error && at != end;
       at.increment(error)) {
    const fs::path& found = at->path();
    if (!absl::StartsWith(found.filename().string(), prefix) ||
        found.filename() == fs::path(own).filename()) {
      continue;
    }
    absl::StrAppend(&message, "; ", found.string(),
                    " is of another attempt: delete it unless that is still running");
  }
  return absl::Status(status.code(), message);
}

absl::StatusOr<int> CreateFile(const std::string& path) {
  RETURN_IF_ERROR(MakeParents(path));
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return SystemError("cannot write", path);
  return fd;
}

// Makes the entries of `dir` and of the folders below durable.
absl::Status SyncTree(const std::string& dir) {
  std::error_code error;
  fs::recursive_directory_iterator at(dir, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (at->is_directory(error)) RETURN_IF_ERROR(SyncDir(at->path().string()));
  }
  if (error) return absl::UnavailableError(absl::StrCat(dir, ": ", error.message()));
  return SyncDir(dir);
}

// Renames `dir` to `target`, on disk; after an error it is `dir` as before.
absl::Status PutInPlace(const std::string& dir, const std::string& target) {
  RETURN_IF_ERROR(SyncTree(dir));
  if (std::rename(dir.c_str(), target.c_str()) != 0) return SystemError("cannot make", target);
  absl::Status synced = SyncDir(ParentOf(target));
  if (!synced.ok() && std::rename(target.c_str(), dir.c_str()) != 0) {
    synced =
        absl::Status(synced.code(), absl::StrCat(synced.message(), "; ", target,
                                                 " may be gone after a power failure: delete it"));
  }
  return synced;
}

constexpr char kCurrent[] = "CURRENT";

// Moves what is in `dir` into its parent, on disk, and removes `dir`; CURRENT last. After an error
// the parent has nothing of it.
absl::Status MoveToParent(const std::string& dir) {
  RETURN_IF_ERROR(SyncTree(dir));
  const std::string parent = ParentOf(dir);
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(dir, error), end; !error && at != end; at.increment(error)) {
    names.push_back(at->path().filename().string());
  }
  if (error) return absl::UnavailableError(absl::StrCat(dir, ": ", error.message()));
  std::vector<std::string> moved;
  absl::Cleanup remove_moved = [&moved] {
    std::error_code ignored;
    for (const std::string& path : moved) fs::remove_all(path, ignored);
  };
  const auto move = [&](const std::string& name) {
    const std::string from = absl::StrCat(dir, "/", name);
    std::string to = absl::StrCat(parent, "/", name);
    if (std::rename(from.c_str(), to.c_str()) != 0) return SystemError("cannot make", to);
    moved.insert(moved.begin(), std::move(to));  // CURRENT is the first to go again
    return absl::OkStatus();
  };
  for (const std::string& name : names) {
    if (name != kCurrent) RETURN_IF_ERROR(move(name));
  }
  RETURN_IF_ERROR(SyncDir(parent));
  if (moved.size() < names.size()) RETURN_IF_ERROR(move(kCurrent));
  if (rmdir(dir.c_str()) != 0) return SystemError("cannot remove", dir);
  RETURN_IF_ERROR(SyncDir(parent));
  std::move(remove_moved).Cancel();
  return absl::OkStatus();
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

// Whether there is a folder, an empty one. ALREADY_EXISTS when there is anything else.
absl::StatusOr<bool> IsEmptyFolder(const std::string& data_dir) {
  std::error_code error;
  const fs::file_status found = fs::symlink_status(data_dir, error);
  if (found.type() == fs::file_type::not_found) return false;
  bool empty = fs::is_directory(found);
  if (empty) {
    for (fs::directory_iterator at(data_dir, error), end; !error && at != end;
         at.increment(error)) {
      empty = empty && at->path().filename() == "lost+found";
    }
  }
  if (error) return absl::UnavailableError(absl::StrCat(data_dir, ": ", error.message()));
  if (empty) return true;
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
  ASSIGN_OR_RETURN(std::string temporary, MakePartFolder(dir));
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
  return WithLeftovers(AppendSome(path, offset, bytes), dir_, temporary_);
}

absl::Status BackupWriter::AppendSome(const std::string& path, uint64_t offset,
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
  ASSIGN_OR_RETURN(const bool fill, IsEmptyFolder(data_dir));
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
  // An empty folder may be a mount point, which cannot be replaced: it is filled from within.
  const std::string base = fill ? absl::StrCat(data_dir, "/restored") : data_dir;
  ASSIGN_OR_RETURN(const std::string temporary, MakePartFolder(base));
  const auto copy = [&]() -> absl::Status {
    for (const ManifestFile& file : manifest->files) {
      RETURN_IF_ERROR(CopyFile(backup_dir, file, temporary, on_bytes));
    }
    return fill ? MoveToParent(temporary) : PutInPlace(temporary, data_dir);
  };
  const absl::Status status = copy();
  if (status.ok()) return manifest;
  std::error_code error;
  fs::remove_all(temporary, error);
  if (!error) return WithLeftovers(status, base, temporary);
  return absl::Status(status.code(), absl::StrCat(status.message(), "; ", temporary,
                                                  " could not be removed: delete it"));
}

}  // namespace newsprint::store
