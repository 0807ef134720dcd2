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
#include "service/text/html.h"
#include "service/text/utf8.h"

namespace newsprint::text {
namespace {

// Far beyond what any language writes.
constexpr size_t kMarksInARowMax = 30;

enum class ByteClass : uint8_t { kSeparator, kWord, kNonAscii };

constexpr std::array<ByteClass, 256> MakeByteClasses() {
  std::array<ByteClass, 256> classes{};
  for (size_t byte = 0; byte < classes.size(); ++byte) {
    const bool digit = byte >= '0' && byte <= '9';
    const bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
    classes[byte] = byte >= 0x80      ? ByteClass::kNonAscii
                    : digit || letter ? ByteClass::kWord
                                      : ByteClass::kSeparator;
  }
  return classes;
}
constexpr std::array<ByteClass, 256> kByteClasses = MakeByteClasses();

// The scan below finds the first byte of a block by counting low bits.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little-endian machines only");

constexpr uint64_t kOnes = 0x0101010101010101u;
constexpr uint64_t kHighBits = kOnes * 0x80;

// Sets the high bit of each of the eight bytes that is an ASCII letter or digit, and no other bit.
uint64_t WordBytes(uint64_t block) {
  // Without their high bits bytes can be compared by adding: none carries into the next.
  const auto in_range = [](uint64_t low_bits, unsigned char first, unsigned char last) {
    return (low_bits + kOnes * (0x80u - first)) & ~(low_bits + kOnes * (0x7Fu - last));
  };
  const uint64_t low_bits = block & ~kHighBits;
  const uint64_t lower_case = low_bits | (kOnes * 0x20);
  return (in_range(lower_case, 'a', 'z') | in_range(low_bits, '0', '9')) & ~block & kHighBits;
}

// The end of the ASCII letters and digits that `begin` starts with.
const char* FindWordEnd(const char* begin, const char* end) {
  uint64_t block;
  for (; end - begin >= static_cast<ptrdiff_t>(sizeof(block)); begin += sizeof(block)) {
    std::memcpy(&block, begin, sizeof(block));
    const uint64_t other_bytes = ~WordBytes(block) & kHighBits;
    if (other_bytes != 0) return begin + absl::countr_zero(other_bytes) / 8;
  }
  block = 0;
  std::memcpy(&block, begin, static_cast<size_t>(end - begin));
  return begin + absl::countr_zero(~WordBytes(block) & kHighBits) / 8;
}

ByteClass ClassOf(char byte) { return kByteClasses[static_cast<unsigned char>(byte)]; }

absl::string_view View(const char* begin, const char* end) {
  return {begin, static_cast<size_t>(end - begin)};
}

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

bool IsPlainAscii(absl::string_view text) {
  // Sets the high bit of each byte that equals `byte` (and perhaps of bytes after the first such).
  const auto equal = [](uint64_t block, char byte) {
    const uint64_t difference = block ^ (kOnes * static_cast<unsigned char>(byte));
    return (difference - kOnes) & ~difference;
  };
  size_t i = 0;
  for (uint64_t block; i + sizeof(block) <= text.size(); i += sizeof(block)) {
    std::memcpy(&block, text.data() + i, sizeof(block));
    if (((block | equal(block, '<') | equal(block, '&')) & kHighBits) != 0) return false;
  }
  return std::all_of(text.begin() + i, text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x80 && c != '<' && c != '&';
  });
}

// Splits well-formed text without markup into normalised words and hands each to `emit`, which
// takes an absl::string_view that is valid during the call.
//
// Normalisation runs only on pieces that need it: what lies between two ASCII separators or
// typographic ones. That equals normalising the whole, as these characters compose with no letter
// and no mark can move across them.
template <typename Emit>
class WordSplitter {
 public:
  WordSplitter(absl::string_view text, Emit emit)
      : text_begin_(text.data()), end_(text.data() + text.size()), emit_(emit) {}

