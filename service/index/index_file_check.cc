#include "service/index/index_file_check.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <numeric>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "service/common/status_macros.h"
#include "service/index/index_file_parts.h"

namespace newsprint::index {
namespace {

constexpr size_t kReadBytes = size_t{1} << 20;

// Reads a part of `bytes`.
absl::Status CheckPart(uint64_t bytes, absl::string_view what, IndexFileReader* in) {
  std::vector<char> buffer(kReadBytes);
  while (bytes > 0) {
    const auto some = static_cast<size_t>(std::min<uint64_t>(bytes, buffer.size()));
    if (!in->Read(buffer.data(), some)) return DamagedIndexFile(absl::StrCat(what, " cut off"));
    bytes -= some;
  }
  return in->EndPart() ? absl::OkStatus() : DamagedIndexFile(absl::StrCat("bad ", what));
}

absl::StatusOr<uint32_t> CheckSegment(const IndexFileHeader& file, IndexFileReader* in) {
  NodesHeader header;
  if (!in->Read(&header, sizeof(header)) || !in->Has(header.rows, 1)) {
    return DamagedIndexFile("bad segment");
  }
  std::vector<uint8_t> levels(header.rows);
  if (!in->Read(levels.data(), levels.size()) || !in->EndPart()) {
    return DamagedIndexFile("bad levels");
  }
  // Twice as many links on the ground as above it.
  const uint64_t places =
      std::accumulate(levels.begin(), levels.end(), uint64_t{0}) + levels.size();
  RETURN_IF_ERROR(CheckPart(places * file.links * sizeof(int32_t), "links", in));
  return header.rows;
}

}  // namespace

absl::Status CheckIndexFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::unique_ptr<IndexFileReader> in, IndexFileReader::Open(path));
  const IndexFileHeader& header = in->header();
  const uint64_t rows = header.rows;
  RETURN_IF_ERROR(CheckPart(rows * sizeof(uint32_t), "ordinals", in.get()));
  RETURN_IF_ERROR(CheckPart(rows * sizeof(float), "scales", in.get()));
  RETURN_IF_ERROR(CheckPart(rows * header.dimension, "codes", in.get()));
  uint64_t in_graphs = 0;
  for (uint32_t i = 0; i < header.segments; ++i) {
    ASSIGN_OR_RETURN(const uint32_t segment_rows, CheckSegment(header, in.get()));
    in_graphs += segment_rows;
  }
  if (in_graphs != rows || !in->at_end()) return DamagedIndexFile("rows without a graph");
  return absl::OkStatus();
}

}  // namespace newsprint::index
