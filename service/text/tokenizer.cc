#include "service/text/tokenizer.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>
#include <unicode/uchar.h>
#include <unicode/uscript.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "absl/numeric/bits.h"
#include "absl/strings/ascii.h"
#include "service/common/hash.h"
#include "service/text/byte_masks.h"
#include "service/text/html.h"
#include "service/text/utf8.h"

namespace newsprint::text {
namespace {

// Far beyond what any language writes.
constexpr size_t kMarksInARowMax = 30;

// ICU fails only when its data files or memory are missing: nothing that a caller could mend.
void CheckIcu(UErrorCode status) {
  if (U_SUCCESS(status)) return;
  std::fprintf(stderr, "ICU: %s\n", u_errorName(status));
  std::abort();
}

const icu::Normalizer2& NfkcCasefold() {
  static const icu::Normalizer2* const normalizer = [] {
    UErrorCode status = U_ZERO_ERROR;
    const icu::Normalizer2* instance = icu::Normalizer2::getNFKCCasefoldInstance(status);
    CheckIcu(status);
    return instance;
  }();
  return *normalizer;
}

// What a character of normalised text does to words.
enum class CharacterClass {
  kSeparator,
  kLetter,
  kDigit,
  kMark,   // belongs to the letter or digit before it
  kAlone,  // with its marks, is a word by itself
};

bool IsInScriptWithoutSpaces(UChar32 c) {
  constexpr UChar32 kFirst = 0x0E01;               // Thai, the lowest of them
  constexpr UChar32 kProlongedSoundMark = 0x30FC;  // of Hiragana and Katakana, so of script Common
  if (c < kFirst) return false;
  if (c == kProlongedSoundMark) return true;
  UErrorCode status = U_ZERO_ERROR;
  switch (uscript_getScript(c, &status)) {
    case USCRIPT_HAN:
    case USCRIPT_HIRAGANA:
    case USCRIPT_KATAKANA:
    case USCRIPT_THAI:
    case USCRIPT_LAO:
    case USCRIPT_KHMER:
    case USCRIPT_MYANMAR:
      return true;
    default:
      return false;
  }
}

CharacterClass Classify(UChar32 c) {
  // Modifier letters that serve as apostrophes and quotes ("Hawaiʻi").
  if (c >= 0x02B9 && c <= 0x02BF) return CharacterClass::kSeparator;
  const uint32_t category = U_GET_GC_MASK(c);
  if ((category & U_GC_ND_MASK) != 0) return CharacterClass::kDigit;
  if ((category & U_GC_M_MASK) != 0) return CharacterClass::kMark;
  if ((category & (U_GC_L_MASK | U_GC_NL_MASK)) == 0) return CharacterClass::kSeparator;
  return IsInScriptWithoutSpaces(c) ? CharacterClass::kAlone : CharacterClass::kLetter;
}

// Bytes of the character at the start of `text` if it is one of the punctuation that typesetting
// puts between the words of Latin text and that normalises to nothing but separators; else 0.
size_t TypographicSeparatorBytes(absl::string_view text) {
  const auto at = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (text.size() < 2) return 0;
  if (at(0) == 0xC2) {  // U+00A0 (no-break space), « and »
    return at(1) == 0xA0 || at(1) == 0xAB || at(1) == 0xBB ? 2 : 0;
  }
  if (text.size() < 3 || at(0) != 0xE2 || at(1) != 0x80) return 0;
  return at(2) >= 0x90 && at(2) <= 0xA7 ? 3 : 0;  // U+2010 to U+2027: dashes, quotes, …, •
}

bool IsDigits(const char* begin, size_t size) {
  return std::all_of(begin, begin + size, absl::ascii_isdigit);
}

constexpr char kLowerCaseBit = 0x20;  // in ASCII letters; digits have it anyway

// A stretch of text with its runs: words of ASCII letters and digits alone, and pieces, which are
// what else lies between two ASCII separators or typographic ones.
class Chunk {
 public:
  // Small enough for the first-level cache, with all that is noted about it.
  static constexpr size_t kBytesMax = 2048;
  static constexpr size_t kRunsMax = kBytesMax / 2;

