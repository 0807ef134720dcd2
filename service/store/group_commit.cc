#include "service/store/group_commit.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "service/common/call_times.h"
#include "service/common/status_macros.h"
#include "service/store/rocksdb_status.h"

namespace newsprint::store {
namespace {

// How long writes that nobody waits for may stay in memory, and between two looks at the disk.
constexpr std::chrono::seconds kPeriod(1);

}  // namespace

GroupCommit::GroupCommit(rocksdb::DB* db, WalFileSystem* logs, AcknowledgedFile acknowledged,
                         Options options)
    : db_(db),
      logs_(logs),
      options_(std::move(options)),
      acknowledged_(std::move(acknowledged)),
      synced_(db->GetLatestSequenceNumber()) {
  acknowledged_.Write(synced_);  // opening has written it all to tables
  UpdateState();
  thread_ = std::thread([this] { Run(); });
}

GroupCommit::~GroupCommit() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.NotifyAll();
  thread_.join();
}

absl::Status GroupCommit::CheckWritable(bool may_use_reserve) const {
  const State state = state_;
  if (state == State::kWritable || (state == State::kNearlyFull && may_use_reserve)) {
    return absl::OkStatus();
  }
  ReaderMutexLock lock(mutex_);
  return reason_;
}

WriteState GroupCommit::write_state() const {
  switch (state_) {
    case State::kWritable:
      return WriteState::kWritable;
    case State::kNearlyFull:
      return WriteState::kNearlyFull;
    case State::kFailed:
      break;
  }
  return needs_restart_ ? WriteState::kNeedsRestart : WriteState::kFailed;
}

std::optional<DiskSpace> GroupCommit::disk_space() const {
  std::error_code error;
  const auto space = std::filesystem::space(options_.data_dir, error);
  if (error) return std::nullopt;
  return DiskSpace{static_cast<int64_t>(space.available), static_cast<int64_t>(space.capacity)};
}

void GroupCommit::OnApplied(Durability durability) {
  if (durability == Durability::kAsync) {
    if (unsynced_.exchange(true)) return;
    { MutexLock lock(mutex_); }  // so that a thread about to wait has seen it, or hears of it
    wake_.NotifyOne();
    return;
  }
  MustSync(db_->GetLatestSequenceNumber());
}

void GroupCommit::MustSync(uint64_t sequence) {
  uint64_t before = must_sync_;
  while (before < sequence && !must_sync_.compare_exchange_weak(before, sequence)) {
  }
}

void GroupCommit::OnFailed(const absl::Status& status) {
  SetState(State::kFailed,
           absl::UnavailableError(absl::StrCat("store: read-only, as a write failed: ",
                                               absl::StripPrefix(status.message(), "store: "))));
}

void GroupCommit::NotifyDurable(Callback callback) {
  {
    MutexLock lock(mutex_);
    waiting_.push_back(std::move(callback));
  }
  wake_.NotifyOne();
}

void GroupCommit::NotifySynced(Callback callback) {
  MustSync(db_->GetLatestSequenceNumber());
  NotifyDurable(std::move(callback));
}

void GroupCommit::Run() {
  bool stopping = false;
  while (!stopping) {
    std::vector<Callback> callbacks;
    {
      MutexLock lock(mutex_);
      Clock::time_point look = Clock::now() + kPeriod;
      while (waiting_.empty() && !stopping_) {
        if (!unsynced_ && state_ == State::kWritable) {
          wake_.Wait(mutex_);
          look = Clock::now() + kPeriod;
        } else if (!wake_.WaitUntil(mutex_, look)) {
          break;
        }
      }
      callbacks.swap(waiting_);
      stopping = stopping_ && callbacks.empty();
    }
    // However busy those are who do wait.
    if (unsynced_ && !sync_due_.has_value()) sync_due_ = Clock::now() + kPeriod;
    const bool due = sync_due_.has_value() && Clock::now() >= *sync_due_;
    const absl::Status status = MakeDurable(/*all=*/callbacks.empty() || due);
    for (Callback& callback : callbacks) callback(status);
  }
}

absl::Status GroupCommit::MakeDurable(bool all) {
  UpdateState();
  if (state_ == State::kFailed) {
    ReaderMutexLock lock(mutex_);
    return reason_;
  }
  if (!all && must_sync_ <= synced_) return absl::OkStatus();
  absl::Status status = Sync();
  if (!status.ok()) OnFailed(status);
  return status;
}

absl::Status GroupCommit::Sync() {
  unsynced_ = false;  // first: what is applied from now on may be left out
  sync_due_.reset();
  const uint64_t sequence = db_->GetLatestSequenceNumber();
  if (sequence <= synced_) return absl::OkStatus();
  const StepTimer timer(Step::kSync);
  RETURN_IF_ERROR(ToStatus(db_->FlushWAL(/*sync=*/true), "sync"));
  RETURN_IF_ERROR(logs_->problem());
  synced_ = sequence;
  acknowledged_.Write(sequence);
  return absl::OkStatus();
}

void GroupCommit::UpdateState() {
  const Clock::time_point now = Clock::now();
  if (state_ == State::kFailed && now < next_look_) return;
  next_look_ = now + kPeriod;
  std::error_code error;
  const auto space = std::filesystem::space(options_.data_dir, error);
  const auto reserve = static_cast<uint64_t>(options_.disk_reserve_bytes);
  const bool nearly_full = !error && space.available < reserve;
  // On a full disk RocksDB would begin another table that cannot be finished; a log needs little.
  if (state_ == State::kFailed && nearly_full && logs_->problem().ok()) return;
  const bool recovered = state_ == State::kFailed && TryRecover().ok();
  if (nearly_full) {
    SetState(State::kNearlyFull,
             absl::UnavailableError(
                 absl::StrCat("store: read-only, as the disk is nearly full, got ", space.available,
                              " bytes free, limit ", reserve, " bytes (--disk_reserve_bytes)")),
             recovered);
  } else {
    SetState(State::kWritable, absl::OkStatus(), recovered);
  }
}

absl::Status GroupCommit::TryRecover() {
  RETURN_IF_ERROR(logs_->Retry());
  const rocksdb::Status resumed = db_->Resume();
  needs_restart_ = !resumed.ok() && resumed.severity() >= rocksdb::Status::Severity::kFatalError;
  if (needs_restart_) {
    SetReason(absl::UnavailableError(
        absl::StrCat("store: read-only until the server is restarted, as a write failed: ",
                     resumed.ToString())));
  }
  RETURN_IF_ERROR(ToStatus(resumed, "resume"));
  return Sync();
}

void GroupCommit::SetState(State state, const absl::Status& reason, bool recovered) {
  {
    MutexLock lock(mutex_);
    if (state == state_ || (state_ == State::kFailed && !recovered)) return;
    state_ = state;
    reason_ = reason;
  }
  wake_.NotifyOne();
  if (options_.report) options_.report(reason);
}

void GroupCommit::SetReason(const absl::Status& reason) {
  {
    MutexLock lock(mutex_);
    if (reason_ == reason) return;
    reason_ = reason;
  }
  if (options_.report) options_.report(reason);
}

}  // namespace newsprint::store
