// Files of a model: any bytes give an embedder, whose vectors keep the contract, or an error.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "service/embed/model2vec.h"
#include "service/embed/safetensors.h"
#include "service/embed/wordpiece.h"

namespace newsprint::embed {
namespace {

void Require(bool condition) {
  if (!condition) __builtin_trap();
}

constexpr absl::string_view kText =
    "Ölpreise: the price of oil’s up 5%\t新华社 [MASK] <b>İstanbul</b> aaaaaaaaaaaaaaaa\u0301 ﬁ";

void CheckSafetensors(absl::string_view bytes) {
  const absl::StatusOr<Safetensors> tensors = Safetensors::Parse(bytes);
  if (!tensors.ok()) return;
  size_t size = 0;
  for (const auto& [name, tensor] : tensors->tensors()) {
    size += tensor.bytes.size();
    if (HasFloats(tensor)) {
      std::vector<float> values(tensor.elements);
      ReadFloats(tensor, 0, absl::MakeSpan(values));
    }
    if (HasIntegers(tensor) && tensor.elements > 0) ReadInteger(tensor, tensor.elements - 1);
  }
  Require(size <= bytes.size());
}

void CheckTokenizer(absl::string_view json, absl::string_view text) {
  const absl::StatusOr<WordPieceTokenizer> tokenizer = WordPieceTokenizer::Parse(json);
  if (!tokenizer.ok()) return;
  Require(tokenizer->median_token_characters() > 0);
  const std::vector<uint32_t> ids = tokenizer->Encode(text);
  for (const uint32_t id : ids) Require(id <= tokenizer->id_max());
  const std::vector<uint32_t> first = tokenizer->Encode(text, 3);
  Require(first.size() <= ids.size());
  for (size_t i = 0; i < first.size(); ++i) Require(first[i] == ids[i]);
}

void CheckEmbedder(Model2VecFiles files) {
  const auto embedder = Model2VecEmbedder::Create("fuzz", std::move(files));
  if (!embedder.ok()) return;
  Require((*embedder)->identity().size() <= 200);
  std::vector<float> vector(static_cast<size_t>((*embedder)->dimension()));
  const EmbedInput input = {"Oil", kText, {}, {}};
  Require((*embedder)->Embed({&input, 1}, absl::MakeSpan(vector)).ok());
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * value;
  Require(squares == 0 || std::abs(squares - 1) < 1e-4);
}

}  // namespace
}  // namespace newsprint::embed

// The first four bytes tell the sizes of config and tokenizer; the rest is the model.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace newsprint::embed;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  CheckSafetensors(bytes);
  CheckTokenizer(bytes, kText);
  if (size < 4) return 0;
  const size_t config_bytes = data[0] + 256u * data[1];
  const size_t tokenizer_bytes = data[2] + 256u * data[3];
  if (4 + config_bytes + tokenizer_bytes > size) return 0;
  CheckEmbedder({std::string(bytes.substr(4, config_bytes)),
                 std::string(bytes.substr(4 + config_bytes + tokenizer_bytes)),
                 std::string(bytes.substr(4 + config_bytes, tokenizer_bytes))});
  return 0;
}
