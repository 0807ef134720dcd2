// Properties of tokenising on random text. NEWSPRINT_TEST_SEED overrides the seed.
#include <sys/mman.h>
#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uscript.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "service/text/html.h"
#include "service/text/tokenizer.h"
#include "service/text/utf8.h"

namespace newsprint::text {
namespace {

using Words = std::vector<std::string>;

constexpr int kRounds = 2000;

// The plain way: ICU normalises the whole text, and one loop over its characters makes the words.
Words ReferenceWords(absl::string_view text) {
  UErrorCode status = U_ZERO_ERROR;
  const auto* normalizer = icu::Normalizer2::getNFKCCasefoldInstance(status);
  const std::string plain = UndoDoubleEncoding(HtmlToText(RepairUtf8(text)));
  const icu::UnicodeString normalised =
      normalizer->normalize(icu::UnicodeString::fromUTF8(plain), status);
  EXPECT_TRUE(U_SUCCESS(status));
  Words words;
  bool open = false;   // whether a letter or digit would continue the last word
  bool marks = false;  // whether a mark would
  for (int32_t i = 0; i < normalised.length(); i = normalised.moveIndex32(i, 1)) {
    const UChar32 c = normalised.char32At(i);
    const uint32_t category = U_GET_GC_MASK(c);
    const bool mark = (category & U_GC_M_MASK) != 0;
    const bool word = (category & (U_GC_L_MASK | U_GC_ND_MASK | U_GC_NL_MASK)) != 0 &&
                      !(c >= 0x02B9 && c <= 0x02BF);
    const UScriptCode script = uscript_getScript(c, &status);
    const bool digit = (category & U_GC_ND_MASK) != 0;
    const bool alone =
        word && !digit &&
        (c == 0x30FC || script == USCRIPT_HAN || script == USCRIPT_HIRAGANA ||
         script == USCRIPT_KATAKANA || script == USCRIPT_THAI || script == USCRIPT_LAO ||
         script == USCRIPT_KHMER || script == USCRIPT_MYANMAR);
    const bool continues = mark ? marks : word && !alone && open;
    if (!continues && word) words.emplace_back();
    if (continues || word) icu::UnicodeString(c).toUTF8String(words.back());
    marks = continues || word;
    open = mark ? open && marks : word && !alone;
  }
  return words;
}

class TokenizerPropertyTest : public testing::Test {
 protected:
  static unsigned Seed() {
    const char* seed = std::getenv("NEWSPRINT_TEST_SEED");
    return seed == nullptr ? 20110501u : static_cast<unsigned>(std::strtoul(seed, nullptr, 10));
  }

  TokenizerPropertyTest() : random_(Seed()) { RecordProperty("seed", std::to_string(Seed())); }

  size_t Below(size_t bound) {
    return std::uniform_int_distribution<size_t>(0, bound - 1)(random_);
  }

  template <typename List>
  const auto& Pick(const List& list) {
    return list[Below(std::size(list))];
  }

  std::string Join(const std::vector<std::u32string>& pieces) {
    std::string text;
    for (const std::u32string& piece : pieces) {
      for (const char32_t c : piece) AppendUtf8(c, &text);
    }
    return text;
  }

  // A word, lower case or capitalised, of the letters of Western Europe or of those that the east
  // adds. They do not mix, for "ÅŠ" is no language's but looks like double encoding.
  std::u32string RandomWord() {
    static constexpr std::u32string_view kWestern =
        U"abcdefghijklmnopqrstuvwxyzàáâãäåæçèéêëìíîïñòóôõöøùúûüýß";
    static constexpr std::u32string_view kEastern =
        U"abcdefghijklmnopqrstuvwxyząćčďęěğıłńňőœřśşšťůűźżž";
    static constexpr std::u32string_view kCapitals = U"ABCDEFGHIJKLMNOPQRSTUVWXYZÉÀÇÑÖÜÅØÎÔÚ";
    std::u32string word;
    const std::u32string_view letters = Below(3) == 0 ? kEastern : kWestern;
    const bool capital = letters == kWestern && Below(3) == 0;
    if (capital) word += Pick(kCapitals);
    for (size_t i = (capital ? 1 : 2) + Below(8); i > 0; --i) word += Pick(letters);
    return word;
  }

  // Words with punctuation between them, as articles have.
  std::vector<std::u32string> RandomSentence() {
    static const std::u32string kBetween[] = {U" ",  U" ",  U" ",  U" ",    U", ",
                                              U"’",  U" “", U"” ", U" – ",  U"—",
                                              U"… ", U"-",  U". ", U" £5 ", U" ‘"};
    std::vector<std::u32string> pieces;
    for (size_t words = 1 + Below(25); words > 0; --words) {
      pieces.push_back(RandomWord());
      pieces.push_back(Pick(kBetween));
    }
    return pieces;
  }

