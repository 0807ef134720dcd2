// One collection: check-and-add, find, compare, groups.
#ifndef NEWSPRINT_SERVICE_ENGINE_COLLECTION_H_
#define NEWSPRINT_SERVICE_ENGINE_COLLECTION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "service/common/mutex.h"
#include "service/common/types.h"
#include "service/engine/prepare.h"
#include "service/index/fingerprint_index.h"
#include "service/index/vector_index.h"
#include "service/store/store.h"

namespace newsprint {

struct IngestRequest {
  Article article;
  std::string request_id;  // empty: none
  bool skip_related = false;
};

// An IngestRequest whose costly, pure part is done.
struct PreparedIngest {
  PreparedArticle prepared;
  std::string request_id;
  bool skip_related = false;
};

// A stored article, by id, or one that need not be stored.
using ArticleQuery = std::variant<std::string, Article>;
// Or a vector, of the collection's dimension.
using RelatedQuery = std::variant<ArticleQuery, std::vector<float>>;

struct RelatedOptions {
  int results_max = 10;
  double score_min = -1;
  bool include_duplicates = false;
};

struct RelatedArticle {
  ArticleSummary article;
  double score = 0;  // -1 to 1
  GroupNumber group = 0;
  bool same_group = false;
};

struct Comparison {
  Relation relation = Relation::kNew;
  Evidence evidence;
  double similarity = 0;  // 0 to 1
  std::string explanation;
};

struct StoredArticle {
  Article article;
  ArticleState state;
};

struct GroupSummary {
  GroupNumber group = 0;
  std::string canonical_id;
  std::string title;
  int64_t members = 0;
};

struct GroupMember {
  ArticleSummary article;
  Relation relation = Relation::kNew;
  std::optional<Evidence> evidence;
  absl::Time ingested_at;
};

// A page of a list, and where the next one begins.
template <typename Item, typename Position>
struct Page {
  std::vector<Item> items;
  std::optional<Position> next;
};

struct GroupPage {
  GroupSummary group;
  Page<GroupMember, Ordinal> members;
};

struct Deleted {
  GroupNumber group = 0;
  std::string canonical_id;  // empty: the group has ended
};

// Thread-safe. Order of calls: Open, LoadIndexes, then anything.
//
// Writes are applied in order, one at a time, under `write_mutex_`; the state of a collection is a
// function of that order. What a write returns is on disk once Store::NotifyDurable has called
// back. Reads take `index_mutex_` for the index lookup alone and then read the store, so an article
// may be deleted under them; they pass over what is gone.
//
// Errors: NOT_FOUND (article, group, or the collection was dropped), INVALID_ARGUMENT (a vector, or
// a request id that was used for something else), and the store's.
class Collection {
 public:
  // `store` and `embedding` must outlive it; `embedding` is null when callers bring the vectors.
  Collection(store::Store* store, store::CollectionRecord record,
             const BuiltInEmbedding* embedding);
  Collection(const Collection&) = delete;
  Collection& operator=(const Collection&) = delete;

  // Builds the indexes from the store. CANCELLED soon after `keep_going` says false.
  absl::Status LoadIndexes(absl::FunctionRef<bool()> keep_going);
  // Ends writing, before the collection is dropped: every later write answers NOT_FOUND. Reopen
  // takes that back, when dropping failed.
  void Close();
  void Reopen();

  const CollectionSettings& settings() const { return settings_; }
  uint32_t uid() const { return uid_; }

  absl::StatusOr<PreparedIngest> Prepare(IngestRequest request) const;
  absl::StatusOr<Verdict> Ingest(const PreparedIngest& ingest);
  absl::StatusOr<Deleted> Delete(absl::string_view id, absl::string_view request_id);

  absl::StatusOr<Verdict> FindDuplicates(const ArticleQuery& query, int matches_max) const;
  absl::StatusOr<std::vector<RelatedArticle>> FindRelated(const RelatedQuery& query,
                                                          const RelatedOptions& options) const;
  absl::StatusOr<Comparison> Compare(const ArticleQuery& a, const ArticleQuery& b) const;
  absl::StatusOr<StoredArticle> Get(absl::string_view id, bool omit_body) const;
  absl::StatusOr<GroupNumber> GroupOf(absl::string_view id) const;
  absl::StatusOr<GroupPage> GetGroup(GroupNumber group, Ordinal first, size_t members_max) const;
  // May end early, with `next` set, when many groups are too small.
  absl::StatusOr<Page<GroupSummary, GroupNumber>> ListGroups(GroupNumber first, size_t groups_max,
                                                             uint64_t members_min) const;
  CollectionStats Stats() const;

