#include "service/store/store.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <future>
#include <limits>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/common/mutex.h"
#include "service/common/status_macros.h"
#include "service/store/acknowledged_file.h"
#include "service/store/checkpoint.h"
#include "service/store/codec.h"
#include "service/store/folder_check.h"
#include "service/store/group_commit.h"
#include "service/store/info_log.h"
#include "service/store/keys.h"
#include "service/store/manifest.h"
#include "service/store/rocksdb_status.h"
#include "service/store/upgrade.h"
#include "service/store/wal_file_system.h"

namespace newsprint::store {
namespace {

rocksdb::Slice ToSlice(absl::string_view view) { return {view.data(), view.size()}; }
absl::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// The keys of one text have a prefix of their own, so that files without it are passed over.
class TextPrefix final : public rocksdb::SliceTransform {
 public:
  const char* Name() const override { return "newsprint.TextPrefix"; }
  bool InDomain(const rocksdb::Slice& key) const override {
    return key.size() >= kBytes && key[sizeof(uint32_t)] == kTextTag;
  }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override {
    return {key.data(), kBytes};
  }

 private:
  static constexpr size_t kBytes = sizeof(uint32_t) + 1 + sizeof(Hash128);
};

// Deletions among so many keys in a row that make a file worth compacting.
constexpr size_t kDeletionWindowKeys = 1024;
constexpr size_t kDeletionsInWindow = 256;

rocksdb::ColumnFamilyOptions SmallRecordOptions(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  rocksdb::ColumnFamilyOptions family;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family.compression = rocksdb::kLZ4Compression;
  // Files where much has been deleted, as when articles expire, are compacted though nothing is
  // written over them: else the space would not come back.
  family.table_properties_collector_factories.push_back(
      rocksdb::NewCompactOnDeletionCollectorFactory(kDeletionWindowKeys, kDeletionsInWindow));
  // Most records that are read are on disk already, and most ids and texts that are looked up are
  // new: neither need look through what was written last.
  family.memtable_prefix_bloom_size_ratio = 0.02;
  family.memtable_whole_key_filtering = true;
  family.prefix_extractor = std::make_shared<TextPrefix>();
  return family;
}

// Bodies are not read soon after they are written, so they need not stay in memory for long.
constexpr size_t kBodyBufferBytes = size_t{48} << 20;

// Bodies stand apart, in blob files, so that compaction does not copy them again and again.
rocksdb::ColumnFamilyOptions BodyOptions(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions family = SmallRecordOptions(cache);
  family.enable_blob_files = true;
  family.min_blob_size = 512;
  family.write_buffer_size = kBodyBufferBytes;
  family.blob_compression_type = rocksdb::kLZ4Compression;
  family.enable_blob_garbage_collection = true;
  return family;
}

absl::StatusOr<std::vector<float>> DecodeVector(absl::string_view bytes) {
  std::vector<float> vector(bytes.size() / sizeof(float));
  if (vector.size() * sizeof(float) != bytes.size()) {
    return absl::DataLossError("store: damaged vector record");
  }
  std::memcpy(vector.data(), bytes.data(), bytes.size());
  return vector;
}

absl::Status OpenError(const rocksdb::Status& status, const std::string& data_dir) {
  if (status.IsIOError() && IsHeldLock(status)) {
    return absl::FailedPreconditionError(
        absl::StrCat("data_dir: in use by another process, got ", data_dir));
  }
  return absl::Status(ToStatus(status, "open").code(),
                      absl::StrCat("data_dir: cannot open ", data_dir, ": ", status.ToString()));
}

}  // namespace

class Batch::Impl {
 public:
  explicit Impl(uint32_t collection_uid) : uid(collection_uid) {}

  static constexpr size_t kReservedBytes = size_t{16} << 10;  // of most articles

  // RocksDB counts an empty range when it writes it and not when it reads the log, so a start would
  // miss one write.
  void DeleteRange(const std::string& first, const std::string& end) {
    if (first < end) small.DeleteRange(first, end);
  }

