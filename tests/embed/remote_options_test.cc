#include "service/embed/remote/remote_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace newsprint::embed {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(RemoteOptionsTest, ReadsFlags) {
  const auto tei = ParseRemoteFlag("bge=tei://127.0.0.1:8080");
  ASSERT_TRUE(tei.ok()) << tei.status();
  EXPECT_EQ(tei->name, "bge");
  EXPECT_EQ(tei->protocol, RemoteProtocol::kTei);
  EXPECT_EQ(tei->target, "127.0.0.1:8080");
  EXPECT_EQ(tei->deadline, absl::Milliseconds(500));
  EXPECT_EQ(tei->batch_items_max, 32);
  EXPECT_EQ(tei->queue_items_max, 1024);
  EXPECT_EQ(tei->attempts_max, 3);
  EXPECT_EQ(tei->text_bytes_max, 8192);

  const auto kserve = ParseRemoteFlag(
      "e5_v2=kserve://[::1]:8001/e5-large?input=TEXT&output=emb/0&contents=raw&deadline_ms=70"
      "&batch=8&queue=9&attempts=1&text_bytes=4096");
  ASSERT_TRUE(kserve.ok()) << kserve.status();
  EXPECT_EQ(kserve->name, "e5_v2");
  EXPECT_EQ(kserve->protocol, RemoteProtocol::kKserve);
  EXPECT_EQ(kserve->target, "[::1]:8001");
  EXPECT_EQ(kserve->model, "e5-large");
  EXPECT_EQ(kserve->input, "TEXT");
  EXPECT_EQ(kserve->output, "emb/0");
  EXPECT_TRUE(kserve->raw_contents);
  EXPECT_EQ(kserve->deadline, absl::Milliseconds(70));
  EXPECT_EQ(kserve->batch_items_max, 8);
  EXPECT_EQ(kserve->queue_items_max, 9);
  EXPECT_EQ(kserve->attempts_max, 1);
  EXPECT_EQ(kserve->text_bytes_max, 4096);

  const auto brief = ParseRemoteFlag("x=kserve://models.local:8001/m?");
  ASSERT_TRUE(brief.ok()) << brief.status();
  EXPECT_EQ(brief->input, "text");
  EXPECT_EQ(brief->output, "");
  EXPECT_FALSE(brief->raw_contents);
}

TEST(RemoteOptionsTest, NamesThePartOfTheFlagThatIsWrong) {
  const std::string name70(70, 'a');
  for (const auto& [flag, part] : std::vector<std::pair<std::string, std::string>>{
           {"", "embedder.protocol: unknown, got \"\""},
           {"tei://h:1", "embedder.protocol: unknown"},
           {"a=http://h:1", "embedder.protocol: unknown, got \"http\""},
           {"=tei://h:1", "embedder.name: not a name, got \"\""},
           {"A=tei://h:1", "embedder.name: not a name, got \"A\""},
           {"_a=tei://h:1", "embedder.name: not a name"},
           {name70 + "=tei://h:1", "embedder.name: not a name"},
           {"a=tei://", "embedder.target: not HOST:PORT"},
           {"a=tei://h", "embedder.target: not HOST:PORT, got \"h\""},
           {"a=tei://:1", "embedder.target: not HOST:PORT"},
           {"a=tei://h:0", "embedder.target: not HOST:PORT"},
           {"a=tei://h:65536", "embedder.target: not HOST:PORT"},
           {"a=tei://u@h:1", "embedder.target: not HOST:PORT"},
           {"a=tei://unix:x:1", "embedder.target: not HOST:PORT"},
           {"a=tei://h:1/path", "embedder.target: tei has no path, got \"path\""},
           {"a=kserve://h:1", "embedder.model: not a model's name, got \"\""},
           {"a=kserve://h:1/a b", "embedder.model: not a model's name"},
           {"a=kserve://h:1/m?input=", "embedder.input: not a tensor's name"},
           {"a=kserve://h:1/m?output=", "embedder.output: not a tensor's name"},
           {"a=kserve://h:1/m?contents=json", "embedder.contents: unknown, got \"json\""},
           {"a=tei://h:1?input=x", "embedder.options: unknown, got \"input\""},
           {"a=tei://h:1?timeout=1", "embedder.options: unknown, got \"timeout\""},
           {"a=tei://h:1?batch=1&batch=2", "embedder.options: twice, got \"batch\""},
           {"a=tei://h:1?deadline_ms=1.5", "embedder.deadline_ms: not a number, got \"1.5\""},
           {"a=tei://h:1?deadline_ms=0", "embedder.deadline_ms: out of range, got 0, limit 1 to "},
           {"a=tei://h:1?deadline_ms=600001", "embedder.deadline_ms: out of range"},
           {"a=tei://h:1?batch=0", "embedder.batch: out of range, got 0, limit 1 to 1024"},
           {"a=tei://h:1?batch=99999999999", "embedder.batch: not a number"},
           {"a=tei://h:1?queue=65537", "embedder.queue: out of range"},
           {"a=tei://h:1?attempts=11", "embedder.attempts: out of range"},
           {"a=tei://h:1?text_bytes=63", "embedder.text_bytes: out of range"},
       }) {
    const auto options = ParseRemoteFlag(flag);
    ASSERT_FALSE(options.ok()) << flag;
    EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(options.status().message()), StartsWith(part)) << flag;
  }
}

TEST(RemoteOptionsTest, ChecksWhatFlagsCannotSay) {
  RemoteOptions options = *ParseRemoteFlag("a=tei://h:1");
  options.down_for_min = absl::ZeroDuration();
  EXPECT_THAT(std::string(CheckRemoteOptions(options).message()), HasSubstr("down_for_min_ms"));
  options = *ParseRemoteFlag("a=tei://h:1");
  options.down_for_max = absl::InfiniteDuration();
  EXPECT_THAT(std::string(CheckRemoteOptions(options).message()), HasSubstr("down_for_max_ms"));
  options = *ParseRemoteFlag("a=tei://h:1");
  options.deadline = absl::InfiniteDuration();
  EXPECT_THAT(std::string(CheckRemoteOptions(options).message()), HasSubstr("deadline_ms"));
  options = *ParseRemoteFlag("a=tei://h:1");
  options.model_check_interval = -absl::Seconds(1);
  EXPECT_THAT(std::string(CheckRemoteOptions(options).message()),
              HasSubstr("model_check_interval_ms"));
}

}  // namespace
}  // namespace newsprint::embed
