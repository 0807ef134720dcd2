#include "client/cli/jsonl.h"

#include <zlib.h>

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"

namespace newsprint::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string WriteGzip(const std::string& path, const std::string& text) {
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  return path;
}

// Lines as "NUMBER=TEXT", and the status at the end.
std::vector<std::string> ReadAll(const std::string& path, absl::Status* end) {
  std::vector<std::string> lines;
  auto reader = LineReader::Open(path);
  *end = reader.status();
  if (!reader.ok()) return lines;
  std::string line;
  for (;;) {
    *end = (*reader)->Next(&line);
    if (!end->ok()) return lines;
    const std::string position = (*reader)->position();
    lines.push_back(position.substr(position.rfind(':') + 1) + "=" + line);
  }
}

class LineReaderTest : public ::testing::Test {
 protected:
  const newsprint::testing::TempDir dir_;
};

TEST_F(LineReaderTest, SkipsBlankLinesAndNeedsNoLastNewline) {
  absl::Status end;
  EXPECT_THAT(ReadAll(dir_.Write("plain", "one\n\n  \r\ntwo\r\nthree"), &end),
              ElementsAre("1=one", "4=two\r", "5=three"));
  EXPECT_EQ(end.code(), absl::StatusCode::kOutOfRange);
}

TEST_F(LineReaderTest, ReadsGzipWhateverItsName) {
  const std::string longline(700000, 'x');  // longer than the buffer
  absl::Status end;
  EXPECT_THAT(ReadAll(WriteGzip(dir_.File("gz"), "one\n" + longline + "\nthree\n"), &end),
              ElementsAre("1=one", "2=" + longline, "3=three"));
  EXPECT_EQ(end.code(), absl::StatusCode::kOutOfRange);
}

TEST_F(LineReaderTest, TruncatedGzipIsAnError) {
  std::string text;
  for (int i = 0; i < 20000; ++i) text += std::to_string(i * 7919) + "\n";
  const std::string bytes = ::newsprint::testing::ReadBytes(WriteGzip(dir_.File("whole.gz"), text));
  absl::Status end;
  ReadAll(dir_.Write("cut.gz", bytes.substr(0, bytes.size() / 2)), &end);
  EXPECT_EQ(end.code(), absl::StatusCode::kDataLoss);
}

TEST_F(LineReaderTest, EmptyFileMissingFileAndFolder) {
  absl::Status end;
  EXPECT_TRUE(ReadAll(dir_.Write("empty", ""), &end).empty());
  EXPECT_EQ(end.code(), absl::StatusCode::kOutOfRange);
  ReadAll("/no/such/file", &end);
  EXPECT_EQ(end.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(end.message()), HasSubstr("/no/such/file"));
  ReadAll(dir_.path(), &end);
  EXPECT_EQ(end.code(), absl::StatusCode::kNotFound);
}

TEST(ParseArticleLineTest, ReadsEveryField) {
  const auto line = ParseArticleLine(
      R"({"id":"a","title":"T","body":"B","lang":"en","source":"S","url":"U",)"
      R"("published_at":"2011-05-04T12:30:00.5-05:00","label":"L","kind":"K","other":[1,{}]})");
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->article.id(), "a");
  EXPECT_EQ(line->article.title(), "T");
  EXPECT_EQ(line->article.body(), "B");
  EXPECT_EQ(line->article.language(), "en");
  EXPECT_EQ(line->article.source(), "S");
  EXPECT_EQ(line->article.url(), "U");
  EXPECT_EQ(line->article.published_at().seconds(), 1304530200);
  EXPECT_EQ(line->article.published_at().nanos(), 500000000);
  EXPECT_EQ(line->label, "L");
  EXPECT_EQ(line->kind, "K");
  EXPECT_FALSE(line->time_ignored);
}

TEST(ParseArticleLineTest, NumbersAndNullsAreTakenAsMeant) {
  const auto line = ParseArticleLine(
      R"({"id":17,"title":null,"body":"B","label":3,"kind":null,"published_at":""})");
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->article.id(), "17");
  EXPECT_EQ(line->article.title(), "");
  EXPECT_EQ(line->label, "3");
  EXPECT_FALSE(line->kind.has_value());
  EXPECT_FALSE(line->time_ignored);
}

