// Finds and ranks the stored articles that are nearest in subject.
#ifndef NEWSPRINT_SERVICE_ENGINE_RELATED_FINDER_H_
#define NEWSPRINT_SERVICE_ENGINE_RELATED_FINDER_H_

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "service/common/types.h"
#include "service/engine/calls.h"
#include "service/engine/groups.h"
#include "service/engine/live_articles.h"
#include "service/engine/prepare.h"
#include "service/engine/story_ranking.h"
#include "service/engine/subject_index.h"
#include "service/store/store.h"

namespace newsprint {

// A reference that is near to a query, and how near.
struct RelatedReference {
  Ordinal ordinal = 0;
  double score = 0;  // 0 to 1
};

// Two stages: the references whose vectors are nearest, from the index; then these are ranked anew
// by terms and vectors together (story_ranking.h). Thread-safe. Reads the store without a snapshot,
// so an article may be deleted under it; it passes over what is gone.
class RelatedFinder {
 public:
  // All must outlive it.
  RelatedFinder(const store::Store* store, uint32_t uid, const LiveArticles* live,
                const SubjectIndex* index)
      : store_(store), uid_(uid), live_(live), index_(index) {}

  // The references nearest to `query`, best first, but for `except`; of `references_max`
  // candidates. None for a query without a vector. ABORTED as SubjectIndex::Nearest.
  absl::StatusOr<std::vector<RelatedReference>> Rank(const PreparedArticle& query,
                                                     std::optional<Ordinal> except,
                                                     int references_max) const;

  // FindRelated of the proto. `except`: the article asked about, when it is stored; `own_group`:
  // its group, else 0. ABORTED as above.
  absl::StatusOr<std::vector<RelatedArticle>> Find(const PreparedArticle& query,
                                                   std::optional<Ordinal> except,
                                                   GroupNumber own_group,
                                                   const RelatedOptions& options) const;

  PairNearness Compare(const PreparedArticle& a, const PreparedArticle& b) const;
  absl::StatusOr<PairNearness> Compare(const PreparedArticle& a, Ordinal b) const;

 private:
  struct Candidate;
  struct Search;

  RankSubject MakeSubject(const PreparedArticle& prepared) const;
  absl::Status LoadTerms(Ordinal ordinal, std::vector<WeightedTerm>* terms) const;
  absl::StatusOr<RankSubject> LoadSubject(Ordinal ordinal) const;
  absl::StatusOr<std::vector<char>> LoadSubjects(absl::Span<const Ordinal> ordinals,
                                                 StoryRanking* ranking) const;
  absl::StatusOr<std::vector<Candidate>> Nearest(const PreparedArticle& query,
                                                 std::optional<Ordinal> except,
                                                 int references_max) const;
  absl::StatusOr<std::vector<Candidate>> Candidates(const PreparedArticle& query,
                                                    std::optional<Ordinal> except,
                                                    const RelatedOptions& options) const;
  absl::StatusOr<std::vector<Candidate>> PassingCandidates(const PreparedArticle& query,
                                                           std::optional<Ordinal> except,
                                                           const RelatedOptions& options) const;
  // `room`: members that may be looked at beside the canonical and the reference.
  absl::StatusOr<std::optional<Ordinal>> FirstPassing(const LoadedGroup& group, Ordinal reference,
                                                      const RelatedOptions& options,
                                                      size_t* room) const;
  absl::StatusOr<Search> RankCandidates(const PreparedArticle& query,
                                        std::vector<Candidate> candidates) const;
  absl::Status AppendMembers(const PreparedArticle& query, const RelatedOptions& options,
                             std::optional<Ordinal> except, Search* search) const;
  absl::Status Decay(const PreparedArticle& query, absl::Duration half_life,
                     std::vector<Candidate>* candidates) const;
  absl::StatusOr<RelatedArticle> Show(const Candidate& candidate, bool as_canonical) const;

  const store::Store* const store_;
  const uint32_t uid_;
  const LiveArticles* const live_;
  const SubjectIndex* const index_;
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_RELATED_FINDER_H_
