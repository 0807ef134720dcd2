#include "service/store/acknowledged_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/common/hash.h"
#include "service/store/codec.h"

namespace newsprint::store {
namespace {

constexpr uint64_t kFormat = 0x3144'454b'4341'504e;  // "NPACKED1"
constexpr size_t kBytes = 3 * sizeof(uint64_t);

uint64_t Checksum(uint64_t sequence) { return Mix64(sequence ^ kFormat); }

}  // namespace

absl::StatusOr<AcknowledgedFile> AcknowledgedFile::Open(const std::string& data_dir) {
  const std::string path = absl::StrCat(data_dir, "/", kName);
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) {
    return absl::UnavailableError(
        absl::StrCat("data_dir: cannot open ", path, ": ", std::strerror(errno)));
  }
  AcknowledgedFile acknowledged(file, 0);
  char bytes[kBytes + 1];
  const ssize_t read = pread(file, bytes, sizeof(bytes), 0);
  if (read < 0) {
    return absl::UnavailableError(
        absl::StrCat("data_dir: cannot read ", path, ": ", std::strerror(errno)));
  }
  if (read == 0) return acknowledged;
  Decoder in(absl::string_view(bytes, read));
  const bool known = in.Fixed64() == kFormat;
  acknowledged.sequence_ = in.Fixed64();
  if (in.Fixed64() != Checksum(acknowledged.sequence_) || !known || read != kBytes) {
    return absl::DataLossError(absl::StrCat("data_dir: damaged file ", path,
                                            "; look for other damage (newsprint check), and "
                                            "remove the file to go on without it"));
  }
  return acknowledged;
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
