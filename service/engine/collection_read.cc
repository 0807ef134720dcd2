// The reading half of Collection.
#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "service/common/call_times.h"
#include "service/common/status_macros.h"
#include "service/engine/collection_change.h"
#include "service/engine/decision.h"

namespace newsprint {
namespace {

// Candidates whose stored shingles are compared in one call; the most similar sketches first.
constexpr int kVerifiedMax = 32;
// Times that a read begins again when a write came in between.
constexpr int kReadAttemptsMax = 4;
// Related articles that a verdict names, of so many that are ranked: fewer than FindRelated
// does, as every ingested article pays for it.
constexpr size_t kVerdictRelatedMax = 3;
constexpr int kVerdictRankedMax = 32;
// Groups that ListGroups looks at before it returns a page that is not full.
constexpr size_t kGroupsScannedMax = 50'000;
// Members of its group that a stored article is compared with.
constexpr size_t kExpandedMembersMax = 1'000;

ArticleSummary Summary(const Article& article) {
  return {article.id,       article.title, article.source,
          article.language, article.url,   article.published_at};
}

}  // namespace

absl::StatusOr<Ordinal> Collection::MustFindId(absl::string_view id) const {
  ASSIGN_OR_RETURN(const std::optional<Ordinal> ordinal, live_.FindId(id));
  if (!ordinal.has_value()) {
    return absl::NotFoundError(absl::StrCat("id: no such article, got \"", id, "\""));
  }
  return *ordinal;
}

void Collection::MarkBoilerplate(PreparedArticle* prepared) const {
  prepared->boilerplate = boilerplate_.Find(prepared->fingerprint.shingles,
                                            Boilerplate::SourceKey(prepared->article.source));
}

absl::StatusOr<Collection::Subject> Collection::LoadSubject(Ordinal ordinal) const {
  ASSIGN_OR_RETURN(store::FingerprintRecord fingerprint, store_->GetFingerprint(uid_, ordinal));
  ASSIGN_OR_RETURN(Subject subject, LoadText(ordinal, std::move(fingerprint)));
  subject.prepared.has_subject = true;
  if (subject.record->deleted) return subject;
  ASSIGN_OR_RETURN(subject.prepared.terms, store_->GetTerms(uid_, ordinal));
  subject.prepared.generation = subjects_->embedding()->settings.generation;
  ASSIGN_OR_RETURN(auto vector, store_->FindVector(uid_, subject.prepared.generation, ordinal));
  if (vector.has_value()) subject.prepared.vector = *std::move(vector);
  return subject;
}

absl::StatusOr<Collection::Subject> Collection::LoadText(
    Ordinal ordinal, store::FingerprintRecord fingerprint) const {
  Subject subject;
  subject.ordinal = ordinal;
  ASSIGN_OR_RETURN(subject.record, live_.GetArticle(ordinal));
  PreparedArticle& prepared = subject.prepared;
  prepared.fingerprint = std::move(fingerprint);
  prepared.article = subject.record->article;
  prepared.content_hash = subject.record->content_hash;
  prepared.text_hash = subject.record->text_hash;
  prepared.body_tokens = subject.record->body_tokens;
  prepared.short_text = preparer_.IsShort(prepared.fingerprint.shingles.size());
  MarkBoilerplate(&prepared);
  return subject;
}

absl::StatusOr<Collection::Subject> Collection::ResolveText(const ArticleQuery& query) const {
  if (const auto* id = std::get_if<std::string>(&query)) {
    ASSIGN_OR_RETURN(const Ordinal ordinal, MustFindId(*id));
    ASSIGN_OR_RETURN(Subject stored, LoadSubject(ordinal));
    stored.prepared.sketch = sketch::ComputeSketch(stored.prepared.fingerprint.shingles);
    return stored;
  }
  Subject subject;
  ASSIGN_OR_RETURN(subject.prepared,
                   preparer_.PrepareText(std::get<Article>(query), *subjects_->embedding()));
  MarkBoilerplate(&subject.prepared);
  return subject;
}

absl::StatusOr<Collection::Subject> Collection::ResolveSubject(const ArticleQuery& query,
                                                               absl::Status* problem) const {
  if (std::holds_alternative<std::string>(query)) return ResolveText(query);
  Subject subject;
  ASSIGN_OR_RETURN(subject.prepared,
                   preparer_.Prepare(std::get<Article>(query), *subjects_->embedding(),
                                     RemoteVector::kAsk, problem));
  MarkBoilerplate(&subject.prepared);
  return subject;
}

absl::StatusOr<GroupSummary> Collection::Summarise(const LoadedGroup& group) const {
  GroupSummary summary;
  summary.group = group.number;
  summary.members = static_cast<int64_t>(group.record.members);
  summary.canonical_pinned = group.record.canonical_pinned;
  summary.withdrawal = group.record.withdrawal;
  if (group.record.members == 0) return summary;
  ASSIGN_OR_RETURN(store::ArticleRecord canonical,
                   store_->GetArticle(uid_, group.record.canonical));
  summary.canonical_id = std::move(canonical.article.id);
  summary.title = std::move(canonical.article.title);
  return summary;
}

absl::StatusOr<Collection::CopyCandidates> Collection::FindCopyCandidates(
    const PreparedArticle& prepared, std::optional<Ordinal> except,
    absl::Span<const Ordinal> also) const {
  CopyCandidates candidates;
  ASSIGN_OR_RETURN(candidates.same_text, live_.FindText(prepared.text_hash, except));
  if (!prepared.short_text) {
    const auto search = [&](int hits_max) -> absl::StatusOr<std::vector<Ordinal>> {
      std::vector<Ordinal> ordinals;
      ReaderMutexLock lock(index_mutex_);
      for (const index::FingerprintHit& hit : fingerprints_.Search(prepared.sketch, hits_max)) {
        ordinals.push_back(hit.ordinal);
      }
      return ordinals;
    };
    ASSIGN_OR_RETURN(candidates.ordinals, live_.Search(kVerifiedMax, search));
  }
  std::vector<Ordinal> same_text;
  if (candidates.same_text.has_value()) same_text.push_back(*candidates.same_text);
  RETURN_IF_ERROR(live_.ReplaceExpired(&same_text));
  candidates.ordinals.insert(candidates.ordinals.end(), same_text.begin(), same_text.end());
  candidates.ordinals.insert(candidates.ordinals.end(), also.begin(), also.end());
  if (except.has_value()) {
    candidates.ordinals.erase(
        std::remove(candidates.ordinals.begin(), candidates.ordinals.end(), *except),
        candidates.ordinals.end());
  }
  std::sort(candidates.ordinals.begin(), candidates.ordinals.end());
  candidates.ordinals.erase(std::unique(candidates.ordinals.begin(), candidates.ordinals.end()),
                            candidates.ordinals.end());
  return candidates;
}

absl::StatusOr<std::optional<Collection::VerifiedCopy>> Collection::VerifyCopy(
    const PreparedArticle& prepared, Ordinal ordinal, bool same_text) const {
  const Thresholds& thresholds = settings_.thresholds;
  ASSIGN_OR_RETURN(store::FingerprintRecord fingerprint, store_->GetFingerprint(uid_, ordinal));
  // Most candidates share a phrase or two, and are dismissed without reading more.
  if (!same_text && !MayMatch(prepared, fingerprint, thresholds)) {
    return std::optional<VerifiedCopy>();
  }
  VerifiedCopy copy;
  ASSIGN_OR_RETURN(copy.subject, LoadText(ordinal, std::move(fingerprint)));
  copy.evidence = MakeEvidence(prepared, copy.subject.prepared, thresholds);
  const PairContext context = MakePairContext(prepared, copy.subject.prepared, thresholds);
  copy.relation = Classify(copy.evidence, context, thresholds).relation;
  if (!IsDuplicate(copy.relation) && copy.relation != Relation::kTemplate) {
    return std::optional<VerifiedCopy>();
  }
  copy.subject.prepared = {};  // large, and there may be a thousand of them
  return std::optional<VerifiedCopy>(std::move(copy));
}

absl::StatusOr<Match> Collection::MakeMatch(const Subject& subject, Relation relation,
                                            const Evidence& evidence) const {
  Match match;
  match.relation = relation;
  match.evidence = evidence;
  match.article = Summary(subject.record->article);
  ASSIGN_OR_RETURN(const LoadedGroup group, live_.LoadHead(subject.record->group));
  match.group = group.number;
  ASSIGN_OR_RETURN(match.canonical_id, live_.CanonicalId(group));
  return match;
}

absl::StatusOr<Match> Collection::CompleteMatch(const PreparedArticle& prepared,
                                                const VerifiedCopy& copy) const {
  Evidence evidence = copy.evidence;
  if (!copy.subject.record->deleted) {
    ASSIGN_OR_RETURN(const PairNearness nearness,
                     related_.Compare(prepared, *copy.subject.ordinal));
    SetNearness(nearness, &evidence);
  }
  return MakeMatch(copy.subject, copy.relation, evidence);
}

absl::StatusOr<std::vector<Match>> Collection::FindCopies(const PreparedArticle& prepared,
                                                          std::optional<Ordinal> except,
                                                          absl::Span<const Ordinal> also,
                                                          const MatchLimits& limits) const {
  // A reference that is deleted between search and reading has an heir: look again.
  for (int attempt = 1;; ++attempt) {
    bool some_gone = false;
    ASSIGN_OR_RETURN(std::vector<Match> matches,
                     FindCopiesOnce(prepared, except, also, limits, &some_gone));
    if (!some_gone || attempt == kReadAttemptsMax) return matches;
  }
}

absl::StatusOr<std::vector<Match>> Collection::FindCopiesOnce(const PreparedArticle& prepared,
                                                              std::optional<Ordinal> except,
                                                              absl::Span<const Ordinal> also,
                                                              const MatchLimits& limits,
                                                              bool* some_gone) const {
  ASSIGN_OR_RETURN(const CopyCandidates candidates, FindCopyCandidates(prepared, except, also));
  std::vector<VerifiedCopy> copies;
  for (const Ordinal ordinal : candidates.ordinals) {
    absl::StatusOr<std::optional<VerifiedCopy>> copy =
        VerifyCopy(prepared, ordinal, candidates.same_text == ordinal);
    if (IsGone(copy.status())) {
      *some_gone = true;
      continue;
    }
    RETURN_IF_ERROR(copy.status());
    if (copy->has_value()) copies.push_back(**std::move(copy));
  }
  std::stable_sort(copies.begin(), copies.end(), [](const VerifiedCopy& a, const VerifiedCopy& b) {
    return BetterMatch(a.relation, a.evidence, b.relation, b.evidence);
  });
  // Only the evidence of copies tells how near the subjects are, and most articles have none.
  const PreparedArticle* whole = &prepared;
  PreparedArticle completed;
  if (!copies.empty() && !prepared.has_subject) {
    completed = prepared;
    preparer_.Complete(*subjects_->embedding(), RemoteVector::kLeaveOut, &completed);
    whole = &completed;
  }
  std::vector<Match> matches;
  size_t templates = 0;
  for (const VerifiedCopy& copy : copies) {
    if (matches.size() == limits.matches) break;
    if (copy.relation == Relation::kTemplate && ++templates > limits.templates) break;
    absl::StatusOr<Match> match = CompleteMatch(*whole, copy);
    if (IsGone(match.status())) {
      *some_gone = true;
      continue;
    }
    RETURN_IF_ERROR(match.status());
    matches.push_back(*std::move(match));
  }
  return matches;
}

absl::StatusOr<std::vector<Match>> Collection::RelatedMatches(const PreparedArticle& prepared,
                                                              std::optional<Ordinal> except) const {
  ASSIGN_OR_RETURN(const std::vector<RelatedReference> ranked,
                   related_.Rank(prepared, except, kVerdictRankedMax));
  std::vector<Match> related;
  absl::flat_hash_set<GroupNumber> shown;
  for (const RelatedReference& candidate : ranked) {
    if (related.size() == kVerdictRelatedMax) break;
    if (candidate.score < settings_.thresholds.related_score_min) break;
    const absl::StatusOr<Subject> subject = LoadSubject(candidate.ordinal);
    if (IsGone(subject.status())) continue;
    RETURN_IF_ERROR(subject.status());
    if (!shown.insert(subject->record->group).second) continue;  // another reference of one story
    Evidence evidence = MakeEvidence(prepared, subject->prepared, settings_.thresholds);
    SetNearness(related_.Compare(prepared, subject->prepared), &evidence);
    evidence.score = candidate.score;  // with what the neighbours tell
    const Classification classification =
        Classify(evidence, MakePairContext(prepared, subject->prepared, settings_.thresholds),
                 settings_.thresholds);
    if (classification.relation != Relation::kRelated) continue;
    absl::StatusOr<Match> match = MakeMatch(*subject, Relation::kRelated, evidence);
    if (IsGone(match.status())) continue;
    RETURN_IF_ERROR(match.status());
    related.push_back(*std::move(match));
  }
  return related;
}

absl::StatusOr<Verdict> Collection::FindDuplicates(const ArticleQuery& query,
                                                   int matches_max) const {
  // The group of a copy may end between two steps, as it is merged into another or its last member
  // goes.
  for (int attempt = 1;; ++attempt) {
    absl::StatusOr<Verdict> verdict = FindDuplicatesOnce(query, matches_max);
    if (!IsGone(verdict.status()) || attempt == kReadAttemptsMax) return verdict;
    const auto* id = std::get_if<std::string>(&query);
    if (id != nullptr && !MustFindId(*id).ok()) return verdict;
  }
}

absl::StatusOr<Verdict> Collection::FindDuplicatesOnce(const ArticleQuery& query,
                                                       int matches_max) const {
  const StepTimer timer(Step::kSearch);
  ASSIGN_OR_RETURN(const Subject subject, ResolveText(query));
  // The copies of a stored article are in no index: they are the members of its group.
  std::vector<Ordinal> members;
  if (subject.ordinal.has_value()) {
    ASSIGN_OR_RETURN(members, live_.Members(subject.record->group, kExpandedMembersMax));
    members.erase(std::remove(members.begin(), members.end(), *subject.ordinal), members.end());
  }
  const MatchLimits limits{static_cast<size_t>(matches_max), static_cast<size_t>(matches_max)};
  Verdict verdict;
  ASSIGN_OR_RETURN(verdict.matches, FindCopies(subject.prepared, subject.ordinal, members, limits));
  verdict.short_text = subject.prepared.short_text;
  if (!verdict.matches.empty()) verdict.relation = verdict.matches[0].relation;
  if (subject.record.has_value()) {
    verdict.group = subject.record->group;
  } else if (IsDuplicate(verdict.relation)) {
    verdict.group = verdict.matches[0].group;
  }
  if (verdict.group == 0) return verdict;
  ASSIGN_OR_RETURN(const LoadedGroup group, live_.LoadHead(verdict.group));
  if (!subject.record.has_value()) {
    verdict.canonical_id = verdict.matches[0].canonical_id;
  } else {
    ASSIGN_OR_RETURN(verdict.canonical_id, live_.CanonicalId(group));
  }
  if (Affects(group.record.withdrawal, subject.prepared.article.id)) {
    verdict.withdrawal = group.record.withdrawal;
  }
  return verdict;
}

absl::StatusOr<std::vector<RelatedArticle>> Collection::FindRelated(
    const RelatedQuery& query, const RelatedOptions& options) const {
  // The collection may change over to another embedder between two steps.
  for (int attempt = 1;; ++attempt) {
    absl::StatusOr<std::vector<RelatedArticle>> related = FindRelatedOnce(query, options);
    if (!absl::IsAborted(related.status()) || attempt == kReadAttemptsMax) return related;
  }
}

absl::StatusOr<std::vector<RelatedArticle>> Collection::FindRelatedOnce(
    const RelatedQuery& query, const RelatedOptions& options) const {
  const StepTimer timer(Step::kSearch);
  const auto changed_over = [&](const PreparedArticle& prepared) {
    return prepared.generation != subjects_->embedding()->settings.generation;
  };
  const absl::Status aborted =
      absl::AbortedError("collection: it has changed over to another embedder; try again");
  Subject subject;
  if (const auto* vector = std::get_if<std::vector<float>>(&query)) {
    const std::shared_ptr<const Embedding> embedding = subjects_->embedding();
    subject.prepared.vector = *vector;
    subject.prepared.generation = embedding->settings.generation;
    RETURN_IF_ERROR(
        NormaliseVector("vector.values", embedding->settings.dimension, &subject.prepared.vector));
  } else {
    absl::Status problem;
    ASSIGN_OR_RETURN(subject, ResolveSubject(std::get<ArticleQuery>(query), &problem));
    RETURN_IF_ERROR(problem);
    if (subject.prepared.vector.empty()) {
      if (changed_over(subject.prepared)) return aborted;
      ASSIGN_OR_RETURN(const bool pending,
                       store_->IsPending(uid_, subject.prepared.generation, *subject.ordinal));
      // It may have been deleted between the two reads.
      RETURN_IF_ERROR(MustFindId(subject.prepared.article.id).status());
      return absl::FailedPreconditionError(
          pending ? "id: its vector is still to come, as the embedding server did not answer; try "
                    "again"
                  : "id: it has no vector, as there is no text to make one of the collection's "
                    "present embedder from");
    }
  }
  const GroupNumber own_group = subject.record.has_value() ? subject.record->group : 0;
  auto related = related_.Find(subject.prepared, subject.ordinal, own_group, options);
  // Else vectors of the one and of the other may have been compared.
  if (changed_over(subject.prepared)) return aborted;
  return related;
}

absl::StatusOr<Comparison> Collection::Compare(const ArticleQuery& a, const ArticleQuery& b) const {
  const StepTimer timer(Step::kSearch);
  absl::Status problem;
  ASSIGN_OR_RETURN(const Subject query, ResolveSubject(a, &problem));
  RETURN_IF_ERROR(problem);
  ASSIGN_OR_RETURN(const Subject match, ResolveSubject(b, &problem));
  RETURN_IF_ERROR(problem);
  if (query.prepared.generation != match.prepared.generation) {
    return absl::UnavailableError("collection: it has changed over to another embedder; try again");
  }
  Comparison comparison;
  comparison.evidence = MakeEvidence(query.prepared, match.prepared, settings_.thresholds);
  const PairNearness nearness = related_.Compare(query.prepared, match.prepared);
  SetNearness(nearness, &comparison.evidence);
  Classification classification = Classify(
      comparison.evidence, MakePairContext(query.prepared, match.prepared, settings_.thresholds),
      settings_.thresholds);
  comparison.relation = classification.relation;
  comparison.explanation = std::move(classification.explanation);
  comparison.similarity = std::sqrt(std::max(0.0, nearness.similarity));
  return comparison;
}

absl::StatusOr<StoredArticle> Collection::Get(absl::string_view id, bool omit_body) const {
  // The record and the body, or the record and the canonical, may be of two states: then read
  // again.
  for (int attempt = 1;; ++attempt) {
    absl::StatusOr<StoredArticle> stored = GetOnce(id, omit_body);
    if (attempt == kReadAttemptsMax) return stored;
    if (IsGone(stored.status()) && MustFindId(id).ok()) continue;
    if (!stored.ok()) return stored;
    const absl::StatusOr<StoredArticle> again = GetOnce(id, /*omit_body=*/true);
    if (!again.ok() || again->state.revision_number == stored->state.revision_number) return stored;
  }
}

absl::StatusOr<StoredArticle> Collection::GetOnce(absl::string_view id, bool omit_body) const {
  ASSIGN_OR_RETURN(const Ordinal ordinal, MustFindId(id));
  ASSIGN_OR_RETURN(store::ArticleRecord record, live_.GetArticle(ordinal));
  StoredArticle stored;
  ASSIGN_OR_RETURN(const LoadedGroup group, live_.LoadHead(record.group));
  ASSIGN_OR_RETURN(stored.state.canonical_id, live_.CanonicalId(group));
  stored.state.group = group.number;
  stored.state.relation = record.verdict.relation;
  stored.state.ingested_at = record.ingested_at;
  stored.state.revision_number = record.revision_number;
  stored.state.body_tokens = record.body_tokens;
  stored.state.text_stored = record.body_stored;
  if (Affects(group.record.withdrawal, record.article.id)) {
    stored.state.withdrawal = group.record.withdrawal;
  }
  const uint32_t generation = subjects_->embedding()->settings.generation;
  ASSIGN_OR_RETURN(stored.state.embedding_pending, store_->IsPending(uid_, generation, ordinal));
  stored.article = std::move(record.article);
  if (record.body_stored && !omit_body) {
    ASSIGN_OR_RETURN(stored.article.body, store_->GetBody(uid_, ordinal));
  }
  return stored;
}

absl::StatusOr<GroupNumber> Collection::GroupOf(absl::string_view id) const {
  ASSIGN_OR_RETURN(const Ordinal ordinal, MustFindId(id));
  ASSIGN_OR_RETURN(const store::ArticleRecord record, store_->GetArticle(uid_, ordinal));
  return record.group;
}

absl::StatusOr<GroupPage> Collection::GetGroup(GroupNumber number, Ordinal first,
                                               size_t members_max) const {
  ASSIGN_OR_RETURN(const LoadedGroup group, live_.LoadGroup(number));
  GroupPage page;
  ASSIGN_OR_RETURN(page.group, Summarise(group));
  ASSIGN_OR_RETURN(std::vector<Ordinal> ordinals,
                   store_->Members(uid_, group.number, first, members_max + 1));
  if (ordinals.size() > members_max) {
    page.members.next = ordinals.back();
    ordinals.pop_back();
  }
  for (const Ordinal ordinal : ordinals) {
    const absl::StatusOr<store::ArticleRecord> record = live_.GetArticle(ordinal);
    if (IsGone(record.status())) continue;
    RETURN_IF_ERROR(record.status());
    GroupMember member;
    member.article = Summary(record->article);
    member.relation = record->verdict.relation;
    member.ingested_at = record->ingested_at;
    member.placed_by_editor = record->placed_by_editor;
    if (IsDuplicate(member.relation) && !record->verdict.matches.empty()) {
      member.evidence = record->verdict.matches[0].evidence;
    }
    page.members.items.push_back(std::move(member));
  }
  return page;
}

absl::StatusOr<Page<GroupSummary, GroupNumber>> Collection::ListGroups(
    GroupNumber first, size_t groups_max, const GroupFilter& filter) const {
  Page<GroupSummary, GroupNumber> page;
  size_t scanned = 0;
  while (true) {
    ASSIGN_OR_RETURN(auto groups, store_->Groups(uid_, first, groups_max + 1));
    for (auto& [number, group] : groups) {
      if (page.items.size() == groups_max || ++scanned > kGroupsScannedMax) {
        page.next = number;
        return page;
      }
      first = number + 1;
      if (group.merged_into != 0) continue;
      if (filter.withdrawn_only && !group.withdrawal.has_value()) continue;
      const absl::StatusOr<LoadedGroup> loaded =
          live_.AsOf({number, std::move(group)}, live_.Now());
      if (IsGone(loaded.status())) continue;
      RETURN_IF_ERROR(loaded.status());
      if (loaded->record.members < filter.members_min) continue;
      absl::StatusOr<GroupSummary> summary = Summarise(*loaded);
      if (IsGone(summary.status())) continue;
      RETURN_IF_ERROR(summary.status());
      page.items.push_back(*std::move(summary));
    }
    if (groups.size() <= groups_max) return page;
  }
}

absl::StatusOr<std::vector<GroupChange>> Collection::GroupChanges(uint64_t after,
                                                                  size_t changes_max) const {
  uint64_t oldest = 0;
  {
    MutexLock lock(stats_mutex_);
    oldest = published_state_.oldest_change;
  }
  const uint64_t last = feed_->last;
  if (after + 1 < oldest) {
    return absl::OutOfRangeError(absl::StrCat("after_sequence: changes are no longer kept, got ",
                                              after, ", limit ", oldest - 1,
                                              " or more; list the groups anew"));
  }
  if (after > last) {
    return absl::OutOfRangeError(absl::StrCat("after_sequence: has not happened, got ", after,
                                              ", limit ", last, " or less"));
  }
  const uint64_t changes = std::min<uint64_t>(changes_max, last - after);
  ASSIGN_OR_RETURN(std::vector<GroupChange> found,
                   store_->Changes(uid_, after + 1, static_cast<size_t>(changes)));
  if (!found.empty() && found.front().sequence != after + 1) {
    return absl::OutOfRangeError(absl::StrCat("after_sequence: changes are no longer kept, got ",
                                              after, ", limit ", found.front().sequence - 1,
                                              " or more; list the groups anew"));
  }
  return found;
}

CollectionStats Collection::Stats() const {
  CollectionStats stats;
  {
    MutexLock lock(stats_mutex_);
    stats.articles = static_cast<int64_t>(published_state_.articles);
    stats.groups = static_cast<int64_t>(published_state_.groups);
    stats.sequence = static_cast<int64_t>(published_state_.sequence);
    stats.group_change_sequence = static_cast<int64_t>(published_state_.next_change - 1);
    stats.embeddings_pending = static_cast<int64_t>(published_state_.embeddings_pending);
    stats.articles_expired = static_cast<int64_t>(published_state_.articles_expired);
    for (int i = 0; i < kRelationCount; ++i) {
      stats.relations[i] = static_cast<int64_t>(published_state_.relations[i]);
    }
    stats.read_only = !index_failure_.ok();
  }
  {
    ReaderMutexLock lock(index_mutex_);
    stats.fingerprint_index_bytes = static_cast<int64_t>(fingerprints_.memory_bytes());
    stats.capped_values = static_cast<int64_t>(fingerprints_.capped_values());
  }
  stats.vector_index_bytes = static_cast<int64_t>(subjects_->memory_bytes());
  stats.graph_segments = static_cast<int64_t>(subjects_->graph_segments());
  stats.oldest_article_at = live_.oldest();
  stats.boilerplate_shingles = static_cast<int64_t>(boilerplate_.size());
  return stats;
}

}  // namespace newsprint
