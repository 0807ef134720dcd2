#include "service/embed/wordpiece.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/embed/model_files.h"
#include "tests/testing/articles.h"

namespace newsprint::embed {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

WordPieceTokenizer Parse(const json& spec) {
  absl::StatusOr<WordPieceTokenizer> tokenizer = WordPieceTokenizer::Parse(spec.dump());
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return *std::move(tokenizer);
}

std::string ErrorOf(const json& spec) {
  const absl::StatusOr<WordPieceTokenizer> tokenizer = WordPieceTokenizer::Parse(spec.dump());
  if (tokenizer.ok()) return "OK";
  EXPECT_EQ(tokenizer.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(tokenizer.status().message());
}

// The tokens themselves, with a space between them.
std::string Tokens(const json& spec, absl::string_view text) {
  std::vector<std::string> tokens;
  for (const uint32_t id : Parse(spec).Encode(text)) {
    std::string name = "?";
    for (const auto& [token, token_id] : spec["model"]["vocab"].items()) {
      if (token_id == id) name = token;
    }
    for (const auto& added : spec.value("added_tokens", json::array())) {
      if (added["id"] == id) name = added["content"];
    }
    tokens.push_back(name);
  }
  return absl::StrJoin(tokens, " ");
}

// A vocabulary with the words and pieces of `tokens`, which spaces separate.
json Vocabulary(absl::string_view tokens) {
  return TokenizerJson(absl::StrSplit(absl::StrCat("[UNK] ", tokens), ' '));
}

TEST(WordPieceTest, TakesTheLongestPiecesFirst) {
  const json spec = Vocabulary("un una ##aff ##able ##a ##ffable ban ##an ##ana b");
  EXPECT_EQ(Tokens(spec, "unaffable"), "una ##ffable");
  EXPECT_EQ(Tokens(spec, "banana"), "ban ##ana");
  EXPECT_EQ(Tokens(spec, "un unaff"), "un [UNK]");  // greedy: "una" leaves "ff", which is no piece
  EXPECT_EQ(Tokens(spec, "able"), "[UNK]");         // only known within words
  EXPECT_EQ(Tokens(spec, ""), "");
  EXPECT_EQ(Tokens(spec, " \n"), "");
}

TEST(WordPieceTest, SplitsAtPunctuation) {
  const json spec = Vocabulary("hello , world ! ' s $ 5 . – “ ¿ _ ^");
  EXPECT_EQ(Tokens(spec, "Hello, world!"), "hello , world !");
  EXPECT_EQ(Tokens(spec, "world's $5.5"), "world ' s $ 5 . 5");
  EXPECT_EQ(Tokens(spec, "“hello–world"), "“ hello – world");
  EXPECT_EQ(Tokens(spec, "¿hello_s^!!"), "¿ hello _ s ^ ! !");
  EXPECT_EQ(Tokens(spec, "5€"), "[UNK]");  // a currency sign is a symbol, "$" ASCII
}

TEST(WordPieceTest, CleansText) {
  const json spec = Vocabulary("ab cd");
  // Control, format and private-use characters and U+FFFD go, without a word's end.
  EXPECT_EQ(Tokens(spec, absl::string_view("a\0b", 3)), "ab");
  EXPECT_EQ(Tokens(spec, "a\u0007b c\u200Dd \u00ADab"), "ab cd ab");
  EXPECT_EQ(Tokens(spec, "a\uFFFDb \uE000cd a\vb c\fd a\u0085b"), "ab cd ab cd ab");
  // White space of any kind ends words.
  EXPECT_EQ(Tokens(spec, "ab\tcd\nab\r\ncd\u00A0ab\u2003cd\u3000ab\u2028cd"),
            "ab cd ab cd ab cd ab cd");
  json unclean = spec;
  unclean["normalizer"]["clean_text"] = false;
  EXPECT_EQ(Tokens(unclean, "a\u0007b ab"), "[UNK] ab");
}

TEST(WordPieceTest, StripsAccentsWithLowercase) {
  json spec = Vocabulary("cafe café Café CAFÉ über uber istanbul ı σισυφοσ naïve");
  EXPECT_EQ(Tokens(spec, "Café CAFE\u0301 Über"), "cafe cafe uber");
  EXPECT_EQ(Tokens(spec, "İstanbul I ΣΊΣΥΦΟΣ"), "istanbul [UNK] σισυφοσ");

  spec["normalizer"]["strip_accents"] = false;
  EXPECT_EQ(Tokens(spec, "Café CAFÉ Naïve"), "café café naïve");
  spec["normalizer"]["lowercase"] = false;
  spec["normalizer"]["strip_accents"] = nullptr;
  EXPECT_EQ(Tokens(spec, "Café CAFÉ"), "Café CAFÉ");
  spec["normalizer"]["strip_accents"] = true;
  EXPECT_EQ(Tokens(spec, "café Café"), "cafe [UNK]");
}

TEST(WordPieceTest, SpacesChineseCharactersOnly) {
  json spec = Vocabulary("新 华 社 北京 ab カナ 한국 ##국 𠀀");
  EXPECT_EQ(Tokens(spec, "ab新华社ab𠀀"), "ab 新 华 社 ab 𠀀");
  EXPECT_EQ(Tokens(spec, "北京"), "[UNK] [UNK]");
  EXPECT_EQ(Tokens(spec, "カナ"), "カナ");
  // NFD takes syllables of Hangul apart, so that a vocabulary of whole ones does not fit.
  EXPECT_EQ(Tokens(spec, "한국"), "[UNK]");
  spec["normalizer"]["handle_chinese_chars"] = false;
  spec["normalizer"]["strip_accents"] = false;
  EXPECT_EQ(Tokens(spec, "北京 한국"), "北京 한국");
}

TEST(WordPieceTest, LongWordsAreUnknown) {
  json spec = Vocabulary("a ##a é ##é");
  spec["normalizer"]["strip_accents"] = false;
  spec["model"]["max_input_chars_per_word"] = 3;
  EXPECT_EQ(Tokens(spec, "aaa aaaa a"), "a ##a ##a [UNK] a");
  EXPECT_EQ(Tokens(spec, "ééé éééé"), "é ##é ##é [UNK]");  // characters, not bytes
  spec["model"].erase("max_input_chars_per_word");
  EXPECT_EQ(Parse(spec).Encode(std::string(100, 'a')).size(), 100u);
  EXPECT_EQ(Tokens(spec, std::string(101, 'a')), "[UNK]");
}

TEST(WordPieceTest, FindsAddedTokens) {
  json spec = Vocabulary("[MASK] ab cd [ ] mask");
  EXPECT_EQ(Tokens(spec, "ab[MASK]cd"), "ab [ mask ] cd");
  spec["added_tokens"] = {{{"id", 1}, {"content", "[MASK]"}, {"special", true}},
                          {{"id", 0}, {"content", "[UNK]"}, {"special", true}},
                          {{"id", 7}, {"content", "New"}, {"normalized", true}},
                          {{"id", 8}, {"content", "Newer"}, {"single_word", true}}};
  EXPECT_EQ(Tokens(spec, "ab[MASK]cd [mask][UNK]"), "ab [MASK] cd [ mask ] [UNK]");
  EXPECT_EQ(Tokens(spec, "abNEWcd néw"), "ab New cd New");
  // The longest counts, and when it is not a word of its own, nothing in it.
  EXPECT_EQ(Tokens(spec, "newer ab,newer! newerab"), "Newer ab [UNK] Newer [UNK] [UNK]");
  const WordPieceTokenizer tokenizer = Parse(spec);
  EXPECT_EQ(tokenizer.vocabulary_size(), 9u);
  EXPECT_EQ(tokenizer.id_max(), 8u);
}

TEST(WordPieceTest, EndsAtItsLimits) {
  json spec = Vocabulary("a b c");
  const WordPieceTokenizer tokenizer = Parse(spec);
  EXPECT_EQ(tokenizer.Encode("a ? b ? c", 2).size(), 3u);  // a [UNK] b
  EXPECT_EQ(tokenizer.Encode("a b", 0).size(), 0u);
  spec["truncation"] = {{"direction", "Right"}, {"max_length", 2}, {"stride", 0}};
  EXPECT_EQ(Tokens(spec, "a ? b"), "a [UNK]");
  spec["truncation"] = nullptr;
  EXPECT_EQ(Tokens(spec, "a ? b"), "a [UNK] b");
}

TEST(WordPieceTest, TellsTheMedianLength) {
  EXPECT_EQ(Parse(Vocabulary("a é")).median_token_characters(), 1u);         // 1 1 5
  EXPECT_EQ(Parse(Vocabulary("ab ##cde x")).median_token_characters(), 3u);  // 1 2 5 5: 3.5
}

TEST(WordPieceTest, OtherNormalizersAndPreTokenizers) {
  json spec = Vocabulary("ab é fi , !? don ' t don't ab_1 x2");
  spec["normalizer"] = nullptr;
  EXPECT_EQ(Tokens(spec, "ab AB"), "ab [UNK]");
  spec["normalizer"] = {{"type", "Sequence"},
                        {"normalizers",
                         {{{"type", "Strip"}, {"strip_left", true}, {"strip_right", true}},
                          {{"type", "NFC"}},
                          {{"type", "Lowercase"}}}}};
  EXPECT_EQ(Tokens(spec, " AB E\u0301 ﬁ"), "ab é [UNK]");
  spec["normalizer"] = {{"type", "NFKC"}};
  EXPECT_EQ(Tokens(spec, "ﬁ x² é"), "fi x2 é");
  spec["normalizer"] = {{"type", "Sequence"},
                        {"normalizers", {{{"type", "NFKD"}}, {{"type", "StripAccents"}}}}};
  EXPECT_EQ(Tokens(spec, "áb ﬁ"), "ab fi");

  spec["normalizer"] = nullptr;
  spec["pre_tokenizer"] = {{"type", "WhitespaceSplit"}};
  EXPECT_EQ(Tokens(spec, "don't !?"), "don't !?");
  spec["pre_tokenizer"] = {{"type", "Whitespace"}};
  EXPECT_EQ(Tokens(spec, "don't!? ab_1,x2"), "don ' t !? ab_1 , x2");
  spec["pre_tokenizer"] = {
      {"type", "Sequence"},
      {"pretokenizers", {{{"type", "WhitespaceSplit"}}, {{"type", "Punctuation"}}}}};
  EXPECT_EQ(Tokens(spec, "don't ab,"), "don ' t ab ,");
}

TEST(WordPieceTest, NamesWhatIsNotSupported) {
  const json good = Vocabulary("a");
  const auto error_with = [&good](const char* pointer, const json& value) {
    json changed = good;
    changed[json::json_pointer(pointer)] = value;
    return ErrorOf(changed);
  };
  EXPECT_EQ(error_with("/version", "1.0"), "OK");
  EXPECT_EQ(error_with("/model/type", "BPE"),
            "model.type: not supported, got BPE, limit WordPiece");
  EXPECT_THAT(error_with("/model/type", "Unigram"), HasSubstr("got Unigram, limit WordPiece"));
  EXPECT_THAT(error_with("/normalizer", {{"type", "Replace"}}),
              HasSubstr("normalizer.type: not supported, got Replace, limit BertNormalizer"));
  EXPECT_THAT(error_with("/pre_tokenizer", {{"type", "Metaspace"}}),
              HasSubstr("pre_tokenizer.type: not supported, got Metaspace, limit BertPre"));
  EXPECT_THAT(error_with("/pre_tokenizer", nullptr), HasSubstr("pre_tokenizer: not a JSON object"));
  EXPECT_THAT(error_with("/pre_tokenizer", {{"type", "Punctuation"}}),
              HasSubstr("it keeps white space"));
  EXPECT_THAT(error_with("/pre_tokenizer", {{"type", "Punctuation"}, {"behavior", "Removed"}}),
              HasSubstr("pre_tokenizer.behavior: not supported, got Removed, limit Isolated"));
  EXPECT_THAT(error_with("/truncation", {{"direction", "Left"}, {"max_length", 5}}),
              HasSubstr("truncation.direction: not supported, got Left, limit Right"));
  json nested = {{"type", "Lowercase"}};
  for (int i = 0; i < 10; ++i) nested = {{"type", "Sequence"}, {"normalizers", {nested}}};
  EXPECT_THAT(error_with("/normalizer", nested), HasSubstr("nested too deep, limit 4"));
  const std::vector<json> many(17, {{"type", "NFD"}});
  EXPECT_THAT(error_with("/normalizer", {{"type", "Sequence"}, {"normalizers", many}}),
              HasSubstr("normalizer: too many steps, got 17, limit 16"));
}

TEST(WordPieceTest, RefusesWhatIsNotWellFormed) {
  const json good = Vocabulary("a");
  const auto error_with = [&good](const char* pointer, const json& value) {
    json changed = good;
    changed[json::json_pointer(pointer)] = value;
    return ErrorOf(changed);
  };
  EXPECT_THAT(std::string(WordPieceTokenizer::Parse("{\"model\":").status().message()),
              HasSubstr("text: not well-formed JSON, got an error at byte"));
  EXPECT_THAT(ErrorOf(json::array()), HasSubstr("not a JSON object, got array"));
  EXPECT_THAT(ErrorOf(json::object()), HasSubstr("model: not a JSON object, got null"));
  EXPECT_THAT(error_with("/model/type", 5), HasSubstr("model.type: not a string, got number"));
  EXPECT_THAT(error_with("/model/vocab", json::object()), HasSubstr("model.vocab: not a JSON"));
  EXPECT_THAT(error_with("/model/vocab", {"a", "b"}), HasSubstr("model.vocab: not a JSON object"));
  EXPECT_THAT(error_with("/model/vocab/a", -1), HasSubstr("model.vocab.a: not a whole number"));
  EXPECT_THAT(error_with("/model/vocab/a", "x"), HasSubstr("from 0 on, got string"));
  EXPECT_THAT(error_with("/model/vocab/a", 10'000'000),
              HasSubstr("model.vocab.a: out of range, got 10000000, limit 9999999"));
  EXPECT_THAT(error_with("/model/unk_token", "<unk>"),
              HasSubstr("model.unk_token: not in the vocabulary, got <unk>"));
  EXPECT_THAT(error_with("/model/max_input_chars_per_word", 0), HasSubstr("got 0, limit 1"));
  EXPECT_THAT(error_with("/model/max_input_chars_per_word", 1001),
              HasSubstr("got 1001, limit 1000"));
  EXPECT_THAT(error_with("/normalizer/lowercase", "yes"),
              HasSubstr("normalizer.lowercase: not true or false, got string"));
  EXPECT_THAT(error_with("/normalizer", {{"type", "Sequence"}}),
              HasSubstr("normalizer.normalizers: not a list"));
  EXPECT_THAT(error_with("/added_tokens", 5), HasSubstr("added_tokens: not a list"));
  EXPECT_THAT(error_with("/added_tokens", {{{"id", 5}}}),
              HasSubstr("added_tokens[0].content: not a string"));
  EXPECT_THAT(error_with("/added_tokens", {{{"id", 5}, {"content", ""}}}),
              HasSubstr("added_tokens[0].content: empty"));
  EXPECT_THAT(error_with("/added_tokens", {{{"id", 5}, {"content", "a"}}}),
              HasSubstr("added_tokens[0].id: not that of the vocabulary, got 5, expected 1"));
  EXPECT_THAT(
      error_with("/added_tokens", {{{"id", 5}, {"content", "x"}}, {{"id", 6}, {"content", "x"}}}),
      HasSubstr("added_tokens[1].content: twice"));
  EXPECT_THAT(error_with("/added_tokens", std::vector<json>(2001, {{"id", 5}})),
              HasSubstr("added_tokens: too many, got 2001, limit 2000"));
  EXPECT_THAT(error_with("/truncation", {{"max_length", 0}}), HasSubstr("truncation.max_length"));
}

// The definition, on strings: at each place the longest token that goes on.
std::vector<uint32_t> NaiveEncode(const json& vocabulary, std::string word) {
  std::vector<uint32_t> ids;
  for (std::string prefix; !word.empty(); prefix = "##") {
    std::string longest;
    for (const auto& [token, id] : vocabulary.items()) {
      if (absl::StartsWith(prefix + word, token) && token.size() > prefix.size() &&
          absl::StartsWith(token, prefix) && token.size() > longest.size()) {
        longest = token;
      }
    }
    if (longest.empty()) return {vocabulary["[UNK]"]};
    ids.push_back(vocabulary[longest]);
    word = word.substr(longest.size() - prefix.size());
  }
  return ids;
}

TEST(WordPieceTest, AgreesWithTheDefinition) {
  std::mt19937_64 random(testing::Seed());
  const std::vector<std::string> letters = {"a", "b", "é", "中", "😀"};
  const auto make_word = [&](size_t length_max) {
    std::string word;
    for (size_t length = 1 + random() % length_max; length > 0; --length) {
      word += letters[random() % letters.size()];
    }
    return word;
  };
  size_t unknown = 0, known = 0;
  for (int round = 0; round < 50; ++round) {
    std::vector<std::string> tokens = {"[UNK]"};
    for (int i = 0; i < 30; ++i) tokens.push_back((random() % 2 ? "##" : "") + make_word(4));
    std::sort(tokens.begin() + 1, tokens.end());
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    json spec = TokenizerJson(tokens);
    spec["normalizer"] = nullptr;
    const WordPieceTokenizer tokenizer = Parse(spec);
    for (int i = 0; i < 100; ++i) {
      const std::string text = make_word(12);
      const std::vector<uint32_t> expected = NaiveEncode(spec["model"]["vocab"], text);
      ASSERT_EQ(tokenizer.Encode(text), expected) << text;
      ++(expected == std::vector<uint32_t>{0} ? unknown : known);
    }
  }
  EXPECT_GT(unknown, 500u);
  EXPECT_GT(known, 500u);
}

}  // namespace
}  // namespace newsprint::embed