  const uint32_t uid;
  rocksdb::WriteBatch small{kReservedBytes};
  bool may_use_reserve = false;
  // Bodies by key; they go to another column family, whose handle only the store knows.
  std::vector<std::pair<std::string, std::optional<std::string>>> bodies;
};

class Store::Impl {
 public:
  ~Impl() {
    if (db == nullptr) return;
    if (commit != nullptr) {
      // Tables open faster than a log is read.
      const bool writable = commit->CheckWritable(/*may_use_reserve=*/false).ok();
      commit = nullptr;
      if (writable) db->Flush(rocksdb::FlushOptions(), families);
    }
    for (rocksdb::ColumnFamilyHandle* handle : families) db->DestroyColumnFamilyHandle(handle);
    db->Close();
  }

  absl::Status Open(const Options& options);
  absl::Status CheckFormat(const UpgradeProgress& progress);

  absl::StatusOr<std::optional<std::string>> Get(const std::string& key,
                                                 absl::string_view what) const {
    std::string value;
    const rocksdb::Status status = db->Get(rocksdb::ReadOptions(), families[0], key, &value);
    if (status.IsNotFound()) return std::optional<std::string>();
    RETURN_IF_ERROR(ToStatus(status, what));
    return std::optional<std::string>(std::move(value));
  }

  absl::StatusOr<std::string> MustGet(const std::string& key, absl::string_view what) const {
    ASSIGN_OR_RETURN(std::optional<std::string> value, Get(key, what));
    if (!value.has_value()) return absl::NotFoundError(absl::StrCat("store: no ", what));
    return *std::move(value);
  }

  absl::Status Write(rocksdb::WriteBatch* batch, absl::string_view what, Durability durability,
                     bool may_use_reserve) {
    RETURN_IF_ERROR(commit->CheckWritable(may_use_reserve));
    const absl::Status status = ToStatus(db->Write(rocksdb::WriteOptions(), batch), what);
    if (status.ok()) {
      commit->OnApplied(durability);
    } else {
      commit->OnFailed(status);
    }
    return status;
  }

  // On disk when it returns.
  absl::Status SyncedWrite(rocksdb::WriteBatch* batch, absl::string_view what,
                           bool may_use_reserve = false) {
    RETURN_IF_ERROR(Write(batch, what, Durability::kSync, may_use_reserve));
    std::promise<absl::Status> durable;
    commit->NotifyDurable([&](absl::Status status) { durable.set_value(std::move(status)); });
    return durable.get_future().get();
  }

  // Without the filter on prefixes, which only the keys of texts have.
  static rocksdb::ReadOptions TotalOrder() {
    rocksdb::ReadOptions options;
    options.total_order_seek = true;
    return options;
  }

  // Calls visit(rest of key, value) for the keys with `prefix` from `first` on, until it returns
  // false.
  template <typename Visit>
  absl::Status Scan(const std::string& prefix, const std::string& first, Visit visit) const {
    return Scan(prefix, first, TotalOrder(), visit);
  }

  template <typename Visit>
  absl::Status Scan(const std::string& prefix, const std::string& first,
                    rocksdb::ReadOptions options, Visit visit) const {
    // Without the bound a scan that finds nothing walks on over all deleted keys behind the prefix.
    const std::string end = PrefixEnd(prefix);
    const rocksdb::Slice upper_bound(end);
    if (!end.empty()) options.iterate_upper_bound = &upper_bound;
    const std::unique_ptr<rocksdb::Iterator> at(db->NewIterator(options, families[0]));
    for (at->Seek(first); at->Valid() && at->key().starts_with(prefix); at->Next()) {
      if (!visit(ToView(at->key()).substr(prefix.size()), ToView(at->value()))) break;
    }
    return ToStatus(at->status(), "scan");
  }

  // The same, with decode(value) in place of the value. DATA_LOSS when one cannot be decoded.
  template <typename Decode, typename Visit>
  absl::Status ScanDecoded(const std::string& prefix, const std::string& first,
                           const rocksdb::ReadOptions& options, Decode decode, Visit visit) const {
    absl::Status decoded;
    RETURN_IF_ERROR(
        Scan(prefix, first, options, [&](absl::string_view rest, absl::string_view value) {
          auto record = decode(value);
          decoded = record.status();
          return decoded.ok() && visit(rest, *std::move(record));
        }));
    return decoded;
  }
  template <typename Decode, typename Visit>
  absl::Status ScanDecoded(const std::string& prefix, const std::string& first, Decode decode,
                           Visit visit) const {
    return ScanDecoded(prefix, first, TotalOrder(), decode, visit);
  }

