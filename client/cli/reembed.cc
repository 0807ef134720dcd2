// newsprint embedders and reembed.
#include <algorithm>
#include <cstdint>
#include <ostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "client/cli/collection_output.h"
#include "client/cli/interrupt.h"
#include "client/cli/output.h"
#include "client/cli/progress.h"
#include "client/cli/session.h"

namespace newsprint::cli {
namespace {

// Between two looks at a move; the first ones come faster, as a small collection takes no second.
constexpr absl::Duration kPauseFirst = absl::Milliseconds(50);
constexpr absl::Duration kPauseMax = absl::Seconds(1);
// An interrupt is noticed within this time.
constexpr absl::Duration kPauseStep = absl::Milliseconds(20);
constexpr absl::Duration kLookDeadline = absl::Seconds(5);

// Returns early when an interrupt comes.
void Pause(absl::Duration duration) {
  const absl::Time end = absl::Now() + duration;
  while (!Interrupted() && absl::Now() < end) absl::SleepFor(kPauseStep);
}

bool IsMovingTo(const v1::Collection& collection, const std::string& embedder) {
  return collection.has_reembedding() && collection.reembedding().embedder() == embedder;
}

// Says what holds a move up: once, until that changes.
class ProblemNotes {
 public:
  explicit ProblemNotes(Progress& progress) : progress_(progress) {}

  void Set(const std::string& problem) {
    if (problem == problem_) return;
    progress_.AddNote(problem.empty() ? "note: the move goes on" : absl::StrCat("note: ", problem));
    problem_ = problem;
  }

