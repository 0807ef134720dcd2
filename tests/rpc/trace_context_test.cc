#include "service/rpc/trace_context.h"

#include <string>

namespace newsprint::rpc {
namespace {

TEST(TraceContextTest, ReadsBothIds) {
  const auto trace = ParseTraceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  ASSERT_TRUE(trace.has_value());
  EXPECT_EQ(trace->trace_id, "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(trace->span_id, "b7ad6b7169203331");
  EXPECT_TRUE(ParseTraceparent("00-00000000000000000000000000000001-0000000000000001-00"));
}

TEST(TraceContextTest, ReadsLaterVersionsAsFarAsItKnowsThem) {
  for (const char* text : {"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                           "fe-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
                           "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what.ever"}) {
    const auto trace = ParseTraceparent(text);
    ASSERT_TRUE(trace.has_value()) << text;
    EXPECT_EQ(trace->trace_id, "0af7651916cd43dd8448eb211c80319c");
    EXPECT_EQ(trace->span_id, "b7ad6b7169203331");
  }
}

TEST(TraceContextTest, IgnoresAllElse) {
  for (const char* text : {
           "",
           "00",
           "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",  // no version
           "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.more",  // without a dash
           "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0-more",
           "00-00000000000000000000000000000000-b7ad6b7169203331-01",  // zeros
           "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
           "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",  // upper case
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333g-01",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",  // cut off
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",  // more
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 ",
           "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",  // no dashes
           "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01",
           "00-0af7651916cd43dd8448eb211c8031\n9-b7ad6b7169203331-01",
       }) {
    EXPECT_FALSE(ParseTraceparent(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace newsprint::rpc
