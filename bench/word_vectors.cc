#include "bench/word_vectors.h"

#include <algorithm>
#include <fstream>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "service/text/tokenizer.h"

namespace newsprint::bench {
namespace {

constexpr int kDimension = 100;

// Takes the values as they are read: as a tree of objects they would need gigabytes.
class Handler : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool key(string_t& name) override {
    if (depth_ == 1) {
      part_ = name;
    } else if (depth_ == 2 && part_ == "vectors") {
      word_ = name;
    }
    return true;
  }
  bool string(string_t& value) override {
    if (part_ == "words") words_.push_back(value);
    return true;
  }
  bool number_float(number_float_t value, const string_t&) override { return Number(value); }
  bool number_integer(number_integer_t value) override {
    return Number(static_cast<double>(value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return Number(static_cast<double>(value));
  }
  bool start_object(std::size_t) override { return ++depth_ > 0; }
  bool end_object() override { return --depth_ >= 0; }
  bool start_array(std::size_t) override {
    values_.clear();
    return true;
  }
  bool end_array() override {
    if (part_ == "vectors" && values_.size() >= kDimension) {
      values_.resize(kDimension);
      vectors_[word_] = values_;
    }
    return true;
  }
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

  const std::vector<std::string>& words() const { return words_; }
  const absl::flat_hash_map<std::string, std::vector<float>>& vectors() const { return vectors_; }

 private:
  bool Number(double value) {
    values_.push_back(static_cast<float>(value));
    return true;
  }

  int depth_ = 0;
  std::string part_, word_;
  std::vector<float> values_;
  std::vector<std::string> words_;
  absl::flat_hash_map<std::string, std::vector<float>> vectors_;
};

}  // namespace

absl::StatusOr<train::WordVectors> ReadWordVectors(const std::string& path, size_t words_max) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  Handler handler;
  if (!nlohmann::json::sax_parse(file, &handler)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": not JSON"));
  }
  train::WordVectors result;
  result.dimension = kDimension;
  absl::flat_hash_map<text::Token, bool> known;
  for (const std::string& word : handler.words()) {
    if (result.tokens.size() >= words_max) break;
    const auto found = handler.vectors().find(word);
    if (found == handler.vectors().end()) continue;
    const std::vector<std::string> normalised = text::NormalisedWords(word);
    if (normalised.size() != 1) continue;
    const text::Token token = text::TokenOf(normalised[0]);
    if (!known.emplace(token, true).second) continue;
    result.tokens.push_back(token);
    result.values.insert(result.values.end(), found->second.begin(), found->second.end());
  }
  if (result.tokens.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": no word vectors"));
  }
  return result;
}

absl::StatusOr<std::vector<text::Token>> ReadStopWords(const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  const nlohmann::json languages = nlohmann::json::parse(file, nullptr, false);
  if (!languages.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": not a JSON object"));
  }
  std::vector<text::Token> tokens;
  for (const auto& words : languages) {
    for (const auto& word : words) {
      if (!word.is_string()) continue;
      const auto normalised = text::NormalisedWords(word.get_ref<const std::string&>());
      if (normalised.size() == 1) tokens.push_back(text::TokenOf(normalised[0]));
    }
  }
  std::sort(tokens.begin(), tokens.end());
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  return tokens;
}

}  // namespace newsprint::bench
