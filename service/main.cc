// newsprintd: flags to options, wiring, signals.
#include <malloc.h>
#include <omp.h>
#include <semaphore.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/reflection.h"
#include "absl/flags/usage_config.h"
#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/types/optional.h"
#include "service/common/status_macros.h"
#include "service/engine/engine.h"
#include "service/rpc/log.h"
#include "service/rpc/server.h"

ABSL_FLAG(
    std::string, listen, "127.0.0.1:7420",
    "HOST:PORT to listen on. Port 0 picks a free one. Other addresses than loopback ones want "
    "--tls_cert and --tls_key, or --allow_plaintext.");
ABSL_FLAG(std::string, data_dir, "", "Folder that holds all data; made when absent. Required.");
ABSL_FLAG(int, compute_threads, 0,
          "Threads that normalise, decide and search. 0: one for each core.");
ABSL_FLAG(
    int, queue_items_max, 1024,
    "Unary calls that may be under way; further ones are refused with RESOURCE_EXHAUSTED. And, "
    "apart from them, requests of streams; they are read more slowly then. 1 to 1000000.");
ABSL_FLAG(int64_t, queue_bytes_max, int64_t{64} << 20,
          "The same in bytes, and of answers that are not taken yet. 1048576 to 1099511627776.");
ABSL_FLAG(int, connection_calls_max, 256,
          "Calls, streams among them, that one connection may have open; its client holds back "
          "further ones. 1 to 65536.");
ABSL_FLAG(int64_t, grpc_bytes_max, int64_t{512} << 20,
          "What gRPC may hold in buffers, bytes; beyond it breaks off calls. 16777216 to "
          "1099511627776, and no less than queue_bytes_max.");
ABSL_FLAG(
    int, keepalive_seconds, 30,
    "Silence after which a client is asked for a sign of life, and after which its connection "
    "is closed when none comes. 1 to 7200.");
ABSL_FLAG(int, message_bytes_max, 16 << 20, "Largest request, bytes. 65536 to 1073741824.");
ABSL_FLAG(int, body_bytes_max, 1 << 20, "Longest body of an article, bytes. 1 to 67108864.");
ABSL_FLAG(int, title_bytes_max, 4096, "Longest title of an article, bytes. 1 to 65536.");
ABSL_FLAG(int, batch_items_max, 1000, "Most items in a batch request. 1 to 100000.");
ABSL_FLAG(int, stream_window_items, 256,
          "Requests of one StreamIngest that may be read ahead of its responses. 1 to 65536.");
ABSL_FLAG(int, stream_window_bytes, 8 << 20, "The same in bytes. 65536 to 1073741824.");
ABSL_FLAG(int, block_cache_bytes, 128 << 20,
          "Cache of stored records, bytes. 1048576 to 2147483647.");
ABSL_FLAG(int64_t, disk_reserve_bytes, int64_t{256} << 20,
          "Free space on the disk of --data_dir, bytes, below which articles are refused with "
          "UNAVAILABLE. 0 to 1099511627776.");
ABSL_FLAG(int, drain_seconds, 10,
          "Seconds that running calls may take to end after SIGTERM. 0 to 3600.");
ABSL_FLAG(
    std::string, models_dir, "",
    "Folder of models that collections may be embedded with: NAME.model files that `newsprint "
    "train` has written, and Model2Vec folders NAME.");
ABSL_FLAG(std::vector<std::string>, remote_embedders, {},
          "Embedding servers that collections may use, with commas between them: "
          "NAME=tei://HOST:PORT or NAME=kserve://HOST:PORT/MODEL.");
ABSL_FLAG(std::string, log_level, "info", "debug, info, warning or error.");

// Security; docs/security.md.
ABSL_FLAG(std::string, tls_cert, "",
          "Certificate of the server in PEM form, with its chain behind it; with --tls_key all "
          "listeners use TLS. Read again when it changes, as the next three are.");
ABSL_FLAG(std::string, tls_key, "", "Private key of that certificate, without a password.");
ABSL_FLAG(std::string, tls_client_ca, "", "Roots of the certificates of clients, in PEM form.");
ABSL_FLAG(
    std::string, access_file, "",
    "JSON file of identities, with hashes of tokens, roles and limits. Without it whoever can "
    "connect may do everything.");
