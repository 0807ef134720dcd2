// Any bytes as the file that keeps the graphs of a vector index, with checksums that are right, and
// as they are. Whatever it says, the index is usable afterwards.
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "service/common/hash.h"
#include "service/index/vector_index.h"
#include "tests/fuzz/scratch_dir.h"
#include "tests/fuzz/targets.h"

namespace newsprint::fuzz {
namespace {

constexpr int kIndexDimension = 8;
constexpr int kIndexLinks = 4;
constexpr size_t kChecksumBytes = 16;

index::VectorIndex::Options SmallIndex() {
  index::VectorIndex::Options options;
  options.dimension = kIndexDimension;
  options.links = kIndexLinks;
  options.ef_construction = 8;
  options.ef_search = 16;
  options.exact_rows_max = 0;
  options.tail_rows_max = 8;
  options.segment_rows_max = 32;
  return options;
}

// Copies a file part by part (service/index/index_file.h) and puts the right checksum behind each,
// as far as the numbers in it make sense.
class IndexFileSealer {
 public:
  explicit IndexFileSealer(absl::string_view bytes) : input_(bytes) {}

  std::string Seal() {
    const std::string header = Part(32);
    const uint32_t segments = NumberAt(header, 20);
    const uint32_t rows = NumberAt(header, 24);
    Part(size_t{rows} * 4);
    Part(size_t{rows} * 4);
    Part(size_t{rows} * kIndexDimension);
    for (uint32_t i = 0; i < segments && !input_.empty(); ++i) {
      const uint32_t nodes = NumberAt(input_.Rest(), 0);
      const std::string levels = Part(8 + size_t{nodes});
      size_t links = 0;
      for (size_t node = 8; node < levels.size(); ++node) {
        const auto level = static_cast<uint8_t>(levels[node]);
        if (level > 0) links += size_t{kIndexLinks} * (level + 1u);
      }
      Part(links * 4);
    }
    sealed_.append(input_.Rest().data(), input_.Rest().size());
    return std::move(sealed_);
  }

 private:
  static uint32_t NumberAt(absl::string_view bytes, size_t at) {
    uint32_t number = 0;
    if (bytes.size() >= at + sizeof(number))
      std::memcpy(&number, bytes.data() + at, sizeof(number));
    return number;
  }
  std::string Part(size_t size) {
    std::string part(input_.Take(size));
    const Hash128 hash = Hasher128().Add(part.data(), part.size()).Finish();
    input_.Take(kChecksumBytes);
    sealed_ += part;
    sealed_.append(reinterpret_cast<const char*>(&hash), sizeof(hash));
    return part;
  }

  Bytes input_;
  std::string sealed_;
};

std::vector<float> Axis(int axis) {
  std::vector<float> vector(kIndexDimension);
  vector[axis] = 1;
  return vector;
}

void CheckIndexFile(absl::string_view bytes) {
  static const ScratchDir dir;
  const std::string path = dir.Write("graphs", bytes);
  const auto index = index::VectorIndex::Create(SmallIndex()).value();
  const absl::Status loaded = index->Load(path);
  Require(loaded.ok() || absl::IsDataLoss(loaded) || absl::IsNotFound(loaded),
          "loading works, or says that it is no use");
  Require(index->size() == 0, "nothing is found before it is added");
  for (Ordinal i = 0; i < kIndexDimension; ++i) {
    Require(index->Add(i, Axis(static_cast<int>(i))).ok(), "an article can be added");
  }
  index->FinishLoading();
  Require(index->WaitUntilBuilt().ok(), "graphs are built");
  Require(index->size() == kIndexDimension, "all that was added is there");
  const auto hits = index->Search(Axis(3), 2 * kIndexDimension);
  Require(hits.ok() && hits->size() <= kIndexDimension, "searching works");
  for (const index::VectorHit& hit : *hits) {
    Require(hit.ordinal < kIndexDimension, "only what was added is found");
  }
  index->Remove(3);
  const auto others = index->Search(Axis(3), 1);
  Require(others.ok() && (others->empty() || others->front().ordinal != 3),
          "what was removed is not found");
  if (!loaded.ok()) {
    Require(!hits->empty() && hits->front().ordinal == 3, "without a file all is found");
  }
}

}  // namespace

void FuzzIndexFile(absl::string_view bytes) {
  CheckIndexFile(bytes);
  CheckIndexFile(IndexFileSealer(bytes).Seal());
}

}  // namespace newsprint::fuzz