  // The same for records that are many and are read once, by ordinal.
  template <typename Decode, typename Visit>
  absl::Status ScanRecords(const std::string& prefix, Decode decode, Visit visit) const {
    rocksdb::ReadOptions options = TotalOrder();
    options.fill_cache = false;
    options.readahead_size = kScanReadaheadBytes;
    return ScanDecoded(prefix, prefix, options, decode,
                       [&](absl::string_view rest, const auto& record) {
                         return visit(ReadKeyFixed32(rest), record);
                       });
  }

  static constexpr size_t kScanReadaheadBytes = size_t{1} << 20;

  const std::shared_ptr<WalFileSystem> logs = std::make_shared<WalFileSystem>();
  const std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(logs);
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> families;  // small records, bodies
  std::unique_ptr<GroupCommit> commit;                 // last, so that it ends first
};

absl::Status Store::Impl::Open(const Options& options) {
  std::error_code error;
  const bool is_new = std::filesystem::create_directory(options.data_dir, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("data_dir: cannot open ", options.data_dir, ": ", error.message()));
  }
  if (is_new) {
    const auto folder = std::filesystem::absolute(options.data_dir).lexically_normal();
    const auto parent = (folder.has_filename() ? folder : folder.parent_path()).parent_path();
    RETURN_IF_ERROR(SyncDir(parent.string()));
  }
  RETURN_IF_ERROR(CheckFolder(options.data_dir, static_cast<uint64_t>(options.disk_reserve_bytes)));

  rocksdb::DBOptions db_options;
  db_options.env = env.get();
  db_options.create_if_missing = true;
  db_options.create_missing_column_families = true;
  db_options.max_background_jobs = 2;
  // Each collection has one writer, and those of several take turns.
  db_options.allow_concurrent_memtable_write = false;
  // What is applied is written when it is synced, once for many.
  db_options.manual_wal_flush = true;
  // The two families never differ in how much of the log they hold, wherever the log ends.
  db_options.atomic_flush = true;
  db_options.info_log = std::make_shared<InfoLog>(options.data_dir);
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(options.block_cache_bytes);
  const std::vector<rocksdb::ColumnFamilyDescriptor> descriptors = {
      {rocksdb::kDefaultColumnFamilyName, SmallRecordOptions(cache)},
      {kBodiesFamily, BodyOptions(cache)}};
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::Open(db_options, options.data_dir, descriptors, &families, &raw);
  if (!status.ok()) return OpenError(status, options.data_dir);
  db.reset(raw);
  ASSIGN_OR_RETURN(AcknowledgedFile acknowledged, AcknowledgedFile::Open(options.data_dir));
  commit = std::make_unique<GroupCommit>(
      raw, logs.get(), std::move(acknowledged),
      GroupCommit::Options{options.data_dir, options.disk_reserve_bytes, options.report});
  return CheckFormat(options.upgrade_progress);
}

absl::Status Store::Impl::CheckFormat(const UpgradeProgress& progress) {
  ASSIGN_OR_RETURN(const std::optional<std::string> stored, Get(Key(0, kFormatTag), "format"));
  if (!stored.has_value()) {
    Encoder out;
    out.Varint(kFormatVersion);
    rocksdb::WriteBatch batch;
    batch.Put(families[0], Key(0, kFormatTag), out.bytes());
    return SyncedWrite(&batch, "format");
  }
  ASSIGN_OR_RETURN(const uint32_t version, ReadFormat(*stored));
  if (version == kFormatVersion) return absl::OkStatus();
  return UpgradeFolder(
      version, db.get(),
      [this](rocksdb::WriteBatch* batch) { return SyncedWrite(batch, "upgrade", true); }, progress);
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const Options& options) {
  auto impl = std::make_unique<Impl>();
  RETURN_IF_ERROR(impl->Open(options));
  return std::unique_ptr<Store>(new Store(std::move(impl)));
}

absl::StatusOr<std::vector<CollectionRecord>> Store::Collections() const {
  std::vector<CollectionRecord> records;
  const std::string prefix = Key(0, kCollectionTag);
  RETURN_IF_ERROR(impl_->ScanDecoded(prefix, prefix, &DecodeCollection,
                                     [&](absl::string_view, CollectionRecord record) {
                                       records.push_back(std::move(record));
                                       return true;
                                     }));
  return records;
}

