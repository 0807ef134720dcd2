#include "client/stream_ingester.h"

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_server.h"

namespace newsprint::client {
namespace {

using ::testing::ElementsAre;
using testing::FakeServer;
using ::testing::SizeIs;

v1::Article MakeArticle(const std::string& id) {
  v1::Article article;
  article.set_id(id);
  article.set_body(absl::StrCat("body of ", id));
  return article;
}

StreamIngesterOptions FastOptions() {
  StreamIngesterOptions options;
  options.backoff_initial = absl::Milliseconds(1);
  options.backoff_max = absl::Milliseconds(5);
  options.message_bytes_max = 1 << 20;
  return options;
}

class StreamIngesterTest : public ::testing::Test {
 protected:
  // Ingests "a1" to "aN" and records what comes back as "number:id:code".
  absl::Status Run(int count, const StreamIngesterOptions& options = FastOptions()) {
    StreamIngester ingester(server_.MakeClient(), options,
                            [&](uint64_t number, const v1::IngestResult& result) {
                              numbers_.push_back(number);
                              if (result.status().code() != 0) {
                                failed_.push_back(result.article_id());
                                messages_.push_back(result.status().message());
                              }
                            });
    for (int i = 1; i <= count; ++i) {
      const auto number = ingester.Add(MakeArticle(absl::StrCat("a", i)));
      if (!number.ok()) return number.status();
      EXPECT_EQ(*number, static_cast<uint64_t>(i));
    }
    return ingester.Finish();
  }

  void ExpectAllInOrder(int count) {
    ASSERT_THAT(numbers_, SizeIs(count));
    const std::vector<std::string> ids = server_.IngestedIds();
    ASSERT_THAT(ids, SizeIs(count));
    for (int i = 1; i <= count; ++i) {
      EXPECT_EQ(numbers_[i - 1], static_cast<uint64_t>(i));
      EXPECT_EQ(ids[i - 1], absl::StrCat("a", i));
    }
  }

