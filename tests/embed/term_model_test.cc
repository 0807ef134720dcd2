#include "service/embed/term_model.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/common/hash.h"
#include "service/embed/builtin_model.h"

namespace newsprint::embed {
namespace {

using ::testing::HasSubstr;
using text::TokenOf;

constexpr int kModelDimension = 32;
constexpr size_t kChecksumAt = 8, kSummedFrom = 16;

// Row r has the values r, r + 1 and so on.
void AddRow(float first, std::vector<float>* rows) {
  for (int i = 0; i < kModelDimension; ++i) rows->push_back(first + static_cast<float>(i));
}

TermModelContent Content() {
  TermModelContent content;
  content.dimension = kModelDimension;
  content.counting = {2, 3, 40, 0.25f};
  content.words = {{TokenOf("senate"), 0, 0.5f, 0.1f},
                   {TokenOf("the"), ModelWord::kHashed, 0, 0.9f},
                   {TokenOf("election"), 1, 2, 0.2f},
                   {TokenOf("ve"), ModelWord::kHashed, 0.1f, 0.3f}};
  AddRow(-16, &content.word_rows);
  AddRow(1, &content.word_rows);
  AddRow(3, &content.hash_rows);
  AddRow(-5, &content.hash_rows);
  AddRow(7, &content.hash_rows);
  content.provenance = "made for a test";
  return content;
}

std::string File() { return SerialiseTermModel(Content()).value(); }

std::vector<float> VectorOf(const TermModel& model, const char* word) {
  std::vector<float> vector(kModelDimension);
  model.VectorOf(TokenOf(word), absl::MakeSpan(vector));
  return vector;
}

// Sets the checksum right again after a change.
std::string Resealed(std::string file) {
  const uint64_t sum = Hash64(file.data() + kSummedFrom, file.size() - kSummedFrom);
  std::memcpy(&file[kChecksumAt], &sum, sizeof(sum));
  return file;
}

template <typename Value>
std::string With(std::string file, size_t at, Value value) {
  std::memcpy(&file[at], &value, sizeof(value));
  return Resealed(std::move(file));
}

TEST(TermModelTest, ReadsWhatWasWritten) {
  const std::string file = File();
  const TermModel model = TermModel::Parse(file).value();
  EXPECT_EQ(model.dimension(), kModelDimension);
  EXPECT_EQ(model.words(), 4u);
  EXPECT_EQ(model.word_rows(), 2u);
  EXPECT_EQ(model.hash_rows(), 3u);
  EXPECT_EQ(model.provenance(), "made for a test");
  EXPECT_EQ(model.counting().title_count, 2);
  EXPECT_EQ(model.counting().lede_count, 3);
  EXPECT_EQ(model.counting().lede_tokens, 40);
  EXPECT_EQ(model.counting().number_weight, 0.25f);
  EXPECT_EQ(model.file(), file);
}

TEST(TermModelTest, RowsComeBackWithinHalfAStep) {
  const std::string file = File();
  const TermModel model = TermModel::Parse(file).value();
  const std::vector<float> senate = VectorOf(model, "senate");
  const std::vector<float> election = VectorOf(model, "election");
  for (int i = 0; i < kModelDimension; ++i) {
    EXPECT_NEAR(senate[i], 0.5f * static_cast<float>(i - 16), 0.5f * 16 / 254 + 1e-5f);
    EXPECT_NEAR(election[i], 2.0f * static_cast<float>(i + 1), 2.0f * 32 / 254 + 1e-5f);
  }
}

TEST(TermModelTest, OtherTermsAreTwoHashRows) {
  const std::string file = File();
  const TermModel model = TermModel::Parse(file).value();
  const auto expected = [&](const char* word, float weight) {
    std::vector<float> sum(kModelDimension), row(kModelDimension);
    for (const auto& place : TermModel::HashPlaces(TokenOf(word), 3)) {
      model.HashRow(place.row, absl::MakeSpan(row));
      for (int i = 0; i < kModelDimension; ++i) sum[i] += weight * place.sign * row[i];
    }
    return sum;
  };
  EXPECT_THAT(VectorOf(model, "unknown"),
              ::testing::Pointwise(::testing::FloatNear(1e-4f), expected("unknown", 1)));
  EXPECT_THAT(VectorOf(model, "1998"),
              ::testing::Pointwise(::testing::FloatNear(1e-4f), expected("1998", 0.25f)));
  EXPECT_THAT(VectorOf(model, "ve"),
              ::testing::Pointwise(::testing::FloatNear(1e-4f), expected("ve", 0.1f)));
  EXPECT_EQ(model.RowsOf(TokenOf("the")).count, 0);
}

TEST(TermModelTest, HashPlacesAreSpreadEvenly) {
  constexpr uint32_t kRows = 10;
  std::vector<int> uses(kRows);
  int positive = 0;
  for (int i = 0; i < 10'000; ++i) {
    for (const auto& place : TermModel::HashPlaces(TokenOf("w" + std::to_string(i)), kRows)) {
      ASSERT_LT(place.row, kRows);
      ++uses[place.row];
      positive += place.sign > 0 ? 1 : 0;
    }
  }
  for (const int count : uses) EXPECT_NEAR(count, 2000, 200);
  EXPECT_NEAR(positive, 10'000, 400);
}

TEST(TermModelTest, SharesOfUnknownTermsAreBelowAllKnown) {
  const std::string file = File();
  const TermModel model = TermModel::Parse(file).value();
  EXPECT_FLOAT_EQ(static_cast<float>(model.DocumentShare(TokenOf("the"))), 0.9f);
  EXPECT_GT(model.DocumentShare(TokenOf("unknown")), 0);
  EXPECT_LT(model.DocumentShare(TokenOf("unknown")), 0.1);
}

TEST(TermModelTest, DoesNotDependOnTheOrderOfWords) {
  TermModelContent content = Content();
  std::swap(content.words[0], content.words[2]);
  EXPECT_EQ(SerialiseTermModel(content).value(), File());
}

TEST(TermModelTest, CountingCanBeReplaced) {
  const std::string file = ReplaceCounting(File(), {5, 6, 7, 1}).value();
  const TermModel model = TermModel::Parse(file).value();
  EXPECT_EQ(model.counting().title_count, 5);
  EXPECT_EQ(model.counting().lede_tokens, 7);
  EXPECT_NE(model.hash(), TermModel::Parse(File()).value().hash());
  EXPECT_FALSE(ReplaceCounting(File(), {0, 1, 60, 1}).ok());
  EXPECT_FALSE(ReplaceCounting(File(), {1, 1, -1, 1}).ok());
}

TEST(TermModelTest, RefusesEveryTruncation) {
  const std::string file = File();
  for (size_t size = 0; size < file.size(); ++size) {
    EXPECT_FALSE(TermModel::Parse(absl::string_view(file).substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(TermModel::Parse(file + "x").ok());
}

TEST(TermModelTest, RefusesEveryFlippedByte) {
  const std::string file = File();
  for (size_t at = 0; at < file.size(); ++at) {
    std::string damaged = file;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    EXPECT_FALSE(TermModel::Parse(damaged).ok()) << at;
  }
}

TEST(TermModelTest, RefusesAbsurdHeadersWithARightChecksum) {
  const std::string file = File();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (size_t at = 16; at < 40; at += 4) {
    for (const uint32_t value : {0xffffffffu, 0x7fffffffu, 1u << 30, 33u}) {
      EXPECT_FALSE(TermModel::Parse(With(file, at, value)).ok()) << at << " " << value;
    }
  }
  for (const size_t at : {40, 44, 52, 56}) {
    EXPECT_FALSE(TermModel::Parse(With(file, at, nan)).ok()) << at;
    EXPECT_FALSE(TermModel::Parse(With(file, at, -1.0f)).ok()) << at;
    EXPECT_FALSE(TermModel::Parse(With(file, at, 1e9f)).ok()) << at;
  }
}

TEST(TermModelTest, RefusesBadWordsWithARightChecksum) {
  const std::string file = File();
  constexpr size_t kFirstWord = 64;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(TermModel::Parse(With(file, kFirstWord, ~uint64_t{0})).ok());  // order
  EXPECT_FALSE(TermModel::Parse(With(file, kFirstWord + 8, uint32_t{99})).ok());
  EXPECT_FALSE(TermModel::Parse(With(file, kFirstWord + 12, nan)).ok());
  EXPECT_FALSE(TermModel::Parse(With(file, kFirstWord + 4 * 16, 1.5f)).ok());  // share
  EXPECT_FALSE(TermModel::Parse(With(file, kFirstWord + 4 * 20, nan)).ok());   // hash scale
  // Sums of such would be infinite, and vectors not of length 1.
  EXPECT_FALSE(TermModel::Parse(With(file, kFirstWord + 12, 2e9f)).ok());
  EXPECT_FALSE(TermModel::Parse(With(file, kFirstWord + 4 * 20, -2e9f)).ok());
}

TEST(TermModelTest, SerialisingRefusesWhatIsNoModel) {
  const auto refused = [](const TermModelContent& content) {
    const auto file = SerialiseTermModel(content);
    return absl::IsInvalidArgument(file.status());
  };
  TermModelContent content = Content();
  content.dimension = 31;
  EXPECT_TRUE(refused(content));
  content = Content();
  content.words[1].token = content.words[0].token;
  EXPECT_TRUE(refused(content));
  content = Content();
  content.words[2].row = 0;
  EXPECT_TRUE(refused(content));
  content = Content();
  content.words[2].row = ModelWord::kHashed;
  EXPECT_TRUE(refused(content));
  content = Content();
  content.hash_rows.clear();
  EXPECT_TRUE(refused(content));
  content = Content();
  content.word_rows[3] = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(refused(content));
}

TEST(TermModelTest, LoadNamesTheFile) {
  const auto missing = TermModel::Load("/nonexistent/file.model");
  EXPECT_TRUE(absl::IsNotFound(missing.status()));
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("/nonexistent/file.model"));
}

TEST(BuiltInModelTest, IsWhole) {
  const TermModel& model = BuiltInModel();
  EXPECT_EQ(model.dimension(), 256);
  EXPECT_GT(model.word_rows(), 30'000u);
  EXPECT_LE(model.file().size(), 16'000'000u);
  EXPECT_GE(model.Find(TokenOf("election")), 0);
  EXPECT_GT(model.DocumentShare(TokenOf("the")), 0.8);
  EXPECT_GT(model.DocumentShare(TokenOf("der")), 0.5);
  EXPECT_LT(model.DocumentShare(TokenOf("xyzzyplugh")), 0.001);
  EXPECT_FALSE(model.provenance().empty());
}

}  // namespace
}  // namespace newsprint::embed
