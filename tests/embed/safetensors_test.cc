#include "service/embed/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/embed/model_files.h"

namespace newsprint::embed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<float> Floats(const Tensor& tensor) {
  std::vector<float> values(tensor.elements);
  ReadFloats(tensor, 0, absl::MakeSpan(values));
  return values;
}

std::string ErrorOf(const std::string& file) {
  const absl::StatusOr<Safetensors> tensors = Safetensors::Parse(file);
  if (tensors.ok()) return "OK";
  EXPECT_EQ(tensors.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(tensors.status().message());
}

// The error for a file with one tensor of 8 bytes of data, described by `tensor`.
std::string ErrorOfTensor(absl::string_view tensor) {
  return ErrorOf(SafetensorsFile(absl::StrCat(R"({"t":)", tensor, "}"), "12345678"));
}

TEST(SafetensorsTest, FindsTensorsInPlace) {
  const std::string file = SafetensorsWriter()
                               .Add("table", "F32", {2, 3}, BytesOf<float>({1, 2, 3, 4, 5, 6}))
                               .Add("list", "I64", {2}, BytesOf<int64_t>({7, -8}))
                               .File();
  const absl::StatusOr<Safetensors> tensors = Safetensors::Parse(file);
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  EXPECT_EQ(tensors->tensors().size(), 2u);
  EXPECT_EQ(tensors->Find("absent"), nullptr);

  const Tensor* table = tensors->Find("table");
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->dtype_name, "F32");
  EXPECT_THAT(table->shape, ElementsAre(2, 3));
  EXPECT_EQ(table->bytes.data(), file.data() + file.size() - 40);
  EXPECT_THAT(Floats(*table), ElementsAre(1, 2, 3, 4, 5, 6));
  std::vector<float> row(3);
  ReadFloats(*table, 3, absl::MakeSpan(row));
  EXPECT_THAT(row, ElementsAre(4, 5, 6));

  const Tensor* list = tensors->Find("list");
  ASSERT_NE(list, nullptr);
  EXPECT_TRUE(HasIntegers(*list));
  EXPECT_FALSE(HasFloats(*list));
  EXPECT_EQ(ReadInteger(*list, 1), -8);
}

