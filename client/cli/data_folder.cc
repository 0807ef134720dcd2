// newsprint backup, restore and check: a server's data folder, and copies of it. The only file of
// the command line that knows how a data folder looks (tests/structure_test.py).
#include <algorithm>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/backoff.h"
#include "client/cli/interrupt.h"
#include "client/cli/output.h"
#include "client/cli/progress.h"
#include "client/cli/session.h"
#include "client/retry_info.h"
#include "service/index/index_file_check.h"
#include "service/store/backup.h"
#include "service/store/checker.h"
#include "service/store/manifest.h"

namespace newsprint::cli {
namespace {

constexpr int64_t kProgressBytes = 1024;  // progress is told in KiB
constexpr size_t kProblemsShown = 10;     // of each kind

// What went wrong here, and not on the server: its message alone is printed.
absl::Status LocalError(const absl::Status& status) {
  if (status.ok() || absl::IsCancelled(status)) return status;
  return absl::UnknownError(status.message());
}

// Whether a call that ended thus may work once the server is back, or has less to do.
bool MayPass(const absl::Status& status) {
  // Without advice it is a full disk.
  if (absl::IsResourceExhausted(status)) return client::RetryDelay(status).has_value();
  // The server is there, and its disk fails.
  if (absl::StartsWith(status.message(), "snapshot: ")) return false;
  return client::MayBeBrokenStream(status.code());
}

// Waits for a server that is restarted, which takes minutes when it has much to load.
class Patience {
 public:
  Patience(Session& session, Progress* progress)
      : settings_(session.settings),
        progress_(*progress),
        backoff_(std::min(absl::Milliseconds(100), settings_.pause_max), settings_.pause_max) {}

  // Something came: the waiting is over.
  void Reset() {
    away_since_ = absl::InfiniteFuture();
    backoff_.Reset();
  }
  // Before another attempt. Not OK when there is to be none: `status`, or CANCELLED.
  absl::Status Wait(const absl::Status& status) {
    if (Interrupted()) return absl::CancelledError("interrupted");
    if (!MayPass(status)) return status;
    const absl::Time now = absl::Now();
    if (away_since_ == absl::InfiniteFuture()) {
      away_since_ = now;
      progress_.AddNote(absl::StrCat("waiting for the server, up to ",
                                     absl::FormatDuration(settings_.away_max), ": ",
                                     status.message()));
    }
    if (now - away_since_ >= settings_.away_max) return status;
    const absl::optional<absl::Duration> advice = client::RetryDelay(status);
    const absl::Time end = now + std::max(backoff_.Next(), advice.value_or(absl::ZeroDuration()));
    constexpr absl::Duration kStep = absl::Milliseconds(100);  // a signal ends no sleep
    while (!Interrupted() && absl::Now() < end) {
      absl::SleepFor(std::min(kStep, end - absl::Now()));
    }
    return Interrupted() ? absl::CancelledError("interrupted") : absl::OkStatus();
  }

 private:
  const Settings& settings_;
  Progress& progress_;
  client::Backoff backoff_;
  absl::Time away_since_ = absl::InfiniteFuture();
};

double SecondsSince(absl::Time begin) { return absl::ToDoubleSeconds(absl::Now() - begin); }

// A snapshot that goes with the backup that it is made for.
class TemporarySnapshot {
 public:
  explicit TemporarySnapshot(Session& session)
      : session_(session),
        name_(absl::StrCat("backup-", absl::ToUnixMillis(absl::Now()), "-", getpid())) {}
  ~TemporarySnapshot() {
    if (!may_exist_) return;
    v1::DeleteSnapshotRequest request;
    request.set_name(name_);
    const auto deleted = session_.client.DeleteSnapshot(request);
    if (deleted.ok() || absl::IsNotFound(deleted.status())) return;
    session_.err << "note: the snapshot stays on the server, and takes up room: "
                 << deleted.status().message() << "; \"newsprint snapshots delete " << name_
                 << "\" removes it" << std::endl;
  }
  TemporarySnapshot(const TemporarySnapshot&) = delete;
  TemporarySnapshot& operator=(const TemporarySnapshot&) = delete;

  absl::StatusOr<v1::Snapshot> Create(Patience& patience) {
    while (true) {
      absl::StatusOr<v1::Snapshot> snapshot = TryToCreate();
      if (snapshot.ok()) {
        patience.Reset();
        return snapshot;
      }
      absl::Status status = patience.Wait(snapshot.status());
      if (!status.ok()) return status;
    }
  }
  const std::string& name() const { return name_; }

