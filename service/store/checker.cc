#include "service/store/checker.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/metadata.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "service/common/status_macros.h"
#include "service/store/acknowledged_file.h"
#include "service/store/collection_checker.h"
#include "service/store/keys.h"
#include "service/store/manifest.h"
#include "service/store/records.h"

namespace newsprint::store {
namespace {

namespace fs = std::filesystem;

constexpr size_t kReadaheadBytes = size_t{1} << 20;
constexpr uint64_t kRecordsToldTogether = 4096;
constexpr size_t kUidBytes = sizeof(uint32_t);

// RocksDB writes a log into the folder that it opens, when it is given no other.
class NoLog final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char* /*format*/, va_list /*arguments*/) override {}
};

absl::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

struct Column {
  rocksdb::DB* db;
  rocksdb::ColumnFamilyHandle* family;

  std::unique_ptr<rocksdb::Iterator> Scan() const {
    rocksdb::ReadOptions options;
    options.total_order_seek = true;
    options.fill_cache = false;
    options.readahead_size = kReadaheadBytes;
    return std::unique_ptr<rocksdb::Iterator>(db->NewIterator(options, family));
  }
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
    return CheckRecords();
  }

 private:
  // Keeps servers out, where there can be one.
  absl::Status Lock();
  absl::Status CheckManifest();
  // Whether there is something to be opened; a problem when only part of it is there.
  absl::StatusOr<bool> IsDatabase();
  bool Open();
  rocksdb::Status TryToOpen(rocksdb::WALRecoveryMode mode);
  // Whether the database holds all that was acknowledged.
  void CheckAcknowledged();
  absl::Status CheckTables();
  absl::Status CheckTable(const std::string& name, uint64_t bytes);
  void CheckBlobFiles();
  absl::Status CheckFormat();
  absl::Status CheckRecords();
  // Reads uid 0. False when it cannot be read.
  absl::StatusOr<bool> CheckFolderRecords(rocksdb::Iterator* at);
  // Reads the records of one collection; leaves `at` behind them.
  absl::Status CheckCollection(CollectionRecord record, rocksdb::Iterator* at);
  // False when some could not be read.
  absl::StatusOr<bool> CheckBodies(uint32_t uid, CollectionChecker* checker);
  absl::Status CheckBodiesOfNone();

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
  if (absl::StrContains(locked.ToString(), "ermission denied")) {
    return absl::UnavailableError(absl::StrCat(dir_, ": cannot lock: ", locked.ToString()));
  }
  return absl::FailedPreconditionError(
      absl::StrCat(dir_, ": in use by another process; stop the server first"));
}

