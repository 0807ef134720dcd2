#include "bench/article_generator.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "service/common/hash.h"
#include "service/embed/builtin_model.h"
#include "service/text/tokenizer.h"

namespace newsprint::bench {
namespace {

struct WordsOfIdf {
  float idf;
  const char* words;
};
constexpr WordsOfIdf kGeneralTerms[] = {
#include "service/embed/general_terms.inc"
};
// What is more common than this is a function word of some language.
constexpr float kContentIdfMin = 1.0f;

// By falling frequency.
constexpr char kFunctionWords[] =
    "the of to and a in that is for on it with was as he by at be from his are has have this an "
    "not "
    "but they will who said had been their its or were which more one she would about her we after "
    "all there when up out than also can some other over new could into two no time if what last "
    "so "
    "people them first him years our only may now most such between through while before "
    "because any those under then where many these during against even both much since being how "
    "like do did me you my your just three off well made still each should around within without "
    "among until although however another according several later early next former whether";

constexpr uint32_t kVocabulary = 40'000;
constexpr double kVocabularyOffset = 80;
constexpr uint32_t kTooCommonWords = 200;  // to tell a subject
constexpr uint32_t kTopics = 500;
constexpr uint32_t kTopicWords = 300;
constexpr double kTopicWordsOffset = 40;
constexpr uint32_t kStoryWords = 16;
constexpr uint32_t kStoryNames = 6;  // of them, made up
constexpr uint32_t kSources = 40;
constexpr uint64_t kCopyDistanceMax = 5000;

constexpr double kBodyBytesSigma = 0.5;  // of the logarithm
constexpr size_t kBodyBytesMin = 400;
constexpr size_t kBodyBytesMax = 40'000;
constexpr size_t kSentenceBytesMax = 16 * 80;  // with room to spare
constexpr int64_t kFirstPublished = 1'700'000'000;
constexpr int64_t kSecondsBetweenArticles = 20;

// What Hash() is drawn for.
enum Purpose : uint64_t {
  kStoryPurpose = 1,
  kStoryContentPurpose,
  kTextPurpose,
  kCopyPurpose,
  kEditPurpose,
  kTopicPurpose
};

constexpr const char* kFooters[] = {
    "\n\nSign up for our morning newsletter and get the stories of the day before breakfast.",
    "\n\nThis report was first sent to subscribers of our wire; use is subject to the terms of "
    "service.",
    "\n\nReporting by our correspondents; additional reporting by staff; editing by the night "
    "desk.",
    "\n\nFollow our live coverage through the day, and tell us what you think in the comments "
    "below."};
constexpr const char* kMonths[] = {"Jan", "Feb", "March", "April", "May", "June"};

// Two to five syllables.
std::string MadeUpWord(uint64_t bits) {
  static constexpr char kConsonants[] = "bcdfghjklmnprstvwz";
  static constexpr char kVowels[] = "aeiou";
  std::string word;
  for (uint64_t syllables = 2 + (bits & 3), rest = bits >> 2; syllables > 0; --syllables) {
    word.push_back(kConsonants[rest % 18]);
    word.push_back(kVowels[rest / 18 % 5]);
    rest /= 90;
    if (rest % 3 == 0) word.push_back("nrslt"[rest / 3 % 5]);
    rest /= 15;
  }
  return word;
}

bool IsPlainWord(absl::string_view word) {
  return word.size() >= 3 && word.size() <= 14 &&
         std::all_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

// The general terms that the built-in model knows, which leaves English ones for the most part,
// most common first.
std::vector<absl::string_view> ContentWords() {
  const embed::TermModel& model = embed::BuiltInModel();
  std::vector<std::pair<double, absl::string_view>> known;
  for (const WordsOfIdf& terms : kGeneralTerms) {
    if (terms.idf < kContentIdfMin) continue;
    for (absl::string_view word : absl::StrSplit(terms.words, ' ', absl::SkipEmpty())) {
      if (!IsPlainWord(word)) continue;
      const text::Token token = text::TokenOf(word);
      if (model.Find(token) >= 0) known.emplace_back(-model.DocumentShare(token), word);
    }
  }
  std::sort(known.begin(), known.end());
  std::vector<absl::string_view> words;
  for (const auto& [share, word] : known) words.push_back(word);
  return words;
}

std::vector<absl::string_view> Words(absl::string_view text) {
  return absl::StrSplit(text, ' ', absl::SkipEmpty());
}

}  // namespace

ArticleGenerator::Word ArticleGenerator::Slot(absl::string_view text) {
  Word word = {};
  word.size = static_cast<uint8_t>(std::min(text.size(), sizeof(word.text)));
  std::memcpy(word.text, text.data(), word.size);
  return word;
}

// Sebastiano Vigna's SplitMix64.
class ArticleGenerator::Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() { return Mix64(state_ += 0x9e3779b97f4a7c15ull); }
  // Below `limit`.
  uint32_t Below(uint32_t limit) {
    return static_cast<uint32_t>((Next() >> 32) * uint64_t{limit} >> 32);
  }
  // Above 0, at most 1.
  double Unit() { return static_cast<double>((Next() >> 11) + 1) * 0x1p-53; }