  // `pieces` with `insert` put inside of words at random places, never at their start.
  std::vector<std::u32string> InsertInWords(std::vector<std::u32string> pieces,
                                            std::u32string_view insert) {
    for (size_t i = 0; i < pieces.size(); i += 2) {
      if (pieces[i].size() > 1) pieces[i].insert(1 + Below(pieces[i].size() - 1), insert);
    }
    return pieces;
  }

  std::string RandomBytes(size_t size_max, absl::string_view alphabet) {
    std::string bytes(Below(size_max + 1), '\0');
    for (char& byte : bytes) {
      byte = alphabet.empty() ? static_cast<char>(Below(256)) : alphabet[Below(alphabet.size())];
    }
    return bytes;
  }

  // Any characters, those that matter to tokenising and HTML more often.
  std::string RandomUnicode() {
    static constexpr std::u32string_view kSpecial =
        U"aZ09 <>&;#-_'\"\u00A0\u00AB\u00AD\u00B4\u00BB\u0300\u0301\u0338\u200B\u200D\u2010\u2011"
        U"\u2019\u2026\u2027\u2028\u02BC\u0345\u1100\u1161\u11A8가東ーひคำកម្អ٣ßİﬁ½™â€Ã©\uFEFF";
    static constexpr std::array<char32_t, 6> kEnds = {0x80,   0x250,   0x700,
                                                      0x3200, 0x10000, 0x110000};
    std::string text;
    for (size_t i = Below(60); i > 0; --i) {
      char32_t c = Below(3) > 0 ? Pick(kSpecial) : static_cast<char32_t>(Below(Pick(kEnds)));
      if (c >= 0xD800 && c < 0xE000) c = ' ';
      AppendUtf8(c, &text);
    }
    return text;
  }

