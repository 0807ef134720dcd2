// Any bytes through the text functions, each with the promises of its header.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "service/text/html.h"
#include "service/text/tokenizer.h"
#include "service/text/utf8.h"

namespace newsprint::text {
namespace {

// NFKC's longest expansion: U+FDFA, 3 bytes, becomes 33 with four words.
constexpr size_t kExpansionMax = 12;

void Require(bool condition) {
  if (!condition) __builtin_trap();
}

void CheckText(absl::string_view bytes) {
  const std::string repaired = RepairUtf8(bytes);
  Require(IsValidUtf8(repaired));
  Require(repaired.size() <= 3 * bytes.size());
  Require(IsValidUtf8(bytes) == (absl::string_view(repaired) == bytes));

  const std::string plain = HtmlToText(repaired);
  Require(IsValidUtf8(plain));
  Require(plain.size() <= repaired.size());

  for (const std::string& text : {repaired, plain}) {
    const std::string undone = UndoDoubleEncoding(text);
    Require(IsValidUtf8(undone));
    Require(undone.size() <= text.size());
  }

  std::vector<Token> tokens;
  Tokenize(bytes, &tokens);
  const std::vector<std::string> words = NormalisedWords(bytes);
  Require(words.size() == tokens.size());
  Require(tokens.size() <= 2 * bytes.size());
  size_t word_bytes = 0;
  for (size_t i = 0; i < words.size(); ++i) {
    Require(!words[i].empty() && IsValidUtf8(words[i]));
    Require(TokenOf(words[i]) == tokens[i]);
    word_bytes += words[i].size();
  }
  Require(word_bytes <= kExpansionMax * repaired.size());

  std::vector<uint32_t> shingles;
  Shingle(tokens, 5, &shingles);
  Require(shingles.size() == (tokens.size() < 5 ? (tokens.empty() ? 0 : 1) : tokens.size() - 4));
}

}  // namespace
}  // namespace newsprint::text

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  newsprint::text::CheckText({reinterpret_cast<const char*>(data), size});
  return 0;
}
