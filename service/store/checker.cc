#include "service/store/checker.h"

#include <fcntl.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/metadata.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "service/common/status_macros.h"
#include "service/store/acknowledged_file.h"
#include "service/store/collection_checker.h"
#include "service/store/folder_check.h"
#include "service/store/info_log.h"
#include "service/store/keys.h"
#include "service/store/manifest.h"
#include "service/store/records.h"
#include "service/store/rocksdb_status.h"
#include "service/store/upgrade.h"

namespace newsprint::store {
namespace {

namespace fs = std::filesystem;

constexpr size_t kReadaheadBytes = size_t{1} << 20;
constexpr uint64_t kRecordsToldTogether = 4096;
constexpr size_t kUidBytes = sizeof(uint32_t);

absl::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// Goes through the keys of a column family that begin with `prefix`, and reads nothing behind them:
// what cannot be read there is none of its business.
class Scan {
 public:
  Scan(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family, std::string prefix)
      : end_(PrefixEnd(std::move(prefix))), bound_(end_) {
    rocksdb::ReadOptions options;
    options.total_order_seek = true;
    options.fill_cache = false;
    options.readahead_size = kReadaheadBytes;
    if (!end_.empty()) options.iterate_upper_bound = &bound_;
    at_.reset(db->NewIterator(options, family));
  }
  Scan(const Scan&) = delete;
  Scan& operator=(const Scan&) = delete;

  rocksdb::Iterator* operator->() const { return at_.get(); }

 private:
  const std::string end_;
  const rocksdb::Slice bound_;
  std::unique_ptr<rocksdb::Iterator> at_;
};

// Bodies of one collection that cannot be read, all for one reason.
struct UnreadableBodies {
  static constexpr size_t kNumbersMax = 5;

  std::string reason;
  uint64_t count = 0;  // 0: nobody knows whose they are
  std::vector<Ordinal> first;
};

// One check of one folder.
class FolderChecker {
 public:
  FolderChecker(const std::string& dir, absl::FunctionRef<bool(uint64_t, uint64_t)> on_progress,
                CheckReport* report)
      : dir_(dir), on_progress_(on_progress), report_(*report) {}
  ~FolderChecker() {
    for (rocksdb::ColumnFamilyHandle* family : families_) db_->DestroyColumnFamilyHandle(family);
    db_ = nullptr;
    if (lock_ != nullptr) rocksdb::Env::Default()->UnlockFile(lock_);
    if (shared_lock_ >= 0) close(shared_lock_);
  }
  FolderChecker(const FolderChecker&) = delete;
  FolderChecker& operator=(const FolderChecker&) = delete;

  absl::Status Run() {
    RETURN_IF_ERROR(Lock());
    RETURN_IF_ERROR(CheckManifest());
    ASSIGN_OR_RETURN(const bool found, IsDatabase());
    if (!found || !Open()) return absl::OkStatus();
    CheckAcknowledged();
    RETURN_IF_ERROR(CheckTables());
    CheckBlobFiles();
    RETURN_IF_ERROR(CheckFormat());
    return report_.older_format == 0 ? CheckRecords() : absl::OkStatus();
  }

 private:
  // Keeps servers out, where there can be one.
  absl::Status Lock();
  // The same for whoever may only read: keeps out those who would write.
  absl::Status LockToRead(const std::string& path, const std::string& reason);
  absl::Status InUse() const;
  absl::Status CheckManifest();
  // Whether there is something to be opened; a problem when only part of it is there.
  absl::StatusOr<bool> IsDatabase();
  bool Open();
  rocksdb::Status TryToOpen(rocksdb::WALRecoveryMode mode);
  void CheckLogDamage();
  // Whether the database holds all that was acknowledged.
  void CheckAcknowledged();
  absl::Status CheckTables();
  absl::Status CheckTable(const std::string& name, uint64_t bytes);
  void CheckBlobFiles();
  absl::Status CheckFormat();
  absl::Status CheckRecords();
  // Reads uid 0. False when it cannot be read.
  absl::StatusOr<bool> CheckFolderRecords();
  absl::Status CheckCollection(CollectionRecord record);
  // As many as its counter says, as far as that can be.
  size_t ArticlesExpected(uint32_t uid) const;
  // False when some could not be read.
  absl::StatusOr<bool> CheckBodies(uint32_t uid, CollectionChecker* checker);
  void ReportUnreadable(uint32_t uid, const UnreadableBodies& bodies);
  // Looks for what belongs to no collection. `what`: "records" or "bodies".
  void CheckForLeftovers(rocksdb::ColumnFamilyHandle* family, absl::string_view what);

