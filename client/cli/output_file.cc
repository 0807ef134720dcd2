#include "client/cli/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace newsprint::cli {

absl::StatusOr<std::unique_ptr<OutputFile>> OutputFile::Create(const std::string& path) {
  struct stat found = {};
  if (stat(path.c_str(), &found) == 0 && !S_ISREG(found.st_mode)) {
    return absl::UnknownError(absl::StrCat("cannot write ", path, ": not a regular file"));
  }
  std::string temporary = absl::StrCat(path, ".part.", getpid());
  const int descriptor = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    return absl::UnknownError(absl::StrCat("cannot write ", path, ": ", std::strerror(errno)));
  }
  return std::unique_ptr<OutputFile>(new OutputFile(path, std::move(temporary), descriptor));
}

OutputFile::OutputFile(std::string path, std::string temporary, int descriptor)
    : path_(std::move(path)), temporary_(std::move(temporary)), descriptor_(descriptor) {}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!committed_) unlink(temporary_.c_str());
}

absl::Status OutputFile::Failed(absl::string_view what) const {
  return absl::UnknownError(absl::StrCat("cannot ", what, " ", path_, ": ", std::strerror(errno)));
}

absl::Status OutputFile::Commit(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failed("write");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  if (fsync(descriptor_) != 0) return Failed("write");
  if (close(std::exchange(descriptor_, -1)) != 0) return Failed("write");
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) return Failed("rename to");
  committed_ = true;
  return absl::OkStatus();
}

}  // namespace newsprint::cli
