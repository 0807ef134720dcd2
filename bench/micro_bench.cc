// Speed of each step between an article's bytes and its verdict, one thread, no network, no disk.
#include <benchmark/benchmark.h>

#include <cmath>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "service/common/hash.h"
#include "service/embed/builtin_model.h"
#include "service/embed/term_embedder.h"
#include "service/engine/decision.h"
#include "service/engine/prepare.h"
#include "service/engine/story_ranking.h"
#include "service/engine/term_statistics.h"
#include "service/index/fingerprint_index.h"
#include "service/sketch/bottom_k.h"
#include "service/text/tokenizer.h"
#include "tests/testing/articles.h"

namespace newsprint::bench {
namespace {

constexpr size_t kBodyBytes = 6 << 10;
constexpr int kShingleWords = 5;
constexpr int kHitsMax = 32;

std::string Body(uint64_t story) { return testing::StoryText(story, 1200).substr(0, kBodyBytes); }

// As wire copy comes: with typographic quotes, which are not ASCII.
std::string QuotedBody() {
  std::string body = absl::StrReplaceAll(Body(1), {{". ", "’s. “"}});
  body.resize(body.rfind(' ', kBodyBytes));
  return body;
}

std::vector<text::Token> Tokens() {
  std::vector<text::Token> tokens;
  text::Tokenize(Body(1), &tokens);
  return tokens;
}

void Tokenise(benchmark::State& state, const std::string& body) {
  std::vector<text::Token> tokens;
  for (auto _ : state) {
    tokens.clear();
    text::Tokenize(body, &tokens);
    benchmark::DoNotOptimize(tokens.data());
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * body.size()));
}
void BM_TokeniseAscii(benchmark::State& state) { Tokenise(state, Body(1)); }
void BM_TokeniseTypographic(benchmark::State& state) { Tokenise(state, QuotedBody()); }
BENCHMARK(BM_TokeniseAscii);
BENCHMARK(BM_TokeniseTypographic);

void BM_Shingle(benchmark::State& state) {
  const std::vector<text::Token> tokens = Tokens();
  std::vector<uint32_t> shingles;
  for (auto _ : state) {
    shingles.clear();
    text::Shingle(tokens, kShingleWords, &shingles);
    benchmark::DoNotOptimize(shingles.data());
  }
}
BENCHMARK(BM_Shingle);

void BM_Sketch(benchmark::State& state) {
  std::vector<uint32_t> shingles;
  text::Shingle(Tokens(), kShingleWords, &shingles);
  for (auto _ : state) benchmark::DoNotOptimize(sketch::ComputeSketch(shingles));
}
BENCHMARK(BM_Sketch);

const embed::GeneralTerms& General() {
  static const embed::GeneralTerms& general = *new embed::GeneralTerms();
  return general;
}

// The built-in embedder.
Embedding BuiltIn() {
  Embedding embedding;
  embedding.embedder = std::make_shared<const embed::TermEmbedder>(
      std::shared_ptr<const embed::TermModel>(&embed::BuiltInModel(), [](const void*) {}));
  embedding.settings = {kBuiltInEmbedder, embedding.embedder->identity(),
                        embedding.embedder->dimension(), 1, absl::UnixEpoch()};
  return embedding;
}

// Of made-up words, none of which the model knows; BM_EmbedTerms has known ones.
void BM_Embed(benchmark::State& state) {
  const Embedding embedding = BuiltIn();
  const std::string body = Body(1);
  const std::vector<text::Token> tokens = Tokens();
  std::vector<float> vector(embedding.settings.dimension);
  for (auto _ : state) {
    const embed::EmbedInput input{"", body, {}, tokens};
    benchmark::DoNotOptimize(embedding.embedder->Embed({&input, 1}, absl::MakeSpan(vector)));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * body.size()));
}
BENCHMARK(BM_Embed);

void BM_HeavyTerms(benchmark::State& state) {
  const std::vector<text::Token> tokens = Tokens();
  for (auto _ : state) benchmark::DoNotOptimize(embed::HeavyTerms({}, tokens, General()));
}
BENCHMARK(BM_HeavyTerms);

