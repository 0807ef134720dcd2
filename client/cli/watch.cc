// newsprint watch
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <ostream>

#include "client/cli/group_output.h"
#include "client/cli/interrupt.h"
#include "client/cli/output.h"
#include "client/cli/session.h"
#include "client/group_watcher.h"

namespace newsprint::cli {
namespace {

// Prints changes until there are as many as wanted, or nobody reads them.
class ChangePrinter {
 public:
  explicit ChangePrinter(Session& session)
      : session_(session), left_(session.settings.limit), table_(MakeChangeTable()) {}

  // Called by the thread of the watcher.
  void Print(const v1::GroupChange& change) {
    if (is_done_) return;
    if (session_.settings.json) {
      PrintJson(ToJson(change), session_.out);
    } else {
      AddChange(change, table_);
      table_.PrintMore(session_.out, /*columns=*/0);  // as in a log, nothing is cut off
    }
    session_.out.flush();
    last_ = change.sequence();
    if (--left_ == 0 || !session_.out.good()) is_done_ = true;
  }

  // Safe from any thread.
  bool is_done() const { return is_done_; }
  // The change that was printed last, 0 for none. Only once the watcher is gone.
  int64_t last() const { return last_; }

 private:
  Session& session_;
  int64_t left_;  // 0 or below when there is no limit
  int64_t last_ = 0;
  Table table_;
  std::atomic<bool> is_done_{false};
};

}  // namespace

absl::Status RunWatch(Session& session, const Args& /*args*/) {
  // Says at once, and not after long waiting, that the server or the collection is not there.
  v1::GetCollectionRequest probe;
  probe.set_name(session.settings.collection);
  // AdminService may be on a listener of its own.
  const absl::Status found = session.client.GetCollection(probe).status();
  if (!found.ok() && !absl::IsUnimplemented(found)) return found;

  InterruptGuard guard;
  ChangePrinter printer(session);
  client::GroupWatcherOptions options;
  options.collection = session.settings.collection;
  options.after_sequence = session.settings.after;
  options.on_broken = [&](const absl::Status& status) {
    session.err << "note: the stream broke and is opened again: " << status.message() << std::endl;
  };
  options.is_cancelled = [&] { return printer.is_done() || Interrupted(); };
  absl::Status status;
  absl::optional<int64_t> sequence;
  {
    client::GroupWatcher watcher(session.client, options,
                                 [&](const v1::GroupChange& change) { printer.Print(change); });
    status = watcher.Wait();
    sequence = watcher.sequence();
  }
  if (printer.is_done()) return absl::OkStatus();
  if (Interrupted() && sequence) {
    session.err << "note: --after=" << std::max(*sequence, printer.last())
                << " goes on from here\n";
  }
  return status;
}

}  // namespace newsprint::cli
