#include "service/metrics/metrics_server.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
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

// Whether it is of use to let the process run on. A collection that takes no writes is none of its
// business: the others do, and all are searched.
Answer Health(const Engine* engine) {
  if (engine != nullptr && engine->write_state() == store::WriteState::kNeedsRestart) {
    return Plain(503, "read-only until a restart: a write has failed for good");
  }
  return Plain(200, "ok");
}

std::string Served(const Engine* engine) {
  if (engine == nullptr) return "ok";
  switch (engine->write_state()) {
    case store::WriteState::kWritable:
      return "ok";
    case store::WriteState::kNearlyFull:
      return "ok, read-only: the disk is nearly full";
    case store::WriteState::kFailed:
      return "ok, read-only: a write has failed";
    case store::WriteState::kNeedsRestart:
      break;
  }
  return "ok, read-only until a restart: a write has failed for good";
}

// Whether calls are answered.
Answer Readiness(const ServerState& state, const Engine* engine) {
  switch (state.phase()) {
    case Phase::kOpening:
      return Plain(
          503, absl::StrCat("opening the data folder, ",
                            absl::ToInt64Seconds(absl::Now() - state.start_time()), " s so far"));
    case Phase::kUpgrading:
      return Plain(503, absl::StrCat("upgrading the data folder, ", state.articles_upgraded(),
                                     " articles so far"));
    case Phase::kLoading: {
      const int64_t all = std::max<int64_t>(state.records_to_load(), 1);
      const int64_t percent = std::min<int64_t>(99, state.records_loaded() * 100 / all);
      return Plain(503, absl::StrCat("loading, ", percent, " %"));
    }
    case Phase::kServing:
      return Plain(200, Served(engine));
    case Phase::kDraining:
      break;
  }
  return Plain(503, "draining");
}

}  // namespace

class MetricsServer::Impl {
 public:
  Impl(absl::string_view newsprint_version, const ServerState* state)
      : newsprint_version_(newsprint_version), state_(*state) {}

  absl::Status Listen(const std::string& listen) {
    HttpServer::Handlers handlers;
    handlers.quick = [this](absl::string_view path) { return AnswerAtOnce(path); };
    handlers.slow = [this](absl::string_view /*path*/) { return AnswerMetrics(); };
    ASSIGN_OR_RETURN(server_, HttpServer::Start(listen, std::move(handlers)));
    return absl::OkStatus();
  }

  const std::string& address() const { return server_->address(); }

  void Attach(const Engine* engine, const rpc::Server* server) {
    {
      MutexLock lock(probes_mutex_);
      probed_engine_ = engine;
    }
    MutexLock lock(metrics_mutex_);
    engine_ = engine;
    rpc_server_ = server;
  }

 private:
  std::optional<Answer> AnswerAtOnce(absl::string_view path) const {
    if (path == "/metrics") return std::nullopt;
    MutexLock lock(probes_mutex_);
    if (path == "/healthz") return Health(probed_engine_);
    if (path == "/readyz") return Readiness(state_, probed_engine_);
    return Plain(404, "not here; there are /metrics, /healthz and /readyz");
  }

  Answer AnswerMetrics() {
    MutexLock lock(metrics_mutex_);
    return {200, "text/plain; version=0.0.4; charset=utf-8",
            prometheus::TextSerializer().Serialize(
                CollectFamilies(newsprint_version_, state_, engine_, rpc_server_, &told_))};
  }

  const std::string newsprint_version_;
  const ServerState& state_;
  // Of its own, as a scrape may wait for the disk.
  mutable Mutex probes_mutex_;
  const Engine* probed_engine_ ABSL_GUARDED_BY(probes_mutex_) = nullptr;
  Mutex metrics_mutex_;
  const Engine* engine_ ABSL_GUARDED_BY(metrics_mutex_) = nullptr;
  const rpc::Server* rpc_server_ ABSL_GUARDED_BY(metrics_mutex_) = nullptr;
  ToldCollections told_ ABSL_GUARDED_BY(metrics_mutex_);
  std::unique_ptr<HttpServer> server_;  // last, so that its threads end first
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
