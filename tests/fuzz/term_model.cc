// Any bytes as a model file, with a checksum that is right, and as they are.
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "service/common/hash.h"
#include "service/embed/term_embedder.h"
#include "service/embed/term_model.h"
#include "tests/fuzz/targets.h"

namespace newsprint::fuzz {
namespace {

// Where the checksum lies, and what it is of (docs/model-format.md).
constexpr size_t kChecksumAt = 8, kSummedFrom = 16;

void CheckTermVectors(const embed::TermModel& model) {
  const embed::TermEmbedder embedder(std::make_shared<embed::TermModel>(model));
  std::vector<text::Token> tokens = {text::TokenOf("oil"), text::TokenOf("1998"),
                                     text::TokenOf("oil")};
  for (size_t i = 0; i < model.words() && i < 20; ++i) tokens.push_back(model.Word(i).token);
  std::vector<float> vector(static_cast<size_t>(embedder.dimension()));
  const embed::EmbedInput article = {"", "", {tokens.data(), 2}, tokens};
  Require(embedder.Embed({&article, 1}, absl::MakeSpan(vector)).ok(), "embedding never fails");
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * value;
  Require(squares == 0 || std::abs(squares - 1) < 1e-4, "vectors have length 1 or 0");
}

void CheckTermModel(absl::string_view bytes) {
  const absl::StatusOr<embed::TermModel> model = embed::TermModel::Parse(bytes);
  if (!model.ok()) {
    Require(absl::IsInvalidArgument(model.status()), "a bad file is INVALID_ARGUMENT");
    return;
  }
  Require(model->file() == bytes, "a model is all of its bytes");
  std::vector<float> row(static_cast<size_t>(model->dimension()));
  for (size_t i = 0; i < model->words(); ++i) {
    const text::Token token = model->Word(i).token;
    Require(model->Find(token) == static_cast<int64_t>(i), "each word is found");
    const double share = model->DocumentShare(token);
    Require(share > 0 && share <= 1, "a share is above 0 to 1");
    model->VectorOf(token, absl::MakeSpan(row));
  }
  for (size_t i = 0; i < model->hash_rows(); ++i) model->HashRow(i, absl::MakeSpan(row));
  embed::TermCounting counting;
  counting.lede_tokens = 7;
  const auto other = embed::ReplaceCounting(bytes, counting);
  Require(other.ok() && embed::TermModel::Parse(*other).value().counting().lede_tokens == 7,
          "counting is replaced");
  CheckTermVectors(*model);
}

}  // namespace

void FuzzTermModel(absl::string_view bytes) {
  CheckTermModel(bytes);
  if (bytes.size() < kSummedFrom) return;
  std::string sealed(bytes);
  const uint64_t sum = Hash64(sealed.data() + kSummedFrom, sealed.size() - kSummedFrom);
  std::memcpy(&sealed[kChecksumAt], &sum, sizeof(sum));
  CheckTermModel(sealed);
}

}  // namespace newsprint::fuzz
