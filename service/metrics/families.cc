#include "service/metrics/families.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <limits>
#include <memory>
#include <optional>
#include <set>
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

// Also where none is left to count them with.
uint64_t OpenDescriptors(uint64_t limit) {
  DIR* const dir = opendir("/proc/self/fd");
  if (dir == nullptr) return limit;
  uint64_t count = 0;
  while (const dirent* entry = readdir(dir)) count += entry->d_name[0] != '.' ? 1 : 0;
  closedir(dir);
  return count - 1;  // without that of the folder
}

// 0 when it cannot be read.
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
  Family& resident = families->Gauge("process_resident_memory_bytes", "Memory of the process.");
  if (const int64_t bytes = ResidentBytes(); bytes > 0) resident.Add(bytes);
  families->Counter("process_cpu_seconds_total", "Processor time of the process.")
      .Add(CpuSeconds());
  Family& open = families->Gauge("process_open_fds", "Open file descriptors.");
  Family& most = families->Gauge("process_max_fds", "How many there may be.");
  struct rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  most.Add(uint64_t{limit.rlim_cur});
  open.Add(OpenDescriptors(limit.rlim_cur));
}

void AddState(const ServerState& state, Families* families) {
  families->Gauge("newsprint_ready", "1 while calls are answered, else 0.")
      .Add(state.phase() == ServerState::Phase::kServing ? 1.0 : 0.0);
  Family& phase = families->Gauge("newsprint_phase", "1 for what the process is at, else 0.");
  for (size_t i = 0; i < ServerState::kPhases; ++i) {
    const auto one = static_cast<ServerState::Phase>(i);
    phase.Add(state.phase() == one ? 1.0 : 0.0, {{"phase", std::string(PhaseName(one))}});
  }
  families->Gauge("newsprint_upgraded_articles", "Articles that an upgrade has looked at so far.")
      .Add(state.articles_upgraded());
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
  Family& store = families->Gauge("newsprint_store_bytes",
                                  "Tables, blob files and write buffers of the database, without "
                                  "its log, snapshots and graphs.");
  if (engine == nullptr) return;
  writable.Add(engine->write_state() == store::WriteState::kWritable ? 1.0 : 0.0);
  if (const std::optional<store::DiskSpace> disk = engine->disk_space(); disk.has_value()) {
    free.Add(disk->free_bytes);
    size.Add(disk->size_bytes);
  }
  reserve.Add(engine->disk_reserve_bytes());
  store.Add(engine->store_bytes());
}

std::string CodeName(size_t code) {
  return absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
}

// Those that alerts read are there from the start: a rate needs a value before the first one.
bool IsAlwaysTold(size_t code) {
  switch (static_cast<absl::StatusCode>(code)) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnavailable:
      return true;
    default:
      return false;
  }
}

void AddByCode(const rpc::CallMetrics::ByCode& counts, const Labels& labels, Family* family) {
  for (size_t code = 0; code < counts.size(); ++code) {
    const uint64_t count = counts[code].value();
    if (count == 0 && !IsAlwaysTold(code)) continue;
    Labels all = labels;
    all.push_back({"code", CodeName(code)});
    family->Add(count, std::move(all));
  }
}

void AddCalls(const rpc::Server* server, Families* families) {
  Family& requests = families->Counter(
      "newsprint_requests_total", "Unary calls, and requests of StreamIngest, by what came of it.");
  Family& seconds =
      families->Histogram("newsprint_request_seconds",
                          "How long those took that were let in, from the request to its answer.");
  Family& bytes = families->Counter("newsprint_request_bytes_total", "Size of the requests.");
  Family& streams =
      families->Counter("newsprint_streams_ended_total", "Streams that have ended, by status.");
  Family& items = families->Counter("newsprint_batch_items_total",
                                    "Items of BatchIngestArticles, by what came of them.");
  Family& refusals = families->Counter("newsprint_overload_refusals_total",
                                       "Calls and streams refused as there was too much to do.");
  Family& slow = families->Counter("newsprint_slow_calls_total",
                                   "Calls and requests that took --slow_call_ms or longer.");
  Family& access = families->Counter("newsprint_access_refusals_total",
                                     "What was refused for who makes it, by the reason.");
  if (server == nullptr) return;
  const rpc::CallMetrics& metrics = server->metrics();
  for (const auto& [name, method] : metrics.methods()) {
    const Labels labels = {{"method", name}};
    if (method.has_requests) AddByCode(method.requests, labels, &requests);
    if (method.is_stream) AddByCode(method.streams, labels, &streams);
    if (method.request_bytes.value() > 0) bytes.Add(method.request_bytes.value(), labels);
    if (method.seconds.Read().count() > 0) seconds.Add(method.seconds, labels);
  }
  AddByCode(metrics.batch_items(), {}, &items);
  refusals.Add(metrics.refusals());
  slow.Add(metrics.slow_calls());
  using AccessRefusal = rpc::CallMetrics::AccessRefusal;
  for (const auto& [reason, name] :
       {std::pair(AccessRefusal::kUnauthenticated, "unauthenticated"),
        std::pair(AccessRefusal::kPermission, "permission"),
        std::pair(AccessRefusal::kRate, "rate"), std::pair(AccessRefusal::kStreams, "streams"),
        std::pair(AccessRefusal::kArticles, "articles")}) {
    access.Add(metrics.access_refusals(reason), {{"reason", name}});
  }
}

