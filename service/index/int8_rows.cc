#include "service/index/int8_rows.h"

#include <algorithm>
#include <cmath>
#include <new>

namespace newsprint::index {
namespace {

constexpr std::align_val_t kCacheLine{64};

}  // namespace

float Quantise(const float* vector, int dimension, int8_t* codes) {
  float largest = 0;
  for (int i = 0; i < dimension; ++i) largest = std::max(largest, std::abs(vector[i]));
  if (largest == 0 || !std::isfinite(largest)) {
    std::fill_n(codes, dimension, int8_t{0});
    return 0;
  }
  const float inverse = 127.0f / largest;
  for (int i = 0; i < dimension; ++i) {
    codes[i] = static_cast<int8_t>(std::lrint(vector[i] * inverse));
  }
  return largest / 127.0f;
}

Int8Rows::Chunk::Chunk(int dimension)
    : codes(static_cast<int8_t*>(
          ::operator new(static_cast<size_t>(dimension) * kChunkRows, kCacheLine))) {}

void Int8Rows::Chunk::Free::operator()(int8_t* memory) const {
  ::operator delete(memory, kCacheLine);
}

uint32_t Int8Rows::Append(CodedVector vector, Ordinal ordinal) {
  const uint32_t row = size_.load(std::memory_order_relaxed);
  const uint32_t place = row % kChunkRows;
  Chunk* chunk = chunks_.Find(row / kChunkRows);
  if (chunk == nullptr) {
    chunk = chunks_.Set(row / kChunkRows, std::make_unique<Chunk>(dimension_));
  }
  std::copy_n(vector.codes, dimension_, chunk->codes.get() + size_t{place} * dimension_);
  chunk->scales[place] = vector.scale;
  chunk->ordinals[place].store(ordinal, std::memory_order_relaxed);
  size_.store(row + 1, std::memory_order_release);
  return row;
}

}  // namespace newsprint::index
