#include "service/store/folder_check.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <filesystem>
#include <memory>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/common/status_macros.h"
#include "service/store/rocksdb_status.h"

namespace newsprint::store {
namespace {

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
  if (!env->LockFile(absl::StrCat(data_dir, "/LOCK"), &lock).ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("data_dir: in use by another process, got ", data_dir));
  }
  env->UnlockFile(lock);
  return absl::OkStatus();
}

// The number of the last write that a start would find.
absl::StatusOr<uint64_t> RecoverableSequence(const std::string& data_dir) {
  rocksdb::Options options;
  options.max_open_files = 64;  // else it opens all tables
  options.skip_stats_update_on_db_open = true;
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
  return db->GetLatestSequenceNumber();
}

}  // namespace

absl::Status CheckFolder(const std::string& data_dir, uint64_t acknowledged) {
  const bool has_database = std::filesystem::exists(absl::StrCat(data_dir, "/CURRENT"));
  if (!has_database) {
    const int files = CountDataFiles(data_dir);
    if (files == 0 && acknowledged == 0) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("data_dir: the file CURRENT is missing beside ", files,
                                            " files of the database, got ", data_dir,
                                            "; restore a backup"));
  }
  RETURN_IF_ERROR(CheckNotInUse(data_dir));
  if (acknowledged == 0) return absl::OkStatus();
  const absl::StatusOr<uint64_t> sequence = RecoverableSequence(data_dir);
  if (!sequence.ok()) {
    return absl::Status(sequence.status().code(), absl::StrCat("data_dir: cannot open ", data_dir,
                                                               ": ", sequence.status().message()));
  }
  if (*sequence >= acknowledged) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      "data_dir: acknowledged writes are missing, got ", *sequence, ", expected ", acknowledged,
      ": a write-ahead log or the manifest is damaged or gone, got ", data_dir,
      "; restore a backup, or remove the file ACKNOWLEDGED to go on without those writes"));
}

}  // namespace newsprint::store