// Words of a news article's length and variety: ranks by Zipf's law, most of them known to the
// model, among these a third that are not.
std::vector<text::Token> ModelTokens(const embed::TermModel& model, size_t count) {
  std::mt19937_64 random(testing::Seed());
  std::vector<text::Token> tokens;
  while (tokens.size() < count) {
    const double exponent = static_cast<double>(random() % 1000) / 1000;
    const auto rank = static_cast<size_t>(std::pow(static_cast<double>(model.words()), exponent));
    const size_t place = rank * 7919 % model.words();
    tokens.push_back(rank % 3 == 0 ? Mix64(rank) : model.Word(place).token);
  }
  return tokens;
}

void BM_EmbedTerms(benchmark::State& state) {
  const embed::TermEmbedder embedder(
      std::make_shared<const embed::TermModel>(embed::BuiltInModel()));
  const std::vector<text::Token> tokens = ModelTokens(embedder.model(), 1000);
  std::vector<float> vector(embedder.dimension());
  for (auto _ : state) {
    const embed::EmbedInput input{"", "", {}, tokens};
    benchmark::DoNotOptimize(embedder.Embed({&input, 1}, absl::MakeSpan(vector)));
  }
}
BENCHMARK(BM_EmbedTerms);

Article LongArticle(uint64_t story) {
  Article article = testing::StoryArticle("a", story, 8);
  article.body = Body(story);
  return article;
}

void BM_PrepareArticle(benchmark::State& state) {
  const Embedding embedding = BuiltIn();
  const Preparer preparer(CollectionSettings{}, &General());
  const Article article = LongArticle(1);
  for (auto _ : state) {
    benchmark::DoNotOptimize(preparer.Prepare(article, embedding, RemoteVector::kAsk));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kBodyBytes));
}
BENCHMARK(BM_PrepareArticle);

// Sketches of unrelated articles of about 1,000 words: their values are as good as random.
std::vector<sketch::Sketch> RandomSketches(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<sketch::Sketch> sketches(count, sketch::Sketch(sketch::kSketchValuesMin));
  for (sketch::Sketch& sketch : sketches) {
    for (uint32_t& value : sketch) value = static_cast<uint32_t>(random());
  }
  return sketches;
}

std::unique_ptr<index::FingerprintIndex> FilledIndex(const std::vector<sketch::Sketch>& sketches) {
  auto index = std::make_unique<index::FingerprintIndex>();
  for (size_t i = 0; i < sketches.size(); ++i) index->Add(static_cast<Ordinal>(i), sketches[i]);
  return index;
}

void BM_FingerprintAdd(benchmark::State& state) {
  const size_t count = state.range(0);
  const auto index = FilledIndex(RandomSketches(count, testing::Seed()));
  const std::vector<sketch::Sketch> more = RandomSketches(4096, testing::Seed() + 1);
  size_t added = 0;
  for (auto _ : state) {
    index->Add(static_cast<Ordinal>(count + added), more[added % more.size()]);
    ++added;
  }
}
BENCHMARK(BM_FingerprintAdd)->Arg(10'000)->Arg(100'000)->Iterations(4096);

// Queries are copies of stored articles with `range(1)` percent of the values the same, or new
// ones.
void BM_FingerprintSearch(benchmark::State& state) {
  static std::map<int64_t, std::unique_ptr<index::FingerprintIndex>> indexes;
  const std::vector<sketch::Sketch> stored = RandomSketches(state.range(0), testing::Seed());
  auto& index = indexes[state.range(0)];
  if (index == nullptr) index = FilledIndex(stored);
  std::mt19937_64 random(testing::Seed() + 2);
  std::vector<sketch::Sketch> queries = RandomSketches(1024, testing::Seed() + 3);
  for (sketch::Sketch& query : queries) {
    const sketch::Sketch& original = stored[random() % stored.size()];
    for (size_t i = 0; i < query.size(); ++i) {
      if (static_cast<int64_t>(random() % 100) < state.range(1)) query[i] = original[i];
    }
  }
  size_t next = 0;
  int64_t hits = 0;
  for (auto _ : state) {
    hits += static_cast<int64_t>(index->Search(queries[next++ % queries.size()], kHitsMax).size());
  }
  state.counters["hits"] =
      benchmark::Counter(static_cast<double>(hits), benchmark::Counter::kAvgIterations);
  state.counters["bytes_per_sketch"] =
      static_cast<double>(index->memory_bytes()) / static_cast<double>(stored.size());
}
BENCHMARK(BM_FingerprintSearch)->ArgsProduct({{10'000, 100'000}, {0, 60}});

