#include "service/embed/term_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "service/common/hash.h"
#include "service/common/status_macros.h"

namespace newsprint::embed {
namespace {

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Model files are little-endian, and are read in place."
#endif

constexpr absl::string_view kMagic("NPTERMS\0", 8);
constexpr uint32_t kVersion = 1;

// The fixed part of the file; docs/model-format.md explains each field.
struct Header {
  char magic[8];
  uint64_t checksum;
  uint32_t version;
  uint32_t dimension;
  uint32_t words;
  uint32_t word_rows;
  uint32_t hash_rows;
  uint32_t provenance_bytes;
  float title_count;
  float lede_count;
  uint32_t lede_tokens;
  float number_weight;
  float unknown_share;
  uint32_t zero;
};
static_assert(sizeof(Header) == 64, "no padding");
constexpr size_t kChecksumEnd = 16;  // what lies behind is summed

struct StoredWord {
  uint64_t token;
  uint32_t row;
  float weight;
};
static_assert(sizeof(StoredWord) == 16, "no padding");

constexpr float kCountMax = 100;
constexpr uint32_t kLedeTokensMax = 100'000;
// Of a weight and of a scale. Sums over articles of any length stay far from the largest float.
constexpr float kMagnitudeMax = 1e9f;
constexpr float kInt8Max = 127;
// A term that is in no article learned from is taken to be in this share of one.
constexpr double kUnseenArticles = 0.5;

absl::Status Invalid(absl::string_view field, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat("model: ", field, ": ", problem));
}

template <typename Value>
absl::Status OutOfLimits(absl::string_view field, Value got, absl::string_view limit) {
  return Invalid(field, absl::StrCat("out of limits, got ", got, ", limit ", limit));
}

bool IsWithin(float value, float low, float high) { return value >= low && value <= high; }

template <typename Value>
Value LoadAt(const char* array, size_t place) {
  Value value;
  std::memcpy(&value, array + place * sizeof(Value), sizeof(Value));
  return value;
}

absl::Status CheckHeader(const Header& header) {
  if (header.version != kVersion) {
    return OutOfLimits("version", header.version, absl::StrCat(kVersion));
  }
  if (header.dimension < TermModel::kDimensionMin || header.dimension > TermModel::kDimensionMax ||
      header.dimension % TermModel::kDimensionMin != 0) {
    return OutOfLimits("dimension", header.dimension,
                       absl::StrCat("multiples of ", TermModel::kDimensionMin, " up to ",
                                    TermModel::kDimensionMax));
  }
  if (header.words > TermModel::kWordsMax) {
    return OutOfLimits("words", header.words, absl::StrCat(TermModel::kWordsMax));
  }
  if (header.word_rows > header.words) {
    return OutOfLimits("word rows", header.word_rows, absl::StrCat(header.words, " words"));
  }
  if (header.hash_rows < 1 || header.hash_rows > TermModel::kHashRowsMax) {
    return OutOfLimits("hash rows", header.hash_rows,
                       absl::StrCat("1 to ", TermModel::kHashRowsMax));
  }
  if (header.provenance_bytes > TermModel::kProvenanceBytesMax) {
    return OutOfLimits("provenance bytes", header.provenance_bytes,
                       absl::StrCat(TermModel::kProvenanceBytesMax));
  }
  if (!IsWithin(header.title_count, 1, kCountMax) || !IsWithin(header.lede_count, 1, kCountMax)) {
    return OutOfLimits("title or lede count",
                       absl::StrCat(header.title_count, " and ", header.lede_count), "1 to 100");
  }
  if (header.lede_tokens > kLedeTokensMax) {
    return OutOfLimits("lede tokens", header.lede_tokens, absl::StrCat(kLedeTokensMax));
  }
  if (!IsWithin(header.number_weight, 0, kCountMax)) {
    return OutOfLimits("number weight", header.number_weight, "0 to 100");
  }
  if (!IsWithin(header.unknown_share, 0, 1) || header.unknown_share == 0) {
    return OutOfLimits("unknown share", header.unknown_share, "above 0 to 1");
  }
  return absl::OkStatus();
}

void SetCounting(const TermCounting& counting, Header* header) {
  header->title_count = counting.title_count;
  header->lede_count = counting.lede_count;
  header->lede_tokens = static_cast<uint32_t>(counting.lede_tokens);
  header->number_weight = counting.number_weight;
}

uint64_t FileBytes(const Header& header) {
  return sizeof(Header) + uint64_t{header.words} * (sizeof(StoredWord) + sizeof(float)) +
         uint64_t{header.hash_rows} * sizeof(float) +
         (uint64_t{header.word_rows} + header.hash_rows) * header.dimension +
         header.provenance_bytes;
}

template <typename Value>
void Append(const Value& value, std::string* bytes) {
  bytes->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// Appends the row as int8 values and returns what they are to be multiplied by.
float AppendRow(absl::Span<const float> row, std::string* bytes) {
  float largest = 0;
  for (const float value : row) largest = std::max(largest, std::abs(value));
  const float to_int8 = largest == 0 ? 0 : kInt8Max / largest;
  for (const float value : row) {
    bytes->push_back(static_cast<char>(static_cast<int8_t>(std::lround(value * to_int8))));
  }
  return largest / kInt8Max;
}

bool AllFinite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(),
                     [](float value) { return std::isfinite(value); });
}

