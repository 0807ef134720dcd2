#include "service/store/folder_check.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/wal_filter.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/common/status_macros.h"
#include "service/store/acknowledged_file.h"
#include "service/store/codec.h"
#include "service/store/disk_room.h"
#include "service/store/info_log.h"
#include "service/store/keys.h"
#include "service/store/records.h"
#include "service/store/rocksdb_status.h"
#include "service/store/upgrade.h"

namespace newsprint::store {
namespace {

// What an upgrade writes, with room to spare.
constexpr uint64_t kUpgradeBytesPerArticle = 192;

// Tables, blobs and write-ahead logs: there are none before there is a CURRENT.
int CountDataFiles(const std::string& data_dir) {
  int count = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator at(data_dir, error), end; !error && at != end;
       at.increment(error)) {
    const std::string extension = at->path().extension();
    if (extension == ".sst" || extension == ".blob" || extension == ".log") ++count;
  }
  return count;
}

absl::Status CheckNotInUse(const std::string& data_dir) {
  rocksdb::Env* const env = rocksdb::Env::Default();
  rocksdb::FileLock* lock = nullptr;
  const rocksdb::Status locked = env->LockFile(absl::StrCat(data_dir, "/LOCK"), &lock);
  if (locked.ok()) {
    env->UnlockFile(lock);
    return absl::OkStatus();
  }
  if (IsHeldLock(locked)) {
    return absl::FailedPreconditionError(
        absl::StrCat("data_dir: in use by another process, got ", data_dir));
  }
  return absl::UnavailableError(
      absl::StrCat("data_dir: cannot open ", data_dir, ": ", locked.ToString()));
}

// Sees what a start would replay of the write-ahead logs, which is all writes since the tables, one
// after the other; RocksDB itself does not notice when a whole log is missing among them.
class LogReader final : public rocksdb::WalFilter {
 public:
  // `last`: the number of the last write that the manifest knows of. Without it the logs are not
  // replayed.
  explicit LogReader(std::optional<uint64_t> last) : replay_(last.has_value()) {
    if (last.has_value()) next_ = *last + 1;
  }

  WalProcessingOption LogRecordFound(unsigned long long log, const std::string& /*name*/,
                                     const rocksdb::WriteBatch& batch,
                                     rocksdb::WriteBatch* /*changed*/,
                                     bool* /*is_changed*/) override {
    if (!replay_) return WalProcessingOption::kStopReplay;
    // A batch begins with the number of its first write and the number of its writes.
    Decoder in(batch.Data());
    const uint64_t first = in.Fixed64();
    const uint64_t count = in.Fixed32();
    const bool follows = first == next_ || (!began_ && first < next_);
    if (!follows && gap_.ok()) {
      gap_ =
          absl::DataLossError(absl::StrCat("a part of the write-ahead log is missing before ", log,
                                           ".log, got write ", first, ", expected ", next_));
    }
    began_ = true;
    next_ = first + count;
    return WalProcessingOption::kContinueProcessing;
  }
  const char* Name() const override { return "newsprint.LogReader"; }

  const absl::Status& gap() const { return gap_; }

