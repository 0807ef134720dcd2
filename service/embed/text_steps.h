// The steps in which Hugging Face tokenizers bring text to the form that their vocabulary has. Pure
// functions, safe from any thread.
//
// Characters are told apart by ICU's Unicode version, the reference's libraries have others: new
// marks and punctuation of rare scripts may differ.
#ifndef NEWSPRINT_SERVICE_EMBED_TEXT_STEPS_H_
#define NEWSPRINT_SERVICE_EMBED_TEXT_STEPS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace newsprint::embed {

// "BertNormalizer" is kCleanText, kSpaceChinese, kNfd and kStripNonspacing, kLowercase, each if its
// option is set.
enum class NormalizerStep {
  // Drops control, format and private-use characters and U+FFFD; other white space becomes a space,
  // as do tab, line feed and carriage return.
  kCleanText,
  kSpaceChinese,     // a space before and after each ideograph of Chinese, none of Kana or Hangul
  kStripNonspacing,  // drops nonspacing marks (Mn), of the normalisation form at hand
  kStripMarks,       // drops all marks (M): "StripAccents"
  kLowercase,        // character by character, so that a final sigma is like others
  kNfc,
  kNfd,
  kNfkc,
  kNfkd,
};

enum class SplitStep {
  kAtWhitespace,   // drops it: "WhitespaceSplit"
  kAtPunctuation,  // each ASCII symbol and character of category P is a piece of its own
  kIntoWords,      // runs of word characters, and of what is neither these nor white space:
                   // "Whitespace"
};

// `utf8` must be well-formed; the result is.
std::string Normalize(absl::Span<const NormalizerStep> steps, absl::string_view utf8);

// The pieces in order, none of them empty; views into `utf8`, which must be well-formed.
std::vector<absl::string_view> Split(absl::Span<const SplitStep> steps, absl::string_view utf8);

// As \w of regular expressions (Unicode TR 18, annex C): letters, marks, decimal digits, connector
// punctuation, join controls.
bool IsWordCharacter(char32_t character);

}  // namespace newsprint::embed

#endif  // NEWSPRINT_SERVICE_EMBED_TEXT_STEPS_H_
