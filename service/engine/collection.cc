#include "service/engine/collection.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/common/status_macros.h"
#include "service/engine/decision.h"

namespace newsprint {
namespace {

// Request ids kept in a collection. At 128 bytes and a verdict each, up to about 100 MB.
constexpr uint64_t kRequestsKeptMax = 100'000;
// Groups and members read from the store in one go while the indexes are built.
constexpr size_t kLoadBatchGroups = 1'000;

absl::string_view SketchBytes(const sketch::Sketch& sketch) {
  return {reinterpret_cast<const char*>(sketch.data()), sketch.size()};
}

bool IsZero(const std::vector<float>& vector) {
  return std::all_of(vector.begin(), vector.end(), [](float value) { return value == 0; });
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

// What one operation changes, on disk and in the indexes, gathered before anything is touched.
struct Collection::Change {
  Change(uint32_t uid, const store::CollectionState& from) : state(from), batch(uid) {}

  struct Indexed {
    Ordinal ordinal;
    std::optional<sketch::Sketch> sketch;  // absent: too short to be found by it
    std::vector<float> vector;
  };

  void Index(Ordinal ordinal, const PreparedArticle& prepared) {
    std::optional<sketch::Sketch> sketch;
    if (!prepared.short_text) sketch = prepared.sketch;
    index.push_back({ordinal, sketch, prepared.vector});
  }

  store::CollectionState state;
  store::Batch batch;
  std::vector<Ordinal> unindex;  // before `index`
  std::vector<Indexed> index;
};

Collection::Collection(store::Store* store, store::CollectionRecord record,
                       const BuiltInEmbedding* embedding)
    : store_(store),
      uid_(record.uid),
      settings_(std::move(record.settings)),
      preparer_(settings_, embedding) {}

absl::Status Collection::LoadIndexes(absl::FunctionRef<bool()> keep_going) {
  MutexLock write_lock(write_mutex_);
  ASSIGN_OR_RETURN(state_, store_->State(uid_));
  {
    MutexLock stats_lock(stats_mutex_);
    published_state_ = state_;
  }
  MutexLock index_lock(index_mutex_);
  index::VectorIndex::Options options;
  options.dimension = settings_.embedding_dimension;
  ASSIGN_OR_RETURN(vectors_, index::VectorIndex::Create(options));
  GroupNumber first = 0;
  while (true) {
    ASSIGN_OR_RETURN(const auto groups, store_->Groups(uid_, first, kLoadBatchGroups));
    for (const auto& [number, group] : groups) {
      if (!keep_going()) return absl::CancelledError("engine: loading was stopped");
      ASSIGN_OR_RETURN(const store::ArticleRecord record,
                       store_->GetArticle(uid_, group.canonical));
      ASSIGN_OR_RETURN(const std::string bytes, store_->GetSketch(uid_, group.canonical));
      ASSIGN_OR_RETURN(const std::vector<float> vector, store_->GetVector(uid_, group.canonical));
      sketch::Sketch sketch;
      if (bytes.size() != sketch.size()) return absl::DataLossError("store: damaged sketch record");
      std::copy(bytes.begin(), bytes.end(), sketch.begin());
      if (record.body_tokens >= settings_.thresholds.tokens_min) {
        RETURN_IF_ERROR(fingerprints_.Add(group.canonical, sketch));
      }
      if (!IsZero(vector)) RETURN_IF_ERROR(vectors_->Add(group.canonical, vector));
      first = number + 1;
    }
    if (groups.size() < kLoadBatchGroups) return absl::OkStatus();
  }
}

void Collection::Close() {
  MutexLock lock(write_mutex_);
  closed_ = true;
}

void Collection::Reopen() {
  MutexLock lock(write_mutex_);
  closed_ = false;
}

absl::Status Collection::CheckOpen() const {
  if (closed_) {
    return absl::NotFoundError(absl::StrCat("collection: not found, got \"", settings_.name, "\""));
  }
  if (!index_failure_.ok()) {
    return absl::UnavailableError(absl::StrCat(
        "collection: read-only until the server is restarted: ", index_failure_.message()));
  }
  return absl::OkStatus();
}

absl::StatusOr<PreparedIngest> Collection::Prepare(IngestRequest request) const {
  ASSIGN_OR_RETURN(PreparedArticle prepared, preparer_.Prepare(std::move(request.article)));
  return PreparedIngest{std::move(prepared), std::move(request.request_id), request.skip_related};
}

absl::StatusOr<Verdict> Collection::Ingest(const PreparedIngest& ingest) {
  MutexLock lock(write_mutex_);
  RETURN_IF_ERROR(CheckOpen());
  const std::string& id = ingest.prepared.article.id;
  if (!ingest.request_id.empty()) {
    ASSIGN_OR_RETURN(const auto earlier, store_->FindRequest(uid_, ingest.request_id));
    if (earlier.has_value()) {
      if (earlier->kind != store::RequestRecord::Kind::kIngest || earlier->article_id != id ||
          earlier->content_hash != ingest.prepared.content_hash) {
        return absl::InvalidArgumentError(absl::StrCat(
            "request_id: already used for another request, got \"", ingest.request_id, "\""));
      }
      Verdict verdict = earlier->verdict;
      verdict.replayed = true;
      return verdict;
    }
  }
  ASSIGN_OR_RETURN(const std::optional<Ordinal> ordinal, store_->FindId(uid_, id));
  return ordinal.has_value() ? IngestKnown(ingest, *ordinal) : IngestNew(ingest);
}

absl::StatusOr<Verdict> Collection::IngestNew(const PreparedIngest& ingest) {
  const PreparedArticle& prepared = ingest.prepared;
  Change change(uid_, state_);
  const Ordinal ordinal = change.state.next_ordinal++;
  ++change.state.articles;

  store::ArticleRecord record;
  ASSIGN_OR_RETURN(record.verdict, Decide(prepared, std::nullopt, ingest.skip_related));
  RETURN_IF_ERROR(Place(ordinal, prepared, &record.verdict, &change));
  change.batch.PutId(prepared.article.id, ordinal);
  PutContent(ordinal, prepared, &record, &change);
  RETURN_IF_ERROR(RememberRequest(ingest.request_id,
                                  {store::RequestRecord::Kind::kIngest, prepared.article.id,
                                   prepared.content_hash, record.verdict},
                                  &change));
  RETURN_IF_ERROR(Commit(&change));
  return std::move(record.verdict);
}

absl::StatusOr<Verdict> Collection::IngestKnown(const PreparedIngest& ingest, Ordinal ordinal) {
  ASSIGN_OR_RETURN(Subject old, LoadSubject(ordinal));
  if (old.record->content_hash != ingest.prepared.content_hash) return Revise(ingest, old);

  store::ArticleRecord& record = *old.record;
  Verdict verdict = record.verdict;
  verdict.replayed = true;
  // The canonical of then may have been deleted or revised away.
  ASSIGN_OR_RETURN(verdict.canonical_id, CanonicalId(record.group));
  const bool same_metadata = SameMetadata(record.article, ingest.prepared.article);
  if (same_metadata && ingest.request_id.empty()) return verdict;
  Change change(uid_, state_);
  if (!same_metadata) {
    CopyMetadata(ingest.prepared.article, &record.article);
    change.batch.PutArticle(ordinal, record);
  }
  RETURN_IF_ERROR(RememberRequest(
      ingest.request_id,
      {store::RequestRecord::Kind::kIngest, record.article.id, record.content_hash, record.verdict},
      &change));
  RETURN_IF_ERROR(Commit(&change));
  return verdict;
}

// Whether a revised article still belongs to the group that it shares with others.
absl::StatusOr<bool> Collection::StillMatchesGroup(const PreparedArticle& revised,
                                                   const Subject& old,
                                                   const store::GroupRecord& group) const {
  if (group.members == 1) return false;
  // The others were verified against the old text of a canonical, so that is what counts for it.
  const bool canonical = group.canonical == *old.ordinal;
  Subject loaded;
  if (!canonical) {
    ASSIGN_OR_RETURN(loaded, LoadSubject(group.canonical));
  }
  const PreparedArticle& reference = canonical ? old.prepared : loaded.prepared;
  const Classification classification =
      Classify(MakeEvidence(revised, reference, settings_.thresholds),
               MakePairContext(revised, reference, settings_.thresholds), settings_.thresholds);
  return IsDuplicate(classification.relation);
}

absl::StatusOr<Verdict> Collection::Revise(const PreparedIngest& ingest, const Subject& old) {
  const PreparedArticle& prepared = ingest.prepared;
  const Ordinal ordinal = *old.ordinal;
  const GroupNumber old_group = old.record->group;
  ASSIGN_OR_RETURN(const auto group, store_->GetGroup(uid_, old_group));
  if (!group.has_value()) return absl::DataLossError("store: article without a group");

  Change change(uid_, state_);
  --change.state.relations[static_cast<int>(old.record->verdict.relation)];
  change.batch.DeleteText(old.record->text_hash, ordinal);
  if (group->canonical == ordinal) change.unindex.push_back(ordinal);

  Verdict verdict;
  ASSIGN_OR_RETURN(bool stays, StillMatchesGroup(prepared, old, *group));
  if (!stays) {
    ASSIGN_OR_RETURN(verdict, Decide(prepared, ordinal, ingest.skip_related));
    // An article without copies keeps its group, and one whose new text equals a copy in it too.
    stays = verdict.group == old_group || (verdict.group == 0 && group->members == 1);
  }
  if (stays) {
    verdict.group = old_group;
    if (group->canonical == ordinal) {
      verdict.canonical_id = prepared.article.id;
      change.Index(ordinal, prepared);
    } else {
      ASSIGN_OR_RETURN(verdict.canonical_id, CanonicalId(old_group));
    }
  } else {
    RETURN_IF_ERROR(LeaveGroup(old_group, ordinal, &change));
    RETURN_IF_ERROR(Place(ordinal, prepared, &verdict, &change));
  }
  verdict.relation = Relation::kRevision;
  verdict.short_text = prepared.short_text;
  Match itself;
  itself.relation = Relation::kRevision;
  itself.article = {prepared.article.id,        old.record->article.title,
                    old.record->article.source, old.record->article.language,
                    old.record->article.url,    old.record->article.published_at};
  itself.group = old_group;
  itself.canonical_id = verdict.canonical_id;
  itself.evidence = MakeEvidence(prepared, old.prepared, settings_.thresholds);
  verdict.matches.insert(verdict.matches.begin(), std::move(itself));

  store::ArticleRecord record;
  record.revision_number = old.record->revision_number + 1;
  record.verdict = std::move(verdict);
  PutContent(ordinal, prepared, &record, &change);
  RETURN_IF_ERROR(RememberRequest(ingest.request_id,
                                  {store::RequestRecord::Kind::kIngest, prepared.article.id,
                                   prepared.content_hash, record.verdict},
                                  &change));
  RETURN_IF_ERROR(Commit(&change));
  return std::move(record.verdict);
}

absl::StatusOr<Verdict> Collection::Decide(const PreparedArticle& prepared,
                                           std::optional<Ordinal> except, bool skip_related) const {
  Verdict verdict;
  verdict.short_text = prepared.short_text;
  ASSIGN_OR_RETURN(std::vector<CopyMatch> copies, FindCopies(prepared, except, {}));
  if (copies.size() > 10) copies.resize(10);
  for (CopyMatch& copy : copies) verdict.matches.push_back(std::move(copy.match));
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

absl::Status Collection::Place(Ordinal ordinal, const PreparedArticle& prepared, Verdict* verdict,
                               Change* change) {
  store::GroupRecord group;
  if (verdict->group != 0) {
    ASSIGN_OR_RETURN(const auto found, store_->GetGroup(uid_, verdict->group));
    if (!found.has_value()) return absl::DataLossError("store: match without a group");
    group = *found;
    ++group.members;
  } else {
    verdict->group = change->state.next_group++;
    verdict->canonical_id = prepared.article.id;
    ++change->state.groups;
    group = {ordinal, 1};
    change->Index(ordinal, prepared);
  }
  change->batch.PutGroup(verdict->group, group);
  change->batch.PutMember(verdict->group, ordinal);
  return absl::OkStatus();
}

absl::Status Collection::LeaveGroup(GroupNumber number, Ordinal ordinal, Change* change) {
  ASSIGN_OR_RETURN(const auto found, store_->GetGroup(uid_, number));
  if (!found.has_value()) return absl::DataLossError("store: article without a group");
  store::GroupRecord group = *found;
  change->batch.DeleteMember(number, ordinal);
  --group.members;
  if (group.members == 0) {
    --change->state.groups;
    change->batch.DeleteGroup(number);
    return absl::OkStatus();
  }
  if (group.canonical == ordinal) {
    ASSIGN_OR_RETURN(const std::vector<Ordinal> members, store_->Members(uid_, number, 0, 2));
    const auto heir = std::find_if(members.begin(), members.end(),
                                   [&](Ordinal member) { return member != ordinal; });
    if (heir == members.end()) return absl::DataLossError("store: group without its members");
    group.canonical = *heir;
    ASSIGN_OR_RETURN(const Subject subject, LoadSubject(*heir));
    change->Index(*heir, subject.prepared);
  }
  change->batch.PutGroup(number, group);
  return absl::OkStatus();
}

// Completes `record` and puts everything that is stored of the article.
void Collection::PutContent(Ordinal ordinal, const PreparedArticle& prepared,
                            store::ArticleRecord* record, Change* change) {
  ++change->state.relations[static_cast<int>(record->verdict.relation)];
  record->group = record->verdict.group;
  record->content_hash = prepared.content_hash;
  record->text_hash = prepared.text_hash;
  record->body_tokens = prepared.body_tokens;
  record->ingested_at = absl::Now();
  record->article.id = prepared.article.id;
  CopyMetadata(prepared.article, &record->article);
  if (!settings_.omit_text) {
    record->article.title = prepared.article.title;
    change->batch.PutBody(ordinal, prepared.article.body);
  }
  change->batch.PutArticle(ordinal, *record);
  change->batch.PutText(prepared.text_hash, ordinal);
  change->batch.PutFingerprint(ordinal, prepared.fingerprint);
  change->batch.PutSketch(ordinal, SketchBytes(prepared.sketch));
  change->batch.PutVector(ordinal, prepared.vector);
  change->batch.PutTerms(ordinal, prepared.terms);
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
  change->batch.PutState(change->state);
  RETURN_IF_ERROR(store_->Apply(change->batch));
  state_ = change->state;
  {
    MutexLock lock(stats_mutex_);
    published_state_ = state_;
  }
  index_failure_ = UpdateIndexes(*change);
  return index_failure_;
}

absl::Status Collection::UpdateIndexes(const Change& change) {
  if (change.unindex.empty() && change.index.empty()) return absl::OkStatus();
  MutexLock lock(index_mutex_);
  for (const Ordinal ordinal : change.unindex) {
    fingerprints_.Remove(ordinal);
    vectors_->Remove(ordinal);
  }
  for (const Change::Indexed& added : change.index) {
    if (added.sketch.has_value()) RETURN_IF_ERROR(fingerprints_.Add(added.ordinal, *added.sketch));
    if (!IsZero(added.vector)) RETURN_IF_ERROR(vectors_->Add(added.ordinal, added.vector));
  }
  return absl::OkStatus();
}

absl::StatusOr<Deleted> Collection::Delete(absl::string_view id, absl::string_view request_id) {
  MutexLock lock(write_mutex_);
  RETURN_IF_ERROR(CheckOpen());
  if (!request_id.empty()) {
    ASSIGN_OR_RETURN(const auto earlier, store_->FindRequest(uid_, request_id));
    if (earlier.has_value()) {
      if (earlier->kind != store::RequestRecord::Kind::kDelete || earlier->article_id != id) {
        return absl::InvalidArgumentError(
            absl::StrCat("request_id: already used for another request, got \"", request_id, "\""));
      }
      return Deleted{earlier->verdict.group, earlier->verdict.canonical_id};
    }
  }
  ASSIGN_OR_RETURN(const Ordinal ordinal, MustFindId(id));
  ASSIGN_OR_RETURN(const store::ArticleRecord record, store_->GetArticle(uid_, ordinal));
  ASSIGN_OR_RETURN(const auto group, store_->GetGroup(uid_, record.group));
  if (!group.has_value()) return absl::DataLossError("store: article without a group");

  Change change(uid_, state_);
  --change.state.articles;
  --change.state.relations[static_cast<int>(record.verdict.relation)];
  RETURN_IF_ERROR(LeaveGroup(record.group, ordinal, &change));
  change.batch.DeleteText(record.text_hash, ordinal);
  change.batch.DeleteArticle(ordinal, id);
  change.unindex.push_back(ordinal);

  Deleted deleted;
  deleted.group = record.group;
  if (group->canonical != ordinal) {
    ASSIGN_OR_RETURN(deleted.canonical_id, CanonicalId(record.group));
  } else if (group->members > 1) {
    ASSIGN_OR_RETURN(const store::ArticleRecord heir,
                     store_->GetArticle(uid_, change.index.front().ordinal));
    deleted.canonical_id = heir.article.id;
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
