#include "service/embed/text_steps.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "service/text/utf8.h"

namespace newsprint::embed {
namespace {

UChar32 ToIcu(char32_t character) { return static_cast<UChar32>(character); }

bool IsAscii(char32_t character) { return character < 0x80; }

bool IsWhitespace(char32_t character) {
  if (IsAscii(character)) return absl::ascii_isspace(static_cast<unsigned char>(character));
  return u_isUWhiteSpace(ToIcu(character));
}

bool IsPunctuation(char32_t character) {
  if (IsAscii(character)) return absl::ascii_ispunct(static_cast<unsigned char>(character));
  return u_ispunct(ToIcu(character));
}

bool IsDropped(char32_t character) {
  if (character == '\t' || character == '\n' || character == '\r') return false;
  if (IsAscii(character)) return absl::ascii_iscntrl(static_cast<unsigned char>(character));
  return character == 0xFFFD ||
         (U_GET_GC_MASK(ToIcu(character)) & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK)) != 0;
}

// The blocks that BERT names (github.com/google-research/bert, tokenization.py), without the part
// of extension E that the Hugging Face library leaves out.
bool IsChinese(char32_t character) {
  constexpr std::pair<char32_t, char32_t> kBlocks[] = {
      {0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F},
      {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF}, {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F}};
  return std::any_of(std::begin(kBlocks), std::end(kBlocks), [character](const auto& block) {
    return block.first <= character && character <= block.second;
  });
}

// As text::NextCharacter and text::AppendUtf8, but inline for ASCII, most of news text.
char32_t Next(absl::string_view utf8, size_t* position) {
  const unsigned char byte = static_cast<unsigned char>(utf8[*position]);
  if (byte >= 0x80) return text::NextCharacter(utf8, position);
  ++*position;
  return byte;
}

void Append(char32_t character, std::string* utf8) {
  if (!IsAscii(character)) return text::AppendUtf8(character, utf8);
  utf8->push_back(static_cast<char>(character));
}

// The characters of `utf8` one by one to `append`, which adds what each becomes to a result.
template <typename AppendTo>
std::string MapCharacters(absl::string_view utf8, AppendTo append) {
  std::string result;
  result.reserve(utf8.size());
  for (size_t position = 0; position < utf8.size();) append(Next(utf8, &position), &result);
  return result;
}

void AppendClean(char32_t character, std::string* utf8) {
  if (IsDropped(character)) return;
  Append(IsWhitespace(character) ? U' ' : character, utf8);
}

void AppendSpaced(char32_t character, std::string* utf8) {
  if (IsAscii(character) || !IsChinese(character)) return Append(character, utf8);
  utf8->push_back(' ');
  text::AppendUtf8(character, utf8);
  utf8->push_back(' ');
}

void AppendLowercase(char32_t character, std::string* utf8) {
  if (IsAscii(character)) {
    utf8->push_back(absl::ascii_tolower(static_cast<unsigned char>(character)));
  } else if (character == 0x130) {  // its lower case is two characters, the dot kept as a mark
    utf8->append("i\u0307");
  } else {
    text::AppendUtf8(static_cast<char32_t>(u_tolower(ToIcu(character))), utf8);
  }
}

// `categories`: of marks, which are never ASCII.
std::string DropCategories(absl::string_view utf8, uint32_t categories) {
  return MapCharacters(utf8, [categories](char32_t character, std::string* result) {
    if (IsAscii(character) || (U_GET_GC_MASK(ToIcu(character)) & categories) == 0) {
      Append(character, result);
    }
  });
}

// ICU fails only when its data files or memory are missing: nothing that a caller could mend.
void CheckIcu(UErrorCode status) {
  if (U_SUCCESS(status)) return;
  std::fprintf(stderr, "ICU: %s\n", u_errorName(status));
  std::abort();
}

using FindForm = const icu::Normalizer2* (*)(UErrorCode&);

std::string ToForm(FindForm find_form, absl::string_view utf8) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* form = find_form(status);
  CheckIcu(status);
  std::string result;
  icu::StringByteSink<std::string> sink(&result, static_cast<int32_t>(utf8.size()));
  form->normalizeUTF8(0, {utf8.data(), static_cast<int32_t>(utf8.size())}, sink, nullptr, status);
  CheckIcu(status);
  return result;
}