ABSL_FLAG(std::string, tls_client_auth, "",
          "Whether clients need a certificate: none, request (it is looked at if there is one) or "
          "require. By default require with --tls_client_ca, else none.");
ABSL_FLAG(bool, allow_plaintext, false,
          "Listen without TLS on other addresses than loopback ones.");
ABSL_FLAG(
    std::string, admin_listen, "",
    "HOST:PORT of a second listener, with all services; AdminService is on no other one then.");
ABSL_FLAG(absl::optional<bool>, reflection, absl::nullopt,
          "Tell everybody who asks what calls there are (gRPC reflection). By default true without "
          "--access_file, else false.");

namespace newsprint {
namespace {

struct Options {
  Engine::Options engine;
  rpc::ServerOptions server;
  absl::Duration drain;
};

template <typename Number>
absl::StatusOr<Number> InRange(absl::string_view name, Number value, Number least, Number most) {
  if (value >= least && value <= most) return value;
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": out of range, got ", value, ", limit ", least, " to ", most));
}

absl::Status SetLogLevel(const std::string& level) {
  for (const char* known : {"debug", "info", "warning", "error"}) {
    if (level == known) {
      spdlog::set_level(spdlog::level::from_str(level));
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("log_level: got \"", level, "\", limit debug, info, warning or error"));
}

absl::Status ReadOverloadFlags(rpc::ServerOptions* options) {
  constexpr int64_t kBytesMost = int64_t{1} << 40;
  ASSIGN_OR_RETURN(options->queue_items_max,
                   InRange("queue_items_max", absl::GetFlag(FLAGS_queue_items_max), 1, 1'000'000));
  ASSIGN_OR_RETURN(options->queue_bytes_max,
                   InRange("queue_bytes_max", absl::GetFlag(FLAGS_queue_bytes_max),
                           int64_t{1} << 20, kBytesMost));
  ASSIGN_OR_RETURN(
      options->connection_calls_max,
      InRange("connection_calls_max", absl::GetFlag(FLAGS_connection_calls_max), 1, 1 << 16));
  ASSIGN_OR_RETURN(options->grpc_bytes_max,
                   InRange("grpc_bytes_max", absl::GetFlag(FLAGS_grpc_bytes_max),
                           std::max({int64_t{16} << 20, options->queue_bytes_max,
                                     int64_t{2} * absl::GetFlag(FLAGS_message_bytes_max)}),
                           kBytesMost));
  ASSIGN_OR_RETURN(const int keepalive_seconds,
                   InRange("keepalive_seconds", absl::GetFlag(FLAGS_keepalive_seconds), 1, 7200));
  options->keepalive = absl::Seconds(keepalive_seconds);
  return absl::OkStatus();
}

absl::StatusOr<rpc::ClientAuth> ClientAuthFromFlag(const std::string& name, bool has_client_ca) {
  if (name.empty()) return has_client_ca ? rpc::ClientAuth::kRequire : rpc::ClientAuth::kNone;
  if (name == "none") return rpc::ClientAuth::kNone;
  if (name == "request") return rpc::ClientAuth::kRequest;
  if (name == "require") return rpc::ClientAuth::kRequire;
  return absl::InvalidArgumentError(
      absl::StrCat("tls_client_auth: got \"", name, "\", limit none, request or require"));
}

absl::Status ReadSecurityFlags(rpc::ServerOptions* options) {
  rpc::SecurityOptions& security = options->security;
  security.tls.cert = absl::GetFlag(FLAGS_tls_cert);
  security.tls.key = absl::GetFlag(FLAGS_tls_key);
  security.tls.client_ca = absl::GetFlag(FLAGS_tls_client_ca);
  ASSIGN_OR_RETURN(
      security.tls.client_auth,
      ClientAuthFromFlag(absl::GetFlag(FLAGS_tls_client_auth), !security.tls.client_ca.empty()));
  security.allow_plaintext = absl::GetFlag(FLAGS_allow_plaintext);
  security.access_file = absl::GetFlag(FLAGS_access_file);
  security.admin_listen = absl::GetFlag(FLAGS_admin_listen);
  const absl::optional<bool> reflection = absl::GetFlag(FLAGS_reflection);
  if (reflection.has_value()) security.reflection = *reflection;
  return rpc::CheckSecurity(*options);
}

void LogStoreState(const absl::Status& state) {
  if (state.ok()) {
    spdlog::info("event=store_writable");
  } else {
    spdlog::error("event=store_read_only reason=\"{}\"", absl::CEscape(state.message()));
  }
}

absl::StatusOr<Options> OptionsFromFlags() {
  Options options;
  options.engine.store.data_dir = absl::GetFlag(FLAGS_data_dir);
  if (options.engine.store.data_dir.empty()) {
    return absl::InvalidArgumentError("data_dir: required, got nothing; see newsprintd --help");
  }
  options.engine.newsprint_version = NEWSPRINT_VERSION;
  options.engine.store.report = &LogStoreState;
  options.engine.embedders.models_dir = absl::GetFlag(FLAGS_models_dir);
  options.engine.embedders.remote = absl::GetFlag(FLAGS_remote_embedders);
  options.server.listen = absl::GetFlag(FLAGS_listen);
  rpc::Limits& limits = options.server.limits;
  ASSIGN_OR_RETURN(
      options.engine.store.block_cache_bytes,
      InRange("block_cache_bytes", absl::GetFlag(FLAGS_block_cache_bytes), 1 << 20, INT32_MAX));
  ASSIGN_OR_RETURN(options.engine.store.disk_reserve_bytes,
                   InRange("disk_reserve_bytes", absl::GetFlag(FLAGS_disk_reserve_bytes),
                           int64_t{0}, int64_t{1} << 40));
  ASSIGN_OR_RETURN(options.server.compute_threads,
                   InRange("compute_threads", absl::GetFlag(FLAGS_compute_threads), 0, 1024));
  ASSIGN_OR_RETURN(
      limits.message_bytes_max,
      InRange("message_bytes_max", absl::GetFlag(FLAGS_message_bytes_max), 1 << 16, 1 << 30));
  RETURN_IF_ERROR(ReadOverloadFlags(&options.server));
  RETURN_IF_ERROR(ReadSecurityFlags(&options.server));
  ASSIGN_OR_RETURN(limits.body_bytes_max,
                   InRange("body_bytes_max", absl::GetFlag(FLAGS_body_bytes_max), 1, 64 << 20));
  ASSIGN_OR_RETURN(limits.title_bytes_max,
                   InRange("title_bytes_max", absl::GetFlag(FLAGS_title_bytes_max), 1, 1 << 16));
  ASSIGN_OR_RETURN(limits.batch_items_max,
                   InRange("batch_items_max", absl::GetFlag(FLAGS_batch_items_max), 1, 100'000));
  ASSIGN_OR_RETURN(
      limits.stream_window_items,
      InRange("stream_window_items", absl::GetFlag(FLAGS_stream_window_items), 1, 1 << 16));
  ASSIGN_OR_RETURN(
      limits.stream_window_bytes,
      InRange("stream_window_bytes", absl::GetFlag(FLAGS_stream_window_bytes), 1 << 16, 1 << 30));
  ASSIGN_OR_RETURN(const int drain_seconds,
                   InRange("drain_seconds", absl::GetFlag(FLAGS_drain_seconds), 0, 3600));
  options.drain = absl::Seconds(drain_seconds);
  RETURN_IF_ERROR(SetLogLevel(absl::GetFlag(FLAGS_log_level)));
  return options;
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
  // One more record has been read.
  void Count() {
    const int64_t records = ++records_;
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

  std::atomic<int64_t> records_{0};
  std::atomic<int64_t> due_{absl::ToUnixSeconds(absl::Now()) + kEverySeconds};
};

absl::Status Run(const Options& options) {
  HandleStopSignals();
  // Large texts and messages go back to the system at once. Else glibc would keep such pieces among
  // small ones, once it has seen a few, and the process would stay as large as it ever was.
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 32 << 20);
  // Debian's Abseil looks for deadlocks at each lock that gRPC takes.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  omp_set_num_threads(1);  // FAISS runs on the threads of our pool
  Engine::Options engine_options = options.engine;
  engine_options.store.upgrade_progress = [](uint32_t to_format, uint64_t articles) {
    spdlog::info("event=upgrading to_format={} articles={}", to_format, articles);
  };
  ASSIGN_OR_RETURN(const std::unique_ptr<Engine> engine, Engine::Open(engine_options));
  ASSIGN_OR_RETURN(const std::unique_ptr<rpc::Server> server,
                   rpc::Server::Start(engine.get(), options.server));
  std::printf("listening on %s\n", server->address().c_str());
  if (!server->admin_address().empty()) {
    std::printf("admin listening on %s\n", server->admin_address().c_str());
  }
  std::fflush(stdout);
  spdlog::info("event=listening address={} data_dir=\"{}\"", server->address(),
               absl::CEscape(options.engine.store.data_dir));

  const absl::Time begin = absl::Now();
  LoadProgress progress;
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
        return stop_signal == 0;
      });
  if (loaded.ok()) {
    engine->StartBackgroundWork(&LogBackgroundWork);
    server->SetReady();
    spdlog::info("event=serving load_seconds={:.2f}", absl::ToDoubleSeconds(absl::Now() - begin));
  } else if (!absl::IsCancelled(loaded)) {
    return loaded;
  }
  WaitForStopSignal();
  spdlog::info("event=draining signal={}", stop_signal == SIGTERM ? "SIGTERM" : "SIGINT");
  server->Drain(options.drain);
  RETURN_IF_ERROR(engine->WaitDurable());
  if (loaded.ok()) {
    if (const absl::Status saved = engine->FinishBackgroundWork(); !saved.ok()) {
      spdlog::warn("event=graphs_not_saved reason=\"{}\"", absl::CEscape(saved.message()));
    }
  }
  spdlog::info("event=stopped");
  return absl::OkStatus();
}

// Abseil's own help shows the build's paths, and ends as if something had gone wrong.
int PrintHelp() {
  std::printf(
      "Newsprint tells newsroom backends, over gRPC, whether they already have a wire story and "
      "what "
      "else\nbelongs to it.\n\nUsage: newsprintd --data_dir=DIR [--listen=HOST:PORT] [FLAG...]\n\n"
      "Flags, also read from a file by --flagfile=FILE, one on a line:\n");
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (!absl::EndsWith(flag->Filename(), "service/main.cc")) continue;
    const std::string value = flag->DefaultValue();
    std::printf("  --%s (%s)\n      %s\n", std::string(name).c_str(),
                value.empty() ? "none" : value.c_str(), flag->Help().c_str());
  }
  std::printf("  --version\n      Print the version.\n");
  return 0;
}

