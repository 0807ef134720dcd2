#include "service/store/manifest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "service/common/status_macros.h"

namespace newsprint::store {
namespace {

constexpr char kFirstLine[] = "newsprint-manifest 1";
constexpr size_t kReadBytes = size_t{1} << 20;
// Some hundred bytes a file.
constexpr int64_t kManifestBytesMax = int64_t{256} << 20;

std::string HashText(const Hash128& hash) {
  return absl::StrCat(absl::Hex(hash.high, absl::kZeroPad16),
                      absl::Hex(hash.low, absl::kZeroPad16));
}

bool ParseHash(absl::string_view text, Hash128* hash) {
  const auto is_digit = [](char c) { return absl::StrContains("0123456789abcdef", c); };
  return text.size() == 32 && std::all_of(text.begin(), text.end(), is_digit) &&
         absl::SimpleHexAtoi(text.substr(0, 16), &hash->high) &&
         absl::SimpleHexAtoi(text.substr(16), &hash->low);
}

Hash128 HashOf(absl::string_view bytes) {
  return Hasher128().Add(bytes.data(), bytes.size()).Finish();
}

// Names that stay within the folder, and that are no other file of ours.
bool IsPlainPath(absl::string_view path) {
  if (path.empty() || path == kManifestName) return false;
  for (const absl::string_view part : absl::StrSplit(path, '/')) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return !absl::StrContains(path, '\0') && !absl::StrContains(path, '\n');
}

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat(kManifestName, ": damaged, ", what));
}

// Takes the line "KEY VALUE" off the front of `rest`.
bool TakeLine(absl::string_view key, absl::string_view* rest, absl::string_view* value) {
  const size_t end = rest->find('\n');
  if (end == absl::string_view::npos) return false;
  absl::string_view line = rest->substr(0, end);
  if (!absl::StartsWith(line, key) || line.size() <= key.size() || line[key.size()] != ' ') {
    return false;
  }
  *value = line.substr(key.size() + 1);
  rest->remove_prefix(end + 1);
  return true;
}

bool ParseFile(absl::string_view value, ManifestFile* file) {
  const std::vector<absl::string_view> parts = absl::StrSplit(value, absl::MaxSplits(' ', 2));
  if (parts.size() != 3 || !ParseHash(parts[0], &file->hash) ||
      !absl::SimpleAtoi(parts[1], &file->bytes) || !IsPlainPath(parts[2])) {
    return false;
  }
  file->path = std::string(parts[2]);
  return true;
}

}  // namespace

uint64_t Manifest::bytes() const {
  uint64_t total = 0;
  for (const ManifestFile& file : files) total += file.bytes;
  return total;
}

std::string Encode(const Manifest& manifest) {
  std::string text = absl::StrCat(kFirstLine, "\nstore_format ", manifest.store_format,
                                  "\nnewsprint ", manifest.newsprint_version, "\ncreated_at ",
                                  absl::FormatTime(manifest.created_at, absl::UTCTimeZone()), "\n");
  for (const ManifestFile& file : manifest.files) {
    absl::StrAppend(&text, "file ", HashText(file.hash), " ", file.bytes, " ", file.path, "\n");
  }
  absl::StrAppend(&text, "end ", HashText(HashOf(text)), "\n");
  return text;
}

absl::StatusOr<Manifest> DecodeManifest(absl::string_view text) {
  // First that it is whole: what else is wrong then was written so.
  const size_t last = text.rfind("\nend ");
  Hash128 hash;
  absl::string_view value;
  if (last == absl::string_view::npos) return Damaged("its last line is missing");
  absl::string_view end = text.substr(last + 1);
  if (!TakeLine("end", &end, &value) || !end.empty() || !ParseHash(value, &hash) ||
      hash != HashOf(text.substr(0, last + 1))) {
    return Damaged("its checksum is another");
  }
  absl::string_view rest = text.substr(0, last + 1);
  if (!TakeLine("newsprint-manifest", &rest, &value)) return Damaged("no manifest");
  if (value != "1") {
    return absl::DataLossError(
        absl::StrCat(kManifestName, ": of another version, got ", value, ", limit 1"));
  }
  Manifest manifest;
  std::string problem;
  if (!TakeLine("store_format", &rest, &value) ||
      !absl::SimpleAtoi(value, &manifest.store_format)) {
    return Damaged("store_format");
  }
  if (!TakeLine("newsprint", &rest, &value)) return Damaged("newsprint");
  manifest.newsprint_version = std::string(value);
  if (!TakeLine("created_at", &rest, &value) ||
      !absl::ParseTime(absl::RFC3339_full, value, &manifest.created_at, &problem)) {
    return Damaged("created_at");
  }
  absl::flat_hash_set<std::string> paths;
  while (!rest.empty()) {
    ManifestFile file;
    if (!TakeLine("file", &rest, &value) || !ParseFile(value, &file) ||
        !paths.insert(file.path).second) {
      return Damaged("a line that is no file");
    }
    manifest.files.push_back(std::move(file));
  }
  return manifest;
}

