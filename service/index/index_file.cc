#include "service/index/index_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/common/hash.h"
#include "service/common/status_macros.h"
#include "service/index/index_file_parts.h"

namespace newsprint::index {
namespace {

constexpr size_t kWriteBytes = 1 << 20;

absl::Status ErrnoError(absl::string_view what, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("vector index file: cannot ", what, " ", path));
}

// Writes parts, each with its checksum. Errors are kept until Finish.
class PartWriter {
 public:
  explicit PartWriter(int fd) : fd_(fd) { buffer_.reserve(kWriteBytes); }

  void Append(const void* data, size_t bytes) {
    hasher_.Add(data, bytes);
    Put(data, bytes);
  }
  void EndPart() {
    const Hash128 checksum = hasher_.Finish();
    Put(&checksum, sizeof(checksum));
    hasher_ = Hasher128();
  }
  // 0, or the errno of the first write that failed.
  int Finish() {
    Flush();
    return error_;
  }

 private:
  void Put(const void* data, size_t bytes) {
    if (buffer_.size() + bytes > kWriteBytes) Flush();
    if (bytes > kWriteBytes) {
      Write(static_cast<const char*>(data), bytes);
    } else {
      buffer_.append(static_cast<const char*>(data), bytes);
    }
  }
  void Flush() {
    Write(buffer_.data(), buffer_.size());
    buffer_.clear();
  }
  void Write(const char* data, size_t bytes) {
    while (bytes > 0 && error_ == 0) {
      const ssize_t written = write(fd_, data, bytes);
      if (written < 0) {
        if (errno != EINTR) error_ = errno;
        continue;
      }
      data += written;
      bytes -= static_cast<size_t>(written);
    }
  }

