// Following the changes to groups: each once, in order, across broken connections.
#ifndef NEWSPRINT_CLIENT_GROUP_WATCHER_H_
#define NEWSPRINT_CLIENT_GROUP_WATCHER_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "client/client.h"
#include "client/options.h"

namespace newsprint::client {

// Follows WatchGroups and hands each change to a callback. A broken stream is opened again after a
// pause, from the last change that was told.
//
// To keep a copy of all groups: read GetStatsResponse.group_change_sequence, list the groups, then
// watch from that number on. To go on in another process: store sequence() with the copy.
//
// Thread safety: all methods but the destructor may be called from any thread, also from the
// callback, except that Wait() there would wait for itself.
//
// Errors: UNAVAILABLE is retried for as long as it takes. RESOURCE_EXHAUSTED, INTERNAL, UNKNOWN and
// CANCELLED, which a broken connection may look like, are retried at most `attempts_max` times in a
// row without a response. Any other error ends it: OUT_OF_RANGE when the changes to go on from are
// no longer kept, NOT_FOUND when there is no such collection (any more), DATA_LOSS when the server
// left out a change.
//
// Example:
//   GroupWatcherOptions options;
//   options.after_sequence = stats.group_change_sequence();
//   GroupWatcher watcher(client, options, [&](const v1::GroupChange& change) { Apply(change); });
//   absl::Status status = watcher.Wait();
class GroupWatcher {
 public:
  // Gets each change once, in order. Called by one thread. While it runs, nothing more is read.
  using ChangeCallback = std::function<void(const v1::GroupChange& change)>;

  // Begins at once.
  GroupWatcher(Client client, GroupWatcherOptions options, ChangeCallback callback);
  // Stops, and waits for a callback that runs.
  ~GroupWatcher();
  GroupWatcher(const GroupWatcher&) = delete;
  GroupWatcher& operator=(const GroupWatcher&) = delete;

  // Ends it: no further change is told, but a callback that runs goes on. Does not wait.
  void Stop();

  // Waits until it has ended. OK after Stop(), else the error that ended it; CANCELLED when
  // `is_cancelled` says so, and it then goes on until it is stopped.
  absl::Status Wait();

  // All changes up to this one have been told; what to go on from. Absent when watching from "now"
  // on and the server has not answered yet. Counts a change when its callback has returned.
  absl::optional<int64_t> sequence() const;

 private:
  void Run();
  absl::Status RunStream(bool* responded);
  absl::Status ReadAll(WatchStream& stream, bool* responded);
  absl::Status Tell(const v1::WatchGroupsResponse& response);
  void LookForStall(WatchStream& stream);
  void SetWaitingSince(absl::Time time);

  // Constant.
  const Client client_;
  const GroupWatcherOptions options_;
  const ChangeCallback callback_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  absl::optional<int64_t> sequence_;
  WatchStream* stream_ = nullptr;  // open now; for Cancel()
  bool stream_over_ = false;       // the reader has left the present stream
  bool stalled_ = false;           // cancelled because it stood still
  absl::Time waiting_since_;       // for a response; the future while the callback runs
  bool stopped_ = false;
  bool done_ = false;  // Run() has returned
  absl::Status final_status_;

  std::thread worker_;  // runs Run()
};

}  // namespace newsprint::client

#endif  // NEWSPRINT_CLIENT_GROUP_WATCHER_H_
