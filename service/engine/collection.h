// One collection: check-and-add, find, compare, groups.
#ifndef NEWSPRINT_SERVICE_ENGINE_COLLECTION_H_
#define NEWSPRINT_SERVICE_ENGINE_COLLECTION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "service/common/mutex.h"
#include "service/common/types.h"
#include "service/engine/boilerplate.h"
#include "service/engine/calls.h"
#include "service/engine/canonical.h"
#include "service/engine/change_feed.h"
#include "service/engine/groups.h"
#include "service/engine/live_articles.h"
#include "service/engine/prepare.h"
#include "service/engine/related_finder.h"
#include "service/engine/subject_index.h"
#include "service/index/fingerprint_index.h"
#include "service/store/store.h"

namespace newsprint {

// Thread-safe. Order of calls: Open, LoadIndexes, then anything.
//
// Writes are applied in order, one at a time, under `write_mutex_`; the state of a collection, what
// it has learned of boilerplate included, is a function of that order. What a write returns is on
// disk once Store::NotifyDurable has called back. Reads take `index_mutex_` for the index lookup
// alone and then read the store, so an article may be deleted under them; they pass over what is
// gone.
//
// Errors: NOT_FOUND (article, group, or the collection was dropped), INVALID_ARGUMENT (a vector or
// fingerprint, or a request id that was used for something else), FAILED_PRECONDITION (edits of
// groups that don't fit the group), and the store's.
class Collection {
 public:
  // `store` and `general` must outlive it. `subjects` is empty, with the embeddings of the record.
  Collection(store::Store* store, store::CollectionRecord record, Clock clock,
             std::unique_ptr<SubjectIndex> subjects, const embed::GeneralTerms* general);
  Collection(const Collection&) = delete;
  Collection& operator=(const Collection&) = delete;

  // Builds the indexes from the store. CANCELLED soon after `keep_going` says false, which is asked
  // from several threads.
  absl::Status LoadIndexes(absl::FunctionRef<bool()> keep_going);
  // Ends writing, before the collection is dropped: every later write answers NOT_FOUND. Reopen
  // takes that back, when dropping failed.
  void Close();
  void Reopen();

  // Without those that Update changes, which are defaults here; Info has them.
  const CollectionSettings& settings() const { return settings_; }
  Durability durability() const { return durability_; }
  uint32_t uid() const { return uid_; }
  CollectionInfo Info() const;

  absl::StatusOr<PreparedIngest> Prepare(IngestRequest request) const;
  absl::StatusOr<Verdict> Ingest(PreparedIngest ingest);
  absl::StatusOr<Deleted> Delete(absl::string_view id, absl::string_view request_id);

  // Articles that are too many then are deleted before it returns, as far as that takes a second.
  absl::Status Update(std::optional<Retention> retention, std::optional<Durability> durability);
  // Deletes some of the articles that have expired, the oldest first. Whether there were any.
  absl::StatusOr<bool> ExpireSome();

  // Editing groups: cluster_service.proto says what each does. `id` may be empty in SetCanonical.
  absl::StatusOr<GroupSummary> SetCanonical(GroupNumber group, absl::string_view id);
  absl::StatusOr<GroupSummary> MergeGroups(GroupNumber group, GroupNumber merged);
  absl::StatusOr<Split> SplitGroup(const SplitRequest& request);
  // `withdrawal` without its time; an empty `article_id` means the canonical.
  absl::StatusOr<Withdrawn> Withdraw(GroupNumber group, Withdrawal withdrawal);
  // The group as it is now; nothing when it has ended with that.
  absl::StatusOr<std::optional<GroupSummary>> Reinstate(GroupNumber group);

  // Changes to groups after number `after`, at most `changes_max`, of those that are on disk.
  // OUT_OF_RANGE when they are no longer kept, or `after` has not happened.
  absl::StatusOr<std::vector<GroupChange>> GroupChanges(uint64_t after, size_t changes_max) const;
  // Told when there may be more of them, and when the collection is dropped. Ask whoever is told
  // first to call AnnounceChanges, as changes are announced only while somebody listens.
  Listeners& change_listeners() const { return feed_->listeners; }
  void AnnounceChanges() const;
  // Number of the last change that GroupChanges can give.
  uint64_t last_announced_change() const { return feed_->last; }
  bool dropped() const { return feed_->dropped; }