TEST(ParseArticleLineTest, InvalidBytesReachTheRawFields) {
  const auto line = ParseArticleLine(
      "{\"id\":\"caf\xE9\",\"title\":\"a \x93quote\x94\","
      "\"body\":\"ok \xE2\x80\x9C and \xE2\x80 \xF4\x8F\x9E\x80\"}");
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->article.id(), "caf\xC3\xA9");
  EXPECT_EQ(line->article.raw_title(), "a \x93quote\x94");
  EXPECT_EQ(line->article.title(), "");
  // The last character looks like one of our escapes and comes back unharmed.
  EXPECT_EQ(line->article.raw_body(), "ok \xE2\x80\x9C and \xE2\x80 \xF4\x8F\x9E\x80");
}

TEST(ParseArticleLineTest, ValidTextThatLooksLikeAnEscapeStaysItself) {
  const auto line = ParseArticleLine("{\"id\":\"a\",\"body\":\"\xF4\x8F\x9E\x80\"}");
  ASSERT_TRUE(line.ok());
  EXPECT_EQ(line->article.body(), "\xF4\x8F\x9E\x80");
}

TEST(ParseArticleLineTest, LoneSurrogatesAreRepaired) {
  const auto line = ParseArticleLine(
      R"({"id":"a","title":"\\udc93 \udc93 x","body":"\ud83d\udcf0 \ud83d cut \\ud83d"})");
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->article.raw_title(), "\\udc93 \x93 x");
  EXPECT_EQ(line->article.body(), "\xF0\x9F\x93\xB0 \xEF\xBF\xBD cut \\ud83d");
}

TEST(ParseArticleLineTest, ErrorsNameThePlaceAndNotTheText) {
  for (const char* text :
       {"{\"id\":\"secret", "[1]", "{\"id\":{\"secret\":1}}", "{\"body\":\"secret\"}",
        "{\"id\":\"\",\"body\":\"secret\"}", "{\"id\":1e999,\"secret\":1}", "secret"}) {
    const auto line = ParseArticleLine(text);
    EXPECT_EQ(line.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(line.status().message()), Not(HasSubstr("secret")));
  }
  EXPECT_TRUE(ParseArticleLine("{\"body\":\"B\"}", /*id_required=*/false).ok());
}

TEST(ParseArticleLineTest, AFingerprintStandsForTheBodyOnly) {
  v1::Fingerprint fingerprint;
  fingerprint.set_scheme("s");
  fingerprint.add_shingles(0xFFFFFFFF);
  const std::string encoded = absl::Base64Escape(fingerprint.SerializeAsString());
  auto line = ParseArticleLine("{\"id\":\"a\",\"fingerprint\":\"" + encoded + "\"}");
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->article.fingerprint().shingles(0), 0xFFFFFFFF);
  // Beside a body it may be anything, as other fields may.
  line = ParseArticleLine(R"({"id":"a","body":"B","fingerprint":["d41d8cd9"]})");
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_FALSE(line->article.has_fingerprint());
  for (const char* wrong : {"\"se-cr*et\"", "\"secret00\"", "{\"secret\":1}"}) {
    const auto refused =
        ParseArticleLine(absl::StrCat("{\"id\":\"a\",\"fingerprint\":", wrong, "}"));
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument) << wrong;
    EXPECT_THAT(std::string(refused.status().message()), Not(HasSubstr("secret")));
  }
}

TEST(ParsePublishedAtTest, ReadsTheUsualForms) {
  for (const char* text : {"2011-05-04T17:30:00Z", "2011-05-04T12:30:00-05:00",
                           "2011-05-04 17:30:00", "2011-05-04T17:30:00.000+0000",
                           "2011-05-04T17:30:00", "2011-05-04T17:30Z", "2011-05-04t17:30:00z"}) {
    const auto time = ParsePublishedAt(text);
    ASSERT_TRUE(time.has_value()) << text;
    EXPECT_EQ(time->seconds(), 1304530200) << text;
  }
  EXPECT_EQ(ParsePublishedAt("2011-05-04")->seconds(), 1304467200);
  EXPECT_EQ(ParsePublishedAt("1955-01-01T00:00:00.25Z")->nanos(), 250000000);
}

TEST(ParsePublishedAtTest, RefusesTheRest) {
  for (const char* text : {"yesterday", "26-FEB-1987 15:02:20.00", "2011-13-01", "20000-01-01",
                           "1347891234.0", "2011-05-04T25:00:00Z"}) {
    EXPECT_FALSE(ParsePublishedAt(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace newsprint::cli