  // Finds the runs at the beginning of `text`. One that goes on behind the chunk is left to the
  // next one, unless it is the first.
  void Read(absl::string_view text) {
    text_ = text;
    const size_t size = std::min(text.size(), kBytesMax);
    end_ = size;
    const size_t masks = (size + kMaskBytes - 1) / kMaskBytes;
    ClassifyBytes(text.substr(0, size), masks_.data());
    has_pieces_ = false;
    for (size_t i = 0; i < masks; ++i) {
      if (masks_[i].non_ascii != 0) TakeOutTypography(i);
    }
    FindEdges(masks);
    const bool cut = runs_ > 0 && size < text.size() && edges_[2 * runs_ - 1] == size;
    if (cut && edges_[2 * runs_ - 2] > 0) {
      --runs_;
      end_ = edges_[2 * runs_];
    } else if (cut) {
      runs_ = 0;
      end_ = 0;
    }
  }

  const char* text() const { return text_.data(); }
  // Bytes of the text that the chunk deals with; 0 when they begin with a run longer than a chunk.
  size_t end() const { return end_; }
  // Bytes that can be read from text().
  size_t readable() const { return text_.size(); }
  size_t runs() const { return runs_; }
  size_t start(size_t run) const { return edges_[2 * run]; }
  size_t size(size_t run) const { return edges_[2 * run + 1] - edges_[2 * run]; }
  absl::string_view run(size_t run) const { return text_.substr(start(run), size(run)); }
  // Whether any run is a piece, and whether this one is.
  bool has_pieces() const { return has_pieces_; }
  bool IsPiece(size_t run) const {
    const size_t first = start(run) / kMaskBytes;
    const size_t last = (start(run) + size(run) - 1) / kMaskBytes;
    uint64_t mask = masks_[first].non_ascii & (~uint64_t{0} << start(run) % kMaskBytes);
    for (size_t i = first; i < last; mask = masks_[++i].non_ascii) {
      if (mask != 0) return true;
    }
    const size_t behind = kMaskBytes - 1 - (start(run) + size(run) - 1) % kMaskBytes;
    return (mask << behind) != 0;
  }

 private:
  // Makes separators of the typographic ones that begin in mask `i`.
  void TakeOutTypography(size_t i) {
    for (uint64_t rest = masks_[i].non_ascii; rest != 0; rest &= rest - 1) {
      const size_t at = i * kMaskBytes + static_cast<size_t>(absl::countr_zero(rest));
      const size_t bytes = TypographicSeparatorBytes(text_.substr(at));
      for (size_t byte = at; byte < at + bytes; ++byte) {
        masks_[byte / kMaskBytes].non_ascii &= ~(uint64_t{1} << byte % kMaskBytes);
      }
      end_ = std::max(end_, at + bytes);
      if (bytes > 0) rest &= masks_[i].non_ascii | (rest & -rest);
    }
    has_pieces_ |= masks_[i].non_ascii != 0;
  }

  void FindEdges(size_t masks) {
    uint16_t* edge = edges_.data();
    uint64_t open = 0;  // whether a run goes on
    for (size_t i = 0; i < masks; ++i) {
      const uint64_t runs = masks_[i].word | masks_[i].non_ascii;
      uint64_t changes = runs ^ (runs << 1 | open);
      open = runs >> 63;
      const auto base = static_cast<unsigned>(i * kMaskBytes);
      uint16_t* const end = edge + absl::popcount(changes);
      // Some too many, which the next mask writes over: cheaper than a branch each.
      while (edge < end) {
        for (size_t j = 0; j < kEdgesAtOnce; ++j) {
          edge[j] = static_cast<uint16_t>(base + static_cast<unsigned>(absl::countr_zero(changes)));
          changes &= changes - 1;
        }
        edge += kEdgesAtOnce;
      }
      edge = end;
    }
    if (open != 0) *edge++ = static_cast<uint16_t>(masks * kMaskBytes);
    runs_ = static_cast<size_t>(edge - edges_.data()) / 2;
  }