absl::StatusOr<uint32_t> Store::AddCollection(CollectionRecord record) {
  ASSIGN_OR_RETURN(const std::optional<std::string> stored, impl_->Get(Key(0, kNextUidTag), "uid"));
  const uint32_t uid = stored.has_value() ? Decoder(*stored).Fixed32() : 1;
  record.uid = uid;
  Encoder next;
  next.Fixed32(uid + 1);
  rocksdb::WriteBatch batch;
  batch.Put(impl_->families[0], Key(0, kNextUidTag), next.bytes());
  batch.Put(impl_->families[0], Key(0, kCollectionTag, KeyFixed32(uid)), Encode(record));
  RETURN_IF_ERROR(impl_->SyncedWrite(&batch, "add collection"));
  return uid;
}

absl::Status Store::DropCollection(uint32_t uid) {
  rocksdb::WriteBatch batch;
  batch.Delete(impl_->families[0], Key(0, kCollectionTag, KeyFixed32(uid)));
  for (rocksdb::ColumnFamilyHandle* family : impl_->families) {
    batch.DeleteRange(family, KeyFixed32(uid), KeyFixed32(uid + 1));
  }
  return impl_->SyncedWrite(&batch, "drop collection", /*may_use_reserve=*/true);
}

absl::Status Store::Apply(const Batch& batch, Durability durability) {
  rocksdb::WriteBatch& all = batch.impl_->small;
  for (const auto& [key, body] : batch.impl_->bodies) {
    const rocksdb::Status status = body.has_value() ? all.Put(impl_->families[1], key, *body)
                                                    : all.Delete(impl_->families[1], key);
    RETURN_IF_ERROR(ToStatus(status, "batch"));
  }
  return impl_->Write(&all, "write", durability, batch.impl_->may_use_reserve);
}

void Store::NotifyDurable(absl::AnyInvocable<void(absl::Status)> callback) {
  impl_->commit->NotifyDurable(std::move(callback));
}

void Store::NotifySynced(absl::AnyInvocable<void(absl::Status)> callback) {
  impl_->commit->NotifySynced(std::move(callback));
}

absl::Status Store::WaitSynced() {
  std::promise<absl::Status> synced;
  NotifySynced([&synced](absl::Status status) { synced.set_value(std::move(status)); });
  return synced.get_future().get();
}

absl::StatusOr<CollectionState> Store::State(uint32_t uid) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   impl_->Get(Key(uid, kStateTag), "state"));
  if (!bytes.has_value()) return CollectionState();
  return DecodeState(*bytes);
}

absl::StatusOr<std::optional<Ordinal>> Store::FindId(uint32_t uid, absl::string_view id) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes, impl_->Get(Key(uid, kIdTag, id), "id"));
  if (!bytes.has_value()) return std::optional<Ordinal>();
  Decoder in(*bytes);
  const Ordinal ordinal = in.Fixed32();
  if (!in.ok()) return absl::DataLossError("store: damaged id record");
  return std::optional<Ordinal>(ordinal);
}

absl::StatusOr<ArticleRecord> Store::GetArticle(uint32_t uid, Ordinal ordinal) const {
  ASSIGN_OR_RETURN(const std::string bytes,
                   impl_->MustGet(OrdinalKey(uid, kArticleTag, ordinal), "article"));
  return DecodeArticle(bytes);
}

absl::StatusOr<std::string> Store::GetBody(uint32_t uid, Ordinal ordinal) const {
  std::string body;
  RETURN_IF_ERROR(ToStatus(impl_->db->Get(rocksdb::ReadOptions(), impl_->families[1],
                                          OrdinalKey(uid, kBodyTag, ordinal), &body),
                           "body"));
  return body;
}

absl::StatusOr<SketchRecord> Store::GetSketch(uint32_t uid, Ordinal ordinal) const {
  ASSIGN_OR_RETURN(const std::string bytes,
                   impl_->MustGet(OrdinalKey(uid, kSketchTag, ordinal), "sketch"));
  return DecodeSketch(bytes);
}

absl::StatusOr<std::optional<LessonRecord>> Store::GetLesson(uint32_t uid, Ordinal ordinal) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   impl_->Get(OrdinalKey(uid, kLessonTag, ordinal), "lesson"));
  if (!bytes.has_value()) return std::optional<LessonRecord>();
  ASSIGN_OR_RETURN(LessonRecord record, DecodeLesson(*bytes));
  return std::optional<LessonRecord>(std::move(record));
}

