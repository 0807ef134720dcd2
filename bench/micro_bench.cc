// Speed of each step between an article's bytes and its verdict, one thread, no network, no disk.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "service/common/call_times.h"
#include "service/common/hash.h"
#include "service/common/sort.h"
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
std::string QuotedBody(uint64_t story) {
  std::string body = absl::StrReplaceAll(Body(story), {{". ", "’s. “"}});
  body.resize(body.rfind(' ', kBodyBytes));
  return body;
}

// So many different ones, in turn: branches are foreseen too well in a text that comes again and
// again. 3 MB of text, as it is not in the first caches of a server either.
constexpr size_t kBodies = 512;

const std::vector<std::string>& Bodies() {
  static const std::vector<std::string>& bodies = *[] {
    auto* made = new std::vector<std::string>();
    for (uint64_t story = 1; story <= kBodies; ++story) made->push_back(Body(story));
    return made;
  }();
  return bodies;
}

std::vector<text::Token> Tokens(uint64_t story = 1) {
  std::vector<text::Token> tokens;
  text::Tokenize(Body(story), &tokens);
  return tokens;
}

// The tokens of each of Bodies().
const std::vector<std::vector<text::Token>>& TokensOfBodies() {
  static const std::vector<std::vector<text::Token>>& all = *[] {
    auto* made = new std::vector<std::vector<text::Token>>();
    for (uint64_t story = 1; story <= kBodies; ++story) made->push_back(Tokens(story));
    return made;
  }();
  return all;
}

void SetBytes(benchmark::State& state, size_t bytes_each) {
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes_each));
}

// A limit: one pass over the bytes.
void BM_Xxh3(benchmark::State& state) {
  size_t next = 0;
  for (auto _ : state) {
    const std::string& body = Bodies()[next++ % kBodies];
    benchmark::DoNotOptimize(Hash64(body.data(), body.size()));
  }
  SetBytes(state, kBodyBytes);
}
BENCHMARK(BM_Xxh3);

// From bytes to the sorted shingles and the sketch, as Preparer has it.
void BM_TextToSketch(benchmark::State& state) {
  size_t next = 0;
  for (auto _ : state) {
    std::vector<text::Token> tokens;
    text::Tokenize(Bodies()[next++ % kBodies], &tokens);
    std::vector<uint32_t> shingles;
    text::Shingle(tokens, kShingleWords, &shingles);
    SortUnique(&shingles);
    benchmark::DoNotOptimize(sketch::ComputeSketch(shingles));
  }
  SetBytes(state, kBodyBytes);
}
BENCHMARK(BM_TextToSketch);

void Tokenise(benchmark::State& state, const std::vector<std::string>& bodies) {
  std::vector<text::Token> tokens;
  size_t next = 0;
  for (auto _ : state) {
    tokens.clear();
    text::Tokenize(bodies[next++ % bodies.size()], &tokens);
    benchmark::DoNotOptimize(tokens.data());
  }
  SetBytes(state, bodies[0].size());
}
void BM_TokeniseAscii(benchmark::State& state) { Tokenise(state, Bodies()); }
void BM_TokeniseTypographic(benchmark::State& state) {
  std::vector<std::string> bodies;
  for (uint64_t story = 1; story <= kBodies; ++story) bodies.push_back(QuotedBody(story));
  Tokenise(state, bodies);
}
BENCHMARK(BM_TokeniseAscii);
BENCHMARK(BM_TokeniseTypographic);

void BM_Shingle(benchmark::State& state) {
  std::vector<uint32_t> shingles;
  size_t next = 0;
  for (auto _ : state) {
    shingles.clear();
    text::Shingle(TokensOfBodies()[next++ % kBodies], kShingleWords, &shingles);
    benchmark::DoNotOptimize(shingles.data());
  }
}
BENCHMARK(BM_Shingle);

