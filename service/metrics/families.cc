#include "service/metrics/families.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <limits>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "service/common/call_times.h"
#include "service/engine/engine_counters.h"

namespace newsprint::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

// A family that grows by one value at a time.
class Family {
 public:
  Family(std::string name, MetricType type, std::string help) {
    family_.name = std::move(name);
    family_.help = std::move(help);
    family_.type = type;
  }

  void Add(double value, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    if (family_.type == MetricType::Counter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
    family_.metric.push_back(std::move(metric));
  }
  void Add(int64_t value, Labels labels = {}) {
    Add(static_cast<double>(value), std::move(labels));
  }
  void Add(uint64_t value, Labels labels = {}) {
    Add(static_cast<double>(value), std::move(labels));
  }

  void Add(const LatencyHistogram& histogram, Labels labels) {
    const LatencyHistogram::Snapshot snapshot = histogram.Read();
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.histogram.sample_count = snapshot.count();
    metric.histogram.sample_sum = snapshot.sum_seconds;
    for (size_t i = 0; i < LatencyHistogram::kBuckets; ++i) {
      const double bound = i < LatencyHistogram::kBoundsNanos.size()
                               ? static_cast<double>(LatencyHistogram::kBoundsNanos[i]) / 1e9
                               : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({snapshot.cumulative[i], bound});
    }
    family_.metric.push_back(std::move(metric));
  }

  MetricFamily Take() { return std::move(family_); }

 private:
  MetricFamily family_;
};

// Families in the making, in order.
class Families {
 public:
  Family& Gauge(std::string name, std::string help) {
    return Append(std::move(name), MetricType::Gauge, std::move(help));
  }
  Family& Counter(std::string name, std::string help) {
    return Append(std::move(name), MetricType::Counter, std::move(help));
  }
  Family& Histogram(std::string name, std::string help) {
    return Append(std::move(name), MetricType::Histogram, std::move(help));
  }

  std::vector<MetricFamily> Take() {
    std::vector<MetricFamily> families;
    for (const auto& family : families_) families.push_back(family->Take());
    return families;
  }

 private:
  Family& Append(std::string name, MetricType type, std::string help) {
    families_.push_back(std::make_unique<Family>(std::move(name), type, std::move(help)));
    return *families_.back();
  }

