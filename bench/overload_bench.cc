// What an overload does to newsprintd: how much it still serves when five times as much is asked of
// it as it can do, how fast it refuses the rest, and what memory clients can make it take. Client
// and server share the machine's cores, in the peak as in the overload. Prints the figures as one
// JSON object; progress goes to standard error.
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/article_generator.h"
#include "bench/async_load.h"
#include "bench/grpc_load.h"
#include "bench/hoarders.h"
#include "bench/loaded_service.h"
#include "bench/server_process.h"
#include "bench/stats.h"
#include "nlohmann/json.hpp"

ABSL_FLAG(double, seconds, 5, "Of one measurement.");
ABSL_FLAG(int, rounds, 3, "Of peak and overload in turn; the medians count.");
ABSL_FLAG(int, connections, 1000, "Of the clients that take memory.");
ABSL_FLAG(int, large_bytes, 4 << 20, "Of a large article.");
ABSL_FLAG(uint64_t, seed, 20110504, "Of the articles.");
ABSL_FLAG(std::string, only, "", "goodput, memory, or one of the loads of memory. Empty: all.");
ABSL_FLAG(std::string, hoard, "", "Be the clients that take memory, of this kind.");
ABSL_FLAG(std::string, target, "", "HOST:PORT, with --hoard.");
ABSL_FLAG(int, article_bytes, 0, "With --hoard.");

namespace newsprint::bench {
namespace {

using grpc::ByteBuffer;

constexpr char kFindDuplicates[] = "/newsprint.v1.ArticleService/FindDuplicates";
constexpr char kIngest[] = "/newsprint.v1.ArticleService/IngestArticle";
constexpr int kStoredArticles = 20'000;
constexpr int kQueries = 4000;
constexpr double kTimesPeak = 5;
constexpr int kCallersAtPeak = 16;
constexpr double kIngestedPerSecondMax = 8000;

class OverloadBenchmark {
 public:
  OverloadBenchmark() : generator_(GeneratorOptions()) {}

  void Run() {
    const std::string only = absl::GetFlag(FLAGS_only);
    if (only.empty() || only == "goodput") MeasureGoodput();
    if (only != "goodput") MeasureMemory();
    std::cout << figures_.dump() << std::endl;
  }

 private:
  static ArticleGenerator::Options GeneratorOptions() {
    ArticleGenerator::Options options;
    options.seed = absl::GetFlag(FLAGS_seed);
    return options;
  }

  // `other_reports`: on the stories that are stored; else articles that are new.
  template <typename Request>
  std::vector<ByteBuffer> Requests(int count, bool other_reports,
                                   const std::string& collection = "") {
    std::vector<ByteBuffer> requests;
    GeneratedArticle made;
    for (int i = 0; i < count; ++i) {
      if (other_reports) {
        generator_.MakeOtherReport(i * kStoredArticles / count, 1, &made);
      } else {
        generator_.Make(next_article_++, &made);
      }
      Request request;
      request.set_collection(collection);
      MoveInto(std::move(made), request.mutable_article());
      requests.push_back(ToBuffer(request.SerializeAsString()));
    }
    return requests;
  }

  // On cores of its own, so that the many calls of an overload take nothing from the server but
  // what they cost there.
  static void RunOn(int first_core, int last_core) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    for (int core = first_core; core <= last_core; ++core) CPU_SET(core, &cores);
    if (sched_setaffinity(0, sizeof(cores), &cores) != 0) Report("cores are not set apart");
  }

  void MeasureGoodput() {
    const int cores = static_cast<int>(std::max(2u, std::thread::hardware_concurrency()));
    RunOn(0, cores / 2 - 1);
    LoadedService service;
    RunOn(cores / 2, cores - 1);
    Report("articles to search in");
    CollectionFiller filler(service, generator_, "stored");
    filler.Fill(kStoredArticles);
    service.WaitUntilIdle(20);
    RequestQueue find(
        Requests<v1::FindDuplicatesRequest>(kQueries, /*other_reports=*/true, filler.collection()),
        /*once=*/false);
    MeasureMethod("find_duplicates", service, kFindDuplicates, &find);
    next_article_ = kStoredArticles;
    const double seconds = absl::GetFlag(FLAGS_rounds) * (absl::GetFlag(FLAGS_seconds) + 1) * 4;
    RequestQueue ingest(Requests<v1::IngestArticleRequest>(
                            static_cast<int>(seconds * kIngestedPerSecondMax / 2), false),
                        /*once=*/true);
    MeasureMethod("ingest", service, kIngest, &ingest);
  }

