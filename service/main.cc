// newsprintd: wiring and signals.
#include <malloc.h>
#include <omp.h>
#include <semaphore.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "service/common/status_macros.h"
#include "service/engine/engine.h"
#include "service/flags.h"
#include "service/metrics/metrics_server.h"
#include "service/metrics/server_state.h"
#include "service/rpc/log.h"
#include "service/rpc/server.h"

namespace newsprint {
namespace {

void LogStoreState(const absl::Status& state) {
  if (state.ok()) {
    spdlog::info("event=store_writable");
  } else {
    spdlog::error("event=store_read_only reason=\"{}\"", absl::CEscape(state.message()));
  }
}

// The signal that asked us to stop; 0 while none has. Read by all threads.
std::atomic<int> stop_signal{0};
sem_t stop_posted;

void OnStopSignal(int signal_number) {
  stop_signal = signal_number;
  sem_post(&stop_posted);
}

// A handler, and not a blocked signal that one thread waits for: libraries start threads before
// main() runs, and those would not have it blocked.
void HandleStopSignals() {
  sem_init(&stop_posted, 0, 0);
  struct sigaction action = {};
  action.sa_handler = &OnStopSignal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

void WaitForStopSignal() {
  while (sem_wait(&stop_posted) != 0) {
  }
}

// Set when the server is to stop without a signal. Read by all threads.
std::atomic<bool> listener_lost{false};

void OnListenerLost() {
  listener_lost = true;
  sem_post(&stop_posted);
}

// Each connection takes a file descriptor, and so does each table of the database. Systems give a
// process few of them at first, for the sake of programs that cannot deal with many.
void RaiseFileLimit() {
  struct rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void LogBackgroundWork(const Collection& collection, absl::string_view task,
                       const absl::Status& status) {
  const std::string event = absl::StrCat(task, status.ok() ? "_goes_on" : "_waits");
  const std::string& name = collection.settings().name;
  if (status.ok()) {
    spdlog::info("event={} collection={}", event, name);
  } else {
    spdlog::warn("event={} collection={} reason=\"{}\"", event, name,
                 absl::CEscape(status.message()));
  }
}

// Tells every few seconds how far the loading of indexes is. Thread-safe.
class LoadProgress {
 public:
  explicit LoadProgress(metrics::ServerState* state) : state_(*state) {}

  // One more record has been read.
  void Count() {
    const int64_t records = state_.CountRecord();
    if (records % kLookEvery != 0) return;
    const int64_t now = absl::ToUnixSeconds(absl::Now());
    int64_t due = due_;
    if (now >= due && due_.compare_exchange_strong(due, now + kEverySeconds)) {
      spdlog::info("event=loading records={}", records);
    }
  }

 private:
  static constexpr int64_t kLookEvery = 10'000;
  static constexpr int64_t kEverySeconds = 5;

  metrics::ServerState& state_;
  std::atomic<int64_t> due_{absl::ToUnixSeconds(absl::Now()) + kEverySeconds};
};

constexpr char kListenerLost[] =
    "listen: no more connections are taken, as there was no file descriptor (ulimit -n) or memory "
    "for one; start the server again";

absl::Status Run(const Options& options) {
  HandleStopSignals();
  RaiseFileLimit();
  // Large texts and messages go back to the system at once. Else glibc would keep such pieces among
  // small ones, once it has seen a few, and the process would stay as large as it ever was.
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 32 << 20);
  // Debian's Abseil looks for deadlocks at each lock that gRPC takes.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  omp_set_num_threads(1);  // FAISS runs on the threads of our pool
  Engine::Options engine_options = options.engine;
  engine_options.newsprint_version = NEWSPRINT_VERSION;
  engine_options.store.report = &LogStoreState;
  using Phase = metrics::ServerState::Phase;
  metrics::ServerState state;
  engine_options.store.upgrade_progress = [&state](uint32_t to_format, uint64_t articles) {
    state.set_articles_upgraded(static_cast<int64_t>(articles));
    state.set_phase(Phase::kUpgrading);
    spdlog::info("event=upgrading to_format={} articles={}", to_format, articles);
  };
  std::unique_ptr<metrics::MetricsServer> metrics_server;
  if (!options.metrics_listen.empty()) {
    ASSIGN_OR_RETURN(metrics_server, metrics::MetricsServer::Start(options.metrics_listen,
                                                                   NEWSPRINT_VERSION, &state));
    spdlog::info("event=metrics_listening address={}", metrics_server->address());
    if (!rpc::IsLoopback(options.metrics_listen)) {
      spdlog::warn(
          "event=open_metrics message=\"{} is not a loopback address, and whoever can connect to "
          "it reads the names of collections and how much is in them: keep it inside a trusted "
          "network\"",
          absl::CEscape(metrics_server->address()));
    }
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<Engine> engine, Engine::Open(engine_options));
  ASSIGN_OR_RETURN(const std::unique_ptr<rpc::Server> server,
                   rpc::Server::Start(engine.get(), options.server));
  std::unique_ptr<metrics::MetricsServer::Attachment> attachment;
  if (metrics_server != nullptr) attachment = metrics_server->Attach(engine.get(), server.get());
  std::printf("listening on %s\n", server->address().c_str());
  if (!server->admin_address().empty()) {
    std::printf("admin listening on %s\n", server->admin_address().c_str());
  }
  std::fflush(stdout);
  spdlog::info("event=listening address={} data_dir=\"{}\"", server->address(),
               absl::CEscape(options.engine.store.data_dir));

  const absl::Time begin = absl::Now();
  ASSIGN_OR_RETURN(const int64_t records_to_load, engine->RecordsToLoad());
  state.set_records_to_load(records_to_load);
  state.set_phase(Phase::kLoading);
  LoadProgress progress(&state);
  const absl::Status loaded = engine->LoadIndexes(
      [](const Collection& collection) {
        const CollectionStats stats = collection.Stats();
        spdlog::info("event=collection_loaded collection={} articles={} groups={} index_bytes={}",
                     collection.settings().name, stats.articles, stats.groups,
                     stats.fingerprint_index_bytes + stats.vector_index_bytes);
        if (!collection.subjects().graphs_problem().ok()) {
          spdlog::warn("event=graphs_not_loaded collection={} reason=\"{}\"",
                       collection.settings().name,
                       absl::CEscape(collection.subjects().graphs_problem().message()));
        }
      },
      [&progress] {
        progress.Count();
        return stop_signal == 0 && !listener_lost;
      });
  if (loaded.ok()) {
    engine->StartBackgroundWork(&LogBackgroundWork);
    server->SetReady();
    state.set_loaded();
    state.set_phase(Phase::kServing);
    spdlog::info("event=serving load_seconds={:.2f}", absl::ToDoubleSeconds(absl::Now() - begin));
  } else if (!absl::IsCancelled(loaded)) {
    return loaded;
  }
  WaitForStopSignal();
  state.set_phase(Phase::kDraining);
  if (listener_lost) {
    spdlog::error("event=listener_lost message=\"{}\"", kListenerLost);
  }
  spdlog::info("event=draining signal={}", stop_signal == SIGTERM  ? "SIGTERM"
                                           : stop_signal == SIGINT ? "SIGINT"
                                                                   : "none");
  server->Drain(options.drain);
  RETURN_IF_ERROR(engine->WaitDurable());
  if (loaded.ok()) {
    if (const absl::Status saved = engine->FinishBackgroundWork(); !saved.ok()) {
      spdlog::warn("event=graphs_not_saved reason=\"{}\"", absl::CEscape(saved.message()));
    }
  }
  spdlog::info("event=stopped");
  return listener_lost ? absl::ResourceExhaustedError(kListenerLost) : absl::OkStatus();
}

int PrintHelp() {
  std::printf(
      "Newsprint tells newsroom backends, over gRPC, whether they already have a wire\n"
      "story and what else belongs to it.\n\n"
      "Usage: newsprintd --data_dir=DIR [--listen=HOST:PORT] [FLAG...]\n%s",
      FlagsHelp().c_str());
  return 0;
}

// The exit code of a server that is told something wrong.
constexpr int kBadFlags = 2;

int Fail(const absl::Status& status, int exit_code) {
  std::fprintf(stderr, "newsprintd: %s\n", std::string(status.message()).c_str());
  return exit_code;
}

int CheckConfig(const Options& options) {
  const absl::Status status = CheckSurroundings(options);
  if (!status.ok()) return Fail(status, kBadFlags);
  rpc::WarnOfSecurity(options.server);
  std::printf("configuration ok\n");
  return 0;
}

int Main(int argc, char** argv) {
  const absl::StatusOr<Options> options =
      ReadFlags(std::vector<std::string>(argv + 1, argv + argc));
  if (!options.ok()) return Fail(options.status(), kBadFlags);
  if (options->help) return PrintHelp();
  if (options->version) {
    std::printf("newsprintd %s\n", NEWSPRINT_VERSION);
    return 0;
  }
  if (const absl::Status status = CheckOptions(*options); !status.ok()) {
    return Fail(status, kBadFlags);
  }
  rpc::RouteLibraryLogs(&OnListenerLost);
  // Standard output is for the one line that tells the address.
  spdlog::set_default_logger(spdlog::stderr_logger_mt("newsprintd"));
  spdlog::set_pattern("time=%Y-%m-%dT%H:%M:%S.%e%z level=%l %v");
  spdlog::set_level(spdlog::level::from_str(options->log_level));
  if (options->check_config) return CheckConfig(*options);
  // Before the data folder is opened, and perhaps brought to a newer format.
  if (const absl::Status status = rpc::CheckSecurityFiles(options->server.security); !status.ok()) {
    return Fail(status, kBadFlags);
  }
  const absl::Status status = Run(*options);
  return status.ok() ? 0 : Fail(status, 1);
}

}  // namespace
}  // namespace newsprint

int main(int argc, char** argv) { return newsprint::Main(argc, argv); }