bool IsAscii(absl::string_view utf8) {
  return std::all_of(utf8.begin(), utf8.end(), [](char byte) {
    return absl::ascii_isascii(static_cast<unsigned char>(byte));
  });
}

// As Normalize, for ASCII, in which the other steps find nothing to change.
std::string NormalizeAscii(absl::Span<const NormalizerStep> steps, absl::string_view ascii) {
  std::string result(ascii);
  for (const NormalizerStep step : steps) {
    if (step == NormalizerStep::kLowercase) absl::AsciiStrToLower(&result);
    if (step == NormalizerStep::kCleanText) result = MapCharacters(result, AppendClean);
  }
  return result;
}

std::string NormalizeStep(NormalizerStep step, absl::string_view utf8) {
  switch (step) {
    case NormalizerStep::kCleanText:
      return MapCharacters(utf8, AppendClean);
    case NormalizerStep::kSpaceChinese:
      return MapCharacters(utf8, AppendSpaced);
    case NormalizerStep::kStripNonspacing:
      return DropCategories(utf8, U_GC_MN_MASK);
    case NormalizerStep::kStripMarks:
      return DropCategories(utf8, U_GC_M_MASK);
    case NormalizerStep::kLowercase:
      return MapCharacters(utf8, AppendLowercase);
    case NormalizerStep::kNfc:
      return ToForm(icu::Normalizer2::getNFCInstance, utf8);
    case NormalizerStep::kNfd:
      return ToForm(icu::Normalizer2::getNFDInstance, utf8);
    case NormalizerStep::kNfkc:
      return ToForm(icu::Normalizer2::getNFKCInstance, utf8);
    case NormalizerStep::kNfkd:
      return ToForm(icu::Normalizer2::getNFKDInstance, utf8);
  }
  return std::string(utf8);
}

// What a splitting step makes of a character.
enum class Role { kDropped, kAlone, kInner, kOtherInner };  // the last two do not join

Role RoleOf(SplitStep step, char32_t character) {
  switch (step) {
    case SplitStep::kAtWhitespace:
      return IsWhitespace(character) ? Role::kDropped : Role::kInner;
    case SplitStep::kAtPunctuation:
      return IsPunctuation(character) ? Role::kAlone : Role::kInner;
    case SplitStep::kIntoWords:
      if (IsWordCharacter(character)) return Role::kInner;
      return IsWhitespace(character) ? Role::kDropped : Role::kOtherInner;
  }
  return Role::kInner;
}

void SplitPiece(SplitStep step, absl::string_view piece, std::vector<absl::string_view>* pieces) {
  size_t begin = 0;
  Role role = Role::kDropped;  // of what lies between `begin` and `position`
  const auto flush = [&](size_t end) {
    if (begin < end && role != Role::kDropped) pieces->push_back(piece.substr(begin, end - begin));
    begin = end;
  };
  for (size_t position = 0; position < piece.size();) {
    const size_t start = position;
    const Role next = RoleOf(step, Next(piece, &position));
    if (next != role || next == Role::kAlone) flush(start);
    role = next;
  }
  flush(piece.size());
}

}  // namespace

std::string Normalize(absl::Span<const NormalizerStep> steps, absl::string_view utf8) {
  if (IsAscii(utf8)) return NormalizeAscii(steps, utf8);
  std::string result(utf8);
  for (const NormalizerStep step : steps) result = NormalizeStep(step, result);
  return result;
}

std::vector<absl::string_view> Split(absl::Span<const SplitStep> steps, absl::string_view utf8) {
  std::vector<absl::string_view> pieces;
  if (!utf8.empty()) pieces.push_back(utf8);
  for (const SplitStep step : steps) {
    std::vector<absl::string_view> finer;
    for (const absl::string_view piece : pieces) SplitPiece(step, piece, &finer);
    pieces = std::move(finer);
  }
  return pieces;
}

bool IsWordCharacter(char32_t character) {
  if (IsAscii(character)) {
    return absl::ascii_isalnum(static_cast<unsigned char>(character)) || character == '_';
  }
  return u_isUAlphabetic(ToIcu(character)) ||
         (U_GET_GC_MASK(ToIcu(character)) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0 ||
         u_hasBinaryProperty(ToIcu(character), UCHAR_JOIN_CONTROL);
}

}  // namespace newsprint::embed