  const int fd_;
  int error_ = 0;
  Hasher128 hasher_;
  std::string buffer_;
};

void WriteRows(const Int8Rows& rows, uint32_t count, PartWriter* out) {
  constexpr uint32_t kChunkRows = Int8Rows::kChunkRows;
  const auto for_chunks = [&](const auto& write) {
    for (uint32_t begin = 0; begin < count; begin += kChunkRows) {
      write(rows.chunk(begin / kChunkRows), std::min(kChunkRows, count - begin));
    }
    out->EndPart();
  };
  for_chunks([&](const Int8Rows::Chunk& chunk, uint32_t used) {
    std::vector<Ordinal> ordinals(used);
    for (uint32_t i = 0; i < used; ++i) {
      ordinals[i] = chunk.ordinals[i].load(std::memory_order_relaxed);
    }
    out->Append(ordinals.data(), used * sizeof(Ordinal));
  });
  for_chunks([&](const Int8Rows::Chunk& chunk, uint32_t used) {
    out->Append(chunk.scales.data(), used * sizeof(float));
  });
  for_chunks([&](const Int8Rows::Chunk& chunk, uint32_t used) {
    out->Append(chunk.codes.get(), size_t{used} * rows.dimension());
  });
}

void WriteSegment(const Int8HnswIndex& segment, PartWriter* out) {
  const faiss::HNSW& hnsw = segment.hnsw;
  NodesHeader header;
  header.rows = static_cast<uint32_t>(segment.ntotal);
  header.entry_point = hnsw.entry_point;
  out->Append(&header, sizeof(header));
  const std::vector<uint8_t> levels(hnsw.levels.begin(), hnsw.levels.end());
  out->Append(levels.data(), levels.size());
  out->EndPart();
  out->Append(hnsw.neighbors.data(), hnsw.neighbors.size() * sizeof(hnsw.neighbors[0]));
  out->EndPart();
}

absl::Status ReadRows(uint32_t count, int dimension, IndexFileReader* in, IndexFile* file) {
  if (!in->Has(count, sizeof(Ordinal) + sizeof(float) + static_cast<uint64_t>(dimension))) {
    return DamagedIndexFile("too short for its rows");
  }
  file->ordinals.resize(count);
  if (!in->Read(file->ordinals.data(), count * sizeof(Ordinal)) || !in->EndPart()) {
    return DamagedIndexFile("bad ordinals");
  }
  std::vector<float> scales(count);
  if (!in->Read(scales.data(), count * sizeof(float)) || !in->EndPart()) {
    return DamagedIndexFile("bad scales");
  }
  // Scores are sorted, which takes numbers.
  for (const float scale : scales) {
    if (!std::isfinite(scale) || scale < 0) return DamagedIndexFile("bad scales");
  }
  file->rows = std::make_unique<Int8Rows>(dimension);
  std::vector<int8_t> codes(dimension);
  for (uint32_t row = 0; row < count; ++row) {
    if (!in->Read(codes.data(), codes.size())) return DamagedIndexFile("bad codes");
    file->rows->Append({codes.data(), scales[row]}, kRemoved);
  }
  return in->EndPart() ? absl::OkStatus() : DamagedIndexFile("bad codes");
}

absl::Status ReadSegment(uint32_t begin, int links, IndexFileReader* in, IndexFile* file) {
  NodesHeader header;
  if (!in->Read(&header, sizeof(header)) || header.rows == 0 ||
      header.rows > file->rows->size() - begin || !in->Has(header.rows, 1)) {
    return DamagedIndexFile("bad segment");
  }
  std::vector<uint8_t> levels(header.rows);
  if (!in->Read(levels.data(), levels.size()) || !in->EndPart())
    return DamagedIndexFile("bad levels");
  const int64_t count = Int8HnswIndex::NeighbourCount(links, levels);
  if (count < 0 || !in->Has(static_cast<uint64_t>(count), sizeof(int32_t))) {
    return DamagedIndexFile("bad levels");
  }
  std::vector<int32_t> neighbours(count);
  if (!in->Read(neighbours.data(), neighbours.size() * sizeof(int32_t)) || !in->EndPart()) {
    return DamagedIndexFile("bad links");
  }
  auto graph = Int8HnswIndex::Restore(file->rows.get(), begin, begin + header.rows, links, levels,
                                      std::move(neighbours), header.entry_point);
  if (graph == nullptr) return DamagedIndexFile("links that lead nowhere");
  file->segments.push_back(std::move(graph));
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteIndexFile(const std::string& path, const Int8Rows& rows, const Segments& segments,
                            int links) {
  const std::string temporary = absl::StrCat(path, ".new");
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoError("create", temporary);
  IndexFileHeader header;
  header.dimension = static_cast<uint32_t>(rows.dimension());
  header.links = static_cast<uint32_t>(links);
  header.segments = static_cast<uint32_t>(segments.size());
  header.rows = EndOf(segments);
  PartWriter out(fd);
  out.Append(&header, sizeof(header));
  out.EndPart();
  WriteRows(rows, header.rows, &out);
  for (const auto& segment : segments) WriteSegment(*segment, &out);
  int error = out.Finish();
  if (error == 0 && fsync(fd) != 0) error = errno;
  if (close(fd) != 0 && error == 0) error = errno;
  if (error == 0 && std::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) return absl::OkStatus();
  std::remove(temporary.c_str());
  errno = error;
  return ErrnoError("write", path);
}

absl::Status ReadIndexFile(const std::string& path, int dimension, int links, IndexFile* file) {
  ASSIGN_OR_RETURN(const std::unique_ptr<IndexFileReader> in, IndexFileReader::Open(path));
  const IndexFileHeader& header = in->header();
  if (header.dimension != static_cast<uint32_t>(dimension) ||
      header.links != static_cast<uint32_t>(links) || header.rows > Int8Rows::kRowsMax) {
    return DamagedIndexFile("of another shape");
  }
  RETURN_IF_ERROR(ReadRows(header.rows, dimension, in.get(), file));
  for (uint32_t i = 0; i < header.segments; ++i) {
    RETURN_IF_ERROR(ReadSegment(EndOf(file->segments), links, in.get(), file));
  }
  if (EndOf(file->segments) != header.rows || !in->at_end())
    return DamagedIndexFile("rows without a graph");
  return absl::OkStatus();
}

}  // namespace newsprint::index
