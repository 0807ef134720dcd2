// The data folder: a RocksDB database that holds the truth about every collection.
#ifndef NEWSPRINT_SERVICE_STORE_STORE_H_
#define NEWSPRINT_SERVICE_STORE_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "service/common/hash.h"
#include "service/common/types.h"
#include "service/store/records.h"
#include "service/store/storage_state.h"

namespace newsprint::store {

class Batch;

// Told, while a folder is brought to another format, how many articles have been looked at.
using UpgradeProgress = std::function<void(uint32_t to_format, uint64_t articles)>;

// Thread-safe. Errors: UNAVAILABLE when the disk fails or is full, DATA_LOSS when stored bytes are
// damaged.
class Store {
 public:
  struct Options {
    std::string data_dir;
    // Cache of decompressed blocks. More: fewer reads from disk while verifying candidates.
    size_t block_cache_bytes = size_t{128} << 20;
    // With less free on the disk, only what frees space is written.
    int64_t disk_reserve_bytes = int64_t{256} << 20;
    // Called when the store becomes read-only, with the reason, and when it is no longer (OK); from
    // any thread, until the store is gone. Must not block.
    std::function<void(const absl::Status&)> report;
    UpgradeProgress upgrade_progress;
  };

  // Opens or creates the folder, but not its parent. One of an older format is brought to
  // kFormatVersion first, for good. FAILED_PRECONDITION when another process has it open, or when
  // its format is too old for that, or newer; RESOURCE_EXHAUSTED when the disk has too little room
  // for it beside the reserve. DATA_LOSS when it is damaged, or holds less than was acknowledged.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const Options& options);
  ~Store();

  // Collections, in the order of uid.
  absl::StatusOr<std::vector<CollectionRecord>> Collections() const;
  // Stores a new collection under a new uid, which is returned; that of `record` does not count. On
  // disk when it returns.
  absl::StatusOr<uint32_t> AddCollection(CollectionRecord record);
  // Removes a collection with all that belongs to it. On disk when it returns. Nobody may write to
  // it any more.
  absl::Status DropCollection(uint32_t uid);

  // Applies a batch as a whole. The next read sees it. With kSync it is on disk when the callback
  // of a later NotifyDurable has run, with kAsync within a second. Refused with UNAVAILABLE while
  // the store is read-only: after a failed write or sync, until writing works again, and while the
  // disk is nearly full.
  absl::Status Apply(const Batch& batch, Durability durability = Durability::kSync);

  // Calls back, from another thread, once everything that was applied with kSync before this call
  // is on disk, with one sync for all that wait (group commit). The callback must not block. On an
  // error the disk may or may not hold what was applied.
  void NotifyDurable(absl::AnyInvocable<void(absl::Status)> callback);
  // The same for what was applied with kAsync too.
  void NotifySynced(absl::AnyInvocable<void(absl::Status)> callback);
  // Returns when NotifySynced would call back, with its status.
  absl::Status WaitSynced();

  // Reads of one collection. Absent: nullopt, or NOT_FOUND where a record must exist.
  absl::StatusOr<CollectionState> State(uint32_t uid) const;  // a fresh one when absent
  absl::StatusOr<std::optional<Ordinal>> FindId(uint32_t uid, absl::string_view id) const;
  absl::StatusOr<ArticleRecord> GetArticle(uint32_t uid, Ordinal ordinal) const;
  absl::StatusOr<std::string> GetBody(uint32_t uid, Ordinal ordinal) const;
  absl::StatusOr<SketchRecord> GetSketch(uint32_t uid, Ordinal ordinal) const;
  absl::StatusOr<FingerprintRecord> GetFingerprint(uint32_t uid, Ordinal ordinal) const;
  // Absent while it is to be filled in, and for the tombstone of an article.
  absl::StatusOr<std::optional<std::vector<float>>> FindVector(uint32_t uid, uint32_t generation,
                                                               Ordinal ordinal) const;
  // Articles whose vector of this generation is to be filled in, from `first` on, at most
  // `articles_max`.
  absl::StatusOr<std::vector<std::pair<Ordinal, PendingRecord>>> Pending(uint32_t uid,
                                                                         uint32_t generation,
                                                                         Ordinal first,
                                                                         size_t articles_max) const;
  absl::StatusOr<bool> IsPending(uint32_t uid, uint32_t generation, Ordinal ordinal) const;
  absl::StatusOr<TermsRecord> GetTerms(uint32_t uid, Ordinal ordinal) const;
  // What the article taught, while its generation lasts.
  absl::StatusOr<std::optional<LessonRecord>> GetLesson(uint32_t uid, Ordinal ordinal) const;
  // Whether an article of this id, or with this text, has taught in this generation.
  absl::StatusOr<bool> HasTaught(uint32_t uid, const Hash128& id_or_text) const;
  absl::StatusOr<BoilerplateRecord> GetBoilerplate(uint32_t uid) const;  // a fresh one when absent
  // Reading what is indexed of all articles, in the order of ordinals, much faster than one by one.
  // `visit` returns false to end early.
  absl::Status ForEachSketch(uint32_t uid,
                             absl::FunctionRef<bool(Ordinal, const SketchRecord&)> visit) const;
  absl::Status ForEachTerms(uint32_t uid,
                            absl::FunctionRef<bool(Ordinal, const TermsRecord&)> visit) const;
  absl::Status ForEachVector(
      uint32_t uid, uint32_t generation,
      absl::FunctionRef<bool(Ordinal, const std::vector<float>&)> visit) const;
  // The first ingested article with this text that is `wanted`.
  absl::StatusOr<std::optional<Ordinal>> FindText(uint32_t uid, const Hash128& text_hash,
                                                  absl::FunctionRef<bool(Ordinal)> wanted) const;
  absl::StatusOr<std::optional<GroupRecord>> GetGroup(uint32_t uid, GroupNumber group) const;
  // Members from `first` on, in the order of ingestion, at most `members_max`.
  absl::StatusOr<std::vector<Ordinal>> Members(uint32_t uid, GroupNumber group, Ordinal first,
                                               size_t members_max) const;
  absl::StatusOr<std::optional<MemberRecord>> GetMember(uint32_t uid, GroupNumber group,
                                                        Ordinal ordinal) const;
  // Calls `visit` for each member from `first` on, in the order of ingestion, until it says false.
  absl::Status ForEachMember(uint32_t uid, GroupNumber group, Ordinal first,
                             absl::FunctionRef<bool(Ordinal, const MemberRecord&)> visit) const;
  // Changes to groups from number `first` on, in order, at most `changes_max`.
  absl::StatusOr<std::vector<GroupChange>> Changes(uint32_t uid, uint64_t first,
                                                   size_t changes_max) const;
  // Groups from `first` on, in order, at most `groups_max`; also those that were merged away.
  absl::StatusOr<std::vector<std::pair<GroupNumber, GroupRecord>>> Groups(uint32_t uid,
                                                                          GroupNumber first,
                                                                          size_t groups_max) const;
  // Articles, tombstones among them, by their time, from `first` on, at most `articles_max`.
  absl::StatusOr<std::vector<TimePlace>> ByTime(uint32_t uid, const TimePlace& first,
                                                size_t articles_max) const;
  absl::StatusOr<std::optional<RequestRecord>> FindRequest(uint32_t uid,
                                                           absl::string_view request_id) const;
  // The request id at a place of the ring; empty when absent.
  absl::StatusOr<std::string> RequestAt(uint32_t uid, uint64_t number) const;