 private:
  uint64_t state_;
};

// What all articles are written in, whatever their seed.
class ArticleGenerator::Language {
 public:
  static const Language& Get() {
    static const Language* const language = new Language();
    return *language;
  }

  const Word& FunctionWord(uint32_t uniform) const {
    return function_words_[function_ranks_.Rank(uniform)];
  }
  const Word& ContentWord(uint32_t uniform) const {
    return vocabulary_[vocabulary_ranks_.Rank(uniform)];
  }
  const Word& TopicWord(uint32_t topic, uint32_t uniform) const {
    return vocabulary_[topic_words_[topic * kTopicWords + topic_ranks_.Rank(uniform)]];
  }

 private:
  Language();
  void MakeTopics(size_t common_words);

  std::vector<Word> function_words_;
  std::vector<Word> vocabulary_;       // most common first
  std::vector<uint32_t> topic_words_;  // places in vocabulary_, kTopicWords for each topic
  const ZipfMandelbrot function_ranks_, vocabulary_ranks_, topic_ranks_;
};

struct ArticleGenerator::Story {
  uint32_t topics[2] = {};  // the first one tells most
  Word words[kStoryWords];
};

// Appends to a buffer that has room for a sentence.
struct ArticleGenerator::Writer {
  char* to;
  void Put(const Word& word) {
    std::memcpy(to, word.text, sizeof(word.text));
    to += word.size;
  }
  void Put(absl::string_view text) {
    std::memcpy(to, text.data(), text.size());
    to += text.size();
  }
};

ZipfMandelbrot::ZipfMandelbrot(uint32_t size, double offset) {
  const size_t last = points_.size() - 1;
  for (size_t i = 0; i <= last; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(last);
    const double rank = offset * std::pow((size + offset) / offset, share) - offset;
    points_[i] = static_cast<uint32_t>(std::min<double>(rank, size) * (1 << kPointBits));
  }
  // Rank `size` itself is never drawn: the last point is only come near to.
}

ArticleGenerator::Language::Language()
    : function_ranks_(static_cast<uint32_t>(Words(kFunctionWords).size()), 2),
      vocabulary_ranks_(kVocabulary, kVocabularyOffset),
      topic_ranks_(kTopicWords, kTopicWordsOffset) {
  std::set<std::string> taken;
  for (absl::string_view word : Words(kFunctionWords)) {
    function_words_.push_back(Slot(word));
    taken.emplace(word);
  }
  const auto add = [&](absl::string_view word) {
    if (IsPlainWord(word) && taken.emplace(word).second) vocabulary_.push_back(Slot(word));
  };
  for (absl::string_view word : ContentWords()) add(word);
  MakeTopics(vocabulary_.size());
  for (uint64_t i = 0; vocabulary_.size() < kVocabulary; ++i) add(MadeUpWord(Mix64(i + 1)));
}

// A topic is a word and those nearest to it in the built-in model. In integers, so that they come
// in the same order everywhere.
void ArticleGenerator::Language::MakeTopics(size_t common_words) {
  const embed::TermModel& model = embed::BuiltInModel();
  const auto dimension = static_cast<size_t>(model.dimension());
  std::vector<int16_t> vectors;
  for (size_t i = 0; i < common_words; ++i) {
    const Word& word = vocabulary_[i];
    std::vector<float> vector(dimension);
    model.VectorOf(text::TokenOf({word.text, word.size}), absl::MakeSpan(vector));
    const float length =
        std::sqrt(std::inner_product(vector.begin(), vector.end(), vector.begin(), 0.0f));
    for (float value : vector) {
      vectors.push_back(static_cast<int16_t>(std::lround(value / std::max(length, 1e-9f) * 4096)));
    }
  }
  const auto cosine = [&](uint32_t a, uint32_t b) {
    const int16_t* const of_a = &vectors[a * dimension];
    const int16_t* const of_b = &vectors[b * dimension];
    int32_t sum = 0;
    for (size_t i = 0; i < dimension; ++i) sum += of_a[i] * of_b[i];
    return sum;
  };
  const auto common = static_cast<uint32_t>(common_words);
  Random random(kTopicPurpose);
  std::vector<std::pair<int32_t, uint32_t>> nearest;
  for (uint32_t topic = 0; topic < kTopics; ++topic) {
    const uint32_t middle = kTooCommonWords + random.Below(common - kTooCommonWords);
    nearest.clear();
    for (uint32_t i = kTooCommonWords; i < common; ++i) nearest.emplace_back(-cosine(i, middle), i);
    std::partial_sort(nearest.begin(), nearest.begin() + kTopicWords, nearest.end());
    for (uint32_t i = 0; i < kTopicWords; ++i) topic_words_.push_back(nearest[i].second);
  }
}

ArticleGenerator::ArticleGenerator(const Options& options)
    : seed_(Mix64(options.seed ^ 0x6172746963ull)),
      copy_threshold_(static_cast<uint64_t>(options.copy_share * 0x1p32)),
      body_bytes_mean_(options.body_bytes_mean),
      language_(Language::Get()),
      story_ranks_(kStoryWords, 4),
      topics_(kTopics, 150) {}

uint64_t ArticleGenerator::Hash(uint64_t number, uint64_t purpose) const {
  return Mix64(Mix64(number + 0x9e3779b97f4a7c15ull * purpose) ^ seed_);
}

uint64_t ArticleGenerator::StoryOf(uint64_t number) const {
  const uint64_t bits = Hash(number, kStoryPurpose);
  const uint64_t kind = bits % 100;
  if (kind < 33) return number * 4;  // on its own
  if (kind < 95) {
    // Of the stories so far, which begin one every four articles, a late one.
    const double back = -150 * std::log(static_cast<double>((bits >> 11) + 1) * 0x1p-53);
    const uint64_t latest = number / 4;
    return (latest - static_cast<uint64_t>(back) % (latest + 1)) * 4 + 1;
  }
  return number / 5000 * 4 + 2;  // the big one of these days
}

ArticleGenerator::Story ArticleGenerator::MakeStory(uint64_t number) const {
  Random random(Hash(number, kStoryContentPurpose));
  Story story;
  for (uint32_t& topic : story.topics) {
    topic = topics_.Rank(static_cast<uint32_t>(random.Next()));
  }
  for (uint32_t i = 0; i < kStoryWords; ++i) {
    Word& word = story.words[i];
    // Names come at every other place of the ranks, the first ones.
    if (i % 2 == 0 && i / 2 < kStoryNames) {
      std::string name = MadeUpWord(random.Next());
      name[0] = static_cast<char>(name[0] - 'a' + 'A');
      word = Slot(name);
    } else {
      word = language_.TopicWord(story.topics[i % 4 == 3 ? 1 : 0],
                                 static_cast<uint32_t>(random.Next()));
    }
  }
  return story;
}

const ArticleGenerator::Word& ArticleGenerator::ContentWord(const Story& story, bool lede,
                                                            uint64_t bits) const {
  const auto draw = static_cast<uint32_t>(bits);
  const uint64_t kind = bits >> 32 & 0xff;
  const uint64_t story_share = lede ? 70 : 30;  // of 256
  if (kind < story_share) return story.words[story_ranks_.Rank(draw)];
  if (kind < 135) return language_.TopicWord(story.topics[0], draw);
  if (kind < 180) return language_.TopicWord(story.topics[1], draw);
  return language_.ContentWord(draw);
}

void ArticleGenerator::WriteTitle(const Story& story, Random& random, std::string* title) const {
  char buffer[16 * 16];
  Writer writer{buffer};
  const uint32_t words = 6 + random.Below(5);
  for (uint32_t i = 0; i < words; ++i) {
    if (i > 0) writer.Put(" ");
    char* const begin = writer.to;
    const uint64_t bits = random.Next();
    if (i % 4 == 3) {
      writer.Put(language_.FunctionWord(static_cast<uint32_t>(bits)));
    } else {
      writer.Put(ContentWord(story, true, bits));
    }
    if (i == 0 && *begin >= 'a') *begin = static_cast<char>(*begin - 'a' + 'A');
  }
  title->assign(buffer, writer.to);
}

void ArticleGenerator::WriteBody(const Story& story, bool typographic, Random& random,
                                 std::string* body) const {
  // Box and Muller; the mean of the distribution is exp(mu + sigma^2 / 2).
  const double normal =
      std::sqrt(-2 * std::log(random.Unit())) * std::cos(6.283185307179586 * random.Unit());
  const double mu = std::log(body_bytes_mean_) - kBodyBytesSigma * kBodyBytesSigma / 2;
  const size_t bytes = std::clamp(static_cast<size_t>(std::exp(mu + kBodyBytesSigma * normal)),
                                  kBodyBytesMin, kBodyBytesMax);
  body->resize(bytes + kSentenceBytesMax);
  char* const begin = &(*body)[0];
  Writer writer{begin};
  int words_written = 0;
  while (static_cast<size_t>(writer.to - begin) < bytes) {
    const uint64_t form = random.Next();
    const int words = 8 + static_cast<int>(form & 15) + static_cast<int>(form >> 4 & 7);
    const bool quote = (form >> 8 & 7) == 0;
    if (quote) writer.Put(typographic ? "\xe2\x80\x9c" : "\"");
    char* const first = writer.to;
    bool after_function_word = true;
    for (int i = 0; i < words; ++i) {
      const uint64_t bits = random.Next();
      if (i > 0) writer.Put((bits >> 48 & 15) == 0 && !after_function_word ? ", " : " ");
      if (!after_function_word && (bits >> 40 & 0xff) < 200) {
        writer.Put(language_.FunctionWord(static_cast<uint32_t>(bits)));
        after_function_word = true;
      } else if ((bits >> 52 & 31) == 0) {
        writer.Put(absl::AlphaNum(2 + (bits >> 57) * (bits & 15)).Piece());
        after_function_word = false;
      } else {
        writer.Put(ContentWord(story, words_written < 60, bits));
        after_function_word = false;
      }
      ++words_written;
    }
    if (*first >= 'a' && *first <= 'z') *first = static_cast<char>(*first - 'a' + 'A');
    writer.Put(".");
    if (quote) writer.Put(typographic ? "\xe2\x80\x9d" : "\"");
    writer.Put((form >> 11 & 3) == 0 ? "\n\n" : " ");
  }
  while (writer.to[-1] == ' ' || writer.to[-1] == '\n') --writer.to;
  body->resize(static_cast<size_t>(writer.to - begin));
}

std::string ArticleGenerator::Id(uint64_t number) { return absl::StrCat("a", number); }

void ArticleGenerator::WriteReport(uint64_t number, uint64_t version,
                                   GeneratedArticle* article) const {
  Random random(Hash(number + (version << 40), kTextPurpose));
  const Story story = MakeStory(StoryOf(number));
  const uint32_t source = random.Below(kSources);
  article->id = Id(number);
  article->source = absl::StrCat("outlet-", source);
  article->published_at_seconds =
      kFirstPublished + static_cast<int64_t>(number) * kSecondsBetweenArticles;
  article->origin = number;
  WriteTitle(story, random, &article->title);
  WriteBody(story, /*typographic=*/source % 4 == 0, random, &article->body);
}

uint64_t ArticleGenerator::OriginOf(uint64_t number) const {
  for (;;) {
    const uint64_t bits = Hash(number, kCopyPurpose);
    if (number == 0 || (bits & 0xffffffff) >= copy_threshold_) return number;
    number -= 1 + (bits >> 32) % std::min(number, kCopyDistanceMax);
  }
}

void ArticleGenerator::EditCopy(bool verbatim_too, Random& random,
                                GeneratedArticle* article) const {
  // One bit for each kind of edit; a copy without any is verbatim.
  const uint32_t edits = verbatim_too ? random.Below(16) & random.Below(16) : 1 + random.Below(15);
  std::string& body = article->body;
  bool trim = (edits & 1) != 0;
  if (trim) {  // to between 60 and 90 %, at the end of a sentence
    const size_t end = body.rfind(". ", body.size() * (60 + random.Below(31)) / 100);
    trim = end != std::string::npos && end > body.size() / 2;
    if (trim) body.resize(end + 1);
  }
  if ((edits & 2) != 0) {
    const Story story = MakeStory(StoryOf(article->origin));
    WriteTitle(story, random, &article->title);
  }
  // In place of the only edit, where no sentence ends at the right place.
  if ((edits & 4) != 0 || (edits == 1 && !trim)) body += kFooters[random.Below(4)];
  if ((edits & 8) != 0) {
    std::string place = MadeUpWord(random.Next());
    for (char& c : place) c = static_cast<char>(c - 'a' + 'A');
    body.insert(0, absl::StrCat(place, ", ", kMonths[random.Below(6)], " ", 1 + random.Below(28),
                                " (Wire) - "));
  }
  // Never the source of the original, which would make a revision.
  const auto own =
      static_cast<uint32_t>(std::atoi(article->source.c_str() + sizeof("outlet-") - 1));
  article->source = absl::StrCat("outlet-", (own + 1 + random.Below(kSources - 1)) % kSources);
}

void ArticleGenerator::Make(uint64_t number, GeneratedArticle* article) const {
  const uint64_t origin = OriginOf(number);
  WriteReport(origin, 0, article);
  if (origin == number) return;
  Random random(Hash(number, kEditPurpose));
  EditCopy(/*verbatim_too=*/true, random, article);
  article->id = Id(number);
  article->published_at_seconds += static_cast<int64_t>(number - origin) * kSecondsBetweenArticles;
}

void ArticleGenerator::MakeOtherReport(uint64_t number, uint64_t version,
                                       GeneratedArticle* article) const {
  WriteReport(number, version, article);
  article->id.clear();
}

void ArticleGenerator::MakeEditedCopy(uint64_t number, uint64_t version,
                                      GeneratedArticle* article) const {
  Make(number, article);
  Random random(Hash(number + (version << 40), kEditPurpose));
  EditCopy(/*verbatim_too=*/false, random, article);
  article->id.clear();
}

}  // namespace newsprint::bench