  static constexpr size_t kEdgesAtOnce = 8;

  absl::string_view text_;  // to the end of the whole
  size_t end_ = 0;
  size_t runs_ = 0;
  bool has_pieces_ = false;
  // A typographic separator may reach two bytes behind the chunk.
  std::array<ByteMasks, kBytesMax / kMaskBytes + 1> masks_;
  std::array<uint16_t, kBytesMax + 1 + kEdgesAtOnce> edges_;  // start, end, start, end...
};

// Splits well-formed text without markup into normalised words and hands them to `sink`, in order:
// with Begin(chunk) and then Add(chunk, first, last), the runs from `first` to before `last`, which
// are words of ASCII; and with Add(word), an absl::string_view that is valid during the call.
//
// Normalisation runs only on pieces that need it. That equals normalising the whole, as separators
// compose with no letter and no mark can move across them.
template <typename Sink>
class WordSplitter {
 public:
  explicit WordSplitter(Sink* sink) : sink_(*sink) {}

  void Split(absl::string_view text) {
    while (!text.empty()) {
      chunk_.Read(text);
      size_t end = chunk_.end();
      if (end == 0) {
        end = LongRunEnd(text);
        AddLongRun(text.substr(0, end));
      } else {
        AddRuns();
      }
      text.remove_prefix(end);
    }
  }

 private:
  void AddRuns() {
    sink_.Begin(chunk_);
    size_t next = 0;
    if (chunk_.has_pieces()) {
      for (size_t run = 0; run < chunk_.runs(); ++run) {
        if (!chunk_.IsPiece(run)) continue;
        sink_.Add(chunk_, next, run);
        SplitPiece(chunk_.run(run));
        next = run + 1;
      }
    }
    sink_.Add(chunk_, next, chunk_.runs());
  }

  // The end of the run that `text` begins with.
  static size_t LongRunEnd(absl::string_view text) {
    size_t i = 0;
    while (i < text.size()) {
      const char c = text[i];
      const bool ascii = static_cast<unsigned char>(c) < 0x80;
      if (ascii ? !absl::ascii_isalnum(c) : TypographicSeparatorBytes(text.substr(i)) > 0) break;
      ++i;
    }
    return i;
  }

  void AddLongRun(absl::string_view run) {
    if (FindByteKinds(run).non_ascii) {
      SplitPiece(run);
      return;
    }
    normalised_.assign(run.data(), run.size());
    for (char& c : normalised_) c = static_cast<char>(c | kLowerCaseBit);
    sink_.Add(normalised_);
  }

  // Normalises a piece of text and emits its words.
  void SplitPiece(absl::string_view piece) {
    if (piece.size() > kMarksInARowMax) {
      LimitMarks(piece);
      piece = limited_;
    }
    normalised_.clear();
    icu::StringByteSink<std::string> sink(&normalised_);
    UErrorCode status = U_ZERO_ERROR;
    NfkcCasefold().normalizeUTF8(0,
                                 icu::StringPiece(piece.data(), static_cast<int32_t>(piece.size())),
                                 sink, nullptr, status);
    CheckIcu(status);
    SplitNormalised();
  }

  // Copies `piece` to limited_ without marks beyond kMarksInARowMax in a row, as the Stream-Safe
  // Text Format of Unicode Annex 15 has it: ICU sorts a run of them in quadratic time.
  void LimitMarks(absl::string_view piece) {
    limited_.clear();
    size_t marks = 0;
    for (size_t i = 0; i < piece.size();) {
      const size_t start = i;
      const auto c = static_cast<UChar32>(NextCharacter(piece, &i));
      marks = u_getCombiningClass(c) != 0 ? marks + 1 : 0;
      if (marks <= kMarksInARowMax) limited_.append(piece.data() + start, i - start);
    }
  }

