#include "service/store/acknowledged_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/common/hash.h"
#include "service/common/status_macros.h"
#include "service/store/codec.h"

namespace newsprint::store {
namespace {

constexpr uint64_t kFormat = 0x3144'454b'4341'504e;  // "NPACKED1"
constexpr size_t kBytes = 3 * sizeof(uint64_t);

std::string PathIn(const std::string& data_dir) {
  return absl::StrCat(data_dir, "/", AcknowledgedFile::kName);
}

uint64_t Checksum(uint64_t sequence) { return Mix64(sequence ^ kFormat); }

}  // namespace

absl::StatusOr<uint64_t> AcknowledgedFile::Read(const std::string& data_dir) {
  const std::string path = PathIn(data_dir);
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return uint64_t{0};
  char bytes[kBytes + 1];
  const ssize_t read = file < 0 ? -1 : pread(file, bytes, sizeof(bytes), 0);
  const int error = errno;
  if (file >= 0) close(file);
  if (read < 0) {
    return absl::UnavailableError(
        absl::StrCat("data_dir: cannot read ", path, ": ", std::strerror(error)));
  }
  // Some file systems leave zeros where a file was written shortly before a power failure.
  const bool empty = std::all_of(bytes, bytes + read, [](char byte) { return byte == 0; });
  if (empty && read <= static_cast<ssize_t>(kBytes)) return uint64_t{0};
  Decoder in(absl::string_view(bytes, static_cast<size_t>(read)));
  const bool known = in.Fixed64() == kFormat;
  const uint64_t sequence = in.Fixed64();
  if (in.Fixed64() != Checksum(sequence) || !known || read != kBytes) {
    return absl::DataLossError(absl::StrCat("data_dir: damaged file ", path,
                                            "; look for other damage (newsprint check), and "
                                            "remove the file to go on without it"));
  }
  return sequence;
}

absl::StatusOr<AcknowledgedFile> AcknowledgedFile::Open(const std::string& data_dir) {
  ASSIGN_OR_RETURN(const uint64_t sequence, Read(data_dir));
  const std::string path = PathIn(data_dir);
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) {
    return absl::UnavailableError(
        absl::StrCat("data_dir: cannot open ", path, ": ", std::strerror(errno)));
  }
  return AcknowledgedFile(file, sequence);
}

AcknowledgedFile::AcknowledgedFile(AcknowledgedFile&& other) noexcept
    : file_(std::exchange(other.file_, -1)), sequence_(other.sequence_) {}

AcknowledgedFile& AcknowledgedFile::operator=(AcknowledgedFile&& other) noexcept {
  std::swap(file_, other.file_);
  sequence_ = other.sequence_;
  return *this;
}

AcknowledgedFile::~AcknowledgedFile() {
  if (file_ >= 0) close(file_);
}

void AcknowledgedFile::Write(uint64_t sequence) {
  if (sequence <= sequence_) return;
  Encoder out;
  out.Fixed64(kFormat);
  out.Fixed64(sequence);
  out.Fixed64(Checksum(sequence));
  if (pwrite(file_, out.bytes().data(), kBytes, 0) == kBytes) sequence_ = sequence;
}

}  // namespace newsprint::store
