#include "service/store/codec.h"

#include <cstring>

namespace newsprint::store {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little-endian machines only");

template <typename Number>
Number FromLittleEndian(absl::string_view bytes) {
  Number value;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

template <typename Number>
std::string BigEndian(Number value) {
  std::string bytes(sizeof(Number), '\0');
  for (size_t i = 0; i < sizeof(Number); ++i) {
    bytes[sizeof(Number) - 1 - i] = static_cast<char>(value >> (8 * i));
  }
  return bytes;
}

template <typename Number>
Number FromBigEndian(absl::string_view bytes) {
  Number value = 0;
  for (size_t i = 0; i < sizeof(Number); ++i) {
    value = static_cast<Number>(value << 8) | static_cast<uint8_t>(bytes[i]);
  }
  return value;
}

}  // namespace

void Encoder::Varint(uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
  bytes_.push_back(static_cast<char>(value));
}

void Encoder::SignedVarint(int64_t value) {
  Varint((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
}

void Encoder::Double(double value) {
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  Fixed64(bits);
}

void Encoder::Fixed32(uint32_t value) { Bytes(&value, sizeof(value)); }

void Encoder::Fixed64(uint64_t value) { Bytes(&value, sizeof(value)); }

void Encoder::Fixed32s(const std::vector<uint32_t>& values) {
  Varint(values.size());
  Bytes(values.data(), values.size() * sizeof(uint32_t));
}

void Encoder::String(absl::string_view value) {
  Varint(value.size());
  bytes_.append(value.data(), value.size());
}

void Encoder::Bytes(const void* data, size_t size) {
  bytes_.append(static_cast<const char*>(data), size);
}

void Encoder::Hash(const Hash128& hash) {
  Fixed64(hash.high);
  Fixed64(hash.low);
}

void Encoder::Time(absl::Time time) {
  const int64_t seconds = absl::ToUnixSeconds(time);  // rounds down
  SignedVarint(seconds);
  Varint(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds)));
}

absl::string_view Decoder::Bytes(size_t size) {
  if (!ok_ || rest_.size() < size) {
    ok_ = false;
    return {};
  }
  const absl::string_view bytes = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return bytes;
}

std::vector<uint32_t> Decoder::Fixed32s() {
  const size_t count = Count();
  const absl::string_view bytes = Bytes(count * sizeof(uint32_t));
  std::vector<uint32_t> values(bytes.size() / sizeof(uint32_t));
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

uint64_t Decoder::Varint() {
  if (!rest_.empty() && (rest_[0] & 0x80) == 0) {
    const auto byte = static_cast<uint8_t>(rest_[0]);
    rest_.remove_prefix(1);
    return ok_ ? byte : 0;
  }
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const absl::string_view byte = Bytes(1);
    if (byte.empty()) return 0;
    value |= static_cast<uint64_t>(byte[0] & 0x7f) << shift;
    if ((byte[0] & 0x80) == 0) return value;
  }
  ok_ = false;
  return 0;
}

int64_t Decoder::SignedVarint() {
  const uint64_t value = Varint();
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

double Decoder::Double() {
  const uint64_t bits = Fixed64();
  double value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

uint32_t Decoder::Fixed32() {
  const absl::string_view bytes = Bytes(4);
  return bytes.empty() ? 0 : FromLittleEndian<uint32_t>(bytes);
}

uint64_t Decoder::Fixed64() {
  const absl::string_view bytes = Bytes(8);
  return bytes.empty() ? 0 : FromLittleEndian<uint64_t>(bytes);
}

std::string Decoder::String() { return std::string(Bytes(Varint())); }

Hash128 Decoder::Hash() {
  Hash128 hash;
  hash.high = Fixed64();
  hash.low = Fixed64();
  return hash;
}

absl::Time Decoder::Time() {
  const int64_t seconds = SignedVarint();
  const uint64_t nanoseconds = Varint();
  return absl::FromUnixSeconds(seconds) + absl::Nanoseconds(static_cast<int64_t>(nanoseconds));
}

size_t Decoder::Count() {
  const uint64_t count = Varint();
  if (count > rest_.size()) {
    ok_ = false;
    return 0;
  }
  return static_cast<size_t>(count);
}

std::string KeyFixed32(uint32_t value) { return BigEndian(value); }
std::string KeyFixed64(uint64_t value) { return BigEndian(value); }
uint32_t ReadKeyFixed32(absl::string_view bytes) { return FromBigEndian<uint32_t>(bytes); }
uint64_t ReadKeyFixed64(absl::string_view bytes) { return FromBigEndian<uint64_t>(bytes); }

}  // namespace newsprint::store
