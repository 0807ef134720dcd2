// Makes writes durable, with one sync for all that wait, and says when nothing can be written.
#ifndef NEWSPRINT_SERVICE_STORE_GROUP_COMMIT_H_
#define NEWSPRINT_SERVICE_STORE_GROUP_COMMIT_H_

#include <rocksdb/db.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "service/common/mutex.h"
#include "service/common/types.h"
#include "service/store/acknowledged_file.h"
#include "service/store/storage_state.h"
#include "service/store/wal_file_system.h"

namespace newsprint::store {

// Thread-safe. The database has manual_wal_flush: what is written to it stays in memory until a
// sync here.
//
// Once a write or a sync has failed, or the disk is nearly full, the store is read-only. Every
// second it is tried whether that is over: what was applied before a failure is still in memory,
// and is written once more.
class GroupCommit {
 public:
  using Callback = absl::AnyInvocable<void(absl::Status)>;
  struct Options {
    std::string data_dir;
    int64_t disk_reserve_bytes = 0;
    // Called when the store becomes read-only, with the reason, and when it no longer is (OK); from
    // any thread. Must not block.
    std::function<void(const absl::Status&)> report;
  };

  // Both must outlive it; `db` writes its logs through `logs`.
  GroupCommit(rocksdb::DB* db, WalFileSystem* logs, AcknowledgedFile acknowledged, Options options);
  // Syncs what was applied.
  ~GroupCommit();
  GroupCommit(const GroupCommit&) = delete;
  GroupCommit& operator=(const GroupCommit&) = delete;

  // UNAVAILABLE while the store is read-only. `may_use_reserve`: also for what is there to free
  // space, so that a disk that is nearly full does not refuse it.
  absl::Status CheckWritable(bool may_use_reserve) const;
  // Waits for nothing.
  WriteState write_state() const;
  // Nothing when the system does not say. Waits for the disk.
  std::optional<DiskSpace> disk_space() const;
  int64_t disk_reserve_bytes() const { return options_.disk_reserve_bytes; }
  // Says that a write was applied, or has failed. `durability`: whether NotifyDurable is to wait
  // for it; else it is on disk within a second.
  void OnApplied(Durability durability);
  void OnFailed(const absl::Status& status);
  // See Store::NotifyDurable and NotifySynced. Callbacks come in the order of the calls, from one
  // thread.
  void NotifyDurable(Callback callback);
  void NotifySynced(Callback callback);

 private:
  using Clock = std::chrono::steady_clock;
  enum class State { kWritable, kNearlyFull, kFailed };

  void MustSync(uint64_t sequence);
  void Run();
  // What those who wait are told. `all`: also what nobody waits for is to be synced.
  absl::Status MakeDurable(bool all);
  absl::Status Sync();
  // Looks whether the state has changed for the better, or the disk has filled up.
  void UpdateState();
  absl::Status TryRecover();
  // Leaves kFailed only when `recovered`.
  void SetState(State state, const absl::Status& reason, bool recovered = false);
  // Another reason of the present state.
  void SetReason(const absl::Status& reason);

  rocksdb::DB* const db_;
  WalFileSystem* const logs_;
  const Options options_;

  // Sequence numbers of the database.
  std::atomic<uint64_t> must_sync_{0};  // up to here somebody waits for the disk
  std::atomic<bool> unsynced_{false};   // something was applied that nobody waits for

  // Of the thread.
  AcknowledgedFile acknowledged_;
  uint64_t synced_ = 0;
  Clock::time_point next_look_;                // when the state is kFailed
  std::optional<Clock::time_point> sync_due_;  // of what nobody waits for

  std::atomic<State> state_{State::kWritable};
  std::atomic<bool> needs_restart_{false};  // RocksDB has given up
  mutable Mutex mutex_;
  CondVar wake_;
  absl::Status reason_ ABSL_GUARDED_BY(mutex_);  // of not being writable
  std::vector<Callback> waiting_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last, so that it finds all there
};

}  // namespace newsprint::store

#endif  // NEWSPRINT_SERVICE_STORE_GROUP_COMMIT_H_
