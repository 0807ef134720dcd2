// Passages that two texts have in common, to show why they were taken for copies, or should have
// been. Pure functions, safe from any thread.
#ifndef NEWSPRINT_CLIENT_CLI_PASSAGES_H_
#define NEWSPRINT_CLIENT_CLI_PASSAGES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace newsprint::cli {

struct Passage {
  int64_t words = 0;
  std::string text;  // as `a` has it, on one line; of a long one the start and the end
};

// The longest runs of consecutive words that stand in both texts: at most 3, longest first, of at
// least 5 words, none overlapping another in `a` or repeating one. Case, punctuation and markup do
// not count; in scripts without spaces each character is a word. Both must be valid UTF-8; words
// behind the first 10,000 are not looked at, as the work grows with the product of the lengths.
std::vector<Passage> CommonPassages(absl::string_view a, absl::string_view b);

}  // namespace newsprint::cli

#endif  // NEWSPRINT_CLIENT_CLI_PASSAGES_H_
