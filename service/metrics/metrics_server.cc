#include "service/metrics/metrics_server.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "service/common/mutex.h"
#include "service/common/status_macros.h"
#include "service/metrics/families.h"
#include "service/metrics/http_server.h"

namespace newsprint::metrics {
namespace {

using Answer = HttpServer::Answer;
using Phase = ServerState::Phase;

// With a body of one line.
Answer Plain(int code, absl::string_view line) {
  Answer answer;
  answer.code = code;
  answer.body = absl::StrCat(line, "\n");
  return answer;
}

// Whether it is of use to let the process run on.
Answer Health(const ServerState& state, const Engine* engine) {
  if (engine == nullptr) return Plain(200, "ok");
  const store::StorageState storage = engine->storage_state();
  if (storage.needs_restart) return Plain(503, storage.writable.message());
  if (!state.loaded()) return Plain(200, "ok");
  for (const auto& collection : engine->List("", SIZE_MAX)) {
    if (!collection->Stats().read_only) continue;
    return Plain(503, absl::StrCat("collection \"", collection->settings().name,
                                   "\": read-only until the server is restarted"));
  }
  return Plain(200, "ok");
}

// Whether calls are answered.
Answer Readiness(const ServerState& state, const Engine* engine) {
  switch (state.phase()) {
    case Phase::kOpening:
      return Plain(503, "opening the data folder");
    case Phase::kLoading: {
      const int64_t all = std::max<int64_t>(state.records_to_load(), 1);
      const int64_t percent = std::min<int64_t>(99, state.records_loaded() * 100 / all);
      return Plain(503, absl::StrCat("loading, ", percent, " %"));
    }
    case Phase::kServing:
      break;
    case Phase::kDraining:
      return Plain(503, "draining");
  }
  if (engine == nullptr) return Plain(200, "ok");
  const absl::Status writable = engine->storage_state().writable;
  return Plain(200, writable.ok() ? "ok" : absl::StrCat("ok, read-only: ", writable.message()));
}

}  // namespace

class MetricsServer::Impl {
 public:
  Impl(absl::string_view newsprint_version, const ServerState* state)
      : newsprint_version_(newsprint_version), state_(*state) {}

  absl::Status Listen(const std::string& listen) {
    ASSIGN_OR_RETURN(server_, HttpServer::Start(listen, [this](absl::string_view path) {
                       return AnswerTo(path);
                     }));
    return absl::OkStatus();
  }

  const std::string& address() const { return server_->address(); }

  void Attach(const Engine* engine, const rpc::Server* server) {
    MutexLock lock(mutex_);
    engine_ = engine;
    rpc_server_ = server;
  }

 private:
  Answer AnswerTo(absl::string_view path) const {
    ReaderMutexLock lock(mutex_);
    if (path == "/healthz") return Health(state_, engine_);
    if (path == "/readyz") return Readiness(state_, engine_);
    if (path != "/metrics") return Plain(404, "not here; there are /metrics, /healthz and /readyz");
    return {200, "text/plain; version=0.0.4; charset=utf-8",
            prometheus::TextSerializer().Serialize(
                CollectFamilies(newsprint_version_, state_, engine_, rpc_server_))};
  }

  const std::string newsprint_version_;
  const ServerState& state_;
  mutable Mutex mutex_;
  const Engine* engine_ ABSL_GUARDED_BY(mutex_) = nullptr;
  const rpc::Server* rpc_server_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::unique_ptr<HttpServer> server_;  // last, so that its thread ends first
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