  absl::StatusOr<Verdict> FindDuplicates(const ArticleQuery& query, int matches_max) const;
  absl::StatusOr<std::vector<RelatedArticle>> FindRelated(const RelatedQuery& query,
                                                          const RelatedOptions& options) const;
  absl::StatusOr<Comparison> Compare(const ArticleQuery& a, const ArticleQuery& b) const;
  absl::StatusOr<Fingerprint> ComputeFingerprint(Article article) const {
    return preparer_.ComputeFingerprint(std::move(article), *subjects_->embedding());
  }
  absl::StatusOr<StoredArticle> Get(absl::string_view id, bool omit_body) const;
  absl::StatusOr<GroupNumber> GroupOf(absl::string_view id) const;
  // Here and below a group that was merged into another stands for that one.
  absl::StatusOr<GroupPage> GetGroup(GroupNumber group, Ordinal first, size_t members_max) const;
  // May end early, with `next` set, when many groups do not pass the filter.
  absl::StatusOr<Page<GroupSummary, GroupNumber>> ListGroups(GroupNumber first, size_t groups_max,
                                                             const GroupFilter& filter) const;
  CollectionStats Stats() const;

  // Begins to move to another embedder. FAILED_PRECONDITION when the collection keeps no text, or
  // moves to yet another one.
  absl::Status BeginReembedding(Embedding next);
  absl::Status CancelReembedding();
  // Whether EmbedSome has anything to do.
  bool HasEmbeddingWork() const;
  // Makes a batch of vectors: of those that an embedding server did not give, or for the embedder
  // that the collection moves to. For one thread at a time. UNAVAILABLE when it does not answer.
  absl::Status EmbedSome();
  SubjectIndex& subjects() const { return *subjects_; }

 private:
  struct Subject;
  struct Leaving;
  struct MatchLimits;
  struct VerifiedCopy;
  struct CopyCandidates;
  struct Change;
  struct Expiry;
  struct EmbeddingTask;
  static constexpr size_t kTaskArticlesMax = 32;