absl::StatusOr<bool> Store::HasTaught(uint32_t uid, const Hash128& id_or_text) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> found,
                   impl_->Get(HashKey(uid, kTaughtTag, id_or_text), "taught"));
  return found.has_value();
}

absl::StatusOr<BoilerplateRecord> Store::GetBoilerplate(uint32_t uid) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   impl_->Get(Key(uid, kBoilerplateTag), "boilerplate"));
  if (!bytes.has_value()) return BoilerplateRecord();
  return DecodeBoilerplate(*bytes);
}

absl::StatusOr<FingerprintRecord> Store::GetFingerprint(uint32_t uid, Ordinal ordinal) const {
  ASSIGN_OR_RETURN(const std::string bytes,
                   impl_->MustGet(OrdinalKey(uid, kFingerprintTag, ordinal), "fingerprint"));
  return DecodeFingerprint(bytes);
}

absl::Status Store::ForEachSketch(
    uint32_t uid, absl::FunctionRef<bool(Ordinal, const SketchRecord&)> visit) const {
  return impl_->ScanRecords(Key(uid, kSketchTag), &DecodeSketch, visit);
}

absl::Status Store::ForEachTerms(uint32_t uid,
                                 absl::FunctionRef<bool(Ordinal, const TermsRecord&)> visit) const {
  return impl_->ScanRecords(
      Key(uid, kTermsTag), [](absl::string_view bytes) { return DecodeTerms(bytes); }, visit);
}

absl::Status Store::ForEachVector(
    uint32_t uid, uint32_t generation,
    absl::FunctionRef<bool(Ordinal, const std::vector<float>&)> visit) const {
  return impl_->ScanRecords(GenerationKey(uid, kVectorTag, generation), &DecodeVector, visit);
}

absl::StatusOr<std::optional<std::vector<float>>> Store::FindVector(uint32_t uid,
                                                                    uint32_t generation,
                                                                    Ordinal ordinal) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   impl_->Get(GenerationKey(uid, kVectorTag, generation, ordinal), "vector"));
  if (!bytes.has_value()) return std::optional<std::vector<float>>();
  ASSIGN_OR_RETURN(std::vector<float> vector, DecodeVector(*bytes));
  return std::optional<std::vector<float>>(std::move(vector));
}

absl::StatusOr<std::vector<std::pair<Ordinal, PendingRecord>>> Store::Pending(
    uint32_t uid, uint32_t generation, Ordinal first, size_t articles_max) const {
  std::vector<std::pair<Ordinal, PendingRecord>> pending;
  if (articles_max == 0) return pending;
  RETURN_IF_ERROR(
      impl_->ScanDecoded(GenerationKey(uid, kPendingTag, generation),
                         GenerationKey(uid, kPendingTag, generation, first), &DecodePending,
                         [&](absl::string_view rest, PendingRecord record) {
                           pending.emplace_back(ReadKeyFixed32(rest), std::move(record));
                           return pending.size() < articles_max;
                         }));
  return pending;
}

absl::StatusOr<bool> Store::IsPending(uint32_t uid, uint32_t generation, Ordinal ordinal) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> found,
                   impl_->Get(GenerationKey(uid, kPendingTag, generation, ordinal), "pending"));
  return found.has_value();
}

absl::StatusOr<TermsRecord> Store::GetTerms(uint32_t uid, Ordinal ordinal) const {
  ASSIGN_OR_RETURN(const std::string bytes,
                   impl_->MustGet(OrdinalKey(uid, kTermsTag, ordinal), "terms"));
  return DecodeTerms(bytes);
}

absl::StatusOr<std::optional<Ordinal>> Store::FindText(
    uint32_t uid, const Hash128& text_hash, absl::FunctionRef<bool(Ordinal)> wanted) const {
  const std::string first = TextKey(uid, text_hash, 0);
  const std::string prefix = first.substr(0, first.size() - sizeof(Ordinal));
  rocksdb::ReadOptions options;
  options.prefix_same_as_start = true;  // of TextPrefix
  std::optional<Ordinal> found;
  RETURN_IF_ERROR(
      impl_->Scan(prefix, first, options, [&](absl::string_view rest, absl::string_view) {
        const Ordinal ordinal = ReadKeyFixed32(rest);
        if (wanted(ordinal)) found = ordinal;
        return !found.has_value();
      }));
  return found;
}

