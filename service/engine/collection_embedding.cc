// The part of Collection that makes vectors after their articles have come: those that an embedding
// server did not give, and those for another embedder that the collection moves to.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/common/status_macros.h"
#include "service/common/timed_mutex_lock.h"
#include "service/engine/collection_change.h"

namespace newsprint {
namespace {

// The text of a task after which no more articles are added.
constexpr size_t kTaskBytesMax = size_t{4} << 20;
// Articles that a move looks at for one task: after long retention most are deleted, and the step
// must end soon.
constexpr Ordinal kTaskOrdinalsMax = 10'000;

}  // namespace

// Articles whose vectors are to be made, and the texts to make them from.
struct Collection::EmbeddingTask {
  std::shared_ptr<const Embedding> embedding;
  std::vector<Ordinal> ordinals;
  std::vector<Hash128> content_hashes;  // of each, when it was read
  std::vector<store::PendingRecord> texts;
  // Nothing can be done for these; with their content hash, as above.
  std::vector<std::pair<Ordinal, Hash128>> without_text;
  size_t text_bytes = 0;
  // A move has gone through all articles before this one; absent for articles that it had passed.
  std::optional<Ordinal> next_reembedded;

  size_t articles_max = kTaskArticlesMax;

  bool full() const { return ordinals.size() >= articles_max || text_bytes >= kTaskBytesMax; }
};

absl::Status Collection::PutVector(Ordinal ordinal, const PreparedArticle& prepared,
                                   Change* change) const {
  const uint32_t generation = subjects_->embedding()->settings.generation;
  RETURN_IF_ERROR(DeleteVector(ordinal, change));
  if (prepared.vector.empty()) {
    // Where no text is kept, this is the only place that has it.
    store::PendingRecord text;
    if (settings_.omit_text) text = {prepared.article.title, prepared.article.body};
    change->batch.PutPending(generation, ordinal, text);
    ++change->state.embeddings_pending;
  } else {
    change->batch.PutVector(generation, ordinal, prepared.vector);
  }
  const auto next = subjects_->next();
  if (next != nullptr && ordinal < change->state.next_reembedded) {
    change->batch.PutPending(next->settings.generation, ordinal, {});  // moves keep their texts
  }
  return absl::OkStatus();
}

absl::Status Collection::DeleteVector(Ordinal ordinal, Change* change) const {
  const uint32_t generation = subjects_->embedding()->settings.generation;
  ASSIGN_OR_RETURN(const bool pending, store_->IsPending(uid_, generation, ordinal));
  if (pending) --change->state.embeddings_pending;
  change->batch.DeleteVector(generation, ordinal);
  const auto next = subjects_->next();
  if (next != nullptr) change->batch.DeleteVector(next->settings.generation, ordinal);
  return absl::OkStatus();
}

absl::StatusOr<IndexedSubject> Collection::LoadIndexed(Ordinal ordinal) const {
  IndexedSubject subject;
  ASSIGN_OR_RETURN(store::TermsRecord terms, store_->GetTerms(uid_, ordinal));
  subject.terms = std::move(terms.terms);
  const auto load = [&](const std::shared_ptr<const Embedding>& embedding,
                        std::vector<float>* vector) -> absl::Status {
    if (embedding == nullptr) return absl::OkStatus();
    ASSIGN_OR_RETURN(auto stored,
                     store_->FindVector(uid_, embedding->settings.generation, ordinal));
    if (stored.has_value()) *vector = *std::move(stored);
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(load(subjects_->embedding(), &subject.vector));
  RETURN_IF_ERROR(load(subjects_->next(), &subject.next_vector));
  return subject;
}

CollectionInfo Collection::Info() const {
  CollectionInfo info;
  info.settings = settings_;
  info.settings.durability = durability_;
  info.settings.retention = live_.retention();
  info.embedding = subjects_->embedding()->settings;
  const auto next = subjects_->next();
  if (next == nullptr) return info;
  ReembeddingProgress progress;
  progress.to = next->settings;
  MutexLock lock(stats_mutex_);
  const store::CollectionState& state = published_state_;
  progress.articles = static_cast<int64_t>(state.articles);
  // Some of the ordinals are those of deleted articles, evenly spread as far as is known.
  progress.articles_done =
      state.next_ordinal == 0
          ? 0
          : static_cast<int64_t>(state.articles * state.next_reembedded / state.next_ordinal);
  progress.articles_without_text = static_cast<int64_t>(state.reembedded_without_text);
  progress.problem = embedding_problem_;
  info.reembedding = std::move(progress);
  return info;
}

store::CollectionRecord Collection::Record(const EmbeddingSettings& embedding,
                                           const EmbeddingSettings* next) const {
  store::CollectionRecord record;
  record.uid = uid_;
  record.settings = settings_;
  record.settings.durability = durability_;
  record.settings.retention = live_.retention();
  record.embedding = embedding;
  if (next != nullptr) record.next_embedding = *next;
  return record;
}

absl::Status Collection::BeginReembedding(Embedding next) {
  TimedMutexLock lock(write_mutex_);
  RETURN_IF_ERROR(CheckOpen());
  const auto present = subjects_->embedding();
  const auto moving_to = subjects_->next();
  const std::string& name = next.settings.embedder;
  if (moving_to != nullptr) {
    if (moving_to->settings.embedder == name) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat("embedder: the collection is moving to \"",
                                                      moving_to->settings.embedder, "\", got \"",
                                                      name, "\"; wait, or cancel that first"));
  }
  if (present->settings.identity == next.settings.identity) {
    if (present->settings.embedder == name) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("embedder: makes the same vectors as \"", present->settings.embedder,
                     "\", which the collection has, got \"", name, "\""));
  }
  if (settings_.omit_text) {
    return absl::FailedPreconditionError(
        "collection: keeps no text (omit_text) to make other vectors from");
  }
  next.settings.generation = present->settings.generation + 1;
  next.settings.chosen_at = live_.Now();
  Change change(uid_, state_, live_.Now());
  change.state.next_reembedded = 0;
  change.state.reembedded_without_text = 0;
  change.batch.PutCollection(Record(present->settings, &next.settings));
  change.must_sync = true;
  RETURN_IF_ERROR(subjects_->BeginMove(std::make_shared<const Embedding>(std::move(next))));
  absl::Status status = Commit(&change);
  if (!status.ok()) subjects_->CancelMove();
  return status;
}

