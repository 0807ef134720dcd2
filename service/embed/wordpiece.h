// Text to the tokens of a WordPiece vocabulary, as the tokenizers of BERT and its kin do it.
#ifndef NEWSPRINT_SERVICE_EMBED_WORDPIECE_H_
#define NEWSPRINT_SERVICE_EMBED_WORDPIECE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/embed/tokenizer_json.h"

namespace newsprint::embed {

// Text is normalised and split into words; each word becomes the longest token of the vocabulary
// that begins it, then the longest that goes on from there, these under their prefix ("##"), and so
// on. A word that cannot be covered so is the unknown token, once (Y. Wu et al.: Google's Neural
// Machine Translation System, 2016, section 4.1; M. Schuster, K. Nakajima: Japanese and Korean
// Voice Search, 2012). Immutable, so thread-safe.
class WordPieceTokenizer {
 public:
  // From the text of a tokenizer.json. Errors: as ParseTokenizerJson.
  static absl::StatusOr<WordPieceTokenizer> Parse(absl::string_view tokenizer_json);

  // The ids of the tokens of `utf8`, which must be well-formed, in order, without the special ones
  // that models want at the ends. Ends after `known_max` ids other than unk_id().
  std::vector<uint32_t> Encode(absl::string_view utf8,
                               size_t known_max = std::numeric_limits<size_t>::max()) const;

  uint32_t unk_id() const { return unk_id_; }
  // Distinct tokens, with the added ones.
  size_t vocabulary_size() const { return vocabulary_size_; }
  uint32_t id_max() const { return id_max_; }
  // The median of the tokens' lengths in characters, prefix included, rounded down; at least 1.
  size_t median_token_characters() const { return median_token_characters_; }

 private:
  // Tokens that are looked for in one form of the text, raw or normalised.
  struct AddedTokens {
    std::vector<AddedToken> tokens;  // longest first
    std::array<bool, 256> first_bytes{};
  };
  struct Segment {  // a stretch of text, or an added token
    absl::string_view text;
    const AddedToken* token = nullptr;
  };
  class Output;

  explicit WordPieceTokenizer(TokenizerSpec spec);
  void TakeVocabulary(TokenizerSpec* spec);
  void TakeAddedTokens(TokenizerSpec* spec);

  static std::vector<Segment> FindAdded(const AddedTokens& added, absl::string_view text);
  // False when `output` is full.
  bool EncodeWord(absl::string_view word, Output* output) const;

  uint32_t unk_id_ = 0;
  uint32_t id_max_ = 0;
  size_t vocabulary_size_ = 0;
  size_t median_token_characters_ = 1;
  size_t word_characters_max_ = 0;
  size_t tokens_max_ = 0;
  size_t token_bytes_max_ = 0;                                // of the longest
  absl::flat_hash_map<std::string, uint32_t> tokens_;         // for the beginning of a word
  absl::flat_hash_map<std::string, uint32_t> continuations_;  // without their prefix
  std::vector<NormalizerStep> normalizer_steps_;
  std::vector<SplitStep> split_steps_;
  AddedTokens raw_added_;
  AddedTokens normalized_added_;
};

}  // namespace newsprint::embed

#endif  // NEWSPRINT_SERVICE_EMBED_WORDPIECE_H_
