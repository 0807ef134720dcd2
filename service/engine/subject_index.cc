#include "service/engine/subject_index.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/common/status_macros.h"

namespace newsprint {
namespace {

// Graphs are saved when their file lacks so many articles, or this share of them, if that is more:
// after a crash that many are linked anew, in the background, at some 100 us each.
constexpr int64_t kUnsavedMin = 32'768;
constexpr int64_t kUnsavedShare = 8;
constexpr uint32_t kRowsMovedTogether = 1024;  // to an index without dead rows, with the lock held
constexpr int kMovesPerStep = 16;
constexpr uintmax_t kFreeSpaceMin = uintmax_t{1} << 30;  // bytes that a file of graphs leaves

absl::StatusOr<std::shared_ptr<index::VectorIndex>> NewVectorIndex(const Embedding& embedding) {
  index::VectorIndex::Options options;
  options.dimension = embedding.settings.dimension;
  return index::VectorIndex::Create(options);
}

// An article without a vector is not in the index: it is near to nothing.
absl::Status AddVector(Ordinal ordinal, absl::Span<const float> vector, index::VectorIndex* index) {
  if (std::all_of(vector.begin(), vector.end(), [](float value) { return value == 0; })) {
    index->Remove(ordinal);
    return absl::OkStatus();
  }
  return index->Add(ordinal, vector);
}

}  // namespace

absl::StatusOr<std::unique_ptr<SubjectIndex>> SubjectIndex::Create(
    std::shared_ptr<const Embedding> embedding, std::shared_ptr<const Embedding> next,
    const embed::GeneralTerms* general, std::string files_path) {
  std::unique_ptr<SubjectIndex> index(new SubjectIndex(general, std::move(files_path)));
  if (!index->files_path_.empty()) {
    // Without it, terms are read from the store.
    auto forward = index::ForwardIndex::Create(index->files_path_, embed::kHeavyTermsMax);
    if (forward.ok()) index->forward_ = *std::move(forward);
  }
  MutexLock lock(index->mutex_);
  ASSIGN_OR_RETURN(index->vectors_, NewVectorIndex(*embedding));
  if (next != nullptr) {
    ASSIGN_OR_RETURN(index->next_vectors_, NewVectorIndex(*next));
  }
  index->embedding_ = std::move(embedding);
  index->next_ = std::move(next);
  return index;
}

std::shared_ptr<const Embedding> SubjectIndex::embedding() const {
  ReaderMutexLock lock(mutex_);
  return embedding_;
}

std::shared_ptr<const Embedding> SubjectIndex::next() const {
  ReaderMutexLock lock(mutex_);
  return next_;
}

std::string SubjectIndex::GraphPath(uint32_t generation) const {
  return absl::StrCat(files_path_, generation, ".graphs");
}

void SubjectIndex::RemoveGraphs(uint32_t generation) const {
  if (files_path_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove(GraphPath(generation), ignored);
}

std::vector<std::string> SubjectIndex::GraphPaths() const {
  std::vector<std::string> paths;
  if (files_path_.empty()) return paths;
  ReaderMutexLock lock(mutex_);
  paths.push_back(GraphPath(embedding_->settings.generation));
  if (next_ != nullptr) paths.push_back(GraphPath(next_->settings.generation));
  return paths;
}

void SubjectIndex::LoadGraphs() {
  if (files_path_.empty()) return;
  const auto load = [this](uint32_t generation, index::VectorIndex* vectors) {
    const absl::Status status = vectors->Load(GraphPath(generation));
    if (!absl::IsNotFound(status)) graphs_problem_.Update(status);
  };
  ReaderMutexLock lock(mutex_);  // nobody writes before the start is over
  load(embedding_->settings.generation, vectors_.get());
  if (next_ != nullptr) load(next_->settings.generation, next_vectors_.get());
}

void SubjectIndex::FinishLoading() {
  MutexLock lock(mutex_);
  vectors_->FinishLoading();
  if (next_ != nullptr) next_vectors_->FinishLoading();
}

absl::StatusOr<bool> SubjectIndex::SaveGraphs(bool all) const {
  if (files_path_.empty()) return false;
  std::shared_ptr<index::VectorIndex> vectors;
  std::string path;
  {
    ReaderMutexLock lock(mutex_);
    vectors = vectors_;
    path = GraphPath(embedding_->settings.generation);
  }
  const int64_t unsaved_min = std::max<int64_t>(kUnsavedMin, vectors->size() / kUnsavedShare);
  if (vectors->unsaved_rows() < (all ? 1 : unsaved_min)) return false;
  // The store must not run out of space for a file that only saves time.
  std::error_code error;
  const auto space = std::filesystem::space(std::filesystem::path(path).parent_path(), error);
  const uintmax_t needed = vectors->memory_bytes();
  if (!error && space.available < kFreeSpaceMin + needed) {
    return absl::UnavailableError("graphs: not saved, as there is too little space on disk");
  }
  RETURN_IF_ERROR(vectors->Save(path));
  return true;
}

absl::Status SubjectIndex::Add(Ordinal ordinal, const IndexedSubject& subject) {
  if (forward_ != nullptr) forward_->Put(ordinal, subject.terms);  // before a search can find it
  std::shared_ptr<index::VectorIndex> freed_unlocked;
  MutexLock lock(mutex_);
  terms_.Add(subject.terms);
  RETURN_IF_ERROR(AddPresent(ordinal, subject.vector, &freed_unlocked));
  if (next_vectors_ == nullptr) return absl::OkStatus();
  return AddVector(ordinal, subject.next_vector, next_vectors_.get());
}

void SubjectIndex::Remove(Ordinal ordinal, absl::Span<const WeightedTerm> terms) {
  if (forward_ != nullptr) forward_->Remove(ordinal);
  MutexLock lock(mutex_);
  terms_.Remove(terms);
  vectors_->Remove(ordinal);
  if (compacted_ != nullptr) compacted_->Remove(ordinal);
  if (next_vectors_ != nullptr) next_vectors_->Remove(ordinal);
}

absl::Status SubjectIndex::SetVector(uint32_t generation, Ordinal ordinal,
                                     absl::Span<const float> vector) {
  std::shared_ptr<index::VectorIndex> freed_unlocked;
  MutexLock lock(mutex_);
  if (generation == embedding_->settings.generation) {
    return AddPresent(ordinal, vector, &freed_unlocked);
  }
  if (next_ != nullptr && generation == next_->settings.generation) {
    return AddVector(ordinal, vector, next_vectors_.get());
  }
  return absl::OkStatus();  // of a move that was cancelled
}

absl::Status SubjectIndex::AddPresent(Ordinal ordinal, absl::Span<const float> vector,
                                      std::shared_ptr<index::VectorIndex>* freed_unlocked) {
  RETURN_IF_ERROR(AddVector(ordinal, vector, vectors_.get()));
  if (compacted_ == nullptr) return absl::OkStatus();
  const absl::Status status = AddVector(ordinal, vector, compacted_.get());
  if (!status.ok()) freed_unlocked->swap(compacted_);  // it is begun anew
  return absl::OkStatus();
}

absl::StatusOr<bool> SubjectIndex::Compact() {
  std::shared_ptr<index::VectorIndex> freed_unlocked;
  std::optional<uint32_t> old_graphs;
  for (int move = 0; move < kMovesPerStep && !old_graphs.has_value(); ++move) {
    MutexLock lock(mutex_);
    if (compacted_ == nullptr) {
      if (!vectors_->IsWorthCompacting()) return false;
      ASSIGN_OR_RETURN(compacted_, NewVectorIndex(*embedding_));
      compacted_rows_ = 0;
    }
    if (compacted_rows_ == vectors_->rows()) {
      if (!compacted_->IsBuilt()) return false;
      freed_unlocked = std::move(vectors_);
      vectors_ = std::move(compacted_);
      old_graphs = embedding_->settings.generation;
      continue;
    }
    const absl::StatusOr<uint32_t> row =
        compacted_->AddFrom(*vectors_, compacted_rows_, kRowsMovedTogether);
    if (!row.ok()) {
      freed_unlocked = std::move(compacted_);
      return row.status();
    }
    compacted_rows_ = *row;
  }
  // They hold the dead rows, and a start would take them up as long as nothing else is saved.
  if (old_graphs.has_value()) RemoveGraphs(*old_graphs);
  return true;
}

absl::Status SubjectIndex::BeginMove(std::shared_ptr<const Embedding> next) {
  ASSIGN_OR_RETURN(std::shared_ptr<index::VectorIndex> vectors, NewVectorIndex(*next));
  MutexLock lock(mutex_);
  next_ = std::move(next);
  next_vectors_ = std::move(vectors);
  return absl::OkStatus();
}

void SubjectIndex::CancelMove() {
  std::shared_ptr<index::VectorIndex> freed_unlocked;
  MutexLock lock(mutex_);
  next_ = nullptr;
  freed_unlocked.swap(next_vectors_);
}

void SubjectIndex::CompleteMove() {
  std::shared_ptr<index::VectorIndex> freed_unlocked;
  std::shared_ptr<index::VectorIndex> compacted_freed_unlocked;
  uint32_t old_generation = 0;
  {
    MutexLock lock(mutex_);
    freed_unlocked = std::move(vectors_);
    compacted_freed_unlocked = std::move(compacted_);
    old_generation = embedding_->settings.generation;
    embedding_ = std::move(next_);
    vectors_ = std::move(next_vectors_);
    next_ = nullptr;
  }
  RemoveGraphs(old_generation);
}

absl::StatusOr<std::vector<Ordinal>> SubjectIndex::Nearest(uint32_t generation,
                                                           absl::Span<const float> vector,
                                                           int articles_max) const {
  std::shared_ptr<const index::VectorIndex> vectors;
  {
    ReaderMutexLock lock(mutex_);
    if (generation != embedding_->settings.generation) {
      return absl::AbortedError("collection: it has changed over to another embedder; try again");
    }
    vectors = vectors_;
  }
  ASSIGN_OR_RETURN(const std::vector<index::VectorHit> hits, vectors->Search(vector, articles_max));
  std::vector<Ordinal> nearest;
  nearest.reserve(hits.size());
  for (const index::VectorHit& hit : hits) nearest.push_back(hit.ordinal);
  return nearest;
}

std::shared_ptr<const index::VectorIndex> SubjectIndex::vectors() const {
  ReaderMutexLock lock(mutex_);
  return vectors_;
}

bool SubjectIndex::GetVector(Ordinal ordinal, std::vector<float>* vector) const {
  return vectors()->Get(ordinal, vector);
}

void SubjectIndex::GetVectors(
    absl::Span<const Ordinal> ordinals,
    absl::FunctionRef<void(size_t place, absl::Span<const float> vector)> visit) const {
  const std::shared_ptr<const index::VectorIndex> present = vectors();
  std::vector<float> vector;
  for (size_t place = 0; place < ordinals.size(); ++place) {
    if (present->Get(ordinals[place], &vector)) visit(place, vector);
  }
}

void SubjectIndex::Idf(absl::Span<const uint32_t> terms, float* idf) const {
  ReaderMutexLock lock(mutex_);
  terms_.Idf(terms, idf);
}

std::vector<WeightedTerm> SubjectIndex::Weigh(absl::Span<const WeightedTerm> terms) const {
  ReaderMutexLock lock(mutex_);
  return terms_.Weigh(terms);
}

size_t SubjectIndex::memory_bytes() const {
  ReaderMutexLock lock(mutex_);
  return terms_.memory_bytes() + vectors_->memory_bytes() +
         (compacted_ == nullptr ? 0 : compacted_->memory_bytes()) +
         (next_vectors_ == nullptr ? 0 : next_vectors_->memory_bytes());
}

size_t SubjectIndex::graph_segments() const {
  ReaderMutexLock lock(mutex_);
  return vectors_->graph_segments() + (compacted_ == nullptr ? 0 : compacted_->graph_segments()) +
         (next_vectors_ == nullptr ? 0 : next_vectors_->graph_segments());
}

}  // namespace newsprint
