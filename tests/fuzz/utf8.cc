// Repair of UTF-8 and undoing of double encoding, against a plain decoder by the Unicode standard's
// table 3-7; classes of bytes against a plain loop.
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "service/text/byte_masks.h"
#include "service/text/utf8.h"
#include "tests/fuzz/targets.h"

namespace newsprint::fuzz {
namespace {

// Bytes of the well-formed sequence at the beginning of `bytes`, 0 for none; its character.
size_t PlainDecode(absl::string_view bytes, char32_t* character) {
  const auto at = [bytes](size_t i) -> char32_t {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0;
  };
  const char32_t lead = at(0);
  size_t length = lead < 0x80       ? 1
                  : lead >> 5 == 6  ? 2
                  : lead >> 4 == 14 ? 3
                  : lead >> 3 == 30 ? 4
                                    : 0;
  char32_t value = length == 1 ? lead : lead & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if (at(i) >> 6 != 2) return 0;
    value = value << 6 | (at(i) & 0x3F);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kLeast[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return 0;
  *character = value;
  return length;
}

std::string PlainRepair(absl::string_view bytes) {
  std::string repaired;
  while (!bytes.empty()) {
    char32_t character = 0;
    size_t length = PlainDecode(bytes, &character);
    if (length == 0) {
      length = 1;
      character = text::FromWindows1252(static_cast<unsigned char>(bytes[0]));
      if (character >= 0x80 && character < 0xA0) character = 0xFFFD;
    }
    text::AppendUtf8(character, &repaired);
    bytes.remove_prefix(length);
  }
  return repaired;
}

void CheckUndoing(absl::string_view utf8) {
  const std::string undone = text::UndoDoubleEncoding(utf8);
  Require(text::IsValidUtf8(undone), "undoing keeps UTF-8 well-formed");
  Require(undone.size() <= utf8.size(), "undoing makes nothing longer");
  Require(text::MayBeDoubleEncoded(utf8) || utf8 == absl::string_view(undone),
          "MayBeDoubleEncoded is false only where nothing changes");
}

void CheckClasses(absl::string_view bytes) {
  std::vector<text::ByteMasks> masks((bytes.size() + text::kMaskBytes - 1) / text::kMaskBytes);
  text::ClassifyBytes(bytes, masks.data());
  text::ByteKinds kinds;
  for (size_t i = 0; i < masks.size() * text::kMaskBytes; ++i) {
    const auto byte = static_cast<unsigned char>(i < bytes.size() ? bytes[i] : 0);
    const text::ByteMasks& mask = masks[i / text::kMaskBytes];
    const uint64_t bit = uint64_t{1} << i % text::kMaskBytes;
    Require(((mask.word & bit) != 0) == absl::ascii_isalnum(byte), "word bytes");
    Require(((mask.non_ascii & bit) != 0) == (byte >= 0x80), "bytes beyond ASCII");
    kinds.non_ascii = kinds.non_ascii || byte >= 0x80;
    kinds.markup = kinds.markup || byte == '<' || byte == '&';
  }
  const text::ByteKinds found = text::FindByteKinds(bytes);
  Require(found.non_ascii == kinds.non_ascii && found.markup == kinds.markup, "kinds of bytes");
}

}  // namespace

void FuzzUtf8(absl::string_view bytes) {
  const std::string repaired = text::RepairUtf8(bytes);
  Require(repaired == PlainRepair(bytes), "repair does as the plain one");
  Require(text::IsValidUtf8(repaired), "what is repaired is well-formed");
  Require(text::IsValidUtf8(bytes) == (absl::string_view(repaired) == bytes),
          "only what is not well-formed is changed");
  std::string again;
  for (size_t i = 0; i < repaired.size();) {
    const size_t before = i;
    const char32_t character = text::NextCharacter(repaired, &i);
    Require(i > before && i <= before + 4, "a character has 1 to 4 bytes");
    text::AppendUtf8(character, &again);
  }
  Require(again == repaired, "characters come back as they were");
  for (size_t i = 0; i < bytes.size();) {
    const size_t before = i;
    text::NextCharacter(bytes, &i);
    Require(i > before && i <= bytes.size(), "reading stays within the bytes");
  }
  CheckUndoing(repaired);
  CheckClasses(bytes);
}

}  // namespace newsprint::fuzz