 private:
  const bool replay_;
  bool began_ = false;
  uint64_t next_ = 0;
  absl::Status gap_;
};

struct Recoverable {
  uint64_t sequence = 0;  // of the last write
  std::string format;     // record; empty when there is none
  uint64_t articles = 0;  // of all collections, as their counters say
};

uint64_t CountArticles(rocksdb::DB* db) {
  uint64_t articles = 0;
  const std::string prefix = Key(0, kCollectionTag);
  const std::unique_ptr<rocksdb::Iterator> at(db->NewIterator({}));
  for (at->Seek(prefix); at->Valid() && at->key().starts_with(prefix); at->Next()) {
    const uint32_t uid = ReadKeyFixed32({at->key().data() + prefix.size(), sizeof(uint32_t)});
    std::string value;
    if (!db->Get({}, Key(uid, kStateTag), &value).ok()) continue;
    const absl::StatusOr<CollectionState> state = DecodeState(value);
    if (state.ok()) articles += state->articles;
  }
  return articles;
}

absl::StatusOr<Recoverable> Read(const std::string& data_dir, LogReader* logs) {
  rocksdb::Options options;
  options.info_log = std::make_shared<NoLog>();
  options.max_open_files = 64;  // else it opens all tables
  options.skip_stats_update_on_db_open = true;
  options.wal_filter = logs;
  std::vector<std::string> names;
  RETURN_IF_ERROR(ToStatus(rocksdb::DB::ListColumnFamilies(options, data_dir, &names), "open"));
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const std::string& name : names) descriptors.emplace_back(name, options);
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  rocksdb::DB* raw = nullptr;
  RETURN_IF_ERROR(ToStatus(
      rocksdb::DB::OpenForReadOnly(options, data_dir, descriptors, &families, &raw), "open"));
  const std::unique_ptr<rocksdb::DB> db(raw);
  for (rocksdb::ColumnFamilyHandle* family : families) db->DestroyColumnFamilyHandle(family);
  Recoverable recoverable;
  recoverable.sequence = db->GetLatestSequenceNumber();
  const rocksdb::Status got = db->Get({}, Key(0, kFormatTag), &recoverable.format);
  if (!got.IsNotFound()) RETURN_IF_ERROR(ToStatus(got, "format"));
  recoverable.articles = CountArticles(db.get());
  return recoverable;
}

absl::StatusOr<Recoverable> Recover(const std::string& data_dir) {
  LogReader none(std::nullopt);
  ASSIGN_OR_RETURN(const Recoverable in_tables, Read(data_dir, &none));
  LogReader logs(in_tables.sequence);
  ASSIGN_OR_RETURN(Recoverable all, Read(data_dir, &logs));
  RETURN_IF_ERROR(logs.gap());
  return all;
}

}  // namespace

absl::Status CheckLogs(const std::string& data_dir) { return Recover(data_dir).status(); }

absl::Status CheckFolder(const std::string& data_dir, uint64_t disk_reserve_bytes) {
  std::error_code error;
  const bool has_database = std::filesystem::exists(absl::StrCat(data_dir, "/CURRENT"), error);
  if (has_database) RETURN_IF_ERROR(CheckNotInUse(data_dir));
  ASSIGN_OR_RETURN(const uint64_t acknowledged, AcknowledgedFile::Read(data_dir));
  if (!has_database) {
    const int files = CountDataFiles(data_dir);
    if (files == 0 && acknowledged == 0) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("data_dir: the file CURRENT is missing beside ", files,
                                            " files of the database, got ", data_dir,
                                            "; restore a backup"));
  }
  const absl::StatusOr<Recoverable> found = Recover(data_dir);
  if (!found.ok()) {
    return absl::Status(found.status().code(), absl::StrCat("data_dir: cannot open ", data_dir,
                                                            ": ", found.status().message()));
  }
  uint32_t format = kFormatVersion;
  if (!found->format.empty()) {
    ASSIGN_OR_RETURN(format, ReadFormat(found->format));
  }
  if (found->sequence < acknowledged) {
    return absl::DataLossError(absl::StrCat(
        "data_dir: acknowledged writes are missing, got ", found->sequence, ", expected ",
        acknowledged, ": a write-ahead log or the manifest is damaged or gone, got ", data_dir,
        "; restore a backup, or remove the file ACKNOWLEDGED to go on without those writes"));
  }
  if (format == kFormatVersion) return absl::OkStatus();
  return CheckRoom(data_dir, disk_reserve_bytes, "data_dir: upgrade",
                   found->articles * kUpgradeBytesPerArticle,
                   absl::StrCat(kUpgradeBytesPerArticle, " bytes for each article"));
}

}  // namespace newsprint::store