absl::StatusOr<std::optional<GroupRecord>> Store::GetGroup(uint32_t uid, GroupNumber group) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   impl_->Get(Key(uid, kGroupTag, KeyFixed64(group)), "group"));
  if (!bytes.has_value()) return std::optional<GroupRecord>();
  ASSIGN_OR_RETURN(GroupRecord record, DecodeGroup(*bytes));
  return std::optional<GroupRecord>(std::move(record));
}

absl::StatusOr<std::vector<Ordinal>> Store::Members(uint32_t uid, GroupNumber group, Ordinal first,
                                                    size_t members_max) const {
  std::vector<Ordinal> members;
  if (members_max == 0) return members;
  const std::string prefix = Key(uid, kMemberTag, KeyFixed64(group));
  RETURN_IF_ERROR(impl_->Scan(prefix, MemberKey(uid, group, first),
                              [&](absl::string_view rest, absl::string_view) {
                                members.push_back(ReadKeyFixed32(rest));
                                return members.size() < members_max;
                              }));
  return members;
}

absl::StatusOr<std::optional<MemberRecord>> Store::GetMember(uint32_t uid, GroupNumber group,
                                                             Ordinal ordinal) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   impl_->Get(MemberKey(uid, group, ordinal), "member"));
  if (!bytes.has_value()) return std::optional<MemberRecord>();
  ASSIGN_OR_RETURN(MemberRecord record, DecodeMember(*bytes));
  return std::optional<MemberRecord>(std::move(record));
}

absl::Status Store::ForEachMember(
    uint32_t uid, GroupNumber group, Ordinal first,
    absl::FunctionRef<bool(Ordinal, const MemberRecord&)> visit) const {
  const std::string prefix = Key(uid, kMemberTag, KeyFixed64(group));
  return impl_->ScanDecoded(prefix, MemberKey(uid, group, first), &DecodeMember,
                            [&](absl::string_view rest, const MemberRecord& record) {
                              return visit(ReadKeyFixed32(rest), record);
                            });
}

absl::StatusOr<std::vector<GroupChange>> Store::Changes(uint32_t uid, uint64_t first,
                                                        size_t changes_max) const {
  std::vector<GroupChange> changes;
  if (changes_max == 0) return changes;
  RETURN_IF_ERROR(impl_->ScanDecoded(Key(uid, kChangeTag), Key(uid, kChangeTag, KeyFixed64(first)),
                                     &DecodeChange, [&](absl::string_view, GroupChange change) {
                                       changes.push_back(std::move(change));
                                       return changes.size() < changes_max;
                                     }));
  return changes;
}

absl::StatusOr<std::vector<std::pair<GroupNumber, GroupRecord>>> Store::Groups(
    uint32_t uid, GroupNumber first, size_t groups_max) const {
  std::vector<std::pair<GroupNumber, GroupRecord>> groups;
  if (groups_max == 0) return groups;
  RETURN_IF_ERROR(impl_->ScanDecoded(Key(uid, kGroupTag), Key(uid, kGroupTag, KeyFixed64(first)),
                                     &DecodeGroup, [&](absl::string_view rest, GroupRecord record) {
                                       groups.emplace_back(ReadKeyFixed64(rest), std::move(record));
                                       return groups.size() < groups_max;
                                     }));
  return groups;
}

absl::StatusOr<std::vector<TimePlace>> Store::ByTime(uint32_t uid, const TimePlace& first,
                                                     size_t articles_max) const {
  std::vector<TimePlace> places;
  if (articles_max == 0) return places;
  RETURN_IF_ERROR(impl_->Scan(Key(uid, kTimeTag), TimeKey(uid, first.time, first.ordinal),
                              [&](absl::string_view rest, absl::string_view) {
                                places.push_back(ReadTimeKey(rest));
                                return places.size() < articles_max;
                              }));
  return places;
}

absl::StatusOr<std::optional<RequestRecord>> Store::FindRequest(
    uint32_t uid, absl::string_view request_id) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   impl_->Get(Key(uid, kRequestTag, request_id), "request"));
  if (!bytes.has_value()) return std::optional<RequestRecord>();
  ASSIGN_OR_RETURN(RequestRecord record, DecodeRequest(*bytes));
  return std::optional<RequestRecord>(std::move(record));
}

absl::StatusOr<std::string> Store::RequestAt(uint32_t uid, uint64_t number) const {
  ASSIGN_OR_RETURN(std::optional<std::string> id,
                   impl_->Get(Key(uid, kRequestRingTag, KeyFixed64(number)), "request ring"));
  return std::move(id).value_or("");
}

