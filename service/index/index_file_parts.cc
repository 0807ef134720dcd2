#include "service/index/index_file_parts.h"

#include <sys/stat.h>

#include <cerrno>

namespace newsprint::index {

absl::StatusOr<std::unique_ptr<IndexFileReader>> IndexFileReader::Open(const std::string& path) {
  std::FILE* const file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) {
    return absl::ErrnoToStatus(errno, absl::StrCat("vector index file: cannot open ", path));
  }
  std::unique_ptr<IndexFileReader> reader(new IndexFileReader(file));
  struct stat info = {};
  if (fstat(fileno(file), &info) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("vector index file: cannot read ", path));
  }
  if (!S_ISREG(info.st_mode)) return DamagedIndexFile("not a file");
  reader->left_ = static_cast<uint64_t>(info.st_size);
  IndexFileHeader& header = reader->header_;
  if (!reader->Read(&header, sizeof(header)) || !reader->EndPart()) {
    return DamagedIndexFile("bad header");
  }
  if (header.magic != kIndexFileMagic || header.version != kIndexFileVersion) {
    return DamagedIndexFile("of another version");
  }
  return reader;
}

}  // namespace newsprint::index
