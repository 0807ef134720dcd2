// Small model files for the tests of loaded embedders.
#ifndef NEWSPRINT_TESTS_EMBED_MODEL_FILES_H_
#define NEWSPRINT_TESTS_EMBED_MODEL_FILES_H_

#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace newsprint::embed {

// The bytes of `values`, as on disk.
template <typename T>
std::string BytesOf(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

// A file with `header` in front of `data`, whatever they are.
inline std::string SafetensorsFile(absl::string_view header, absl::string_view data) {
  const uint64_t length = header.size();
  std::string file(sizeof(length), '\0');
  std::memcpy(file.data(), &length, sizeof(length));
  return file.append(header.data(), header.size()).append(data.data(), data.size());
}

// Writes tensors one behind the other.
class SafetensorsWriter {
 public:
  SafetensorsWriter& Add(const std::string& name, const std::string& dtype,
                         const std::vector<size_t>& shape, const std::string& bytes) {
    header_[name] = {{"dtype", dtype},
                     {"shape", shape},
                     {"data_offsets", {data_.size(), data_.size() + bytes.size()}}};
    data_ += bytes;
    return *this;
  }
  std::string File() const { return SafetensorsFile(header_.dump(), data_); }

 private:
  nlohmann::json header_ = nlohmann::json::object();
  std::string data_;
};

// A tokenizer.json of an uncased BERT model with these tokens, their ids in order.
inline nlohmann::json TokenizerJson(const std::vector<std::string>& tokens) {
  nlohmann::json json = {
      {"normalizer", {{"type", "BertNormalizer"}, {"strip_accents", nullptr}, {"lowercase", true}}},
      {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
      {"model",
       {{"type", "WordPiece"},
        {"unk_token", "[UNK]"},
        {"continuing_subword_prefix", "##"},
        {"max_input_chars_per_word", 100}}}};
  for (size_t i = 0; i < tokens.size(); ++i) json["model"]["vocab"][tokens[i]] = i;
  return json;
}

}  // namespace newsprint::embed

#endif  // NEWSPRINT_TESTS_EMBED_MODEL_FILES_H_
