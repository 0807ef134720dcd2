// Any bytes as a tokenizer.json: an error, or a tokenizer that keeps its promises.
#include <vector>

#include "service/embed/wordpiece.h"
#include "tests/fuzz/targets.h"

namespace newsprint::fuzz {
void FuzzTokenizer(absl::string_view bytes) {
  const absl::StatusOr<embed::WordPieceTokenizer> tokenizer =
      embed::WordPieceTokenizer::Parse(bytes);
  if (!tokenizer.ok()) {
    Require(absl::IsInvalidArgument(tokenizer.status()), "a bad file is INVALID_ARGUMENT");
    return;
  }
  Require(tokenizer->median_token_characters() > 0, "tokens have characters");
  const std::vector<uint32_t> ids = tokenizer->Encode(kMixedText);
  size_t known = 0;
  for (const uint32_t id : ids) {
    Require(id <= tokenizer->id_max(), "ids are those of tokens");
    known += id == tokenizer->unk_id() ? 0 : 1;
  }
  constexpr size_t kKnownMax = 3;
  const std::vector<uint32_t> first = tokenizer->Encode(kMixedText, kKnownMax);
  Require(first.size() <= ids.size(), "a beginning is no longer");
  size_t known_first = 0;
  for (size_t i = 0; i < first.size(); ++i) {
    Require(first[i] == ids[i], "a beginning is the beginning");
    known_first += first[i] == tokenizer->unk_id() ? 0 : 1;
  }
  Require(known_first == (known < kKnownMax ? known : kKnownMax), "known tokens are counted");
}

}  // namespace newsprint::fuzz
