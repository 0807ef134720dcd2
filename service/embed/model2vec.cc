#include "service/embed/model2vec.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <fstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "service/common/hash.h"
#include "service/common/status_macros.h"
#include "service/embed/json_object.h"
#include "service/text/html.h"

namespace newsprint::embed {
namespace {

constexpr absl::string_view kConfigFile = "config.json";
constexpr absl::string_view kModelFile = "model.safetensors";
constexpr absl::string_view kTokenizerFile = "tokenizer.json";

// Of the way from a text to its vector. Must be raised with every change to it, as the hash of a
// model begins with it.
constexpr uint64_t kEncodingVersion = 1;

absl::Status Prefixed(absl::string_view prefix, const absl::Status& status) {
  if (status.ok()) return status;
  return {status.code(), absl::StrCat(prefix, ": ", status.message())};
}

absl::Status Error(absl::string_view field, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", problem));
}

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t bytes_max) {
  struct stat about;
  if (stat(path.c_str(), &about) != 0) return absl::ErrnoToStatus(errno, "file");
  if (!S_ISREG(about.st_mode)) return Error("file", "not a regular file");
  const size_t bytes = static_cast<size_t>(about.st_size);
  if (bytes > bytes_max) {
    return Error("size", absl::StrCat("got ", bytes, " bytes, limit ", bytes_max));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::ErrnoToStatus(errno, "file");
  std::string contents(bytes, '\0');
  if (!file.read(contents.data(), static_cast<std::streamsize>(bytes))) {
    return absl::UnavailableError("file: cannot be read to its end");
  }
  return contents;
}

absl::StatusOr<std::string> ReadFileOf(const std::string& folder, absl::string_view name,
                                       size_t bytes_max) {
  const std::string path = absl::StrCat(folder, "/", name);
  absl::StatusOr<std::string> contents = ReadFile(path, bytes_max);
  if (!contents.ok()) return Prefixed(path, contents.status());
  return contents;
}

absl::Status CheckName(absl::string_view name) {
  const bool good = std::all_of(name.begin(), name.end(), [](char character) {
    return absl::ascii_isalnum(static_cast<unsigned char>(character)) ||
           absl::string_view("._+-").find(character) != absl::string_view::npos;
  });
  if (good && !name.empty() && name != "." && name != ".." &&
      name.size() <= Model2VecEmbedder::kNameBytesMax) {
    return absl::OkStatus();
  }
  return Error("name of the folder", absl::StrCat("not usable, got ", Printable(name), ", limit ",
                                                  Model2VecEmbedder::kNameBytesMax,
                                                  " ASCII letters, digits and characters of ._+-"));
}

// Of what the library writes there only the kind of model matters: vectors have length 1 whatever
// `normalize` says, and the rest tells how the model was made.
absl::Status CheckConfig(absl::string_view bytes) {
  ASSIGN_OR_RETURN(const nlohmann::json config, ParseJsonObject(bytes, "text"));
  const auto type = config.find("model_type");
  if (type != config.end() && *type != "model2vec") {
    return Error("model_type",
                 absl::StrCat("not supported, got ",
                              type->is_string() ? Printable(type->get_ref<const std::string&>())
                                                : type->type_name(),
                              ", limit model2vec"));
  }
  const auto normalize = config.find("normalize");
  if (normalize != config.end() && !normalize->is_boolean() && !normalize->is_null()) {
    return Error("normalize", absl::StrCat("not true or false, got ", normalize->type_name()));
  }
  return absl::OkStatus();
}

std::string HashOf(const Model2VecFiles& files) {
  uint64_t hash = kEncodingVersion;
  for (const std::string* file : {&files.config, &files.model, &files.tokenizer}) {
    hash = Hash64(file->data(), file->size(), hash);
  }
  return absl::StrFormat("%016x", hash);
}

// Whether all values are within kMagnitudeMax; *all_zero tells whether there is no other.
bool CheckValues(absl::Span<const float> values, bool* all_zero) {
  bool good = true;
  for (const float value : values) {
    good &= std::abs(value) <= Model2VecEmbedder::kMagnitudeMax;  // false for NaN
    *all_zero &= value == 0;
  }
  return good;
}

std::string ValueProblem(size_t token) {
  return absl::StrCat("a value that is not finite or too large, in row ", token, ", limit ",
                      Model2VecEmbedder::kMagnitudeMax);
}

// The first `characters` of `utf8`.
absl::string_view Prefix(absl::string_view utf8, size_t characters) {
  for (size_t i = 0; i < utf8.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(utf8[i]) & 0xC0) != 0x80;
    if (begins && characters-- == 0) return utf8.substr(0, i);
  }
  return utf8;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Model2VecEmbedder>> Model2VecEmbedder::Load(
    const std::string& folder) {
  absl::string_view name = folder;
  while (absl::ConsumeSuffix(&name, "/")) {
  }
  name.remove_prefix(name.find_last_of('/') + 1);  // npos + 1 is 0
  RETURN_IF_ERROR(Prefixed(folder, CheckName(name)));
  Model2VecFiles files;
  ASSIGN_OR_RETURN(files.config, ReadFileOf(folder, kConfigFile, kConfigBytesMax));
  ASSIGN_OR_RETURN(files.tokenizer, ReadFileOf(folder, kTokenizerFile, kTokenizerBytesMax));
  ASSIGN_OR_RETURN(files.model, ReadFileOf(folder, kModelFile, kModelBytesMax));
  absl::StatusOr<std::unique_ptr<Model2VecEmbedder>> embedder = Create(name, std::move(files));
  if (!embedder.ok()) {
    return absl::Status(embedder.status().code(),
                        absl::StrCat(folder, "/", embedder.status().message()));
  }
  return embedder;
}

absl::StatusOr<std::unique_ptr<Model2VecEmbedder>> Model2VecEmbedder::Create(absl::string_view name,
                                                                             Model2VecFiles files) {
  RETURN_IF_ERROR(CheckName(name));
  RETURN_IF_ERROR(Prefixed(kConfigFile, CheckConfig(files.config)));
  absl::StatusOr<WordPieceTokenizer> tokenizer = WordPieceTokenizer::Parse(files.tokenizer);
  if (!tokenizer.ok()) return Prefixed(kTokenizerFile, tokenizer.status());
  std::string identity = absl::StrCat("model2vec/", name, "/", HashOf(files));
  std::unique_ptr<Model2VecEmbedder> embedder(
      new Model2VecEmbedder(std::move(identity), *std::move(tokenizer), std::move(files.model)));
  RETURN_IF_ERROR(Prefixed(kModelFile, embedder->ReadModel()));
  return embedder;
}

Model2VecEmbedder::Model2VecEmbedder(std::string identity, WordPieceTokenizer tokenizer,
                                     std::string model)
    : identity_(std::move(identity)), tokenizer_(std::move(tokenizer)), model_(std::move(model)) {}

absl::Status Model2VecEmbedder::ReadModel() {
  ASSIGN_OR_RETURN(const Safetensors tensors, Safetensors::Parse(model_));
  RETURN_IF_ERROR(ReadTable(tensors.Find("embeddings")));
  RETURN_IF_ERROR(ReadMapping(tensors.Find("mapping")));
  return ReadWeights(tensors.Find("weights"));
}

absl::Status Model2VecEmbedder::ReadTable(const Tensor* table) {
  if (table == nullptr) return Error("embeddings", "no tensor of this name");
  if (table->shape.size() != 2) {
    return Error("embeddings",
                 absl::StrCat("not a table, got ", table->shape.size(), " dimensions, expected 2"));
  }
  if (!HasFloats(*table)) {
    return Error("embeddings", absl::StrCat("dtype not supported, got ", table->dtype_name,
                                            ", limit F64, F32, F16, BF16, I8"));
  }
  const auto [rows, columns] = std::pair(table->shape[0], table->shape[1]);
  if (columns < kDimensionMin || columns > kDimensionMax || columns % kDimensionStep != 0) {
    return Error("embeddings",
                 absl::StrCat("dimension not supported, got ", columns, ", limit multiples of ",
                              kDimensionStep, " from ", kDimensionMin, " to ", kDimensionMax));
  }
  std::vector<float> row(columns);
  bool all_zero = true;
  for (size_t i = 0; i < rows; ++i) {
    ReadFloats(*table, i * columns, absl::MakeSpan(row));
    if (!CheckValues(row, &all_zero)) return Error("embeddings", ValueProblem(i));
  }
  if (all_zero) return Error("embeddings", absl::StrCat(rows, " rows with nothing but zeros"));
  table_ = *table;
  dimension_ = columns;
  return absl::OkStatus();
}

absl::Status Model2VecEmbedder::ReadMapping(const Tensor* mapping) {
  const size_t rows = table_.shape[0];
  if (mapping == nullptr) {
    if (rows != tokenizer_.vocabulary_size()) {
      return Error("embeddings", absl::StrCat("not a row for each token, got ", rows, ", expected ",
                                              tokenizer_.vocabulary_size()));
    }
    if (tokenizer_.id_max() >= rows) {
      return Error("embeddings", absl::StrCat("no row for a token's id, got ", tokenizer_.id_max(),
                                              ", limit ", rows - 1));
    }
    return absl::OkStatus();
  }
  if (!HasIntegers(*mapping) || mapping->shape.size() != 1) {
    return Error("mapping", absl::StrCat("not a list of integers, got ", mapping->dtype_name,
                                         " of ", mapping->shape.size(), " dimensions"));
  }
  if (tokenizer_.id_max() >= mapping->elements) {
    return Error("mapping", absl::StrCat("no value for a token's id, got ", tokenizer_.id_max(),
                                         ", limit ", mapping->elements, " values"));
  }
  rows_.resize(size_t{tokenizer_.id_max()} + 1);
  for (size_t i = 0; i < rows_.size(); ++i) {
    const int64_t row = ReadInteger(*mapping, i);
    if (row < 0 || static_cast<uint64_t>(row) >= std::min<uint64_t>(rows, UINT32_MAX)) {
      return Error("mapping", absl::StrCat("beyond the embeddings, got ", row, " for token ", i,
                                           ", limit ", rows - 1));
    }
    rows_[i] = static_cast<uint32_t>(row);
  }
  return absl::OkStatus();
}

absl::Status Model2VecEmbedder::ReadWeights(const Tensor* weights) {
  if (weights == nullptr) return absl::OkStatus();
  if (!HasFloats(*weights) || weights->shape.size() != 1) {
    return Error("weights", absl::StrCat("not a list of numbers, got ", weights->dtype_name, " of ",
                                         weights->shape.size(), " dimensions"));
  }
  if (tokenizer_.id_max() >= weights->elements) {
    return Error("weights", absl::StrCat("no value for a token's id, got ", tokenizer_.id_max(),
                                         ", limit ", weights->elements, " values"));
  }
  weights_.resize(size_t{tokenizer_.id_max()} + 1);
  ReadFloats(*weights, 0, absl::MakeSpan(weights_));
  bool all_zero = true;
  for (size_t i = 0; i < weights_.size(); ++i) {
    if (!CheckValues({&weights_[i], 1}, &all_zero)) return Error("weights", ValueProblem(i));
  }
  if (all_zero) return Error("weights", "nothing but zeros");
  return absl::OkStatus();
}

void Model2VecEmbedder::EmbedText(absl::string_view utf8, absl::Span<float> vector) const {
  std::fill(vector.begin(), vector.end(), 0.0f);
  std::vector<float> row(dimension_);
  utf8 = Prefix(utf8, kTokensMax * tokenizer_.median_token_characters());
  for (const uint32_t id : tokenizer_.Encode(utf8, kTokensMax)) {
    if (id == tokenizer_.unk_id()) continue;
    ReadFloats(table_, (rows_.empty() ? id : rows_[id]) * dimension_, absl::MakeSpan(row));
    const float weight = weights_.empty() ? 1.0f : weights_[id];
    for (size_t i = 0; i < dimension_; ++i) vector[i] += weight * row[i];
  }
  // In double, in which no square of a float is too large or too small.
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * value;
  if (squares == 0) return;
  const double scale = 1 / std::sqrt(squares);
  for (float& value : vector) value = static_cast<float>(value * scale);
}

absl::Status Model2VecEmbedder::Embed(absl::Span<const EmbedInput> inputs,
                                      absl::Span<float> vectors) const {
  if (vectors.size() != inputs.size() * dimension_) {
    return absl::InternalError(absl::StrCat("model2vec: output size, got ", vectors.size(),
                                            ", expected ", inputs.size() * dimension_));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    EmbedText(
        absl::StrCat(text::HtmlToText(inputs[i].title), "\n", text::HtmlToText(inputs[i].body)),
        vectors.subspan(i * dimension_, dimension_));
  }
  return absl::OkStatus();
}

}  // namespace newsprint::embed
