#include "service/rpc/server.h"

#include <arpa/inet.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/common/mutex.h"
#include "service/common/status_macros.h"
#include "service/common/worker_pool.h"
#include "service/rpc/access_control.h"
#include "service/rpc/admission.h"
#include "service/rpc/dispatch.h"
#include "service/rpc/handlers.h"
#include "service/rpc/message_bytes.h"
#include "service/rpc/services.h"

namespace newsprint::rpc {
namespace {

// Long enough for clients with a call under way to learn that the server stops.
constexpr absl::Duration kRefusalPause = absl::Milliseconds(250);
// For last answers to leave.
constexpr absl::Duration kClosingPause = absl::Milliseconds(500);
// The least time between a client's keepalive pings.
constexpr int kClientPingMs = 5'000;
// For a new connection to get as far as its first frames, TLS included.
constexpr int kHandshakeMs = 10'000;
// Of a call's headers, as HTTP/2 counts them.
constexpr int kHeaderBytesMax = 8 << 10;
// How often files are looked at that may be replaced while the server runs.
constexpr std::chrono::milliseconds kFilePoll(500);

int ComputeThreads(int given) {
  return given > 0 ? given : std::max(1u, std::thread::hardware_concurrency());
}

// Takes the reflection service off one server. gRPC puts it on all of a process that links it.
class NoReflection final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments* /*arguments*/) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    plugins->erase(std::remove_if(plugins->begin(), plugins->end(),
                                  [](const auto& plugin) {
                                    return absl::StrContains(plugin->name(), "reflection");
                                  }),
                   plugins->end());
  }
};

// What gRPC takes of the machine, before and beside what Admission counts.
void LimitConnections(const ServerOptions& options, const grpc::ResourceQuota& quota,
                      grpc::ServerBuilder* builder) {
  builder->SetResourceQuota(quota);
  builder->AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMs);
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kHeaderBytesMax);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.connection_calls_max);
  // gRPC would send a ping with most requests, to see how much a connection can carry, and let it
  // have more under way than the 64 KiB of a stream.
  builder->AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  const int keepalive_ms = static_cast<int>(absl::ToInt64Milliseconds(options.keepalive));
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, keepalive_ms);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, keepalive_ms);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // Clients may ask the same of us, more often than gRPC's 5 minutes.
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kClientPingMs);
}

}  // namespace

// Destroyed from the last member to the first: the servers end before the pool that their calls
// use.
class Server::Impl {
 public:
  Impl(Engine* engine, const ServerOptions& options, std::unique_ptr<AccessControl> control,
       std::shared_ptr<Certificates> files)
      : options_(options),
        admission(std::make_shared<Admission>(options.queue_items_max, options.queue_bytes_max)),
        access(std::move(control)),
        certificates(std::move(files)),
        pool(ComputeThreads(options.compute_threads)),
        handlers(engine, &pool, options.limits, &metrics),
        dispatcher(&handlers, &pool, admission, access.get(), &metrics, options.slow_call) {}

  ~Impl() {
    {
      MutexLock lock(mutex);
      stopping = true;
    }
    stop.NotifyAll();
    if (watcher.joinable()) watcher.join();
  }

  struct Listener {
    std::shared_ptr<grpc::ServerCredentials> credentials;  // outlives the server
    std::vector<std::unique_ptr<grpc::Service>> services;
    std::unique_ptr<grpc::Server> server;
    std::string address;
  };

  // `field` is that of the address.
  absl::Status Listen(absl::string_view field, const std::string& listen, bool with_admin,
                      const grpc::ResourceQuota& quota) {
    Listener listener;
    listener.services = MakeServices(&dispatcher, with_admin);
    grpc::ServerBuilder builder;
    int port = 0;
    listener.credentials = certificates == nullptr ? grpc::InsecureServerCredentials()
                                                   : Certificates::MakeCredentials(certificates);
    builder.AddListeningPort(listen, listener.credentials, &port);
    // Else a second server on the same port would quietly take half of the calls.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.SetMaxReceiveMessageSize(options_.limits.message_bytes_max);
    // gRPC inflates a compressed request before it looks at that limit.
    builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
    builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
    LimitConnections(options_, quota, &builder);
    if (!options_.security.reflection.value_or(!access->enabled())) {
      builder.SetOption(std::make_unique<NoReflection>());
    }
    for (const auto& service : listener.services) builder.RegisterService(service.get());
    listener.server = builder.BuildAndStart();
    if (listener.server == nullptr || port == 0) {
      return absl::InvalidArgumentError(absl::StrCat(field, ": cannot bind, got \"", listen, "\""));
    }
    listener.server->GetHealthCheckService()->SetServingStatus(false);
    listener.address = absl::StrCat(listen.substr(0, listen.rfind(':')), ":", port);
    listeners.push_back(std::move(listener));
    return absl::OkStatus();
  }