  // collection.cc: the ordered part.
  absl::StatusOr<Verdict> IngestNew(const PreparedIngest& ingest, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::StatusOr<Verdict> IngestKnown(const PreparedIngest& ingest, Ordinal ordinal, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::StatusOr<Verdict> Revise(const PreparedIngest& ingest, const Subject& old, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::StatusOr<bool> StillMatchesGroup(const PreparedArticle& revised, const Subject& old,
                                         const store::GroupRecord& group) const;
  // Decides by the present state: fills relation and matches, and group when it is a copy.
  absl::StatusOr<Verdict> Decide(const PreparedArticle& prepared, std::optional<Ordinal> except,
                                 bool skip_related) const;
  // Where an article goes that Decide has judged: into the group of its copies, or into its own.
  // `left`: the group that it came from; 0: none.
  absl::Status Place(Ordinal ordinal, const PreparedArticle& prepared, GroupNumber left,
                     Verdict* verdict, Change* change);
  // Whether later articles are to be verified against this new member of the group too.
  absl::StatusOr<bool> BecomesReference(const PreparedArticle& prepared, const Verdict& verdict,
                                        const LoadedGroup& group, const Change& change) const;
  // What the article teaches about boilerplate: all that it does not have from its story.
  absl::Status Teach(Ordinal ordinal, const PreparedArticle& prepared, const Verdict& verdict,
                     Change* change);
  // Keeps what the article has taught, before its fingerprint goes.
  absl::Status KeepLesson(Ordinal ordinal, const store::FingerprintRecord& fingerprint,
                          Change* change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status PutContent(Ordinal ordinal, const PreparedArticle& prepared,
                          store::ArticleRecord* record, Change* change);
  // The answer given before under this request id. INVALID_ARGUMENT when it was for something else.
  absl::StatusOr<std::optional<store::RequestRecord>> FindRepeated(
      absl::string_view request_id, store::RequestRecord::Kind kind, absl::string_view article_id,
      const Hash128& content_hash) const;
  absl::Status RememberRequest(absl::string_view request_id, const store::RequestRecord& record,
                               Change* change);
  absl::Status Commit(Change* change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status UpdateIndexes(const Change& change);
  absl::Status CheckOpen() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::StatusOr<LoadedGroup> LoadGroup(GroupNumber number) const {
    return newsprint::LoadGroup(*store_, uid_, number);
  }

  // collection_groups.cc: the part of it that changes groups. A group is loaded, changed here, and
  // put by the caller, or here where it says so. `told`: CREATED or JOINED, as those who watch are
  // to hear it.
  absl::Status AddMember(const Candidate& article, GroupChange told, LoadedGroup* group,
                         Change* change) const;
  // Takes an article out, and puts the group, or deletes it when nothing is left of it.
  absl::Status RemoveMember(Ordinal ordinal, const Leaving& leaving, LoadedGroup* group,
                            Change* change) const;
  // Puts a group that something was taken out of, or deletes it.
  absl::Status PutOrEnd(LoadedGroup* group, Change* change) const;
  // What the policy looks at in a member has changed: chooses the canonical anew.
  absl::Status UpdateMember(const Candidate& article, LoadedGroup* group, Change* change) const;
  absl::Status MakeCanonical(Ordinal ordinal, LoadedGroup* group, Change* change) const;
  // Without a reference the canonical becomes one.
  absl::Status EnsureReference(LoadedGroup* group, Change* change) const;
  absl::Status DropTombstones(LoadedGroup* group, Change* change) const;
  // Keeps the text that a reference of a withdrawn story had before a revision.
  absl::Status AddTombstone(const Subject& old, LoadedGroup* group, Change* change) const;
  absl::Status MoveMember(const Candidate& member, GroupNumber from, GroupNumber to,
                          Change* change) const;
  absl::StatusOr<std::vector<Candidate>> LoadMembers(GroupNumber group) const;
  absl::StatusOr<bool> IsBetterCanonical(const LoadedGroup& a, const LoadedGroup& b) const;
  absl::Status Unindex(Ordinal ordinal, Change* change) const;
  absl::Status Index(Ordinal ordinal, Change* change) const;
  // Records a change to a group for those who watch.
  absl::Status Tell(GroupChange told, const LoadedGroup& group, Change* change) const;
  absl::StatusOr<std::string> IdOf(Ordinal ordinal, const Change& change) const;

  // collection_embedding.cc
  // Stores the vector of an article, or that it is to come.
  absl::Status PutVector(Ordinal ordinal, const PreparedArticle& prepared, Change* change) const;
  absl::Status DeleteVector(Ordinal ordinal, Change* change) const;
  // What is indexed of a stored reference.
  absl::StatusOr<IndexedSubject> LoadIndexed(Ordinal ordinal) const;
  // Of one of the embeddings that the collection has and moves to, either of which may be null.
  absl::StatusOr<EmbeddingTask> NextEmbeddingTask(
      const std::shared_ptr<const Embedding>& present,
      const std::shared_ptr<const Embedding>& next) const;
  absl::Status Perform(EmbeddingTask task);
  // Makes the vectors of a task. Texts that the embedder refuses are moved to those without text.
  static absl::StatusOr<std::vector<std::vector<float>>> MakeVectors(EmbeddingTask* task);
  absl::Status AddToTask(Ordinal ordinal, store::PendingRecord text, EmbeddingTask* task) const;
  absl::Status StoreVectors(EmbeddingTask task, std::vector<std::vector<float>> vectors);
  absl::StatusOr<bool> CompletesReembedding(const EmbeddingTask& task, Change* change) const;
  store::CollectionRecord Record(const EmbeddingSettings& embedding,
                                 const EmbeddingSettings* next) const;

  // collection_read.cc
  absl::StatusOr<GroupSummary> Summarise(const LoadedGroup& group) const;
  // What has changed about an answer since it was given.
  absl::Status BringUpToDate(absl::string_view id, Verdict* verdict) const;
  absl::StatusOr<Subject> LoadSubject(Ordinal ordinal) const;
  // The same without vector and terms.
  absl::StatusOr<Subject> LoadText(Ordinal ordinal, store::FingerprintRecord fingerprint) const;
  // A query; the first without terms and vector where it is not stored.
  absl::StatusOr<Subject> ResolveText(const ArticleQuery& query) const;
  absl::StatusOr<Subject> ResolveSubject(const ArticleQuery& query, absl::Status* problem) const;
  absl::StatusOr<Ordinal> MustFindId(absl::string_view id) const;
  // Stored copies and template pairs of `prepared`, verified, best first.
  absl::StatusOr<std::vector<Match>> FindCopies(const PreparedArticle& prepared,
                                                std::optional<Ordinal> except,
                                                absl::Span<const Ordinal> also,
                                                const MatchLimits& limits) const;
  absl::StatusOr<std::vector<Match>> FindCopiesOnce(const PreparedArticle& prepared,
                                                    std::optional<Ordinal> except,
                                                    absl::Span<const Ordinal> also,
                                                    const MatchLimits& limits,
                                                    bool* some_gone) const;
  absl::StatusOr<StoredArticle> GetOnce(absl::string_view id, bool omit_body) const;
  absl::StatusOr<CopyCandidates> FindCopyCandidates(const PreparedArticle& prepared,
                                                    std::optional<Ordinal> except,
                                                    absl::Span<const Ordinal> also) const;
  // Nothing when the two are neither copies nor of one form.
  absl::StatusOr<std::optional<VerifiedCopy>> VerifyCopy(const PreparedArticle& prepared,
                                                         Ordinal ordinal, bool same_text) const;
  absl::StatusOr<Match> CompleteMatch(const PreparedArticle& prepared,
                                      const VerifiedCopy& copy) const;
  absl::StatusOr<Match> MakeMatch(const Subject& subject, Relation relation,
                                  const Evidence& evidence) const;
  absl::StatusOr<std::vector<Match>> RelatedMatches(const PreparedArticle& prepared,
                                                    std::optional<Ordinal> except) const;
  absl::StatusOr<Verdict> FindDuplicatesOnce(const ArticleQuery& query, int matches_max) const;
  absl::StatusOr<std::vector<RelatedArticle>> FindRelatedOnce(const RelatedQuery& query,
                                                              const RelatedOptions& options) const;
  void MarkBoilerplate(PreparedArticle* prepared) const;

  store::Store* const store_;
  const uint32_t uid_;
  const CollectionSettings settings_;
  std::atomic<Durability> durability_;
  const Preparer preparer_;
  LiveArticles live_;  // what readers read

  // For nearness of subject. Has its own lock; changed by writers alone.
  const std::unique_ptr<SubjectIndex> subjects_;
  const RelatedFinder related_;

  // Locked in this order: write_mutex_, then index_mutex_ or stats_mutex_.
  Mutex write_mutex_;
  store::CollectionState state_ ABSL_GUARDED_BY(write_mutex_);
  bool closed_ ABSL_GUARDED_BY(write_mutex_) = false;
  Ordinal first_lesson_ ABSL_GUARDED_BY(write_mutex_) = 0;  // of the generation of boilerplate_
  uint64_t expired_unreclaimed_ ABSL_GUARDED_BY(write_mutex_) = 0;
  std::optional<store::TimePlace> oldest_ ABSL_GUARDED_BY(write_mutex_);  // the first to expire

  // Has its own lock for those who ask; only writers teach it.
  Boilerplate boilerplate_;
  const std::shared_ptr<ChangeFeed> feed_ = std::make_shared<ChangeFeed>();

  // Only the references of groups are in the indexes: a copy is verified against a reference and
  // never by way of other copies, and copies cannot crowd a search.
  mutable Mutex index_mutex_;
  index::FingerprintIndex fingerprints_ ABSL_GUARDED_BY(index_mutex_);

  mutable Mutex stats_mutex_;
  store::CollectionState published_state_ ABSL_GUARDED_BY(stats_mutex_);  // of the last commit
  std::string embedding_problem_ ABSL_GUARDED_BY(stats_mutex_);
  // Not OK once an index could not take what the store holds; then nothing is written any more, as
  // duplicates would be missed.
  absl::Status index_failure_ ABSL_GUARDED_BY(stats_mutex_);
  size_t task_articles_max_ = kTaskArticlesMax;  // of EmbedSome, and so of one thread
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_COLLECTION_H_