 private:
  Progress& progress_;
  std::string problem_;
};

// Follows a move that `collection` shows until it ends, and keeps `collection` up to date. Returns
// the move as it was seen last. CANCELLED after an interrupt. A server that is away does not end
// it, as the move survives a restart.
absl::StatusOr<v1::Reembedding> Follow(Session& session, v1::Collection& collection) {
  Progress progress(session.err, session.err_is_terminal, "articles");
  ProblemNotes notes(progress);
  v1::GetCollectionRequest request;
  request.set_name(session.settings.collection);
  const client::CallOptions options{std::min(kLookDeadline, session.settings.deadline)};
  v1::Reembedding move = collection.reembedding();
  notes.Set(move.problem());
  for (absl::Duration pause = kPauseFirst;; pause = std::min(2 * pause, kPauseMax)) {
    progress.SetPosition(move.articles_done(), move.articles());
    Pause(pause);
    if (Interrupted()) return absl::CancelledError("interrupted");
    auto response = session.client.GetCollection(request, options);
    if (absl::IsUnavailable(response.status()) || absl::IsDeadlineExceeded(response.status())) {
      notes.Set(
          absl::StrCat(session.settings.target, " does not answer: ", response.status().message()));
      continue;
    }
    if (!response.ok()) return response.status();
    collection.Swap(response->mutable_collection());
    if (!IsMovingTo(collection, move.embedder())) return move;
    move = collection.reembedding();
    notes.Set(move.problem());
  }
}

// What every outcome has in JSON.
Json OutcomeJson(Session& session, absl::string_view state, const v1::Collection& collection) {
  return {{"collection", session.settings.collection},
          {"state", std::string(state)},
          {"embedder", collection.embedder()},
          {"embedder_identity", collection.embedder_identity()}};
}

// "newsprint reembed --collection=wire", as it is typed.
std::string CommandLine(Session& session) {
  std::string command = "newsprint reembed";
  if (session.settings.collection != "default") {
    absl::StrAppend(&command, " --collection=", session.settings.collection);
  }
  return command;
}

// The move goes on in the server, and nobody waits for it.
void ShowMoving(Session& session, const v1::Collection& collection) {
  if (session.settings.json) {
    Json json = OutcomeJson(session, "moving", collection);
    json["reembedding"] = ToJson(collection.reembedding());
    PrintJson(json, session.out);
  } else {
    session.out << DescribeReembedding(collection.reembedding()) << "\n";
  }
  session.err << "note: the server goes on; \"" << CommandLine(session)
              << " --embedder=" << collection.reembedding().embedder() << "\" waits for it, \""
              << CommandLine(session) << " --cancel\" ends it\n";
}

absl::Status ShowMoved(Session& session, const v1::Collection& collection,
                       const v1::Reembedding& move, absl::Duration elapsed) {
  v1::GetStatsRequest request;
  request.set_collection(session.settings.collection);
  const auto stats = session.client.GetStats(request);
  // Those that came or went since the last look count too.
  const int64_t articles = stats.ok() ? stats->articles() : move.articles();
  const double seconds = absl::ToDoubleSeconds(elapsed);
  if (session.settings.json) {
    Json json = OutcomeJson(session, "moved", collection);
    json["articles"] = articles;
    json["articles_without_text"] = move.articles_without_text();
    json["seconds"] = JsonFigure(seconds, 3);
    PrintJson(json, session.out);
    return absl::OkStatus();
  }
  std::string without_text;
  if (move.articles_without_text() > 0) {
    // The last look may have come before the last article.
    without_text = absl::StrCat(move.articles_done() < articles ? ", at least " : ", ",
                                FormatCount(move.articles_without_text()), " without text");
  }
  session.out << absl::StrFormat("moved to %s: %s%s, %.1f s\n", collection.embedder(),
                                 Counted(articles, "article"), without_text, seconds);
  if (!without_text.empty()) {
    session.err << "note: \"newsprint related\" does not find articles without text\n";
  }
  return absl::OkStatus();
}

absl::Status ShowUnchanged(Session& session, const v1::Collection& collection,
                           absl::string_view why) {
  if (session.settings.json) {
    PrintJson(OutcomeJson(session, "unchanged", collection), session.out);
  } else {
    session.out << why << "\n";
  }
  return absl::OkStatus();
}

absl::Status Move(Session& session) {
  const std::string& embedder = session.settings.embedder;
  v1::ReembedCollectionRequest request;
  request.set_collection(session.settings.collection);
  request.set_embedder(embedder);
  InterruptGuard guard;
  const absl::Time begin = absl::Now();
  const auto response = session.client.ReembedCollection(request);
  if (!response.ok()) return response.status();
  v1::Collection collection = response->collection();
  if (!collection.has_reembedding()) {
    return ShowUnchanged(
        session, collection,
        absl::StrCat(session.settings.collection, " has ", collection.embedder(), " already"));
  }
  if (!session.settings.wait) {
    ShowMoving(session, collection);
    return absl::OkStatus();
  }
  const auto move = Follow(session, collection);
  if (absl::IsCancelled(move.status()) && Interrupted()) ShowMoving(session, collection);
  if (!move.ok()) return move.status();
  if (collection.embedder() != embedder) {
    return absl::UnknownError(absl::StrCat("the move to ", embedder,
                                           " was ended by another call; the vectors of ",
                                           collection.embedder(), " stay"));
  }
  return ShowMoved(session, collection, *move, absl::Now() - begin);
}

absl::Status Cancel(Session& session) {
  v1::GetCollectionRequest probe;
  probe.set_name(session.settings.collection);
  const auto before = session.client.GetCollection(probe);
  if (!before.ok()) return before.status();
  v1::CancelReembeddingRequest request;
  request.set_collection(session.settings.collection);
  const auto response = session.client.CancelReembedding(request);
  if (!response.ok()) return response.status();
  const v1::Collection& collection = response->collection();
  const v1::Reembedding& move = before->collection().reembedding();
  if (!before->collection().has_reembedding() || collection.embedder() == move.embedder()) {
    return ShowUnchanged(session, collection,
                         absl::StrCat("nothing to end: ", session.settings.collection, " has ",
                                      collection.embedder()));
  }
  if (session.settings.json) {
    Json json = OutcomeJson(session, "cancelled", collection);
    json["reembedding"] = ToJson(move);
    PrintJson(json, session.out);
  } else {
    session.out << absl::StrFormat("ended the move to %s at %s of %s; %s keeps %s\n",
                                   move.embedder(), FormatCount(move.articles_done()),
                                   Counted(move.articles(), "article"), session.settings.collection,
                                   collection.embedder());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunEmbedders(Session& session, const Args& /*args*/) {
  const auto response = session.client.ListEmbedders({});
  if (!response.ok()) return response.status();
  if (session.settings.json) {
    Json embedders = Json::array();
    for (const v1::Embedder& embedder : response->embedders()) {
      embedders.push_back(ToJson(embedder));
    }
    PrintJson({{"embedders", std::move(embedders)}}, session.out);
    return absl::OkStatus();
  }
  Table table({{"name"}, {"kind"}, {"dimension", Table::Align::kRight}, {"identity"}});
  for (const v1::Embedder& embedder : response->embedders()) {
    table.AddRow({embedder.name(), EmbedderKindName(embedder.kind()),
                  embedder.dimension() == 0 ? "-" : absl::StrCat(embedder.dimension()),
                  embedder.identity().empty() ? "-" : embedder.identity()});
  }
  table.Print(session.out, session.columns);
  return absl::OkStatus();
}

absl::Status RunReembed(Session& session, const Args& /*args*/) {
  if (session.settings.cancel != session.settings.embedder.empty()) {
    return UsageError("reembed: give either --embedder=NAME or --cancel");
  }
  return session.settings.cancel ? Cancel(session) : Move(session);
}

}  // namespace newsprint::cli