  // The peak, which is what some callers or five times as many get, each with one call at a time;
  // then five times that rate, over few and over many connections.
  void MeasureMethod(const std::string& name, const LoadedService& service, const char* method,
                     RequestQueue* requests) {
    std::vector<double> peaks, callers_share, rate_share, many_share;
    AsyncLoad rate, many;
    for (int round = 0; round < absl::GetFlag(FLAGS_rounds); ++round) {
      AsyncOptions options;
      options.seconds = absl::GetFlag(FLAGS_seconds);
      options.in_flight = kCallersAtPeak;
      const AsyncLoad peak = RunAsync(service.process(), method, requests, options);
      Print(name + " peak", peak);
      options.in_flight = static_cast<int>(kCallersAtPeak * kTimesPeak);
      const AsyncLoad callers = RunAsync(service.process(), method, requests, options);
      Print(name + " 5x callers", callers);
      peaks.push_back(std::max(peak.served_per_second(), callers.served_per_second()));
      options.per_second = kTimesPeak * peaks.back();
      rate = RunAsync(service.process(), method, requests, options);
      Print(name + " 5x rate", rate);
      options.connections = 200;
      many = RunAsync(service.process(), method, requests, options);
      Print(name + " 5x rate, 200 connections", many);
      callers_share.push_back(callers.served_per_second() / peaks.back());
      rate_share.push_back(rate.served_per_second() / peaks.back());
      many_share.push_back(many.served_per_second() / peaks.back());
    }
    const std::string prefix = absl::StrCat("overload_", name, "_");
    figures_[prefix + "peak_per_second"] = Median(peaks);
    figures_[prefix + "callers_goodput_share"] = Median(callers_share);
    figures_[prefix + "goodput_share"] = Median(rate_share);
    figures_[prefix + "connections_goodput_share"] = Median(many_share);
    figures_[prefix + "begun_times_peak"] = rate.begun_per_second() / peaks.back();
    figures_[prefix + "served_p50_ms"] = rate.served_p50_us / 1000;
    figures_[prefix + "served_p99_ms"] = rate.served_p99_us / 1000;
    figures_[prefix + "refused_p50_ms"] = rate.refused_p50_us / 1000;
    figures_[prefix + "refused_p99_ms"] = rate.refused_p99_us / 1000;
  }

  static void Print(const std::string& what, const AsyncLoad& load) {
    Report(absl::StrFormat(
        "%s: begun %.0f/s, served %.0f/s (p50 %.1f ms, p99 %.1f ms), server's CPU %.2f and %.0f us "
        "a call served, refused %.0f/s (p50 %.1f ms, p99 %.1f ms), late %.0f/s, failed %d",
        what, load.begun_per_second(), load.served_per_second(), load.served_p50_us / 1000,
        load.served_p99_us / 1000, load.server_cpu_seconds / load.seconds,
        load.server_cpu_seconds / static_cast<double>(std::max<int64_t>(1, load.served)) * 1e6,
        static_cast<double>(load.refused) / load.seconds, load.refused_p50_us / 1000,
        load.refused_p99_us / 1000, static_cast<double>(load.late) / load.seconds, load.failed));
  }

  void MeasureMemory() {
    const int large = absl::GetFlag(FLAGS_large_bytes);
    const std::string only = absl::GetFlag(FLAGS_only);
    for (const auto& [name, kind, bytes, signal_number] :
         std::vector<Hoarders>{{"never_reading", "never", 3000, 0},
                               {"slow_readers", "slow", 3000, 0},
                               {"large_streams", "slow", large, 0},
                               {"large_calls", "calls", large, 0},
                               {"large_answers", "answers", large, 0},
                               {"stopped_clients", "answers", large, SIGSTOP}}) {
      if (only.empty() || only == "memory" || only == name) {
        MeasureHoarders(name, kind, bytes, signal_number);
      }
    }
  }

