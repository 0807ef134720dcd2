#include "client/cli/passages.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace newsprint::cli {

// For the matchers below.
bool operator==(const Passage& a, const Passage& b) {
  return a.words == b.words && a.text == b.text;
}
void PrintTo(const Passage& passage, std::ostream* out) {
  *out << passage.words << ": " << passage.text;
}

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// "w3 w4 w5" for 3 and 6.
std::string Numbered(int begin, int end) {
  std::string text;
  for (int i = begin; i < end; ++i) absl::StrAppend(&text, i == begin ? "" : " ", "w", i);
  return text;
}

TEST(CommonPassagesTest, FiveWordsAreTheLeast) {
  EXPECT_THAT(CommonPassages("one two three four alpha", "beta one two three four"), IsEmpty());
  EXPECT_THAT(CommonPassages("one two three four five alpha", "beta one two three four five"),
              ElementsAre(Passage{5, "one two three four five"}));
  EXPECT_THAT(CommonPassages("", "one two three four five"), IsEmpty());
  EXPECT_THAT(CommonPassages("one two three four five", ""), IsEmpty());
}

TEST(CommonPassagesTest, CaseAndPunctuationDoNotCount) {
  EXPECT_THAT(CommonPassages("He said: \"We don't\nknow YET.\" So",
                             "he SAID \xE2\x80\x9Cwe don\xE2\x80\x99t "
                             "know yet\xE2\x80\x9D"),
              ElementsAre(Passage{7, "He said: \"We don't know YET"}));
  EXPECT_THAT(CommonPassages("\xC3\x9C"
                             "ber \xD0\x9C\xD0\x98\xD0\xA0 \xCE\x94 x y",
                             "\xC3\xBC"
                             "ber \xD0\xBC\xD0\xB8\xD1\x80 \xCE\xB4 x y"),
              SizeIs(1));
}

TEST(CommonPassagesTest, MarkupDoesNotCount) {
  EXPECT_THAT(CommonPassages("<p class=\"x\">one two <a href=\"/y\">three</a> four&nbsp;five</p>",
                             "one two three four five"),
              ElementsAre(Passage{5, "one two three four five"}));
  // Neither of these begins a tag or an entity.
  EXPECT_THAT(CommonPassages("1 < 2 and AT&T or R&D", "1 < 2 and AT&T or R&D"),
              ElementsAre(Passage{8, "1 < 2 and AT&T or R&D"}));
  EXPECT_THAT(CommonPassages("one two <three four five", "one two three four five"), SizeIs(1));
}

TEST(CommonPassagesTest, LongestFirstAndAtMostThree) {
  const std::string a = absl::StrCat(Numbered(0, 6), " a ", Numbered(10, 19), " b ",
                                     Numbered(20, 27), " c ", Numbered(30, 35));
  const std::string b = absl::StrCat(Numbered(30, 35), " x ", Numbered(20, 27), " y ",
                                     Numbered(10, 19), " z ", Numbered(0, 6));
  EXPECT_THAT(CommonPassages(a, b),
              ElementsAre(Passage{9, Numbered(10, 19)}, Passage{7, Numbered(20, 27)},
                          Passage{6, Numbered(0, 6)}));
}

TEST(CommonPassagesTest, PassagesDoNotOverlap) {
  // w4 to w11 stands in the second sentence of b as well, but w0 to w9 has most of it.
  EXPECT_THAT(
      CommonPassages(Numbered(0, 12), absl::StrCat(Numbered(0, 10), " x ", Numbered(4, 12))),
      ElementsAre(Passage{10, Numbered(0, 10)}));
  EXPECT_THAT(
      CommonPassages(Numbered(0, 16), absl::StrCat(Numbered(0, 10), " x ", Numbered(7, 16))),
      ElementsAre(Passage{10, Numbered(0, 10)}, Passage{6, Numbered(10, 16)}));
}

TEST(CommonPassagesTest, WhatIsRepeatedIsShownOnce) {
  const std::string footer = Numbered(0, 8);
  EXPECT_THAT(CommonPassages(absl::StrCat(footer, " a ", footer, " b ", Numbered(20, 25)),
                             absl::StrCat(footer, " x ", Numbered(20, 25))),
              ElementsAre(Passage{8, footer}, Passage{5, Numbered(20, 25)}));
}

TEST(CommonPassagesTest, LongOnesAreShortened) {
  EXPECT_THAT(CommonPassages(Numbered(0, 25), Numbered(0, 25)),
              ElementsAre(Passage{25, Numbered(0, 25)}));
  EXPECT_THAT(
      CommonPassages(Numbered(0, 40), Numbered(0, 40)),
      ElementsAre(Passage{40, absl::StrCat(Numbered(0, 12), " \xE2\x80\xA6 ", Numbered(28, 40))}));
}

TEST(CommonPassagesTest, CharactersAreWordsWhereThereAreNoSpaces) {
  // Five characters in common.
  EXPECT_THAT(
      CommonPassages("\xE6\x96\xB0\xE8\x81\x9E\xE7\xA4\xBE\xE5\xA0\xB1\xE9\x81\x93"
                     "\xE4\xB8\x80",
                     "\xE6\x96\xB0\xE8\x81\x9E\xE7\xA4\xBE\xE5\xA0\xB1\xE9\x81\x93"
                     "\xE4\xBA\x8C"),
      ElementsAre(Passage{5, "\xE6\x96\xB0\xE8\x81\x9E\xE7\xA4\xBE\xE5\xA0\xB1\xE9\x81\x93"}));
}

TEST(CommonPassagesTest, LooksAtTheFirstTenThousandWords) {
  const std::string shared = Numbered(0, 6);
  std::string filler;
  for (int i = 0; i < 10000 - 6; ++i) absl::StrAppend(&filler, "f", i, " ");
  EXPECT_THAT(CommonPassages(filler + shared, shared), ElementsAre(Passage{6, shared}));
  EXPECT_THAT(CommonPassages(filler + "one more " + shared, shared), IsEmpty());
}

}  // namespace
}  // namespace newsprint::cli
