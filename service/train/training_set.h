// The articles that a model is learned from.
#ifndef NEWSPRINT_SERVICE_TRAIN_TRAINING_SET_H_
#define NEWSPRINT_SERVICE_TRAIN_TRAINING_SET_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "service/text/tokenizer.h"

namespace newsprint::train {

// Keeps each article as its sentences of numbered terms: 4 bytes a word. Not thread-safe; const
// methods are, with each other.
class TrainingSet {
 public:
  static constexpr size_t kArticlesMax = 500'000;
  static constexpr size_t kTokensMax = 120'000'000;   // of all articles: 480 MB
  static constexpr size_t kArticleTokensMax = 4'000;  // the rest of an article is not read
  static constexpr size_t kArticleTokensMin = 40;
  static constexpr size_t kSentenceTokensMax = 40;  // longer ones are cut

  enum class Added {
    kYes,
    kTooShort,  // under kArticleTokensMin, or one sentence only
    kCopy,      // most of it has been added before
    kFull,      // kArticlesMax or kTokensMax is reached
  };
  // `title` and `body` are any bytes, plain text or HTML; `language` may be empty.
  Added Add(absl::string_view title, absl::string_view body, absl::string_view language);

  size_t articles() const { return article_ends_.size(); }
  size_t tokens() const { return words_.size(); }

  // Terms are numbered from 0, in the order of their first occurrence.
  size_t terms() const { return terms_.size(); }
  text::Token Term(uint32_t term) const { return terms_[term]; }
  // Number of articles that have the term.
  uint32_t DocumentCount(uint32_t term) const { return document_counts_[term]; }
  // Share of articles that have the term, in that language where it is most common: "der" is a
  // common word, however few articles are German. Languages of few articles count as one.
  std::vector<float> DocumentShares() const;

  // The sentences of an article; a title counts as one, unless the body begins with it.
  size_t Sentences(size_t article) const;
  absl::Span<const uint32_t> Sentence(size_t article, size_t sentence) const;

 private:
  struct Language {
    uint32_t articles = 0;
    std::vector<uint32_t> document_counts;  // by term, as far as needed
  };

  uint32_t Number(text::Token token);
  void CountDocument(absl::Span<const text::Token> words, absl::string_view language);

  absl::flat_hash_map<text::Token, uint32_t> numbers_;
  std::vector<text::Token> terms_;
  std::vector<uint32_t> document_counts_;
  std::map<std::string, Language> languages_;

  std::vector<uint32_t> words_;                    // terms of all sentences, one after the other
  std::vector<uint32_t> sentence_ends_;            // in words_
  std::vector<uint32_t> article_ends_;             // in sentence_ends_
  absl::flat_hash_set<uint64_t> known_sentences_;  // hashes of those long enough to tell
};

}  // namespace newsprint::train

#endif  // NEWSPRINT_SERVICE_TRAIN_TRAINING_SET_H_
