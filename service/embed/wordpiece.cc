#include "service/embed/wordpiece.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "service/common/status_macros.h"
#include "service/text/utf8.h"

namespace newsprint::embed {
namespace {

bool BeginsCharacter(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }

size_t CountCharacters(absl::string_view utf8) {
  return static_cast<size_t>(std::count_if(utf8.begin(), utf8.end(), BeginsCharacter));
}

bool BeginsWithWord(absl::string_view utf8) {
  size_t position = 0;
  return !utf8.empty() && IsWordCharacter(text::NextCharacter(utf8, &position));
}

bool EndsWithWord(absl::string_view utf8) {
  if (utf8.empty()) return false;
  size_t position = utf8.size() - 1;
  while (position > 0 && !BeginsCharacter(utf8[position])) --position;
  return IsWordCharacter(text::NextCharacter(utf8, &position));
}

// Rounds the mean of the two in the middle down.
size_t Median(std::vector<size_t> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

}  // namespace

// Ids up to the limits.
class WordPieceTokenizer::Output {
 public:
  Output(uint32_t unk_id, size_t tokens_max, size_t known_max)
      : unk_id_(unk_id), tokens_left_(tokens_max), known_left_(known_max) {}

  bool full() const { return tokens_left_ == 0 || known_left_ == 0; }

  // False when it is full, before or behind `id`.
  bool Add(uint32_t id) {
    if (full()) return false;
    ids_.push_back(id);
    --tokens_left_;
    if (id != unk_id_) --known_left_;
    return !full();
  }

  std::vector<uint32_t> Take() { return std::move(ids_); }

 private:
  const uint32_t unk_id_;
  size_t tokens_left_;
  size_t known_left_;
  std::vector<uint32_t> ids_;
};

absl::StatusOr<WordPieceTokenizer> WordPieceTokenizer::Parse(absl::string_view tokenizer_json) {
  ASSIGN_OR_RETURN(TokenizerSpec spec, ParseTokenizerJson(tokenizer_json));
  return WordPieceTokenizer(std::move(spec));
}

WordPieceTokenizer::WordPieceTokenizer(TokenizerSpec spec)
    : word_characters_max_(spec.word_characters_max),
      tokens_max_(spec.tokens_max),
      normalizer_steps_(std::move(spec.normalizer_steps)),
      split_steps_(std::move(spec.split_steps)) {
  TakeVocabulary(&spec);
  TakeAddedTokens(&spec);
}

void WordPieceTokenizer::TakeVocabulary(TokenizerSpec* spec) {
  unk_id_ = spec->vocabulary.at(spec->unk_token);
  const std::string& prefix = spec->continuing_subword_prefix;
  std::vector<size_t> lengths;
  lengths.reserve(spec->vocabulary.size());
  for (const auto& [token, id] : spec->vocabulary) {
    id_max_ = std::max(id_max_, id);
    token_bytes_max_ = std::max(token_bytes_max_, token.size());
    lengths.push_back(CountCharacters(token));
    if (absl::StartsWith(token, prefix)) continuations_.emplace(token.substr(prefix.size()), id);
  }
  for (const AddedToken& token : spec->added_tokens) {
    if (spec->vocabulary.contains(token.content)) continue;
    id_max_ = std::max(id_max_, token.id);
    lengths.push_back(CountCharacters(token.content));
  }
  vocabulary_size_ = lengths.size();
  median_token_characters_ = std::max<size_t>(1, Median(std::move(lengths)));
  tokens_ = std::move(spec->vocabulary);
}

void WordPieceTokenizer::TakeAddedTokens(TokenizerSpec* spec) {
  for (AddedToken& token : spec->added_tokens) {
    if (token.normalized) token.content = Normalize(normalizer_steps_, token.content);
    if (token.content.empty()) continue;
    AddedTokens& added = token.normalized ? normalized_added_ : raw_added_;
    added.first_bytes[static_cast<unsigned char>(token.content.front())] = true;
    added.tokens.push_back(std::move(token));
  }
  for (AddedTokens* added : {&raw_added_, &normalized_added_}) {
    std::stable_sort(added->tokens.begin(), added->tokens.end(),
                     [](const AddedToken& a, const AddedToken& b) {
                       return a.content.size() > b.content.size();
                     });
  }
}

std::vector<WordPieceTokenizer::Segment> WordPieceTokenizer::FindAdded(const AddedTokens& added,
                                                                       absl::string_view text) {
  std::vector<Segment> segments;
  size_t begin = 0;
  for (size_t position = 0; position < text.size();) {
    if (!added.first_bytes[static_cast<unsigned char>(text[position])]) {
      ++position;
      continue;
    }
    const absl::string_view rest = text.substr(position);
    const auto token = std::find_if(
        added.tokens.begin(), added.tokens.end(),
        [rest](const AddedToken& candidate) { return absl::StartsWith(rest, candidate.content); });
    if (token == added.tokens.end()) {
      ++position;
      continue;
    }
    const size_t end = position + token->content.size();
    // As in the reference, what is within a token that does not count is not looked at again.
    if (!token->single_word ||
        (!EndsWithWord(text.substr(0, position)) && !BeginsWithWord(text.substr(end)))) {
      segments.push_back({text.substr(begin, position - begin), nullptr});
      segments.push_back({text.substr(position, end - position), &*token});
      begin = end;
    }
    position = end;
  }
  segments.push_back({text.substr(begin), nullptr});
  return segments;
}

bool WordPieceTokenizer::EncodeWord(absl::string_view word, Output* output) const {
  if (CountCharacters(word) > word_characters_max_) return output->Add(unk_id_);
  std::vector<uint32_t> pieces;
  for (size_t begin = 0; begin < word.size();) {
    const auto& candidates = begin == 0 ? tokens_ : continuations_;
    size_t length = std::min(word.size() - begin, token_bytes_max_);
    auto found = candidates.end();
    for (; length > 0; --length) {
      const bool whole = begin + length == word.size() || BeginsCharacter(word[begin + length]);
      if (!whole) continue;
      found = candidates.find(word.substr(begin, length));
      if (found != candidates.end()) break;
    }
    if (length == 0) return output->Add(unk_id_);
    pieces.push_back(found->second);
    begin += length;
  }
  return std::all_of(pieces.begin(), pieces.end(),
                     [output](uint32_t piece) { return output->Add(piece); });
}

std::vector<uint32_t> WordPieceTokenizer::Encode(absl::string_view utf8, size_t known_max) const {
  Output output(unk_id_, tokens_max_, known_max);
  const auto encode_words = [&](absl::string_view text) {
    for (const absl::string_view word : Split(split_steps_, text)) {
      if (!EncodeWord(word, &output)) return;
    }
  };
  for (const Segment& raw : FindAdded(raw_added_, utf8)) {
    if (output.full()) break;
    if (raw.token != nullptr) {
      output.Add(raw.token->id);
      continue;
    }
    const std::string normalized = Normalize(normalizer_steps_, raw.text);
    for (const Segment& segment : FindAdded(normalized_added_, normalized)) {
      if (segment.token == nullptr) {
        encode_words(segment.text);
      } else {
        output.Add(segment.token->id);
      }
    }
  }
  return output.Take();
}

}  // namespace newsprint::embed