  // Begins to write out what was applied last, deletions among it, so that what was deleted makes
  // room soon and not when so much else has been written. Does not wait for it.
  absl::Status BeginReclaiming();

  // Tables, blob files and write buffers, as RocksDB estimates them: without its log.
  int64_t disk_bytes() const;
  // Waits for nothing.
  WriteState write_state() const;
  // Of the disk of the data folder; nothing when the system does not say. Waits for the disk.
  std::optional<DiskSpace> disk_space() const;
  int64_t disk_reserve_bytes() const;

  // Writes a copy of the database into `dir`, an absolute path that must not exist, on the same
  // file system. It holds all that was applied before the call, and of what is applied meanwhile
  // the first part: a state that the store had. Tables and blob files are hard links, and the log
  // is copied. Nothing is left behind on an error: RESOURCE_EXHAUSTED when the disk is full.
  absl::Status WriteCheckpoint(const std::string& dir);

 private:
  class Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Changes to one collection that are applied together. Not thread-safe.
class Batch {
 public:
  explicit Batch(uint32_t uid);
  ~Batch();

  // It frees more space than it takes, so a disk that is nearly full does not stop it.
  void MayUseReserve();

  void PutState(const CollectionState& state);
  void PutCollection(const CollectionRecord& record);
  void PutArticle(Ordinal ordinal, const ArticleRecord& record);
  void PutBody(Ordinal ordinal, absl::string_view body);
  void DeleteBody(Ordinal ordinal);
  void PutSketch(Ordinal ordinal, const SketchRecord& record);
  void PutFingerprint(Ordinal ordinal, const FingerprintRecord& record);
  void PutVector(uint32_t generation, Ordinal ordinal, const std::vector<float>& vector);
  // Says that the vector of this generation is to be filled in.
  void PutPending(uint32_t generation, Ordinal ordinal, const PendingRecord& record);
  void DeletePending(uint32_t generation, Ordinal ordinal);
  // Removes the vector of this generation, or what says that it is to be filled in.
  void DeleteVector(uint32_t generation, Ordinal ordinal);
  // Removes all vectors of a generation, and what was to be filled in.
  void DeleteGeneration(uint32_t generation);
  void PutTerms(Ordinal ordinal, const TermsRecord& record);
  void PutId(absl::string_view id, Ordinal ordinal);
  void PutText(const Hash128& text_hash, Ordinal ordinal);
  void DeleteText(const Hash128& text_hash, Ordinal ordinal);
  // Removes article, body, sketch, fingerprint, terms and id, but no vector.
  void DeleteArticle(Ordinal ordinal, absl::string_view id);
  // The same in two parts: body, terms and id, and then what recognises copies.
  void DeleteContent(Ordinal ordinal, absl::string_view id);
  void DeleteRecognition(Ordinal ordinal);
  // The place of an article, or of a tombstone, in the order of expiry.
  void PutTime(const TimePlace& place);
  void DeleteTime(const TimePlace& place);
  void PutLesson(Ordinal ordinal, const LessonRecord& record);
  void PutTaught(const Hash128& id_or_text);
  // Stores a new generation, and removes the lessons before it, and all that PutTaught has put
  // before.
  void PutBoilerplate(const BoilerplateRecord& record);
  void PutChange(const GroupChange& change);
  // Removes the changes before number `first`.
  void DeleteChangesBefore(uint64_t first);
  void PutGroup(GroupNumber group, const GroupRecord& record);
  void DeleteGroup(GroupNumber group);
  void PutMember(GroupNumber group, Ordinal ordinal, const MemberRecord& record);
  void DeleteMember(GroupNumber group, Ordinal ordinal);
  void PutRequest(uint64_t number, absl::string_view request_id, const RequestRecord& record);
  void DeleteRequest(uint64_t number, absl::string_view request_id);

 private:
  friend class Store;
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace newsprint::store

#endif  // NEWSPRINT_SERVICE_STORE_STORE_H_
