#include "service/engine/collection.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "service/common/call_times.h"
#include "service/common/status_macros.h"
#include "service/common/timed_mutex_lock.h"
#include "service/engine/collection_change.h"
#include "service/engine/decision.h"
#include "service/engine/engine_counters.h"
#include "service/engine/index_loader.h"

namespace newsprint {
namespace {

// Request ids kept in a collection. At 128 bytes and a verdict each, up to about 100 MB.
constexpr uint64_t kRequestsKeptMax = 100'000;
// Changes to groups that are kept for those who watch, some 100 bytes each, and how many more there
// are when the oldest are removed together.
constexpr uint64_t kChangesKept = 1'000'000;
constexpr uint64_t kChangesRemovedTogether = 10'000;
// A copy becomes a reference beside the article that began the group when this share of its
// shingles is in no reference, and there are fewer than so many. Excerpts and damaged copies that
// come first would else be all that the story is known by.
constexpr double kReferenceOwnShareMin = 0.25;
constexpr size_t kReferencesMax = 3;
// Articles that an ingest deletes of those that have expired: nearly always one or none.
constexpr size_t kExpiredPerWrite = 16;

Boilerplate::Limits BoilerplateLimits(const Thresholds& thresholds) {
  Boilerplate::Limits limits;
  limits.articles_min = thresholds.boilerplate_articles_min;
  limits.source_articles_min = thresholds.boilerplate_source_articles_min;
  return limits;
}

// Without what may change.
CollectionSettings Fixed(CollectionSettings settings) {
  const CollectionSettings defaults;
  settings.durability = defaults.durability;
  settings.retention = defaults.retention;
  return settings;
}

bool SameMetadata(const Article& a, const Article& b) {
  return a.language == b.language && a.source == b.source && a.url == b.url &&
         a.published_at == b.published_at && a.attributes == b.attributes;
}

void CopyMetadata(const Article& from, Article* to) {
  to->language = from.language;
  to->source = from.source;
  to->url = from.url;
  to->published_at = from.published_at;
  to->attributes = from.attributes;
}

}  // namespace

Collection::Collection(store::Store* store, store::CollectionRecord record, Clock clock,
                       std::unique_ptr<SubjectIndex> subjects, const embed::GeneralTerms* general)
    : store_(store),
      uid_(record.uid),
      settings_(Fixed(record.settings)),
      durability_(record.settings.durability),
      preparer_(settings_, general),
      live_(store_, uid_, settings_.canonical_policy, std::move(clock)),
      subjects_(std::move(subjects)),
      related_(store_, uid_, &live_, subjects_.get()),
      boilerplate_(BoilerplateLimits(settings_.thresholds)) {
  live_.set_retention(record.settings.retention);
}

absl::Status Collection::LoadIndexes(absl::FunctionRef<bool()> keep_going) {
  MutexLock write_lock(write_mutex_);
  ASSIGN_OR_RETURN(state_, store_->State(uid_));
  {
    MutexLock stats_lock(stats_mutex_);
    published_state_ = state_;
  }
  const IndexLoader loader(*store_, uid_, state_.next_ordinal, keep_going);
  ASSIGN_OR_RETURN(first_lesson_, loader.LoadBoilerplate(&boilerplate_));
  {
    MutexLock index_lock(index_mutex_);
    RETURN_IF_ERROR(loader.LoadIndexes(&fingerprints_, subjects_.get()));
  }
  ASSIGN_OR_RETURN(const auto places, store_->ByTime(uid_, {absl::InfinitePast(), 0}, 1));
  if (!places.empty()) {
    oldest_ = places.front();
    live_.set_oldest(oldest_->time);
  }
  // After a crash between an ingest and what it made too many. What fails is tried again in the
  // background, and told there.
  if (Expiry::IsOver(*this))
    Expiry::ExpireOldest(*this, kExpiredPerWrite, live_.Now()).IgnoreError();
  return absl::OkStatus();
}

void Collection::Close() {
  {
    MutexLock lock(write_mutex_);
    closed_ = true;
  }
  feed_->dropped = true;
  feed_->listeners.NotifyAll();
}

void Collection::Reopen() {
  MutexLock lock(write_mutex_);
  closed_ = false;
  feed_->dropped = false;
}

absl::Status Collection::CheckOpen() const {
  if (closed_) {
    return absl::NotFoundError(absl::StrCat("collection: not found, got \"", settings_.name, "\""));
  }
  MutexLock lock(stats_mutex_);
  if (!index_failure_.ok()) {
    return absl::UnavailableError(absl::StrCat(
        "collection: read-only until the server is restarted: ", index_failure_.message()));
  }
  return absl::OkStatus();
}

absl::StatusOr<PreparedIngest> Collection::Prepare(IngestRequest request) const {
  ASSIGN_OR_RETURN(
      PreparedArticle prepared,
      preparer_.Prepare(std::move(request.article), *subjects_->embedding(), RemoteVector::kAsk));
  return PreparedIngest{std::move(prepared), std::move(request.request_id), request.skip_related};
}

absl::StatusOr<std::optional<store::RequestRecord>> Collection::FindRepeated(
    absl::string_view request_id, store::RequestRecord::Kind kind, absl::string_view article_id,
    const Hash128& content_hash) const {
  if (request_id.empty()) return std::optional<store::RequestRecord>();
  ASSIGN_OR_RETURN(auto earlier, store_->FindRequest(uid_, request_id));
  if (earlier.has_value() && (earlier->kind != kind || earlier->article_id != article_id ||
                              earlier->content_hash != content_hash)) {
    return absl::InvalidArgumentError(
        absl::StrCat("request_id: already used for another request, got \"", request_id, "\""));
  }
  return earlier;
}

absl::StatusOr<Verdict> Collection::Ingest(PreparedIngest ingest) {
  const absl::Status settled = Expiry::SettleStoryOf(*this, ingest);  // saves time, if it succeeds
  if (!IsUnreadable(settled)) RETURN_IF_ERROR(settled);
  TimedMutexLock lock(write_mutex_);
  const StepTimer timer(Step::kDecide);
  RETURN_IF_ERROR(CheckOpen());
  const std::string& id = ingest.prepared.article.id;
  ASSIGN_OR_RETURN(const auto earlier,
                   FindRepeated(ingest.request_id, store::RequestRecord::Kind::kIngest, id,
                                ingest.prepared.content_hash));
  if (earlier.has_value()) {
    Verdict verdict = earlier->verdict;
    verdict.replayed = true;
    RETURN_IF_ERROR(BringUpToDate(id, &verdict));
    return verdict;
  }
  // An old article that cannot be read is no reason to refuse a new one; the background tells of
  // it.
  const absl::Time now = live_.Now();
  const absl::Status expired = Expiry::ExpireOldest(*this, kExpiredPerWrite, now);
  if (!absl::IsDataLoss(expired)) RETURN_IF_ERROR(expired);
  MarkBoilerplate(&ingest.prepared);
  // Made before the collection changed over to another embedder.
  if (ingest.prepared.generation != subjects_->embedding()->settings.generation) {
    ingest.prepared.vector.clear();
  }
  ASSIGN_OR_RETURN(const std::optional<Ordinal> ordinal, store_->FindId(uid_, id));
  absl::StatusOr<Verdict> verdict =
      ordinal.has_value() ? IngestKnown(ingest, *ordinal, now) : IngestNew(ingest, now);
  if (verdict.ok() && !verdict->replayed && !verdict->expired) {
    Counters().verdicts[static_cast<size_t>(verdict->relation)].Add();
  }
  return verdict;
}

absl::StatusOr<Verdict> Collection::IngestNew(const PreparedIngest& ingest, absl::Time now) {
  const PreparedArticle& prepared = ingest.prepared;
  const Ordinal ordinal = state_.next_ordinal;
  const absl::Time time = store::ArticleTime(prepared.article.published_at, now);
  ASSIGN_OR_RETURN(const bool too_late, Expiry::IsTooLate(*this, {time, ordinal}, now));
  if (too_late) return Expiry::AnswerTooLate(*this, ingest, now);

  store::ArticleRecord record;
  ASSIGN_OR_RETURN(record.verdict,
                   Expiry::Decide(*this, prepared, std::nullopt, ingest.skip_related, now));
  Change change(uid_, state_, now);
  ++change.state.next_ordinal;
  ++change.state.articles;
  RETURN_IF_ERROR(Teach(ordinal, prepared, record.verdict, &change));
  RETURN_IF_ERROR(Place(ordinal, prepared, /*left=*/0, &record.verdict, &change));
  change.batch.PutId(prepared.article.id, ordinal);
  RETURN_IF_ERROR(PutContent(ordinal, prepared, &record, &change));
  RETURN_IF_ERROR(RememberRequest(ingest.request_id,
                                  {store::RequestRecord::Kind::kIngest, prepared.article.id,
                                   prepared.content_hash, record.verdict},
                                  &change));
  RETURN_IF_ERROR(Commit(&change));
  if (!Expiry::IsOver(*this)) return std::move(record.verdict);
  const absl::Status evicted = Expiry::ExpireOldest(*this, kExpiredPerWrite, now);
  if (!absl::IsDataLoss(evicted)) RETURN_IF_ERROR(evicted);
  // It may have been the canonical that had to go, or, where the limit has been lowered, this one.
  RETURN_IF_ERROR(BringUpToDate(prepared.article.id, &record.verdict));
  ASSIGN_OR_RETURN(const auto kept, store_->FindId(uid_, prepared.article.id));
  record.verdict.expired = !kept.has_value();
  return std::move(record.verdict);
}

absl::StatusOr<Verdict> Collection::IngestKnown(const PreparedIngest& ingest, Ordinal ordinal,
                                                absl::Time now) {
  ASSIGN_OR_RETURN(store::ArticleRecord record, store_->GetArticle(uid_, ordinal));
  const bool revises = record.content_hash != ingest.prepared.content_hash;
  if (live_.IsExpired(store::ArticleTime(record), now)) {
    RETURN_IF_ERROR(Expiry::Expire(*this, ordinal, now));
    return IngestNew(ingest, now);
  }
  // A corrected time of publication may be one too long ago.
  if (live_.IsExpired(store::ArticleTime(ingest.prepared.article.published_at,
                                         revises ? now : record.ingested_at),
                      now)) {
    RETURN_IF_ERROR(Expiry::Expire(*this, ordinal, now));
    return Expiry::AnswerTooLate(*this, ingest, now);
  }
  RETURN_IF_ERROR(Expiry::SettleAll(*this, record.group, now));
  if (revises) {
    const absl::StatusOr<Subject> old = LoadSubject(ordinal);
    const absl::Time later = live_.Now();
    if (IsGone(old.status()) && live_.IsExpired(store::ArticleTime(record), later)) {
      return IngestKnown(ingest, ordinal, later);
    }
    RETURN_IF_ERROR(old.status());
    return Revise(ingest, *old, now);
  }
  Verdict verdict = record.verdict;
  verdict.replayed = true;
  const bool same_metadata = SameMetadata(record.article, ingest.prepared.article);
  if (!same_metadata || !ingest.request_id.empty()) {
    Change change(uid_, state_, now);
    if (!same_metadata) {
      change.DeleteTime(PlaceOf(record, ordinal));
      CopyMetadata(ingest.prepared.article, &record.article);
      change.PutTime(PlaceOf(record, ordinal));
      change.batch.PutArticle(ordinal, record);
      ASSIGN_OR_RETURN(LoadedGroup group, LoadGroup(record.group));
      const Candidate member{
          ordinal, MakeMember(record.article, record.body_tokens, record.ingested_at, settings_)};
      RETURN_IF_ERROR(UpdateMember(member, &group, &change));
      change.batch.PutGroup(group.number, group.record);
    }
    RETURN_IF_ERROR(RememberRequest(ingest.request_id,
                                    {store::RequestRecord::Kind::kIngest, record.article.id,
                                     record.content_hash, record.verdict},
                                    &change));
    RETURN_IF_ERROR(Commit(&change));
  }
  RETURN_IF_ERROR(BringUpToDate(record.article.id, &verdict));
  return verdict;
}

// Whether a revised article still belongs to the group that it shares with others.
absl::StatusOr<bool> Collection::StillMatchesGroup(const PreparedArticle& revised,
                                                   const Subject& old,
                                                   const store::GroupRecord& group) const {
  if (old.record->placed_by_editor) return true;
  if (group.members == 1) return false;
  const auto is_copy_of = [&](const PreparedArticle& reference) {
    return IsDuplicate(Classify(MakeEvidence(revised, reference, settings_.thresholds),
                                MakePairContext(revised, reference, settings_.thresholds),
                                settings_.thresholds)
                           .relation);
  };
  for (const Ordinal reference : group.references) {
    // The others were verified against the old text of a reference, so that is what counts for it.
    if (reference == *old.ordinal) {
      if (is_copy_of(old.prepared)) return true;
      continue;
    }
    ASSIGN_OR_RETURN(store::FingerprintRecord fingerprint, store_->GetFingerprint(uid_, reference));
    const absl::StatusOr<Subject> subject = LoadText(reference, std::move(fingerprint));
    if (IsGone(subject.status())) continue;  // expired in this very moment
    RETURN_IF_ERROR(subject.status());
    if (is_copy_of(subject->prepared)) return true;
  }
  return false;
}

absl::StatusOr<Verdict> Collection::Revise(const PreparedIngest& ingest, const Subject& old,
                                           absl::Time now) {
  const PreparedArticle& prepared = ingest.prepared;
  const Ordinal ordinal = *old.ordinal;
  ASSIGN_OR_RETURN(LoadedGroup group, LoadGroup(old.record->group));
  Verdict verdict;
  ASSIGN_OR_RETURN(bool stays, StillMatchesGroup(prepared, old, group.record));
  if (!stays) {
    ASSIGN_OR_RETURN(verdict, Expiry::Decide(*this, prepared, ordinal, ingest.skip_related, now));
    // An article without copies keeps its group, and one whose new text equals a copy in it too.
    stays = verdict.group == group.number || (verdict.group == 0 && group.record.members == 1);
  }

  Change change(uid_, state_, now);
  change.ids[ordinal] = prepared.article.id;
  --change.state.relations[static_cast<int>(old.record->verdict.relation)];
  change.batch.DeleteText(old.record->text_hash, ordinal);
  change.DeleteTime(PlaceOf(*old.record, ordinal));
  RETURN_IF_ERROR(KeepLesson(ordinal, old.prepared.fingerprint, &change));
  const bool is_reference = IsReference(group.record, ordinal);
  if (is_reference && group.record.withdrawal.has_value()) {
    RETURN_IF_ERROR(AddTombstone(old, &group, &change));
  }
  if (stays) {
    if (is_reference) {
      RETURN_IF_ERROR(Unindex(ordinal, &change));
      change.index.push_back(
          {ordinal, prepared.sketch, IndexedSubject{prepared.terms.terms, prepared.vector, {}}});
    }
    const Candidate member{ordinal,
                           MakeMember(prepared.article, prepared.body_tokens, now, settings_)};
    RETURN_IF_ERROR(UpdateMember(member, &group, &change));
    change.batch.PutGroup(group.number, group.record);
    verdict.group = group.number;
    ASSIGN_OR_RETURN(verdict.canonical_id, IdOf(group.record.canonical, change));
    if (Affects(group.record.withdrawal, prepared.article.id)) {
      verdict.withdrawal = group.record.withdrawal;
    }
  } else {
    const GroupNumber next = verdict.group != 0 ? verdict.group : change.state.next_group;
    Leaving leaving;
    leaving.other = next;
    RETURN_IF_ERROR(RemoveMember(ordinal, leaving, &group, &change));
    RETURN_IF_ERROR(Place(ordinal, prepared, group.number, &verdict, &change));
  }
  verdict.relation = Relation::kRevision;
  verdict.short_text = prepared.short_text;
  verdict.embedding_pending = prepared.vector.empty();
  Match itself;
  itself.relation = Relation::kRevision;
  itself.article = {prepared.article.id,        old.record->article.title,
                    old.record->article.source, old.record->article.language,
                    old.record->article.url,    old.record->article.published_at};
  itself.group = verdict.group;
  itself.canonical_id = verdict.canonical_id;
  itself.evidence = MakeEvidence(prepared, old.prepared, settings_.thresholds);
  SetNearness(related_.Compare(prepared, old.prepared), &itself.evidence);
  verdict.matches.insert(verdict.matches.begin(), std::move(itself));

  store::ArticleRecord record;
  record.revision_number = old.record->revision_number + 1;
  record.placed_by_editor = old.record->placed_by_editor;
  record.verdict = std::move(verdict);
  RETURN_IF_ERROR(PutContent(ordinal, prepared, &record, &change));
  RETURN_IF_ERROR(RememberRequest(ingest.request_id,
                                  {store::RequestRecord::Kind::kIngest, prepared.article.id,
                                   prepared.content_hash, record.verdict},
                                  &change));
  RETURN_IF_ERROR(Commit(&change));
  return std::move(record.verdict);
}

absl::Status Collection::BringUpToDate(absl::string_view id, Verdict* verdict) const {
  ASSIGN_OR_RETURN(const std::optional<Ordinal> ordinal, live_.FindId(id));
  if (ordinal.has_value()) {
    ASSIGN_OR_RETURN(const store::ArticleRecord record, store_->GetArticle(uid_, *ordinal));
    verdict->group = record.group;
    const uint32_t generation = subjects_->embedding()->settings.generation;
    ASSIGN_OR_RETURN(verdict->embedding_pending, store_->IsPending(uid_, generation, *ordinal));
  }
  const absl::StatusOr<LoadedGroup> group = live_.LoadHead(verdict->group);
  if (IsGone(group.status())) return absl::OkStatus();  // ended since
  RETURN_IF_ERROR(group.status());
  verdict->group = group->number;
  ASSIGN_OR_RETURN(verdict->canonical_id, live_.CanonicalId(*group));
  verdict->withdrawal.reset();
  if (Affects(group->record.withdrawal, id)) verdict->withdrawal = group->record.withdrawal;
  return absl::OkStatus();
}

absl::StatusOr<Verdict> Collection::Decide(const PreparedArticle& prepared,
                                           std::optional<Ordinal> except, bool skip_related) const {
  Verdict verdict;
  verdict.short_text = prepared.short_text;
  verdict.embedding_pending = prepared.vector.empty();
  // Few templates: a form that thousands have would else fill the records, and every later one's
  // verification reads them.
  constexpr MatchLimits kLimits{/*matches=*/10, /*templates=*/3};
  ASSIGN_OR_RETURN(verdict.matches, FindCopies(prepared, except, {}, kLimits));
  const bool duplicate = !verdict.matches.empty() && IsDuplicate(verdict.matches[0].relation);
  if (duplicate) {
    verdict.group = verdict.matches[0].group;
    verdict.canonical_id = verdict.matches[0].canonical_id;
  } else if (!skip_related) {
    ASSIGN_OR_RETURN(std::vector<Match> related, RelatedMatches(prepared, except));
    for (Match& match : related) verdict.matches.push_back(std::move(match));
  }
  verdict.relation = verdict.matches.empty() ? Relation::kNew : verdict.matches[0].relation;
  return verdict;
}

absl::Status Collection::Place(Ordinal ordinal, const PreparedArticle& prepared, GroupNumber left,
                               Verdict* verdict, Change* change) {
  const std::string& id = prepared.article.id;
  change->ids[ordinal] = id;
  const Candidate member{
      ordinal, MakeMember(prepared.article, prepared.body_tokens, change->time, settings_)};
  LoadedGroup group;
  GroupChange told;
  told.article_id = id;
  told.relation = verdict->relation;
  told.other_group = left;
  if (verdict->group != 0) {
    ASSIGN_OR_RETURN(group, LoadGroup(verdict->group));
    told.kind = GroupChangeKind::kJoined;
  } else {
    group.number = change->state.next_group++;
    ++change->state.groups;
    told.kind = GroupChangeKind::kCreated;
  }
  RETURN_IF_ERROR(AddMember(member, std::move(told), &group, change));
  ASSIGN_OR_RETURN(const bool reference, BecomesReference(prepared, *verdict, group, *change));
  if (reference) {
    group.record.references.push_back(ordinal);
    change->index.push_back(
        {ordinal, prepared.sketch, IndexedSubject{prepared.terms.terms, prepared.vector, {}}});
  }
  change->batch.PutGroup(group.number, group.record);
  verdict->group = group.number;
  ASSIGN_OR_RETURN(verdict->canonical_id, IdOf(group.record.canonical, *change));
  if (Affects(group.record.withdrawal, id)) verdict->withdrawal = group.record.withdrawal;
  return absl::OkStatus();
}

absl::StatusOr<bool> Collection::BecomesReference(const PreparedArticle& prepared,
                                                  const Verdict& verdict, const LoadedGroup& group,
                                                  const Change& change) const {
  const std::vector<Ordinal>& references = group.record.references;
  if (references.empty()) return true;
  if (references.size() >= kReferencesMax || !change.lesson.has_value()) return false;
  const double own = static_cast<double>(change.lesson->shingles.size());
  const double all = static_cast<double>(prepared.fingerprint.shingles.size());
  if (own < kReferenceOwnShareMin * all) return false;
  // A copy of the first reference itself: so no member is further from that than a reference is.
  ASSIGN_OR_RETURN(const std::string first, IdOf(references.front(), change));
  return std::any_of(verdict.matches.begin(), verdict.matches.end(), [&](const Match& match) {
    return match.group == group.number && match.article.id == first && IsDuplicate(match.relation);
  });
}

absl::Status Collection::Teach(Ordinal ordinal, const PreparedArticle& prepared,
                               const Verdict& verdict, Change* change) {
  // What is deleted and sent again must not count again.
  const std::string& id = prepared.article.id;
  const Hash128 id_hash = Hasher128().Add(id.data(), id.size()).Finish();
  for (const Hash128& key : {id_hash, prepared.text_hash}) {
    ASSIGN_OR_RETURN(const bool taught, store_->HasTaught(uid_, key));
    if (taught) return absl::OkStatus();
  }
  change->batch.PutTaught(id_hash);
  change->batch.PutTaught(prepared.text_hash);
  const uint32_t source = Boilerplate::SourceKey(prepared.article.source);
  Change::Lesson lesson{ordinal, source, prepared.fingerprint.shingles};
  store::LessonRecord record{source, std::nullopt};
  if (verdict.group != 0) {
    ASSIGN_OR_RETURN(const LoadedGroup group, LoadGroup(verdict.group));
    for (const Ordinal reference : group.record.references) {
      ASSIGN_OR_RETURN(const store::FingerprintRecord story,
                       store_->GetFingerprint(uid_, reference));
      std::vector<uint32_t> own;
      std::set_difference(lesson.shingles.begin(), lesson.shingles.end(), story.shingles.begin(),
                          story.shingles.end(), std::back_inserter(own));
      lesson.shingles.swap(own);
    }
    record.shingles = lesson.shingles;
  }
  change->batch.PutLesson(ordinal, record);
  change->lesson = std::move(lesson);
  return absl::OkStatus();
}

absl::Status Collection::KeepLesson(Ordinal ordinal, const store::FingerprintRecord& fingerprint,
                                    Change* change) {
  if (ordinal < first_lesson_) return absl::OkStatus();
  ASSIGN_OR_RETURN(auto lesson, store_->GetLesson(uid_, ordinal));
  if (!lesson.has_value() || lesson->shingles.has_value()) return absl::OkStatus();
  lesson->shingles = fingerprint.shingles;
  change->batch.PutLesson(ordinal, *lesson);
  return absl::OkStatus();
}

// Completes `record` and puts everything that is stored of the article.
absl::Status Collection::PutContent(Ordinal ordinal, const PreparedArticle& prepared,
                                    store::ArticleRecord* record, Change* change) {
  ++change->state.relations[static_cast<int>(record->verdict.relation)];
  record->group = record->verdict.group;
  record->content_hash = prepared.content_hash;
  record->text_hash = prepared.text_hash;
  record->body_tokens = prepared.body_tokens;
  record->ingested_at = change->time;
  record->article.id = prepared.article.id;
  CopyMetadata(prepared.article, &record->article);
  if (!settings_.omit_text) record->article.title = prepared.article.title;
  record->body_stored = !settings_.omit_text && !prepared.article.body.empty();
  if (record->body_stored) {
    change->batch.PutBody(ordinal, prepared.article.body);
  } else {
    change->batch.DeleteBody(ordinal);
  }
  change->batch.PutArticle(ordinal, *record);
  change->PutTime(PlaceOf(*record, ordinal));
  change->batch.PutText(prepared.text_hash, ordinal);
  change->batch.PutFingerprint(ordinal, prepared.fingerprint);
  change->batch.PutSketch(ordinal, {prepared.sketch});
  change->batch.PutTerms(ordinal, prepared.terms);
  return PutVector(ordinal, prepared, change);
}

absl::Status Collection::RememberRequest(absl::string_view request_id,
                                         const store::RequestRecord& record, Change* change) {
  if (request_id.empty()) return absl::OkStatus();
  store::CollectionState& state = change->state;
  if (state.next_request - state.oldest_request >= kRequestsKeptMax) {
    ASSIGN_OR_RETURN(const std::string oldest, store_->RequestAt(uid_, state.oldest_request));
    change->batch.DeleteRequest(state.oldest_request++, oldest);
  }
  change->batch.PutRequest(state.next_request++, request_id, record);
  return absl::OkStatus();
}

// The store comes first: when it refuses the batch, nothing has changed.
absl::Status Collection::Commit(Change* change) {
  ++change->state.sequence;
  if (change->state.next_change >
      change->state.oldest_change + kChangesKept + kChangesRemovedTogether) {
    change->state.oldest_change = change->state.next_change - kChangesKept;
    change->batch.DeleteChangesBefore(change->state.oldest_change);
  }
  change->batch.PutState(change->state);
  std::optional<store::BoilerplateRecord> generation;
  if (change->lesson.has_value() && boilerplate_.GenerationIsFull()) {
    generation = boilerplate_.NextGeneration(change->lesson->ordinal);
    change->batch.PutBoilerplate(*generation);
  }
  const Durability durability = change->must_sync ? Durability::kSync : durability_.load();
  StepTimer timer(Step::kStore);
  RETURN_IF_ERROR(store_->Apply(change->batch, durability));
  timer.Next(Step::kIndex);
  state_ = change->state;
  {
    MutexLock lock(stats_mutex_);
    published_state_ = state_;
  }
  if (generation.has_value()) {
    boilerplate_.Begin(*generation);
    first_lesson_ = generation->first_lesson;
  }
  if (change->lesson.has_value()) {
    boilerplate_.Learn(change->lesson->shingles, change->lesson->source);
  }
  absl::Status indexed = UpdateIndexes(*change);
  indexed.Update(Expiry::UpdateOldest(*this, *change));
  if (!indexed.ok()) {
    MutexLock lock(stats_mutex_);
    index_failure_ = indexed;
  }
  if (change->has_group_changes && !feed_->listeners.empty()) AnnounceChanges();
  return indexed;
}

void Collection::AnnounceChanges() const {
  uint64_t last = 0;
  {
    MutexLock lock(stats_mutex_);
    last = published_state_.next_change - 1;
  }
  store_->NotifySynced([feed = feed_, last](const absl::Status& status) {
    if (!status.ok()) return;
    feed->last = std::max<uint64_t>(feed->last, last);  // from one thread of the store
    feed->listeners.NotifyAll();
  });
}

absl::Status Collection::UpdateIndexes(const Change& change) {
  if (change.unindex.empty() && change.index.empty()) return absl::OkStatus();
  for (const Change::Unindexed& removed : change.unindex) {
    if (removed.terms.has_value()) subjects_->Remove(removed.ordinal, *removed.terms);
  }
  for (const Change::Indexed& added : change.index) {
    if (added.subject.has_value()) RETURN_IF_ERROR(subjects_->Add(added.ordinal, *added.subject));
  }
  MutexLock lock(index_mutex_);
  for (const Change::Unindexed& removed : change.unindex) {
    fingerprints_.Remove(removed.ordinal, removed.sketch);
  }
  for (const Change::Indexed& added : change.index) {
    fingerprints_.Add(added.ordinal, added.sketch);
  }
  return absl::OkStatus();
}

absl::StatusOr<Deleted> Collection::Delete(absl::string_view id, absl::string_view request_id) {
  RETURN_IF_ERROR(Expiry::SettleGroupOf(*this, id));
  TimedMutexLock lock(write_mutex_);
  RETURN_IF_ERROR(CheckOpen());
  ASSIGN_OR_RETURN(const auto earlier,
                   FindRepeated(request_id, store::RequestRecord::Kind::kDelete, id, {}));
  if (earlier.has_value()) return Deleted{earlier->verdict.group, earlier->verdict.canonical_id};
  const absl::Time now = live_.Now();
  ASSIGN_OR_RETURN(const Ordinal ordinal, MustFindId(id));
  ASSIGN_OR_RETURN(const store::ArticleRecord record, store_->GetArticle(uid_, ordinal));
  RETURN_IF_ERROR(Expiry::SettleAll(*this, record.group, now));
  ASSIGN_OR_RETURN(LoadedGroup group, LoadGroup(record.group));
  Change change(uid_, state_, now);
  change.batch.MayUseReserve();
  RETURN_IF_ERROR(Expiry::Remove(*this, ordinal, record, /*expired=*/false, &group, &change));

  Deleted deleted;
  deleted.group = group.number;
  if (group.record.members > 0) {
    ASSIGN_OR_RETURN(deleted.canonical_id, IdOf(group.record.canonical, change));
  }
  store::RequestRecord request;
  request.kind = store::RequestRecord::Kind::kDelete;
  request.article_id = std::string(id);
  request.verdict.group = deleted.group;
  request.verdict.canonical_id = deleted.canonical_id;
  RETURN_IF_ERROR(RememberRequest(request_id, request, &change));
  RETURN_IF_ERROR(Commit(&change));
  return deleted;
}

}  // namespace newsprint
