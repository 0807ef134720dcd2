// Made-up news in any number, for load: articles with the lengths, the repetition of words, the
// subjects, stories and copies of a news archive.
//
// A text is drawn word by word: common English function words; content words by the law of Zipf
// and Mandelbrot, from the general vocabulary, from those of the story's two topics, and from the
// few words that the story keeps repeating. The general vocabulary begins with real words, those of
// service/embed/general_terms.inc, so that the built-in model has learned rows for most of what it
// reads; rarer words and names are made up of syllables. Bytes of a body follow a log-normal
// distribution.
#ifndef NEWSPRINT_BENCH_ARTICLE_GENERATOR_H_
#define NEWSPRINT_BENCH_ARTICLE_GENERATOR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace newsprint::bench {

struct GeneratedArticle {
  std::string id;  // ArticleGenerator::Id() of its number
  std::string title;
  std::string body;
  std::string source;
  int64_t published_at_seconds = 0;  // since 1970
  // The article that it is a copy of; its own number when it is none.
  uint64_t origin = 0;
};

// Draws ranks below `size`, rank r with a probability near 1 / (r + offset): the law of Zipf and
// Mandelbrot with exponent 1. By inversion of its distribution function, which a table holds at
// 1,024 points, with straight lines between them.
class ZipfMandelbrot {
 public:
  ZipfMandelbrot(uint32_t size, double offset);
  // `uniform`: any 32 bits.
  uint32_t Rank(uint32_t uniform) const {
    const uint32_t below = points_[uniform >> kFractionBits];
    const uint64_t width = points_[(uniform >> kFractionBits) + 1] - below;
    const uint64_t fraction = uniform & ((1u << kFractionBits) - 1);
    return (below + static_cast<uint32_t>(width * fraction >> kFractionBits)) >> kPointBits;
  }

 private:
  static constexpr int kFractionBits = 22;
  static constexpr int kPointBits = 8;  // of a rank's binary fraction
  std::array<uint32_t, (1u << (32 - kFractionBits)) + 1> points_;
};

// A pure function of seed and number: the same on every run, in any order, without memory of what
// was made before. Immutable, so thread-safe.
class ArticleGenerator {
 public:
  static constexpr double kBodyBytesMean = 3600;

  struct Options {
    uint64_t seed = 0;
    // Share of articles that are copies of one up to 5,000 numbers before, 0 to 1. A copy has
    // another id and source, and is verbatim, trimmed, or has a new headline, a footer, a dateline,
    // or several.
    double copy_share = 0;
    // Mean length of a body, 400 to 40,000.
    double body_bytes_mean = kBodyBytesMean;
  };
  explicit ArticleGenerator(const Options& options);

  // Article `number` of the archive. Stories take turns as in a newsroom: a third of the articles
  // has a story of its own, the others share theirs with articles of near numbers.
  void Make(uint64_t number, GeneratedArticle* article) const;
  // Another report, in other words, of the story of article `number`; one for each `version` from 1
  // on.
  void MakeOtherReport(uint64_t number, uint64_t version, GeneratedArticle* article) const;
  // An edited copy of article `number`, never verbatim; one for each `version` from 1 on.
  void MakeEditedCopy(uint64_t number, uint64_t version, GeneratedArticle* article) const;

  // Articles of one story have the same; for tests.
  uint64_t StoryOf(uint64_t number) const;

  // The article that article `number` is a copy of, which is none itself; its own number when it is
  // no copy.
  uint64_t OriginOf(uint64_t number) const;

  static std::string Id(uint64_t number);

 private:
  // A word in a slot of fixed size, so that it is copied in one go.
  struct Word {
    char text[15];
    uint8_t size;
  };
  class Language;
  struct Story;
  struct Writer;
  class Random;

  // The first 15 bytes of a text.
  static Word Slot(absl::string_view text);

  uint64_t Hash(uint64_t number, uint64_t purpose) const;
  Story MakeStory(uint64_t story) const;
  void WriteReport(uint64_t number, uint64_t version, GeneratedArticle* article) const;
  void WriteTitle(const Story& story, Random& random, std::string* title) const;
  void WriteBody(const Story& story, bool typographic, Random& random, std::string* body) const;
  const Word& ContentWord(const Story& story, bool lede, uint64_t bits) const;
  void EditCopy(bool verbatim_too, Random& random, GeneratedArticle* article) const;

  const uint64_t seed_;
  const uint64_t copy_threshold_;  // of 2^32
  const double body_bytes_mean_;
  const Language& language_;
  const ZipfMandelbrot story_ranks_, topics_;
};

}  // namespace newsprint::bench

#endif  // NEWSPRINT_BENCH_ARTICLE_GENERATOR_H_