absl::Status CheckTables(const TermModelContent& content, const Header& header) {
  if (content.word_rows.size() != uint64_t{header.word_rows} * header.dimension ||
      content.hash_rows.size() != uint64_t{header.hash_rows} * header.dimension) {
    return Invalid("rows", "their values are not a multiple of the dimension");
  }
  if (!AllFinite(content.word_rows) || !AllFinite(content.hash_rows)) {
    return Invalid("rows", "a value is not finite");
  }
  std::vector<bool> used(header.word_rows);
  size_t rows_used = 0;
  for (const ModelWord& word : content.words) {
    if (word.row == ModelWord::kHashed) continue;
    if (word.row >= header.word_rows || used[word.row]) {
      return Invalid("rows", "a word's row is not there or used twice");
    }
    used[word.row] = true;
    ++rows_used;
  }
  if (rows_used != used.size()) return Invalid("rows", "a row belongs to no word");
  return absl::OkStatus();
}

// So that shares of counted terms stay above it, whatever the number of articles.
float UnknownShare(const std::vector<ModelWord>& words) {
  float least = 1;
  for (const ModelWord& word : words) {
    if (word.share > 0) least = std::min(least, word.share);
  }
  return static_cast<float>(least * kUnseenArticles);
}

}  // namespace

absl::StatusOr<std::string> SerialiseTermModel(const TermModelContent& content) {
  if (content.dimension <= 0) return OutOfLimits("dimension", content.dimension, "1 or more");
  const size_t dimension = static_cast<size_t>(content.dimension);
  Header header = {};
  std::memcpy(header.magic, kMagic.data(), kMagic.size());
  header.version = kVersion;
  header.dimension = static_cast<uint32_t>(dimension);
  header.words = static_cast<uint32_t>(content.words.size());
  header.word_rows = static_cast<uint32_t>(content.word_rows.size() / dimension);
  header.hash_rows = static_cast<uint32_t>(content.hash_rows.size() / dimension);
  header.provenance_bytes = static_cast<uint32_t>(content.provenance.size());
  SetCounting(content.counting, &header);
  header.unknown_share = UnknownShare(content.words);
  if (content.words.size() > TermModel::kWordsMax) {
    return OutOfLimits("words", content.words.size(), absl::StrCat(TermModel::kWordsMax));
  }
  RETURN_IF_ERROR(CheckHeader(header));
  RETURN_IF_ERROR(CheckTables(content, header));

  // Rows lie in the order of their tokens, so that the file does not depend on who numbered them.
  std::vector<ModelWord> words = content.words;
  std::sort(words.begin(), words.end(),
            [](const ModelWord& a, const ModelWord& b) { return a.token < b.token; });
  std::string word_values, hash_values, hash_scales;
  word_values.reserve(content.word_rows.size());
  hash_values.reserve(content.hash_rows.size());
  uint32_t rows = 0;
  for (ModelWord& word : words) {
    if (word.row == ModelWord::kHashed) continue;
    word.weight *=
        AppendRow({content.word_rows.data() + word.row * dimension, dimension}, &word_values);
    word.row = rows++;
  }
  for (size_t row = 0; row < header.hash_rows; ++row) {
    Append(AppendRow({content.hash_rows.data() + row * dimension, dimension}, &hash_values),
           &hash_scales);
  }
  std::string bytes;
  bytes.reserve(FileBytes(header));
  Append(header, &bytes);
  for (const ModelWord& word : words) Append(StoredWord{word.token, word.row, word.weight}, &bytes);
  for (const ModelWord& word : words) Append(word.share, &bytes);
  bytes += hash_scales;
  bytes += word_values;
  bytes += hash_values;
  bytes += content.provenance;
  header.checksum = Hash64(bytes.data() + kChecksumEnd, bytes.size() - kChecksumEnd);
  std::memcpy(&bytes[0], &header, sizeof(header));
  // Finds what is wrong with single words.
  if (const auto model = TermModel::Parse(bytes); !model.ok()) return model.status();
  return bytes;
}

