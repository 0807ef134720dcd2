#include "service/train/training_set.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "service/common/hash.h"
#include "service/text/html.h"
#include "service/text/utf8.h"

namespace newsprint::train {
namespace {

// Sentences of fewer words may stand in articles that have nothing to do with each other.
constexpr size_t kTellingTokensMin = 8;
// Languages of fewer articles say little about how common a word is in general.
constexpr uint32_t kLanguageArticlesMin = 200;
constexpr size_t kLanguagesMax = 64;

// Whether a sentence ends with `character`, if `next` follows it.
bool EndsSentence(char32_t character, char32_t next) {
  switch (character) {
    case '\n':
    case 0x0964:  // danda
    case 0x061f:  // Arabic question mark
    case 0x06d4:  // Urdu full stop
    case 0x3002:  // ideographic full stop
    case 0xff01:  // full-width exclamation and question marks
    case 0xff1f:
      return true;
    case '.':
    case '!':
    case '?':
      return next == ' ' || next == '\n' || next == '"' || next == 0x201d || next == 0;
    default:
      return false;
  }
}

// The tokens of a text and where its sentences end among them. Texts without marks of punctuation
// are cut into runs of equal length.
struct SplitText {
  std::vector<text::Token> tokens;
  std::vector<size_t> ends;

  void Add(absl::string_view sentence) {
    const size_t begin = tokens.size();
    text::Tokenize(sentence, &tokens);
    for (size_t end = begin; end < tokens.size();) {
      end = std::min(tokens.size(), end + TrainingSet::kSentenceTokensMax);
      ends.push_back(end);
    }
  }
};

SplitText Split(absl::string_view title, absl::string_view body) {
  SplitText sentences;
  sentences.Add(title);
  const size_t title_tokens = sentences.tokens.size();
  const std::string plain = text::HtmlToText(text::RepairUtf8(body));
  size_t begin = 0, at = 0;
  char32_t character = text::NextCharacter(plain, &at);
  while (character != 0 && sentences.tokens.size() < TrainingSet::kArticleTokensMax) {
    const size_t end = at;
    const char32_t next = text::NextCharacter(plain, &at);
    if (next == 0 || EndsSentence(character, next)) {
      sentences.Add(absl::string_view(plain).substr(begin, end - begin));
      begin = end;
    }
    character = next;
  }
  const absl::Span<const text::Token> tokens = sentences.tokens;
  if (tokens.size() >= 2 * title_tokens && title_tokens > 0 &&
      tokens.subspan(0, title_tokens) == tokens.subspan(title_tokens, title_tokens)) {
    sentences.tokens.erase(sentences.tokens.begin(), sentences.tokens.begin() + title_tokens);
    while (!sentences.ends.empty() && sentences.ends.front() <= title_tokens) {
      sentences.ends.erase(sentences.ends.begin());
    }
    for (size_t& end : sentences.ends) end -= title_tokens;
  }
  return sentences;
}

// "en" of "en-US".
std::string PrimaryLanguage(absl::string_view language) {
  return absl::AsciiStrToLower(language.substr(0, language.find_first_of("-_")));
}

}  // namespace

uint32_t TrainingSet::Number(text::Token token) {
  const auto [at, is_new] = numbers_.emplace(token, static_cast<uint32_t>(terms_.size()));
  if (is_new) {
    terms_.push_back(token);
    document_counts_.push_back(0);
  }
  return at->second;
}

void TrainingSet::CountDocument(absl::Span<const text::Token> words, absl::string_view language) {
  std::string name = PrimaryLanguage(language);
  if (languages_.size() >= kLanguagesMax && languages_.count(name) == 0) name = "";
  Language& counted = languages_[name];
  ++counted.articles;
  std::vector<text::Token> distinct(words.begin(), words.end());
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  for (const text::Token token : distinct) {
    const uint32_t term = Number(token);
    ++document_counts_[term];
    if (counted.document_counts.size() <= term) counted.document_counts.resize(terms_.size());
    ++counted.document_counts[term];
  }
}

TrainingSet::Added TrainingSet::Add(absl::string_view title, absl::string_view body,
                                    absl::string_view language) {
  if (articles() >= kArticlesMax || tokens() + 2 * kArticleTokensMax > kTokensMax) {
    return Added::kFull;
  }
  const SplitText sentences = Split(title, body.substr(0, 16 * kArticleTokensMax));
  if (sentences.tokens.size() < kArticleTokensMin || sentences.ends.size() < 2) {
    return Added::kTooShort;
  }
  std::vector<uint64_t> telling;
  size_t known = 0;
  for (size_t i = 0; i < sentences.ends.size(); ++i) {
    const size_t begin = i == 0 ? 0 : sentences.ends[i - 1];
    if (sentences.ends[i] - begin < kTellingTokensMin) continue;
    telling.push_back(
        Hash64(&sentences.tokens[begin], (sentences.ends[i] - begin) * sizeof(text::Token)));
    if (known_sentences_.contains(telling.back())) ++known;
  }
  if (2 * known > telling.size()) return Added::kCopy;
  known_sentences_.insert(telling.begin(), telling.end());
  CountDocument(sentences.tokens, language);
  for (const size_t end : sentences.ends) {
    sentence_ends_.push_back(static_cast<uint32_t>(words_.size() + end));
  }
  for (const text::Token token : sentences.tokens) words_.push_back(Number(token));
  article_ends_.push_back(static_cast<uint32_t>(sentence_ends_.size()));
  return Added::kYes;
}

std::vector<float> TrainingSet::DocumentShares() const {
  std::vector<float> shares(terms());
  Language small;
  small.document_counts.resize(terms());
  const auto take = [&shares](const Language& language) {
    for (size_t term = 0; term < language.document_counts.size(); ++term) {
      const float share = static_cast<float>(language.document_counts[term]) /
                          static_cast<float>(language.articles);
      shares[term] = std::max(shares[term], share);
    }
  };
  for (const auto& [name, language] : languages_) {
    if (language.articles >= kLanguageArticlesMin) {
      take(language);
      continue;
    }
    small.articles += language.articles;
    for (size_t term = 0; term < language.document_counts.size(); ++term) {
      small.document_counts[term] += language.document_counts[term];
    }
  }
  if (small.articles >= kLanguageArticlesMin || small.articles == articles()) take(small);
  // What only languages of few articles have.
  for (size_t term = 0; term < shares.size(); ++term) {
    const float share = static_cast<float>(document_counts_[term]) / static_cast<float>(articles());
    shares[term] = std::max(shares[term], share);
  }
  return shares;
}

size_t TrainingSet::Sentences(size_t article) const {
  return article_ends_[article] - (article == 0 ? 0 : article_ends_[article - 1]);
}

absl::Span<const uint32_t> TrainingSet::Sentence(size_t article, size_t sentence) const {
  const size_t place = (article == 0 ? 0 : article_ends_[article - 1]) + sentence;
  const size_t begin = place == 0 ? 0 : sentence_ends_[place - 1];
  return {words_.data() + begin, sentence_ends_[place] - begin};
}

}  // namespace newsprint::train
