// Load on a real newsprintd over loopback, with the client on the same cores: unary calls against
// an empty echo, durable ingestion, growth of latency with the number of articles, memory per
// article. Prints one JSON object.
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/config.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "bench/grpc_load.h"
#include "bench/server_process.h"
#include "bench/stats.h"
#include "client/client.h"
#include "client/stream_ingester.h"
#include "nlohmann/json.hpp"
#include "tests/testing/articles.h"

ABSL_FLAG(std::string, scale, "quick", "quick or full.");

namespace newsprint::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kFindDuplicates[] = "/newsprint.v1.ArticleService/FindDuplicates";
constexpr char kFindRelated[] = "/newsprint.v1.ArticleService/FindRelated";
constexpr int kArticleWords = 398;  // 3.6 KB
constexpr int kChunkArticles = 10'000;
constexpr int kQueries = 1000;
// Numbers of stories that are stored in no collection.
constexpr uint64_t kUnstoredStory = uint64_t{1} << 40;

struct Scale {
  int small_articles;
  int big_articles;
  int skip_related_articles;
  int rounds;
  double seconds;  // of one measurement
};

Scale ScaleFromFlag() {
  const std::string name = absl::GetFlag(FLAGS_scale);
  if (name == "quick") return {3'000, 12'000, 12'000, 5, 0.7};
  if (name == "full") return {10'000, 100'000, 50'000, 5, 2.0};
  std::fprintf(stderr, "scale: got \"%s\", limit quick or full\n", name.c_str());
  std::exit(2);
}

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void DieUnlessOk(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

v1::Article StoryArticle(uint64_t story) {
  Article made = testing::StoryArticle(absl::StrCat("a", story), story, kArticleWords);
  v1::Article article;
  article.set_id(std::move(made.id));
  article.set_title(std::move(made.title));
  article.set_body(std::move(made.body));
  return article;
}

// The text of a story with another lede and a footer.
v1::Article EditedCopy(uint64_t story) {
  v1::Article article = StoryArticle(story);
  const std::string lede = testing::StoryText(story + kUnstoredStory, 30);
  article.set_body(absl::StrCat(lede, article.body().substr(300), "Sign up for our newsletter."));
  return article;
}

enum class Queries { kNew, kHalfCopies };

template <typename Request>
std::vector<grpc::ByteBuffer> MakeQueries(Queries kind, const std::string& collection,
                                          int stored_articles) {
  std::vector<grpc::ByteBuffer> queries;
  for (int i = 0; i < kQueries; ++i) {
    Request request;
    request.set_collection(collection);
    *request.mutable_article() = kind == Queries::kHalfCopies && i % 2 == 0
                                     ? EditedCopy(i * 7919 % stored_articles)
                                     : StoryArticle(kUnstoredStory + i);
    queries.push_back(ToBuffer(request.SerializeAsString()));
  }
  return queries;
}

struct Ingestion {
  double articles_per_second = 0;
  double last_chunk_articles_per_second = 0;
};

// Streams new articles into a new collection. Making them is not timed.
Ingestion Ingest(const client::Client& client, const std::string& collection, int articles,
                 bool skip_related) {
  v1::CreateCollectionRequest create;
  create.mutable_collection()->set_name(collection);
  DieUnlessOk(client.CreateCollection(create).status());
  client::StreamIngesterOptions options;
  options.collection = collection;
  options.skip_related = skip_related;
  Ingestion ingestion;
  double seconds = 0;
  for (int first = 0; first < articles; first += kChunkArticles) {
    const int count = std::min(kChunkArticles, articles - first);
    std::vector<v1::Article> chunk;
    for (int i = 0; i < count; ++i) chunk.push_back(StoryArticle(first + i));
    int failed = 0;
    const Clock::time_point begin = Clock::now();
    client::StreamIngester ingester(client, options,
                                    [&failed](uint64_t, const v1::IngestResult& result) {
                                      if (result.status().code() != 0) ++failed;
                                    });
    for (v1::Article& article : chunk) DieUnlessOk(ingester.Add(std::move(article)).status());
    DieUnlessOk(ingester.Finish());
    const double chunk_seconds = SecondsSince(begin);
    if (failed > 0) DieUnlessOk(absl::InternalError(absl::StrCat(failed, " articles failed")));
    seconds += chunk_seconds;
    ingestion.last_chunk_articles_per_second = count / chunk_seconds;
  }
  ingestion.articles_per_second = articles / seconds;
  return ingestion;
}

class Benchmark {
 public:
  explicit Benchmark(const Scale& scale)
      : scale_(scale),
        server_("newsprintd", {"--listen=127.0.0.1:0", "--log_level=warning",
                               absl::StrCat("--data_dir=", data_dir_.path())}),
        client_(MakeClient(server_.address())) {}

  nlohmann::ordered_json Run() {
    WaitUntilReady();
    MeasureIngestion();
    MeasureGrowth();
    MeasureAgainstEcho();
    return std::move(figures_);
  }

 private:
  static client::Client MakeClient(const std::string& target) {
    client::ClientOptions options;
    options.target = target;
    return client::Client(client::MakeConnection(options));
  }

  v1::GetStatsResponse Stats(const std::string& collection) const {
    v1::GetStatsRequest request;
    request.set_collection(collection);
    absl::StatusOr<v1::GetStatsResponse> stats = client_.GetStats(request);
    DieUnlessOk(stats.status());
    return *std::move(stats);
  }

  // The client repeats calls that a starting server refuses.
  void WaitUntilReady() const { Stats(""); }

  void MeasureIngestion() {
    const int articles = scale_.big_articles;
    const int64_t empty_bytes = server_.resident_bytes();
    const Ingestion related = Ingest(client_, "big", articles, false);
    const int64_t filled_bytes = server_.resident_bytes();
    const v1::GetStatsResponse stats = Stats("big");
    figures_["load_articles"] = articles;
    figures_["load_article_bytes"] = StoryArticle(0).body().size();
    figures_["stream_ingest_articles_per_second"] = related.articles_per_second;
    figures_["load_last_chunk_articles"] = (articles - 1) % kChunkArticles + 1;
    figures_["stream_ingest_last_chunk_articles_per_second"] =
        related.last_chunk_articles_per_second;
    figures_["bytes_per_article"] = PerArticle(filled_bytes - empty_bytes);
    figures_["empty_server_bytes"] = empty_bytes;
    figures_["fingerprint_index_bytes_per_article"] = PerArticle(stats.fingerprint_index_bytes());
    figures_["vector_index_bytes_per_article"] = PerArticle(stats.vector_index_bytes());
    figures_["disk_bytes_per_article"] = PerArticle(stats.store_bytes());
    figures_["load_skip_related_articles"] = scale_.skip_related_articles;
    figures_["stream_ingest_skip_related_articles_per_second"] =
        Ingest(client_, "skip", scale_.skip_related_articles, true).articles_per_second;
    Ingest(client_, "small", scale_.small_articles, false);
  }

  double PerArticle(int64_t bytes) const {
    return static_cast<double>(bytes) / scale_.big_articles;
  }

  // Latency of one caller on its own, on two collections of the same server in turn.
  template <typename Request>
  void MeasureGrowthOf(const std::string& name, const char* method, Queries kind) {
    UnaryOptions alone;
    alone.threads = alone.connections = 1;
    alone.seconds = scale_.seconds;
    const auto small_queries = MakeQueries<Request>(kind, "small", scale_.small_articles);
    const auto big_queries = MakeQueries<Request>(kind, "big", scale_.big_articles);
    std::vector<double> small_us, big_us, big_p99_us;
    for (int round = 0; round < scale_.rounds; ++round) {
      small_us.push_back(RunUnary(server_.address(), method, small_queries, alone).p50_us);
      const UnaryLoad big = RunUnary(server_.address(), method, big_queries, alone);
      big_us.push_back(big.p50_us);
      big_p99_us.push_back(big.p99_us);
    }
    figures_[name + "_small_p50_us"] = Median(small_us);
    figures_[name + "_big_p50_us"] = Median(big_us);
    figures_[name + "_big_p99_us"] = Median(big_p99_us);
    figures_[name + "_growth"] = Median(big_us) / Median(small_us);
  }

  void MeasureGrowth() {
    figures_["load_small_articles"] = scale_.small_articles;
    MeasureGrowthOf<v1::FindDuplicatesRequest>("find_duplicates", kFindDuplicates,
                                               Queries::kHalfCopies);
    MeasureGrowthOf<v1::FindRelatedRequest>("find_related", kFindRelated, Queries::kNew);
  }

  // The echo gets the very bytes that FindDuplicates gets, and answers with nothing.
  void MeasureAgainstEcho() {
    const ServerProcess echo("echo_bench", {"--serve=callback"});
    UnaryOptions loaded;
    loaded.seconds = scale_.seconds;
    const auto queries =
        MakeQueries<v1::FindDuplicatesRequest>(Queries::kHalfCopies, "big", scale_.big_articles);
    std::vector<double> ours, ours_p50, ours_p99, empty, empty_p50, empty_p99;
    for (int round = 0; round < scale_.rounds; ++round) {
      const UnaryLoad a = RunUnary(server_.address(), kFindDuplicates, queries, loaded);
      ours.push_back(a.calls_per_second);
      ours_p50.push_back(a.p50_us);
      ours_p99.push_back(a.p99_us);
      const UnaryLoad b = RunUnary(echo.address(), kEchoUnary, queries, loaded);
      empty.push_back(b.calls_per_second);
      empty_p50.push_back(b.p50_us);
      empty_p99.push_back(b.p99_us);
    }
    figures_["unary_request_bytes"] = queries.front().Length();
    figures_["unary_find_duplicates_calls_per_second"] = Median(ours);
    figures_["unary_find_duplicates_p50_us"] = Median(ours_p50);
    figures_["unary_find_duplicates_p99_us"] = Median(ours_p99);
    figures_["unary_echo_calls_per_second"] = Median(empty);
    figures_["unary_echo_p50_us"] = Median(empty_p50);
    figures_["unary_echo_p99_us"] = Median(empty_p99);
    figures_["unary_find_duplicates_vs_echo"] = Median(ours) / Median(empty);
  }

  const Scale scale_;
  const testing::TempDir data_dir_;
  const ServerProcess server_;
  const client::Client client_;
  nlohmann::ordered_json figures_;
};

}  // namespace

int Main() {
  std::cout << Benchmark(ScaleFromFlag()).Run().dump(1) << std::endl;
  return 0;
}

}  // namespace newsprint::bench

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return newsprint::bench::Main();
}