// The reference's example of its own format: the file that it writes for six values.
TEST(SafetensorsTest, ReadsPaddedHeaderAndMetadata) {
  const std::string data = BytesOf<float>({0, 1, 2, 3, 4, 5});
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"t":{"dtype":"F32","shape":[1,2,3],)"
      R"("data_offsets":[0,24]}}       )";
  const std::string file = SafetensorsFile(header, data);
  const absl::StatusOr<Safetensors> tensors = Safetensors::Parse(file);
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  EXPECT_EQ(tensors->tensors().size(), 1u);
  EXPECT_THAT(Floats(*tensors->Find("t")), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(SafetensorsTest, ReadsFilesWithoutValues) {
  EXPECT_EQ(ErrorOf(SafetensorsFile("{}", "")), "OK");
  const std::string file = SafetensorsWriter()
                               .Add("a", "F32", {0, 4}, "")
                               .Add("b", "I8", {1}, "x")
                               .Add("c", "F32", {0}, "")
                               .Add("single", "F32", {}, BytesOf<float>({3}))
                               .File();
  const absl::StatusOr<Safetensors> tensors = Safetensors::Parse(file);
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  EXPECT_THAT(Floats(*tensors->Find("a")), IsEmpty());
  EXPECT_THAT(Floats(*tensors->Find("single")), ElementsAre(3));
}

TEST(SafetensorsTest, ReadsEveryHalf) {
  // By the definition of IEEE 754 binary16: 1 sign bit, 5 of exponent, 10 of fraction.
  std::vector<uint16_t> halves(65536);
  for (size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<uint16_t>(i);
  const std::string file = SafetensorsWriter().Add("t", "F16", {65536}, BytesOf(halves)).File();
  const absl::StatusOr<Safetensors> tensors = Safetensors::Parse(file);
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  const std::vector<float> floats = Floats(*tensors->Find("t"));
  for (int bits = 0; bits < 65536; ++bits) {
    const int exponent = (bits >> 10) & 31, fraction = bits & 1023;
    const float sign = bits >> 15 ? -1.0f : 1.0f;
    const float value = floats[static_cast<size_t>(bits)];
    if (exponent == 31 && fraction != 0) {
      EXPECT_TRUE(std::isnan(value)) << bits;
      continue;
    }
    const float magnitude = exponent == 31 ? std::numeric_limits<float>::infinity()
                            : exponent == 0
                                ? std::ldexp(static_cast<float>(fraction), -24)
                                : std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
    ASSERT_EQ(value, sign * magnitude) << bits;
    ASSERT_EQ(std::signbit(value), bits >> 15 == 1) << bits;
  }
}

TEST(SafetensorsTest, ReadsOtherTypesAsFloats) {
  const double large = 1e300;
  const std::string file =
      SafetensorsWriter()
          .Add("f64", "F64", {3}, BytesOf<double>({0.5, large, -large}))
          .Add("bf16", "BF16", {3}, BytesOf<uint16_t>({0x3F80, 0xC000, 0x7F80}))
          .Add("i8", "I8", {2}, BytesOf<int8_t>({-128, 127}))
          .Add("i32", "I32", {2}, BytesOf<int32_t>({-5, 1 << 30}))
          .Add("u8", "U8", {1}, "x")
          .File();
  const absl::StatusOr<Safetensors> tensors = Safetensors::Parse(file);
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_THAT(Floats(*tensors->Find("f64")), ElementsAre(0.5f, kInfinity, -kInfinity));
  EXPECT_THAT(Floats(*tensors->Find("bf16")), ElementsAre(1, -2, kInfinity));
  EXPECT_THAT(Floats(*tensors->Find("i8")), ElementsAre(-128, 127));
  EXPECT_EQ(ReadInteger(*tensors->Find("i8"), 0), -128);
  EXPECT_EQ(ReadInteger(*tensors->Find("i32"), 0), -5);
  EXPECT_FALSE(HasFloats(*tensors->Find("u8")));
  EXPECT_FALSE(HasIntegers(*tensors->Find("u8")));
}

TEST(SafetensorsTest, RefusesEveryCutOffFile) {
  const std::string file = SafetensorsWriter().Add("t", "F32", {2}, BytesOf<float>({1, 2})).File();
  ASSERT_EQ(ErrorOf(file), "OK");
  for (size_t size = 0; size < file.size(); ++size) {
    EXPECT_NE(ErrorOf(file.substr(0, size)), "OK") << size;
  }
  EXPECT_THAT(ErrorOf(file + "x"), HasSubstr("longer than its tensors, got 9 bytes, expected 8"));
}

TEST(SafetensorsTest, RefusesBadHeaders) {
  EXPECT_THAT(ErrorOf(std::string("\x01\xE1\xF5\x05\0\0\0\0", 8)),
              HasSubstr("header length: got 100000001, limit 100000000"));
  EXPECT_THAT(ErrorOf(std::string(8, '\xFF')),
              HasSubstr("header length: got 18446744073709551615"));
  EXPECT_THAT(ErrorOf(SafetensorsFile("{\"t\":", "")), HasSubstr("header: not well-formed JSON"));
  EXPECT_THAT(ErrorOf(SafetensorsFile("[1]", "")),
              HasSubstr("header: not a JSON object, got array"));
  EXPECT_THAT(ErrorOf(SafetensorsFile("{\"\xFF\":1}", "")), HasSubstr("not well-formed JSON"));
  EXPECT_THAT(ErrorOf(SafetensorsFile(R"({"t":1e999})", "")), HasSubstr("out of range"));
  EXPECT_THAT(ErrorOf(SafetensorsFile(R"({"t":5})", "")), HasSubstr("tensor t: not a JSON object"));
  EXPECT_NE(ErrorOf(SafetensorsFile(std::string(1'000'000, '['), "")), "OK");
}

TEST(SafetensorsTest, RefusesBadTensors) {
  EXPECT_EQ(ErrorOfTensor(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})"), "OK");
  EXPECT_THAT(ErrorOfTensor(R"({"dtype":"Q4","shape":[2],"data_offsets":[0,8]})"),
              HasSubstr("tensor t: dtype: unknown, got Q4"));
  EXPECT_THAT(ErrorOfTensor(R"({"shape":[2],"data_offsets":[0,8]})"),
              HasSubstr("dtype: not a string"));
  EXPECT_THAT(ErrorOfTensor(R"({"dtype":"F32","data_offsets":[0,8]})"),
              HasSubstr("shape: not a list"));
  EXPECT_THAT(ErrorOfTensor(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"),
              HasSubstr("shape: not a list of whole numbers"));
  EXPECT_THAT(ErrorOfTensor(R"({"dtype":"F32","shape":[2.0],"data_offsets":[0,8]})"),
              HasSubstr("shape: not a list of whole numbers"));
  EXPECT_THAT(ErrorOfTensor(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"),
              HasSubstr("shape: does not fit data_offsets, which hold 8 bytes"));
  // The products overflow 64 bits to 2 elements, and to 8 bytes.
  EXPECT_THAT(ErrorOfTensor(R"({"dtype":"F32","shape":[9223372036854775809,2],)"
                            R"("data_offsets":[0,8]})"),
              HasSubstr("shape: does not fit"));
  EXPECT_THAT(ErrorOfTensor(R"({"dtype":"F32","shape":[4611686018427387906],)"
                            R"("data_offsets":[0,8]})"),
              HasSubstr("shape: does not fit"));
  EXPECT_THAT(ErrorOfTensor(R"({"dtype":"F32","shape":[2],"data_offsets":[0]})"),
              HasSubstr("data_offsets: not a begin and an end"));
  EXPECT_THAT(ErrorOfTensor(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"),
              HasSubstr("data_offsets: not a begin and an end"));
  EXPECT_THAT(ErrorOfTensor(R"({"dtype":"F32","shape":[2],"data_offsets":[4,12]})"),
              HasSubstr("beyond the end of the file, got 12, limit 8"));
}

TEST(SafetensorsTest, RefusesGapsAndOverlaps) {
  const auto error_of = [](absl::string_view first, absl::string_view second) {
    return ErrorOf(SafetensorsFile(
        absl::StrCat(R"({"a":{"dtype":"I8","shape":[4],"data_offsets":)", first,
                     R"(},"b":{"dtype":"I8","shape":[4],"data_offsets":)", second, "}}"),
        "12345678"));
  };
  EXPECT_EQ(error_of("[0,4]", "[4,8]"), "OK");
  EXPECT_EQ(error_of("[4,8]", "[0,4]"), "OK");
  EXPECT_THAT(error_of("[0,4]", "[3,7]"), HasSubstr("tensor b: data_offsets: a gap or an overlap"));
  EXPECT_THAT(error_of("[0,4]", "[0,4]"), HasSubstr("a gap or an overlap"));
  EXPECT_THAT(error_of("[1,5]", "[4,8]"), HasSubstr("tensor a: data_offsets: a gap"));
}

}  // namespace
}  // namespace newsprint::embed
