#include "client/cli/output.h"

#include <sstream>

#include "absl/time/clock.h"
#include "client/cli/collection_output.h"
#include "client/cli/progress.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace newsprint::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(DisplayWidthTest, CountsColumnsAndNotBytes) {
  EXPECT_EQ(DisplayWidth("plain"), 5);
  EXPECT_EQ(DisplayWidth("caf\xC3\xA9"), 4);
  EXPECT_EQ(DisplayWidth("cafe\xCC\x81"), 4);                              // combining accent
  EXPECT_EQ(DisplayWidth("\xE6\x96\xB0\xE8\x81\x9E"), 4);                  // two wide characters
  EXPECT_EQ(DisplayWidth("\xD8\xA3\xD8\xAE\xD8\xA8\xD8\xA7\xD8\xB1"), 5);  // Arabic
}

TEST(TruncateTest, KeepsWithinTheColumns) {
  EXPECT_EQ(Truncate("short", 5), "short");
  EXPECT_EQ(Truncate("somewhat longer", 10), "somewhat\xE2\x80\xA6");
  EXPECT_EQ(Truncate("\xE6\x96\xB0\xE8\x81\x9E\xE7\xA4\xBE", 4), "\xE6\x96\xB0\xE2\x80\xA6");
}

TEST(TruncateTest, ControlCharactersNeverReachTheTerminal) {
  EXPECT_EQ(Truncate("a\x1B[31m\nb\tc", 50), "a [31m b c");
}

TEST(TableTest, AlignsColumns) {
  Table table({{"id"}, {"score", Table::Align::kRight}, {"title", Table::Align::kLeft, true}});
  table.AddRow({"a", "0.9", "caf\xC3\xA9"});
  table.AddRow({"long-id", "10.25", "x"});
  std::ostringstream out;
  table.Print(out, 0);
  EXPECT_EQ(out.str(),
            "id       score  title\n"
            "a          0.9  caf\xC3\xA9\n"
            "long-id  10.25  x\n");
}

TEST(TableTest, FlexibleColumnGivesWay) {
  Table table({{"id"}, {"title", Table::Align::kLeft, true}});
  table.AddRow({"a", "a headline that does not fit into the width"});
  std::ostringstream out;
  table.Print(out, 20);
  EXPECT_EQ(out.str(), "id  title\na   a headline that\xE2\x80\xA6\n");
}

TEST(TableTest, PrintMoreKeepsWhatItHasPrinted) {
  Table table({{"id", Table::Align::kLeft, false, 4}, {"title", Table::Align::kLeft, true}});
  std::ostringstream out;
  table.AddRow({"a", "x"});
  table.PrintMore(out, 14);
  table.AddRow({"long-id", "a headline that is long"});
  table.PrintMore(out, 14);
  table.AddRow({"b", "x"});
  table.PrintMore(out, 14);
  EXPECT_EQ(out.str(),
            "id    title\n"
            "a     x\n"
            "long-id  a headlin\xE2\x80\xA6\n"
            "b        x\n");
}

TEST(FormatTest, WithdrawalIsOneLine) {
  v1::Withdrawal withdrawal;
  withdrawal.set_reason(v1::WITHDRAWAL_REASON_CORRECTED);
  EXPECT_EQ(DescribeWithdrawal(withdrawal), "corrected");
  withdrawal.set_article_id("a");
  withdrawal.set_note("two\nlines");
  EXPECT_EQ(DescribeWithdrawal(withdrawal), "corrected, article a: two lines");
}

TEST(FormatTest, FiguresBytesAndTimes) {
  EXPECT_EQ(FormatFigure(0.87654), "0.877");
  EXPECT_EQ(FormatFigure({}), "-");
  EXPECT_EQ(FormatBytes(17), "17 B");
  EXPECT_EQ(FormatBytes(13 << 20), "13.0 MiB");
  google::protobuf::Timestamp time;
  time.set_seconds(1304530200);
  EXPECT_EQ(FormatTime(true, time), "2011-05-04T17:30:00Z");
  EXPECT_EQ(FormatTime(false, time), "");
  EXPECT_EQ(RelationName(v1::RELATION_NEAR_DUPLICATE), "near_duplicate");
}