absl::StatusOr<std::string> ReplaceCounting(absl::string_view file, const TermCounting& counting) {
  if (const auto model = TermModel::Parse(file); !model.ok()) return model.status();
  std::string bytes(file);
  Header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  SetCounting(counting, &header);
  std::memcpy(&bytes[0], &header, sizeof(header));
  header.checksum = Hash64(bytes.data() + kChecksumEnd, bytes.size() - kChecksumEnd);
  std::memcpy(&bytes[0], &header, sizeof(header));
  if (const auto model = TermModel::Parse(bytes); !model.ok()) return model.status();
  return bytes;
}

absl::StatusOr<TermModel> TermModel::Parse(absl::string_view bytes) {
  TermModel model;
  RETURN_IF_ERROR(model.Read(bytes));
  return model;
}

absl::StatusOr<TermModel> TermModel::ParseOwned(std::string bytes) {
  TermModel model;
  model.owned_ = std::make_shared<const std::string>(std::move(bytes));
  RETURN_IF_ERROR(model.Read(*model.owned_));
  return model;
}

absl::StatusOr<TermModel> TermModel::Load(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = file ? static_cast<std::streamoff>(file.tellg()) : -1;
  if (size < 0) return absl::NotFoundError(absl::StrCat("model: cannot read ", path));
  if (static_cast<size_t>(size) > kFileBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": model: file bytes: too many, got ", size, ", limit ", kFileBytesMax));
  }
  std::string bytes(static_cast<size_t>(size), '\0');
  file.seekg(0);
  if (!file.read(&bytes[0], size)) {
    return absl::NotFoundError(absl::StrCat("model: cannot read ", path));
  }
  absl::StatusOr<TermModel> model = ParseOwned(std::move(bytes));
  if (!model.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", model.status().message()));
  }
  return model;
}

absl::Status TermModel::Read(absl::string_view bytes) {
  Header header;
  if (bytes.size() < sizeof(header)) {
    return OutOfLimits("file bytes", bytes.size(), absl::StrCat(sizeof(header), " or more"));
  }
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (absl::string_view(header.magic, sizeof(header.magic)) != kMagic) {
    return Invalid("magic", "this is no model file");
  }
  RETURN_IF_ERROR(CheckHeader(header));
  if (bytes.size() != FileBytes(header)) {
    return OutOfLimits("file bytes", bytes.size(), absl::StrCat(FileBytes(header)));
  }
  if (Hash64(bytes.data() + kChecksumEnd, bytes.size() - kChecksumEnd) != header.checksum) {
    return Invalid("checksum", "the file is damaged");
  }
  file_ = bytes;
  hash_ = header.checksum;
  dimension_ = static_cast<int>(header.dimension);
  counting_ = {header.title_count, header.lede_count, static_cast<int32_t>(header.lede_tokens),
               header.number_weight};
  word_count_ = header.words;
  word_row_count_ = header.word_rows;
  hash_row_count_ = header.hash_rows;
  unknown_share_ = header.unknown_share;
  words_ = bytes.data() + sizeof(header);
  shares_ = words_ + word_count_ * sizeof(StoredWord);
  hash_scales_ = shares_ + word_count_ * sizeof(float);
  const char* values = hash_scales_ + hash_row_count_ * sizeof(float);
  word_values_ = reinterpret_cast<const int8_t*>(values);
  hash_values_ = word_values_ + word_row_count_ * header.dimension;
  provenance_ = bytes.substr(bytes.size() - header.provenance_bytes);
  RETURN_IF_ERROR(CheckWords());
  MakeDirectory();
  return absl::OkStatus();
}