absl::Status Collection::CancelReembedding() {
  TimedMutexLock lock(write_mutex_);
  RETURN_IF_ERROR(CheckOpen());
  const auto next = subjects_->next();
  if (next == nullptr) return absl::OkStatus();
  Change change(uid_, state_, live_.Now());
  change.batch.PutCollection(Record(subjects_->embedding()->settings, nullptr));
  change.must_sync = true;
  change.batch.DeleteGeneration(next->settings.generation);
  change.state.next_reembedded = 0;
  RETURN_IF_ERROR(Commit(&change));
  subjects_->CancelMove();
  return absl::OkStatus();
}

bool Collection::HasEmbeddingWork() const {
  if (subjects_->next() != nullptr) return true;
  MutexLock lock(stats_mutex_);
  return published_state_.embeddings_pending > 0;
}

absl::Status Collection::EmbedSome() {
  const auto present = subjects_->embedding();
  const auto next = subjects_->next();
  ASSIGN_OR_RETURN(EmbeddingTask task, NextEmbeddingTask(present, next));
  const bool for_present = task.embedding == present;
  const absl::Status status = Perform(std::move(task));
  if (!absl::IsUnavailable(status) || !for_present || next == nullptr) return status;
  // A server that is gone must not keep the collection from moving away from it.
  ASSIGN_OR_RETURN(task, NextEmbeddingTask(nullptr, next));
  return Perform(std::move(task));
}

