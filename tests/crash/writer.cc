#include "tests/crash/writer.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace newsprint::crash {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kRetryPause{20};
constexpr uint64_t kBatchItemsMax = 24;
constexpr uint64_t kStreamItemsMax = 160;
constexpr size_t kInFlightMax = 64;
constexpr uint64_t kReadArticles = 2000;
constexpr size_t kProblemsMax = 2;  // of one reader

// Sends a request.
struct Sender {
  const Stubs& stubs;

  template <typename Response, typename Service, typename Request>
  Answer Call(Service* stub,
              grpc::Status (Service::*method)(grpc::ClientContext*, const Request&, Response*),
              const Request& request) const {
    grpc::ClientContext context;
    SetDeadline(&context);
    auto response = std::make_shared<Response>();
    const grpc::Status status = (stub->*method)(&context, request, response.get());
    return MakeAnswer(status, std::move(response));
  }

  Answer operator()(const v1::IngestArticleRequest& request) const {
    return VerdictOnly(
        Call(stubs.articles.get(), &v1::ArticleService::Stub::IngestArticle, request));
  }
  Answer operator()(const v1::DeleteArticleRequest& request) const {
    return Call(stubs.articles.get(), &v1::ArticleService::Stub::DeleteArticle, request);
  }
  Answer operator()(const v1::SetCanonicalRequest& request) const {
    return Call(stubs.clusters.get(), &v1::ClusterService::Stub::SetCanonical, request);
  }
  Answer operator()(const v1::MergeGroupsRequest& request) const {
    return Call(stubs.clusters.get(), &v1::ClusterService::Stub::MergeGroups, request);
  }
  Answer operator()(const v1::SplitGroupRequest& request) const {
    return Call(stubs.clusters.get(), &v1::ClusterService::Stub::SplitGroup, request);
  }
  Answer operator()(const v1::WithdrawStoryRequest& request) const {
    return Call(stubs.clusters.get(), &v1::ClusterService::Stub::WithdrawStory, request);
  }
  Answer operator()(const v1::ReinstateStoryRequest& request) const {
    return Call(stubs.clusters.get(), &v1::ClusterService::Stub::ReinstateStory, request);
  }
};

template <typename Request>
Request ForArticle(const std::string& collection, const std::string& id) {
  Request request;
  request.set_collection(collection);
  request.set_id(id);
  return request;
}

Answer AnswerOf(const v1::IngestResult& result) {
  Answer answer;
  answer.code = result.status().code();
  answer.message = result.status().message();
  if (answer.ok()) answer.response = std::make_shared<v1::Verdict>(result.verdict());
  return answer;
}

}  // namespace

