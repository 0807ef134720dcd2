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

ArticleRecord FullRecord() {
  ArticleRecord record;
  record.article.id = "id";
  record.article.title = "Title";
  record.article.source = "outlet";
  record.article.url = "https://example.org/1";
  record.article.language = "en";
  record.article.published_at = absl::FromUnixSeconds(1304467200);
  record.article.attributes = {{"desk", "metro"}, {"byline", ""}};
  record.content_hash = {1, 2};
  record.text_hash = {3, 4};
  record.group = 9;
  record.revision_number = 2;
  record.body_tokens = 300;
  record.ingested_at = absl::FromUnixNanos(1304467200123456789);
  record.verdict.relation = Relation::kExcerpt;
  record.verdict.canonical_id = "first";
  record.verdict.group = 9;
  Match match;
  match.relation = Relation::kExcerpt;
  match.article.id = "first";
  match.evidence.shared_shingles = 17;
  match.evidence.shared_numbers = 0.5;
  record.verdict.matches = {match};
  return record;
}

TEST(RecordsTest, ArticleRecordSurvives) {
  const ArticleRecord record = FullRecord();
  const auto read = DecodeArticle(Encode(record));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(Encode(*read), Encode(record));
  EXPECT_EQ(read->article.attributes, record.article.attributes);
  EXPECT_EQ(read->article.published_at, record.article.published_at);
  EXPECT_EQ(read->verdict.matches[0].evidence.shared_numbers, 0.5);
}

// Whatever is cut off or changed, decoding ends with an error or a record, and never beyond the
// bytes.
TEST(RecordsTest, DamagedRecordsAreErrors) {
  const std::string bytes = Encode(FullRecord());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(DecodeArticle(bytes.substr(0, size)).status().code(), absl::StatusCode::kDataLoss);
  }
  EXPECT_EQ(DecodeArticle(bytes + "x").status().code(), absl::StatusCode::kDataLoss);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 0xff);
    DecodeArticle(changed).IgnoreError();
  }
  std::string newer = bytes;
  newer[0] = 2;
  EXPECT_THAT(std::string(DecodeArticle(newer).status().message()),
              ::testing::HasSubstr("record version, got 2, limit 1"));
}

}  // namespace
}  // namespace newsprint::store
