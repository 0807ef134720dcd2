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
  Change(uint32_t uid, const store::CollectionState& from)
      : state(from), batch(uid), time(absl::Now()) {}

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
  const absl::Time time;           // of the operation
  std::vector<Unindexed> unindex;  // before `index`
  std::vector<Indexed> index;
  std::optional<Lesson> lesson;
  bool has_group_changes = false;
  // Ids of articles that the store does not hold yet.
  absl::flat_hash_map<Ordinal, std::string> ids;
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

inline bool IsReference(const store::GroupRecord& group, Ordinal ordinal) {
  return std::find(group.references.begin(), group.references.end(), ordinal) !=
         group.references.end();
}

// What is left of an article of a withdrawn story that is deleted: enough to recognise copies.
inline store::ArticleRecord Tombstone(const store::ArticleRecord& record) {
  store::ArticleRecord tombstone;
  tombstone.article.id = record.article.id;
  tombstone.deleted = true;
  tombstone.group = record.group;
  tombstone.text_hash = record.text_hash;
  tombstone.body_tokens = record.body_tokens;
  tombstone.ingested_at = record.ingested_at;
  return tombstone;
}

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_COLLECTION_CHANGE_H_