  FakeServer server_;
  std::vector<uint64_t> numbers_;
  std::vector<std::string> failed_;
  std::vector<std::string> messages_;
};

TEST_F(StreamIngesterTest, AcknowledgesEverythingInOrder) {
  ASSERT_TRUE(Run(2000).ok());
  ExpectAllInOrder(2000);
  EXPECT_EQ(server_.streams, 1);
}

TEST_F(StreamIngesterTest, WorksWithTheSmallestWindow) {
  StreamIngesterOptions options = FastOptions();
  options.window_items = 1;
  options.window_bytes = 1;
  ASSERT_TRUE(Run(50, options).ok());
  ExpectAllInOrder(50);
}

TEST_F(StreamIngesterTest, NothingToDoOpensNoStream) {
  EXPECT_TRUE(Run(0).ok());
  EXPECT_EQ(server_.streams, 0);
}

TEST_F(StreamIngesterTest, SendsAgainAfterBrokenStreams) {
  server_.faults.broken_streams = 5;
  server_.faults.broken_stream_answers = 30;
  ASSERT_TRUE(Run(500).ok());
  ExpectAllInOrder(500);
  EXPECT_EQ(server_.streams, 6);
}

TEST_F(StreamIngesterTest, WaitsForAServerThatGoesAway) {
  // The first stream breaks after one answer, the others, far over `attempts_max`, before.
  server_.faults.broken_streams = 30;
  server_.faults.broken_stream_answers = 1;
  server_.faults.answers_once = true;
  StreamIngesterOptions options = FastOptions();
  options.attempts_max = 4;
  options.window_items = 8;
  std::vector<absl::Status> told;
  options.on_broken = [&](const absl::Status& status) { told.push_back(status); };
  int acknowledged = 0;
  StreamIngester ingester(
      server_.MakeClient(), options,
      [&](uint64_t /*number*/, const v1::IngestResult& /*result*/) { ++acknowledged; });
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(ingester.Add(MakeArticle(absl::StrCat("a", i))).ok());
  const absl::Status status = ingester.Finish();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(acknowledged, 20);
  EXPECT_EQ(server_.streams, 31);
  EXPECT_THAT(told, ElementsAre(absl::UnavailableError("connection lost")));
}

TEST_F(StreamIngesterTest, GivesUpAServerThatStaysAway) {
  server_.faults.broken_streams = 1'000'000;
  server_.faults.broken_stream_answers = 1;
  server_.faults.answers_once = true;
  StreamIngesterOptions options = FastOptions();
  options.outage_max = absl::Milliseconds(200);
  StreamIngester ingester(server_.MakeClient(), options,
                          [&](uint64_t /*number*/, const v1::IngestResult& /*result*/) {});
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(ingester.Add(MakeArticle(absl::StrCat("a", i))).ok());
  EXPECT_EQ(ingester.Finish(), absl::UnavailableError("connection lost"));
  EXPECT_GT(server_.streams, 2 * options.attempts_max);
}

TEST_F(StreamIngesterTest, AnOldFailureOfAnIdleStreamDoesNotCount) {
  StreamIngesterOptions options = FastOptions();
  options.outage_max = absl::Milliseconds(100);
  std::atomic<int> results{0};
  StreamIngester ingester(server_.MakeClient(), options,
                          [&](uint64_t number, const v1::IngestResult& /*result*/) {
                            numbers_.push_back(number);
                            ++results;
                          });
  ASSERT_TRUE(ingester.Add(MakeArticle("a")).ok());
  while (results == 0) absl::SleepFor(absl::Milliseconds(2));
  server_.BreakStreams();
  absl::SleepFor(absl::Milliseconds(200));
  server_.faults.broken_streams = 2;
  server_.faults.broken_stream_answers = 0;
  ASSERT_TRUE(ingester.Add(MakeArticle("b")).ok());
  const absl::Status status = ingester.Finish();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(numbers_, ElementsAre(1, 2));
}

TEST_F(StreamIngesterTest, GivesUpWithoutProgress) {
  server_.faults.broken_streams = 1000;
  StreamIngesterOptions options = FastOptions();
  options.attempts_max = 4;
  options.window_items = 8;
  EXPECT_EQ(Run(100, options), absl::UnavailableError("connection lost"));
  EXPECT_EQ(server_.streams, 4);
}

TEST_F(StreamIngesterTest, RefusedItemDoesNotTouchTheOthers) {
  server_.faults.refused_id = "a7";
  ASSERT_TRUE(Run(20).ok());
  EXPECT_THAT(numbers_, SizeIs(20));
  EXPECT_THAT(failed_, ElementsAre("a7"));
  EXPECT_THAT(messages_, ElementsAre("body: missing"));
  EXPECT_THAT(server_.IngestedIds(), SizeIs(19));
}

TEST_F(StreamIngesterTest, UnavailableItemIsSentAgain) {
  server_.faults.unavailable_item_id = "a7";
  server_.faults.unavailable_items = 2;
  ASSERT_TRUE(Run(20).ok());
  EXPECT_THAT(numbers_, SizeIs(20));
  EXPECT_TRUE(failed_.empty());
  EXPECT_THAT(server_.IngestedIds(), SizeIs(20));
}

TEST_F(StreamIngesterTest, FindsTheItemThatBreaksTheStream) {
  server_.faults.poison_id = "a7";
  ASSERT_TRUE(Run(300).ok());
  EXPECT_THAT(numbers_, SizeIs(300));
  EXPECT_THAT(failed_, ElementsAre("a7"));
  EXPECT_THAT(server_.IngestedIds(), SizeIs(299));
}

TEST_F(StreamIngesterTest, FindsTheItemAtWhichTheServerEndsTheStreamEarly) {
  server_.faults.ending_id = "a7";
  ASSERT_TRUE(Run(30).ok());
  EXPECT_THAT(numbers_, SizeIs(30));
  EXPECT_TRUE(failed_.empty());  // sent singly it went through
  EXPECT_THAT(server_.IngestedIds(), SizeIs(30));
}

TEST_F(StreamIngesterTest, InvalidUtf8InAStringFieldCostsOneItem) {
  StreamIngester ingester(server_.MakeClient(), FastOptions(),
                          [&](uint64_t, const v1::IngestResult& result) {
                            numbers_.push_back(0);
                            if (result.status().code() != 0) failed_.push_back(result.article_id());
                          });
  for (int i = 1; i <= 20; ++i) {
    v1::Article article = MakeArticle(absl::StrCat("a", i));
    if (i == 5) article.set_source("caf\xE9");
    ASSERT_TRUE(ingester.Add(std::move(article)).ok());
  }
  ASSERT_TRUE(ingester.Finish().ok());
  EXPECT_THAT(numbers_, SizeIs(20));
  EXPECT_THAT(failed_, ElementsAre("a5"));
  EXPECT_EQ(server_.streams, 1);
}

TEST_F(StreamIngesterTest, OversizedArticleIsReportedAndNotSent) {
  StreamIngesterOptions options = FastOptions();
  options.message_bytes_max = 1000;
  StreamIngester ingester(server_.MakeClient(), options,
                          [&](uint64_t number, const v1::IngestResult& result) {
                            numbers_.push_back(number);
                            if (result.status().code() != 0) failed_.push_back(result.article_id());
                          });
  v1::Article big = MakeArticle("big");
  big.set_body(std::string(2000, 'x'));
  ASSERT_TRUE(ingester.Add(MakeArticle("a")).ok());
  ASSERT_TRUE(ingester.Add(std::move(big)).ok());
  ASSERT_TRUE(ingester.Add(MakeArticle("b")).ok());
  ASSERT_TRUE(ingester.Finish().ok());
  EXPECT_THAT(failed_, ElementsAre("big"));
  EXPECT_THAT(numbers_, SizeIs(3));
  EXPECT_THAT(server_.IngestedIds(), ElementsAre("a", "b"));
}

TEST_F(StreamIngesterTest, ArticleOverTheServersLimitCostsOneItem) {
  StreamIngesterOptions options = FastOptions();
  options.message_bytes_max = int64_t{16} << 20;  // above the server's 1 MiB
  options.attempts_max = 4;
  StreamIngester ingester(server_.MakeClient(), options,
                          [&](uint64_t number, const v1::IngestResult& result) {
                            numbers_.push_back(number);
                            if (result.status().code() != 0) failed_.push_back(result.article_id());
                          });
  v1::Article big = MakeArticle("big");
  big.set_body(std::string(2 << 20, 'x'));
  ASSERT_TRUE(ingester.Add(MakeArticle("a")).ok());
  ASSERT_TRUE(ingester.Add(std::move(big)).ok());
  ASSERT_TRUE(ingester.Add(MakeArticle("b")).ok());
  const absl::Status status = ingester.Finish();
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(failed_, ElementsAre("big"));
  EXPECT_THAT(server_.IngestedIds(), ElementsAre("a", "b"));
}

TEST_F(StreamIngesterTest, MissingCollectionEndsIt) {
  StreamIngesterOptions options = FastOptions();
  options.collection = "none";
  options.window_items = 4;
  EXPECT_EQ(Run(100, options).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(server_.streams, 1);
  EXPECT_TRUE(numbers_.empty());
}

TEST_F(StreamIngesterTest, LeavesAStreamThatStandsStill) {
  server_.faults.silent_streams = 1;
  StreamIngesterOptions options = FastOptions();
  options.stall_timeout = absl::Milliseconds(50);
  options.window_items = 10;
  ASSERT_TRUE(Run(40, options).ok());
  ExpectAllInOrder(40);
  EXPECT_EQ(server_.streams, 2);
}

TEST_F(StreamIngesterTest, DestructorLetsGoOfAStreamThatStandsStill) {
  server_.faults.silent_streams = 1;
  StreamIngester ingester(server_.MakeClient(), FastOptions(), nullptr);
  ASSERT_TRUE(ingester.Add(MakeArticle("a")).ok());
}

}  // namespace
}  // namespace newsprint::client
