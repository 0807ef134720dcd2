#include "service/text/utf8.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "absl/numeric/bits.h"

namespace newsprint::text {
namespace {

// Bytes 0x80 to 0x9F of Windows-1252 (WHATWG Encoding Standard, index windows-1252).
constexpr std::array<char32_t, 32> kWindows1252Specials = {
    0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008D, 0x017D, 0x008F, 0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178};

constexpr char32_t kReplacementCharacter = 0xFFFD;
constexpr int kDecodingRounds = 2;

bool IsContinuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

bool IsC1Control(char32_t c) { return c >= 0x80 && c < 0xA0; }

// Bytes of the well-formed multi-byte sequence at the start of `bytes`; 0 when there is none
// (Unicode 15, table 3-7).
size_t MultiByteLength(absl::string_view bytes) {
  const auto at = [bytes](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  if (bytes.size() < 2) return 0;
  const unsigned char lead = at(0);
  const unsigned char second = at(1);
  if (lead < 0xC2 || lead > 0xF4 || !IsContinuation(second)) return 0;
  if (lead < 0xE0) return 2;
  if (bytes.size() < 3 || !IsContinuation(at(2))) return 0;
  if (lead < 0xF0) {
    const bool overlong = lead == 0xE0 && second < 0xA0;
    const bool surrogate = lead == 0xED && second >= 0xA0;
    return overlong || surrogate ? 0 : 3;
  }
  if (bytes.size() < 4 || !IsContinuation(at(3))) return 0;
  const bool overlong = lead == 0xF0 && second < 0x90;
  const bool too_large = lead == 0xF4 && second >= 0x90;
  return overlong || too_large ? 0 : 4;
}

// Bytes of the longest well-formed prefix.
size_t ValidPrefixBytes(absl::string_view bytes) {
  constexpr uint64_t kHighBits = 0x8080808080808080u;
  size_t position = 0;
  while (position < bytes.size()) {
    uint64_t block;
    if (bytes.size() - position >= sizeof(block)) {
      std::memcpy(&block, bytes.data() + position, sizeof(block));
      const int ascii_bits = absl::countr_zero(block & kHighBits);  // 64 when there are no others
      position += static_cast<size_t>(ascii_bits) / 8;
      if (ascii_bits == 64) continue;
    } else if (static_cast<unsigned char>(bytes[position]) < 0x80) {
      ++position;
      continue;
    }
    const size_t length = MultiByteLength(bytes.substr(position, 4));
    if (length == 0) break;
    position += length;
  }
  return position;
}

// The byte, 0x80 or more, that a reader of Windows-1252 or of Latin-1 showed as `c`; 0 for none.
unsigned char ToHighByte(char32_t c) {
  if (c >= 0x80 && c <= 0xFF) return static_cast<unsigned char>(c);
  const auto special = std::find(kWindows1252Specials.begin(), kWindows1252Specials.end(), c);
  if (special == kWindows1252Specials.end()) return 0;
  return static_cast<unsigned char>(0x80 + (special - kWindows1252Specials.begin()));
}

// The character that ends before `*position`, which moves to its start; 0 at the beginning.
char32_t PreviousCharacter(absl::string_view utf8, size_t* position) {
  if (*position == 0) return 0;
  do {
    --*position;
  } while (*position > 0 && IsContinuation(static_cast<unsigned char>(utf8[*position])));
  size_t start = *position;
  return NextCharacter(utf8, &start);
}

// Punctuation and signs that rightful text has straight after a letter.
bool MayFollowLetter(char32_t c) {
  switch (c) {
    case 0x00A0:  // no-break space
    case 0x00A9:  // ©
    case 0x00AB:  // «
    case 0x00AD:  // soft hyphen
    case 0x00AE:  // ®
    case 0x00B4:  // ´
    case 0x00B7:  // ·
    case 0x00BB:  // »
    case 0x2013:  // –
    case 0x2014:  // —
    case 0x2018:  // ‘
    case 0x2019:  // ’
    case 0x201C:  // “
    case 0x201D:  // ”
    case 0x2022:  // •
    case 0x2026:  // …
    case 0x2039:  // ‹
    case 0x203A:  // ›
    case 0x2122:  // ™
      return true;
    default:
      return false;
  }
}

// Characters of a text that, as bytes, are one well-formed UTF-8 sequence.
struct EncodedSequence {
  size_t end = 0;  // position in the text behind the characters
  size_t size = 0;
  std::array<char, 4> bytes{};
  std::array<char32_t, 4> characters{};

  unsigned char byte(size_t i) const { return static_cast<unsigned char>(bytes[i]); }
};

bool ReadEncodedSequence(absl::string_view utf8, size_t position, EncodedSequence* sequence) {
  const char32_t lead = NextCharacter(utf8, &position);
  if (lead < 0xC2 || lead > 0xF4) return false;
  const size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  sequence->characters[0] = lead;
  sequence->bytes[0] = static_cast<char>(lead);
  for (size_t i = 1; i < size; ++i) {
    const char32_t c = NextCharacter(utf8, &position);
    const unsigned char byte = ToHighByte(c);
    if (!IsContinuation(byte)) return false;
    sequence->characters[i] = c;
    sequence->bytes[i] = static_cast<char>(byte);
  }
  sequence->size = size;
  sequence->end = position;
  return MultiByteLength({sequence->bytes.data(), size}) == size;
}

// Whether the Latin letter that `sequence`, at `start`, encodes fits between its neighbours.
// "IRMÃ”" ends a word in capitals and is meant; "CÃ”TE" goes on in capitals, so it was "CÔTE".
bool FitsWord(absl::string_view utf8, size_t start, const EncodedSequence& sequence) {
  const auto is_upper = [](char32_t c) { return u_isupper(static_cast<UChar32>(c)) != 0; };
  const auto is_letter = [](char32_t c) { return u_isalpha(static_cast<UChar32>(c)) != 0; };
  if (!is_upper(PreviousCharacter(utf8, &start))) return true;
  if (sequence.characters[1] == 0x2019) return false;  // "UMEÅ’S"
  size_t position = 0;
  const char32_t letter = NextCharacter({sequence.bytes.data(), sequence.size}, &position);
  position = sequence.end;
  const char32_t next = NextCharacter(utf8, &position);
  if (!is_letter(letter)) return false;
  if (is_letter(next)) return is_upper(letter) == is_upper(next);
  // The end of a word: in capitals, unless they are only an initial ("Là", but not "JÄ…").
  return sequence.byte(0) == 0xC3 && !is_upper(letter) &&
         !is_upper(PreviousCharacter(utf8, &start));
}

// Whether a two-byte `sequence` is double encoding for certain, without regard to its neighbours'
// encoding. Leads C2 to C5 are Latin letters and signs, C8 98 to C8 9B the Romanian ș and ț.
bool IsConvincingPair(absl::string_view utf8, size_t start, const EncodedSequence& sequence) {
  const unsigned char lead = sequence.byte(0);
  const unsigned char second = sequence.byte(1);
  // From Í on, Czech and Slovak words in capitals go on with Š or Ž ("VÝŽIVA").
  if (u_isupper(static_cast<UChar32>(sequence.characters[1]))) return lead < 0xCD;
  if (!MayFollowLetter(sequence.characters[1])) return true;
  if (lead == 0xC2 && second >= 0xA0) return true;
  if (lead > 0xC3 && second == 0xAD) return false;  // a soft hyphen rather than ĭ or ŭ
  const bool romanian = lead == 0xC8 && second >= 0x98 && second <= 0x9B;
  return (lead <= 0xC5 || romanian) && FitsWord(utf8, start, sequence);
}

// The same for three bytes: lead E2 is punctuation and signs, E1 BA and E1 BB are Vietnamese.
bool IsConvincingTriple(absl::string_view utf8, const EncodedSequence& sequence) {
  const bool second_may = MayFollowLetter(sequence.characters[1]);
  const bool third_may = MayFollowLetter(sequence.characters[2]);
  const unsigned char lead = sequence.byte(0);
  const unsigned char second = sequence.byte(1);
  if (lead == 0xE2) {
    // Not a dash between words, as in "â—š".
    const bool word_follows = u_isalpha(static_cast<UChar32>(sequence.characters[2]));
    return !second_may || (!third_may && !word_follows);
  }
  if (lead == 0xE1 && (second == 0xBA || second == 0xBB)) {
    size_t position = sequence.end;
    const char32_t next = NextCharacter(utf8, &position);
    return !third_may || (sequence.characters[2] != 0xA0 && u_isalpha(static_cast<UChar32>(next)));
  }
  const bool byte_order_mark = lead == 0xEF && second == 0xBB && sequence.byte(2) == 0xBF;
  return byte_order_mark || (!second_may && !third_may);
}

// Whether `sequence`, at `start`, is double encoding even when it stands alone.
bool IsConvincing(absl::string_view utf8, size_t start, const EncodedSequence& sequence) {
  if (sequence.size == 2) return IsConvincingPair(utf8, start, sequence);
  if (sequence.size == 3) return IsConvincingTriple(utf8, sequence);
  // Four bytes: of the planes only the first supplementary ones (emoji) are in use.
  return sequence.byte(0) == 0xF0 && !MayFollowLetter(sequence.characters[1]);
}

// The first position from `position` on where a character U+00C2 to U+00F4, which can stand for a
// lead byte, comes before another character beyond ASCII; npos when there is none.
size_t FindLead(absl::string_view utf8, size_t position) {
  while (position + 2 < utf8.size()) {
    const void* found = std::memchr(utf8.data() + position, 0xC3, utf8.size() - 2 - position);
    if (found == nullptr) break;
    position = static_cast<size_t>(static_cast<const char*>(found) - utf8.data());
    const auto second = static_cast<unsigned char>(utf8[position + 1]);
    const auto next = static_cast<unsigned char>(utf8[position + 2]);
    if (second >= 0x82 && second <= 0xB4 && next >= 0x80) return position;
    ++position;
  }
  return absl::string_view::npos;
}

// Bytes at `position` of "â€", alone or before the U+FFFD that its third character became; else 0.
size_t CutOffQuoteBytes(absl::string_view utf8, size_t position) {
  const size_t start = position;
  if (NextCharacter(utf8, &position) != 0xE2) return 0;
  const char32_t second = NextCharacter(utf8, &position);
  if (second != 0x20AC && second != 0x80) return 0;
  size_t behind = position;
  if (NextCharacter(utf8, &behind) == kReplacementCharacter) position = behind;
  return position - start;
}

// Whether two sequences can be letters of one word: what is doubtful alone is certain in company,
// as Cyrillic, Arabic or Chinese always has it. Two-byte scripts in use lie below U+0700 (lead DC)
// and keep to four leads each.
bool ShareScript(const EncodedSequence& a, const EncodedSequence& b) {
  if (a.size != b.size) return false;
  if (a.size == 2) return a.byte(0) < 0xDC && (a.byte(0) ^ b.byte(0)) < 4;
  return a.size == 3;
}

// One round of UndoDoubleEncoding, with `lead` the first position that FindLead() gives.
std::string UndoOneEncoding(absl::string_view utf8, size_t lead) {
  std::string result;
  result.reserve(utf8.size());
  size_t copied = 0;         // where the part that is not yet in `result` starts
  EncodedSequence previous;  // the last that was decoded
  EncodedSequence sequence;
  EncodedSequence next;
  while (lead != absl::string_view::npos) {
    size_t end = lead + 2;
    if (ReadEncodedSequence(utf8, lead, &sequence)) {
      if (IsConvincing(utf8, lead, sequence) ||
          (previous.end == lead && ShareScript(previous, sequence)) ||
          (ReadEncodedSequence(utf8, sequence.end, &next) && ShareScript(sequence, next))) {
        result.append(utf8.data() + copied, lead - copied);
        result.append(sequence.bytes.data(), sequence.size);
        copied = end = sequence.end;
        previous = sequence;
      }
    } else if (const size_t cut_off_bytes = CutOffQuoteBytes(utf8, lead); cut_off_bytes > 0) {
      result.append(utf8.data() + copied, lead - copied);
      AppendUtf8(0x201D, &result);
      copied = end = lead + cut_off_bytes;
    }
    lead = FindLead(utf8, end);
  }
  result.append(utf8.data() + copied, utf8.size() - copied);
  return result;
}

}  // namespace

bool IsValidUtf8(absl::string_view bytes) { return ValidPrefixBytes(bytes) == bytes.size(); }

char32_t FromWindows1252(unsigned char byte) {
  return byte >= 0x80 && byte < 0xA0 ? kWindows1252Specials[byte - 0x80] : byte;
}

char32_t NextCharacter(absl::string_view utf8, size_t* position) {
  if (*position >= utf8.size()) return 0;
  const auto at = [utf8](size_t i) { return static_cast<unsigned char>(utf8[i]); };
  size_t i = *position;
  if (at(i) < 0x80) return at((*position)++);
  const size_t length = MultiByteLength(utf8.substr(i, 4));
  if (length == 0) {
    ++*position;
    return kReplacementCharacter;
  }
  *position += length;
  // The lead byte holds 7 bits less its length, each other one 6.
  char32_t c = at(i) & (0x7Fu >> length);
  while (++i < *position) c = (c << 6) | (at(i) & 0x3Fu);
  return c;
}

void AppendUtf8(char32_t character, std::string* utf8) {
  char buffer[U8_MAX_LENGTH];
  size_t size = 0;
  U8_APPEND_UNSAFE(buffer, size, character);
  utf8->append(buffer, size);
}

std::string RepairUtf8(absl::string_view bytes) {
  std::string result;
  result.reserve(bytes.size());
  while (true) {
    const size_t valid_bytes = ValidPrefixBytes(bytes);
    result.append(bytes.data(), valid_bytes);
    bytes.remove_prefix(valid_bytes);
    if (bytes.empty()) return result;
    const char32_t c = FromWindows1252(static_cast<unsigned char>(bytes.front()));
    AppendUtf8(IsC1Control(c) ? kReplacementCharacter : c, &result);
    bytes.remove_prefix(1);
  }
}

bool MayBeDoubleEncoded(absl::string_view utf8) {
  return FindLead(utf8, 0) != absl::string_view::npos;
}

std::string UndoDoubleEncoding(absl::string_view utf8) {
  size_t lead = FindLead(utf8, 0);
  std::string result;
  if (lead == absl::string_view::npos) {
    result.assign(utf8.data(), utf8.size());
    return result;
  }
  result = UndoOneEncoding(utf8, lead);
  for (int round = 1; round < kDecodingRounds; ++round) {
    lead = FindLead(result, 0);
    if (lead == absl::string_view::npos) break;
    result = UndoOneEncoding(result, lead);
  }
  return result;
}

}  // namespace newsprint::text
