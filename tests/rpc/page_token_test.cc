#include "service/rpc/page_token.h"

namespace newsprint::rpc {
namespace {

using ::testing::HasSubstr;

TEST(PageTokenTest, HoldsItsPosition) {
  EXPECT_EQ(*ReadPageToken("list/1", MakePageToken("list/1", absl::string_view("name"))), "name");
  EXPECT_EQ(*ReadPageTokenNumber("list/1", MakePageToken("list/1", uint64_t{1} << 60)),
            uint64_t{1} << 60);
  EXPECT_EQ(*ReadPageToken("list/1", ""), "");
  EXPECT_EQ(*ReadPageTokenNumber("list/1", ""), 0u);
}

TEST(PageTokenTest, RefusesTokensFromElsewhere) {
  const std::string token = MakePageToken("list/1", uint64_t{7});
  std::string changed = token;
  changed.back() = changed.back() == 'A' ? 'B' : 'A';
  for (const std::string& bad :
       {MakePageToken("list/2", uint64_t{7}), changed, token.substr(1), std::string("%%%"),
        std::string("AAAA"), std::string(1000, 'A'), token + token}) {
    const auto read = ReadPageTokenNumber("list/1", bad);
    EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(std::string(read.status().message()), HasSubstr("page_token: not one"));
  }
}

}  // namespace
}  // namespace newsprint::rpc
