#include "service/embed/safetensors.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "service/common/status_macros.h"
#include "service/embed/json_object.h"

namespace newsprint::embed {
namespace {

using nlohmann::json;

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little-endian machines only");

struct DtypeInfo {
  absl::string_view name;
  Dtype dtype;
  size_t bytes;  // of one element
};

constexpr DtypeInfo kDtypes[] = {
    {"F64", Dtype::kF64, 8},   {"F32", Dtype::kF32, 4},       {"F16", Dtype::kF16, 2},
    {"BF16", Dtype::kBf16, 2}, {"I8", Dtype::kI8, 1},         {"I32", Dtype::kI32, 4},
    {"I64", Dtype::kI64, 8},   {"BOOL", Dtype::kOther, 1},    {"U8", Dtype::kOther, 1},
    {"I16", Dtype::kOther, 2}, {"U16", Dtype::kOther, 2},     {"U32", Dtype::kOther, 4},
    {"U64", Dtype::kOther, 8}, {"F8_E5M2", Dtype::kOther, 1}, {"F8_E4M3", Dtype::kOther, 1},
};

absl::Status TensorError(absl::string_view name, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat("tensor ", Printable(name), ": ", problem));
}

// The member of `object` under `key` as unsigned integers.
absl::StatusOr<std::vector<size_t>> Sizes(const json& object, absl::string_view name,
                                          const char* key) {
  const auto member = object.find(key);
  if (member == object.end() || !member->is_array()) {
    return TensorError(name, absl::StrCat(key, ": not a list"));
  }
  std::vector<size_t> sizes;
  for (const json& size : *member) {
    if (!size.is_number_unsigned()) {
      return TensorError(name, absl::StrCat(key, ": not a list of whole numbers from 0 on"));
    }
    sizes.push_back(size.get<size_t>());
  }
  return sizes;
}

absl::StatusOr<DtypeInfo> FindDtype(const json& object, absl::string_view name) {
  const auto member = object.find("dtype");
  if (member == object.end() || !member->is_string()) {
    return TensorError(name, "dtype: not a string");
  }
  const std::string& dtype = member->get_ref<const std::string&>();
  for (const DtypeInfo& info : kDtypes) {
    if (info.name == dtype) return info;
  }
  return TensorError(name, absl::StrCat("dtype: unknown, got ", Printable(dtype)));
}

// The product of `factors` and `product`; false when it overflows.
bool Multiply(absl::Span<const size_t> factors, size_t* product) {
  for (const size_t factor : factors) {
    if (__builtin_mul_overflow(*product, factor, product)) return false;
  }
  return true;
}

// `data`: all tensors' bytes.
absl::StatusOr<Tensor> MakeTensor(absl::string_view name, const json& object,
                                  absl::string_view data) {
  if (!object.is_object()) return TensorError(name, "not a JSON object");
  ASSIGN_OR_RETURN(const DtypeInfo info, FindDtype(object, name));
  Tensor tensor;
  tensor.dtype = info.dtype;
  tensor.dtype_name = info.name;
  ASSIGN_OR_RETURN(tensor.shape, Sizes(object, name, "shape"));
  ASSIGN_OR_RETURN(const std::vector<size_t> offsets, Sizes(object, name, "data_offsets"));
  if (offsets.size() != 2 || offsets[0] > offsets[1]) {
    return TensorError(name, "data_offsets: not a begin and an end");
  }
  if (offsets[1] > data.size()) {
    return TensorError(name, absl::StrCat("data_offsets: beyond the end of the file, got ",
                                          offsets[1], ", limit ", data.size()));
  }
  tensor.elements = 1;
  size_t bytes = info.bytes;
  if (!Multiply(tensor.shape, &tensor.elements) || !Multiply({tensor.elements}, &bytes) ||
      bytes != offsets[1] - offsets[0]) {
    return TensorError(name, absl::StrCat("shape: does not fit data_offsets, which hold ",
                                          offsets[1] - offsets[0], " bytes"));
  }
  tensor.bytes = data.substr(offsets[0], bytes);
  return tensor;
}

// Whether the tensors cover `data` without gap and overlap.
absl::Status CheckCover(const std::map<std::string, Tensor, std::less<>>& tensors,
                        absl::string_view data) {
  std::vector<std::pair<absl::string_view, absl::string_view>> named;  // bytes, name
  for (const auto& [name, tensor] : tensors) named.emplace_back(tensor.bytes, name);
  // By begin, then by end, so that an empty tensor goes before the one that begins where it is.
  std::sort(named.begin(), named.end(), [](const auto& a, const auto& b) {
    return a.first.data() != b.first.data() ? a.first.data() < b.first.data()
                                            : a.first.size() < b.first.size();
  });
  size_t end = 0;
  for (const auto& [bytes, name] : named) {
    const size_t begin = static_cast<size_t>(bytes.data() - data.data());
    if (begin != end) {
      return TensorError(
          name, absl::StrCat("data_offsets: a gap or an overlap, got ", begin, ", expected ", end));
    }
    end += bytes.size();
  }
  if (end != data.size()) {
    return absl::InvalidArgumentError(absl::StrCat("the file is longer than its tensors, got ",
                                                   data.size(), " bytes, expected ", end));
  }
  return absl::OkStatus();
}

template <typename T>
T Load(const Tensor& tensor, size_t index) {
  T value;
  std::memcpy(&value, tensor.bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

float FromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

// IEEE 754 binary16. Its exponent and fraction, read as those of a float, are 2^112 times too
// small, subnormal ones too; the greatest exponent stands for infinity and NaN.
float FromHalf(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t magnitude = static_cast<uint32_t>(half & 0x7FFF) << 13;
  const float finite = FromBits(magnitude) * 0x1p112f;
  const float value = magnitude < 0x0F800000 ? finite : FromBits(magnitude | 0x7F800000);
  return sign == 0 ? value : -value;
}

float FromBfloat16(uint16_t bits) { return FromBits(static_cast<uint32_t>(bits) << 16); }

template <typename T, typename Convert>
void ReadAll(const Tensor& tensor, size_t begin, absl::Span<float> out, Convert convert) {
  for (size_t i = 0; i < out.size(); ++i) out[i] = convert(Load<T>(tensor, begin + i));
}

}  // namespace

absl::StatusOr<Safetensors> Safetensors::Parse(absl::string_view bytes) {
  uint64_t header_bytes;
  if (bytes.size() < sizeof(header_bytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("header length: cut off, got ", bytes.size(), " bytes, expected 8"));
  }
  std::memcpy(&header_bytes, bytes.data(), sizeof(header_bytes));
  bytes.remove_prefix(sizeof(header_bytes));
  if (header_bytes > kSafetensorsHeaderBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("header length: got ", header_bytes, ", limit ", kSafetensorsHeaderBytesMax));
  }
  if (header_bytes > bytes.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("header: cut off, got ", bytes.size(), " bytes, expected ", header_bytes));
  }
  ASSIGN_OR_RETURN(const json header, ParseJsonObject(bytes.substr(0, header_bytes), "header"));
  const absl::string_view data = bytes.substr(header_bytes);

