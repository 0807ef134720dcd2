#include "service/store/codec.h"

#include <limits>

#include "service/store/records.h"

namespace newsprint::store {
namespace {

TEST(CodecTest, ReadsBackWhatItWrote) {
  Encoder out;
  const std::vector<uint64_t> varints = {
      0, 1, 127, 128, 300, uint64_t{1} << 63, std::numeric_limits<uint64_t>::max()};
  for (const uint64_t value : varints) out.Varint(value);
  const std::vector<int64_t> signed_varints = {0, -1, 1, std::numeric_limits<int64_t>::min(),
                                               std::numeric_limits<int64_t>::max()};
  for (const int64_t value : signed_varints) out.SignedVarint(value);
  out.Double(-0.125);
  out.String(absl::string_view("a\0b", 3));
  out.Hash({1, 2});
  const absl::Time early = absl::FromUnixSeconds(-62'135'596'800) + absl::Nanoseconds(1);
  out.Time(early);

  Decoder in(out.bytes());
  for (const uint64_t value : varints) EXPECT_EQ(in.Varint(), value);
  for (const int64_t value : signed_varints) EXPECT_EQ(in.SignedVarint(), value);
  EXPECT_EQ(in.Double(), -0.125);
  EXPECT_EQ(in.String(), std::string("a\0b", 3));
  EXPECT_EQ(in.Hash(), (Hash128{1, 2}));
  EXPECT_EQ(in.Time(), early);
  EXPECT_TRUE(in.ok());
  EXPECT_EQ(in.remaining(), 0u);
}

TEST(CodecTest, KeysSortByNumber) {
  EXPECT_LT(KeyFixed32(255), KeyFixed32(256));
  EXPECT_LT(KeyFixed64(1), KeyFixed64(uint64_t{1} << 40));
  EXPECT_EQ(ReadKeyFixed64(KeyFixed64(0x0102030405060708)), 0x0102030405060708u);
  EXPECT_EQ(ReadKeyFixed32(KeyFixed32(0xfffefdfc)), 0xfffefdfcu);
}

}  // namespace
}  // namespace newsprint::store