void SetDeadline(grpc::ClientContext* context) {
  context->set_deadline(std::chrono::system_clock::now() + milliseconds(60'000));
}

Stubs::Stubs(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  articles = v1::ArticleService::NewStub(channel);
  clusters = v1::ClusterService::NewStub(channel);
  admin = v1::AdminService::NewStub(channel);
}

grpc::Status Stubs::WaitUntilServing(milliseconds patience) const {
  const auto deadline = steady_clock::now() + patience;
  while (true) {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::GetStatsResponse response;
    const grpc::Status status = admin->GetStats(&context, v1::GetStatsRequest(), &response);
    if (status.error_code() != grpc::StatusCode::UNAVAILABLE) return status;
    if (steady_clock::now() > deadline ||
        !absl::StartsWith(status.error_message(), "server: starting")) {
      return status;
    }
    std::this_thread::sleep_for(milliseconds(2));
  }
}

Writer::Writer(Workload* workload, Options options, uint64_t seed)
    : workload_(workload), options_(std::move(options)), dice_(seed) {}

bool Writer::Record(const OperationPtr& operation, std::optional<Answer> answer,
                    const LoadControl& control) {
  const bool final = answer.has_value() && !IsUnclear(*answer);
  if (answer.has_value() && !final && !control.dying &&
      !(control.faults && IsDocumentedOutage(*answer))) {
    problems_.push_back(absl::StrCat(options_.collection, ": an error that must not be: ",
                                     Describe({Event::Kind::kAttempt, operation, answer, 0, {}})));
  }
  if (final) {
    if (answer->ok()) ++acknowledged_;
    const std::string problem = workload_->Settle(*operation, *answer);
    if (!problem.empty()) {
      problems_.push_back(
          absl::StrCat(options_.collection, ": ", Describe(*operation), ": ", problem));
    }
  }
  events_.push_back({Event::Kind::kAttempt, operation, std::move(answer), 0, absl::Now()});
  return final;
}

bool Writer::Send(const Stubs& stubs, const OperationPtr& operation, const LoadControl& control) {
  return Record(operation, std::visit(Sender{stubs}, operation->request), control);
}

bool Writer::SendPending(const Stubs& stubs, const LoadControl& control) {
  if (!Send(stubs, pending_.front(), control)) return false;
  pending_.pop_front();
  return true;
}

void Writer::SendBatch(const Stubs& stubs, const LoadControl& control) {
  v1::BatchIngestArticlesRequest request;
  request.set_collection(options_.collection);
  std::vector<OperationPtr> operations;
  for (uint64_t left = 1 + dice_.Below(kBatchItemsMax); left > 0; --left) {
    operations.push_back(workload_->Next(/*ingest_only=*/true));
    *request.add_requests() = *operations.back()->ingest();
  }
  grpc::ClientContext context;
  SetDeadline(&context);
  v1::BatchIngestArticlesResponse response;
  const grpc::Status status = stubs.articles->BatchIngestArticles(&context, request, &response);
  if (status.ok() && response.results_size() != static_cast<int>(operations.size())) {
    problems_.push_back(absl::StrCat(options_.collection, ": a batch of ", operations.size(),
                                     " got ", response.results_size(), " results"));
  }
  for (size_t i = 0; i < operations.size(); ++i) {
    std::optional<Answer> answer;
    if (!status.ok()) {
      answer = MakeAnswer(status, nullptr);
    } else if (const int at = static_cast<int>(i); at < response.results_size()) {
      answer = AnswerOf(response.results(at));
      CheckAnswered(*operations[i], response.results(at));
    }
    if (!Record(operations[i], answer, control)) pending_.push_back(operations[i]);
  }
}

bool Writer::CheckAnswered(const Operation& operation, const v1::IngestResult& result) {
  if (result.article_id() == operation.ingest()->article().id()) return true;
  problems_.push_back(absl::StrCat(options_.collection, ": ", Describe(operation),
                                   ": the answer is about \"", result.article_id(), "\""));
  return false;
}

void Writer::SendStream(const Stubs& stubs, const LoadControl& control) {
  grpc::ClientContext context;
  SetDeadline(&context);
  const auto stream = stubs.articles->StreamIngest(&context);
  std::mutex mutex;  // guards what both threads use: the workload, our own fields, and these
  std::condition_variable answered;
  struct InFlight {
    uint64_t sequence = 0;
    OperationPtr operation;
  };
  std::deque<InFlight> in_flight;
  bool ended = false;
  std::thread reader([&] {
    v1::StreamIngestResponse response;
    while (stream->Read(&response)) {
      const std::lock_guard<std::mutex> lock(mutex);
      if (in_flight.empty() || response.sequence() != in_flight.front().sequence ||
          !CheckAnswered(*in_flight.front().operation, response.result())) {
        problems_.push_back(absl::StrCat(
            options_.collection, ": a stream's answer to nothing that was sent, got sequence ",
            response.sequence(), ", expected ",
            in_flight.empty() ? "none" : absl::StrCat(in_flight.front().sequence)));
        context.TryCancel();
        break;
      }
      const OperationPtr operation = in_flight.front().operation;
      in_flight.pop_front();
      if (!Record(operation, AnswerOf(response.result()), control)) pending_.push_back(operation);
      answered.notify_one();
    }
    const std::lock_guard<std::mutex> lock(mutex);
    ended = true;
    answered.notify_one();
  });
  v1::StreamIngestRequest message;
  for (uint64_t left = 1 + dice_.Below(kStreamItemsMax); left > 0 && !control.stop; --left) {
    {
      std::unique_lock<std::mutex> lock(mutex);
      answered.wait(lock, [&] { return in_flight.size() < kInFlightMax || ended; });
      if (ended || !pending_.empty()) break;
      const OperationPtr operation = workload_->Next(/*ingest_only=*/true);
      message.set_sequence(next_stream_sequence_++);
      in_flight.push_back({message.sequence(), operation});
      *message.mutable_request() = *operation->ingest();
    }
    if (!stream->Write(message)) break;
    if (dice_.Percent(5)) std::this_thread::sleep_for(milliseconds(dice_.Below(10)));
  }
  stream->WritesDone();
  reader.join();
  const grpc::Status status = stream->Finish();
  for (const InFlight& unanswered : in_flight) {
    const OperationPtr& operation = unanswered.operation;
    if (!status.ok()) {
      Record(operation, MakeAnswer(status, nullptr), control);
    } else {
      problems_.push_back(absl::StrCat(options_.collection,
                                       ": the stream ended well without an "
                                       "answer to ",
                                       Describe(*operation)));
      Record(operation, std::nullopt, control);
    }
    pending_.push_back(operation);
  }
}

void Writer::CheckReadBack(const Stubs& stubs, const Operation& operation,
                           const LoadControl& control) {
  const v1::IngestArticleRequest& ingest = *operation.ingest();
  const auto check = [&](const Answer& answer, bool right, absl::string_view what) {
    if (control.dying || (answer.ok() && right)) return;
    problems_.push_back(absl::StrCat(options_.collection, ": ", Describe(operation),
                                     ": not found after it was acknowledged: ", what, ": ",
                                     answer.code, " ", answer.message));
  };
  const Sender sender{stubs};
  const std::string& id = ingest.article().id();
  const Answer got = sender.Call(stubs.articles.get(), &v1::ArticleService::Stub::GetArticle,
                                 ForArticle<v1::GetArticleRequest>(options_.collection, id));
  const auto* stored = dynamic_cast<const v1::GetArticleResponse*>(got.response.get());
  check(got, stored != nullptr && stored->article().id() == id, "GetArticle");
  const std::string group = stored == nullptr ? "" : stored->state().group_id();

  v1::FindDuplicatesRequest request;
  request.set_collection(options_.collection);
  *request.mutable_article() = ingest.article();
  request.mutable_article()->clear_id();
  const Answer found =
      sender.Call(stubs.articles.get(), &v1::ArticleService::Stub::FindDuplicates, request);
  const auto* duplicates = dynamic_cast<const v1::FindDuplicatesResponse*>(found.response.get());
  check(found, duplicates != nullptr && FindsStory(duplicates->verdict(), id, group),
        "FindDuplicates");
}

void Writer::Step(const Stubs& stubs, const LoadControl& control) {
  if (!pending_.empty()) {
    if (!SendPending(stubs, control)) {
      Observe(stubs, Event::Kind::kSequence);
      std::this_thread::sleep_for(kRetryPause);
    }
    return;
  }
  if (options_.mode == Mode::kBatch && dice_.Percent(30)) {
    SendBatch(stubs, control);
  } else if (options_.mode == Mode::kStream && dice_.Percent(30)) {
    SendStream(stubs, control);
  } else {
    const OperationPtr operation = workload_->Next(/*ingest_only=*/false);
    if (!Send(stubs, operation, control)) {
      pending_.push_back(operation);
    } else if (operation->ingest() != nullptr && events_.back().answer->ok() &&
               !workload_->expires() && dice_.Percent(10)) {
      CheckReadBack(stubs, *operation, control);
    }
  }
  if (!pending_.empty()) Observe(stubs, Event::Kind::kSequence);
}

void Writer::Run(const Stubs& stubs, const LoadControl& control) {
  while (!control.stop) {
    Step(stubs, control);
    if (!pending_.empty() && !control.faults) return;
    if (options_.pause_us_max > 0) {
      std::this_thread::sleep_for(
          std::chrono::microseconds(dice_.Below(static_cast<uint64_t>(options_.pause_us_max))));
    }
  }
}

bool Writer::Settle(const Stubs& stubs, milliseconds patience) {
  LoadControl control;
  control.faults = true;
  const auto deadline = steady_clock::now() + patience;
  while (!pending_.empty()) {
    if (SendPending(stubs, control)) continue;
    if (steady_clock::now() > deadline) return false;
    Observe(stubs, Event::Kind::kSequence);
    std::this_thread::sleep_for(kRetryPause);
  }
  return true;
}

bool Writer::Observe(const Stubs& stubs, Event::Kind kind, absl::Time crashed) {
  v1::GetStatsRequest request;
  request.set_collection(options_.collection);
  const Answer answer =
      Sender{stubs}.Call(stubs.admin.get(), &v1::AdminService::Stub::GetStats, request);
  if (!answer.ok()) return false;
  const auto& stats = static_cast<const v1::GetStatsResponse&>(*answer.response);
  events_.push_back(
      {kind, nullptr, std::nullopt, static_cast<uint64_t>(stats.sequence()), crashed});
  return true;
}

std::vector<Event> Writer::TakeEvents() {
  std::vector<Event> events;
  events.swap(events_);
  return events;
}

namespace {

// Reads in one of four ways, something that has to do with the article.
Answer ReadOnce(const Sender& sender, const std::string& collection,
                const bench::GeneratedArticle& article, Dice* dice) {
  v1::ArticleService::Stub* const articles = sender.stubs.articles.get();
  switch (dice->Below(4)) {
    case 0: {
      v1::FindDuplicatesRequest request;
      request.set_collection(collection);
      request.mutable_article()->set_title(article.title);
      request.mutable_article()->set_body(article.body);
      return sender.Call(articles, &v1::ArticleService::Stub::FindDuplicates, request);
    }
    case 1:
      return sender.Call(articles, &v1::ArticleService::Stub::FindRelated,
                         ForArticle<v1::FindRelatedRequest>(collection, article.id));
    case 2:
      return sender.Call(articles, &v1::ArticleService::Stub::GetArticle,
                         ForArticle<v1::GetArticleRequest>(collection, article.id));
    default: {
      v1::ListGroupsRequest request;
      request.set_collection(collection);
      request.set_members_min(static_cast<int64_t>(dice->Below(3)));
      return sender.Call(sender.stubs.clusters.get(), &v1::ClusterService::Stub::ListGroups,
                         request);
    }
  }
}

}  // namespace

std::vector<std::string> ReadAtRandom(const Stubs& stubs, const std::vector<ReadTarget>& targets,
                                      const bench::ArticleGenerator& generator, uint64_t seed,
                                      const LoadControl& control) {
  Dice dice(seed);
  std::vector<std::string> problems;
  while (!control.stop) {
    const ReadTarget& target = targets[dice.Below(targets.size())];
    bench::GeneratedArticle article;
    generator.Make(target.first_article + dice.Below(kReadArticles), &article);
    const Answer answer = ReadOnce({stubs}, target.collection, article, &dice);
    // An article without a vector of its own cannot be asked about where callers bring them.
    const bool expected = answer.ok() || answer.code == grpc::StatusCode::NOT_FOUND ||
                          answer.code == grpc::StatusCode::INVALID_ARGUMENT;
    if (!expected && !control.dying) {
      problems.push_back(
          absl::StrCat(target.collection, ": a reader met ", answer.code, " ", answer.message));
      if (problems.size() >= kProblemsMax) break;
    }
    if (!expected && control.dying) break;
    std::this_thread::sleep_for(milliseconds(dice.Below(6)));
  }
  return problems;
}

}  // namespace newsprint::crash