absl::Status TermModel::CheckWords() const {
  for (size_t place = 0; place < word_count_; ++place) {
    const ModelWord word = Word(place);
    if (place > 0 && word.token <= Word(place - 1).token) {
      return Invalid("words", "not in strictly ascending order of their tokens");
    }
    if (word.row != ModelWord::kHashed && word.row >= word_row_count_) {
      return OutOfLimits("row of a word", word.row, absl::StrCat(word_row_count_, " rows"));
    }
    if (!IsWithin(word.weight, -kMagnitudeMax, kMagnitudeMax)) {
      return OutOfLimits("weight of a word", word.weight, "-1e9 to 1e9");
    }
    if (!IsWithin(word.share, 0, 1)) return OutOfLimits("share of a word", word.share, "0 to 1");
  }
  for (size_t row = 0; row < hash_row_count_; ++row) {
    const auto scale = LoadAt<float>(hash_scales_, row);
    if (!IsWithin(scale, -kMagnitudeMax, kMagnitudeMax)) {
      return OutOfLimits("scale of a hash row", scale, "-1e9 to 1e9");
    }
  }
  return absl::OkStatus();
}

void TermModel::MakeDirectory() {
  int bits = 1;
  while ((size_t{1} << bits) < word_count_) ++bits;
  directory_shift_ = 64 - bits;
  directory_.resize((size_t{1} << bits) + 1);
  size_t place = 0;
  for (size_t value = 0; value < directory_.size(); ++value) {
    while (place < word_count_ &&
           (LoadAt<StoredWord>(words_, place).token >> directory_shift_) < value) {
      ++place;
    }
    directory_[value] = static_cast<uint32_t>(place);
  }
}

int64_t TermModel::Find(text::Token token) const {
  const size_t value = token >> directory_shift_;
  size_t begin = directory_[value], end = directory_[value + 1];
  while (begin < end) {
    const size_t middle = begin + (end - begin) / 2;
    const uint64_t found = LoadAt<StoredWord>(words_, middle).token;
    if (found == token) return static_cast<int64_t>(middle);
    if (found < token) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return -1;
}

ModelWord TermModel::Word(size_t place) const {
  const StoredWord stored = LoadAt<StoredWord>(words_, place);
  return {stored.token, stored.row, stored.weight, LoadAt<float>(shares_, place)};
}

double TermModel::DocumentShare(text::Token token) const {
  const int64_t place = Find(token);
  const float share = place < 0 ? 0 : LoadAt<float>(shares_, static_cast<size_t>(place));
  return share > 0 ? share : unknown_share_;
}

void TermModel::PrefetchWord(text::Token token) const {
  __builtin_prefetch(words_ + directory_[token >> directory_shift_] * sizeof(StoredWord));
}

TermModel::Rows TermModel::RowsOf(text::Token token) const {
  const size_t dimension = static_cast<size_t>(dimension_);
  float weight = text::IsNumber(token) ? counting_.number_weight : 1;
  if (const int64_t place = Find(token); place >= 0) {
    const StoredWord word = LoadAt<StoredWord>(words_, static_cast<size_t>(place));
    if (word.weight == 0) return {};
    if (word.row != ModelWord::kHashed) {
      return {1, {word_values_ + word.row * dimension, nullptr}, {word.weight, 0}};
    }
    weight = word.weight;
  }
  if (weight == 0) return {};
  Rows rows;
  for (const HashPlace& place : HashPlaces(token, static_cast<uint32_t>(hash_row_count_))) {
    rows.row[rows.count] = hash_values_ + place.row * dimension;
    rows.weight[rows.count++] = weight * place.sign * LoadAt<float>(hash_scales_, place.row);
  }
  return rows;
}

void TermModel::VectorOf(text::Token token, absl::Span<float> vector) const {
  std::fill(vector.begin(), vector.end(), 0.0f);
  const Rows rows = RowsOf(token);
  for (int i = 0; i < rows.count; ++i) {
    for (size_t at = 0; at < vector.size(); ++at) vector[at] += rows.weight[i] * rows.row[i][at];
  }
}

void TermModel::HashRow(size_t row, absl::Span<float> values) const {
  const float scale = LoadAt<float>(hash_scales_, row);
  const int8_t* from = hash_values_ + row * values.size();
  for (size_t at = 0; at < values.size(); ++at) values[at] = scale * from[at];
}

std::array<TermModel::HashPlace, 2> TermModel::HashPlaces(text::Token token, uint32_t count) {
  std::array<HashPlace, 2> places;
  uint64_t state = token;
  for (HashPlace& place : places) {
    state = Mix64(state + 0x9e3779b97f4a7c15ull);
    place.row = static_cast<uint32_t>(((state >> 32) * count) >> 32);
    place.sign = (state & 1) != 0 ? 1.0f : -1.0f;
  }
  return places;
}

}  // namespace newsprint::embed
