// Text to normalised tokens. Pure functions, safe from any thread.
#ifndef NEWSPRINT_SERVICE_TEXT_TOKENIZER_H_
#define NEWSPRINT_SERVICE_TEXT_TOKENIZER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace newsprint::text {

// Version of the way from bytes to tokens and shingles. A change that gives any text other tokens
// must raise it: stored fingerprints do not compare with new ones then.
inline constexpr int kTextVersion = 1;

// A normalised word, by its 64-bit hash. The lowest bit tells whether it is a number (decimal
// digits only); the other 63 come from XXH3 over the word's UTF-8 bytes.
using Token = uint64_t;
inline constexpr bool IsNumber(Token token) { return (token & 1) != 0; }

// The token of a word that is already normalised (lower case, NFKC), not empty.
Token TokenOf(absl::string_view normalised_word);

// Appends the tokens of `text`, plain or HTML, in order.
//
// Way: UTF-8 repair, HTML to text, double encoding undone (after HTML, as entities can spell it),
// NFKC with case folding (which also drops soft hyphens and zero-width characters), then words:
// maximal runs of letters, marks and digits that begin with a letter or digit. Everything else
// separates, apostrophes included, so no form of quote or dash makes a difference.
// In scripts without spaces between words (Han, Hiragana, Katakana, Thai, Lao, Khmer, Myanmar) each
// character (with its marks) is a token, so that shingles of tokens are character n-grams there.
// ASCII words between ASCII or typographic separators take a fast path with the same result. Any
// bytes will do, up to 1 GiB, and give at most two tokens each.
void Tokenize(absl::string_view text, std::vector<Token>* tokens);

// The normalised words themselves, for tests, explanations and tools.
std::vector<std::string> NormalisedWords(absl::string_view text);

// Appends the hashes of the runs of `shingle_words` tokens, the low 32 bits of XXH3, in order,
// repeated where the text repeats: tokens.size() - shingle_words + 1 of them; one for all tokens
// when there are fewer, but at least one; none for no tokens. `shingle_words` >= 1.
void Shingle(absl::Span<const Token> tokens, int shingle_words, std::vector<uint32_t>* shingles);

}  // namespace newsprint::text

#endif  // NEWSPRINT_SERVICE_TEXT_TOKENIZER_H_
