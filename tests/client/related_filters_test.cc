#include "client/cli/related_filters.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace newsprint::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(RelatedFiltersTest, WithoutFlagsNothingIsSet) {
  v1::FindRelatedRequest request;
  ASSERT_TRUE(SetRelatedFilters(Settings(), request).ok());
  EXPECT_EQ(request.ByteSizeLong(), 0u);
}

TEST(RelatedFiltersTest, FillsInEachField) {
  Settings settings;
  settings.score_min = 0.25;
  settings.half_life = "1h30m1.5s";
  settings.sources = {"AP", "dpa"};
  settings.languages = {"en"};
  settings.since = "2011-05-04";
  settings.until = "2011-05-04T17:30:00.25+02:00";
  settings.diversity = 0.3;
  v1::FindRelatedRequest request;
  ASSERT_TRUE(SetRelatedFilters(settings, request).ok());
  EXPECT_EQ(request.score_min(), 0.25);
  EXPECT_EQ(request.half_life().seconds(), 5401);
  EXPECT_EQ(request.half_life().nanos(), 500'000'000);
  EXPECT_THAT(request.sources(), ElementsAre("AP", "dpa"));
  EXPECT_THAT(request.languages(), ElementsAre("en"));
  EXPECT_EQ(request.published_from().seconds(), 1304467200);
  EXPECT_EQ(request.published_before().seconds(), 1304523000);
  EXPECT_EQ(request.published_before().nanos(), 250'000'000);
  EXPECT_EQ(request.diversity(), 0.3);
}

TEST(RelatedFiltersTest, LongestAndShortestHalfLife) {
  Settings settings;
  v1::FindRelatedRequest request;
  settings.half_life = "1s";
  ASSERT_TRUE(SetRelatedFilters(settings, request).ok());
  EXPECT_EQ(request.half_life().seconds(), 1);
  settings.half_life = "87660000h";
  ASSERT_TRUE(SetRelatedFilters(settings, request).ok());
  EXPECT_EQ(request.half_life().seconds(), 315'576'000'000);
  for (const char* text : {"0", "999ms", "-36h", "inf", "-inf", "87660001h", "1e30h"}) {
    settings.half_life = text;
    EXPECT_THAT(SetRelatedFilters(settings, request).message(), HasSubstr("--half_life: ")) << text;
  }
}

TEST(RelatedFiltersTest, ErrorsNameTheFlag) {
  const auto expect_error = [](absl::string_view flag, auto set) {
    Settings settings;
    set(settings);
    v1::FindRelatedRequest request;
    const absl::Status status = SetRelatedFilters(settings, request);
    EXPECT_EQ(status.message().substr(0, flag.size() + 1), std::string(flag) + ":") << status;
  };
  for (const char* text : {"36", "7d", "soon", "36 h"}) {
    expect_error("--half_life", [&](Settings& settings) { settings.half_life = text; });
  }
  expect_error("--source", [](Settings& settings) { settings.sources = {"AP", ""}; });
  expect_error("--language", [](Settings& settings) { settings.languages = {""}; });
  expect_error("--since", [](Settings& settings) { settings.since = "yesterday"; });
  expect_error("--until", [](Settings& settings) { settings.until = "2011-13-01"; });
  expect_error("--since", [](Settings& settings) {
    settings.since = "2011-05-04";
    settings.until = "2011-05-04T00:00:00Z";
  });
  for (const double value : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    expect_error("--diversity", [&](Settings& settings) { settings.diversity = value; });
  }
}

}  // namespace
}  // namespace newsprint::cli
