// tokenizer.json of the Hugging Face tokenizers library, as far as WordPiece models need it.
#ifndef NEWSPRINT_SERVICE_EMBED_TOKENIZER_JSON_H_
#define NEWSPRINT_SERVICE_EMBED_TOKENIZER_JSON_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/embed/text_steps.h"

namespace newsprint::embed {

inline constexpr size_t kTokenizerBytesMax = 64u << 20;
inline constexpr uint32_t kTokenIdMax = 9'999'999;
inline constexpr size_t kWordCharactersLimit = 1'000;  // for max_input_chars_per_word
inline constexpr size_t kAddedTokensMax = 2'000;
inline constexpr size_t kTextStepsMax = 16;

// A token that is found in the text before words are.
struct AddedToken {
  std::string content;  // not empty
  uint32_t id = 0;
  bool single_word = false;  // counts only where no word goes on before or behind it
  bool normalized = false;   // is looked for, normalised itself, in the normalised text
};

struct TokenizerSpec {
  absl::flat_hash_map<std::string, uint32_t> vocabulary;  // not empty
  std::string unk_token;                                  // is in `vocabulary`
  std::string continuing_subword_prefix;
  size_t word_characters_max = 0;  // longer words are unknown
  std::vector<NormalizerStep> normalizer_steps;
  std::vector<SplitStep> split_steps;    // drop all white space
  std::vector<AddedToken> added_tokens;  // distinct; some are in `vocabulary` too, with their id
  size_t tokens_max = 0;                 // of a text, unknown ones counted
};

// Read are `model` (type WordPiece), `normalizer` (none, BertNormalizer, Lowercase, NFC, NFD, NFKC,
// NFKD, StripAccents, Strip, and a Sequence of these), `pre_tokenizer` (BertPreTokenizer,
// Whitespace, WhitespaceSplit, and a Sequence of these with Punctuation), `added_tokens` and
// `truncation`. The rest, among it `padding`, which would mix padding into means, is not looked at.
// INVALID_ARGUMENT for what is not well-formed, not supported, or beyond a limit, with the place:
// "model.type: not supported, got BPE, limit WordPiece".
absl::StatusOr<TokenizerSpec> ParseTokenizerJson(absl::string_view bytes);

}  // namespace newsprint::embed

#endif  // NEWSPRINT_SERVICE_EMBED_TOKENIZER_JSON_H_