  void SplitNormalised() {
    const char* const data = normalised_.data();
    const size_t size = normalised_.size();
    size_t word_start = 0;
    size_t word_end = 0;  // equal to `word_start` outside of words
    bool alone = false;   // whether the word is of a script without spaces: only marks may follow
    const auto finish_word = [&] {
      if (word_end > word_start) {
        sink_.Add(absl::string_view(data + word_start, word_end - word_start));
      }
      alone = false;
    };
    for (size_t i = 0; i < size;) {
      const size_t character_start = i;
      const auto c = static_cast<UChar32>(NextCharacter(normalised_, &i));
      const CharacterClass character_class = Classify(c);
      const bool in_word = word_end > word_start;
      if (in_word && (character_class == CharacterClass::kMark ||
                      (!alone && (character_class == CharacterClass::kLetter ||
                                  character_class == CharacterClass::kDigit)))) {
        word_end = i;
        continue;
      }
      finish_word();
      const bool starts_word =
          character_class != CharacterClass::kSeparator && character_class != CharacterClass::kMark;
      word_start = character_start;
      word_end = starts_word ? i : character_start;
      alone = character_class == CharacterClass::kAlone;
    }
    finish_word();
  }

  Sink& sink_;
  Chunk chunk_;
  std::string normalised_;  // kept for its capacity
  std::string limited_;
};

// Hands the normalised words of `text`, any bytes, to `sink`.
template <typename Sink>
void ForEachWord(absl::string_view text, Sink* sink) {
  const ByteKinds kinds = FindByteKinds(text);
  std::string repaired, plain, undone;
  if (kinds.non_ascii && !IsValidUtf8(text)) text = repaired = RepairUtf8(text);
  if (kinds.markup) text = plain = HtmlToText(text);
  if (MayBeDoubleEncoded(text)) text = undone = UndoDoubleEncoding(text);
  WordSplitter<Sink>(sink).Split(text);
}

// Whether a word is of decimal digits only, in any script.
bool IsDecimal(absl::string_view word) {
  for (size_t i = 0; i < word.size();) {
    if (static_cast<unsigned char>(word[i]) < 0x80) {
      if (!absl::ascii_isdigit(word[i++])) return false;
    } else if (!u_isdigit(static_cast<UChar32>(NextCharacter(word, &i)))) {
      return false;
    }
  }
  return true;
}

// Collects the tokens of words.
class TokenSink {
 public:
  explicit TokenSink(std::vector<Token>* tokens) : tokens_(*tokens) {}

  void Add(absl::string_view word) { tokens_.push_back(TokenOf(word)); }

  // Makes the tokens of all runs but pieces. XXH3 has another formula for each of three classes of
  // short words; one class after the other, no branch on the length goes wrong.
  void Begin(const Chunk& chunk) {
    std::array<size_t, kClasses> counts{};
    const size_t readable = chunk.readable();
    for (size_t run = 0; run < chunk.runs(); ++run) {
      const size_t size = chunk.size(run);
      size_t length_class = kClassOfSize[std::min(size, kClassOfSize.size() - 1)];
      length_class = chunk.start(run) + kShortWordBytes <= readable ? length_class : kOther;
      runs_[length_class][counts[length_class]++] = static_cast<uint16_t>(run);
    }
    AddShort<1, 3>(chunk, runs_[0].data(), counts[0]);
    AddShort<4, 8>(chunk, runs_[1].data(), counts[1]);
    AddShort<9, kShortWordBytes>(chunk, runs_[2].data(), counts[2]);
    for (size_t i = 0; i < counts[kOther]; ++i) AddOther(chunk, runs_[kOther][i]);
  }

  void Add(const Chunk&, size_t first, size_t last) {
    tokens_.insert(tokens_.end(), chunk_tokens_.data() + first, chunk_tokens_.data() + last);
  }

 private:
  // A vector of bytes, which GCC and Clang map to the registers of any machine.
  static constexpr size_t kShortWordBytes = 16;
  using Block = char __attribute__((vector_size(kShortWordBytes)));