// `copy_percent` of the match's body stands in the query.
void Decide(benchmark::State& state, size_t copy_percent) {
  const Embedding embedding = BuiltIn();
  const CollectionSettings settings;
  const Preparer preparer(settings, &General());
  const Article match_article = LongArticle(1);
  Article query_article = LongArticle(2);
  const size_t copied = match_article.body.size() * copy_percent / 100;
  query_article.body = match_article.body.substr(0, copied) + query_article.body.substr(copied);
  const PreparedArticle query =
      preparer.Prepare(query_article, embedding, RemoteVector::kAsk).value();
  const PreparedArticle match =
      preparer.Prepare(match_article, embedding, RemoteVector::kAsk).value();
  for (auto _ : state) {
    benchmark::DoNotOptimize(Classify(MakeEvidence(query, match, settings.thresholds),
                                      MakePairContext(query, match, settings.thresholds),
                                      settings.thresholds));
  }
}
void BM_DecideUnrelated(benchmark::State& state) { Decide(state, 0); }
void BM_DecideCopy(benchmark::State& state) { Decide(state, 80); }
BENCHMARK(BM_DecideUnrelated);
BENCHMARK(BM_DecideCopy);

// A query and `range(0)` candidates of 128 terms and 256-dimensional vectors, as FindRelated ranks
// them, from what the store and the index give: in stories of ten articles, which share half of
// their terms.
void BM_RankRelated(benchmark::State& state) {
  constexpr size_t kDimension = 256;
  std::mt19937_64 random(testing::Seed());
  TermStatistics statistics(&General());
  std::vector<std::vector<WeightedTerm>> terms;
  for (int64_t i = 0; i <= state.range(0); ++i) {
    std::map<uint32_t, float> weights;
    while (weights.size() < embed::kHeavyTermsMax) {
      const bool of_story = weights.size() < embed::kHeavyTermsMax / 2;
      const uint64_t term = of_story ? Mix64(100 * (i / 10) + random() % 100) : random() % 20'000;
      weights[static_cast<uint32_t>(term)] = static_cast<float>(1 + random() % 3);
    }
    terms.emplace_back();
    for (const auto& [term, weight] : weights) terms.back().push_back({term, weight});
    statistics.Add(terms.back());
  }
  std::normal_distribution<float> normal;
  std::vector<std::vector<float>> vectors;
  for (size_t i = 0; i < terms.size(); ++i) {
    std::vector<float>& vector = vectors.emplace_back();
    double squares = 0;
    for (size_t k = 0; k < kDimension; ++k) {
      vector.push_back(normal(random));
      squares += vector.back() * vector.back();
    }
    for (float& value : vector) value = static_cast<float>(value / std::sqrt(squares));
  }
  StoryRanking ranking;
  for (auto _ : state) {
    ranking.Reset(terms.size(), kDimension);
    for (size_t i = 0; i < terms.size(); ++i) {
      ranking.AddTerms(i, terms[i]);
      ranking.SetVector(i, vectors[i]);
    }
    ranking.Rank([&](absl::Span<const uint32_t> all, float* idf) { statistics.Idf(all, idf); });
    benchmark::DoNotOptimize(ranking.similarities().data());
  }
}
BENCHMARK(BM_RankRelated)->Arg(32)->Arg(100)->Arg(200);

}  // namespace
}  // namespace newsprint::bench

BENCHMARK_MAIN();
