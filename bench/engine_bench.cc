// The engine without network: how long the ordered part of an ingestion and a search take, one
// thread, over a collection that is filled on the way: CPU time of that thread, without what the
// store does in the background. Prints one JSON object.
#include <time.h>

#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "service/engine/engine.h"
#include "tests/testing/articles.h"

ABSL_FLAG(int, articles, 20'000, "Articles that are ingested, all new.");
ABSL_FLAG(int, words, 520, "Words in each.");
ABSL_FLAG(bool, skip_related, true, "Ingest without looking for related articles.");
ABSL_FLAG(int, queries, 2'000, "FindDuplicates and FindRelated afterwards.");

namespace newsprint::bench {
namespace {

constexpr uint64_t kUnstoredStory = uint64_t{1} << 40;

// CPU time of the calling thread so far, which other work on the machine disturbs less than time.
double CpuMicroseconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

template <typename Value>
Value ValueOrDie(absl::StatusOr<Value> value) {
  if (value.ok()) return *std::move(value);
  std::cerr << value.status() << "\n";
  std::exit(1);
}

}  // namespace

int Main() {
  const testing::TempDir data_dir;
  const auto engine = testing::OpenEngine(data_dir.path());
  Collection& collection = *ValueOrDie(engine->Find(kDefaultCollection));
  const int articles = absl::GetFlag(FLAGS_articles);
  const int words = absl::GetFlag(FLAGS_words);
  double prepare_us = 0, ingest_us = 0;
  for (int i = 0; i < articles; ++i) {
    IngestRequest request;
    request.article = testing::StoryArticle(absl::StrCat("a", i), i, words);
    request.skip_related = absl::GetFlag(FLAGS_skip_related);
    const double begin = CpuMicroseconds();
    PreparedIngest prepared = ValueOrDie(collection.Prepare(std::move(request)));
    prepare_us += CpuMicroseconds() - begin;
    const double prepared_at = CpuMicroseconds();
    ValueOrDie(collection.Ingest(std::move(prepared)));
    ingest_us += CpuMicroseconds() - prepared_at;
  }
  const int queries = absl::GetFlag(FLAGS_queries);
  double duplicates_us = 0, related_us = 0;
  for (int i = 0; i < queries; ++i) {
    Article query = i % 2 == 0 ? testing::StoryArticle("q", i * 7919 % articles, words)
                               : testing::StoryArticle("q", kUnstoredStory + i, words);
    if (i % 2 == 0) query.body.resize(query.body.size() * 3 / 4);
    const double begin = CpuMicroseconds();
    ValueOrDie(collection.FindDuplicates(query, 10));
    duplicates_us += CpuMicroseconds() - begin;
    const double found_at = CpuMicroseconds();
    if (i % 8 == 0) {
      ValueOrDie(collection.FindRelated(query, RelatedOptions()));
      related_us += (CpuMicroseconds() - found_at) * 8;
    }
  }
  nlohmann::ordered_json figures;
  figures["engine_articles"] = articles;
  figures["engine_prepare_us"] = prepare_us / articles;
  figures["engine_ingest_us"] = ingest_us / articles;
  figures["engine_find_duplicates_us"] = duplicates_us / queries;
  figures["engine_find_related_us"] = related_us / queries;
  std::cout << figures.dump(1) << std::endl;
  return 0;
}

}  // namespace newsprint::bench

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return newsprint::bench::Main();
}
