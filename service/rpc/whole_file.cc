#include "service/rpc/whole_file.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace newsprint::rpc {
namespace {

class OpenFile {
 public:
  // Does not wait for the other end of a pipe.
  explicit OpenFile(const std::string& path)
      : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~OpenFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int descriptor() const { return descriptor_; }

 private:
  const int descriptor_;
};

}  // namespace

absl::StatusOr<std::string> ReadWholeFile(absl::string_view flag, const std::string& path,
                                          size_t bytes_max) {
  const auto bad = [&](absl::string_view problem) {
    return absl::InvalidArgumentError(absl::StrCat(flag, ": ", problem, ", got \"", path, "\""));
  };
  const auto unreadable = [&] {
    return bad(absl::StrCat("cannot be read (", std::strerror(errno), ")"));
  };
  const OpenFile file(path);
  struct stat status = {};
  if (file.descriptor() < 0 || fstat(file.descriptor(), &status) != 0) return unreadable();
  if (!S_ISREG(status.st_mode)) return bad("not a regular file");
  std::string text(bytes_max + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = read(file.descriptor(), &text[size], text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return unreadable();
    if (count == 0) break;
    size += static_cast<size_t>(count);
  }
  if (size == 0) return bad("empty");
  if (size > bytes_max) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, ": too large, got \"", path, "\", limit ", bytes_max, " bytes"));
  }
  text.resize(size);
  return text;
}

void WarnOfMode(absl::string_view flag, const std::string& path, mode_t bits,
                absl::string_view problem) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0 || (status.st_mode & bits) == 0) return;
  spdlog::warn("event=file_mode message=\"{}: {}, got {:04o} of {}\"", std::string(flag),
               std::string(problem), status.st_mode & 07777, absl::CEscape(path));
}

}  // namespace newsprint::rpc
