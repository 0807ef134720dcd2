#include "service/rpc/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/common/status_macros.h"
#include "service/common/worker_pool.h"
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

int ComputeThreads(int given) {
  return given > 0 ? given : std::max(1u, std::thread::hardware_concurrency());
}

// What gRPC takes of the machine, before and beside what Admission counts.
void LimitConnections(const ServerOptions& options, grpc::ServerBuilder* builder) {
  grpc::ResourceQuota quota("newsprintd");
  quota.Resize(static_cast<size_t>(options.grpc_bytes_max));
  builder->SetResourceQuota(quota);
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

// Destroyed from the last member to the first: the server ends before the pool that its calls use.
class Server::Impl {
 public:
  Impl(Engine* engine, const ServerOptions& options)
      : admission(std::make_shared<Admission>(options.queue_items_max, options.queue_bytes_max)),
        pool(ComputeThreads(options.compute_threads)),
        handlers(engine, &pool, options.limits, &metrics),
        dispatcher(&handlers, &pool, admission, &metrics, options.slow_call),
        services(MakeServices(&dispatcher)) {}

  CallMetrics metrics;
  const std::shared_ptr<Admission> admission;  // tasks of the pool leave it last
  WorkerPool pool;
  const Handlers handlers;
  Dispatcher dispatcher;
  const std::vector<std::unique_ptr<grpc::Service>> services;
  std::unique_ptr<grpc::Server> server;
  std::string address;
};

absl::Status CheckListenAddress(const std::string& listen) {
  const size_t colon = listen.rfind(':');
  int port = 0;
  if (colon == std::string::npos || colon == 0 ||
      !absl::SimpleAtoi(listen.substr(colon + 1), &port) || port < 0 || port > 65'535) {
    return absl::InvalidArgumentError(
        absl::StrCat("listen: not HOST:PORT with a port of 0 to 65535, "
                     "got \"",
                     listen, "\""));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(Engine* engine,
                                                      const ServerOptions& options) {
  RETURN_IF_ERROR(CheckListenAddress(options.listen));
  CaptureProtobufLog();
  auto impl = std::make_unique<Impl>(engine, options);
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(options.listen, grpc::InsecureServerCredentials(), &port);
  // Else a second server on the same port would quietly take half of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(options.limits.message_bytes_max);
  // gRPC inflates a compressed request before it looks at that limit.
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  LimitConnections(options, &builder);
  for (const auto& service : impl->services) builder.RegisterService(service.get());
  impl->server = builder.BuildAndStart();
  if (impl->server == nullptr || port == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("listen: cannot bind, got \"", options.listen, "\""));
  }
  impl->server->GetHealthCheckService()->SetServingStatus(false);
  impl->address = absl::StrCat(options.listen.substr(0, options.listen.rfind(':')), ":", port);
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { Drain(absl::ZeroDuration()); }

void Server::SetReady() {
  impl_->dispatcher.SetReady();
  impl_->server->GetHealthCheckService()->SetServingStatus(true);
}

const std::string& Server::address() const { return impl_->address; }

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

void Server::Drain(absl::Duration patience) {
  impl_->server->GetHealthCheckService()->SetServingStatus(false);
  impl_->dispatcher.BeginDrain();
  // gRPC answers what arrives during Shutdown with CANCELLED, which clients do not try again. So
  // the services refuse new calls with UNAVAILABLE for a while first.
  const absl::Time pause_end = absl::Now() + std::min(patience, kRefusalPause);
  const absl::Time deadline = absl::Now() + patience;
  while (absl::Now() < pause_end || (impl_->dispatcher.running() > 0 && absl::Now() < deadline)) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  // What is left are streams without work and connections without calls.
  impl_->server->Shutdown(absl::ToChronoTime(absl::Now() + std::min(patience, kClosingPause)));
}

}  // namespace newsprint::rpc