 private:
  absl::StatusOr<v1::Snapshot> TryToCreate() {
    v1::CreateSnapshotRequest request;
    request.set_name(name_);
    client::CallOptions options;
    options.deadline = absl::InfiniteDuration();  // it takes as long as the folder is large
    may_exist_ = true;
    auto response = session_.client.CreateSnapshot(request, options);
    if (response.ok()) return std::move(*response->mutable_snapshot());
    // Nobody else uses the name: the answer to an earlier attempt was lost.
    if (absl::IsAlreadyExists(response.status())) return Find();
    return response.status();
  }
  absl::StatusOr<v1::Snapshot> Find() {
    v1::ListSnapshotsRequest request;
    do {
      const auto page = session_.client.ListSnapshots(request);
      if (!page.ok()) return page.status();
      for (const v1::Snapshot& snapshot : page->snapshots()) {
        if (snapshot.name() == name_) return snapshot;
      }
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return absl::NotFoundError(absl::StrCat("name: no such snapshot, got \"", name_, "\""));
  }

  Session& session_;
  const std::string name_;
  bool may_exist_ = false;
};

// Receives from where `writer` is, and returns the status of the stream; `received` says whether
// anything came. What went wrong here goes to `local`.
absl::Status ReceiveSome(Session& session, const std::string& name, int64_t total,
                         store::BackupWriter& writer, int64_t* done, Progress& progress,
                         bool* received, absl::Status* local) {
  v1::ReadSnapshotRequest request;
  request.set_name(name);
  request.set_first_path(writer.path());
  request.set_first_offset(static_cast<int64_t>(writer.offset()));
  const std::unique_ptr<client::SnapshotStream> stream = session.client.ReadSnapshot(request);
  v1::ReadSnapshotResponse piece;
  while (stream->Read(&piece)) {
    *received = true;
    *local = LocalError(
        writer.Append(piece.path(), static_cast<uint64_t>(piece.offset()), piece.data()));
    if (local->ok() && Interrupted()) *local = absl::CancelledError("interrupted");
    if (!local->ok()) {
      stream->Cancel();
      break;
    }
    *done += static_cast<int64_t>(piece.data().size());
    progress.SetPosition(*done / kProgressBytes, total / kProgressBytes);
  }
  return stream->Finish();
}

// Goes on where it was when the stream breaks.
absl::Status Receive(Session& session, const v1::Snapshot& snapshot, store::BackupWriter& writer,
                     Progress& progress, Patience& patience) {
  int64_t done = 0;
  while (true) {
    bool received = false;
    absl::Status local;
    const absl::Status status = ReceiveSome(session, snapshot.name(), snapshot.bytes(), writer,
                                            &done, progress, &received, &local);
    if (!local.ok()) return local;
    if (status.ok()) return status;
    if (received) patience.Reset();
    if (absl::Status waited = patience.Wait(status); !waited.ok()) return waited;
  }
}

// "1,234 files, 12.4 MiB, as of 2026-11-22T10:30:00Z".
std::string Describe(const store::Manifest& manifest) {
  return absl::StrCat(
      Counted(static_cast<int64_t>(manifest.files.size()), "file"), ", ",
      FormatBytes(static_cast<int64_t>(manifest.bytes())), ", as of ",
      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", manifest.created_at, absl::UTCTimeZone()));
}

void ShowCopied(Session& session, absl::string_view verb, const std::string& from,
                const std::string& to, const store::Manifest& manifest, double seconds) {
  if (session.settings.json) {
    PrintJson({{"from", from},
               {"to", to},
               {"files", manifest.files.size()},
               {"bytes", manifest.bytes()},
               {"created_at",
                absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", manifest.created_at, absl::UTCTimeZone())},
               {"newsprint_version", manifest.newsprint_version},
               {"seconds", JsonFigure(seconds, 1)}},
              session.out);
  } else {
    session.out << absl::StrFormat("%s %s to %s: %s, in %.1f s\n", verb, from, to,
                                   Describe(manifest), seconds);
  }
}

void CheckGraphs(const std::string& dir, store::CheckReport* report) {
  const std::string graphs = dir + "/graphs";
  const absl::StatusOr<std::vector<std::string>> names = store::ListFiles(graphs);
  if (absl::IsNotFound(names.status())) return;
  if (!names.ok()) {
    report->problems.Add(store::ProblemKind::kGraphs, std::string(names.status().message()));
    return;
  }
  for (const std::string& name : *names) {
    if (!absl::EndsWith(name, ".graphs")) continue;
    const absl::Status status = index::CheckIndexFile(absl::StrCat(graphs, "/", name));
    if (status.ok()) continue;
    report->problems.Add(store::ProblemKind::kGraphs,
                         absl::StrCat("graphs/", name, ": ", status.message()));
  }
}

void ShowReport(Session& session, const std::string& dir, const store::CheckReport& report,
                double seconds) {
  if (session.settings.json) {
    Json problems = Json::array();
    for (const auto& [kind, found] : report.problems.kinds()) {
      problems.push_back({{"kind", std::string(store::ProblemKindName(kind))},
                          {"count", found.count},
                          {"advice", std::string(store::ProblemAdvice(kind))},
                          {"first", found.first}});
    }
    PrintJson({{"ok", report.problems.count() == 0},
               {"folder", dir},
               {"backup", report.is_backup},
               {"files", report.files},
               {"bytes", report.bytes},
               {"collections", report.collections},
               {"articles", report.articles},
               {"records", report.records},
               {"records_checked", report.older_format == 0},
               {"seconds", JsonFigure(seconds, 1)},
               {"problems", std::move(problems)}},
              session.out);
    return;
  }
  for (const auto& [kind, found] : report.problems.kinds()) {
    for (const std::string& what : found.first) {
      session.out << store::ProblemKindName(kind) << ": " << what << "\n";
    }
    if (found.count > found.first.size()) {
      session.out << store::ProblemKindName(kind) << ": ... and "
                  << FormatCount(static_cast<int64_t>(found.count - found.first.size()))
                  << " more\n";
    }
    session.out << "  what to do: " << store::ProblemAdvice(kind) << "\n";
  }
  if (report.older_format != 0) {
    session.out << "note: records and bodies were not looked at, as they are of format "
                << report.older_format << ", which a server upgrades when it starts\n";
  }
  session.out << absl::StrFormat("checked %s%s in %.1f s: %s, %s, %s, %s\n",
                                 report.is_backup ? "backup " : "", dir, seconds,
                                 Counted(static_cast<int64_t>(report.collections), "collection"),
                                 Counted(static_cast<int64_t>(report.articles), "article"),
                                 Counted(static_cast<int64_t>(report.records), "record"),
                                 Counted(static_cast<int64_t>(report.problems.count()), "problem"));
}

}  // namespace

absl::Status RunBackup(Session& session, const Args& args) {
  const absl::Time begin = absl::Now();
  InterruptGuard guard;
  const auto writer = store::BackupWriter::Create(args[0]);
  if (!writer.ok()) return LocalError(writer.status());
  TemporarySnapshot temporary(session);
  {
    Progress progress(session.err, session.err_is_terminal, "KiB");
    Patience patience(session, &progress);
    const auto snapshot = temporary.Create(patience);
    if (!snapshot.ok()) return snapshot.status();
    if (Interrupted()) return absl::CancelledError("interrupted");
    const absl::Status status = Receive(session, *snapshot, **writer, progress, patience);
    if (!status.ok()) return status;
  }
  const auto manifest = (*writer)->Commit();
  if (!manifest.ok()) return LocalError(manifest.status());
  ShowCopied(session, "backed up", session.settings.target, args[0], *manifest,
             SecondsSince(begin));
  return absl::OkStatus();
}

absl::Status RunRestore(Session& session, const Args& args) {
  const absl::Time begin = absl::Now();
  InterruptGuard guard;
  int64_t done = 0;
  Progress progress(session.err, session.err_is_terminal, "KiB copied");
  const auto manifest = store::RestoreBackup(args[0], args[1], [&](uint64_t bytes) {
    const int64_t before = done / kProgressBytes;
    done += static_cast<int64_t>(bytes);
    progress.AddDone(done / kProgressBytes - before);
    return !Interrupted();
  });
  progress.Finish();
  if (!manifest.ok()) return LocalError(manifest.status());
  ShowCopied(session, "restored", args[0], args[1], *manifest, SecondsSince(begin));
  return absl::OkStatus();
}

absl::Status RunCheck(Session& session, const Args& args) {
  const absl::Time begin = absl::Now();
  InterruptGuard guard;
  Progress progress(session.err, session.err_is_terminal, "records checked");
  auto report = store::CheckDataFolder(args[0], kProblemsShown, [&](uint64_t, uint64_t records) {
    progress.AddDone(static_cast<int64_t>(records));
    return !Interrupted();
  });
  if (!report.ok()) return LocalError(report.status());
  CheckGraphs(args[0], &*report);
  progress.Finish();
  ShowReport(session, args[0], *report, SecondsSince(begin));
  const auto problems = static_cast<int64_t>(report->problems.count());
  if (problems == 0) return absl::OkStatus();
  return absl::UnknownError(absl::StrCat(args[0], ": ", Counted(problems, "problem"), " found"));
}

}  // namespace newsprint::cli
