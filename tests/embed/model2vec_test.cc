#include "service/embed/model2vec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/embed/model_files.h"
#include "tests/testing/articles.h"

namespace newsprint::embed {
namespace {

using nlohmann::json;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Pointwise;

constexpr size_t kDimension = 8;

// Tokens 0 to 4; the row of token `i` has the value 2^i at place `i`.
const std::vector<std::string> kTokens = {"[UNK]", "oil", "price", "##s", "strike"};

std::vector<float> Table() {
  std::vector<float> table(kTokens.size() * kDimension);
  for (size_t i = 0; i < kTokens.size(); ++i) table[i * kDimension + i] = std::ldexp(1.0f, int(i));
  return table;
}

SafetensorsWriter TableWriter() {
  SafetensorsWriter writer;
  return writer.Add("embeddings", "F32", {kTokens.size(), kDimension}, BytesOf(Table()));
}

Model2VecFiles GoodFiles() {
  return {R"({"model_type":"model2vec","normalize":true,"hidden_dim":8,"apply_zipf":true})",
          TableWriter().File(), TokenizerJson(kTokens).dump()};
}

std::unique_ptr<Model2VecEmbedder> Make(Model2VecFiles files) {
  auto embedder = Model2VecEmbedder::Create("small", std::move(files));
  EXPECT_TRUE(embedder.ok()) << embedder.status();
  return embedder.ok() ? *std::move(embedder) : nullptr;
}

std::string ErrorOf(Model2VecFiles files) {
  const auto embedder = Model2VecEmbedder::Create("small", std::move(files));
  if (embedder.ok()) return "OK";
  EXPECT_EQ(embedder.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(embedder.status().message());
}

std::string ErrorOfModel(const SafetensorsWriter& writer) {
  Model2VecFiles files = GoodFiles();
  files.model = writer.File();
  return ErrorOf(std::move(files));
}

std::vector<float> Embed(const Model2VecEmbedder& embedder, absl::string_view title,
                         absl::string_view body) {
  std::vector<float> vector(static_cast<size_t>(embedder.dimension()), -1.0f);
  const EmbedInput input = {title, body, {}, {}};
  EXPECT_TRUE(embedder.Embed({&input, 1}, absl::MakeSpan(vector)).ok());
  return vector;
}

// `values`, with zeros behind them, scaled to length 1.
std::vector<float> Unit(std::vector<float> values) {
  values.resize(kDimension);
  float squares = 0;
  for (const float value : values) squares += value * value;
  for (float& value : values) value /= std::sqrt(squares);
  return values;
}

MATCHER(Near, "") { return std::abs(std::get<0>(arg) - std::get<1>(arg)) < 1e-6f; }

void WriteFile(const std::string& path, absl::string_view contents) {
  std::ofstream file(path, std::ios::binary);
  file.write(contents.data(), static_cast<std::streamsize>(contents.size()));
  ASSERT_TRUE(file.good());
}

TEST(Model2VecTest, TakesTheMeanOfTitleAndBody) {
  const auto embedder = Make(GoodFiles());
  EXPECT_EQ(embedder->dimension(), 8);
  EXPECT_THAT(Embed(*embedder, "Oil", ""), Pointwise(Near(), Unit({0, 2})));
  EXPECT_THAT(Embed(*embedder, "Oil", "Oil prices"), Pointwise(Near(), Unit({0, 4, 4, 8})));
  // Words that are not known do not count, nor where the title ends.
  EXPECT_THAT(Embed(*embedder, "Oil strike:", "elsewhere"),
              Pointwise(Near(), Embed(*embedder, "", "oil, strike")));
  EXPECT_THAT(Embed(*embedder, "<b>Oil</b>&nbsp;price", "<p>strike<script>oil</script>"),
              Pointwise(Near(), Unit({0, 2, 4, 0, 16})));
}

TEST(Model2VecTest, NothingKnownIsZero) {
  const auto embedder = Make(GoodFiles());
  EXPECT_THAT(Embed(*embedder, "", ""), Each(0.0f));
  EXPECT_THAT(Embed(*embedder, "Unknown", "words [UNK]"), Each(0.0f));
}

TEST(Model2VecTest, EmbedsSeveral) {
  const auto embedder = Make(GoodFiles());
  const std::vector<EmbedInput> inputs = {
      {"oil", "", {}, {}}, {"x", "y", {}, {}}, {"", "strike", {}, {}}};
  std::vector<float> vectors(3 * kDimension, -1.0f);
  ASSERT_TRUE(embedder->Embed(inputs, absl::MakeSpan(vectors)).ok());
  std::vector<float> expected(3 * kDimension);
  expected[1] = 1;
  expected[2 * kDimension + 4] = 1;
  EXPECT_EQ(vectors, expected);
  EXPECT_EQ(embedder->Embed(inputs, absl::MakeSpan(vectors).subspan(1)).code(),
            absl::StatusCode::kInternal);
}

TEST(Model2VecTest, CountsTheFirst512KnownTokens) {
  Model2VecFiles files = GoodFiles();
  // Long tokens, so that the limit in characters is not reached first.
  json tokenizer =
      TokenizerJson({"[UNK]", "oil", "price", "##s", "strike", "longest-1-token", "longest-2-token",
                     "longest-3-token", "longest-4-token", "longest-5-token"});
  std::vector<float> table = Table();
  table.resize(10 * kDimension);
  files.tokenizer = tokenizer.dump();
  files.model =
      SafetensorsWriter().Add("embeddings", "F32", {10, kDimension}, BytesOf(table)).File();
  const auto embedder = Make(files);
  std::string body;
  for (int i = 0; i < 511; ++i) body += "x oil ";
  EXPECT_THAT(Embed(*embedder, "", body + "price strike"),
              Pointwise(Near(), Unit({0, 511 * 2, 4})));
  tokenizer["truncation"] = {{"max_length", 4}};  // with the unknown ones
  files.tokenizer = tokenizer.dump();
  EXPECT_THAT(Embed(*Make(files), "", "x price x oil oil"), Pointwise(Near(), Unit({0, 2, 4})));
}

TEST(Model2VecTest, LooksAtTheBeginningOnly) {
  // The median token has 5 characters, so 512 * 5 characters count: 2 are the "é" and the line
  // feed, the last four are "oil ".
  const std::string filler(512 * 5 - 2 - 4, ' ');
  const auto embedder = Make(GoodFiles());
  EXPECT_THAT(Embed(*embedder, "é", filler + "oil strike"), Pointwise(Near(), Unit({0, 1})));
  EXPECT_THAT(Embed(*embedder, "", filler + "   oil strike"), Each(0.0f));
}

TEST(Model2VecTest, ReadsEveryTypeOfTable) {
  const std::vector<float> table = Table();
  const std::vector<double> doubles(table.begin(), table.end());
  const std::vector<int8_t> bytes(table.begin(), table.end());
  std::vector<uint16_t> halves, bfloats;
  for (const float value : table) {
    const int exponent = value == 0 ? 0 : std::ilogb(value);
    halves.push_back(static_cast<uint16_t>(value == 0 ? 0 : (exponent + 15) << 10));
    bfloats.push_back(static_cast<uint16_t>(value == 0 ? 0 : (exponent + 127) << 7));
  }
  const std::vector<float> expected = Embed(*Make(GoodFiles()), "oil", "prices strike strike");
  for (const auto& [dtype, contents] :
       std::vector<std::pair<std::string, std::string>>{{"F64", BytesOf(doubles)},
                                                        {"F16", BytesOf(halves)},
                                                        {"BF16", BytesOf(bfloats)},
                                                        {"I8", BytesOf(bytes)}}) {
    Model2VecFiles files = GoodFiles();
    files.model =
        SafetensorsWriter().Add("embeddings", dtype, {kTokens.size(), kDimension}, contents).File();
    EXPECT_EQ(Embed(*Make(files), "oil", "prices strike strike"), expected) << dtype;
  }
}

TEST(Model2VecTest, AppliesMappingAndWeights) {
  Model2VecFiles files = GoodFiles();
  // Two rows for five tokens; the weight is that of the token.
  std::vector<float> table(2 * kDimension);
  table[0] = 1;
  table[kDimension + 1] = 1;
  const std::string weights = BytesOf<double>({9, 1, 0.5, 2, -1});
  files.model = SafetensorsWriter()
                    .Add("embeddings", "F32", {2, kDimension}, BytesOf(table))
                    .Add("mapping", "I32", {5}, BytesOf<int32_t>({0, 0, 1, 1, 0}))
                    .Add("weights", "F64", {5}, weights)
                    .File();
  const auto embedder = Make(files);
  EXPECT_THAT(Embed(*embedder, "oil oil", "prices"), Pointwise(Near(), Unit({2, 2.5})));
  EXPECT_THAT(Embed(*embedder, "oil", "strike"), Each(0.0f));
  files.model = SafetensorsWriter()
                    .Add("embeddings", "F32", {2, kDimension}, BytesOf(table))
                    .Add("mapping", "I64", {6}, BytesOf<int64_t>({0, 0, 1, 1, 0, 7}))
                    .File();
  EXPECT_THAT(Embed(*Make(files), "oil oil", "prices"), Pointwise(Near(), Unit({2, 2})));
}

TEST(Model2VecTest, SumsOfTheGreatestValuesStayFinite) {
  Model2VecFiles files = GoodFiles();
  const float max = Model2VecEmbedder::kMagnitudeMax;
  const std::vector<float> table(kTokens.size() * kDimension, max);
  files.model = SafetensorsWriter()
                    .Add("embeddings", "F32", {kTokens.size(), kDimension}, BytesOf(table))
                    .Add("weights", "F32", {5}, BytesOf<float>({max, max, max, max, max}))
                    .File();
  std::string body;
  for (int i = 0; i < 600; ++i) body += "oil ";
  EXPECT_THAT(Embed(*Make(files), "", body), Pointwise(Near(), Unit(std::vector<float>(8, 1))));
  // And what is too small for its square to be a float counts too.
  std::vector<float> tiny(kTokens.size() * kDimension);
  tiny[kDimension] = std::numeric_limits<float>::denorm_min();
  files.model = SafetensorsWriter()
                    .Add("embeddings", "F32", {kTokens.size(), kDimension}, BytesOf(tiny))
                    .File();
  EXPECT_THAT(Embed(*Make(files), "oil", ""), Pointwise(Near(), Unit({1})));
}

TEST(Model2VecTest, IdentityTellsModelsApart) {
  const Model2VecFiles files = GoodFiles();
  const std::string identity = Make(files)->identity();
  EXPECT_THAT(identity, MatchesRegex("model2vec/small/[0-9a-f]+"));
  EXPECT_EQ(identity.size(), std::string("model2vec/small/").size() + 16);
  EXPECT_EQ(Make(files)->identity(), identity);
  for (std::string Model2VecFiles::*file : {&Model2VecFiles::config, &Model2VecFiles::tokenizer}) {
    Model2VecFiles other = files;
    (other.*file) += " ";
    EXPECT_NE(Make(other)->identity(), identity);
  }
  Model2VecFiles other = files;
  other.model.back() ^= 1;
  EXPECT_NE(Make(other)->identity(), identity);
}

TEST(Model2VecTest, LoadsFolders) {
  const testing::TempDir dir;
  const std::string folder = dir.path() + "/news-256.v1";
  std::filesystem::create_directory(folder);
  const auto error = [&folder] {
    return std::string(Model2VecEmbedder::Load(folder).status().message());
  };
  const Model2VecFiles files = GoodFiles();
  EXPECT_EQ(Model2VecEmbedder::Load(folder).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(error(), HasSubstr(folder + "/config.json: file: No such file"));
  WriteFile(folder + "/config.json", files.config);
  EXPECT_THAT(error(), HasSubstr(folder + "/tokenizer.json: file: No such file"));
  WriteFile(folder + "/tokenizer.json", files.tokenizer);
  EXPECT_THAT(error(), HasSubstr(folder + "/model.safetensors: file: No such file"));
  std::filesystem::create_directory(folder + "/model.safetensors");
  EXPECT_THAT(error(), HasSubstr(folder + "/model.safetensors: file: not a regular file"));
  std::filesystem::remove(folder + "/model.safetensors");
  WriteFile(folder + "/model.safetensors", files.model.substr(0, files.model.size() - 1));
  EXPECT_THAT(error(), HasSubstr(folder + "/model.safetensors: tensor embeddings: data_offsets"));
  WriteFile(folder + "/model.safetensors", files.model);

  for (const std::string& path : {folder, folder + "/", folder + "//"}) {
    const auto embedder = Model2VecEmbedder::Load(path);
    ASSERT_TRUE(embedder.ok()) << embedder.status();
    EXPECT_THAT((*embedder)->identity(), ::testing::StartsWith("model2vec/news-256.v1/"));
    EXPECT_THAT(Make(files)->identity(), EndsWith((*embedder)->identity().substr(22)));
    // Nothing is read from the folder any more.
    std::filesystem::rename(folder, dir.path() + "/away");
    EXPECT_THAT(Embed(**embedder, "oil", ""), Pointwise(Near(), Unit({0, 1})));
    std::filesystem::rename(dir.path() + "/away", folder);
  }
  WriteFile(folder + "/config.json", std::string((1u << 20) + 1, ' '));
  EXPECT_THAT(error(), HasSubstr("config.json: size: got 1048577 bytes, limit 1048576"));
}

TEST(Model2VecTest, RefusesFolderNamesThatAnIdentityCannotHave) {
  for (const std::string& name : std::vector<std::string>{"", "/", "a b", "ümlaut", "..", "x/..",
                                                          "x/.", std::string(101, 'a'), "a\nb"}) {
    const absl::Status status = Model2VecEmbedder::Load(name).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr("name of the folder: not usable"));
  }
}

TEST(Model2VecTest, RefusesBrokenConfigs) {
  const auto error_with = [](const std::string& config) {
    Model2VecFiles files = GoodFiles();
    files.config = config;
    return ErrorOf(std::move(files));
  };
  EXPECT_EQ(error_with("{}"), "OK");
  EXPECT_EQ(error_with(R"({"normalize":false})"), "OK");
  EXPECT_THAT(error_with("{"), HasSubstr("config.json: text: not well-formed JSON"));
  EXPECT_THAT(error_with("[]"), HasSubstr("config.json: text: not a JSON object"));
  EXPECT_EQ(error_with(R"({"model_type":"bert"})"),
            "config.json: model_type: not supported, got bert, limit model2vec");
  EXPECT_THAT(error_with(R"({"model_type":1})"), HasSubstr("got number"));
  EXPECT_THAT(error_with(R"({"normalize":"yes"})"), HasSubstr("config.json: normalize: not true"));
}

TEST(Model2VecTest, RefusesBrokenTokenizers) {
  Model2VecFiles files = GoodFiles();
  files.tokenizer = R"({"model":{"type":"Unigram"}})";
  EXPECT_EQ(ErrorOf(files),
            "tokenizer.json: model.type: not supported, got Unigram, limit WordPiece");
  files.tokenizer = TokenizerJson({"[UNK]", "oil"}).dump();
  EXPECT_EQ(ErrorOf(files),
            "model.safetensors: embeddings: not a row for each token, got 5, expected 2");
  json tokenizer = TokenizerJson(kTokens);
  tokenizer["model"]["vocab"]["oil"] = 5;
  files.tokenizer = tokenizer.dump();
  EXPECT_EQ(ErrorOf(files),
            "model.safetensors: embeddings: no row for a token's id, got 5, limit 4");
}

TEST(Model2VecTest, RefusesBrokenTables) {
  const size_t rows = kTokens.size();
  const auto error_of = [](const std::string& dtype, const std::vector<size_t>& shape,
                           const std::string& bytes) {
    return ErrorOfModel(SafetensorsWriter().Add("embeddings", dtype, shape, bytes));
  };
  const auto zeros = [](size_t bytes) { return std::string(bytes, '\0'); };
  EXPECT_THAT(ErrorOfModel(SafetensorsWriter().Add("embedding.weight", "I8", {1}, "x")),
              HasSubstr("model.safetensors: embeddings: no tensor of this name"));
  EXPECT_THAT(error_of("F32", {rows * kDimension}, BytesOf(Table())),
              HasSubstr("embeddings: not a table, got 1 dimensions, expected 2"));
  EXPECT_THAT(error_of("U8", {rows, kDimension}, zeros(rows * kDimension)),
              HasSubstr("embeddings: dtype not supported, got U8, limit F64, F32"));
  for (const size_t columns : {0, 7, 12, 4104}) {
    EXPECT_THAT(error_of("I8", {rows, columns}, zeros(rows * columns)),
                HasSubstr(absl::StrCat("embeddings: dimension not supported, got ", columns,
                                       ", limit multiples of 8 from 8 to 4096")));
  }
  EXPECT_THAT(error_of("F32", {rows, kDimension}, zeros(4 * rows * kDimension)),
              HasSubstr("embeddings: 5 rows with nothing but zeros"));
  EXPECT_THAT(error_of("F32", {0, kDimension}, ""), HasSubstr("0 rows with nothing but zeros"));
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(),
                          -std::numeric_limits<float>::infinity(), 1.1e15f}) {
    std::vector<float> table = Table();
    table[2 * kDimension + 5] = bad;
    EXPECT_THAT(error_of("F32", {rows, kDimension}, BytesOf(table)),
                HasSubstr("embeddings: a value that is not finite or too large, in row 2"));
  }
}

TEST(Model2VecTest, RefusesBrokenMappingsAndWeights) {
  const auto error_with = [](const std::string& name, const std::string& dtype,
                             const std::vector<size_t>& shape, const std::string& bytes) {
    return ErrorOfModel(TableWriter().Add(name, dtype, shape, bytes));
  };
  EXPECT_THAT(error_with("mapping", "F32", {5}, BytesOf<float>({0, 1, 2, 3, 4})),
              HasSubstr("mapping: not a list of integers, got F32 of 1 dimensions"));
  EXPECT_THAT(error_with("mapping", "I8", {1, 5}, std::string(5, '\0')),
              HasSubstr("mapping: not a list"));
  EXPECT_THAT(error_with("mapping", "I32", {4}, BytesOf<int32_t>({0, 1, 2, 3})),
              HasSubstr("mapping: no value for a token's id, got 4, limit 4 values"));
  EXPECT_THAT(error_with("mapping", "I32", {5}, BytesOf<int32_t>({0, 1, 2, 3, 5})),
              HasSubstr("mapping: beyond the embeddings, got 5 for token 4, limit 4"));
  EXPECT_THAT(error_with("mapping", "I64", {5}, BytesOf<int64_t>({0, -1, 2, 3, 4})),
              HasSubstr("mapping: beyond the embeddings, got -1 for token 1"));
  EXPECT_THAT(error_with("weights", "I32", {5}, BytesOf<int32_t>({1, 1, 1, 1, 1})),
              HasSubstr("weights: not a list of numbers, got I32"));
  EXPECT_THAT(error_with("weights", "F32", {5, 1}, BytesOf<float>({1, 1, 1, 1, 1})),
              HasSubstr("weights: not a list of numbers, got F32 of 2 dimensions"));
  EXPECT_THAT(error_with("weights", "F32", {4}, BytesOf<float>({1, 1, 1, 1})),
              HasSubstr("weights: no value for a token's id, got 4, limit 4 values"));
  EXPECT_THAT(error_with("weights", "F64", {5}, BytesOf<double>({1, 1, 1e300, 1, 1})),
              HasSubstr("weights: a value that is not finite or too large, in row 2"));
  EXPECT_THAT(error_with("weights", "F32", {5}, BytesOf<float>({0, 0, 0, 0, 0})),
              HasSubstr("weights: nothing but zeros"));
}

}  // namespace
}  // namespace newsprint::embed
