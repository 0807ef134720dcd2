// Tensors out of a safetensors file, without copying them.
//
// The format (https://huggingface.co/docs/safetensors): the length of the header in 8 bytes,
// little-endian; the header, a JSON object of tensor name -> {dtype, shape, data_offsets}; the
// tensors, row after row, little-endian. Offsets count from the end of the header, and the tensors
// cover the rest of the file without gap or overlap.
#ifndef NEWSPRINT_SERVICE_EMBED_SAFETENSORS_H_
#define NEWSPRINT_SERVICE_EMBED_SAFETENSORS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace newsprint::embed {

// As the reference implementation has it.
inline constexpr uint64_t kSafetensorsHeaderBytesMax = 100'000'000;

// kOther: of a known size, but with nothing here to read it.
enum class Dtype { kF64, kF32, kF16, kBf16, kI8, kI32, kI64, kOther };

// A view into the bytes that were parsed; values may lie unaligned.
struct Tensor {
  Dtype dtype = Dtype::kOther;
  absl::string_view dtype_name;  // as in the file, "F32"; never dangles
  std::vector<size_t> shape;     // outermost first; empty for a single value
  size_t elements = 0;           // the product of `shape`
  absl::string_view bytes;
};

// Immutable, so thread-safe.
class Safetensors {
 public:
  // `bytes`, a whole file, must outlive the result and all tensors. INVALID_ARGUMENT for a file
  // that is cut off or longer than its tensors, a header that is no such object, an unknown dtype,
  // shapes that do not fit the offsets, gaps and overlaps. Values are not looked at.
  static absl::StatusOr<Safetensors> Parse(absl::string_view bytes);

  // Null when there is none of that name.
  const Tensor* Find(absl::string_view name) const;
  const std::map<std::string, Tensor, std::less<>>& tensors() const { return tensors_; }

 private:
  std::map<std::string, Tensor, std::less<>> tensors_;
};

// Whether ReadFloats, or ReadInteger, can read the tensor. Values of I8 are floats too: quantised
// tables have them.
bool HasFloats(const Tensor& tensor);
bool HasIntegers(const Tensor& tensor);

// Writes out.size() values from element `begin` on, which must exist. HasFloats(tensor) must hold.
// F64 is rounded; NaN, and what is beyond the range of a float, becomes infinite.
void ReadFloats(const Tensor& tensor, size_t begin, absl::Span<float> out);

// Element `index`, which must exist. HasIntegers(tensor) must hold.
int64_t ReadInteger(const Tensor& tensor, size_t index);

}  // namespace newsprint::embed

#endif  // NEWSPRINT_SERVICE_EMBED_SAFETENSORS_H_