 private:
  // A stored article or a query, and where it is stored.
  struct Subject {
    PreparedArticle prepared;
    std::optional<store::ArticleRecord> record;
    std::optional<Ordinal> ordinal;
  };
  struct CopyMatch {
    Match match;
    Ordinal ordinal = 0;
  };
  struct ScoredOrdinal {
    Ordinal ordinal = 0;
    double score = 0;
  };
  struct Change;

  // collection.cc: the ordered part.
  absl::StatusOr<Verdict> IngestNew(const PreparedIngest& ingest)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::StatusOr<Verdict> IngestKnown(const PreparedIngest& ingest, Ordinal ordinal)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::StatusOr<Verdict> Revise(const PreparedIngest& ingest, const Subject& old)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::StatusOr<bool> StillMatchesGroup(const PreparedArticle& revised, const Subject& old,
                                         const store::GroupRecord& group) const;
  // Decides by the present state: fills relation and matches, and group when it is a copy.
  absl::StatusOr<Verdict> Decide(const PreparedArticle& prepared, std::optional<Ordinal> except,
                                 bool skip_related) const;
  // Where an article goes that Decide has judged: into the group of its copies, or into its own.
  absl::Status Place(Ordinal ordinal, const PreparedArticle& prepared, Verdict* verdict,
                     Change* change);
  absl::Status LeaveGroup(GroupNumber group, Ordinal ordinal, Change* change);
  void PutContent(Ordinal ordinal, const PreparedArticle& prepared, store::ArticleRecord* record,
                  Change* change);
  absl::Status RememberRequest(absl::string_view request_id, const store::RequestRecord& record,
                               Change* change);
  absl::Status Commit(Change* change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status UpdateIndexes(const Change& change);
  absl::Status CheckOpen() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);

  // collection_read.cc
  absl::StatusOr<Subject> LoadSubject(Ordinal ordinal) const;
  absl::StatusOr<Subject> ResolveSubject(const ArticleQuery& query) const;
  absl::StatusOr<Ordinal> MustFindId(absl::string_view id) const;
  // Stored copies and template pairs of `prepared`, verified, best first.
  absl::StatusOr<std::vector<CopyMatch>> FindCopies(const PreparedArticle& prepared,
                                                    std::optional<Ordinal> except,
                                                    absl::Span<const Ordinal> also) const;
  absl::StatusOr<std::vector<CopyMatch>> FindCopiesOnce(const PreparedArticle& prepared,
                                                        std::optional<Ordinal> except,
                                                        absl::Span<const Ordinal> also,
                                                        bool* some_gone) const;
  absl::StatusOr<StoredArticle> GetOnce(absl::string_view id, bool omit_body) const;
  absl::StatusOr<std::vector<Ordinal>> CopyCandidates(const PreparedArticle& prepared,
                                                      std::optional<Ordinal> except) const;
  absl::StatusOr<Match> MakeMatch(const Subject& subject, Relation relation,
                                  const Evidence& evidence) const;
  // The canonicals nearest in subject, best first: the `candidates` nearest by vector, ranked by
  // SubjectCosine.
  absl::StatusOr<std::vector<ScoredOrdinal>> RankRelated(const PreparedArticle& query,
                                                         int candidates) const;
  absl::StatusOr<double> Score(const PreparedArticle& query, Ordinal ordinal) const;
  absl::StatusOr<std::vector<Match>> RelatedMatches(const PreparedArticle& prepared,
                                                    std::optional<Ordinal> except) const;
  absl::Status AppendMembers(const PreparedArticle& query, GroupNumber group, Ordinal canonical,
                             std::vector<ScoredOrdinal>* related) const;
  absl::StatusOr<std::string> CanonicalId(GroupNumber group) const;

  store::Store* const store_;
  const uint32_t uid_;
  const CollectionSettings settings_;
  const Preparer preparer_;

  // Order of locking: write_mutex_ before index_mutex_ and stats_mutex_.
  Mutex write_mutex_;
  store::CollectionState state_ ABSL_GUARDED_BY(write_mutex_);
  bool closed_ ABSL_GUARDED_BY(write_mutex_) = false;
  // Not OK once an index could not take what the store holds; then nothing is written any more, as
  // duplicates would be missed.
  absl::Status index_failure_ ABSL_GUARDED_BY(write_mutex_);

  // Only the canonicals of groups are in the indexes: a copy is verified against its canonical and
  // never by way of other copies, and copies cannot crowd a search.
  mutable Mutex index_mutex_;
  index::FingerprintIndex fingerprints_ ABSL_GUARDED_BY(index_mutex_);
  std::unique_ptr<index::VectorIndex> vectors_ ABSL_GUARDED_BY(index_mutex_);

  mutable Mutex stats_mutex_;
  store::CollectionState published_state_ ABSL_GUARDED_BY(stats_mutex_);  // of the last commit
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_COLLECTION_H_