  // Looks at the files of certificates and identities from now on.
  void WatchFiles() {
    if (certificates == nullptr && !access->enabled()) return;
    watcher = std::thread([this] {
      MutexLock lock(mutex);
      while (!stopping) {
        if (stop.WaitUntil(mutex, std::chrono::steady_clock::now() + kFilePoll)) continue;
        mutex.unlock();  // a file may take its time
        if (certificates != nullptr) certificates->Poll();
        access->Poll();
        mutex.lock();
      }
    });
  }

  void SetServingStatus(bool serving) {
    for (const Listener& listener : listeners) {
      listener.server->GetHealthCheckService()->SetServingStatus(serving);
    }
  }

  const ServerOptions options_;
  CallMetrics metrics;
  const std::shared_ptr<Admission> admission;  // tasks of the pool leave it last
  const std::unique_ptr<AccessControl> access;
  const std::shared_ptr<Certificates> certificates;  // null: no TLS
  WorkerPool pool;
  const Handlers handlers;
  Dispatcher dispatcher;
  std::vector<Listener> listeners;  // the main one, and perhaps that for AdminService
  Mutex mutex;
  CondVar stop;
  bool stopping ABSL_GUARDED_BY(mutex) = false;
  std::thread watcher;
};

bool IsLoopback(const std::string& listen) {
  std::string host = listen.substr(0, listen.rfind(':'));
  if (host == "localhost") return true;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    struct in6_addr address = {};
    host = host.substr(1, host.size() - 2);
    return inet_pton(AF_INET6, host.c_str(), &address) == 1 && IN6_IS_ADDR_LOOPBACK(&address);
  }
  // "127.example.com" is not one.
  struct in_addr address = {};
  return inet_pton(AF_INET, host.c_str(), &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

absl::Status CheckListenAddress(const std::string& listen, absl::string_view field) {
  const size_t colon = listen.rfind(':');
  int port = 0;
  if (colon == std::string::npos || colon == 0 ||
      !absl::SimpleAtoi(listen.substr(colon + 1), &port) || port < 0 || port > 65'535) {
    return absl::InvalidArgumentError(absl::StrCat(field,
                                                   ": not HOST:PORT with a port of 0 to 65535, "
                                                   "got \"",
                                                   listen, "\""));
  }
  return absl::OkStatus();
}

namespace {

// Whether this address may be listened on.
absl::Status CheckExposure(absl::string_view field, const std::string& listen,
                           const SecurityOptions& security) {
  RETURN_IF_ERROR(CheckListenAddress(listen, field));
  if (IsLoopback(listen) || security.tls.enabled() || security.allow_plaintext) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      field, ": not a loopback address, got \"", listen,
      "\"; give --tls_cert and --tls_key, or --allow_plaintext inside a trusted network"));
}

void WarnOfExposure(const std::string& listen, const SecurityOptions& security) {
  if (IsLoopback(listen)) return;
  if (!security.tls.enabled()) {
    spdlog::warn(
        "event=plaintext_listener message=\"{} is not a loopback address, and what goes over it is "
        "not encrypted: keep it inside a trusted network\"",
        absl::CEscape(listen));
  }
  if (security.access_file.empty()) {
    spdlog::warn(
        "event=open_listener message=\"without --access_file whoever can connect to {} may do "
        "everything\"",
        absl::CEscape(listen));
  }
}

struct SecurityFiles {
  std::shared_ptr<Certificates> certificates;  // null: no TLS
  std::unique_ptr<AccessControl> access;
};

absl::StatusOr<SecurityFiles> OpenFiles(const SecurityOptions& security) {
  SecurityFiles files;
  if (security.tls.enabled()) {
    ASSIGN_OR_RETURN(files.certificates, Certificates::Open(security.tls));
  }
  ASSIGN_OR_RETURN(files.access, AccessControl::Open(security.access_file));
  return files;
}

