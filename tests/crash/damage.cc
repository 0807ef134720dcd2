#include "tests/crash/damage.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace newsprint::crash {
namespace {

bool IsOfKind(const std::filesystem::path& path, FileKind kind) {
  const std::string name = path.filename().string();
  const std::string extension = path.extension().string();
  switch (kind) {
    case FileKind::kTable:
      return extension == ".sst";
    case FileKind::kBlob:
      return extension == ".blob";
    case FileKind::kLog:
      return extension == ".log";
    case FileKind::kManifest:
      return absl::StartsWith(name, "MANIFEST-");
    case FileKind::kCurrent:
      return name == "CURRENT";
    case FileKind::kOptions:
      return absl::StartsWith(name, "OPTIONS-");
    case FileKind::kIdentity:
      return name == "IDENTITY";
    case FileKind::kAcknowledged:
      return name == "ACKNOWLEDGED";
    case FileKind::kLock:
      return name == "LOCK";
  }
  return false;
}

}  // namespace

std::string Name(FileKind kind) {
  switch (kind) {
    case FileKind::kTable:
      return "table";
    case FileKind::kBlob:
      return "blob";
    case FileKind::kLog:
      return "log";
    case FileKind::kManifest:
      return "manifest";
    case FileKind::kCurrent:
      return "current";
    case FileKind::kOptions:
      return "options";
    case FileKind::kIdentity:
      return "identity";
    case FileKind::kAcknowledged:
      return "acknowledged";
    case FileKind::kLock:
      return "lock";
  }
  return "";
}

std::string Name(DamageKind kind) {
  switch (kind) {
    case DamageKind::kFlipBytes:
      return "flip";
    case DamageKind::kTruncate:
      return "truncate";
    case DamageKind::kRemove:
      return "remove";
  }
  return "";
}

std::vector<std::string> FilesOf(const std::string& data_dir, FileKind kind) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(data_dir)) {
    if (entry.is_regular_file() && IsOfKind(entry.path(), kind)) {
      paths.push_back(entry.path().string());
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

bool CanDamage(FileKind kind, DamageKind damage) {
  return kind != FileKind::kLock || damage == DamageKind::kRemove;
}

std::string Damage(const std::string& path, DamageKind kind, Dice& dice) {
  const uint64_t bytes = std::filesystem::file_size(path);
  const std::string name = std::filesystem::path(path).filename().string();
  if (kind == DamageKind::kRemove) {
    std::filesystem::remove(path);
    return absl::StrCat("removed ", name);
  }
  if (bytes == 0) return "";
  if (kind == DamageKind::kTruncate) {
    const uint64_t left = dice.Below(bytes);
    std::filesystem::resize_file(path, left);
    return absl::StrCat("cut ", name, " from ", bytes, " to ", left, " bytes");
  }
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  std::string places;
  for (uint64_t left = 1 + dice.Below(4); left > 0; --left) {
    const auto at = static_cast<std::streamoff>(dice.Below(bytes));
    file.seekg(at);
    const int old = file.get();
    file.seekp(at);
    file.put(static_cast<char>(old ^ static_cast<int>(1 + dice.Below(255))));
    absl::StrAppend(&places, " ", at);
  }
  return absl::StrCat("changed bytes of ", name, " at", places);
}

}  // namespace newsprint::crash