void AddReloads(const rpc::Server* server, Families* families) {
  Family& not_after = families->Gauge("newsprint_certificate_not_after_seconds",
                                      "When the certificate of --tls_cert expires, since 1970.");
  Family& failed =
      families->Gauge("newsprint_config_reload_failed",
                      "1 while files on disk are no good, and those of before stay, else 0.");
  if (server == nullptr) return;
  const rpc::ReloadState state = server->reload_state();
  if (state.certificate_not_after.has_value()) {
    not_after.Add(absl::ToDoubleSeconds(*state.certificate_not_after - absl::UnixEpoch()));
  }
  const auto add = [&failed](const char* file, std::optional<bool> value) {
    if (value.has_value()) failed.Add(*value ? 1.0 : 0.0, {{"file", file}});
  };
  add("certificates", state.certificates_failed);
  add("access_file", state.access_file_failed);
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

// Those that are told by themselves, and the rest as one.
std::vector<CollectionFigures> ReadCollections(const Engine& engine, ToldCollections* told,
                                               size_t* count) {
  std::vector<CollectionFigures> all;
  for (const auto& collection : engine.List("", SIZE_MAX)) all.push_back(FiguresOf(*collection));
  *count = all.size();
  std::vector<ToldCollections::Sized> sizes;
  for (const CollectionFigures& one : all) sizes.push_back({one.name, one.stats.articles});
  const std::set<std::string>& names = told->Choose(std::move(sizes));
  std::vector<CollectionFigures> figures;
  CollectionFigures other;
  other.name = kOtherCollections;
  for (CollectionFigures& one : all) {
    if (names.count(one.name) > 0) {
      figures.push_back(std::move(one));
    } else {
      AddTo(one, &other);
    }
  }
  if (figures.size() < all.size()) figures.push_back(std::move(other));
  return figures;
}

void AddBackground(const Engine* engine, Families* families) {
  Family& problems =
      families->Gauge("newsprint_background_problems",
                      "Collections whose work in the background is held up by a problem.");
  if (engine == nullptr) return;
  for (const auto& [task, collections] : engine->BackgroundProblems()) {
    problems.Add(collections, {{"task", std::string(task)}});
  }
}

void AddCollections(const Engine* engine, ToldCollections* told, Families* families) {
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
  for (const CollectionFigures& figures : ReadCollections(*engine, told, &count)) {
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

const std::set<std::string>& ToldCollections::Choose(std::vector<Sized> collections) {
  std::set<std::string> present;
  for (const Sized& collection : collections) {
    if (names_.count(collection.name) > 0) present.insert(collection.name);
  }
  names_.swap(present);
  std::sort(collections.begin(), collections.end(), [](const Sized& a, const Sized& b) {
    return a.articles != b.articles ? a.articles > b.articles : a.name < b.name;
  });
  for (Sized& collection : collections) {
    if (names_.size() >= kCollectionsTold) break;
    names_.insert(std::move(collection.name));
  }
  return names_;
}

std::vector<MetricFamily> CollectFamilies(absl::string_view newsprint_version,
                                          const ServerState& state, const Engine* engine,
                                          const rpc::Server* server, ToldCollections* told) {
  Families families;
  AddProcess(newsprint_version, state.start_time(), &families);
  AddState(state, &families);
  AddStorage(engine, &families);
  AddCalls(server, &families);
  AddLoad(server, &families);
  AddReloads(server, &families);
  AddWork(&families);
  AddBackground(engine, &families);
  // Before, the locks are held by those who load.
  AddCollections(state.loaded() ? engine : nullptr, told, &families);
  return families.Take();
}

}  // namespace newsprint::metrics
