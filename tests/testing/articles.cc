#include "tests/testing/articles.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/common/hash.h"

namespace newsprint::testing {
namespace {

constexpr int kVocabulary = 20'000;

// A pronounceable word for a number.
std::string Word(uint64_t number) {
  static constexpr char kConsonants[] = "bcdfghjklmnprstvwz";
  static constexpr char kVowels[] = "aeiou";
  std::string word;
  for (uint64_t rest = Mix64(number + 1) % 30'000'000 + 100; rest > 0; rest /= 90) {
    word.push_back(kConsonants[rest % 18]);
    word.push_back(kVowels[rest / 18 % 5]);
  }
  return word;
}

}  // namespace

uint64_t Seed() {
  const char* given = std::getenv("NEWSPRINT_TEST_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 20110504;
}

std::string StoryText(uint64_t story, int words) {
  std::mt19937_64 random(Mix64(story ^ 0x5107));
  std::uniform_real_distribution<double> uniform(0, 1);
  std::string text;
  for (int i = 0; i < words; ++i) {
    // Zipf's law with exponent 1, by inversion: rank = N^u.
    const double rank = std::pow(kVocabulary, uniform(random));
    std::string word = Word(static_cast<uint64_t>(rank));
    if (i % 17 == 0) word[0] = static_cast<char>(word[0] - 'a' + 'A');
    absl::StrAppend(&text, word, i % 17 == 16 ? ". " : " ");
  }
  return text;
}

Article StoryArticle(std::string id, uint64_t story, int words) {
  Article article;
  article.id = std::move(id);
  article.title = StoryText(story ^ 0xabcdef, 8);
  article.body = StoryText(story, words);
  return article;
}

std::unique_ptr<Engine> OpenEngine(const std::string& data_dir, const Embedders::Options& embedders,
                                   Clock clock) {
  Engine::Options options;
  options.store.data_dir = data_dir;
  options.store.block_cache_bytes = size_t{8} << 20;
  options.embedders = embedders;
  options.clock = std::move(clock);
  absl::StatusOr<std::unique_ptr<Engine>> engine = Engine::Open(options);
  absl::Status status = engine.status();
  if (status.ok()) status = (*engine)->LoadIndexes([](const Collection&) {}, [] { return true; });
  if (!status.ok()) {
    std::fprintf(stderr, "cannot open the engine: %s\n", status.ToString().c_str());
    std::abort();
  }
  return *std::move(engine);
}

NewCollection Named(std::string name) {
  NewCollection wanted;
  wanted.settings.name = std::move(name);
  return wanted;
}

GroupFilter AtLeast(uint64_t members) {
  GroupFilter filter;
  filter.members_min = members;
  return filter;
}

absl::StatusOr<Verdict> Ingest(Collection& collection, Article article, std::string request_id) {
  IngestRequest request;
  request.article = std::move(article);
  request.request_id = std::move(request_id);
  absl::StatusOr<PreparedIngest> prepared = collection.Prepare(std::move(request));
  if (!prepared.ok()) return prepared.status();
  return collection.Ingest(*std::move(prepared));
}

}  // namespace newsprint::testing
