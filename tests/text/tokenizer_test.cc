#include "service/text/tokenizer.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "service/common/hash.h"

namespace newsprint::text {
namespace {

using Words = std::vector<std::string>;

std::vector<Token> Tokens(absl::string_view text) {
  std::vector<Token> tokens;
  Tokenize(text, &tokens);
  return tokens;
}

TEST(TokenizerTest, SplitsAsciiAtEverythingButLettersAndDigits) {
  EXPECT_EQ(NormalisedWords("Don't STOP, e-mail_me: (42) x2y\t\n3.5%"),
            (Words{"don", "t", "stop", "e", "mail", "me", "42", "x2y", "3", "5"}));
  EXPECT_EQ(NormalisedWords(""), Words{});
  EXPECT_EQ(NormalisedWords(" .,;-' "), Words{});
  EXPECT_EQ(NormalisedWords("@Az`[aZ{/09:"), (Words{"az", "az", "09"}));
}

TEST(TokenizerTest, WordsOfEveryLength) {
  for (size_t size = 1; size < 100; ++size) {
    const std::string word(size, 'Q');
    const std::string expected(size, 'q');
    EXPECT_EQ(NormalisedWords(word), Words{expected});
    EXPECT_EQ(NormalisedWords("." + word + " end of a text that is longer than one word buffer")[0],
              expected);
  }
}

TEST(TokenizerTest, TokensAreHashesOfTheWords) {
  const std::vector<Token> tokens = Tokens("Paris 1789");
  EXPECT_EQ(tokens, (std::vector<Token>{TokenOf("paris"), TokenOf("1789")}));
  EXPECT_EQ(tokens[0], Hash64("paris", 5) & ~Token{1});
  EXPECT_EQ(tokens[1], Hash64("1789", 4) | Token{1});
}

TEST(TokenizerTest, NumbersAreDecimalDigitsOnly) {
  for (const absl::string_view number : {"0", "2024", "２０２４", "٢٠٢٤", "१२", "³"}) {
    EXPECT_TRUE(IsNumber(Tokens(number).at(0))) << number;
  }
  for (const absl::string_view word : {"s1", "1st", "a", "é1", "1é", "٢٠م", "一"}) {
    EXPECT_FALSE(IsNumber(Tokens(word).at(0))) << word;
  }
}

TEST(TokenizerTest, AppendsToTheTokens) {
  std::vector<Token> tokens = {7};
  Tokenize("a é", &tokens);
  EXPECT_EQ(tokens, (std::vector<Token>{7, TokenOf("a"), TokenOf("é")}));
}

TEST(TokenizerTest, NormalisesForms) {
  EXPECT_EQ(NormalisedWords("CAFÉ cafe\u0301 Café"), (Words{"café", "café", "café"}));
  EXPECT_EQ(NormalisedWords("STRASSE Straße"), (Words{"strasse", "strasse"}));
  EXPECT_EQ(NormalisedWords("ΣΊΣΥΦΟΣ Σίσυφος"), (Words{"σίσυφοσ", "σίσυφοσ"}));
  EXPECT_EQ(NormalisedWords("ﬁnal Ｗｉｄｅ"), (Words{"final", "wide"}));
  EXPECT_EQ(NormalisedWords("po\u00ADli\u200Btics\uFEFF"), Words{"politics"});
}

TEST(TokenizerTest, TypographyMakesNoDifference) {
  const Words expected = {"it", "s", "a", "new", "york", "based", "firm", "he", "said"};
  for (const absl::string_view text :
       {"It's a 'New York-based' firm... he said", "It’s a ‘New York–based’ firm… he said",
        "It´s\u00A0a «New\u00A0York‑based» firm — he said", "Itʼs a “New York—based” firm•he said",
        "Itâ€™s a â€œNew York-basedâ€\u009D firm â€” he said",
        "<p>It&#8217;s a &ldquo;New <b>York</b>-based&rdquo; firm</p>he said",
        "It\x92s a \x93New York-based\x94 firm \x97 he said",
        "It&acirc;&#128;&#153;s a New York-based firm he said"}) {
    EXPECT_EQ(NormalisedWords(text), expected) << text;
  }
}

TEST(TokenizerTest, MarksContinueWordsOnly) {
  EXPECT_EQ(NormalisedWords("q\u0301a \u0301b -\u0301c \u00A8d"),
            (Words{"q\u0301a", "b", "c", "d"}));
  EXPECT_EQ(NormalisedWords("हिन्दी में"), (Words{"हिन्दी", "में"}));
  EXPECT_EQ(NormalisedWords("“\u0301”"), Words{});
}

TEST(TokenizerTest, ScriptsWithoutSpacesGiveCharacters) {
  EXPECT_EQ(NormalisedWords("東京2024年、ABCビール"),
            (Words{"東", "京", "2024", "年", "abc", "ビ", "ー", "ル"}));
  EXPECT_EQ(NormalisedWords("ที่นี่"), (Words{"ที่", "นี่"}));
  EXPECT_EQ(NormalisedWords("ភ្នំ"), (Words{"ភ្", "នំ"}));
  EXPECT_EQ(NormalisedWords("한국어 뉴스"), (Words{"한국어", "뉴스"}));
}

TEST(TokenizerTest, EmojiAndSymbolsSeparate) {
  EXPECT_EQ(NormalisedWords("good😀bad €5 a\uFFFDb"), (Words{"good", "bad", "5", "a", "b"}));
}

TEST(ShingleTest, OnePerRun) {
  const std::vector<Token> tokens = Tokens("a b c a b c");
  std::vector<uint32_t> shingles;
  Shingle(tokens, 3, &shingles);
  ASSERT_EQ(shingles.size(), 4u);
  EXPECT_EQ(shingles[0], shingles[3]);
  EXPECT_NE(shingles[0], shingles[1]);
  EXPECT_EQ(shingles[1], static_cast<uint32_t>(Hash64(tokens.data() + 1, 3 * sizeof(Token))));
}

TEST(ShingleTest, ShortAndEmptyTexts) {
  std::vector<uint32_t> shingles;
  Shingle({}, 5, &shingles);
  EXPECT_TRUE(shingles.empty());
  Shingle(Tokens("only two"), 5, &shingles);
  EXPECT_EQ(shingles.size(), 1u);
  Shingle(Tokens("one"), 1, &shingles);
  EXPECT_EQ(shingles.size(), 2u);
}

// ICU sorts a run of combining marks in quadratic time: a megabyte of them would take minutes.
TEST(TokenizeTest, LongRunsOfMarksAreCut) {
  std::string marks = "a";
  while (marks.size() < (1 << 20)) marks += "\u0301\u0323";
  std::vector<Token> tokens;
  Tokenize(marks, &tokens);
  EXPECT_EQ(tokens.size(), 1u);
  EXPECT_EQ(NormalisedWords("e\u0301" + std::string(100, 'x')),
            NormalisedWords("\u00e9" + std::string(100, 'x')));
}

}  // namespace
}  // namespace newsprint::text
