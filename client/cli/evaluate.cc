#include "client/cli/evaluate.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <ostream>
#include <thread>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/interrupt.h"
#include "client/cli/output.h"
#include "client/stream_ingester.h"

namespace newsprint::cli {

ScratchCollection::ScratchCollection(Session& session, std::string name)
    : session_(session), name_(std::move(name)) {}

absl::StatusOr<std::unique_ptr<ScratchCollection>> ScratchCollection::Create(
    Session& session, const v1::Collection& settings) {
  v1::CreateCollectionRequest request;
  *request.mutable_collection() = settings;
  const std::string name = absl::StrCat("eval-", getpid(), "-", absl::ToUnixMicros(absl::Now()));
  request.mutable_collection()->set_name(name);
  const auto created = session.client.CreateCollection(request);
  if (!created.ok()) return created.status();
  return std::unique_ptr<ScratchCollection>(new ScratchCollection(session, name));
}

ScratchCollection::~ScratchCollection() {
  v1::DeleteCollectionRequest request;
  request.set_name(name_);
  const absl::Status status = session_.client.DeleteCollection(request).status();
  // NOT_FOUND: the answer to an earlier attempt was lost.
  if (!status.ok() && !absl::IsNotFound(status)) {
    session_.err << "note: the collection " << name_
                 << " could not be dropped: " << status.message() << "\n";
  }
}

absl::StatusOr<std::vector<LabelledArticle>> ReadLabelledArticles(const std::string& path,
                                                                  Progress& progress) {
  absl::StatusOr<std::unique_ptr<LineReader>> reader = LineReader::Open(path);
  if (!reader.ok()) return absl::UnknownError(reader.status().message());
  std::vector<LabelledArticle> articles;
  std::unordered_set<std::string> ids;
  std::string line;
  for (;;) {
    if (Interrupted()) return absl::CancelledError("interrupted");
    absl::Status status = (*reader)->Next(&line);
    if (absl::IsOutOfRange(status)) return articles;
    if (absl::IsDataLoss(status)) return absl::UnknownError(status.message());
    if (status.ok()) {
      absl::StatusOr<ArticleLine> parsed = ParseArticleLine(line);
      status = parsed.status();
      if (status.ok()) {
        const std::string id = parsed->article.id();
        for (int copy = 2; !ids.insert(parsed->article.id()).second; ++copy) {
          parsed->article.set_id(absl::StrCat(id, "#", copy));
        }
        articles.push_back(
            {std::move(parsed->article), std::move(parsed->label), std::move(parsed->kind)});
        continue;
      }
    }
    progress.AddFailed(absl::StrCat((*reader)->position(), ": ", status.message()));
  }
}

absl::Status IngestAll(Session& session, const std::string& collection, Progress& progress,
                       std::vector<LabelledArticle>& articles) {
  client::StreamIngesterOptions options;
  options.collection = collection;
  options.skip_related = true;
  options.is_cancelled = Interrupted;
  client::StreamIngester ingester(
      session.client, options, [&](uint64_t number, const v1::IngestResult& result) {
        if (result.status().code() != 0) {
          progress.AddFailed(absl::StrCat(result.article_id(), ": ", result.status().message()));
          return;
        }
        // The ingester numbers the articles from 1, in our order; nobody else touches the flag.
        articles[number - 1].ingested = true;
        articles[number - 1].embedding_pending = result.verdict().embedding_pending();
        progress.AddDone();
      });
  for (size_t i = 0; i < articles.size(); ++i) {
    if (Interrupted()) return absl::CancelledError("interrupted");
    v1::Article id_only;
    id_only.set_id(articles[i].article.id());
    std::swap(id_only, articles[i].article);
    if (const auto added = ingester.Add(std::move(id_only)); !added.ok()) return added.status();
    progress.SetFraction(static_cast<double>(i) / static_cast<double>(articles.size()));
  }
  return ingester.Finish();
}

absl::Status CheckVectors(const std::vector<LabelledArticle>& articles) {
  const auto pending =
      std::count_if(articles.begin(), articles.end(),
                    [](const LabelledArticle& article) { return article.embedding_pending; });
  if (pending == 0) return absl::OkStatus();
  return absl::UnknownError(absl::StrCat("the embedding server did not answer for ",
                                         Counted(pending, "article"),
                                         ": without their vectors nothing can be measured"));
}

absl::Status ForEachPairLine(const std::string& path, Progress& progress,
                             const std::function<absl::Status(const JsonLine& json)>& line) {
  absl::StatusOr<std::unique_ptr<LineReader>> reader = LineReader::Open(path);
  if (!reader.ok()) return absl::UnknownError(reader.status().message());
  std::string text;
  for (;;) {
    if (Interrupted()) return absl::CancelledError("interrupted");
    absl::Status status = (*reader)->Next(&text);
    if (absl::IsOutOfRange(status)) return absl::OkStatus();
    if (absl::IsDataLoss(status)) return absl::UnknownError(status.message());
    if (status.ok()) {
      const absl::StatusOr<JsonLine> json = JsonLine::Parse(text);
      status = json.ok() ? line(*json) : json.status();
    }
    if (!status.ok()) {
      progress.AddFailed(absl::StrCat((*reader)->position(), ": ", status.message()));
    }
  }
}

absl::Status OnTwoThreads(size_t count, const std::function<absl::Status(size_t)>& work) {
  std::atomic<size_t> next{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  absl::Status first_error;  // guarded by mutex
  const auto run = [&] {
    while (!failed) {
      const size_t i = next++;
      if (i >= count) return;
      const absl::Status status = Interrupted() ? absl::CancelledError("interrupted") : work(i);
      if (status.ok()) continue;
      failed = true;
      std::lock_guard<std::mutex> lock(mutex);
      first_error.Update(status);
    }
  };
  std::thread second(run);
  run();
  second.join();
  return first_error;
}

absl::Status RunEvaluate(Session& session, const Args& args) {
  absl::Status (*evaluate)(Session&, const std::string&) = nullptr;
  if (args[0] == "duplicates") evaluate = EvaluateDuplicates;
  if (args[0] == "related") evaluate = EvaluateRelated;
  if (args[0] == "similarity") evaluate = EvaluateSimilarity;
  if (evaluate == nullptr) {
    return UsageError(absl::StrCat("evaluate: unknown kind: ", args[0],
                                   "; use duplicates, related or similarity"));
  }
  if (evaluate != EvaluateDuplicates &&
      (session.settings.show_errors > 0 || !session.settings.sweep.empty())) {
    return UsageError(
        absl::StrCat("evaluate ", args[0], ": --show_errors and --sweep are for duplicates"));
  }
  for (const std::string& path : {args[1], session.settings.pairs}) {
    if (path.empty()) continue;
    const auto size = CheckInputFile(path);
    if (!size.ok()) return absl::UnknownError(size.status().message());
  }
  InterruptGuard guard;
  return evaluate(session, args[1]);
}

}  // namespace newsprint::cli