int Main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const absl::string_view word = argv[i];
    if (word == "--help" || word == "-help" || word == "-h") return PrintHelp();
  }
  absl::FlagsUsageConfig usage;
  usage.version_string = [] { return std::string("newsprintd " NEWSPRINT_VERSION "\n"); };
  absl::SetFlagsUsageConfig(usage);
  const std::vector<char*> positional = absl::ParseCommandLine(argc, argv);
  rpc::RouteLibraryLogs();
  // Standard output is for the one line that tells the address.
  spdlog::set_default_logger(spdlog::stderr_logger_mt("newsprintd"));
  spdlog::set_pattern("time=%Y-%m-%dT%H:%M:%S.%e%z level=%l %v");
  if (positional.size() > 1) {
    std::fprintf(stderr, "newsprintd: unexpected argument \"%s\"; see newsprintd --help\n",
                 positional[1]);
    return 2;
  }
  const absl::StatusOr<Options> options = OptionsFromFlags();
  const absl::Status status = options.ok() ? Run(*options) : options.status();
  if (status.ok()) return 0;
  std::fprintf(stderr, "newsprintd: %s\n", std::string(status.message()).c_str());
  return options.ok() ? 1 : 2;
}

}  // namespace
}  // namespace newsprint

int main(int argc, char** argv) { return newsprint::Main(argc, argv); }
