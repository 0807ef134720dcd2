// What the parts of Collection share.
#ifndef NEWSPRINT_SERVICE_ENGINE_COLLECTION_CHANGE_H_
#define NEWSPRINT_SERVICE_ENGINE_COLLECTION_CHANGE_H_

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "service/engine/collection.h"

namespace newsprint {

// What one operation changes, on disk and in memory, gathered before anything is touched.
struct Collection::Change {
  Change(uint32_t uid, const store::CollectionState& from, absl::Time now)
      : state(from), batch(uid), time(now) {}

  // Puts an article into the order of expiry, or takes it out.
  void PutTime(const store::TimePlace& place) {
    batch.PutTime(place);
    put_times.push_back(place);
  }
  void DeleteTime(const store::TimePlace& place) {
    batch.DeleteTime(place);
    deleted_times.push_back(place);
  }

  struct Indexed {
    Ordinal ordinal;
    sketch::Sketch sketch;
    std::optional<IndexedSubject> subject;  // absent: only copies of it are to be recognised
  };
  struct Unindexed {
    Ordinal ordinal;
    sketch::Sketch sketch;
    std::optional<std::vector<WeightedTerm>> terms;
  };
  struct Lesson {
    Ordinal ordinal;
    uint32_t source;
    std::vector<uint32_t> shingles;  // ascending
  };

  store::CollectionState state;
  store::Batch batch;
  const absl::Time time;   // of the operation
  bool must_sync = false;  // before it is acknowledged, whatever the collection's durability
  std::vector<Unindexed> unindex;  // before `index`
  std::vector<Indexed> index;
  std::optional<Lesson> lesson;
  bool has_group_changes = false;
  std::vector<store::TimePlace> put_times;
  std::vector<store::TimePlace> deleted_times;
  // Ids of articles that the store does not hold yet.
  absl::flat_hash_map<Ordinal, std::string> ids;
};

// A stored article or a query, and where it is stored.
struct Collection::Subject {
  PreparedArticle prepared;
  std::optional<store::ArticleRecord> record;
  std::optional<Ordinal> ordinal;
};

// How an article leaves its group.
struct Collection::Leaving {
  GroupNumber other = 0;      // to this group; 0: none
  bool as_tombstone = false;  // it stays a reference
  bool expired = false;
};

// What expires, for those who write. Expire, ExpireOldest, Settle, Decide and AnswerTooLate apply
// changes of their own: a Change of the caller is to be begun after them.
//
// A write sees no member of its group that has expired, unless one cannot be read, as it deletes
// those first. Of a story with thousands of copies they are many: so they are deleted in turns
// before it takes the lock, but for those that expire in that very moment.
struct Collection::Expiry {
  // Whether there are more articles than are kept.
  static bool IsOver(const Collection& self) ABSL_EXCLUSIVE_LOCKS_REQUIRED(self.write_mutex_);
  // Takes an article out of its group and the store. `expired`: nothing is left of it.
  static absl::Status Remove(Collection& self, Ordinal ordinal, const store::ArticleRecord& record,
                             bool expired, LoadedGroup* group, Change* change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(self.write_mutex_);
  static absl::Status DropTombstone(const Collection& self, Ordinal ordinal,
                                    const store::ArticleRecord& record, Change* change);
  static absl::Status Expire(Collection& self, Ordinal ordinal, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(self.write_mutex_);
  // The oldest that have expired, at most `articles_max`.
  static absl::Status ExpireOldest(Collection& self, size_t articles_max, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(self.write_mutex_);
  // Those of a group that have expired, from the member `first` on, which moves behind them; at
  // most `articles_max`. Whether that was all.
  static absl::StatusOr<bool> Settle(Collection& self, GroupNumber group, absl::Time now,
                                     size_t articles_max, Ordinal* first)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(self.write_mutex_);
  static absl::Status SettleAll(Collection& self, GroupNumber group, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(self.write_mutex_);
  // The same, where others get the lock in between.
  static absl::Status SettleInTurns(Collection& self, GroupNumber group)
      ABSL_LOCKS_EXCLUDED(self.write_mutex_);
  // The group of this article, if it is there.
  static absl::Status SettleGroupOf(Collection& self, absl::string_view id)
      ABSL_LOCKS_EXCLUDED(self.write_mutex_);
  // The groups that an article has been in, and that it is to join.
  static absl::Status SettleStoryOf(Collection& self, const PreparedIngest& ingest)
      ABSL_LOCKS_EXCLUDED(self.write_mutex_);
  // Decide, with the group that the article is to join settled.
  static absl::StatusOr<Verdict> Decide(Collection& self, const PreparedArticle& prepared,
                                        std::optional<Ordinal> except, bool skip_related,
                                        absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(self.write_mutex_);
  // Whether a new article would be the first to expire, or has expired already.
  static absl::StatusOr<bool> IsTooLate(const Collection& self, const store::TimePlace& place,
                                        absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(self.write_mutex_);
  // Finds out which article expires first after a change was applied.
  static absl::Status UpdateOldest(Collection& self, const Change& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(self.write_mutex_);
  // Answers for an article that is not kept.
  static absl::StatusOr<Verdict> AnswerTooLate(Collection& self, const PreparedIngest& ingest,
                                               absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(self.write_mutex_);
};

// How many matches are told.
struct Collection::MatchLimits {
  size_t matches = 0;
  size_t templates = 0;  // of them
};

// A stored copy or template pair of a query.
struct Collection::VerifiedCopy {
  Subject subject;  // without vector and terms
  Relation relation = Relation::kNew;
  Evidence evidence;  // without the nearness of subject
};

struct Collection::CopyCandidates {
  std::optional<Ordinal> same_text;
  std::vector<Ordinal> ordinals;  // with `same_text`; each once, ascending
};

// What has expired and cannot be read is no reason to refuse a write; the background tells of it.
inline bool IsUnreadable(const absl::Status& status) {
  return absl::IsDataLoss(status) || IsGone(status);
}

inline bool IsReference(const store::GroupRecord& group, Ordinal ordinal) {
  return std::find(group.references.begin(), group.references.end(), ordinal) !=
         group.references.end();
}

// What is left of an article of a withdrawn story that is deleted: enough to recognise copies.
inline store::ArticleRecord Tombstone(const store::ArticleRecord& record) {
  store::ArticleRecord tombstone;
  tombstone.article.id = record.article.id;
  tombstone.article.published_at = record.article.published_at;  // it expires when that would have
  tombstone.deleted = true;
  tombstone.group = record.group;
  tombstone.text_hash = record.text_hash;
  tombstone.body_tokens = record.body_tokens;
  tombstone.ingested_at = record.ingested_at;
  return tombstone;
}

inline store::TimePlace PlaceOf(const store::ArticleRecord& record, Ordinal ordinal) {
  return {store::ArticleTime(record), ordinal};
}

inline bool IsBefore(const store::TimePlace& a, const store::TimePlace& b) {
  return a.time != b.time ? a.time < b.time : a.ordinal < b.ordinal;
}

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_COLLECTION_CHANGE_H_