void BM_SortShingles(benchmark::State& state) {
  std::vector<std::vector<uint32_t>> shingles(kBodies);
  for (size_t i = 0; i < kBodies; ++i) {
    text::Shingle(TokensOfBodies()[i], kShingleWords, &shingles[i]);
  }
  size_t next = 0;
  for (auto _ : state) {
    std::vector<uint32_t> sorted = shingles[next++ % kBodies];
    SortUnique(&sorted);
    benchmark::DoNotOptimize(sorted.data());
  }
}
BENCHMARK(BM_SortShingles);

void BM_Sketch(benchmark::State& state) {
  std::vector<std::vector<uint32_t>> shingles(kBodies);
  for (size_t i = 0; i < kBodies; ++i) {
    text::Shingle(TokensOfBodies()[i], kShingleWords, &shingles[i]);
    SortUnique(&shingles[i]);
  }
  size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(sketch::ComputeSketch(shingles[next++ % kBodies]));
  }
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
  std::vector<float> vector(embedding.settings.dimension);
  size_t next = 0;
  for (auto _ : state) {
    const size_t body = next++ % kBodies;
    const embed::EmbedInput input{"", Bodies()[body], {}, TokensOfBodies()[body]};
    benchmark::DoNotOptimize(embedding.embedder->Embed({&input, 1}, absl::MakeSpan(vector)));
  }
  SetBytes(state, kBodyBytes);
}
BENCHMARK(BM_Embed);

void BM_HeavyTerms(benchmark::State& state) {
  size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(embed::HeavyTerms({}, TokensOfBodies()[next++ % kBodies], General()));
  }
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

void Prepare(benchmark::State& state, bool whole) {
  const Embedding embedding = BuiltIn();
  const Preparer preparer(CollectionSettings{}, &General());
  std::vector<Article> articles;
  for (uint64_t story = 1; story <= kBodies; ++story) articles.push_back(LongArticle(story));
  size_t next = 0;
  for (auto _ : state) {
    const Article& article = articles[next++ % kBodies];
    benchmark::DoNotOptimize(whole ? preparer.Prepare(article, embedding, RemoteVector::kAsk)
                                   : preparer.PrepareText(article, embedding));
  }
  SetBytes(state, kBodyBytes);
}
void BM_PrepareText(benchmark::State& state) { Prepare(state, false); }
void BM_PrepareArticle(benchmark::State& state) { Prepare(state, true); }
BENCHMARK(BM_PrepareText);
BENCHMARK(BM_PrepareArticle);

// The sketch of an article of about 1,000 words: its values are as good as random.
sketch::Sketch RandomSketch(std::mt19937_64& random) {
  sketch::Sketch sketch(sketch::kSketchValuesMin);
  for (uint32_t& value : sketch) value = static_cast<uint32_t>(random());
  return sketch;
}

// Of `count` articles with random sketches; made once.
index::FingerprintIndex& FilledIndex(size_t count) {
  static std::map<size_t, std::unique_ptr<index::FingerprintIndex>> indexes;
  auto& index = indexes[count];
  if (index != nullptr) return *index;
  index = std::make_unique<index::FingerprintIndex>();
  std::mt19937_64 random(testing::Seed());
  for (size_t i = 0; i < count; ++i) index->Add(static_cast<Ordinal>(i), RandomSketch(random));
  return *index;
}

constexpr size_t kQueries = 8192;

void SetIndexCounters(benchmark::State& state, const index::FingerprintIndex& index, int64_t hits) {
  state.counters["hits"] =
      benchmark::Counter(static_cast<double>(hits), benchmark::Counter::kAvgIterations);
  state.counters["bytes_per_sketch"] =
      static_cast<double>(index.memory_bytes()) / static_cast<double>(state.range(0));
}

