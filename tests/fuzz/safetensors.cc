// Any bytes as a file of tensors: an error, or tensors that lie within the bytes and can be read.
#include <vector>

#include "service/embed/safetensors.h"
#include "tests/fuzz/targets.h"

namespace newsprint::fuzz {

void FuzzSafetensors(absl::string_view bytes) {
  const absl::StatusOr<embed::Safetensors> tensors = embed::Safetensors::Parse(bytes);
  if (!tensors.ok()) {
    Require(absl::IsInvalidArgument(tensors.status()), "a bad file is INVALID_ARGUMENT");
    return;
  }
  size_t size = 0;
  for (const auto& [name, tensor] : tensors->tensors()) {
    size += tensor.bytes.size();
    size_t elements = 1;
    for (const size_t side : tensor.shape) elements *= side;
    Require(elements == tensor.elements, "elements are the product of the shape");
    Require(tensor.bytes.empty() ||
                (tensor.bytes.data() >= bytes.data() &&
                 tensor.bytes.data() + tensor.bytes.size() <= bytes.data() + bytes.size()),
            "a tensor is of the bytes");
    if (embed::HasFloats(tensor)) {
      std::vector<float> values(tensor.elements);
      embed::ReadFloats(tensor, 0, absl::MakeSpan(values));
    }
    if (embed::HasIntegers(tensor) && tensor.elements > 0) {
      embed::ReadInteger(tensor, tensor.elements - 1);
    }
    Require(tensors->Find(name) == &tensor, "a tensor is found by its name");
  }
  Require(size <= bytes.size(), "tensors do not overlap");
}

}  // namespace newsprint::fuzz