absl::StatusOr<std::vector<std::vector<float>>> Collection::MakeVectors(EmbeddingTask* task) {
  auto vectors = Preparer::Embed(task->texts, *task->embedding);
  if (!absl::IsInvalidArgument(vectors.status())) return vectors;
  // One of the texts is refused, and would be again: find out which, so that the others are done.
  EmbeddingTask accepted;
  std::vector<std::vector<float>> made;
  for (size_t i = 0; i < task->texts.size(); ++i) {
    auto vector = Preparer::Embed({&task->texts[i], 1}, *task->embedding);
    if (absl::IsInvalidArgument(vector.status())) {
      task->without_text.emplace_back(task->ordinals[i], task->content_hashes[i]);
      continue;
    }
    RETURN_IF_ERROR(vector.status());
    made.push_back(std::move(vector->front()));
    accepted.ordinals.push_back(task->ordinals[i]);
    accepted.content_hashes.push_back(task->content_hashes[i]);
  }
  // More likely a fault of the server than of so many texts.
  if (made.empty() && task->texts.size() > 1) {
    return absl::UnavailableError(
        absl::StrCat("embedder \"", task->embedding->settings.embedder, "\": refuses every text"));
  }
  task->ordinals = std::move(accepted.ordinals);
  task->content_hashes = std::move(accepted.content_hashes);
  return made;
}

absl::Status Collection::Perform(EmbeddingTask task) {
  if (task.embedding == nullptr) return absl::OkStatus();
  std::vector<std::vector<float>> vectors;
  if (!task.texts.empty()) {
    absl::StatusOr<std::vector<std::vector<float>>> embedded = MakeVectors(&task);
    {
      MutexLock lock(stats_mutex_);
      embedding_problem_ = std::string(embedded.status().message());
    }
    // A slow server may still make a few in the time that a call has.
    task_articles_max_ = embedded.ok() ? std::min(kTaskArticlesMax, task_articles_max_ + 1)
                                       : std::max<size_t>(1, task_articles_max_ / 2);
    RETURN_IF_ERROR(embedded.status());
    vectors = *std::move(embedded);
  }
  return StoreVectors(std::move(task), std::move(vectors));
}

absl::Status Collection::AddToTask(Ordinal ordinal, store::PendingRecord text,
                                   EmbeddingTask* task) const {
  const absl::StatusOr<store::ArticleRecord> record = store_->GetArticle(uid_, ordinal);
  if (IsGone(record.status()) || (record.ok() && record->deleted)) return absl::OkStatus();
  RETURN_IF_ERROR(record.status());
  if (record->body_stored) {
    absl::StatusOr<std::string> body = store_->GetBody(uid_, ordinal);
    if (IsGone(body.status())) return absl::OkStatus();
    RETURN_IF_ERROR(body.status());
    text = {record->article.title, *std::move(body)};
  }
  if (text.body.empty()) {  // it came as a fingerprint
    task->without_text.emplace_back(ordinal, record->content_hash);
    return absl::OkStatus();
  }
  task->text_bytes += text.title.size() + text.body.size();
  task->ordinals.push_back(ordinal);
  task->content_hashes.push_back(record->content_hash);
  task->texts.push_back(std::move(text));
  return absl::OkStatus();
}

// What came first is done first: vectors for searches of today, then what a move has passed by,
// then on with the move.
absl::StatusOr<Collection::EmbeddingTask> Collection::NextEmbeddingTask(
    const std::shared_ptr<const Embedding>& present,
    const std::shared_ptr<const Embedding>& next) const {
  for (const auto& embedding : {present, next}) {
    if (embedding == nullptr || embedding->embedder == nullptr) continue;
    ASSIGN_OR_RETURN(auto pending,
                     store_->Pending(uid_, embedding->settings.generation, 0, task_articles_max_));
    EmbeddingTask task;
    task.embedding = embedding;
    task.articles_max = task_articles_max_;
    for (auto& [ordinal, text] : pending) {
      if (task.full()) break;
      RETURN_IF_ERROR(AddToTask(ordinal, std::move(text), &task));
    }
    if (!task.ordinals.empty() || !task.without_text.empty()) return task;
  }
  EmbeddingTask task;
  if (next == nullptr) return task;
  task.embedding = next;
  task.articles_max = task_articles_max_;
  Ordinal at = 0;
  Ordinal end = 0;
  {
    MutexLock lock(stats_mutex_);
    at = published_state_.next_reembedded;
    end = published_state_.next_ordinal;
  }
  end = static_cast<Ordinal>(std::min<uint64_t>(end, uint64_t{at} + kTaskOrdinalsMax));
  for (; at < end && !task.full(); ++at) RETURN_IF_ERROR(AddToTask(at, {}, &task));
  task.next_reembedded = at;
  return task;
}

