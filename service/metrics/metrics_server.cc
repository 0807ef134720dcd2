#include "service/metrics/metrics_server.h"

#include <CivetServer.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "service/common/mutex.h"
#include "service/metrics/families.h"

namespace newsprint::metrics {
namespace {

// Each connection that is open takes one.
constexpr int kThreads = 4;
// For a request to come, and an answer to be taken.
constexpr int kTimeoutMs = 10'000;

struct Answer {
  int code = 200;
  std::string body;
};

using Phase = ServerState::Phase;

// Whether it is of use to let the process run on.
Answer Health(const ServerState& state, const Engine* engine) {
  if (engine == nullptr) return {200, "ok\n"};
  const store::StorageState storage = engine->storage_state();
  if (storage.needs_restart) return {503, absl::StrCat(storage.writable.message(), "\n")};
  if (!state.loaded()) return {200, "ok\n"};
  for (const auto& collection : engine->List("", SIZE_MAX)) {
    if (!collection->Stats().read_only) continue;
    return {503, absl::StrCat("collection \"", collection->settings().name,
                              "\": read-only until the server is restarted\n")};
  }
  return {200, "ok\n"};
}

// Whether calls are answered.
Answer Readiness(const ServerState& state, const Engine* engine) {
  switch (state.phase()) {
    case Phase::kOpening:
      return {503, "opening the data folder\n"};
    case Phase::kLoading: {
      const int64_t all = std::max<int64_t>(state.records_to_load(), 1);
      const int64_t percent = std::min<int64_t>(99, state.records_loaded() * 100 / all);
      return {503, absl::StrCat("loading, ", percent, " %\n")};
    }
    case Phase::kServing:
      break;
    case Phase::kDraining:
      return {503, "draining\n"};
  }
  if (engine == nullptr) return {200, "ok\n"};
  const absl::Status writable = engine->storage_state().writable;
  return {200, writable.ok() ? "ok\n" : absl::StrCat("ok, read-only: ", writable.message(), "\n")};
}

}  // namespace

class MetricsServer::Impl {
 public:
  Impl(absl::string_view newsprint_version, const ServerState* state)
      : newsprint_version_(newsprint_version),
        state_(*state),
        metrics_(this, "text/plain; version=0.0.4; charset=utf-8", &Impl::Metrics),
        health_(this, "text/plain; charset=utf-8", &Impl::HealthAnswer),
        readiness_(this, "text/plain; charset=utf-8", &Impl::ReadinessAnswer) {}

  absl::Status Listen(const std::string& listen) {
    const size_t colon = listen.rfind(':');
    std::string host = listen.substr(0, colon);
    if (host == "localhost") host = "127.0.0.1";
    const std::string address = absl::StrCat(host, listen.substr(colon));
    try {
      // Nothing but these three paths is there: civetweb serves files only when it is told of some.
      server_ = std::make_unique<CivetServer>(std::vector<std::string>{
          "listening_ports", address, "num_threads", absl::StrCat(kThreads), "request_timeout_ms",
          absl::StrCat(kTimeoutMs)});
    } catch (const CivetException& e) {
      return absl::InvalidArgumentError(
          absl::StrCat("metrics_listen: cannot bind, got \"", listen, "\""));
    }
    const std::vector<int> ports = server_->getListeningPorts();
    if (ports.size() != 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("metrics_listen: cannot bind, got \"", listen, "\""));
    }
    address_ = absl::StrCat(listen.substr(0, colon), ":", ports[0]);
    server_->addHandler("/metrics$", metrics_);
    server_->addHandler("/healthz$", health_);
    server_->addHandler("/readyz$", readiness_);
    return absl::OkStatus();
  }

  const std::string& address() const { return address_; }

  void Attach(const Engine* engine, const rpc::Server* server) {
    MutexLock lock(mutex_);
    engine_ = engine;
    rpc_server_ = server;
  }

 private:
  class Handler final : public CivetHandler {
   public:
    Handler(const Impl* impl, const char* type, Answer (Impl::*answer)() const)
        : impl_(impl), type_(type), answer_(answer) {}

    bool handleGet(CivetServer* /*server*/, mg_connection* connection) override {
      const Answer answer = (impl_->*answer_)();
      mg_printf(connection,
                "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                "Cache-Control: no-store\r\nConnection: close\r\n\r\n",
                answer.code, answer.code == 200 ? "OK" : "Service Unavailable", type_,
                answer.body.size());
      mg_write(connection, answer.body.data(), answer.body.size());
      return true;
    }

   private:
    const Impl* const impl_;
    const char* const type_;
    Answer (Impl::*const answer_)() const;
  };

  Answer Metrics() const {
    ReaderMutexLock lock(mutex_);
    return {200, prometheus::TextSerializer().Serialize(
                     CollectFamilies(newsprint_version_, state_, engine_, rpc_server_))};
  }
  Answer HealthAnswer() const {
    ReaderMutexLock lock(mutex_);
    return Health(state_, engine_);
  }
  Answer ReadinessAnswer() const {
    ReaderMutexLock lock(mutex_);
    return Readiness(state_, engine_);
  }

  const std::string newsprint_version_;
  const ServerState& state_;
  std::string address_;
  mutable Mutex mutex_;
  const Engine* engine_ ABSL_GUARDED_BY(mutex_) = nullptr;
  const rpc::Server* rpc_server_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Handler metrics_;
  Handler health_;
  Handler readiness_;
  std::unique_ptr<CivetServer> server_;  // last, so that its threads end first
};

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    const std::string& listen, absl::string_view newsprint_version, const ServerState* state) {
  auto impl = std::make_unique<Impl>(newsprint_version, state);
  const absl::Status status = impl->Listen(listen);
  if (!status.ok()) return status;
  return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(impl)));
}

MetricsServer::MetricsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

MetricsServer::~MetricsServer() = default;

const std::string& MetricsServer::address() const { return impl_->address(); }

std::unique_ptr<MetricsServer::Attachment> MetricsServer::Attach(const Engine* engine,
                                                                 const rpc::Server* server) {
  impl_->Attach(engine, server);
  return std::make_unique<Attachment>(impl_.get());
}

MetricsServer::Attachment::~Attachment() { impl_->Attach(nullptr, nullptr); }

}  // namespace newsprint::metrics
