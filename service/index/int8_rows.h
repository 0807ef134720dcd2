// The vectors of an index as int8, in memory that never moves.
#ifndef NEWSPRINT_SERVICE_INDEX_INT8_ROWS_H_
#define NEWSPRINT_SERVICE_INDEX_INT8_ROWS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>

#include "service/common/types.h"
#include "service/index/page_table.h"

namespace newsprint::index {

// A vector: value = scale * code, with codes in -127..127.
struct CodedVector {
  const int8_t* codes = nullptr;
  float scale = 0;
};

// Writes `dimension` codes; returns the scale, max |value| / 127. The error of the dot product of
// two unit vectors is below about 0.01. A vector that is not finite becomes zeros.
float Quantise(const float* vector, int dimension, int8_t* codes);

// The ordinal of a row that is not to be found (any more).
inline constexpr Ordinal kRemoved = std::numeric_limits<Ordinal>::max();

// Rows have consecutive numbers from 0. One thread writes; any number read the rows below size()
// meanwhile, without locks. The codes of a row never change, its ordinal may.
class Int8Rows {
 public:
  static constexpr uint32_t kChunkRows = 4096;
  static constexpr uint32_t kRowsMax = std::numeric_limits<int32_t>::max();

  // The rows chunk * kChunkRows and following.
  struct Chunk {
    explicit Chunk(int dimension);
    const int8_t* Codes(uint32_t place, int dimension) const {
      return codes.get() + size_t{place} * dimension;
    }

    struct Free {
      void operator()(int8_t* memory) const;
    };
    std::unique_ptr<int8_t[], Free> codes;  // aligned to the cache's lines
    std::array<float, kChunkRows> scales;
    std::array<std::atomic<Ordinal>, kChunkRows> ordinals;
  };

  explicit Int8Rows(int dimension) : dimension_(dimension) {}

  // Returns its row. There must be fewer than kRowsMax.
  uint32_t Append(CodedVector vector, Ordinal ordinal);
  void SetOrdinal(uint32_t row, Ordinal ordinal) {
    ChunkOf(row).ordinals[row % kChunkRows].store(ordinal, std::memory_order_release);
  }

  int dimension() const { return dimension_; }
  uint32_t size() const { return size_.load(std::memory_order_acquire); }
  Chunk& chunk(uint32_t index) const { return *chunks_.Find(index); }
  CodedVector vector(uint32_t row) const {
    const Chunk& chunk = ChunkOf(row);
    return {chunk.Codes(row % kChunkRows, dimension_), chunk.scales[row % kChunkRows]};
  }
  Ordinal ordinal(uint32_t row) const {
    return ChunkOf(row).ordinals[row % kChunkRows].load(std::memory_order_acquire);
  }
  // Of the rows; the rest of the last chunk is not counted, as nothing has touched it.
  size_t memory_bytes() const {
    return size_t{size()} * (dimension_ + sizeof(float) + sizeof(Ordinal));
  }

 private:
  Chunk& ChunkOf(uint32_t row) const { return *chunks_.Find(row / kChunkRows); }

  const int dimension_;
  PageTable<Chunk> chunks_;
  std::atomic<uint32_t> size_{0};
};

}  // namespace newsprint::index

#endif  // NEWSPRINT_SERVICE_INDEX_INT8_ROWS_H_