absl::Status Store::BeginReclaiming() {
  rocksdb::FlushOptions options;
  options.wait = false;
  return ToStatus(impl_->db->Flush(options, impl_->families), "flush");
}

WriteState Store::write_state() const { return impl_->commit->write_state(); }

std::optional<DiskSpace> Store::disk_space() const { return impl_->commit->disk_space(); }

int64_t Store::disk_reserve_bytes() const { return impl_->commit->disk_reserve_bytes(); }

int64_t Store::disk_bytes() const {
  int64_t total = 0;
  for (rocksdb::ColumnFamilyHandle* family : impl_->families) {
    for (const std::string& property :
         {rocksdb::DB::Properties::kTotalSstFilesSize, rocksdb::DB::Properties::kTotalBlobFileSize,
          rocksdb::DB::Properties::kCurSizeAllMemTables}) {
      uint64_t bytes = 0;
      if (impl_->db->GetIntProperty(family, property, &bytes)) total += static_cast<int64_t>(bytes);
    }
  }
  return total;
}

absl::Status Store::WriteCheckpoint(const std::string& dir) {
  return store::WriteCheckpoint(impl_->db.get(), dir);
}

Batch::Batch(uint32_t uid) : impl_(std::make_unique<Impl>(uid)) {}
Batch::~Batch() = default;

void Batch::MayUseReserve() { impl_->may_use_reserve = true; }

void Batch::PutState(const CollectionState& state) {
  impl_->small.Put(Key(impl_->uid, kStateTag), Encode(state));
}

void Batch::PutArticle(Ordinal ordinal, const ArticleRecord& record) {
  impl_->small.Put(OrdinalKey(impl_->uid, kArticleTag, ordinal), Encode(record));
}

void Batch::PutBody(Ordinal ordinal, absl::string_view body) {
  impl_->bodies.emplace_back(OrdinalKey(impl_->uid, kBodyTag, ordinal), std::string(body));
}

void Batch::DeleteBody(Ordinal ordinal) {
  impl_->bodies.emplace_back(OrdinalKey(impl_->uid, kBodyTag, ordinal), std::nullopt);
}

void Batch::PutSketch(Ordinal ordinal, const SketchRecord& record) {
  impl_->small.Put(OrdinalKey(impl_->uid, kSketchTag, ordinal), Encode(record));
}

void Batch::PutFingerprint(Ordinal ordinal, const FingerprintRecord& record) {
  impl_->small.Put(OrdinalKey(impl_->uid, kFingerprintTag, ordinal), Encode(record));
}

void Batch::PutCollection(const CollectionRecord& record) {
  impl_->small.Put(Key(0, kCollectionTag, KeyFixed32(impl_->uid)), Encode(record));
}

void Batch::PutVector(uint32_t generation, Ordinal ordinal, const std::vector<float>& vector) {
  static_assert(std::numeric_limits<float>::is_iec559);
  impl_->small.Put(
      GenerationKey(impl_->uid, kVectorTag, generation, ordinal),
      rocksdb::Slice(reinterpret_cast<const char*>(vector.data()), vector.size() * sizeof(float)));
}

void Batch::PutPending(uint32_t generation, Ordinal ordinal, const PendingRecord& record) {
  impl_->small.Put(GenerationKey(impl_->uid, kPendingTag, generation, ordinal), Encode(record));
}

void Batch::DeletePending(uint32_t generation, Ordinal ordinal) {
  impl_->small.Delete(GenerationKey(impl_->uid, kPendingTag, generation, ordinal));
}

void Batch::DeleteVector(uint32_t generation, Ordinal ordinal) {
  impl_->small.Delete(GenerationKey(impl_->uid, kVectorTag, generation, ordinal));
  DeletePending(generation, ordinal);
}

void Batch::DeleteGeneration(uint32_t generation) {
  for (const Tag tag : {kVectorTag, kPendingTag}) {
    const std::string prefix = GenerationKey(impl_->uid, tag, generation);
    impl_->small.DeleteRange(prefix, PrefixEnd(prefix));
  }
}

void Batch::PutTerms(Ordinal ordinal, const TermsRecord& record) {
  impl_->small.Put(OrdinalKey(impl_->uid, kTermsTag, ordinal), Encode(record));
}