TEST(FormatTest, CountsAndPlurals) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1000), "1,000");
  EXPECT_EQ(FormatCount(-123456), "-123,456");
  EXPECT_EQ(FormatCount(9223372036854775807), "9,223,372,036,854,775,807");
  EXPECT_EQ(Counted(0, "article"), "0 articles");
  EXPECT_EQ(Counted(1, "article"), "1 article");
  EXPECT_EQ(Counted(1234, "member"), "1,234 members");
}

TEST(FormatTest, ReembeddingIsOneLine) {
  v1::Reembedding move;
  move.set_embedder("news");
  EXPECT_EQ(DescribeReembedding(move), "moving to news: 0 of 0 articles");
  move.set_articles(5000);
  move.set_articles_done(1234);
  EXPECT_EQ(DescribeReembedding(move), "moving to news: 1,234 of 5,000 articles (24 %)");
  move.set_articles_done(4999);
  move.set_problem("embedder:\nno answer");
  EXPECT_EQ(DescribeReembedding(move),
            "moving to news: 4,999 of 5,000 articles (99 %); embedder: no answer");
  move.set_articles_done(5001);  // one was deleted since
  move.clear_problem();
  EXPECT_EQ(DescribeReembedding(move), "moving to news: 5,001 of 5,000 articles (100 %)");
}

TEST(JsonTest, OneLineRoundedAndAlwaysValid) {
  std::ostringstream out;
  PrintJson({{"b", JsonFigure(0.12345678)},
             {"a", JsonFigure({})},
             {"nan", JsonFigure(std::nan(""))},
             {"text", "caf\xE9\n"}},
            out);
  EXPECT_EQ(out.str(),
            "{\"b\":0.123457,\"a\":null,\"nan\":null,\"text\":\"caf\xEF\xBF\xBD\\n\"}\n");
}

TEST(JsonTest, ThresholdsHoldWhatIsSet) {
  v1::Thresholds thresholds;
  thresholds.set_near_duplicate_jaccard(0.3);
  thresholds.set_tokens_min(20);
  thresholds.set_revision_window_seconds(172800);
  EXPECT_EQ(ToJson(thresholds).dump(),
            "{\"near_duplicate_jaccard\":0.3,\"tokens_min\":20,"
            "\"revision_window_seconds\":172800}");
}

TEST(ProgressTest, ShowsTheFirstFailuresAndCountsTheRest) {
  std::ostringstream err;
  Progress progress(err, false, "articles");
  for (int i = 0; i < 25; ++i) progress.AddFailed("file:" + std::to_string(i) + ": bad");
  progress.AddFailedSilently(2);
  progress.Finish();
  EXPECT_EQ(progress.failed(), 27);
  EXPECT_THAT(err.str(), HasSubstr("file:9: bad\n... and 15 more failures\n"));
  EXPECT_THAT(err.str(), Not(HasSubstr("file:10:")));
}

TEST(ProgressTest, IsQuietWhenItIsShort) {
  std::ostringstream err;
  {
    Progress progress(err, true, "articles");
    progress.AddDone(100);
    progress.SetFraction(0.5);
    EXPECT_EQ(progress.done(), 100);
  }
  EXPECT_EQ(err.str(), "");
}

TEST(ProgressTest, PositionCountsFromWhereItBegan) {
  std::ostringstream err;
  Progress progress(err, true, "articles");
  progress.SetPosition(900'000, 1'000'000);  // done before we looked
  absl::SleepFor(absl::Milliseconds(400));
  progress.SetPosition(900'100, 1'000'000);
  // At most 250/s, and not the millions that the first look would make.
  EXPECT_THAT(err.str(),
              ::testing::ContainsRegex("900,100 of 1,000,000 articles, [0-9]?[0-9]?[0-9]/s"
                                       ", 90 %, [0-9]+m.*s left"));
  EXPECT_THAT(err.str(), Not(HasSubstr("100 %")));
  progress.AddNote("note: held up");
  EXPECT_THAT(err.str(), ::testing::EndsWith("\r\x1B[Knote: held up\n"));
  EXPECT_EQ(progress.failed(), 0);

  progress.SetPosition(500'000, 1'000'000);  // begun anew: nothing is known of the rate
  absl::SleepFor(absl::Milliseconds(250));
  progress.SetPosition(500'000, 1'000'000);
  EXPECT_THAT(err.str(), ::testing::EndsWith("500,000 of 1,000,000 articles, 0/s, 50 %"));
}

}  // namespace
}  // namespace newsprint::cli
