#include "service/engine/snapshots.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/common/status_macros.h"
#include "service/store/disk_room.h"
#include "service/store/records.h"

namespace newsprint {
namespace {

namespace fs = std::filesystem;

absl::Status FileError(absl::string_view what, const std::string& path,
                       const std::error_code& error) {
  const std::string message = absl::StrCat("snapshot: ", what, " ", path, ": ", error.message());
  if (error == std::errc::no_space_on_device) return absl::ResourceExhaustedError(message);
  return absl::UnavailableError(message);
}

absl::Status SnapshotError(const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("snapshot: ", status.message()));
}

// A name that people can read and that is new: names of one second get a number.
std::string NameOf(absl::Time time, const std::string& snapshots_dir) {
  const std::string base = absl::FormatTime("%Y%m%d-%H%M%S", time, absl::UTCTimeZone());
  std::string name = base;
  std::error_code ignored;
  for (int i = 2; fs::exists(absl::StrCat(snapshots_dir, "/", name), ignored); ++i) {
    name = absl::StrCat(base, "-", i);
  }
  return name;
}

absl::Status NoSnapshot(absl::string_view name) {
  return absl::NotFoundError(absl::StrCat("name: no such snapshot, got \"", name, "\""));
}

SnapshotInfo InfoOf(absl::string_view name, const store::Manifest& manifest) {
  return {std::string(name), manifest.created_at, manifest.bytes(), manifest.files.size()};
}

}  // namespace

SnapshotReader::SnapshotReader(std::string name, std::string dir, std::vector<std::string> paths)
    : name_(std::move(name)), dir_(std::move(dir)), paths_(std::move(paths)) {}

SnapshotReader::~SnapshotReader() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::StatusOr<SnapshotReader::Chunk> SnapshotReader::Next(size_t bytes_max) {
  while (next_ < paths_.size()) {
    const std::string path = absl::StrCat(dir_, "/", paths_[next_]);
    const bool opened = descriptor_ < 0;
    if (opened) {
      descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
      if (descriptor_ < 0 && errno == ENOENT) {
        return absl::NotFoundError(
            absl::StrCat("name: snapshot deleted while it was read, got \"", name_, "\""));
      }
      if (descriptor_ < 0) return store::SystemError("snapshot: cannot read", path);
    }
    Chunk chunk{paths_[next_], offset_, std::string(bytes_max, '\0')};
    ssize_t count = 0;
    do {
      count = pread(descriptor_, chunk.bytes.data(), bytes_max, static_cast<off_t>(offset_));
    } while (count < 0 && errno == EINTR);
    if (count < 0) return store::SystemError("snapshot: cannot read", path);
    if (count == 0) {
      close(std::exchange(descriptor_, -1));
      ++next_;
      const bool empty_file = opened && offset_ == 0;
      offset_ = 0;
      if (!empty_file) continue;
    }
    chunk.bytes.resize(static_cast<size_t>(count));
    offset_ += static_cast<uint64_t>(count);
    return chunk;
  }
  return Chunk();
}

Snapshots::Snapshots(store::Store* store, const store::Store::Options& options,
                     std::string newsprint_version)
    : store_(store),
      // RocksDB wants an absolute path, as the working folder may change.
      data_dir_(fs::absolute(options.data_dir).string()),
      disk_reserve_bytes_(static_cast<uint64_t>(options.disk_reserve_bytes)),
      newsprint_version_(std::move(newsprint_version)),
      snapshots_dir_(absl::StrCat(data_dir_, "/snapshots")) {}

std::string Snapshots::PathOf(absl::string_view name) const {
  return absl::StrCat(snapshots_dir_, "/", name);
}

// Numbered, so that what could not be removed is in nobody's way.
std::string Snapshots::HiddenPathOf(absl::string_view name, absl::string_view suffix) {
  return absl::StrCat(snapshots_dir_, "/.", name, ".", ++hidden_, suffix);
}

