#include "tests/crash/reference.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "service/rpc/limits.h"
#include "service/rpc/status.h"
#include "service/rpc/to_proto.h"

namespace newsprint::crash {
namespace {

constexpr size_t kHistoryEvents = 12;  // told around one that does not fit
// A second is promised; the rest is for the restart.
constexpr absl::Duration kAsyncLossMax = absl::Milliseconds(1500);

[[noreturn]] void Die(const std::string& message) {
  std::fprintf(stderr, "crash_test: reference: %s\n", message.c_str());
  std::exit(2);
}

// Runs a request on the handlers.
struct Executor {
  const rpc::Handlers& handlers;

  template <typename Response, typename Request>
  Answer Run(absl::Status (rpc::Handlers::*method)(Request, Response*) const,
             std::decay_t<Request> request) const {
    auto response = std::make_shared<Response>();
    const absl::Status status = (handlers.*method)(request, response.get());
    return MakeAnswer(rpc::ToGrpc(status), std::move(response));
  }

  Answer operator()(const v1::IngestArticleRequest& request) const {
    return VerdictOnly(Run(&rpc::Handlers::IngestArticle, request));
  }
  Answer operator()(const v1::DeleteArticleRequest& request) const {
    return Run(&rpc::Handlers::DeleteArticle, request);
  }
  Answer operator()(const v1::SetCanonicalRequest& request) const {
    return Run(&rpc::Handlers::SetCanonical, request);
  }
  Answer operator()(const v1::MergeGroupsRequest& request) const {
    return Run(&rpc::Handlers::MergeGroups, request);
  }
  Answer operator()(const v1::SplitGroupRequest& request) const {
    return Run(&rpc::Handlers::SplitGroup, request);
  }
  Answer operator()(const v1::WithdrawStoryRequest& request) const {
    return Run(&rpc::Handlers::WithdrawStory, request);
  }
  Answer operator()(const v1::ReinstateStoryRequest& request) const {
    return Run(&rpc::Handlers::ReinstateStory, request);
  }
};

// Whether the unanswered attempt `at` of an operation was done, as far as what follows tells.
bool WasDone(const std::vector<Event>& events, size_t at, uint64_t sequence_before) {
  const Operation& operation = *events[at].operation;
  if (operation.ingest() != nullptr && !operation.may_replay) {
    for (size_t i = at + 1; i < events.size(); ++i) {
      const Event& later = events[i];
      if (later.operation.get() != &operation || !later.answer.has_value()) continue;
      if (IsUnclear(*later.answer)) continue;
      return later.answer->ok() && later.answer->verdict()->replayed();
    }
  }
  // What is told before a restart may not have reached the disk; what is told behind an answer has.
  std::optional<uint64_t> told;
  for (size_t i = at + 1; i < events.size(); ++i) {
    const Event& later = events[i];
    if (later.kind == Event::Kind::kRestart) {
      told = later.sequence;
      break;
    }
    if (later.kind == Event::Kind::kSequence) {
      if (!told.has_value()) told = later.sequence;
    } else if (later.answer.has_value() && later.answer->ok() && told.has_value()) {
      break;
    }
  }
  return told.has_value() && sequence_before < *told;
}

// Whether the answer says that something was changed.
bool IsChange(const Event& event) {
  const Operation& operation = *event.operation;
  return event.answer->ok() && operation.ingest() != nullptr && !operation.may_replay &&
         !event.answer->verdict()->replayed();
}

std::string History(const std::string& collection, const std::vector<Event>& events, size_t at) {
  std::string text;
  const size_t first = at > kHistoryEvents ? at - kHistoryEvents : 0;
  for (size_t i = first; i < std::min(events.size(), at + 4); ++i) {
    absl::StrAppend(&text, i == at ? "  > " : "    ", collection, " ", Describe(events[i]), "\n");
  }
  return text;
}

}  // namespace

Reference::Reference(const std::string& folder) {
  Engine::Options options;
  options.store.data_dir = folder;
  auto engine = Engine::Open(options);
  if (!engine.ok()) Die(std::string(engine.status().message()));
  engine_ = *std::move(engine);
  const absl::Status loaded = engine_->LoadIndexes([](const Collection&) {}, [] { return true; });
  if (!loaded.ok()) Die(std::string(loaded.message()));
  pool_ = std::make_unique<WorkerPool>(1);
  handlers_ = std::make_unique<rpc::Handlers>(engine_.get(), pool_.get(), rpc::Limits());
}

Answer Reference::Execute(const Operation& operation) const {
  return std::visit(Executor{*handlers_}, operation.request);
}

uint64_t Reference::Sequence(const std::string& collection) const {
  v1::GetStatsRequest request;
  request.set_collection(collection);
  v1::GetStatsResponse response;
  const absl::Status status = handlers_->GetStats(request, &response);
  if (!status.ok()) Die(std::string(status.message()));
  return static_cast<uint64_t>(response.sequence());
}

std::vector<v1::GroupChange> Reference::GroupChanges(const std::string& name, int64_t after) const {
  const auto collection = engine_->Find(name);
  if (!collection.ok()) Die(std::string(collection.status().message()));
  (*collection)->AnnounceChanges();
  if (const absl::Status durable = engine_->WaitDurable(); !durable.ok()) {
    Die(std::string(durable.message()));
  }
  const auto changes =
      (*collection)->GroupChanges(static_cast<uint64_t>(after), std::numeric_limits<size_t>::max());
  if (!changes.ok()) Die(std::string(changes.status().message()));
  std::vector<v1::GroupChange> protos(changes->size());
  for (size_t i = 0; i < protos.size(); ++i) rpc::ToProto((*changes)[i], &protos[i]);
  return protos;
}

Replayed Replay(const std::string& collection, const std::vector<Event>& events, bool may_lose,
                const Reference& reference, Mismatches* mismatches) {
  const auto report = [&](size_t at, const std::string& problem) {
    mismatches->reports.push_back(
        absl::StrCat(collection, ": ", problem, "\n", History(collection, events, at)));
  };
  const auto restart = std::find_if(events.begin(), events.end(), [](const Event& event) {
    return event.kind == Event::Kind::kRestart;
  });
  Replayed replayed;
  std::set<const Operation*> done;
  for (size_t i = 0; i < events.size(); ++i) {
    const Event& event = events[i];
    const uint64_t sequence = reference.Sequence(collection);
    if (event.kind == Event::Kind::kAttempt) {
      const Operation* const operation = event.operation.get();
      if (event.answer.has_value() && !IsUnclear(*event.answer)) {
        if (may_lose && restart != events.end() && sequence >= restart->sequence) {
          replayed.taken_back.push_back(event.operation);
          if (IsChange(event) && restart->at - event.at > kAsyncLossMax) {
            ++mismatches->lost;
            report(i, "lost, though it was acknowledged long before the crash");
          }
          continue;
        }
        const Answer expected = reference.Execute(*operation);
        done.insert(operation);
        replayed.done.push_back(event.operation);
        const std::string difference = Difference(expected, *event.answer);
        if (difference.empty()) continue;
        ++mismatches->wrong_verdicts;
        report(i, absl::StrCat("another answer than the reference's:\n", difference));
      } else if (done.find(operation) == done.end() && WasDone(events, i, sequence)) {
        reference.Execute(*operation);
        replayed.done.push_back(event.operation);
        if (operation->ingest() != nullptr && !operation->may_replay) done.insert(operation);
      }
      continue;
    }
    // Before a restart, what was not acknowledged may be told, and be gone afterwards.
    if (event.kind == Event::Kind::kSequence && i + 1 != events.size()) continue;
    if (event.sequence < sequence) {
      mismatches->lost += static_cast<int64_t>(sequence - event.sequence);
      report(i, absl::StrCat("acknowledged operations are lost: the server has ", event.sequence,
                             " operations, and ", sequence, " were acknowledged"));
    } else if (event.sequence > sequence) {
      mismatches->never_sent += static_cast<int64_t>(event.sequence - sequence);
      report(i, absl::StrCat("the server has ", event.sequence,
                             " operations, and all that were sent make ", sequence));
    }
  }
  return replayed;
}

}  // namespace newsprint::crash