  Safetensors result;
  for (const auto& [name, object] : header.items()) {
    if (name == "__metadata__") continue;
    ASSIGN_OR_RETURN(Tensor tensor, MakeTensor(name, object, data));
    result.tensors_.emplace(name, std::move(tensor));
  }
  RETURN_IF_ERROR(CheckCover(result.tensors_, data));
  return result;
}

const Tensor* Safetensors::Find(absl::string_view name) const {
  const auto found = tensors_.find(std::string(name));
  return found == tensors_.end() ? nullptr : &found->second;
}

bool HasFloats(const Tensor& tensor) {
  return tensor.dtype == Dtype::kF64 || tensor.dtype == Dtype::kF32 ||
         tensor.dtype == Dtype::kF16 || tensor.dtype == Dtype::kBf16 || tensor.dtype == Dtype::kI8;
}

bool HasIntegers(const Tensor& tensor) {
  return tensor.dtype == Dtype::kI8 || tensor.dtype == Dtype::kI32 || tensor.dtype == Dtype::kI64;
}

void ReadFloats(const Tensor& tensor, size_t begin, absl::Span<float> out) {
  switch (tensor.dtype) {
    case Dtype::kF64:
      return ReadAll<double>(tensor, begin, out, [](double value) {
        // Beyond a float's range the conversion itself would be undefined.
        return std::abs(value) <= std::numeric_limits<float>::max()
                   ? static_cast<float>(value)
                   : static_cast<float>(std::copysign(HUGE_VALF, value));
      });
    case Dtype::kF32:
      if (out.empty()) return;  // and then perhaps no place to copy to
      std::memcpy(out.data(), tensor.bytes.data() + begin * sizeof(float),
                  out.size() * sizeof(float));
      return;
    case Dtype::kF16:
      return ReadAll<uint16_t>(tensor, begin, out, FromHalf);
    case Dtype::kBf16:
      return ReadAll<uint16_t>(tensor, begin, out, FromBfloat16);
    case Dtype::kI8:
      return ReadAll<int8_t>(tensor, begin, out,
                             [](int8_t value) { return static_cast<float>(value); });
    case Dtype::kI32:
    case Dtype::kI64:
    case Dtype::kOther:
      std::fill(out.begin(), out.end(), 0.0f);
  }
}

int64_t ReadInteger(const Tensor& tensor, size_t index) {
  switch (tensor.dtype) {
    case Dtype::kI8:
      return Load<int8_t>(tensor, index);
    case Dtype::kI32:
      return Load<int32_t>(tensor, index);
    case Dtype::kI64:
      return Load<int64_t>(tensor, index);
    default:
      return 0;
  }
}

}  // namespace newsprint::embed
