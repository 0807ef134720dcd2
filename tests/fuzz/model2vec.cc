// Files of a Model2Vec folder: any bytes give an embedder, whose vectors keep the contract, or an
// error.
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "service/embed/model2vec.h"
#include "tests/fuzz/targets.h"

namespace newsprint::fuzz {
// The first four bytes tell the sizes of config and tokenizer; the rest is the model.
void FuzzModel2Vec(absl::string_view bytes) {
  Bytes input(bytes);
  const size_t config_bytes = input.Number<uint16_t>();
  const size_t tokenizer_bytes = input.Number<uint16_t>();
  embed::Model2VecFiles files;
  files.config = std::string(input.Take(config_bytes));
  files.tokenizer = std::string(input.Take(tokenizer_bytes));
  files.model = std::string(input.Rest());
  const auto embedder = embed::Model2VecEmbedder::Create("fuzz", std::move(files));
  if (!embedder.ok()) {
    Require(absl::IsInvalidArgument(embedder.status()), "a bad file is INVALID_ARGUMENT");
    return;
  }
  Require((*embedder)->identity().size() <= 200, "an identity has a limit");
  std::vector<float> vector(static_cast<size_t>((*embedder)->dimension()));
  const embed::EmbedInput article = {"Oil", kMixedText, {}, {}};
  Require((*embedder)->Embed({&article, 1}, absl::MakeSpan(vector)).ok(), "embedding never fails");
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * value;
  Require(squares == 0 || std::abs(squares - 1) < 1e-4, "vectors have length 1 or 0");
}

}  // namespace newsprint::fuzz