// Queries are copies of stored articles with `range(1)` percent of the values the same, or new
// ones.
void BM_FingerprintSearch(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  const index::FingerprintIndex& index = FilledIndex(count);
  std::mt19937_64 stored(testing::Seed());
  std::mt19937_64 random(testing::Seed() + 2);
  std::vector<sketch::Sketch> queries;
  while (queries.size() < std::min(kQueries, count)) {
    const sketch::Sketch original = RandomSketch(stored);
    queries.push_back(RandomSketch(random));
    for (size_t i = 0; i < original.size(); ++i) {
      if (static_cast<int64_t>(random() % 100) < state.range(1)) queries.back()[i] = original[i];
    }
  }
  size_t next = 0;
  int64_t hits = 0;
  for (auto _ : state) {
    hits += static_cast<int64_t>(index.Search(queries[next++ % queries.size()], kHitsMax).size());
  }
  SetIndexCounters(state, index, hits);
}

// What each ingested article costs: it is looked for, and added. So few iterations that the index
// hardly grows; its tables' own growth takes part.
void BM_FingerprintSearchAndAdd(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  static std::map<size_t, size_t> added;
  index::FingerprintIndex& index = FilledIndex(count);
  std::mt19937_64 random(testing::Seed() + 1 + added[count]);
  std::vector<sketch::Sketch> sketches;
  while (sketches.size() < kQueries) sketches.push_back(RandomSketch(random));
  size_t next = 0;
  int64_t hits = 0;
  for (auto _ : state) {
    const sketch::Sketch& sketch = sketches[next++];
    hits += static_cast<int64_t>(index.Search(sketch, kHitsMax).size());
    index.Add(static_cast<Ordinal>(count + added[count]++), sketch);
  }
  SetIndexCounters(state, index, hits);
}

void RegisterIndexBenchmarks(int64_t articles) {
  for (const int64_t count : {articles / 10, articles}) {
    for (const int64_t same_percent : {0, 60}) {
      benchmark::RegisterBenchmark("BM_FingerprintSearch", BM_FingerprintSearch)
          ->Args({count, same_percent});
    }
    benchmark::RegisterBenchmark("BM_FingerprintSearchAndAdd", BM_FingerprintSearchAndAdd)
        ->Arg(count)
        ->Iterations(std::min<int64_t>(kQueries, count / 50));
  }
}

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

// What is recorded of the steps of one ingested article.
void BM_TimesOfSteps(benchmark::State& state) {
  for (auto _ : state) {
    CallTimes times;
    const CallTimes::Scope scope(&times);
    times.Record(Step::kQueue, CallTimes::Clock::now() - times.begin());
    { const StepTimer timer(Step::kParse); }
    {
      StepTimer timer(Step::kNormalise);
      timer.Next(Step::kSketch);
    }
    { const StepTimer timer(Step::kEmbed); }
    {
      StepTimer ordered(Step::kLock);
      ordered.Next(Step::kDecide);
      StepTimer written(Step::kStore);
      written.Next(Step::kIndex);
    }
    times.Record(Step::kCommit, CallTimes::Clock::now() - times.begin());
  }
}
BENCHMARK(BM_TimesOfSteps)->ThreadRange(1, 2);

}  // namespace
}  // namespace newsprint::bench

// --print_articles=N prints the bodies of N articles, one a line, for peers in other languages.
// --index_articles=N is the number of articles in the fingerprint index, 100,000 without it.
int main(int argc, char** argv) {
  int64_t index_articles = 100'000;
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    int64_t number = 0;
    if (absl::ConsumePrefix(&argument, "--print_articles=") &&
        absl::SimpleAtoi(argument, &number)) {
      for (int64_t story = 1; story <= number; ++story) {
        std::puts(newsprint::bench::Body(static_cast<uint64_t>(story)).c_str());
      }
      return 0;
    }
    if (absl::ConsumePrefix(&argument, "--index_articles=") &&
        absl::SimpleAtoi(argument, &number) && number >= 10) {
      index_articles = number;
    } else {
      argv[kept++] = argv[i];
    }
  }
  argc = kept;
  newsprint::bench::RegisterIndexBenchmarks(index_articles);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
