#include "client/cli/passages.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/cli/characters.h"
#include "client/cli/output.h"

namespace newsprint::cli {
namespace {

constexpr size_t kPassagesMax = 3;
constexpr size_t kPassageWordsMin = 5;
constexpr size_t kWordsMax = 10000;
constexpr size_t kWordsShown = 24;      // of a shortened passage, half at each end
constexpr size_t kEntityBytesMax = 12;  // "&CounterCl;" is long enough

// What is no letter or digit beyond ASCII: Latin-1 signs, punctuation, symbols, fullwidth forms.
constexpr CharacterRange kSeparators[] = {
    {0x0080, 0x00BF}, {0x00D7, 0x00D7}, {0x00F7, 0x00F7}, {0x0589, 0x0589},
    {0x05BE, 0x05BE}, {0x060C, 0x060C}, {0x061B, 0x061F}, {0x06D4, 0x06D4},
    {0x0964, 0x0965}, {0x2000, 0x2BFF}, {0x3000, 0x303F}, {0xFE30, 0xFE6F},
    {0xFEFF, 0xFEFF}, {0xFF00, 0xFF0F}, {0xFF1A, 0xFF20}, {0xFFFD, 0xFFFD}};

// Thai and Lao, Myanmar, Khmer, Japanese, Chinese.
constexpr CharacterRange kWithoutSpaces[] = {{0x0E01, 0x0EFF}, {0x1000, 0x109F},  {0x1780, 0x17FF},
                                             {0x3041, 0x30FF}, {0x3400, 0x4DBF},  {0x4E00, 0x9FFF},
                                             {0xF900, 0xFAFF}, {0x20000, 0x3FFFD}};

bool IsSeparator(char32_t c) {
  return c < 0x80 ? !absl::ascii_isalnum(static_cast<unsigned char>(c)) : Contains(kSeparators, c);
}

// Lower case in the scripts of Europe.
char32_t Lower(char32_t c) {
  if (c < 0x80)
    return static_cast<unsigned char>(absl::ascii_tolower(static_cast<unsigned char>(c)));
  constexpr CharacterRange kNear[] = {{0x00C0, 0x00DE}, {0x0391, 0x03A9}, {0x0410, 0x042F}};
  if (Contains(kNear, c)) return c + 0x20;
  return c >= 0x0400 && c <= 0x040F ? c + 0x50 : c;
}

// Length of the tag or the character entity that `text` begins with, 0 for none.
size_t MarkupBytes(absl::string_view text) {
  if (text.size() < 2) return 0;
  const auto second = static_cast<unsigned char>(text[1]);
  if (text[0] == '<' && (absl::ascii_isalpha(second) || second == '/' || second == '!')) {
    return text.find('>') + 1;  // npos + 1 is 0: it was no tag
  }
  if (text[0] == '&' && (absl::ascii_isalpha(second) || second == '#')) {
    return text.substr(0, kEntityBytesMax).find(';') + 1;
  }
  return 0;
}

std::string WithoutMarkup(absl::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size();) {
    const size_t markup = MarkupBytes(text.substr(i));
    plain.push_back(markup > 0 ? ' ' : text[i]);
    i += std::max<size_t>(markup, 1);
  }
  return plain;
}

struct Words {
  std::string text;  // without markup
  struct Span {
    size_t begin;
    size_t end;
  };
  std::vector<Span> spans;  // of each word in `text`
  std::vector<size_t> ids;  // of each word; the same for the same word
};

using Vocabulary = absl::flat_hash_map<std::u32string, size_t>;

Words SplitWords(absl::string_view text, Vocabulary& vocabulary) {
  Words words;
  words.text = WithoutMarkup(text);
  std::u32string word;
  size_t begin = 0;
  const auto end_word = [&](size_t end) {
    if (word.empty()) return;
    words.spans.push_back({begin, end});
    words.ids.push_back(vocabulary.emplace(std::move(word), vocabulary.size()).first->second);
    word.clear();
  };
  for (size_t i = 0; i < words.text.size() && words.ids.size() < kWordsMax;) {
    const size_t at = i;
    const char32_t c = Lower(NextCharacter(words.text, i));
    const bool is_alone = Contains(kWithoutSpaces, c);
    if (is_alone || IsSeparator(c)) end_word(at);
    if (IsSeparator(c)) continue;
    if (word.empty()) begin = at;
    word.push_back(c);
    if (is_alone) end_word(i);
  }
  if (words.ids.size() < kWordsMax) end_word(words.text.size());
  return words;
}

// For each word of `a`, the length of the longest run that ends with it and stands in `b` too.
std::vector<size_t> CommonRuns(const std::vector<size_t>& a, const std::vector<size_t>& b) {
  std::vector<size_t> longest(a.size());
  std::vector<size_t> ending(b.size() + 1);  // [j + 1]: length of the run that ends with b[j]
  for (size_t i = 0; i < a.size(); ++i) {
    for (size_t j = b.size(); j > 0; --j) {
      ending[j] = a[i] == b[j - 1] ? ending[j - 1] + 1 : 0;
      longest[i] = std::max(longest[i], ending[j]);
    }
  }
  return longest;
}

Passage MakePassage(const Words& words, size_t begin, size_t end) {
  const auto text = [&](size_t first, size_t last) {
    const size_t from = words.spans[first].begin;
    return Truncate(absl::string_view(words.text).substr(from, words.spans[last - 1].end - from),
                    std::numeric_limits<int>::max());
  };
  const size_t count = end - begin;
  constexpr size_t kHalf = kWordsShown / 2;
  return {static_cast<int64_t>(count),
          count <= kWordsShown + 1
              ? text(begin, end)
              : absl::StrCat(text(begin, begin + kHalf), " \xE2\x80\xA6 ", text(end - kHalf, end))};
}

}  // namespace

std::vector<Passage> CommonPassages(absl::string_view a, absl::string_view b) {
  Vocabulary vocabulary;
  const Words words = SplitWords(a, vocabulary);
  std::vector<size_t> runs = CommonRuns(words.ids, SplitWords(b, vocabulary).ids);
  std::vector<Passage> passages;
  std::vector<std::pair<size_t, size_t>> taken;
  const auto is_taken = [&](size_t begin, size_t end) {
    const size_t* ids = words.ids.data();
    return std::any_of(taken.begin(), taken.end(), [&](const auto& other) {
      const size_t* other_end = ids + other.second;
      return std::search(ids + other.first, other_end, ids + begin, ids + end) != other_end;
    });
  };
  while (passages.size() < kPassagesMax) {
    const auto longest = std::max_element(runs.begin(), runs.end());
    if (longest == runs.end() || *longest < kPassageWordsMin) break;
    const size_t end = static_cast<size_t>(longest - runs.begin()) + 1;
    const size_t begin = end - *longest;
    if (!is_taken(begin, end)) {
      passages.push_back(MakePassage(words, begin, end));
      taken.emplace_back(begin, end);
    }
    // What reaches into this run is cut off at it.
    for (size_t i = begin; i < runs.size(); ++i)
      runs[i] = i < end ? 0 : std::min(runs[i], i + 1 - end);
  }
  return passages;
}

}  // namespace newsprint::cli