  static constexpr size_t kClasses = 4;
  static constexpr size_t kOther = 3;  // longer, or at the very end of the text
  static constexpr std::array<uint8_t, kShortWordBytes + 2> kClassOfSize = {
      0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, kOther};

  // Flattened, so that of XXH3 only what is for these sizes is left.
  template <size_t kSizeMin, size_t kSizeMax>
  __attribute__((flatten)) void AddShort(const Chunk& chunk, const uint16_t* runs, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      const size_t run = runs[i];
      const size_t size = chunk.size(run);
      if (size < kSizeMin || size > kSizeMax) __builtin_unreachable();
      Block block;
      std::memcpy(&block, chunk.text() + chunk.start(run), sizeof(block));
      block |= kLowerCaseBit;
      const char* const word = reinterpret_cast<const char*>(&block);
      const Token hash = Hash64(word, size);
      const bool number = word[0] <= '9' && IsDigits(word, size);
      chunk_tokens_[run] = (hash & ~Token{1}) | (number ? 1 : 0);
    }
  }

  void AddOther(const Chunk& chunk, size_t run) {
    const absl::string_view word = chunk.run(run);
    lower_case_.assign(word.data(), word.size());
    for (char& c : lower_case_) c = static_cast<char>(c | kLowerCaseBit);
    chunk_tokens_[run] = TokenOf(lower_case_);
  }

  std::vector<Token>& tokens_;
  std::array<std::array<uint16_t, Chunk::kRunsMax>, kClasses> runs_;
  std::array<Token, Chunk::kRunsMax> chunk_tokens_;
  std::string lower_case_;
};

// Collects the words themselves.
class WordSink {
 public:
  explicit WordSink(std::vector<std::string>* words) : words_(*words) {}

  void Add(absl::string_view word) { words_.emplace_back(word.data(), word.size()); }
  void Begin(const Chunk&) {}
  void Add(const Chunk& chunk, size_t first, size_t last) {
    for (size_t run = first; run < last; ++run) {
      words_.push_back(absl::AsciiStrToLower(chunk.run(run)));
    }
  }

 private:
  std::vector<std::string>& words_;
};

}  // namespace

Token TokenOf(absl::string_view normalised_word) {
  const Token hash = Hash64(normalised_word.data(), normalised_word.size());
  const bool number = !absl::ascii_isalpha(normalised_word.front()) && IsDecimal(normalised_word);
  return (hash & ~Token{1}) | (number ? 1 : 0);
}

void Tokenize(absl::string_view text, std::vector<Token>* tokens) {
  constexpr size_t kBytesPerToken = 6;  // of European languages, with the space
  if (tokens->empty()) tokens->reserve(text.size() / kBytesPerToken);
  TokenSink sink(tokens);
  ForEachWord(text, &sink);
}

std::vector<std::string> NormalisedWords(absl::string_view text) {
  std::vector<std::string> words;
  WordSink sink(&words);
  ForEachWord(text, &sink);
  return words;
}

namespace {

// With `kWidth` known, XXH3 has no branch left.
template <size_t kWidth>
void ShingleWidth(absl::Span<const Token> tokens, size_t width, uint32_t* shingles) {
  if constexpr (kWidth != 0) width = kWidth;
  for (size_t i = 0; i + width <= tokens.size(); ++i) {
    shingles[i] = static_cast<uint32_t>(Hash64(tokens.data() + i, width * sizeof(Token)));
  }
}

}  // namespace

void Shingle(absl::Span<const Token> tokens, int shingle_words, std::vector<uint32_t>* shingles) {
  if (tokens.empty()) return;
  const size_t width = std::min(static_cast<size_t>(shingle_words), tokens.size());
  const size_t before = shingles->size();
  shingles->resize(before + tokens.size() - width + 1);
  constexpr size_t kDefaultWidth = 5;
  const auto shingle = width == kDefaultWidth ? ShingleWidth<kDefaultWidth> : ShingleWidth<0>;
  shingle(tokens, width, shingles->data() + before);
}

}  // namespace newsprint::text