void Batch::PutId(absl::string_view id, Ordinal ordinal) {
  Encoder out;
  out.Fixed32(ordinal);
  impl_->small.Put(Key(impl_->uid, kIdTag, id), out.bytes());
}

void Batch::PutText(const Hash128& text_hash, Ordinal ordinal) {
  impl_->small.Put(TextKey(impl_->uid, text_hash, ordinal), rocksdb::Slice());
}

void Batch::DeleteText(const Hash128& text_hash, Ordinal ordinal) {
  impl_->small.Delete(TextKey(impl_->uid, text_hash, ordinal));
}

void Batch::DeleteArticle(Ordinal ordinal, absl::string_view id) {
  DeleteContent(ordinal, id);
  DeleteRecognition(ordinal);
}

void Batch::DeleteContent(Ordinal ordinal, absl::string_view id) {
  impl_->small.Delete(OrdinalKey(impl_->uid, kTermsTag, ordinal));
  impl_->small.Delete(Key(impl_->uid, kIdTag, id));
  DeleteBody(ordinal);
}

void Batch::DeleteRecognition(Ordinal ordinal) {
  for (const Tag tag : {kArticleTag, kSketchTag, kFingerprintTag}) {
    impl_->small.Delete(OrdinalKey(impl_->uid, tag, ordinal));
  }
}

void Batch::PutTime(const TimePlace& place) {
  impl_->small.Put(TimeKey(impl_->uid, place.time, place.ordinal), rocksdb::Slice());
}

void Batch::DeleteTime(const TimePlace& place) {
  impl_->small.Delete(TimeKey(impl_->uid, place.time, place.ordinal));
}

void Batch::PutLesson(Ordinal ordinal, const LessonRecord& record) {
  impl_->small.Put(OrdinalKey(impl_->uid, kLessonTag, ordinal), Encode(record));
}

void Batch::PutTaught(const Hash128& id_or_text) {
  impl_->small.Put(HashKey(impl_->uid, kTaughtTag, id_or_text), rocksdb::Slice());
}

void Batch::PutBoilerplate(const BoilerplateRecord& record) {
  impl_->small.Put(Key(impl_->uid, kBoilerplateTag), Encode(record));
  impl_->DeleteRange(OrdinalKey(impl_->uid, kLessonTag, 0),
                     OrdinalKey(impl_->uid, kLessonTag, record.first_lesson));
  impl_->small.DeleteRange(Key(impl_->uid, kTaughtTag), PrefixEnd(Key(impl_->uid, kTaughtTag)));
}

void Batch::PutChange(const GroupChange& change) {
  impl_->small.Put(Key(impl_->uid, kChangeTag, KeyFixed64(change.sequence)), Encode(change));
}

void Batch::DeleteChangesBefore(uint64_t first) {
  impl_->DeleteRange(Key(impl_->uid, kChangeTag, KeyFixed64(0)),
                     Key(impl_->uid, kChangeTag, KeyFixed64(first)));
}

void Batch::PutGroup(GroupNumber group, const GroupRecord& record) {
  impl_->small.Put(Key(impl_->uid, kGroupTag, KeyFixed64(group)), Encode(record));
}

void Batch::DeleteGroup(GroupNumber group) {
  impl_->small.Delete(Key(impl_->uid, kGroupTag, KeyFixed64(group)));
}

void Batch::PutMember(GroupNumber group, Ordinal ordinal, const MemberRecord& record) {
  impl_->small.Put(MemberKey(impl_->uid, group, ordinal), Encode(record));
}

void Batch::DeleteMember(GroupNumber group, Ordinal ordinal) {
  impl_->small.Delete(MemberKey(impl_->uid, group, ordinal));
}

void Batch::PutRequest(uint64_t number, absl::string_view request_id, const RequestRecord& record) {
  impl_->small.Put(Key(impl_->uid, kRequestTag, request_id), Encode(record));
  impl_->small.Put(Key(impl_->uid, kRequestRingTag, KeyFixed64(number)), ToSlice(request_id));
}

void Batch::DeleteRequest(uint64_t number, absl::string_view request_id) {
  if (!request_id.empty()) impl_->small.Delete(Key(impl_->uid, kRequestTag, request_id));
  impl_->small.Delete(Key(impl_->uid, kRequestRingTag, KeyFixed64(number)));
}

}  // namespace newsprint::store
