// The parts of a file of graphs (index_file.h says which), and how they are read.
#ifndef NEWSPRINT_SERVICE_INDEX_INDEX_FILE_PARTS_H_
#define NEWSPRINT_SERVICE_INDEX_INDEX_FILE_PARTS_H_

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "service/common/hash.h"

namespace newsprint::index {

inline constexpr uint64_t kIndexFileMagic = 0x31305643'52544e50;
inline constexpr uint32_t kIndexFileVersion = 1;

struct IndexFileHeader {
  uint64_t magic = kIndexFileMagic;
  uint32_t version = kIndexFileVersion;
  uint32_t dimension = 0;
  uint32_t links = 0;
  uint32_t segments = 0;
  uint32_t rows = 0;
  uint32_t zero = 0;
};
static_assert(sizeof(IndexFileHeader) == 32);

struct NodesHeader {
  uint32_t rows = 0;
  int32_t entry_point = -1;
};

inline absl::Status DamagedIndexFile(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("vector index file: ", what));
}

// Reads parts, after a header of our version. Nothing is read beyond the end of the file, so a
// caller that asks Has before it allocates never allocates more than the file's size.
class IndexFileReader {
 public:
  // NOT_FOUND, or another error of the disk; DATA_LOSS when it does not begin as such a file does.
  static absl::StatusOr<std::unique_ptr<IndexFileReader>> Open(const std::string& path);
  ~IndexFileReader() { std::fclose(file_); }
  IndexFileReader(const IndexFileReader&) = delete;
  IndexFileReader& operator=(const IndexFileReader&) = delete;

  const IndexFileHeader& header() const { return header_; }
  bool Has(uint64_t count, uint64_t bytes_each) const {
    return bytes_each == 0 || count <= left_ / bytes_each;
  }
  bool Read(void* data, size_t bytes) {
    if (bytes > left_ || std::fread(data, 1, bytes, file_) != bytes) return false;
    left_ -= bytes;
    hasher_.Add(data, bytes);
    return true;
  }
  // Whether the part is what was written.
  bool EndPart() {
    const Hash128 expected = hasher_.Finish();
    Hash128 checksum;
    if (!Read(&checksum, sizeof(checksum))) return false;
    hasher_ = Hasher128();
    return checksum == expected;
  }
  bool at_end() const { return left_ == 0; }

 private:
  explicit IndexFileReader(std::FILE* file) : file_(file) {}

  std::FILE* const file_;
  IndexFileHeader header_;
  uint64_t left_ = 0;
  Hasher128 hasher_;
};

}  // namespace newsprint::index

#endif  // NEWSPRINT_SERVICE_INDEX_INDEX_FILE_PARTS_H_
