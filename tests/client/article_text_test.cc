#include "client/article_text.h"

#include <string>

#include "gtest/gtest.h"

namespace newsprint::client {
namespace {

TEST(ValidUtf8PrefixTest, AcceptsEveryFormOfWellFormedText) {
  for (const char* text : {"", "plain", "caf\xC3\xA9", "\xE2\x80\x9Cquoted\xE2\x80\x9D",
                           "\xED\x9F\xBF", "\xEE\x80\x80", "\xF0\x9F\x93\xB0", "\xF4\x8F\xBF\xBF",
                           "eight by\xC3\xA9 eight bytes and then some"}) {
    EXPECT_TRUE(IsValidUtf8(text)) << text;
  }
  EXPECT_TRUE(IsValidUtf8(absl::string_view("a\0b", 3)));
}

TEST(ValidUtf8PrefixTest, StopsAtEveryFormOfIllFormedText) {
  const char* bad[] = {
      "\x80",     "\xC3",         "\xC0\xAF",         "\xC1\xBF",         "\xE0\x9F\xBF",
      "\xE2\x80", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
      "\xFF",     "\xE2\x28\xA1", "\xF0\x9F\x93"};
  for (const char* bytes : bad) {
    EXPECT_EQ(ValidUtf8Prefix(bytes), 0u);
    EXPECT_EQ(ValidUtf8Prefix(std::string("0123456789abcdef") + bytes + "x"), 16u);
  }
}

TEST(SetTextTest, InvalidBytesTravelInTheRawFieldOnly) {
  v1::Article article;
  SetTitleOrRaw("smart \x93quotes\x94", article);
  SetBodyOrRaw("clean", article);
  EXPECT_EQ(article.title(), "");
  EXPECT_EQ(article.raw_title(), "smart \x93quotes\x94");
  EXPECT_EQ(article.body(), "clean");

  SetTitleOrRaw("clean", article);
  SetBodyOrRaw("caf\xE9", article);
  EXPECT_EQ(article.title(), "clean");
  EXPECT_EQ(article.raw_title(), "");
  EXPECT_EQ(article.body(), "");
  EXPECT_EQ(article.raw_body(), "caf\xE9");
}

}  // namespace
}  // namespace newsprint::client