absl::Status Snapshots::Begin() {
  std::error_code error;
  fs::remove(absl::StrCat(data_dir_, "/", store::kManifestName), error);
  if (error) return FileError("cannot remove", store::kManifestName, error);
  if (!fs::exists(snapshots_dir_, error)) return absl::OkStatus();
  std::vector<fs::path> leftovers;
  fs::directory_iterator at(snapshots_dir_, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    if (absl::StartsWith(at->path().filename().string(), ".")) leftovers.push_back(at->path());
  }
  if (error) return FileError("cannot read", snapshots_dir_, error);
  for (const fs::path& path : leftovers) {
    fs::remove_all(path, error);
    if (error) return FileError("cannot remove", path.string(), error);
  }
  return absl::OkStatus();
}

// Files of graphs are replaced as a whole and never written to again, so a link is a copy.
absl::Status Snapshots::LinkGraphs(const std::string& dir) const {
  std::error_code error;
  const std::string from = absl::StrCat(data_dir_, "/graphs");
  const std::string to = absl::StrCat(dir, "/graphs");
  fs::create_directory(to, error);
  if (error) return FileError("cannot make", to, error);
  for (fs::directory_iterator at(from, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (!absl::EndsWith(name, ".graphs")) continue;
    std::error_code linked;
    fs::create_hard_link(at->path(), absl::StrCat(to, "/", name), linked);
    // Replaced or deleted this moment: the graphs are built again where they are missing.
    if (linked && linked != std::errc::no_such_file_or_directory) {
      return FileError("cannot link", at->path().string(), linked);
    }
  }
  if (error) return FileError("cannot read", from, error);
  return absl::OkStatus();
}

// Sums up and syncs all files of `dir`, and writes the manifest.
absl::StatusOr<store::Manifest> Snapshots::Complete(const std::string& dir,
                                                    absl::FunctionRef<bool()> keep_going) const {
  store::Manifest manifest;
  manifest.store_format = store::kFormatVersion;
  manifest.newsprint_version = newsprint_version_;
  manifest.created_at = absl::FromUnixMicros(absl::ToUnixMicros(absl::Now()));
  ASSIGN_OR_RETURN(const std::vector<std::string> paths, store::ListFiles(dir));
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(store::ManifestFile file,
                     store::HashFile(dir, path, [&](uint64_t) { return keep_going(); }));
    manifest.files.push_back(std::move(file));
  }
  RETURN_IF_ERROR(store::WriteManifest(dir, manifest));
  RETURN_IF_ERROR(store::SyncDir(absl::StrCat(dir, "/graphs")));
  RETURN_IF_ERROR(store::SyncDir(dir));
  return manifest;
}

absl::StatusOr<SnapshotInfo> Snapshots::Create(absl::string_view wanted,
                                               absl::FunctionRef<bool()> keep_going) {
  MutexLock lock(mutex_);
  if (!keep_going()) return absl::CancelledError("snapshot: cancelled");
  const std::string name =
      wanted.empty() ? NameOf(absl::Now(), snapshots_dir_) : std::string(wanted);
  const std::string path = PathOf(name);
  std::error_code error;
  if (fs::exists(path, error)) {
    return absl::AlreadyExistsError(
        absl::StrCat("name: snapshot exists already, got \"", name, "\""));
  }
  // What is copied, and not linked, is little more than the log. It must not eat up the reserve, or
  // nothing could be written any more.
  RETURN_IF_ERROR(store::CheckRoom(data_dir_, disk_reserve_bytes_, "snapshot"));
  const bool first = fs::create_directory(snapshots_dir_, error);
  if (error) return FileError("cannot make", snapshots_dir_, error);
  if (first) RETURN_IF_ERROR(store::SyncDir(data_dir_));
  RETURN_IF_ERROR(store_->WaitSynced());

  const std::string temporary = HiddenPathOf(name, ".tmp");
  const absl::Cleanup remove_temporary = [&temporary] {
    std::error_code ignored;  // the next start removes it
    fs::remove_all(temporary, ignored);
  };
  if (absl::Status status = store_->WriteCheckpoint(temporary); !status.ok()) {
    return SnapshotError(status);
  }
  RETURN_IF_ERROR(LinkGraphs(temporary));
  const absl::StatusOr<store::Manifest> manifest = Complete(temporary, keep_going);
  if (!manifest.ok()) return SnapshotError(manifest.status());
  fs::rename(temporary, path, error);
  if (error) return FileError("cannot make", path, error);
  if (absl::Status status = store::SyncDir(snapshots_dir_); !status.ok()) {
    fs::rename(path, temporary, error);  // and away with it
    return status;
  }
  return InfoOf(name, *manifest);
}