absl::Status FolderChecker::CheckManifest() {
  const absl::StatusOr<Manifest> manifest = ReadManifest(dir_);
  if (absl::IsNotFound(manifest.status())) return absl::OkStatus();
  report_.is_backup = true;
  if (absl::IsDataLoss(manifest.status())) {
    report_.problems.Add(ProblemKind::kManifest, std::string(manifest.status().message()));
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(manifest.status());
  ASSIGN_OR_RETURN(const std::vector<std::string> paths, ListFiles(dir_));
  absl::flat_hash_set<std::string> listed = {kManifestName, "LOCK"};
  for (const ManifestFile& file : manifest->files) {
    listed.insert(file.path);
    ++report_.files;
    bool cancelled = false;
    const absl::Status status = VerifyFile(dir_, file, [&](uint64_t bytes) {
      cancelled = !Count(bytes, 0).ok();
      return !cancelled;
    });
    if (absl::IsDataLoss(status)) {
      report_.problems.Add(ProblemKind::kManifest, std::string(status.message()));
    } else {
      RETURN_IF_ERROR(status);
    }
  }
  for (const std::string& path : paths) {
    if (listed.contains(path)) continue;
    report_.problems.Add(ProblemKind::kManifest, absl::StrCat(path, ": not in the manifest"));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> FolderChecker::IsDatabase() {
  std::error_code error;
  if (fs::exists(dir_ + "/CURRENT", error)) return true;
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
  // What a crash has cut off at the end of the log was not acknowledged. Anything else is damage,
  // which a server would not see: it goes on without what stands behind it.
  const rocksdb::Status strict = TryToOpen(rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords);
  if (strict.ok()) return true;
  const rocksdb::Status status = TryToOpen(rocksdb::WALRecoveryMode::kPointInTimeRecovery);
  if (status.ok()) {
    report_.problems.Add(
        ProblemKind::kLog,
        absl::StrCat("write-ahead log: what stands behind the damage would be lost: ",
                     strict.ToString()));
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

void FolderChecker::CheckAcknowledged() {
  std::error_code error;  // a backup has no such file
  if (!fs::exists(absl::StrCat(dir_, "/", AcknowledgedFile::kName), error)) return;
  const absl::StatusOr<AcknowledgedFile> acknowledged = AcknowledgedFile::Open(dir_);
  if (!acknowledged.ok()) {
    report_.problems.Add(ProblemKind::kLog, std::string(acknowledged.status().message()));
    return;
  }
  const uint64_t last = db_->GetLatestSequenceNumber();
  if (last >= acknowledged->sequence()) return;
  report_.problems.Add(
      ProblemKind::kLog,
      absl::StrCat("acknowledged writes are missing, got ", last, ", expected ",
                   acknowledged->sequence(),
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
  } else if (version != kFormatVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(dir_, ": format is not the one that this program knows, got ", version,
                     ", expected ", kFormatVersion));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> FolderChecker::CheckFolderRecords(rocksdb::Iterator* at) {
  uint32_t next_uid = 0;
  at->SeekToFirst();
  for (; at->Valid() && ToView(at->key()).substr(0, kUidBytes) == KeyFixed32(0); at->Next()) {
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
  return at->status().ok();
}

absl::StatusOr<bool> FolderChecker::CheckBodies(uint32_t uid, CollectionChecker* checker) {
  const std::string prefix = Key(uid, kBodyTag);
  const std::unique_ptr<rocksdb::Iterator> at = Column{db_.get(), families_[1]}.Scan();
  Ordinal next = 0;  // the first that has not been looked at
  bool complete = true;
  at->Seek(prefix);
  while (true) {
    for (; at->Valid() && ToView(at->key()).substr(0, kUidBytes) == KeyFixed32(uid); at->Next()) {
      const absl::string_view rest = ToView(at->key()).substr(kUidBytes);
      RETURN_IF_ERROR(Count(0, 1));
      if (rest.empty() || rest.front() != kBodyTag || rest.size() != 1 + sizeof(Ordinal)) {
        report_.problems.Add(ProblemKind::kRecord, "a body has a key that means nothing");
        continue;
      }
      checker->AddBody(rest.substr(1));
      next = ReadKeyFixed32(rest.substr(1)) + 1;
    }
    if (at->status().ok()) return complete;
    // The iterator does not say which body it could not read: the first that should come now.
    complete = false;
    const std::optional<Ordinal> damaged = checker->NextWithBody(next);
    report_.problems.Add(ProblemKind::kFile,
                         damaged.has_value() ? absl::StrCat("body of article number ", *damaged,
                                                            ": ", at->status().ToString())
                                             : absl::StrCat("bodies: ", at->status().ToString()));
    if (!damaged.has_value()) return complete;
    next = *damaged + 1;
    at->Seek(OrdinalKey(uid, kBodyTag, next));
  }
}

absl::Status FolderChecker::CheckCollection(CollectionRecord record, rocksdb::Iterator* at) {
  const uint32_t uid = record.uid;
  CollectionChecker checker(std::move(record), &report_.problems);
  const std::string prefix = KeyFixed32(uid);
  for (; at->Valid() && ToView(at->key()).substr(0, kUidBytes) == prefix; at->Next()) {
    const absl::string_view rest = ToView(at->key()).substr(kUidBytes);
    RETURN_IF_ERROR(Count(0, 1));
    if (rest.empty()) {
      report_.problems.Add(ProblemKind::kRecord, "a key that means nothing");
      continue;
    }
    checker.Add(rest.front(), rest.substr(1), ToView(at->value()));
  }
  ASSIGN_OR_RETURN(const bool complete, CheckBodies(uid, &checker));
  checker.Finish(complete && at->status().ok());
  report_.articles += checker.articles();
  return absl::OkStatus();
}

absl::Status FolderChecker::CheckRecords() {
  const std::unique_ptr<rocksdb::Iterator> at = Column{db_.get(), families_[0]}.Scan();
  ASSIGN_OR_RETURN(const bool readable, CheckFolderRecords(at.get()));
  auto next = collections_.begin();
  while (readable) {
    const bool at_key = at->Valid() && at->key().size() >= kUidBytes;
    const uint32_t uid = at_key ? ReadKeyFixed32(ToView(at->key()).substr(0, kUidBytes)) : 0;
    if (next != collections_.end() && (!at_key || next->first <= uid)) {
      RETURN_IF_ERROR(CheckCollection((next++)->second, at.get()));
      if (!at->status().ok()) break;
      continue;
    }
    if (!at_key) break;
    report_.problems.Add(ProblemKind::kLeftover,
                         absl::StrCat("records of a collection that is not there, number ", uid));
    at->Seek(KeyFixed32(uid + 1));
  }
  if (!at->status().ok()) {
    report_.problems.Add(ProblemKind::kFile,
                         absl::StrCat("records: the rest could not be read and was not checked: ",
                                      at->status().ToString()));
  }
  return CheckBodiesOfNone();
}

absl::Status FolderChecker::CheckBodiesOfNone() {
  const std::unique_ptr<rocksdb::Iterator> at = Column{db_.get(), families_[1]}.Scan();
  at->SeekToFirst();
  while (at->Valid() && at->key().size() >= kUidBytes) {
    const uint32_t uid = ReadKeyFixed32(ToView(at->key()).substr(0, kUidBytes));
    if (collections_.count(uid) == 0) {
      report_.problems.Add(ProblemKind::kLeftover,
                           absl::StrCat("bodies of a collection that is not there, number ", uid));
    }
    at->Seek(KeyFixed32(uid + 1));
  }
  on_progress_(std::exchange(untold_bytes_, 0), std::exchange(untold_records_, 0));
  return absl::OkStatus();
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
      return "harmless but for the disk space";
    case ProblemKind::kLog:
      return "restore a backup; or remove the file ACKNOWLEDGED, and the server starts without "
             "what is "
             "missing";
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
