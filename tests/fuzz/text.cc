// Any bytes through the tokeniser and the whole preparation of an article.
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "service/embed/heavy_terms.h"
#include "service/engine/embedders.h"
#include "service/engine/prepare.h"
#include "service/text/tokenizer.h"
#include "service/text/utf8.h"
#include "tests/fuzz/targets.h"

namespace newsprint::fuzz {
namespace {

// NFKC's longest expansion: U+FDFA, 3 bytes, becomes 33 with four words.
constexpr size_t kExpansionMax = 12;
constexpr int kShingleWords = 5;

void CheckWords(absl::string_view bytes) {
  std::vector<text::Token> tokens;
  text::Tokenize(bytes, &tokens);
  const std::vector<std::string> words = text::NormalisedWords(bytes);
  Require(words.size() == tokens.size(), "a token for each word");
  Require(tokens.size() <= 2 * bytes.size(), "at most two tokens a byte");
  size_t word_bytes = 0;
  for (size_t i = 0; i < words.size(); ++i) {
    Require(!words[i].empty() && text::IsValidUtf8(words[i]), "words are well-formed");
    Require(text::TokenOf(words[i]) == tokens[i], "a token is that of its word");
    Require(words[i] == absl::AsciiStrToLower(words[i]), "words are in lower case");
    Require(words[i].find_first_of(" \t\n<>&'\"") == std::string::npos,
            "separators are in no word");
    word_bytes += words[i].size();
  }
  Require(word_bytes <= kExpansionMax * text::RepairUtf8(bytes).size(), "words are of the text");

  // The fast path, which plain ASCII takes, against the other, which one more character forces.
  if (text::IsValidUtf8(bytes)) {
    std::vector<text::Token> slow;
    text::Tokenize(std::string(bytes) + " \u044f", &slow);
    if (!slow.empty()) slow.pop_back();
    const bool plain =
        bytes.find_first_of("<&") == absl::string_view::npos && !text::MayBeDoubleEncoded(bytes);
    Require(!plain || slow == tokens, "a word behind changes none before");
  }
  if (!text::MayBeDoubleEncoded(absl::StrJoin(words, " "))) {
    Require(text::NormalisedWords(absl::StrJoin(words, " ")) == words, "normal words stay");
  }

  std::vector<uint32_t> shingles;
  text::Shingle(tokens, kShingleWords, &shingles);
  const size_t expected =
      tokens.size() < kShingleWords ? (tokens.empty() ? 0 : 1) : tokens.size() - kShingleWords + 1;
  Require(shingles.size() == expected, "a shingle at each place");
}

struct Preparation {
  Preparation() {
    embedders = Embedders::Create({}).value();
    embedding = embedders->Open("embedder", "", 0).value();
    settings.fingerprint_scheme = FingerprintScheme(settings.shingle_words);
    preparer = std::make_unique<Preparer>(settings, &general);
  }

  std::unique_ptr<Embedders> embedders;
  Embedding embedding;
  embed::GeneralTerms general;
  CollectionSettings settings;
  std::unique_ptr<Preparer> preparer;
};

template <typename T>
bool Ascending(const std::vector<T>& values) {
  for (size_t i = 1; i < values.size(); ++i) {
    if (values[i - 1] >= values[i]) return false;
  }
  return true;
}

// The first byte says how much of the rest is the title.
void CheckPreparing(absl::string_view bytes) {
  static const Preparation& with = *new Preparation;
  Bytes input(bytes);
  Article article;
  article.title = input.ShortString();
  article.body = std::string(input.Rest());
  const auto prepared = with.preparer->Prepare(article, with.embedding, RemoteVector::kAsk);
  Require(prepared.ok(), "preparing never fails");
  Require(text::IsValidUtf8(prepared->article.title) && text::IsValidUtf8(prepared->article.body),
          "prepared text is well-formed");
  const store::FingerprintRecord& print = prepared->fingerprint;
  Require(Ascending(print.shingles) && Ascending(print.lede_shingles) && Ascending(print.numbers),
          "fingerprints ascend");
  Require(print.shingles.size() <= static_cast<size_t>(prepared->body_tokens),
          "no more shingles than words");
  double squares = 0;
  for (const float value : prepared->vector) squares += static_cast<double>(value) * value;
  Require(squares == 0 || std::abs(squares - 1) < 1e-4, "vectors have length 1 or 0");

  // The fingerprint says the same as the text.
  const auto fingerprint = with.preparer->ComputeFingerprint(article, with.embedding);
  Require(fingerprint.ok(), "any text has a fingerprint");
  Article without_text;
  without_text.fingerprint = *fingerprint;
  const auto again = with.preparer->Prepare(without_text, with.embedding, RemoteVector::kAsk);
  Require(again.ok(), "a fingerprint that was computed is accepted");
  Require(again->text_hash == prepared->text_hash && again->sketch == prepared->sketch &&
              again->fingerprint.shingles == print.shingles &&
              again->fingerprint.lede_shingles == print.lede_shingles &&
              again->fingerprint.numbers == print.numbers &&
              again->body_tokens == prepared->body_tokens &&
              again->short_text == prepared->short_text && again->vector == prepared->vector,
          "a fingerprint is as good as its text");
}

}  // namespace

void FuzzText(absl::string_view bytes) {
  CheckWords(bytes);
  CheckPreparing(bytes);
}

}  // namespace newsprint::fuzz