  struct Hoarders {
    std::string name, kind;
    int article_bytes;
    int signal_number;
  };

  // Resident bytes of a server: at its start, at most, and some time after the clients were killed;
  // and what becomes of ordinary calls meanwhile. `signal_number`, unless 0, is sent to the clients
  // in the middle.
  void MeasureHoarders(const std::string& name, const std::string& kind, int article_bytes,
                       int signal_number) {
    const LoadedService service(
        {absl::StrCat("--body_bytes_max=", 8 << 20), "--keepalive_seconds=5"});
    const int64_t start = service.process().resident_bytes();
    if (kind == "answers") StoreLarge(service, article_bytes);
    auto clients = std::make_unique<ServerProcess>(
        "overload_bench",
        std::vector<std::string>{absl::StrCat("--hoard=", kind), "--target=" + service.address(),
                                 absl::StrCat("--connections=", absl::GetFlag(FLAGS_connections)),
                                 absl::StrCat("--article_bytes=", article_bytes)});
    int64_t most = 0;
    RequestQueue find(Requests<v1::FindDuplicatesRequest>(100, true), /*once=*/false);
    AsyncLoad ordinary;
    std::atomic<bool> done{false};
    std::thread caller([&] {
      AsyncOptions options;
      options.connections = 1;
      options.per_second = 20;
      options.deadline_seconds = 5;
      options.seconds = absl::GetFlag(FLAGS_seconds) * 3;
      ordinary = RunAsync(service.process(), kFindDuplicates, &find, options);
      done = true;
    });
    const auto begin = std::chrono::steady_clock::now();
    bool sent = signal_number == 0;
    while (!done) {
      most = std::max(most, service.process().resident_bytes());
      if (!sent && std::chrono::steady_clock::now() - begin > std::chrono::seconds(4)) {
        clients->Signal(signal_number);
        sent = true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    caller.join();
    clients->Kill();
    service.WaitUntilIdle(30);
    const int64_t after = service.process().resident_bytes();
    Report(absl::StrFormat("%s: start %d MB, most %d MB, after %d MB", name, start >> 20,
                           most >> 20, after >> 20));
    Print(name + ", ordinary calls", ordinary);
    const std::string prefix = absl::StrCat("overload_memory_", name, "_");
    figures_[prefix + "start_bytes"] = start;
    figures_[prefix + "most_bytes"] = most;
    figures_[prefix + "after_bytes"] = after;
    figures_[prefix + "calls"] = ordinary.begun;
    figures_[prefix + "calls_served"] = ordinary.served;
    figures_[prefix + "calls_p99_ms"] = ordinary.served_p99_us / 1000;
  }

  void StoreLarge(const LoadedService& service, int article_bytes) {
    for (int i = 0; i < 3; ++i) {
      v1::IngestArticleRequest request;
      request.mutable_article()->set_id(absl::StrCat("large-", i));
      GeneratedArticle made;
      std::string* body = request.mutable_article()->mutable_body();
      for (uint64_t k = 0; body->size() < static_cast<size_t>(article_bytes); ++k) {
        generator_.Make(100'000 * (i + 1) + k, &made);
        body->append(made.body).append("\n");
      }
      OrDie(service.client().IngestArticle(request));
    }
  }

  const ArticleGenerator generator_;
  uint64_t next_article_ = 0;
  nlohmann::json figures_ = nlohmann::json::object();
};

}  // namespace
}  // namespace newsprint::bench

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const std::string kind = absl::GetFlag(FLAGS_hoard);
  if (!kind.empty()) {
    newsprint::bench::RunHoarders(absl::GetFlag(FLAGS_target), kind,
                                  absl::GetFlag(FLAGS_connections),
                                  absl::GetFlag(FLAGS_article_bytes));
  }
  newsprint::bench::OverloadBenchmark().Run();
}
