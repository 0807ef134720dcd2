#include "service/store/upgrade.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "service/common/status_macros.h"
#include "service/store/keys.h"
#include "service/store/rocksdb_status.h"

namespace newsprint::store {
namespace {

// Articles whose new keys are written together.
constexpr uint64_t kBatchArticles = 10'000;

// The time of an article in its group's record of it.
absl::Status WriteMemberTime(rocksdb::DB* db, uint32_t uid, const ArticleRecord& article,
                             Ordinal ordinal, rocksdb::WriteBatch* batch) {
  if (article.deleted) return absl::OkStatus();  // no member any more
  const std::string key = MemberKey(uid, article.group, ordinal);
  std::string bytes;
  const rocksdb::Status status = db->Get(rocksdb::ReadOptions(), key, &bytes);
  if (status.IsNotFound()) return absl::OkStatus();  // `newsprint check` tells of it
  RETURN_IF_ERROR(ToStatus(status, "upgrade"));
  ASSIGN_OR_RETURN(MemberRecord member, DecodeMember(bytes));
  member.time = ArticleTime(article);
  return ToStatus(batch->Put(key, Encode(member)), "upgrade");
}

// Format 4 has the articles of each collection in the order of their time, and the time of each
// member of a group.
absl::Status WriteTimes(rocksdb::DB* db, const UpgradeProgress& progress) {
  rocksdb::ReadOptions options;
  options.total_order_seek = true;
  options.fill_cache = false;
  options.readahead_size = size_t{1} << 20;
  const std::unique_ptr<rocksdb::Iterator> at(db->NewIterator(options));
  rocksdb::WriteBatch batch;
  uint64_t articles = 0;
  if (progress) progress(4, 0);
  const auto write = [&]() -> absl::Status {
    RETURN_IF_ERROR(ToStatus(db->Write(rocksdb::WriteOptions(), &batch), "upgrade"));
    batch.Clear();
    if (progress) progress(4, articles);
    return absl::OkStatus();
  };
  // From one collection's articles to the next one's; uid 0 is the folder's.
  for (uint32_t uid = 1;; ++uid) {
    at->Seek(Key(uid, kArticleTag));
    if (!at->Valid()) break;
    const uint32_t found = ReadKeyFixed32({at->key().data(), at->key().size()});
    if (found != uid) {
      uid = found - 1;
      continue;
    }
    // What an earlier attempt has left.
    const std::string times = Key(uid, kTimeTag);
    batch.DeleteRange(times, PrefixEnd(times));
    const std::string prefix = Key(uid, kArticleTag);
    for (; at->Valid() && at->key().starts_with(prefix); at->Next()) {
      const absl::string_view key(at->key().data(), at->key().size());
      ASSIGN_OR_RETURN(const ArticleRecord record,
                       DecodeArticle({at->value().data(), at->value().size()}));
      const Ordinal ordinal = ReadKeyFixed32(key.substr(prefix.size()));
      batch.Put(TimeKey(uid, ArticleTime(record), ordinal), rocksdb::Slice());
      RETURN_IF_ERROR(WriteMemberTime(db, uid, record, ordinal, &batch));
      if (++articles % kBatchArticles == 0) RETURN_IF_ERROR(write());
    }
  }
  RETURN_IF_ERROR(ToStatus(at->status(), "upgrade"));
  return write();
}

}  // namespace

absl::StatusOr<uint32_t> ReadFormat(absl::string_view record) {
  Decoder in(record);
  const uint64_t version = in.Varint();
  if (!in.ok()) return absl::DataLossError("data_dir: damaged format record");
  if (version < kUpgradableVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        "data_dir: format is older than this server reads, got ", version, ", limit ",
        kUpgradableVersion, " to ", kFormatVersion, "; ingest the articles into a new folder"));
  }
  if (version > kFormatVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("data_dir: format is newer than this server knows, got ", version, ", limit ",
                     kFormatVersion));
  }
  return static_cast<uint32_t>(version);
}

absl::Status UpgradeFolder(uint32_t version, rocksdb::DB* db,
                           absl::FunctionRef<absl::Status(rocksdb::WriteBatch*)> write_synced,
                           const UpgradeProgress& progress) {
  for (; version < kFormatVersion; ++version) {
    switch (version) {
      case 3:
        RETURN_IF_ERROR(WriteTimes(db, progress));
        break;
      default:
        return absl::InternalError(absl::StrCat("data_dir: upgrade: no step from ", version));
    }
    Encoder out;
    out.Varint(version + 1);
    rocksdb::WriteBatch batch;
    RETURN_IF_ERROR(ToStatus(batch.Put(Key(0, kFormatTag), out.bytes()), "upgrade"));
    RETURN_IF_ERROR(write_synced(&batch));
  }
  return absl::OkStatus();
}

}  // namespace newsprint::store