absl::Status Collection::StoreVectors(EmbeddingTask task, std::vector<std::vector<float>> vectors) {
  TimedMutexLock lock(write_mutex_);
  RETURN_IF_ERROR(CheckOpen());
  const uint32_t generation = task.embedding->settings.generation;
  const bool for_present = task.embedding == subjects_->embedding();
  if (!for_present && task.embedding != subjects_->next()) return absl::OkStatus();  // cancelled
  Change change(uid_, state_, live_.Now());
  // The record of an article; nothing when it is gone, or was revised meanwhile, and may have a
  // text now.
  const auto find_unchanged =
      [&](Ordinal ordinal,
          const Hash128& content_hash) -> absl::StatusOr<std::optional<store::ArticleRecord>> {
    absl::StatusOr<store::ArticleRecord> record = store_->GetArticle(uid_, ordinal);
    if (IsGone(record.status()) || (record.ok() && record->deleted)) return std::nullopt;
    RETURN_IF_ERROR(record.status());
    if (record->content_hash == content_hash) return *std::move(record);
    if (task.next_reembedded.has_value()) change.batch.PutPending(generation, ordinal, {});
    return std::nullopt;
  };
  std::vector<size_t> references;  // places in the task
  for (size_t i = 0; i < task.ordinals.size(); ++i) {
    const Ordinal ordinal = task.ordinals[i];
    ASSIGN_OR_RETURN(const auto record, find_unchanged(ordinal, task.content_hashes[i]));
    if (!record.has_value()) continue;
    ASSIGN_OR_RETURN(const bool pending, store_->IsPending(uid_, generation, ordinal));
    if (for_present && !pending) continue;  // filled in by the caller sending it again
    if (for_present) --change.state.embeddings_pending;
    change.batch.DeletePending(generation, ordinal);
    change.batch.PutVector(generation, ordinal, vectors[i]);
    ASSIGN_OR_RETURN(const LoadedGroup group, LoadGroup(record->group));
    if (IsReference(group.record, ordinal)) references.push_back(i);
  }
  size_t without_text = 0;
  for (const auto& [ordinal, content_hash] : task.without_text) {
    ASSIGN_OR_RETURN(const auto record, find_unchanged(ordinal, content_hash));
    if (!record.has_value()) continue;
    ASSIGN_OR_RETURN(const bool pending, store_->IsPending(uid_, generation, ordinal));
    if (for_present && pending) --change.state.embeddings_pending;
    change.batch.DeletePending(generation, ordinal);
    ++without_text;
  }
  if (task.next_reembedded.has_value()) {
    change.state.next_reembedded = *task.next_reembedded;
    change.state.reembedded_without_text += without_text;
  }
  ASSIGN_OR_RETURN(const bool complete, CompletesReembedding(task, &change));
  RETURN_IF_ERROR(Commit(&change));
  for (const size_t i : references) {
    const absl::Status indexed = subjects_->SetVector(generation, task.ordinals[i], vectors[i]);
    if (indexed.ok()) continue;
    MutexLock stats_lock(stats_mutex_);
    index_failure_ = indexed;
    return indexed;
  }
  if (!complete) return absl::OkStatus();
  const uint32_t old_generation = subjects_->embedding()->settings.generation;
  subjects_->CompleteMove();
  // Only now, so that whoever misses an old vector can see that the collection has changed over. (A
  // crash in between leaves some disk space taken.)
  store::Batch old_vectors(uid_);
  old_vectors.DeleteGeneration(old_generation);
  return store_->Apply(old_vectors);
}

// Whether a move is complete, having looked at all there is; then the change makes it final.
absl::StatusOr<bool> Collection::CompletesReembedding(const EmbeddingTask& task,
                                                      Change* change) const {
  const auto next = subjects_->next();
  if (task.embedding != next || !task.ordinals.empty() || !task.without_text.empty()) return false;
  if (change->state.next_reembedded < change->state.next_ordinal) return false;
  ASSIGN_OR_RETURN(const auto pending, store_->Pending(uid_, next->settings.generation, 0, 1));
  if (!pending.empty()) return false;
  change->batch.PutCollection(Record(next->settings, nullptr));
  change->state.embeddings_pending = 0;
  // EmbedSome may see the next move a moment before its state.
  change->state.next_reembedded = 0;
  return true;
}

}  // namespace newsprint
