// newsprint import FILE...
#include <array>
#include <atomic>
#include <cstdint>
#include <ostream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/article_file.h"
#include "client/cli/interrupt.h"
#include "client/cli/jsonl.h"
#include "client/cli/output.h"
#include "client/cli/progress.h"
#include "client/cli/session.h"
#include "client/stream_ingester.h"

namespace newsprint::cli {
namespace {

// What became of the articles; the callback of the ingester fills it in.
struct Tally {
  int64_t results = 0;    // errors included
  int64_t articles = 0;   // acknowledged
  int64_t withdrawn = 0;  // of these, copies of withdrawn stories
  int64_t pending = 0;    // of these, waiting for the embedding server
  int64_t expired = 0;    // of these, judged but too old to be kept
  std::array<int64_t, v1::Relation_ARRAYSIZE> relations = {};
};

struct Input {
  int64_t bytes_total = 0;
  bool total_known = true;
  int64_t bytes_before = 0;  // of the files that are done
  int64_t bytes_read = 0;    // of the present file
  int64_t queued = 0;
  int64_t times_ignored = 0;
};

// Reads one file into the ingester. Bad lines are reported and left out.
absl::Status ImportFile(const std::string& path, client::StreamIngester& ingester, Input& input,
                        Progress& progress) {
  input.bytes_read = 0;
  absl::Status status = ForEachArticle(
      path, progress, [&](ArticleLine line, const LineReader& reader) -> absl::Status {
        if (line.time_ignored) ++input.times_ignored;
        const absl::StatusOr<uint64_t> added = ingester.Add(std::move(line.article));
        if (!added.ok()) return added.status();
        ++input.queued;
        input.bytes_read = reader.bytes_read();
        if (input.total_known && input.bytes_total > 0) {
          progress.SetFraction(static_cast<double>(input.bytes_before + input.bytes_read) /
                               static_cast<double>(input.bytes_total));
        }
        return absl::OkStatus();
      });
  input.bytes_before += input.bytes_read;
  return status;
}

void PrintSummary(Session& session, const Tally& tally, int64_t failed, absl::Duration elapsed) {
  const double seconds = absl::ToDoubleSeconds(elapsed);
  const double rate = seconds > 0 ? static_cast<double>(tally.articles) / seconds : 0;
  if (session.settings.json) {
    Json relations = Json::object();
    for (const v1::Relation relation : kRelations) {
      relations[RelationName(relation)] = tally.relations[relation];
    }
    Json json = {{"articles", tally.articles},
                 {"failed", failed},
                 {"seconds", JsonFigure(seconds)},
                 {"articles_per_second", JsonFigure(rate, 1)},
                 {"relations", std::move(relations)}};
    if (tally.withdrawn > 0) json["withdrawn"] = tally.withdrawn;
    if (tally.pending > 0) json["embeddings_pending"] = tally.pending;
    if (tally.expired > 0) json["expired"] = tally.expired;
    PrintJson(json, session.out);
    return;
  }
  session.out << absl::StrFormat("%s in %.1f s (%.0f/s), %d failed\n",
                                 Counted(tally.articles, "article"), seconds, rate, failed);
  Table table({{"relation"}, {"articles", Table::Align::kRight}});
  for (const v1::Relation relation : kRelations) {
    if (tally.relations[relation] == 0) continue;
    table.AddRow({RelationName(relation), absl::StrCat(tally.relations[relation])});
  }
  if (tally.articles > 0) table.Print(session.out, session.columns);
}

void PrintNotes(Session& session, const Tally& tally, int64_t times_ignored) {
  if (times_ignored > 0) {
    session.err << "note: published_at is not RFC 3339 in " << Counted(times_ignored, "article")
                << ", imported without a time\n";
  }
  if (tally.withdrawn > 0) {
    session.err << "note: " << Counted(tally.withdrawn, "article")
                << (tally.withdrawn == 1 ? " is a copy of a WITHDRAWN story\n"
                                         : " are copies of WITHDRAWN stories\n");
  }
  if (tally.pending > 0) {
    session.err << "note: " << Counted(tally.pending, "article")
                << (tally.pending == 1 ? " waits" : " wait")
                << " for the embedding server; the vectors are filled in when it answers\n";
  }
  if (tally.expired > 0) {
    session.err << "note: " << Counted(tally.expired, "article")
                << (tally.expired == 1 ? " was" : " were")
                << " not kept, being older than the collection's retention\n";
  }
}

}  // namespace

absl::Status RunImport(Session& session, const Args& args) {
  Input input;
  for (const std::string& path : args) {
    const absl::StatusOr<absl::optional<int64_t>> size = CheckInputFile(path);
    if (!size.ok()) return absl::UnknownError(size.status().message());
    input.total_known = input.total_known && size->has_value();
    input.bytes_total += size->value_or(0);
  }
  // Says at once, and not after the retries of a stream, that the server or the collection is not
  // there.
  v1::GetCollectionRequest probe;
  probe.set_name(session.settings.collection);
  // AdminService may be on a listener of its own.
  const absl::Status found = session.client.GetCollection(probe).status();
  if (!found.ok() && !absl::IsUnimplemented(found)) return found;

  InterruptGuard guard;
  Progress progress(session.err, session.err_is_terminal, "articles");
  Tally tally;
  client::StreamIngesterOptions options;
  options.collection = session.settings.collection;
  options.skip_related = session.settings.skip_related;
  // A first signal lets what is under way come to its end, unless there is nothing under way.
  std::atomic<bool> is_broken{false};
  options.is_cancelled = [&is_broken] { return is_broken && Interrupted(); };
  options.on_broken = [&](const absl::Status& status) {
    is_broken = true;
    progress.AddNote(absl::StrCat(status.message(), "; trying again"));
  };
  client::StreamIngester ingester(
      session.client, options, [&](uint64_t /*number*/, const v1::IngestResult& result) {
        is_broken = false;
        ++tally.results;
        if (result.status().code() != 0) {
          progress.AddFailed(absl::StrCat(result.article_id(), ": ", result.status().message()));
          return;
        }
        ++tally.articles;
        if (result.verdict().has_withdrawal()) ++tally.withdrawn;
        if (result.verdict().embedding_pending()) ++tally.pending;
        if (result.verdict().expired()) ++tally.expired;
        const int relation = result.verdict().relation();
        if (v1::Relation_IsValid(relation)) ++tally.relations[static_cast<size_t>(relation)];
        progress.AddDone();
      });
  absl::Status status;
  for (const std::string& path : args) {
    if (Interrupted() || !status.ok()) break;
    status = ImportFile(path, ingester, input, progress);
  }
  const absl::Status finished = ingester.Finish();
  if (status.ok()) status = finished;
  // After a fatal error some articles have no result at all.
  progress.AddFailedSilently(input.queued - tally.results);
  const int64_t failed = progress.failed();
  progress.Finish();
  PrintNotes(session, tally, input.times_ignored);
  PrintSummary(session, tally, failed, progress.elapsed());
  if (!status.ok()) return status;
  if (Interrupted()) return absl::CancelledError("interrupted");
  if (failed > 0) {
    return absl::UnknownError(
        absl::StrFormat("%d of %d articles failed", failed, tally.articles + failed));
  }
  return absl::OkStatus();
}

}  // namespace newsprint::cli