absl::StatusOr<std::vector<SnapshotInfo>> Snapshots::List(absl::string_view first,
                                                          size_t snapshots_max) const {
  std::vector<std::string> names;
  std::error_code error;
  if (!fs::exists(snapshots_dir_, error)) return std::vector<SnapshotInfo>();
  fs::directory_iterator at(snapshots_dir_, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    std::string name = at->path().filename().string();
    if (absl::StartsWith(name, ".") || name < first) continue;
    names.push_back(std::move(name));
  }
  if (error) return FileError("cannot read", snapshots_dir_, error);
  std::sort(names.begin(), names.end());
  std::vector<SnapshotInfo> snapshots;
  for (const std::string& name : names) {
    if (snapshots.size() == snapshots_max) break;
    const absl::StatusOr<store::Manifest> manifest = store::ReadManifest(PathOf(name));
    if (manifest.ok()) {
      snapshots.push_back(InfoOf(name, *manifest));
    } else if (fs::is_directory(PathOf(name), error)) {  // else deleted meanwhile
      snapshots.push_back({name, std::nullopt, 0, 0});
    }
  }
  return snapshots;
}

absl::Status Snapshots::Delete(absl::string_view name) {
  const std::string temporary = HiddenPathOf(name, ".deleted");
  std::error_code error;
  // First out of sight as a whole.
  fs::rename(PathOf(name), temporary, error);
  if (error == std::errc::no_such_file_or_directory) return NoSnapshot(name);
  if (error) return FileError("cannot delete", PathOf(name), error);
  fs::remove_all(temporary, error);
  if (error) return FileError("cannot delete", temporary, error);
  return store::SyncDir(snapshots_dir_);
}

absl::StatusOr<std::unique_ptr<SnapshotReader>> Snapshots::Read(absl::string_view name,
                                                                absl::string_view first_path,
                                                                uint64_t first_offset) const {
  const absl::StatusOr<store::Manifest> manifest = store::ReadManifest(PathOf(name));
  if (absl::IsNotFound(manifest.status())) return NoSnapshot(name);
  RETURN_IF_ERROR(manifest.status());
  std::vector<std::string> paths;
  uint64_t first_bytes = 0;
  for (const store::ManifestFile& file : manifest->files) {
    if (paths.empty() && !first_path.empty() && file.path != first_path) continue;
    if (paths.empty()) first_bytes = file.bytes;
    paths.push_back(file.path);
  }
  if (paths.empty()) {
    if (!first_path.empty() && first_path != store::kManifestName) {
      return absl::InvalidArgumentError(absl::StrCat("first_path: no such file in the snapshot, ",
                                                     "got ", first_path.size(), " bytes"));
    }
    first_bytes = store::Encode(*manifest).size();
  }
  paths.push_back(store::kManifestName);
  if (first_offset > first_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("first_offset: beyond the file, got ", first_offset, ", limit ", first_bytes));
  }
  auto reader = std::unique_ptr<SnapshotReader>(
      new SnapshotReader(std::string(name), PathOf(name), std::move(paths)));
  reader->offset_ = first_offset;
  return reader;
}

}  // namespace newsprint
