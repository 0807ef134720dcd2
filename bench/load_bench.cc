// Load on a real newsprintd over loopback, with the client on the same cores: unary calls against
// an empty echo, durable ingestion, searches during ingestion, growth of latency with the number of
// articles, memory per article, restarts. Prints the figures so far after each phase, as one JSON
// object a line; progress goes to standard error.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bench/article_generator.h"
#include "bench/grpc_load.h"
#include "bench/loaded_service.h"
#include "bench/server_process.h"
#include "bench/stats.h"
#include "nlohmann/json.hpp"

ABSL_FLAG(std::string, scale, "quick", "quick (20,000 articles) or full (1,000,000).");
ABSL_FLAG(int, articles, 0, "Articles of the big collection, 1,000 or more. 0: as the scale says.");
ABSL_FLAG(uint64_t, seed, 20110504, "Of the articles.");

namespace newsprint::bench {
namespace {

using grpc::ByteBuffer;

constexpr char kFindDuplicates[] = "/newsprint.v1.ArticleService/FindDuplicates";
constexpr char kFindRelated[] = "/newsprint.v1.ArticleService/FindRelated";
constexpr double kPacedArticlesPerSecond = 500;
constexpr double kCopyShare = 0.3;
constexpr int kChunkArticlesMax = 50'000;
constexpr int kQueries = 2000;
constexpr int kSamples = 200;

struct Scale {
  int64_t big_articles;
  int64_t skip_related_articles;
  int64_t copies_articles;
  int64_t killed_articles;  // ingested right before SIGKILL
  int rounds;
  double seconds;  // of one measurement
  double paced_seconds;
  double settle_seconds_max;
};

Scale ScaleFromFlags() {
  const std::string name = absl::GetFlag(FLAGS_scale);
  const int articles = absl::GetFlag(FLAGS_articles);
  Scale scale;
  if (name == "quick") {
    scale = {20'000, 10'000, 4'000, 1'000, 5, 0.6, 4, 20};
  } else if (name == "full") {
    scale = {1'000'000, 200'000, 50'000, 20'000, 7, 2, 30, 600};
  } else {
    std::fprintf(stderr, "scale: got \"%s\", limit quick or full\n", name.c_str());
    std::exit(2);
  }
  if (articles != 0 && articles < 1000) {
    std::fprintf(stderr, "articles: got %d, limit 1,000 or more\n", articles);
    std::exit(2);
  }
  if (articles != 0) scale.big_articles = articles;
  return scale;
}

UnaryOptions OneCaller(double seconds) {
  UnaryOptions options;
  options.threads = options.connections = 1;
  options.seconds = seconds;
  return options;
}

IngestLoad Sum(const std::vector<IngestLoad>& loads, size_t first) {
  IngestLoad sum;
  for (size_t i = first; i < loads.size(); ++i) {
    sum.articles += loads[i].articles;
    sum.seconds += loads[i].seconds;
    sum.server_cpu_seconds += loads[i].server_cpu_seconds;
    sum.client_cpu_seconds += loads[i].client_cpu_seconds;
  }
  return sum;
}

double Share(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

class LoadBenchmark {
 public:
  explicit LoadBenchmark(const Scale& scale)
      : scale_(scale), generator_(WithCopies(0)), copies_generator_(WithCopies(kCopyShare)) {}

  void Run() {
    figures_["load_seed"] = absl::GetFlag(FLAGS_seed);
    figures_["load_article_bytes_mean"] = ArticleGenerator::kBodyBytesMean;
    MeasureSideCollections();
    PrintFigures();
    LoadedService service;
    const int64_t empty_bytes = service.process().resident_bytes();
    CollectionFiller big(service, generator_, "big");
    MeasureIngestion(service, &big);
    MeasureMemory(service, big, empty_bytes);
    PrintFigures();
    MeasureSearchDuringIngestion(service, &big);
    PrintFigures();
    MeasureAgainstEcho(service, big);
    PrintFigures();
    MeasureRestarts(&service, &big);
    PrintFigures();
    MeasureGrowth(service, big);
    PrintFigures();
  }

 private:
  static ArticleGenerator::Options WithCopies(double share) {
    ArticleGenerator::Options options;
    options.seed = absl::GetFlag(FLAGS_seed);
    options.copy_share = share;
    return options;
  }

  void PrintFigures() const { std::cout << figures_.dump() << std::endl; }

  int Chunks(int64_t articles) const {
    const int64_t chunk = std::min<int64_t>(kChunkArticlesMax, std::max<int64_t>(1, articles / 10));
    return static_cast<int>((articles + chunk - 1) / chunk);
  }

  void AddIngestFigures(const std::string& name, const std::vector<IngestLoad>& loads) {
    const IngestLoad all = Sum(loads, 0);
    const auto articles = static_cast<double>(all.articles);
    figures_[name + "_articles"] = all.articles;
    figures_[name + "_articles_per_second"] = all.articles_per_second();
    figures_[name + "_server_cpu_us"] = all.server_cpu_seconds / articles * 1e6;
    figures_[name + "_client_cpu_us"] = all.client_cpu_seconds / articles * 1e6;
  }

  // In a server of their own, which the big collection does not burden.
  void MeasureSideCollections() {
    const LoadedService service;
    Report("ingestion without related");
    CollectionFiller skip(service, generator_, "skip", /*skip_related=*/true);
    const int64_t skip_articles = scale_.skip_related_articles;
    AddIngestFigures("stream_ingest_skip_related", skip.Fill(skip_articles, Chunks(skip_articles)));
    service.WaitUntilIdle(scale_.settle_seconds_max);

    Report("ingestion with copies");
    CollectionFiller copies(service, copies_generator_, "copies");
    const int64_t copies_articles = scale_.copies_articles;
    AddIngestFigures("stream_ingest_with_copies",
                     copies.Fill(copies_articles, Chunks(copies_articles)));
    const VerdictCounts& verdicts = copies.verdicts();
    figures_["load_copies_share"] = Share(verdicts.copies, verdicts.copies + verdicts.originals);
    figures_["load_copies_recognised_share"] = Share(verdicts.copies_recognised, verdicts.copies);
  }

  void MeasureIngestion(const LoadedService& service, CollectionFiller* big) {
    Report("ingestion");
    const std::vector<IngestLoad> loads =
        big->Fill(scale_.big_articles, Chunks(scale_.big_articles));
    AddIngestFigures("stream_ingest", loads);
    const IngestLoad last = Sum(loads, loads.size() - std::max<size_t>(1, loads.size() / 10));
    figures_["stream_ingest_last_articles"] = last.articles;
    figures_["stream_ingest_last_articles_per_second"] = last.articles_per_second();
    figures_["stream_ingest_last_server_cpu_us"] =
        last.server_cpu_seconds / static_cast<double>(last.articles) * 1e6;
    const VerdictCounts& verdicts = big->verdicts();
    figures_["load_related_share"] = Share(verdicts.originals_related, verdicts.originals);
    figures_["load_new_taken_for_copies_share"] =
        Share(verdicts.originals_taken_for_copies, verdicts.originals);
    // While the server may still be building indexes.
    const UnaryLoad search = RunUnary(service.address(), kFindRelated,
                                      NewQueries<v1::FindRelatedRequest>(*big, big->articles()),
                                      OneCaller(scale_.seconds));
    figures_["find_related_after_ingest_p50_ms"] = search.p50_us / 1000;
    figures_["find_related_after_ingest_p99_ms"] = search.p99_us / 1000;
    figures_["load_settle_seconds"] = service.WaitUntilIdle(scale_.settle_seconds_max);
  }

  void MeasureMemory(const LoadedService& service, const CollectionFiller& big,
                     int64_t empty_bytes) {
    v1::GetStatsRequest request;
    request.set_collection(big.collection());
    const v1::GetStatsResponse stats = OrDie(service.client().GetStats(request));
    if (stats.articles() != big.articles()) {
      Die(absl::StrCat("articles: got ", stats.articles(), ", acknowledged ", big.articles()));
    }
    const auto per_canonical = [&stats](int64_t bytes) {
      return static_cast<double>(bytes) / static_cast<double>(stats.groups());
    };
    figures_["load_canonicals"] = stats.groups();
    figures_["empty_server_bytes"] = empty_bytes;
    figures_["bytes_per_article"] = per_canonical(service.process().resident_bytes() - empty_bytes);
    figures_["fingerprint_index_bytes_per_article"] =
        per_canonical(stats.fingerprint_index_bytes());
    figures_["vector_index_bytes_per_article"] = per_canonical(stats.vector_index_bytes());
    figures_["disk_bytes_per_article"] = per_canonical(stats.store_bytes());
  }

  void MeasureSearchDuringIngestion(const LoadedService& service, CollectionFiller* big) {
    Report("searches during ingestion");
    const auto queries = NewQueries<v1::FindRelatedRequest>(*big, big->articles());
    // RunUnary() warms up for a quarter of its time; and half a second so that it ends first.
    const double seconds = scale_.paced_seconds * 1.25 + 0.5;
    UnaryLoad search;
    const IngestLoad load = big->FillPaced(
        static_cast<int64_t>(seconds * kPacedArticlesPerSecond), kPacedArticlesPerSecond, [&] {
          search =
              RunUnary(service.address(), kFindRelated, queries, OneCaller(scale_.paced_seconds));
        });
    figures_["load_articles"] = big->articles();
    figures_["find_related_under_ingest_p50_ms"] = search.p50_us / 1000;
    figures_["find_related_under_ingest_p99_ms"] = search.p99_us / 1000;
    figures_["find_related_under_ingest_calls"] = search.calls;
    figures_["find_related_under_ingest_articles_per_second"] = load.articles_per_second();
    service.WaitUntilIdle(scale_.settle_seconds_max);
  }

  // Asks with new reports of the stories of articles all over the first `articles`.
  template <typename Request>
  std::vector<ByteBuffer> NewQueries(const CollectionFiller& collection, int64_t articles) const {
    return Queries<Request>(collection.collection(), articles, /*copies=*/false);
  }

  // With `copies`, every other query is an edited copy.
  template <typename Request>
  std::vector<ByteBuffer> Queries(const std::string& collection, int64_t articles,
                                  bool copies) const {
    std::vector<ByteBuffer> queries;
    GeneratedArticle made;
    for (int i = 0; i < kQueries; ++i) {
      const uint64_t number = static_cast<uint64_t>(articles) * i / kQueries;
      if (copies && i % 2 == 0) {
        generator_.MakeEditedCopy(number, 1, &made);
      } else {
        generator_.MakeOtherReport(number, 1, &made);
      }
      Request request;
      request.set_collection(collection);
      MoveInto(std::move(made), request.mutable_article());
      queries.push_back(ToBuffer(request.SerializeAsString()));
    }
    return queries;
  }

  // The echo gets the very bytes that FindDuplicates gets, and answers with nothing.
  void MeasureAgainstEcho(const LoadedService& service, const CollectionFiller& big) {
    Report("FindDuplicates against an echo");
    const ServerProcess echo("echo_bench", {"--serve=callback"});
    UnaryOptions loaded;
    loaded.seconds = scale_.seconds;
    const auto queries = Queries<v1::FindDuplicatesRequest>(big.collection(), big.articles(), true);
    std::vector<double> ours, ours_p50, ours_p99, empty, empty_p50, empty_p99;
    for (int round = 0; round < scale_.rounds; ++round) {
      const UnaryLoad a = RunUnary(service.address(), kFindDuplicates, queries, loaded);
      ours.push_back(a.calls_per_second);
      ours_p50.push_back(a.p50_us);
      ours_p99.push_back(a.p99_us);
      const UnaryLoad b = RunUnary(echo.address(), kEchoUnary, queries, loaded);
      empty.push_back(b.calls_per_second);
      empty_p50.push_back(b.p50_us);
      empty_p99.push_back(b.p99_us);
    }
    size_t bytes = 0;
    for (const ByteBuffer& query : queries) bytes += query.Length();
    figures_["unary_request_bytes_mean"] = bytes / queries.size();
    figures_["unary_find_duplicates_calls_per_second"] = Median(ours);
    figures_["unary_find_duplicates_p50_us"] = Median(ours_p50);
    figures_["unary_find_duplicates_p99_us"] = Median(ours_p99);
    figures_["unary_echo_calls_per_second"] = Median(empty);
    figures_["unary_echo_p50_us"] = Median(empty_p50);
    figures_["unary_echo_p99_us"] = Median(empty_p99);
    figures_["unary_find_duplicates_vs_echo"] = Median(ours) / Median(empty);
    figures_["unary_find_duplicates_p99_vs_echo"] = Median(ours_p99) / Median(empty_p99);
  }

  // SIGKILL comes first, before any clean stop may have put things in order, and right after the
  // last of some writes was acknowledged.
  void MeasureRestarts(LoadedService* service, CollectionFiller* big) {
    Report("restart after SIGKILL");
    big->Fill(scale_.killed_articles);
    figures_["restart_killed_seconds"] = service->KillAndStart();
    CheckStored(*service, *big);
    Report("restart after SIGTERM");
    service->WaitUntilIdle(scale_.settle_seconds_max);
    figures_["restart_clean_seconds"] = service->StopAndStart();
    figures_["restart_articles"] = big->articles();
    CheckStored(*service, *big);
  }

  v1::FindDuplicatesResponse FindDuplicates(const LoadedService& service,
                                            const CollectionFiller& collection,
                                            GeneratedArticle&& made) const {
    v1::FindDuplicatesRequest request;
    request.set_collection(collection.collection());
    MoveInto(std::move(made), request.mutable_article());
    request.mutable_article()->clear_id();
    // With its source it would be a revision of itself.
    request.mutable_article()->clear_source();
    return OrDie(service.client().FindDuplicates(request));
  }

  // That every acknowledged article is there, by number, and by what is found: the last ones, a
  // sample of all, and nothing for an article that was never stored.
  void CheckStored(const LoadedService& service, const CollectionFiller& big) const {
    v1::GetStatsRequest request;
    request.set_collection(big.collection());
    const int64_t articles = OrDie(service.client().GetStats(request)).articles();
    if (articles != big.articles()) {
      Die(absl::StrCat("after a restart: ", articles, " articles, acknowledged ", big.articles()));
    }
    GeneratedArticle made;
    for (int i = 0; i < kSamples; ++i) {
      const int64_t number = i % 2 == 0 ? articles - 1 - i / 2 : articles * i / kSamples;
      generator_.Make(static_cast<uint64_t>(number), &made);
      const std::string id = made.id;
      const v1::Verdict found = FindDuplicates(service, big, std::move(made)).verdict();
      if (found.relation() != v1::RELATION_EXACT || found.matches().empty() ||
          found.matches(0).article_id() != id) {
        Die(absl::StrCat("after a restart: article ", id, " is not found, but relation ",
                         v1::Relation_Name(found.relation())));
      }
      generator_.MakeOtherReport(static_cast<uint64_t>(number), 2, &made);
      const v1::Verdict other = FindDuplicates(service, big, std::move(made)).verdict();
      if (IsCopy(other.relation())) {
        Die(absl::StrCat("after a restart: another report of ", id, " is taken for a copy"));
      }
    }
  }

  // Latency of one caller on its own, on two collections of the same server in turn.
  template <typename Request>
  void MeasureGrowthOf(const std::string& name, const char* method, const LoadedService& service,
                       const CollectionFiller& small, const CollectionFiller& big, bool copies) {
    const auto small_queries = Queries<Request>(small.collection(), small.articles(), copies);
    const auto big_queries = Queries<Request>(big.collection(), big.articles(), copies);
    std::vector<double> small_us, big_us, big_p99_us;
    for (int round = 0; round < scale_.rounds; ++round) {
      const UnaryOptions alone = OneCaller(scale_.seconds);
      small_us.push_back(RunUnary(service.address(), method, small_queries, alone).p50_us);
      const UnaryLoad load = RunUnary(service.address(), method, big_queries, alone);
      big_us.push_back(load.p50_us);
      big_p99_us.push_back(load.p99_us);
    }
    figures_[name + "_small_p50_us"] = Median(small_us);
    figures_[name + "_big_p50_us"] = Median(big_us);
    figures_[name + "_big_p99_us"] = Median(big_p99_us);
    figures_[name + "_growth"] = Median(big_us) / Median(small_us);
  }

  void MeasureGrowth(const LoadedService& service, const CollectionFiller& big) {
    Report("growth");
    CollectionFiller small(service, generator_, "small");
    small.Fill(scale_.big_articles / 10);
    service.WaitUntilIdle(scale_.settle_seconds_max);
    figures_["load_small_articles"] = small.articles();
    figures_["load_big_articles"] = big.articles();
    MeasureGrowthOf<v1::FindDuplicatesRequest>("find_duplicates", kFindDuplicates, service, small,
                                               big, /*copies=*/true);
    MeasureGrowthOf<v1::FindRelatedRequest>("find_related", kFindRelated, service, small, big,
                                            /*copies=*/false);
    figures_["find_related_same_story_share"] = SameStoryShare(service, big);
  }

  // Of searches with another report of a stored article's story: whose best result is of the story.
  double SameStoryShare(const LoadedService& service, const CollectionFiller& big) const {
    int right = 0;
    GeneratedArticle made;
    for (int i = 0; i < kSamples; ++i) {
      const auto number = static_cast<uint64_t>(big.articles() * i / kSamples);
      generator_.MakeOtherReport(number, 3, &made);
      v1::FindRelatedRequest request;
      request.set_collection(big.collection());
      MoveInto(std::move(made), request.mutable_article());
      const v1::FindRelatedResponse response = OrDie(service.client().FindRelated(request));
      uint64_t found = 0;
      if (response.related().empty() ||
          !absl::SimpleAtoi(response.related(0).article_id().substr(1), &found)) {
        continue;
      }
      if (generator_.StoryOf(found) == generator_.StoryOf(number)) ++right;
    }
    return Share(right, kSamples);
  }

  const Scale scale_;
  const ArticleGenerator generator_;
  const ArticleGenerator copies_generator_;
  nlohmann::ordered_json figures_;
};

}  // namespace

int Main() {
  LoadBenchmark(ScaleFromFlags()).Run();
  return 0;
}

}  // namespace newsprint::bench

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return newsprint::bench::Main();
}
