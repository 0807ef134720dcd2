// The encoding of stored records: little-endian numbers, LEB128 varints, strings with their length.
// docs/storage-format.md lists the records field by field.
#ifndef NEWSPRINT_SERVICE_STORE_CODEC_H_
#define NEWSPRINT_SERVICE_STORE_CODEC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/common/hash.h"

namespace newsprint::store {

class Encoder {
 public:
  void Varint(uint64_t value);
  void SignedVarint(int64_t value);  // zigzag
  void Double(double value);
  void Fixed32(uint32_t value);
  void Fixed64(uint64_t value);
  void String(absl::string_view value);
  void Bytes(const void* data, size_t size);           // without a length
  void Fixed32s(const std::vector<uint32_t>& values);  // with their number
  void Hash(const Hash128& hash);
  void Time(absl::Time time);

  const std::string& bytes() const { return bytes_; }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads what an Encoder wrote. After the first error every read gives zero or empty, and ok() is
// false; callers check once, at the end.
class Decoder {
 public:
  explicit Decoder(absl::string_view bytes) : rest_(bytes) {}

  uint64_t Varint();
  int64_t SignedVarint();
  double Double();
  uint32_t Fixed32();
  uint64_t Fixed64();
  std::string String();
  absl::string_view Bytes(size_t size);
  std::vector<uint32_t> Fixed32s();
  Hash128 Hash();
  absl::Time Time();
  // A count of things that take at least one byte each; an error when more than are left.
  size_t Count();

  bool ok() const { return ok_; }
  size_t remaining() const { return rest_.size(); }

 private:
  absl::string_view rest_;
  bool ok_ = true;
};

// Big-endian, so that keys sort by number.
std::string KeyFixed32(uint32_t value);
std::string KeyFixed64(uint64_t value);
uint32_t ReadKeyFixed32(absl::string_view bytes);
uint64_t ReadKeyFixed64(absl::string_view bytes);

}  // namespace newsprint::store

#endif  // NEWSPRINT_SERVICE_STORE_CODEC_H_