  absl::Status Count(uint64_t bytes, uint64_t records) {
    report_.bytes += bytes;
    report_.records += records;
    untold_bytes_ += bytes;
    untold_records_ += records;
    if (bytes == 0 && untold_records_ < kRecordsToldTogether) return absl::OkStatus();
    if (!on_progress_(std::exchange(untold_bytes_, 0), std::exchange(untold_records_, 0))) {
      return absl::CancelledError("interrupted");
    }
    return absl::OkStatus();
  }

  const std::string dir_;
  const absl::FunctionRef<bool(uint64_t, uint64_t)> on_progress_;
  CheckReport& report_;
  rocksdb::FileLock* lock_ = nullptr;
  int shared_lock_ = -1;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;  // small records, bodies
  std::map<uint32_t, CollectionRecord> collections_;
  uint64_t untold_bytes_ = 0;
  uint64_t untold_records_ = 0;
};

absl::Status FolderChecker::Lock() {
  std::error_code error;
  if (!fs::is_directory(dir_, error)) {
    return absl::NotFoundError(absl::StrCat(dir_, ": no such folder"));
  }
  const std::string path = dir_ + "/LOCK";
  if (!fs::exists(path, error)) return absl::OkStatus();  // never opened: a backup
  const rocksdb::Status locked = rocksdb::Env::Default()->LockFile(path, &lock_);
  if (locked.ok()) return absl::OkStatus();
  lock_ = nullptr;
  const std::string reason = locked.ToString();
  // Not even opened: a mount or a file that may only be read.
  if (absl::StrContains(reason, "open a file for lock")) return LockToRead(path, reason);
  if (IsHeldLock(locked)) return InUse();
  return absl::UnavailableError(absl::StrCat(dir_, ": cannot lock: ", reason));
}

absl::Status FolderChecker::LockToRead(const std::string& path, const std::string& reason) {
  shared_lock_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct flock lock = {};
  lock.l_type = F_RDLCK;
  lock.l_whence = SEEK_SET;
  if (shared_lock_ >= 0 && fcntl(shared_lock_, F_SETLK, &lock) == 0) return absl::OkStatus();
  if (shared_lock_ >= 0 && (errno == EAGAIN || errno == EACCES)) return InUse();
  return absl::UnavailableError(absl::StrCat(dir_, ": cannot lock: ", reason));
}

absl::Status FolderChecker::InUse() const {
  return absl::FailedPreconditionError(
      absl::StrCat(dir_, ": in use by another process; stop the server first"));
}

absl::Status FolderChecker::CheckManifest() {
  const absl::StatusOr<Manifest> manifest = ReadManifest(dir_);
  if (absl::IsNotFound(manifest.status())) return absl::OkStatus();
  report_.is_backup = true;
  const auto add = [this](const absl::Status& status) {
    report_.problems.Add(ProblemKind::kManifest, std::string(status.message()));
  };
  if (!manifest.ok()) {
    add(manifest.status());
    return absl::OkStatus();
  }
  absl::flat_hash_set<std::string> listed = {kManifestName, "LOCK"};
  for (const ManifestFile& file : manifest->files) {
    listed.insert(file.path);
    ++report_.files;
    bool cancelled = false;
    const absl::Status status = VerifyFile(dir_, file, [&](uint64_t bytes) {
      cancelled = !Count(bytes, 0).ok();
      return !cancelled;
    });
    if (cancelled) return status;
    if (!status.ok()) add(status);
  }
  const absl::StatusOr<std::vector<std::string>> paths = ListFiles(dir_);
  if (!paths.ok()) {
    add(paths.status());
    return absl::OkStatus();
  }
  for (const std::string& path : *paths) {
    if (listed.contains(path)) continue;
    report_.problems.Add(ProblemKind::kManifest, absl::StrCat(path, ": not in the manifest"));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> FolderChecker::IsDatabase() {
  std::error_code error;
  if (fs::exists(dir_ + "/CURRENT", error)) return true;
  if (error) return absl::UnavailableError(absl::StrCat(dir_, ": ", error.message()));
  ASSIGN_OR_RETURN(const std::vector<std::string> paths, ListFiles(dir_));
  const bool partly = std::any_of(paths.begin(), paths.end(), [](const std::string& path) {
    return absl::StartsWith(path, "MANIFEST-") ||
           (absl::EndsWith(path, ".sst") && !absl::StrContains(path, '/'));
  });
  if (partly || report_.is_backup) {
    report_.problems.Add(ProblemKind::kFile, "CURRENT: missing");
    return false;
  }
  return absl::NotFoundError(absl::StrCat(dir_, ": no data folder, as there is no CURRENT in it"));
}

rocksdb::Status FolderChecker::TryToOpen(rocksdb::WALRecoveryMode mode) {
  rocksdb::DBOptions options;
  options.info_log = std::make_shared<NoLog>();
  options.wal_recovery_mode = mode;
  const std::vector<rocksdb::ColumnFamilyDescriptor> descriptors = {
      {rocksdb::kDefaultColumnFamilyName, {}}, {kBodiesFamily, {}}};
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::OpenForReadOnly(options, dir_, descriptors, &families_, &raw);
  if (status.ok()) db_.reset(raw);
  return status;
}

bool FolderChecker::Open() {
  if (const absl::Status gap = CheckLogs(dir_); absl::IsDataLoss(gap)) {
    report_.problems.Add(ProblemKind::kLog, std::string(gap.message()));
  }
  // As a server does, which goes on without what stands behind the first damage in the log.
  const rocksdb::Status status = TryToOpen(rocksdb::WALRecoveryMode::kPointInTimeRecovery);
  if (status.ok()) {
    CheckLogDamage();
    return true;
  }
  report_.problems.Add(ProblemKind::kFile,
                       absl::StrCat("cannot open the database: ", status.ToString()));
  // More than the first one may be damaged.
  const absl::StatusOr<std::vector<std::string>> paths = ListFiles(dir_);
  if (!paths.ok()) return false;
  for (const std::string& path : *paths) {
    if (absl::EndsWith(path, ".sst") && !absl::StrContains(path, '/')) {
      CheckTable(path, 0).IgnoreError();
    }
  }
  return false;
}

// What a crash has cut off at the end of a log was not acknowledged. Anything else is damage.
void FolderChecker::CheckLogDamage() {
  std::unique_ptr<rocksdb::DB> served = std::move(db_);
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  families.swap(families_);
  const rocksdb::Status strict = TryToOpen(rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords);
  if (strict.ok()) {
    for (rocksdb::ColumnFamilyHandle* family : families_) db_->DestroyColumnFamilyHandle(family);
  } else {
    report_.problems.Add(
        ProblemKind::kLog,
        absl::StrCat("write-ahead log: what stands behind the damage would be lost: ",
                     strict.ToString()));
  }
  db_ = std::move(served);
  families_ = std::move(families);
}

void FolderChecker::CheckAcknowledged() {
  const absl::StatusOr<uint64_t> acknowledged = AcknowledgedFile::Read(dir_);
  if (!acknowledged.ok()) {
    report_.problems.Add(ProblemKind::kLog, std::string(acknowledged.status().message()));
    return;
  }
  const uint64_t last = db_->GetLatestSequenceNumber();
  if (last >= *acknowledged) return;
  report_.problems.Add(
      ProblemKind::kLog,
      absl::StrCat("acknowledged writes are missing, got ", last, ", expected ", *acknowledged,
                   ": a write-ahead log or RocksDB's manifest is damaged or gone"));
}

absl::Status FolderChecker::CheckTable(const std::string& name, uint64_t bytes) {
  rocksdb::Options options;
  options.info_log = std::make_shared<NoLog>();
  rocksdb::SstFileReader reader(options);
  rocksdb::Status status = reader.Open(absl::StrCat(dir_, "/", name));
  rocksdb::ReadOptions read_options;
  read_options.readahead_size = kReadaheadBytes;
  read_options.fill_cache = false;
  if (status.ok()) status = reader.VerifyChecksum(read_options);
  if (!status.ok()) {
    report_.problems.Add(ProblemKind::kFile, absl::StrCat(name, ": ", status.ToString()));
  }
  ++report_.files;
  return Count(bytes, 0);
}

absl::Status FolderChecker::CheckTables() {
  std::vector<rocksdb::LiveFileMetaData> tables;
  db_->GetLiveFilesMetaData(&tables);
  for (const rocksdb::LiveFileMetaData& table : tables) {
    RETURN_IF_ERROR(CheckTable(std::string(absl::StripPrefix(table.name, "/")), table.size));
  }
  return absl::OkStatus();
}

// What is in them is read with the bodies.
void FolderChecker::CheckBlobFiles() {
  std::vector<rocksdb::ColumnFamilyMetaData> families;
  db_->GetAllColumnFamilyMetaData(&families);
  for (const rocksdb::ColumnFamilyMetaData& family : families) {
    for (const rocksdb::BlobMetaData& blob : family.blob_files) {
      ++report_.files;
      const std::string name(absl::StripPrefix(blob.blob_file_name, "/"));
      std::error_code error;
      const uint64_t bytes = fs::file_size(absl::StrCat(dir_, "/", name), error);
      if (!error) report_.bytes += bytes;
      if (error) {
        report_.problems.Add(ProblemKind::kFile, absl::StrCat(name, ": missing"));
      } else if (bytes < blob.blob_file_size) {
        report_.problems.Add(
            ProblemKind::kFile,
            absl::StrCat(name, ": got ", bytes, " bytes, expected ", blob.blob_file_size));
      }
    }
  }
}

absl::Status FolderChecker::CheckFormat() {
  std::string value;
  const rocksdb::Status status =
      db_->Get(rocksdb::ReadOptions(), families_[0], Key(0, kFormatTag), &value);
  if (!status.ok()) {
    report_.problems.Add(ProblemKind::kRecord, "format record: missing or not readable");
    return absl::OkStatus();
  }
  Decoder in(value);
  const uint64_t version = in.Varint();
  if (!in.ok()) {
    report_.problems.Add(ProblemKind::kRecord, "format record: damaged");
  } else if (version < kUpgradableVersion || version > kFormatVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(dir_, ": format is not one that this program knows, got ", version,
                     ", expected ", kUpgradableVersion, " to ", kFormatVersion));
  } else if (version < kFormatVersion) {
    report_.older_format = static_cast<uint32_t>(version);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> FolderChecker::CheckFolderRecords() {
  uint32_t next_uid = 0;
  const Scan at(db_.get(), families_[0], KeyFixed32(0));
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    const absl::string_view rest = ToView(at->key()).substr(kUidBytes);
    const absl::string_view value = ToView(at->value());
    RETURN_IF_ERROR(Count(0, 1));
    const char tag = rest.empty() ? '\0' : rest.front();
    if (tag == kFormatTag) continue;
    if (tag == kNextUidTag && value.size() == sizeof(uint32_t)) {
      next_uid = Decoder(value).Fixed32();
      continue;
    }
    absl::StatusOr<CollectionRecord> record = DecodeCollection(value);
    if (tag != kCollectionTag || rest.size() != 1 + kUidBytes || !record.ok() ||
        record->uid != ReadKeyFixed32(rest.substr(1))) {
      report_.problems.Add(ProblemKind::kRecord, "a collection's record cannot be read");
      continue;
    }
    collections_[record->uid] = *std::move(record);
  }
  if (!collections_.empty() && collections_.rbegin()->first >= next_uid) {
    report_.problems.Add(ProblemKind::kState,
                         absl::StrCat("next collection: got ", next_uid, ", but there is one ",
                                      collections_.rbegin()->first));
  }
  report_.collections = collections_.size();
  if (at->status().ok()) return true;
  report_.problems.Add(ProblemKind::kFile,
                       absl::StrCat("records of the folder: cannot be read, so that those of its "
                                    "collections were not checked: ",
                                    at->status().ToString()));
  return false;
}

absl::StatusOr<bool> FolderChecker::CheckBodies(uint32_t uid, CollectionChecker* checker) {
  const Scan at(db_.get(), families_[1], KeyFixed32(uid));
  Ordinal next = 0;  // the first that has not been looked at
  std::optional<UnreadableBodies> unreadable;
  at->Seek(KeyFixed32(uid));
  while (true) {
    for (; at->Valid(); at->Next()) {
      const absl::string_view rest = ToView(at->key()).substr(kUidBytes);
      RETURN_IF_ERROR(Count(0, 1));
      if (rest.empty() || rest.front() != kBodyTag || rest.size() != 1 + sizeof(Ordinal)) {
        report_.problems.Add(ProblemKind::kRecord, "a body has a key that means nothing");
        continue;
      }
      checker->AddBody(rest.substr(1));
      next = ReadKeyFixed32(rest.substr(1)) + 1;
    }
    if (at->status().ok()) break;
    RETURN_IF_ERROR(Count(0, 1));
    // A damaged block is met once for each body in it.
    std::string reason = at->status().ToString();
    if (unreadable.has_value() && unreadable->reason != reason) {
      ReportUnreadable(uid, *std::exchange(unreadable, std::nullopt));
    }
    if (!unreadable.has_value()) unreadable.emplace().reason = std::move(reason);
    // The iterator does not say which body it could not read: the first that should come now.
    const std::optional<Ordinal> body = checker->NextWithBody(next);
    if (!body.has_value()) break;
    if (unreadable->count++ < UnreadableBodies::kNumbersMax) unreadable->first.push_back(*body);
    next = *body + 1;
    at->Seek(OrdinalKey(uid, kBodyTag, next));
  }
  if (unreadable.has_value()) ReportUnreadable(uid, *unreadable);
  return !unreadable.has_value();
}

void FolderChecker::ReportUnreadable(uint32_t uid, const UnreadableBodies& bodies) {
  std::string what = "bodies";
  if (bodies.count == 1) {
    what = absl::StrCat("body of article number ", bodies.first.front());
  } else if (bodies.count > 1) {
    what = absl::StrCat("bodies of ", bodies.count, " articles, numbers ",
                        absl::StrJoin(bodies.first, ", "),
                        bodies.count > bodies.first.size() ? " and others," : ",");
  }
  report_.problems.Add(ProblemKind::kFile,
                       absl::StrCat(what, " of collection \"", collections_.at(uid).settings.name,
                                    "\": ", bodies.reason));
}

absl::Status FolderChecker::CheckCollection(CollectionRecord record) {
  const uint32_t uid = record.uid;
  const std::string name = record.settings.name;
  CollectionChecker checker(std::move(record), &report_.problems);
  checker.Reserve(ArticlesExpected(uid));
  const Scan at(db_.get(), families_[0], KeyFixed32(uid));
  for (at->Seek(KeyFixed32(uid)); at->Valid(); at->Next()) {
    const absl::string_view rest = ToView(at->key()).substr(kUidBytes);
    RETURN_IF_ERROR(Count(0, 1));
    if (rest.empty()) {
      report_.problems.Add(ProblemKind::kRecord, "a key that means nothing");
      continue;
    }
    checker.Add(rest.front(), rest.substr(1), ToView(at->value()));
  }
  if (!at->status().ok()) {
    report_.problems.Add(
        ProblemKind::kFile,
        absl::StrCat("collection \"", name,
                     "\": records: the rest could not be read and was not checked: ",
                     at->status().ToString()));
  }
  ASSIGN_OR_RETURN(const bool complete, CheckBodies(uid, &checker));
  checker.Finish(complete && at->status().ok());
  report_.articles += checker.articles();
  return absl::OkStatus();
}

size_t FolderChecker::ArticlesExpected(uint32_t uid) const {
  std::string value;
  uint64_t keys = 0;  // more than there are articles, whatever a wrong counter says
  if (!db_->Get(rocksdb::ReadOptions(), families_[0], Key(uid, kStateTag), &value).ok() ||
      !db_->GetIntProperty(families_[0], rocksdb::DB::Properties::kEstimateNumKeys, &keys)) {
    return 0;
  }
  const absl::StatusOr<CollectionState> state = DecodeState(value);
  return state.ok() ? std::min(state->articles, keys) : 0;
}

absl::Status FolderChecker::CheckRecords() {
  ASSIGN_OR_RETURN(const bool readable, CheckFolderRecords());
  if (!readable) return absl::OkStatus();
  for (const auto& [uid, record] : collections_) RETURN_IF_ERROR(CheckCollection(record));
  CheckForLeftovers(families_[0], "records");
  CheckForLeftovers(families_[1], "bodies");
  on_progress_(std::exchange(untold_bytes_, 0), std::exchange(untold_records_, 0));
  return absl::OkStatus();
}

void FolderChecker::CheckForLeftovers(rocksdb::ColumnFamilyHandle* family, absl::string_view what) {
  uint32_t uid = 1;  // the first that may have some
  for (auto next = collections_.begin();; ++next) {
    // Not beyond the next collection, as its records were read already, and told of.
    const uint32_t end = next == collections_.end() ? UINT32_MAX : next->first;
    const Scan at(db_.get(), family, KeyFixed32(end - 1));
    while (uid < end) {
      at->Seek(KeyFixed32(uid));
      if (!at->Valid() || at->key().size() < kUidBytes) break;
      const uint32_t found = ReadKeyFixed32(ToView(at->key()).substr(0, kUidBytes));
      report_.problems.Add(
          ProblemKind::kLeftover,
          absl::StrCat(what, " of a collection that is not there, number ", found));
      uid = found + 1;
    }
    if (next == collections_.end()) return;
    uid = next->first + 1;
  }
}

}  // namespace

absl::string_view ProblemKindName(ProblemKind kind) {
  switch (kind) {
    case ProblemKind::kManifest:
      return "manifest";
    case ProblemKind::kFile:
      return "file";
    case ProblemKind::kLog:
      return "log";
    case ProblemKind::kRecord:
      return "record";
    case ProblemKind::kArticle:
      return "article";
    case ProblemKind::kGroup:
      return "group";
    case ProblemKind::kVector:
      return "vector";
    case ProblemKind::kRequest:
      return "request";
    case ProblemKind::kChange:
      return "change";
    case ProblemKind::kLesson:
      return "lesson";
    case ProblemKind::kState:
      return "state";
    case ProblemKind::kLeftover:
      return "leftover";
    case ProblemKind::kGraphs:
      return "graphs";
  }
  return "unknown";
}

absl::string_view ProblemAdvice(ProblemKind kind) {
  switch (kind) {
    case ProblemKind::kManifest:
      return "do not restore from this copy; take another backup";
    case ProblemKind::kGraphs:
      return "delete the file: the graphs are built again after the next start";
    case ProblemKind::kLeftover:
      return "its record is lost, as a collection is deleted in one piece: restore a backup "
             "(newsprint restore), and keep this folder aside until then";
    case ProblemKind::kLog:
      return "restore a backup; or remove the file ACKNOWLEDGED, and the server starts without "
             "what is missing";
    default:
      return "restore a backup (newsprint restore), and keep this folder aside until then";
  }
}

void Problems::Add(ProblemKind kind, std::string what) {
  Kind& found = kinds_[kind];
  if (found.count++ < kept_max_) found.first.push_back(std::move(what));
}

uint64_t Problems::count() const {
  uint64_t total = 0;
  for (const auto& [kind, found] : kinds_) total += found.count;
  return total;
}

absl::StatusOr<CheckReport> CheckDataFolder(
    const std::string& dir, size_t problems_kept_max,
    absl::FunctionRef<bool(uint64_t bytes, uint64_t records)> on_progress) {
  CheckReport report(problems_kept_max);
  FolderChecker checker(dir, on_progress, &report);
  RETURN_IF_ERROR(checker.Run());
  return report;
}

}  // namespace newsprint::store
