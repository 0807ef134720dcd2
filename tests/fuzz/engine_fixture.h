// An engine in a scratch folder, for targets that send requests to it.
#ifndef NEWSPRINT_TESTS_FUZZ_ENGINE_FIXTURE_H_
#define NEWSPRINT_TESTS_FUZZ_ENGINE_FIXTURE_H_

#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "service/common/worker_pool.h"
#include "service/engine/engine.h"
#include "service/rpc/handlers.h"
#include "tests/fuzz/scratch_dir.h"

namespace newsprint::fuzz {

// Not thread-safe.
class EngineFixture {
 public:
  EngineFixture();

  // As they would be after Reopen().
  const rpc::Handlers& handlers() const { return *handlers_; }
  Engine& engine() const { return *engine_; }

  // Drops all collections but the default one, which nobody must write to: the next input finds
  // what the one before found.
  void Reset();
  // As a restart of the server, with a look for damage while it is down.
  void Reopen();

 private:
  // Ends the process when the folder has other records than it must.
  void CloseAndCheck();
  void Open();

  std::unique_ptr<ScratchDir> dir_;
  std::unique_ptr<Engine> engine_;
  WorkerPool pool_{2};
  std::optional<rpc::Handlers> handlers_;
  int resets_ = 0;
};

// Ends the process unless `status` is OK or an error that a caller can make.
void RequireCallersFault(const absl::Status& status);

// The same for what a handler answers, and that the response can be sent. Handlers that ask who
// calls are told that it is one who may do everything.
template <typename Request, typename Response, typename... Who>
absl::Status Call(const EngineFixture& fixture,
                  absl::Status (rpc::Handlers::*handler)(Request, Response*, Who...) const,
                  std::remove_reference_t<Request>& request, Response* response) {
  absl::Status status;
  if constexpr (sizeof...(Who) == 0) {
    status = (fixture.handlers().*handler)(request, response);
  } else {
    status = (fixture.handlers().*handler)(request, response, rpc::Caller::Unrestricted());
  }
  RequireCallersFault(status);
  if (!status.ok()) return status;
  Response again;
  Require(again.ParseFromString(response->SerializeAsString()), "a response can be sent");
  return status;
}

}  // namespace newsprint::fuzz

#endif  // NEWSPRINT_TESTS_FUZZ_ENGINE_FIXTURE_H_