absl::Status SystemError(absl::string_view what, const std::string& path) {
  const int error = errno;
  const std::string message = absl::StrCat(what, " ", path, ": ", std::strerror(error));
  if (error == ENOENT) return absl::NotFoundError(message);
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(message);
  return absl::UnavailableError(message);
}

absl::Status WriteAll(int descriptor, const std::string& path, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("cannot write", path);
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::Status SyncDir(const std::string& dir) {
  const int fd = open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return SystemError("cannot open", dir);
  const absl::Cleanup close_dir = [fd] { close(fd); };
  return fsync(fd) == 0 ? absl::OkStatus() : SystemError("cannot sync", dir);
}

absl::StatusOr<Manifest> ReadManifest(const std::string& dir) {
  const std::string path = absl::StrCat(dir, "/", kManifestName);
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return SystemError("cannot read", path);
  const absl::Cleanup close_file = [fd] { close(fd); };
  struct stat info = {};
  if (fstat(fd, &info) != 0) return SystemError("cannot read", path);
  if (!S_ISREG(info.st_mode) || info.st_size > kManifestBytesMax) return Damaged("no manifest");
  std::string text(static_cast<size_t>(info.st_size), '\0');
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = read(fd, text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("cannot read", path);
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  text.resize(done);
  return DecodeManifest(text);
}

absl::Status WriteManifest(const std::string& dir, const Manifest& manifest) {
  const std::string path = absl::StrCat(dir, "/", kManifestName);
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return SystemError("cannot write", path);
  const absl::Cleanup close_file = [fd] { close(fd); };
  RETURN_IF_ERROR(WriteAll(fd, path, Encode(manifest)));
  return fsync(fd) == 0 ? absl::OkStatus() : SystemError("cannot write", path);
}

namespace {

absl::StatusOr<ManifestFile> ReadAndHash(const std::string& dir, const std::string& path, bool sync,
                                         OnBytes on_bytes) {
  const std::string full = absl::StrCat(dir, "/", path);
  const int fd = open(full.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return SystemError("cannot read", full);
  const absl::Cleanup close_file = [fd] { close(fd); };
  posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  ManifestFile file;
  file.path = path;
  Hasher128 hasher;
  std::vector<char> buffer(kReadBytes);
  while (true) {
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("cannot read", full);
    if (count == 0) break;
    hasher.Add(buffer.data(), static_cast<size_t>(count));
    file.bytes += static_cast<uint64_t>(count);
    if (!on_bytes(static_cast<uint64_t>(count))) return absl::CancelledError("interrupted");
  }
  file.hash = hasher.Finish();
  if (sync && fsync(fd) != 0) return SystemError("cannot sync", full);
  return file;
}

}  // namespace

absl::StatusOr<ManifestFile> HashFile(const std::string& dir, const std::string& path,
                                      OnBytes on_bytes) {
  return ReadAndHash(dir, path, /*sync=*/true, on_bytes);
}

absl::Status CompareFiles(const ManifestFile& found, const ManifestFile& expected) {
  if (found.bytes != expected.bytes) {
    return absl::DataLossError(absl::StrCat(expected.path, ": damaged, got ", found.bytes,
                                            " bytes, expected ", expected.bytes));
  }
  if (found.hash != expected.hash) {
    return absl::DataLossError(absl::StrCat(expected.path, ": damaged, got checksum ",
                                            HashText(found.hash), ", expected ",
                                            HashText(expected.hash)));
  }
  return absl::OkStatus();
}

absl::Status VerifyFile(const std::string& dir, const ManifestFile& file, OnBytes on_bytes) {
  const absl::StatusOr<ManifestFile> found = ReadAndHash(dir, file.path, /*sync=*/false, on_bytes);
  if (absl::IsNotFound(found.status())) {
    return absl::DataLossError(absl::StrCat(file.path, ": missing"));
  }
  RETURN_IF_ERROR(found.status());
  return CompareFiles(*found, file);
}

absl::StatusOr<std::vector<std::string>> ListFiles(const std::string& dir) {
  namespace fs = std::filesystem;
  std::vector<std::string> paths;
  std::error_code error;
  fs::recursive_directory_iterator at(dir, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (at->is_directory(error) && !at->is_symlink(error)) continue;
    paths.push_back(at->path().lexically_relative(dir).string());
  }
  if (error == std::errc::no_such_file_or_directory) {
    return absl::NotFoundError(absl::StrCat("cannot read ", dir, ": ", error.message()));
  }
  if (error) {
    return absl::UnavailableError(absl::StrCat("cannot read ", dir, ": ", error.message()));
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace newsprint::store