absl::Status CheckTlsOptions(const TlsOptions& tls) {
  if (tls.cert.empty() != tls.key.empty()) {
    return absl::InvalidArgumentError(tls.cert.empty()
                                          ? "tls_cert: required with --tls_key, got nothing"
                                          : "tls_key: required with --tls_cert, got nothing");
  }
  if (!tls.enabled() && !tls.client_ca.empty()) {
    return absl::InvalidArgumentError("tls_client_ca: goes with --tls_cert and --tls_key");
  }
  if (tls.client_ca.empty() != (tls.effective_client_auth() == ClientAuth::kNone)) {
    return absl::InvalidArgumentError(
        "tls_client_auth: request and require go with --tls_client_ca, none goes without");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckSecurity(const ServerOptions& options) {
  const SecurityOptions& security = options.security;
  RETURN_IF_ERROR(CheckTlsOptions(security.tls));
  RETURN_IF_ERROR(CheckExposure("listen", options.listen, security));
  return security.admin_listen.empty()
             ? absl::OkStatus()
             : CheckExposure("admin_listen", security.admin_listen, security);
}

absl::Status CheckSecurityFiles(const SecurityOptions& security) {
  return OpenFiles(security).status();
}

namespace {

void WarnOfSecurity(const ServerOptions& options, const SecurityFiles& files) {
  const SecurityOptions& security = options.security;
  WarnOfExposure(options.listen, security);
  if (!security.admin_listen.empty()) WarnOfExposure(security.admin_listen, security);
  if (files.certificates != nullptr) files.certificates->Warn();
  files.access->Warn(security.tls.effective_client_auth() != ClientAuth::kNone);
}

}  // namespace

void WarnOfSecurity(const ServerOptions& options) {
  const absl::StatusOr<SecurityFiles> files = OpenFiles(options.security);
  if (files.ok()) WarnOfSecurity(options, *files);
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(Engine* engine,
                                                      const ServerOptions& options) {
  const SecurityOptions& security = options.security;
  RETURN_IF_ERROR(CheckSecurity(options));
  ASSIGN_OR_RETURN(SecurityFiles files, OpenFiles(security));
  WarnOfSecurity(options, files);
  CaptureProtobufLog();
  auto impl = std::make_unique<Impl>(engine, options, std::move(files.access),
                                     std::move(files.certificates));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ResourceQuota quota("newsprintd");
  quota.Resize(static_cast<size_t>(options.grpc_bytes_max));
  RETURN_IF_ERROR(impl->Listen("listen", options.listen, security.admin_listen.empty(), quota));
  if (!security.admin_listen.empty()) {
    RETURN_IF_ERROR(impl->Listen("admin_listen", security.admin_listen, true, quota));
  }
  impl->WatchFiles();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { Drain(absl::ZeroDuration()); }

void Server::SetReady() {
  impl_->dispatcher.SetReady();
  impl_->SetServingStatus(true);
}

const std::string& Server::address() const { return impl_->listeners.front().address; }

const std::string& Server::admin_address() const {
  static const std::string none;
  return impl_->listeners.size() == 1 ? none : impl_->listeners.back().address;
}

const CallMetrics& Server::metrics() const { return impl_->metrics; }

ServerLoad Server::load() const {
  ServerLoad load;
  load.usage = impl_->admission->usage();
  load.items_max = impl_->admission->items_max();
  load.bytes_max = impl_->admission->bytes_max();
  load.pool = impl_->pool.load();
  load.compute_threads = impl_->pool.threads();
  load.expected_wait = impl_->pool.ExpectedWait();
  return load;
}

ReloadState Server::reload_state() const {
  ReloadState state;
  if (impl_->certificates != nullptr) {
    state.certificate_not_after = impl_->certificates->not_after();
    state.certificates_failed = impl_->certificates->reload_failed();
  }
  if (impl_->access->enabled()) state.access_file_failed = impl_->access->reload_failed();
  return state;
}

void Server::Drain(absl::Duration patience) {
  impl_->SetServingStatus(false);
  impl_->dispatcher.BeginDrain();
  // gRPC answers what arrives during Shutdown with CANCELLED, which clients do not try again. So
  // the services refuse new calls with UNAVAILABLE for a while first.
  const absl::Time pause_end = absl::Now() + std::min(patience, kRefusalPause);
  const absl::Time deadline = absl::Now() + patience;
  while (absl::Now() < pause_end || (impl_->dispatcher.running() > 0 && absl::Now() < deadline)) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  // What is left are streams without work and connections without calls.
  const absl::Time end = absl::Now() + std::min(patience, kClosingPause);
  for (const Impl::Listener& listener : impl_->listeners) {
    listener.server->Shutdown(absl::ToChronoTime(end));
  }
}

}  // namespace newsprint::rpc