  std::vector<std::unique_ptr<Family>> families_;
};

int64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  int64_t pages = 0;
  int64_t resident = 0;
  file >> pages >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

double CpuSeconds() {
  struct rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const struct timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void AddProcess(absl::string_view newsprint_version, absl::Time start_time, Families* families) {
  families->Gauge("newsprint_build_info", "1, with the version as a label.")
      .Add(1.0, {{"version", std::string(newsprint_version)}});
  families->Gauge("process_start_time_seconds", "When the process began, since 1970.")
      .Add(absl::ToDoubleSeconds(start_time - absl::UnixEpoch()));
  families->Gauge("process_resident_memory_bytes", "Memory of the process.").Add(ResidentBytes());
  families->Counter("process_cpu_seconds_total", "Processor time of the process.")
      .Add(CpuSeconds());
}

void AddState(const ServerState& state, Families* families) {
  families->Gauge("newsprint_ready", "1 while calls are answered, else 0.")
      .Add(state.phase() == ServerState::Phase::kServing ? 1.0 : 0.0);
  families->Gauge("newsprint_loading_records", "Records read so far to fill the indexes.")
      .Add(state.records_loaded());
  families->Gauge("newsprint_loading_records_expected", "About how many it will be.")
      .Add(state.records_to_load());
}

void AddStorage(const Engine* engine, Families* families) {
  Family& writable =
      families->Gauge("newsprint_store_writable", "1 while writes are taken, 0 while read-only.");
  Family& free =
      families->Gauge("newsprint_disk_free_bytes", "Free on the disk of the data folder.");
  Family& size = families->Gauge("newsprint_disk_size_bytes", "Size of that disk.");
  Family& reserve = families->Gauge("newsprint_disk_reserve_bytes",
                                    "With less free, writes are refused (--disk_reserve_bytes).");
  Family& store = families->Gauge("newsprint_store_bytes", "Disk space of the database.");
  if (engine == nullptr) return;
  const store::StorageState storage = engine->storage_state();
  writable.Add(storage.writable.ok() ? 1.0 : 0.0);
  free.Add(storage.disk_free_bytes);
  size.Add(storage.disk_size_bytes);
  reserve.Add(storage.disk_reserve_bytes);
  store.Add(engine->store_bytes());
}

std::string CodeName(size_t code) {
  return absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
}

void AddByCode(const rpc::CallMetrics::ByCode& counts, const Labels& labels, bool with_ok,
               Family* family) {
  for (size_t code = 0; code < counts.size(); ++code) {
    const uint64_t count = counts[code].value();
    if (count == 0 && !(with_ok && code == 0)) continue;
    Labels all = labels;
    all.push_back({"code", CodeName(code)});
    family->Add(count, std::move(all));
  }
}

void AddCalls(const rpc::Server* server, Families* families) {
  Family& requests = families->Counter(
      "newsprint_requests_total", "Unary calls, and requests of StreamIngest, by what came of it.");
  Family& seconds = families->Histogram("newsprint_request_seconds",
                                        "How long they took, from the request to its answer.");
  Family& bytes = families->Counter("newsprint_request_bytes_total", "Size of the requests.");
  Family& streams =
      families->Counter("newsprint_streams_ended_total", "Streams that have ended, by status.");
  Family& items = families->Counter("newsprint_batch_items_total",
                                    "Items of BatchIngestArticles, by what came of them.");
  Family& refusals = families->Counter("newsprint_overload_refusals_total",
                                       "Calls and streams refused as there was too much to do.");
  Family& slow = families->Counter("newsprint_slow_calls_total",
                                   "Calls and requests that took --slow_call_ms or longer.");
  if (server == nullptr) return;
  const rpc::CallMetrics& metrics = server->metrics();
  for (const auto& [name, method] : metrics.methods()) {
    const Labels labels = {{"method", name}};
    AddByCode(method.requests, labels, /*with_ok=*/true, &requests);
    AddByCode(method.streams, labels, /*with_ok=*/false, &streams);
    if (method.request_bytes.value() > 0) bytes.Add(method.request_bytes.value(), labels);
    if (method.seconds.Read().count() > 0) seconds.Add(method.seconds, labels);
  }
  AddByCode(metrics.batch_items(), {}, /*with_ok=*/true, &items);
  refusals.Add(metrics.refusals());
  slow.Add(metrics.slow_calls());
}

void AddLoad(const rpc::Server* server, Families* families) {
  Family& queue = families->Gauge("newsprint_queue_tasks", "Tasks that wait for a thread.");
  Family& wait = families->Gauge("newsprint_queue_wait_seconds",
                                 "How long a call that came now would wait, as it looks.");
  Family& threads = families->Gauge("newsprint_compute_threads", "Threads that do the work.");
  Family& busy = families->Gauge("newsprint_compute_threads_busy", "Of these, those that do some.");
  Family& requests = families->Gauge("newsprint_requests_in_progress",
                                     "Requests that are not answered yet: unary, stream.");
  Family& bytes = families->Gauge("newsprint_in_progress_bytes",
                                  "Bytes of these, and of answers that nobody has taken yet.");
  Family& requests_max = families->Gauge("newsprint_requests_in_progress_max",
                                         "Limit of each kind (--queue_items_max).");
  Family& bytes_max =
      families->Gauge("newsprint_in_progress_bytes_max", "Limit of each kind (--queue_bytes_max).");
  Family& streams = families->Gauge("newsprint_streams_open", "Streams that are open.");
  if (server == nullptr) return;
  const rpc::ServerLoad load = server->load();
  queue.Add(uint64_t{load.pool.waiting});
  wait.Add(absl::ToDoubleSeconds(load.expected_wait));
  threads.Add(int64_t{load.compute_threads});
  busy.Add(uint64_t{load.pool.busy});
  requests.Add(uint64_t{load.usage.unary_items}, {{"kind", "unary"}});
  requests.Add(uint64_t{load.usage.stream_items}, {{"kind", "stream"}});
  bytes.Add(uint64_t{load.usage.unary_bytes}, {{"kind", "unary"}});
  bytes.Add(uint64_t{load.usage.stream_bytes}, {{"kind", "stream"}});
  bytes.Add(uint64_t{load.usage.answer_bytes}, {{"kind", "answer"}});
  bytes.Add(uint64_t{load.usage.stream_answer_bytes}, {{"kind", "stream_answer"}});
  requests_max.Add(uint64_t{load.items_max});
  bytes_max.Add(uint64_t{load.bytes_max});
  streams.Add(uint64_t{load.usage.streams});
}

void AddWork(Families* families) {
  Family& steps =
      families->Histogram("newsprint_step_seconds", "How long each step of the work took.");
  for (size_t i = 0; i < kStepCount; ++i) {
    const auto step = static_cast<Step>(i);
    steps.Add(StepHistogram(step), {{"step", std::string(StepName(step))}});
  }
  Family& verdicts = families->Counter(
      "newsprint_verdicts_total", "Articles that were ingested, by what they were found to be.");
  for (size_t i = 1; i < kRelationCount; ++i) {
    verdicts.Add(Counters().verdicts[i].value(),
                 {{"relation", std::string(RelationName(static_cast<Relation>(i)))}});
  }
  families->Counter("newsprint_articles_expired_total", "Articles deleted by retention.")
      .Add(Counters().articles_expired.value());
}

// One collection, or several together.
struct CollectionFigures {
  std::string name;
  CollectionStats stats;
  int64_t moving = 0;  // articles of collections that move to another embedder
  int64_t moved = 0;   // of these, those that have
  absl::Duration overdue;
};

CollectionFigures FiguresOf(const Collection& collection) {
  CollectionFigures figures;
  const CollectionInfo info = collection.Info();
  figures.name = info.settings.name;
  figures.stats = collection.Stats();
  if (info.reembedding.has_value()) {
    figures.moving = info.reembedding->articles;
    figures.moved = info.reembedding->articles_done;
  }
  if (figures.stats.oldest_article_at.has_value()) {
    const absl::Duration age = absl::Now() - *figures.stats.oldest_article_at;
    figures.overdue = std::max(absl::ZeroDuration(), age - info.settings.retention.age);
  }
  return figures;
}

void AddTo(const CollectionFigures& from, CollectionFigures* to) {
  for (int i = 0; i < kRelationCount; ++i) to->stats.relations[i] += from.stats.relations[i];
  to->stats.groups += from.stats.groups;
  to->stats.fingerprint_index_bytes += from.stats.fingerprint_index_bytes;
  to->stats.vector_index_bytes += from.stats.vector_index_bytes;
  to->stats.capped_values += from.stats.capped_values;
  to->stats.graph_segments += from.stats.graph_segments;
  to->stats.boilerplate_shingles += from.stats.boilerplate_shingles;
  to->stats.embeddings_pending += from.stats.embeddings_pending;
  to->stats.read_only = to->stats.read_only || from.stats.read_only;
  to->moving += from.moving;
  to->moved += from.moved;
  to->overdue = std::max(to->overdue, from.overdue);
}

// The largest by themselves, the rest as one.
std::vector<CollectionFigures> ReadCollections(const Engine& engine, size_t* count) {
  std::vector<CollectionFigures> all;
  for (const auto& collection : engine.List("", SIZE_MAX)) all.push_back(FiguresOf(*collection));
  *count = all.size();
  if (all.size() <= kCollectionsTold) return all;
  std::sort(all.begin(), all.end(), [](const CollectionFigures& a, const CollectionFigures& b) {
    return a.stats.articles > b.stats.articles;
  });
  CollectionFigures other;
  other.name = kOtherCollections;
  for (size_t i = kCollectionsTold; i < all.size(); ++i) AddTo(all[i], &other);
  all.resize(kCollectionsTold);
  all.push_back(std::move(other));
  return all;
}

void AddCollections(const Engine* engine, Families* families) {
  Family& collections = families->Gauge("newsprint_collections", "Collections.");
  Family& articles =
      families->Gauge("newsprint_articles", "Articles, by what they were found to be.");
  Family& groups = families->Gauge("newsprint_groups", "Groups of copies.");
  Family& segments = families->Gauge("newsprint_graph_segments", "Graphs over the vectors.");
  Family& bytes = families->Gauge("newsprint_index_bytes", "Memory of the indexes.");
  Family& capped = families->Gauge("newsprint_capped_values",
                                   "Sketch values so common that they find no article any more.");
  Family& boilerplate =
      families->Gauge("newsprint_boilerplate_shingles", "Shingles that count for nothing.");
  Family& pending =
      families->Gauge("newsprint_embeddings_pending", "Articles whose vector is still to come.");
  Family& moving = families->Gauge("newsprint_reembedding_articles",
                                   "Articles of collections that move to another embedder.");
  Family& moved =
      families->Gauge("newsprint_reembedding_articles_done", "Of these, those that have.");
  Family& overdue = families->Gauge("newsprint_expiry_overdue_seconds",
                                    "How long ago the oldest article should have been deleted.");
  Family& read_only = families->Gauge("newsprint_collection_read_only",
                                      "1 when an index has failed, until a restart.");
  if (engine == nullptr) return;
  size_t count = 0;
  for (const CollectionFigures& figures : ReadCollections(*engine, &count)) {
    const ClientMetric::Label label = {"collection", figures.name};
    const CollectionStats& stats = figures.stats;
    for (size_t i = 1; i < kRelationCount; ++i) {
      articles.Add(stats.relations[i],
                   {label, {"relation", std::string(RelationName(static_cast<Relation>(i)))}});
    }
    groups.Add(stats.groups, {label});
    segments.Add(stats.graph_segments, {label});
    bytes.Add(stats.fingerprint_index_bytes, {label, {"index", "fingerprint"}});
    bytes.Add(stats.vector_index_bytes, {label, {"index", "vector"}});
    capped.Add(stats.capped_values, {label});
    boilerplate.Add(stats.boilerplate_shingles, {label});
    pending.Add(stats.embeddings_pending, {label});
    moving.Add(figures.moving, {label});
    moved.Add(figures.moved, {label});
    overdue.Add(absl::ToDoubleSeconds(figures.overdue), {label});
    read_only.Add(stats.read_only ? 1.0 : 0.0, {label});
  }
  collections.Add(uint64_t{count});
}

}  // namespace

std::vector<MetricFamily> CollectFamilies(absl::string_view newsprint_version,
                                          const ServerState& state, const Engine* engine,
                                          const rpc::Server* server) {
  Families families;
  AddProcess(newsprint_version, state.start_time(), &families);
  AddState(state, &families);
  AddStorage(engine, &families);
  AddCalls(server, &families);
  AddLoad(server, &families);
  AddWork(&families);
  // Before, the locks are held by those who load.
  AddCollections(state.loaded() ? engine : nullptr, &families);
  return families.Take();
}

}  // namespace newsprint::metrics
