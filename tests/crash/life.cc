#include "tests/crash/life.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/rpc/status.h"

namespace newsprint::crash {
namespace {

using std::chrono::milliseconds;

// So few that all were published before now: what was not has the time of its ingestion, which
// differs.
constexpr uint64_t kArticlesOfCollection = 100'000;
constexpr double kCopyShare = 0.35;
constexpr milliseconds kServePatience{60'000};
constexpr milliseconds kSettlePatience{30'000};
constexpr absl::Duration kEndPatience = absl::Seconds(40);
constexpr size_t kSample = 30;

[[noreturn]] void Die(const std::string& message) {
  std::fprintf(stderr, "crash_test: %s\n", message.c_str());
  std::exit(2);
}

FaultControl* MapControl(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0 || ftruncate(fd, sizeof(FaultControl)) != 0) Die(absl::StrCat("cannot make ", path));
  void* const mapped =
      mmap(nullptr, sizeof(FaultControl), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (mapped == MAP_FAILED) Die(absl::StrCat("cannot map ", path));
  return static_cast<FaultControl*>(mapped);
}

struct CollectionPlan {
  v1::Collection settings;
  Writer::Mode mode = Writer::Mode::kUnary;
  int body_parts = 1;
};

CollectionPlan Plan(const char* name, Writer::Mode mode) {
  CollectionPlan plan;
  plan.settings.set_name(name);
  plan.mode = mode;
  return plan;
}

// One collection for each way to write, and for what shapes the stored records.
std::vector<CollectionPlan> PlanCollections(const Life::Options& options) {
  std::vector<CollectionPlan> plans;
  plans.push_back(Plan("latest", Writer::Mode::kBatch));
  plans.back().settings.mutable_retention()->set_articles_max(100);
  plans.push_back(Plan("wire", Writer::Mode::kStream));
  plans.push_back(Plan("desk", Writer::Mode::kUnary));
  plans.back().settings.set_canonical_policy(v1::CANONICAL_POLICY_LONGEST);
  plans.push_back(Plan("partners", Writer::Mode::kBatch));
  plans.back().settings.set_canonical_policy(v1::CANONICAL_POLICY_SOURCE_PRIORITY);
  for (int i = 0; i < 5; ++i) {
    plans.back().settings.add_source_priority(absl::StrCat("outlet-", i * 3));
  }
  plans.push_back(Plan("licensed", Writer::Mode::kStream));
  plans.back().settings.set_omit_text(true);
  plans.back().settings.set_canonical_policy(v1::CANONICAL_POLICY_EARLIEST_PUBLISHED);
  plans.back().settings.set_durability(v1::DURABILITY_ASYNC);
  plans.push_back(Plan("vectors", Writer::Mode::kUnary));
  plans.back().settings.set_embedder("caller");
  plans.back().settings.set_embedding_dimension(16);
  if (options.large_bodies) {
    plans.push_back(Plan("large", Writer::Mode::kUnary));
    plans.back().body_parts = 120;
  }
  if (options.asynchronous) {
    for (CollectionPlan& plan : plans) plan.settings.set_durability(v1::DURABILITY_ASYNC);
  }
  for (CollectionPlan& plan : plans) {
    // These only ingest, or mostly; the others delete as much as they ingest.
    if (options.articles_kept == 0 || plan.mode == Writer::Mode::kUnary) continue;
    plan.settings.mutable_retention()->set_articles_max(
        static_cast<int64_t>(options.articles_kept));
  }
  return plans;
}

}  // namespace

Life::Life(Options options, Totals* totals)
    : options_(std::move(options)),
      totals_(totals),
      data_dir_(options_.folder + "/data"),
      log_path_(options_.folder + "/server.log"),
      dice_(options_.seed),
      generator_({options_.seed, kCopyShare}) {
  std::filesystem::remove_all(options_.folder);
  std::filesystem::create_directories(options_.folder);
  faults_ = MapControl(options_.folder + "/faults");
  reference_ = std::make_unique<Reference>(options_.folder + "/reference");
  if (const absl::Status started = Start(); !started.ok()) {
    Die(absl::StrCat(started.message(), "\n", LogTail(log_path_)));
  }
  MakeCollections();
}

Life::~Life() {
  server_.reset();
  munmap(faults_, sizeof(FaultControl));
}

void Life::MakeCollections() {
  uint64_t index = 0;
  for (CollectionPlan& plan : PlanCollections(options_)) {
    v1::CreateCollectionRequest request;
    *request.mutable_collection() = plan.settings;
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::CreateCollectionResponse response, expected;
    const grpc::Status status = stubs_->admin->CreateCollection(&context, request, &response);
    const absl::Status local = reference_->handlers().CreateCollection(request, &expected);
    if (!status.ok() || !local.ok()) {
      Die(absl::StrCat("cannot create a collection: ", status.error_message(), local.message()));
    }
    Workload::Options workload;
    workload.collection = plan.settings.name();
    workload.seed = dice_.Next();
    workload.first_article = index * kArticlesOfCollection;
    workload.body_parts = plan.body_parts;
    workload.articles_kept = options_.articles_kept;
    workload.skip_related = options_.skip_related;
    workload.expires = plan.settings.has_retention();
    workload.embedding_dimension = plan.settings.embedding_dimension();
    workloads_.push_back(std::make_unique<Workload>(&generator_, workload));
    Writer::Options writer;
    writer.collection = plan.settings.name();
    writer.mode = plan.mode;
    writer.asynchronous = plan.settings.durability() == v1::DURABILITY_ASYNC;
    writer.pause_us_max = options_.pause_us_max;
    writers_.push_back(
        std::make_unique<Writer>(workloads_.back().get(), std::move(writer), dice_.Next()));
    read_targets_.push_back({plan.settings.name(), workload.first_article});
    ++index;
  }
  history_.resize(writers_.size());
  problems_told_.resize(writers_.size());
  acknowledged_told_.resize(writers_.size());
}

ServerProcess::Options Life::ServerOptions(const std::string& data_dir,
                                           const std::string& log) const {
  ServerProcess::Options server;
  server.binary = options_.binary;
  server.arguments = {absl::StrCat("--data_dir=", data_dir), "--listen=127.0.0.1:0",
                      "--log_level=warning", "--block_cache_bytes=8388608", "--drain_seconds=5"};
  server.arguments.insert(server.arguments.end(), options_.server_flags.begin(),
                          options_.server_flags.end());
  server.log_path = log;
  return server;
}

absl::Status Life::Start() {
  ServerProcess::Options server = ServerOptions(data_dir_, log_path_);
  server.environment = {{"LD_PRELOAD", options_.fault_library},
                        {kFaultFolderVariable, data_dir_},
                        {kFaultControlVariable, options_.folder + "/faults"}};
  server_ = std::make_unique<ServerProcess>(server);
  const auto address = server_->WaitForAddress(absl::Milliseconds(kServePatience.count()));
  if (!address.ok()) return address.status();
  stubs_ = std::make_unique<Stubs>(*address);
  const grpc::Status serving = stubs_->WaitUntilServing(kServePatience);
  if (!serving.ok()) {
    return absl::UnavailableError(absl::StrCat("does not serve: ", serving.error_message()));
  }
  if (faults_->writes == 0) {
    return absl::InternalError(absl::StrCat("is not loaded: ", options_.fault_library));
  }
  return absl::OkStatus();
}

void Life::StartAndKill(absl::Duration after) {
  ServerProcess server(ServerOptions(data_dir_, log_path_));
  absl::SleepFor(after);
  server.Kill();
}

void Life::Load(absl::Duration load, Ending ending, bool faults,
                const std::function<void()>& meanwhile) {
  LoadControl control;
  control.faults = faults;
  dying_ = false;
  stopped_well_ = false;
  std::vector<std::thread> threads;
  for (const auto& writer : writers_) {
    threads.emplace_back(
        [this, &control, writer = writer.get()] { writer->Run(*stubs_, control); });
  }
  std::vector<std::string> reader_problems;
  const uint64_t reader_seed = dice_.Next();
  threads.emplace_back([&] {
    reader_problems = ReadAtRandom(*stubs_, read_targets_, generator_, reader_seed, control);
  });
  const absl::Time end = absl::Now() + load;
  if (meanwhile != nullptr) meanwhile();
  absl::SleepFor(end - absl::Now());
  control.dying = dying_ = ending != Ending::kGoOn;
  if (ending == Ending::kKillInDrain) {
    server_->Signal(SIGTERM);
    absl::SleepFor(absl::Microseconds(dice_.Below(60'000)));
  }
  crashed_ = absl::Now();
  if (ending == Ending::kKill || ending == Ending::kKillInDrain) server_->Kill();
  if (ending == Ending::kStop) stopped_well_ = Stop();
  control.stop = true;
  for (std::thread& thread : threads) thread.join();
  for (std::string& problem : reader_problems) totals_->Problem(std::move(problem));
  TakeProblems();
}

bool Life::Stop() {
  server_->Signal(SIGTERM);
  const auto ended = server_->WaitForEnd(kEndPatience);
  if (ended.ok() && ended->exited && ended->code == 0) return true;
  totals_->Problem(absl::StrCat(
      "the server did not end well after SIGTERM: ",
      ended.ok() ? absl::StrCat("code ", ended->code) : std::string(ended.status().message()), "\n",
      LogTail(log_path_)));
  server_->Kill();
  return false;
}

void Life::TakeProblems() {
  for (size_t i = 0; i < writers_.size(); ++i) {
    const std::vector<std::string>& problems = writers_[i]->problems();
    for (size_t told = problems_told_[i]; told < problems.size(); ++told) {
      totals_->Problem(problems[told]);
    }
    problems_told_[i] = problems.size();
    totals_->acknowledged += writers_[i]->acknowledged() - acknowledged_told_[i];
    acknowledged_told_[i] = writers_[i]->acknowledged();
  }
}

bool Life::ReplayAll() {
  for (size_t i = 0; i < writers_.size(); ++i) {
    Writer* const writer = writers_[i].get();
    Mismatches mismatches;
    const Replayed replayed =
        Replay(writer->collection(), writer->TakeEvents(), writer->asynchronous() && !stopped_well_,
               *reference_, &mismatches);
    totals_->taken_back += static_cast<int64_t>(replayed.taken_back.size());
    writer->SendAgain(replayed.taken_back);
    if (options_.snapshots) {
      history_[i].insert(history_[i].end(), replayed.done.begin(), replayed.done.end());
    }
    totals_->lost += mismatches.lost;
    totals_->wrong_verdicts += mismatches.wrong_verdicts;
    totals_->problems += mismatches.never_sent;
    if (mismatches.lost + mismatches.never_sent > 0) diverged_ = true;
    totals_->reports.insert(totals_->reports.end(), mismatches.reports.begin(),
                            mismatches.reports.end());
  }
  return !diverged_;
}

bool Life::CheckAfterRestart() {
  for (const auto& writer : writers_) {
    if (!writer->Observe(*stubs_, Event::Kind::kRestart, crashed_)) {
      totals_->Problem(absl::StrCat(writer->collection(), ": no statistics after a restart"));
      return false;
    }
  }
  if (!ReplayAll()) return false;
  if (!SettleAll(kSettlePatience)) {
    totals_->Problem(
        absl::StrCat("the server does not write after a restart\n", LogTail(log_path_)));
    return false;
  }
  return ReplayAll();
}

bool Life::CheckWhileRunning(milliseconds patience) { return SettleAll(patience) && ReplayAll(); }

bool Life::SettleAll(milliseconds patience) {
  bool settled = true;
  for (const auto& writer : writers_) {
    settled = settled && writer->Settle(*stubs_, patience) &&
              writer->Observe(*stubs_, Event::Kind::kSequence);
  }
  TakeProblems();
  return settled;
}

void Life::VerifyAll(size_t sample) {
  for (size_t i = 0; i < writers_.size(); ++i) {
    VerifyOptions options;
    options.seed = dice_.Next();
    options.sample = sample;
    options.skip_related = options_.skip_related;
    const Findings found =
        Verify(*stubs_, *reference_, writers_[i]->collection(), *workloads_[i], options);
    totals_->compared += found.calls;
    totals_->lost += found.lost;
    totals_->half_indexed += found.half_indexed;
    totals_->wrong_verdicts += found.wrong;
    totals_->reports.insert(totals_->reports.end(), found.reports.begin(), found.reports.end());
  }
}

Findings Life::VerifyServer(const Stubs& stubs, const Reference& reference, bool damaged,
                            bool past) const {
  Findings all;
  for (size_t i = 0; i < writers_.size(); ++i) {
    VerifyOptions options;
    options.damaged = damaged;
    options.seed = options_.seed;
    options.sample = kSample;
    options.past = past;
    all.Add(Verify(stubs, reference, writers_[i]->collection(), *workloads_[i], options));
  }
  return all;
}

void Life::CreateCollections(const Reference& reference) const {
  for (const CollectionPlan& plan : PlanCollections(options_)) {
    v1::CreateCollectionRequest request;
    *request.mutable_collection() = plan.settings;
    v1::CreateCollectionResponse response;
    const absl::Status status = reference.handlers().CreateCollection(request, &response);
    if (!status.ok()) Die(absl::StrCat("cannot create a collection: ", status.message()));
  }
}

bool Life::MakeSnapshot() {
  ++snapshots_;
  // Acknowledged before, so that the snapshot must have it. In a collection that nobody compares.
  v1::IngestArticleRequest ingest;
  ingest.mutable_article()->set_id(absl::StrCat("before-snapshot-", snapshots_));
  ingest.mutable_article()->set_body(absl::StrCat("The snapshot number ", snapshots_, " is near."));
  v1::IngestArticleResponse ingested;
  grpc::ClientContext ingest_context, context;
  SetDeadline(&ingest_context);
  SetDeadline(&context);
  snapshot_problem_.clear();
  const auto succeeded = [&](const grpc::Status& status) {
    if (!status.ok() && !dying_) {
      snapshot_problem_ = absl::StrCat("cannot make a snapshot: ", status.error_code(), " ",
                                       status.error_message());
    }
    return status.ok();
  };
  if (!succeeded(stubs_->articles->IngestArticle(&ingest_context, ingest, &ingested))) return false;
  v1::CreateSnapshotRequest request;
  request.set_name(absl::StrCat("snapshot-", snapshots_));
  v1::CreateSnapshotResponse response;
  if (!succeeded(stubs_->admin->CreateSnapshot(&context, request, &response))) return false;
  snapshot_ = request.name();
  snapshot_article_ = ingest.article().id();
  return true;
}

void Life::VerifySnapshot() {
  const std::string restored = options_.folder + "/restored", past = options_.folder + "/past";
  std::filesystem::remove_all(restored);
  std::filesystem::remove_all(past);
  const std::string tool = std::filesystem::path(options_.binary).parent_path() / "newsprint";
  const std::string snapshot = absl::StrCat(data_dir_, "/snapshots/", snapshot_);
  const int code = RunProgram(tool, {"restore", snapshot, restored}, log_path_);
  if (code != 0) {
    return totals_->Problem(absl::StrCat("newsprint restore of ", snapshot, " ends with ", code,
                                         "\n", LogTail(log_path_)));
  }
  ServerProcess server(ServerOptions(restored, log_path_));
  const auto address = server.WaitForAddress(absl::Milliseconds(kServePatience.count()));
  const Stubs stubs(address.ok() ? *address : "127.0.0.1:1");
  if (!address.ok() || !stubs.WaitUntilServing(kServePatience).ok()) {
    return totals_->Problem(
        absl::StrCat("a server does not start on a snapshot\n", LogTail(log_path_)));
  }
  v1::GetArticleRequest get;
  get.set_id(snapshot_article_);
  v1::GetArticleResponse got;
  grpc::ClientContext get_context;
  SetDeadline(&get_context);
  if (!stubs.articles->GetArticle(&get_context, get, &got).ok()) {
    ++totals_->lost;
    totals_->reports.push_back(absl::StrCat(snapshot_, " lacks what was acknowledged before it"));
  }
  const Reference reference(past);
  CreateCollections(reference);
  for (size_t i = 0; i < writers_.size(); ++i) {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::GetStatsRequest request;
    request.set_collection(writers_[i]->collection());
    v1::GetStatsResponse stats;
    if (!stubs.admin->GetStats(&context, request, &stats).ok()) continue;  // found out below
    for (const OperationPtr& operation : history_[i]) {
      if (reference.Sequence(request.collection()) >= static_cast<uint64_t>(stats.sequence())) {
        break;
      }
      reference.Execute(*operation);
    }
  }
  const Findings found = VerifyServer(stubs, reference, /*damaged=*/false, /*past=*/true);
  ++totals_->snapshots;
  totals_->compared += found.calls;
  totals_->wrong_verdicts += found.total();
  for (const std::string& report : found.reports) {
    totals_->reports.push_back(absl::StrCat(snapshot_, ", restored: ", report));
  }
}

void Life::Check(const std::string& folder) {
  const std::string tool = std::filesystem::path(options_.binary).parent_path() / "newsprint";
  const std::string log = options_.folder + "/check.log";
  std::filesystem::remove(log);
  const int code = RunProgram(tool, {"check", folder}, log);
  ++totals_->checks;
  if (code == 0) return;
  totals_->Problem(
      absl::StrCat("newsprint check ", folder, " ends with ", code, "\n", LogTail(log)));
}

void Life::CheckSnapshots() {
  if (!snapshot_problem_.empty()) totals_->Problem(snapshot_problem_);
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(data_dir_ + "/snapshots", none)) {
    if (entry.path().filename().string()[0] != '.') Check(entry.path().string());
  }
}

void Life::LiftFaults() {
  faults_->disk_limited = 0;
  faults_->sync_errors = 0;
  faults_->write_errors = 0;
  faults_->short_write_period = 0;
  faults_->delay_us = 0;
}

std::string Life::LogTail(const std::string& path) {
  constexpr size_t kTailBytes = 1500;
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return text.size() > kTailBytes ? text.substr(text.size() - kTailBytes) : text;
}

}  // namespace newsprint::crash
