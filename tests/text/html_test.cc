#include "service/text/html.h"

#include <string>

#include <gtest/gtest.h>

namespace newsprint::text {
namespace {

std::string Repeat(absl::string_view piece, size_t bytes) {
  std::string text;
  while (text.size() < bytes) text.append(piece.data(), piece.size());
  return text;
}

TEST(HtmlToTextTest, KeepsPlainText) {
  for (const absl::string_view text :
       {"", "plain", "a < b", "a<b", "1<2 & 3>2", "AT&T", "<0.1 %", "<3", "x &unknown; y", "&", "<",
        "&#;", "&#x;", "<%= name %>", "mail <john@example.com>", "<IBM>", "rose <GM.N> to"}) {
    EXPECT_EQ(HtmlToText(text), text);
  }
}

TEST(HtmlToTextTest, BlockTagsSeparateAndInlineOnesJoin) {
  EXPECT_EQ(HtmlToText("<p>one</p><p>two</p>"), "\none\n\ntwo\n");
  EXPECT_EQ(HtmlToText("one<br/>two<BR >three"), "one\ntwo\nthree");
  EXPECT_EQ(HtmlToText("H<b>i</b>gh <A HREF='x'>link</A>"), "High link");
  EXPECT_EQ(HtmlToText("a<o:p>b</o:p><x-card>c<foo bar=1>d</foo>"), "a\nb\n\nc\nd\n");
}

TEST(HtmlToTextTest, AttributesMayHoldBrackets) {
  EXPECT_EQ(HtmlToText("<a title=\"x > y\">z</a>"), "z");
  EXPECT_EQ(HtmlToText("<a title = '<b>'>z</a>"), "z");
  EXPECT_EQ(HtmlToText("<a title=\"stray>z</a> later"), "z later");
}

TEST(HtmlToTextTest, DropsWhatIsNotText) {
  EXPECT_EQ(HtmlToText("a<!-- <p>hidden</p> -- > -->b"), "ab");
  EXPECT_EQ(HtmlToText("a<!-->b"), "ab");
  EXPECT_EQ(HtmlToText("a<!-- unclosed"), "a");
  EXPECT_EQ(HtmlToText("<!DOCTYPE html><?xml version='1.0'?>a"), "a");
  EXPECT_EQ(HtmlToText("a<script>if (x < y) '<p>'</ScRiPt>b"), "a\n\nb");
  EXPECT_EQ(HtmlToText("a<STYLE type='x'>p { }</style >b"), "a\n\nb");
  EXPECT_EQ(HtmlToText("a<script>the rest </p>"), "a\n");
  EXPECT_EQ(HtmlToText("<![CDATA[<p>a</p>"), "\na\n");
}

TEST(HtmlToTextTest, DecodesEntities) {
  EXPECT_EQ(HtmlToText("&lt;&gt;&quot;&apos;&amp;&nbsp;"), "<>\"'&\u00A0");
  EXPECT_EQ(HtmlToText("&ldquo;caf&eacute;&rdquo; &mdash; &euro;5&hellip;"), "“café” — €5…");
  EXPECT_EQ(HtmlToText("&#8217;&#x2019;&#X2019;&#8217"), "’’’’");
  EXPECT_EQ(HtmlToText("&#146;&#x93;&#150;"), "’“–");
  EXPECT_EQ(HtmlToText("&#0;&#xD800;&#x110000;&#99999999999999999999;"),
            "\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(HtmlToText("AT&ampT &ltb&gt &quothi&quot one&nbsptwo"), "AT&T <b> \"hi\" one\u00A0two");
  EXPECT_EQ(HtmlToText("&zwnj;&AElig;&zcaron;"), "\u200CÆž");
}

TEST(HtmlToTextTest, DecodesThroughDoubleEscapes) {
  EXPECT_EQ(HtmlToText("it&amp;#8217;s &amp;quot;x&amp;quot; &amp;amp;ndash;"), "it’s \"x\" –");
  EXPECT_EQ(HtmlToText("R&amp;D &amp;amp; AT&amp;T"), "R&D & AT&T");
}

TEST(HtmlToTextTest, EscapedTagsAreText) { EXPECT_EQ(HtmlToText("&lt;p&gt;"), "<p>"); }

TEST(HtmlToTextTest, ATagHasALimit) {
  const std::string filler(5000, 'x');
  EXPECT_EQ(HtmlToText("<a " + filler + ">b"), "<a " + filler + ">b");
  EXPECT_EQ(HtmlToText("<a " + filler.substr(0, 4000) + ">b"), "b");
}

// Each of these would take very long if it took quadratic time.
TEST(HtmlToTextTest, HostileInputTakesLinearTime) {
  constexpr size_t kBytes = 2 << 20;
  for (const absl::string_view piece :
       {"<",        "</",           "<a",       "<a ",       "<!",          "<!-",
        "<!--",     "<!--<!-- -->", "<a b=\"",  "<a b='>\"", "<a b=\">\" ", "<x b=\">\"<a b='<",
        "<script",  "</script",     "<script>", "<style></", "&",           "&amp;",
        "&amp;amp", "&#",           "&#1",      "&x",        "<![CDATA[",   "<?"}) {
    const std::string html = Repeat(piece, kBytes);
    EXPECT_LE(HtmlToText(html).size(), html.size());
    EXPECT_LE(HtmlToText("<script>" + html).size(), html.size() + 1);
  }
}

}  // namespace
}  // namespace newsprint::text
