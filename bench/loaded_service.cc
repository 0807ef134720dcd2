#include "bench/loaded_service.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/grpc_load.h"

namespace newsprint::bench {
namespace {

using Clock = std::chrono::steady_clock;
using grpc::ByteBuffer;

constexpr char kStreamIngest[] = "/newsprint.v1.ArticleService/StreamIngest";
constexpr char kHealthCheck[] = "/grpc.health.v1.Health/Check";
// A HealthCheckResponse with status SERVING.
constexpr char kServing[] = "\x08\x01";
// Twice what the server reads ahead, so that it never waits for the client.
constexpr int kStreamWindow = 512;
constexpr double kReadySecondsMax = 600;
constexpr double kIdleStepSeconds = 0.5;
constexpr double kIdleCpuSeconds = 0.02;  // in one step

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void Sleep(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

double OwnCpuSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

v1::Collection Named(const std::string& name) {
  v1::Collection collection;
  collection.set_name(name);
  return collection;
}

// Takes the times of an ingestion.
class LoadMeter {
 public:
  explicit LoadMeter(const LoadedService& service)
      : service_(service),
        client_before_(OwnCpuSeconds()),
        server_before_(service.process().cpu_seconds()) {}
  IngestLoad Finish(int64_t articles, double seconds) const {
    IngestLoad load;
    load.articles = articles;
    load.seconds = seconds;
    load.server_cpu_seconds = service_.process().cpu_seconds() - server_before_;
    load.client_cpu_seconds = OwnCpuSeconds() - client_before_;
    return load;
  }

 private:
  const LoadedService& service_;
  const double client_before_;
  const double server_before_;
};

}  // namespace

void Die(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(1);
}

void Report(const std::string& message) { std::fprintf(stderr, "  %s\n", message.c_str()); }

double LoadedService::Start() {
  const Clock::time_point begin = Clock::now();
  std::vector<std::string> flags = flags_;
  flags.insert(flags.end(), {"--listen=127.0.0.1:0", "--log_level=warning",
                             absl::StrCat("--data_dir=", data_dir_.path())});
  server_ = std::make_unique<ServerProcess>("newsprintd", std::move(flags));
  for (ByteBuffer answer;;) {
    if (CallOnce(address(), kHealthCheck, ToBuffer(""), &answer, credentials_).ok() &&
        ToString(answer) == kServing) {
      break;
    }
    if (SecondsSince(begin) > kReadySecondsMax) Die("the server does not become ready");
    Sleep(0.005);
  }
  const double seconds = SecondsSince(begin);
  client::ClientOptions options;
  options.target = address();
  options.credentials = credentials_;
  client_ = std::make_unique<client::Client>(client::MakeConnection(options));
  return seconds;
}

double LoadedService::StopAndStart() {
  server_->Stop();
  return Start();
}

double LoadedService::KillAndStart() {
  server_->Kill();
  return Start();
}

double LoadedService::WaitUntilIdle(double seconds_max) const {
  const Clock::time_point begin = Clock::now();
  double idle_seconds = 0;
  while (idle_seconds < 1 && SecondsSince(begin) < seconds_max) {
    const double before = server_->cpu_seconds();
    Sleep(kIdleStepSeconds);
    const bool idle = server_->cpu_seconds() - before <= kIdleCpuSeconds;
    idle_seconds = idle ? idle_seconds + kIdleStepSeconds : 0;
  }
  return std::max(0.0, SecondsSince(begin) - idle_seconds);
}

CollectionFiller::CollectionFiller(const LoadedService& service, const ArticleGenerator& generator,
                                   const v1::Collection& collection, bool skip_related)
    : service_(service),
      generator_(generator),
      collection_(collection.name()),
      skip_related_(skip_related) {
  v1::CreateCollectionRequest create;
  *create.mutable_collection() = collection;
  OrDie(service.client().CreateCollection(create));
}

CollectionFiller::CollectionFiller(const LoadedService& service, const ArticleGenerator& generator,
                                   const std::string& collection, bool skip_related)
    : CollectionFiller(service, generator, Named(collection), skip_related) {}

std::vector<IngestLoad> CollectionFiller::Fill(int64_t articles, int chunks) {
  std::vector<IngestLoad> loads;
  MessageStream stream(service_.address(), kStreamIngest, kStreamWindow);
  const int64_t end = articles_ + articles;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    const int64_t count = (end - articles_) / (chunks - chunk);
    const std::vector<ByteBuffer> messages = Make(count);
    std::vector<ByteBuffer> answers;
    const LoadMeter meter(service_);
    const double seconds = stream.Send(messages, 0, &answers);
    loads.push_back(meter.Finish(count, seconds));
    Check(answers);
    if (chunks == 1) continue;
    Report(absl::StrCat(
        collection_, ": ", articles_, " articles, ",
        static_cast<int64_t>(loads.back().articles_per_second()), "/s, ",
        static_cast<int64_t>(loads.back().server_cpu_seconds * 1e6 / static_cast<double>(count)),
        " us of CPU an article, ", service_.process().resident_bytes() >> 20, " MB resident"));
  }
  return loads;
}

IngestLoad CollectionFiller::FillPaced(int64_t articles, double per_second,
                                       const std::function<void()>& meanwhile) {
  const std::vector<ByteBuffer> messages = Make(articles);
  std::vector<ByteBuffer> answers;
  MessageStream stream(service_.address(), kStreamIngest, kStreamWindow);
  const LoadMeter meter(service_);
  double seconds = 0;
  std::thread sender([&] { seconds = stream.Send(messages, per_second, &answers); });
  meanwhile();
  sender.join();
  const IngestLoad load = meter.Finish(articles, seconds);
  Check(answers);
  return load;
}

std::vector<ByteBuffer> CollectionFiller::Make(int64_t articles) const {
  std::vector<ByteBuffer> messages;
  messages.reserve(static_cast<size_t>(articles));
  GeneratedArticle made;
  for (int64_t number = articles_; number < articles_ + articles; ++number) {
    generator_.Make(static_cast<uint64_t>(number), &made);
    v1::StreamIngestRequest message;
    message.set_sequence(static_cast<uint64_t>(number) + 1);
    v1::IngestArticleRequest& request = *message.mutable_request();
    request.set_collection(collection_);
    request.set_skip_related(skip_related_);
    MoveInto(std::move(made), request.mutable_article());
    messages.push_back(ToBuffer(message.SerializeAsString()));
  }
  return messages;
}

void CollectionFiller::Check(const std::vector<ByteBuffer>& answers) {
  for (const ByteBuffer& bytes : answers) {
    const auto number = static_cast<uint64_t>(articles_++);
    v1::StreamIngestResponse answer;
    if (!answer.ParseFromString(ToString(bytes))) Die("StreamIngest: an answer that is no message");
    const v1::ItemStatus& status = answer.result().status();
    if (status.code() != 0 || answer.sequence() != number + 1) {
      Die(absl::StrCat("StreamIngest into ", collection_, ": article ", number,
                       " got the answer to ", answer.sequence() - 1, " with code ", status.code(),
                       " ", status.message()));
    }
    const v1::Verdict& verdict = answer.result().verdict();
    const uint64_t origin = generator_.OriginOf(number);
    const bool is_copy = IsCopy(verdict.relation());
    if (origin == number) {
      ++verdicts_.originals;
      verdicts_.originals_taken_for_copies += is_copy ? 1 : 0;
      verdicts_.originals_related += verdict.relation() == v1::RELATION_RELATED ? 1 : 0;
    } else {
      ++verdicts_.copies;
      const bool right = is_copy && verdict.canonical_id() == ArticleGenerator::Id(origin);
      verdicts_.copies_recognised += right ? 1 : 0;
    }
  }
}

bool IsCopy(v1::Relation relation) {
  return relation == v1::RELATION_EXACT || relation == v1::RELATION_NEAR_DUPLICATE ||
         relation == v1::RELATION_EXCERPT || relation == v1::RELATION_EXTENSION ||
         relation == v1::RELATION_REVISION;
}

void MoveInto(GeneratedArticle&& made, v1::Article* article) {
  article->set_id(std::move(made.id));
  article->set_title(std::move(made.title));
  article->set_body(std::move(made.body));
  article->set_source(std::move(made.source));
  article->mutable_published_at()->set_seconds(made.published_at_seconds);
}

}  // namespace newsprint::bench