  void Split() {
    const char* position = text_begin_;
    while (true) {
      while (position < end_ && ClassOf(*position) == ByteClass::kSeparator) ++position;
      const char* const start = position;
      position = FindWordEnd(position, end_);
      size_t separator_bytes = 1;
      if (position < end_ && ClassOf(*position) == ByteClass::kNonAscii) {
        separator_bytes = TypographicSeparatorBytes(View(position, end_));
        if (separator_bytes == 0) {
          position = FindPieceEnd(position);
          SplitPiece(View(start, position));
          continue;
        }
      }
      if (position > start) EmitAscii(start, static_cast<size_t>(position - start));
      if (position == end_) return;
      position += separator_bytes;
    }
  }

 private:
  // A vector of bytes, which GCC and Clang map to the registers of any machine.
  using Block = unsigned char __attribute__((vector_size(16)));
  static constexpr size_t kShortWordBytes = 2 * sizeof(Block);

  // Emits an ASCII word of letters and digits in lower case, which for these is a matter of one
  // bit.
  void EmitAscii(const char* start, size_t size) {
    constexpr unsigned char kLowerCaseBit = 0x20;
    if (size <= kShortWordBytes && static_cast<size_t>(end_ - start) >= kShortWordBytes) {
      Block blocks[2];
      std::memcpy(blocks, start, sizeof(blocks));
      blocks[0] |= kLowerCaseBit;
      blocks[1] |= kLowerCaseBit;
      emit_(absl::string_view(reinterpret_cast<const char*>(blocks), size));
      return;
    }
    normalised_.assign(start, size);
    for (char& c : normalised_) c = static_cast<char>(c | kLowerCaseBit);
    emit_(absl::string_view(normalised_));
  }

  // The next separator from `position` on.
  const char* FindPieceEnd(const char* position) const {
    for (; position < end_; ++position) {
      const ByteClass byte_class = ClassOf(*position);
      if (byte_class == ByteClass::kSeparator) break;
      if (byte_class == ByteClass::kNonAscii &&
          TypographicSeparatorBytes(View(position, end_)) > 0) {
        break;
      }
    }
    return position;
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
      if (word_end > word_start) emit_(absl::string_view(data + word_start, word_end - word_start));
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

  const char* const text_begin_;
  const char* const end_;
  Emit emit_;
  std::string normalised_;  // kept for its capacity
  std::string limited_;
};

// Hands the normalised words of `text`, any bytes, to `emit`.
template <typename Emit>
void ForEachWord(absl::string_view text, Emit emit) {
  if (IsPlainAscii(text)) {
    WordSplitter<Emit>(text, emit).Split();
    return;
  }
  const std::string plain = IsValidUtf8(text) ? HtmlToText(text) : HtmlToText(RepairUtf8(text));
  WordSplitter<Emit>(UndoDoubleEncoding(plain), emit).Split();
}

// Whether a word is of decimal digits only, in any script.
bool IsDecimal(absl::string_view word) {
  for (size_t i = 0; i < word.size();) {
    if (ClassOf(word[i]) != ByteClass::kNonAscii) {
      if (!absl::ascii_isdigit(word[i++])) return false;
    } else if (!u_isdigit(static_cast<UChar32>(NextCharacter(word, &i)))) {
      return false;
    }
  }
  return true;
}

}  // namespace

Token TokenOf(absl::string_view normalised_word) {
  const Token hash = Hash64(normalised_word.data(), normalised_word.size());
  const bool number = !absl::ascii_isalpha(normalised_word.front()) && IsDecimal(normalised_word);
  return (hash & ~Token{1}) | (number ? 1 : 0);
}

void Tokenize(absl::string_view text, std::vector<Token>* tokens) {
  ForEachWord(text, [tokens](absl::string_view word) { tokens->push_back(TokenOf(word)); });
}

std::vector<std::string> NormalisedWords(absl::string_view text) {
  std::vector<std::string> words;
  ForEachWord(text,
              [&words](absl::string_view word) { words.emplace_back(word.data(), word.size()); });
  return words;
}

void Shingle(absl::Span<const Token> tokens, int shingle_words, std::vector<uint64_t>* shingles) {
  if (tokens.empty()) return;
  const size_t width = std::min(static_cast<size_t>(shingle_words), tokens.size());
  const size_t count = tokens.size() - width + 1;
  shingles->reserve(shingles->size() + count);
  for (size_t i = 0; i < count; ++i) {
    shingles->push_back(Hash64(tokens.data() + i, width * sizeof(Token)));
  }
}

}  // namespace newsprint::text