  std::mt19937_64 random_;
};

std::string Replaced(std::string text, absl::string_view from, absl::string_view to) {
  for (size_t i = 0; (i = text.find(from.data(), i, from.size())) != std::string::npos;) {
    text.replace(i, from.size(), to.data(), to.size());
    i += to.size();
  }
  return text;
}

// What a reader makes of `utf8` who takes it for Windows-1252.
std::string EncodedAgain(absl::string_view utf8) {
  std::string result;
  for (const char byte : utf8)
    AppendUtf8(FromWindows1252(static_cast<unsigned char>(byte)), &result);
  return result;
}

std::string Transformed(absl::string_view utf8, const icu::Normalizer2* normalizer) {
  UErrorCode status = U_ZERO_ERROR;
  std::string result;
  normalizer
      ->normalize(icu::UnicodeString::fromUTF8({utf8.data(), static_cast<int>(utf8.size())}),
                  status)
      .toUTF8String(result);
  return result;
}

TEST_F(TokenizerPropertyTest, AsciiEqualsTheReference) {
  for (int round = 0; round < kRounds; ++round) {
    std::string text = RandomBytes(200, round % 2 == 0 ? "abcXYZ019 .'_-@[`{/:" : "");
    for (char& c : text) c = static_cast<char>(c & 0x7F);
    ASSERT_EQ(NormalisedWords(text), ReferenceWords(text)) << text;
    text += "é";  // forces the way for all text
    ASSERT_EQ(NormalisedWords(text), ReferenceWords(text)) << text;
  }
}

TEST_F(TokenizerPropertyTest, PiecewiseNormalisationEqualsTheReference) {
  for (int round = 0; round < 10 * kRounds; ++round) {
    const std::string text = RandomUnicode();
    ASSERT_EQ(NormalisedWords(text), ReferenceWords(text)) << text;
  }
  for (int round = 0; round < kRounds; ++round) {
    const std::string text = Join(RandomSentence());
    ASSERT_EQ(NormalisedWords(text), ReferenceWords(text)) << text;
  }
}

// Words, typographic separators and pieces that need normalising at every place of the blocks in
// which bytes are classified, and over the ends of the chunks that these make up.
TEST_F(TokenizerPropertyTest, WordsAtEveryPlaceEqualTheReference) {
  static const std::string kAcross[] = {"w",
                                        "word",
                                        "1984",
                                        "eight888",
                                        "ninechars9",
                                        "exactlysixteen16",
                                        "seventeenlettersx",
                                        "’",
                                        "it’s",
                                        "“quoted”",
                                        "na\u00efve",
                                        "caf\u00e9s",
                                        "–",
                                        "…no… ",
                                        "\u00bb\u00ab",
                                        "\u4e2d\u6587 zhongwen",
                                        "e\u0301t\u00e9",
                                        std::string(70, 'L'),
                                        std::string(2'047, 'm'),
                                        std::string(2'048, 'n'),
                                        std::string(2'049, 'o'),
                                        std::string(5'000, 'P') + "\u00e9"};
  for (const std::string& across : kAcross) {
    for (size_t before = 0; before < 140; ++before) {
      const std::string text = std::string(before, before % 7 == 0 ? ' ' : 'x') +
                               (before % 3 == 0 ? " " : "") + across + "-end";
      ASSERT_EQ(NormalisedWords(text), ReferenceWords(text)) << text;
    }
    for (size_t before = 2'040; before < 2'056; ++before) {
      for (const std::string& filler : {std::string(1, ' '), std::string("a ")}) {
        std::string text;
        while (text.size() < before) text += filler;
        text.resize(before);
        text += across;
        ASSERT_EQ(NormalisedWords(text), ReferenceWords(text)) << before << " " << across;
        std::vector<Token> tokens;
        Tokenize(text, &tokens);
        std::vector<Token> expected;
        for (const std::string& word : ReferenceWords(text)) expected.push_back(TokenOf(word));
        ASSERT_EQ(tokens, expected) << before << " " << across;
      }
    }
  }
}

// Long enough for several chunks, of all that a text may hold.
TEST_F(TokenizerPropertyTest, LongTextsEqualTheReference) {
  for (int round = 0; round < kRounds / 10; ++round) {
    std::string text;
    while (text.size() < 6'000) {
      switch (Below(round % 2 == 0 ? 2 : 6)) {
        case 0:
          text += Join(RandomSentence());
          break;
        case 1:
          text += RandomBytes(60, "abcXYZ019 .'_-@[`{/:");
          break;
        case 2:
          text += RandomUnicode();
          break;
        case 3:
          text += "<p>" + Join(RandomSentence()) + "&amp;</p>";
          break;
        case 4:
          text += RandomBytes(20, "");
          break;
        default:
          text += std::string(Below(300), 'q');
          break;
      }
    }
    ASSERT_EQ(NormalisedWords(text), ReferenceWords(text)) << text;
    std::vector<Token> tokens;
    Tokenize(text, &tokens);
    std::vector<Token> expected;
    for (const std::string& word : ReferenceWords(text)) expected.push_back(TokenOf(word));
    ASSERT_EQ(tokens, expected) << text;
  }
}

// Behind the text lies memory that must not be read.
TEST_F(TokenizerPropertyTest, ReadsNothingBehindTheText) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* const pages =
      mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(pages, MAP_FAILED);
  char* const end = static_cast<char*>(pages) + page;
  ASSERT_EQ(mprotect(end, page, PROT_NONE), 0);
  for (size_t size = 0; size < 300; ++size) {
    for (const absl::string_view filler : {"word ", "longerword12 ", "a-", "caf\u00e9 ", "’"}) {
      std::string text;
      while (text.size() < size) text.append(filler.data(), filler.size());
      text.resize(size);
      std::memcpy(end - size, text.data(), size);
      const absl::string_view at_end(end - size, size);
      std::vector<Token> tokens, expected;
      Tokenize(at_end, &tokens);
      Tokenize(text, &expected);
      ASSERT_EQ(tokens, expected) << text;
      ASSERT_EQ(NormalisedWords(at_end), ReferenceWords(text)) << text;
    }
  }
  munmap(pages, 2 * page);
}

TEST_F(TokenizerPropertyTest, TokensAreThoseOfTheWords) {
  for (int round = 0; round < kRounds; ++round) {
    const std::string text = RandomUnicode();
    std::vector<Token> tokens;
    Tokenize(text, &tokens);
    std::vector<Token> expected;
    for (const std::string& word : NormalisedWords(text)) expected.push_back(TokenOf(word));
    ASSERT_EQ(tokens, expected) << text;
  }
}

TEST_F(TokenizerPropertyTest, RepairGivesValidTextAndKeepsIt) {
  for (int round = 0; round < kRounds; ++round) {
    const std::string bytes =
        RandomBytes(100, round % 2 == 0 ? "a\xE2\x80\x99\xC3\xA9\xF0\x9F" : "");
    const std::string repaired = RepairUtf8(bytes);
    ASSERT_TRUE(IsValidUtf8(repaired));
    ASSERT_EQ(RepairUtf8(repaired), repaired);
    ASSERT_EQ(IsValidUtf8(bytes), repaired == bytes);
  }
}

TEST_F(TokenizerPropertyTest, FormsOfTheSameTextHaveTheSameTokens) {
  UErrorCode status = U_ZERO_ERROR;
  const auto* nfd = icu::Normalizer2::getNFDInstance(status);
  ASSERT_TRUE(U_SUCCESS(status));
  for (int round = 0; round < kRounds; ++round) {
    const std::vector<std::u32string> pieces = RandomSentence();
    const std::string text = Join(pieces);
    const Words words = NormalisedWords(text);
    std::string straight = text;
    for (const absl::string_view quote : {"‘", "’"}) straight = Replaced(straight, quote, "'");
    for (const absl::string_view quote : {"“", "”"}) straight = Replaced(straight, quote, "\"");
    straight = Replaced(Replaced(straight, "–", "-"), "…", "...");
    ASSERT_EQ(NormalisedWords(straight), words) << text;
    ASSERT_EQ(NormalisedWords(Transformed(text, nfd)), words) << text;
    for (const std::u32string_view invisible : {U"\u00AD", U"\u200B", U"\u200D", U"\uFEFF"}) {
      ASSERT_EQ(NormalisedWords(Join(InsertInWords(pieces, invisible))), words) << text;
    }
  }
}

TEST_F(TokenizerPropertyTest, CaseMakesNoDifference) {
  for (int round = 0; round < kRounds; ++round) {
    const std::string text = Replaced(Join(RandomSentence()), "ı", "i");  // its capital is I
    std::string upper;
    std::string lower;
    const icu::UnicodeString unicode = icu::UnicodeString::fromUTF8(text);
    icu::UnicodeString(unicode).toUpper(icu::Locale::getRoot()).toUTF8String(upper);
    icu::UnicodeString(unicode).toLower(icu::Locale::getRoot()).toUTF8String(lower);
    ASSERT_EQ(NormalisedWords(upper), NormalisedWords(text)) << text;
    ASSERT_EQ(NormalisedWords(lower), NormalisedWords(text)) << text;
  }
}

TEST_F(TokenizerPropertyTest, DoubleEncodingMakesNoDifference) {
  for (int round = 0; round < kRounds; ++round) {
    const std::string text = Join(RandomSentence());
    const std::string once = EncodedAgain(text);
    ASSERT_EQ(UndoDoubleEncoding(text), text);
    ASSERT_EQ(UndoDoubleEncoding(once), text) << once;
    ASSERT_EQ(UndoDoubleEncoding(EncodedAgain(once)), text) << EncodedAgain(once);
    ASSERT_EQ(NormalisedWords(once), NormalisedWords(text)) << text;
  }
}

TEST_F(TokenizerPropertyTest, HtmlMakesNoDifference) {
  for (int round = 0; round < kRounds; ++round) {
    const std::vector<std::u32string> pieces = RandomSentence();
    const std::string text = Join(pieces);
    const Words words = NormalisedWords(text);
    ASSERT_EQ(NormalisedWords("<div class=\"a > b\"><p>" + text + "</p></div>"), words) << text;
    ASSERT_EQ(NormalisedWords(Join(InsertInWords(pieces, U"<b>"))), words) << text;
    ASSERT_EQ(NormalisedWords(Join(InsertInWords(pieces, U"<!-- a > b -->"))), words) << text;
    ASSERT_EQ(NormalisedWords(Replaced(text, "’", Below(2) == 0 ? "&rsquo;" : "&amp;#8217;")),
              words)
        << text;
    std::string entities;
    for (size_t i = 0; i < text.size();) {
      const char32_t c = NextCharacter(text, &i);
      entities += "&#" + std::to_string(static_cast<uint32_t>(c)) + ";";
    }
    ASSERT_EQ(NormalisedWords(entities), words) << text;
  }
}

TEST_F(TokenizerPropertyTest, AnyBytesGiveBoundedOutput) {
  for (int round = 0; round < 5 * kRounds; ++round) {
    const std::string bytes = RandomBytes(
        300, round % 3 == 0   ? ""
             : round % 3 == 1 ? "<>&;#!-/ap=\"'x3 "
                              : "\xC3\xA2\xE2\x82\xAC\x80\x99\xC2\xF0\x9F\xEF\xBF\xBD a");
    const std::string repaired = RepairUtf8(bytes);
    const std::string plain = HtmlToText(repaired);
    const std::string undone = UndoDoubleEncoding(plain);
    ASSERT_LE(repaired.size(), 3 * bytes.size());
    ASSERT_LE(plain.size(), repaired.size());
    ASSERT_LE(undone.size(), plain.size());
    ASSERT_TRUE(IsValidUtf8(plain));
    ASSERT_TRUE(IsValidUtf8(undone));
    ASSERT_EQ(NormalisedWords(bytes), ReferenceWords(bytes));
  }
}

}  // namespace
}  // namespace newsprint::text
