// What articles of several kinds take: memory, disk at rest and at most while they are written,
// what is written for them in all, CPU time, and the time of the next start. A server of its own
// for each kind. Prints the figures so far after each kind, as one JSON object a line; progress
// goes to standard error.
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "bench/article_generator.h"
#include "bench/loaded_service.h"
#include "nlohmann/json.hpp"

ABSL_FLAG(int, articles, 200'000, "Of each kind, 1,000 or more.");
ABSL_FLAG(uint64_t, seed, 20110504, "Of the articles.");
ABSL_FLAG(std::string, only, "", "One kind: new, short, long, copies, omit_text, skip_related.");

namespace newsprint::bench {
namespace {

constexpr double kSettleSecondsMax = 600;
constexpr int64_t kChunkArticlesMax = 50'000;
constexpr auto kSampleInterval = std::chrono::milliseconds(250);

struct Kind {
  std::string name;
  double body_bytes_mean = ArticleGenerator::kBodyBytesMean;
  double copy_share = 0;
  bool omit_text = false;
  bool skip_related = false;
};

// The data folder and the files without a name, as the file system counts them.
int64_t DiskBytes(const LoadedService& service) {
  int64_t bytes = service.process().unnamed_file_bytes();
  std::error_code gone;  // files that are deleted meanwhile
  for (std::filesystem::recursive_directory_iterator at(service.data_dir(), gone), end; at != end;
       at.increment(gone)) {
    struct stat status;
    if (lstat(at->path().c_str(), &status) == 0) bytes += status.st_blocks * 512;
  }
  return bytes;
}

// The most that DiskBytes() has been, in samples, while this exists.
class DiskPeak {
 public:
  explicit DiskPeak(const LoadedService& service)
      : sampler_([this, &service] {
          while (!stop_) {
            most_ = std::max(most_, DiskBytes(service));
            std::this_thread::sleep_for(kSampleInterval);
          }
        }) {}
  ~DiskPeak() { Stop(); }

  int64_t Stop() {
    stop_ = true;
    if (sampler_.joinable()) sampler_.join();
    return most_;
  }

 private:
  std::atomic<bool> stop_{false};
  int64_t most_ = 0;  // the sampler's until it has ended
  std::thread sampler_;
};

nlohmann::json Measure(const Kind& kind) {
  Report(kind.name);
  ArticleGenerator::Options options;
  options.seed = absl::GetFlag(FLAGS_seed);
  options.copy_share = kind.copy_share;
  options.body_bytes_mean = kind.body_bytes_mean;
  const ArticleGenerator generator(options);
  LoadedService service;
  const int64_t empty_memory = service.process().resident_bytes();
  const int64_t empty_disk = DiskBytes(service);
  v1::Collection collection;
  collection.set_name(kind.name);
  collection.set_omit_text(kind.omit_text);
  CollectionFiller filler(service, generator, collection, kind.skip_related);

  const int64_t articles = absl::GetFlag(FLAGS_articles);
  DiskPeak peak(service);
  double cpu_seconds = service.process().cpu_seconds();
  filler.Fill(articles, static_cast<int>((articles + kChunkArticlesMax - 1) / kChunkArticlesMax));
  service.WaitUntilIdle(kSettleSecondsMax);
  cpu_seconds = service.process().cpu_seconds() - cpu_seconds;

  v1::GetStatsRequest request;
  request.set_collection(kind.name);
  const v1::GetStatsResponse stats = OrDie(service.client().GetStats(request));
  if (stats.articles() != articles) {
    Die(absl::StrCat(kind.name, ": ", stats.articles(), " articles, acknowledged ", articles));
  }
  const auto each = [articles](int64_t bytes) {
    return static_cast<double>(bytes) / static_cast<double>(articles);
  };
  nlohmann::json figures;
  figures["groups"] = stats.groups();
  figures["memory_bytes"] = each(service.process().resident_bytes() - empty_memory);
  figures["index_bytes"] = each(stats.fingerprint_index_bytes() + stats.vector_index_bytes());
  figures["disk_peak_bytes"] = each(peak.Stop() - empty_disk);
  figures["disk_bytes"] = each(DiskBytes(service) - empty_disk);
  figures["written_bytes"] = each(service.process().written_bytes());
  figures["cpu_us"] = cpu_seconds / static_cast<double>(articles) * 1e6;
  figures["start_seconds"] = service.StopAndStart();
  figures["memory_after_start_bytes"] = each(service.process().resident_bytes() - empty_memory);
  return figures;
}

int Main() {
  if (absl::GetFlag(FLAGS_articles) < 1000) {
    Die(absl::StrCat("articles: got ", absl::GetFlag(FLAGS_articles), ", limit 1,000 or more"));
  }
  std::vector<Kind> kinds(6);
  kinds[0].name = "new";
  kinds[1].name = "short";
  kinds[1].body_bytes_mean = 1200;
  kinds[2].name = "long";
  kinds[2].body_bytes_mean = 8000;
  kinds[3].name = "copies";
  kinds[3].copy_share = 0.5;
  kinds[4].name = "omit_text";
  kinds[4].omit_text = true;
  kinds[5].name = "skip_related";
  kinds[5].skip_related = true;
  nlohmann::json figures;
  figures["sizing_articles"] = absl::GetFlag(FLAGS_articles);
  const std::string only = absl::GetFlag(FLAGS_only);
  for (const Kind& kind : kinds) {
    if (!only.empty() && kind.name != only) continue;
    const nlohmann::json measured = Measure(kind);
    for (const auto& [figure, value] : measured.items()) {
      figures[absl::StrCat("sizing_", kind.name, "_", figure)] = value;
    }
    std::cout << figures.dump() << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace newsprint::bench

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return newsprint::bench::Main();
}
