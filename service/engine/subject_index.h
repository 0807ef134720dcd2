// Which articles of a collection are near in subject: vectors and terms of its references.
#ifndef NEWSPRINT_SERVICE_ENGINE_SUBJECT_INDEX_H_
#define NEWSPRINT_SERVICE_ENGINE_SUBJECT_INDEX_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "service/common/mutex.h"
#include "service/common/types.h"
#include "service/engine/embedding.h"
#include "service/engine/term_statistics.h"
#include "service/index/forward_index.h"
#include "service/index/vector_index.h"

namespace newsprint {

// What is indexed of an article. Vectors may be empty (still to come) or zero (no word that
// counts); neither is ever found.
struct IndexedSubject {
  std::vector<WeightedTerm> terms;
  std::vector<float> vector;
  std::vector<float> next_vector;  // of the embedder that the collection moves to
};

// Thread-safe. Call Create first. Holds what makes the vectors as well, so that a vector and the
// index that it is looked up in always fit: the two change together, in CompleteMove.
class SubjectIndex {
 public:
  // `general` must outlive it. `next`: null, or the embedder that the collection moves to.
  // `files_path`: beginning of the paths of its files, which are the terms for ranking and, for
  // each generation, the graphs over the vectors; empty: it has none.
  static absl::StatusOr<std::unique_ptr<SubjectIndex>> Create(
      std::shared_ptr<const Embedding> embedding, std::shared_ptr<const Embedding> next,
      const embed::GeneralTerms* general, std::string files_path = "");

  std::shared_ptr<const Embedding> embedding() const;
  // Null while the collection does not move.
  std::shared_ptr<const Embedding> next() const;

  // At start, before and after all articles are added. A file of graphs that is not there, or of no
  // use, costs time and no more: the graphs are built again.
  void LoadGraphs();
  void FinishLoading();
  // Why LoadGraphs could not use a file that was there; OK else.
  const absl::Status& graphs_problem() const { return graphs_problem_; }
  // Writes the present graphs to their file, if that lacks so many articles that building would
  // take long, or with `all`, any. Waits for the disk, and lets others go on. Returns whether there
  // was something to write, or the disk's error.
  absl::StatusOr<bool> SaveGraphs(bool all) const;
  // The files that SaveGraphs may have written for this index as it is now.
  std::vector<std::string> GraphPaths() const;

  absl::Status Add(Ordinal ordinal, const IndexedSubject& subject);
  // `terms`: those it was added with.
  void Remove(Ordinal ordinal, absl::Span<const WeightedTerm> terms);
  // The vector of an article that was added without one, of the present or the next generation.
  absl::Status SetVector(uint32_t generation, Ordinal ordinal, absl::Span<const float> vector);

  // A step towards giving back the memory of vectors that were removed, if these are many: the
  // others go to an index of their own, which takes the place of the present one when its graphs
  // are built. Returns whether there was something to do. For one thread at a time.
  absl::StatusOr<bool> Compact();

  absl::Status BeginMove(std::shared_ptr<const Embedding> next);
  void CancelMove();
  // The next embedding and its vectors become the present ones.
  void CompleteMove();

  // The articles nearest to a vector of this generation, best first. ABORTED when it is not the
  // present one (any more).
  absl::StatusOr<std::vector<Ordinal>> Nearest(uint32_t generation, absl::Span<const float> vector,
                                               int articles_max) const;
  // The terms of an article, as they are stored; false when they have to be read from the store.
  bool GetTerms(Ordinal ordinal, std::vector<WeightedTerm>* terms) const {
    return forward_ != nullptr && forward_->Get(ordinal, terms);
  }
  // The vector of an article, as exact as its code; false when it has none in the index.
  bool GetVector(Ordinal ordinal, std::vector<float>* vector) const;
  // The same of several: calls `visit` with the place in `ordinals` of each article that has one,
  // and its vector, which lasts until it returns.
  void GetVectors(
      absl::Span<const Ordinal> ordinals,
      absl::FunctionRef<void(size_t place, absl::Span<const float> vector)> visit) const;
  // As TermStatistics has them.
  void Idf(absl::Span<const uint32_t> terms, float* idf) const;
  std::vector<WeightedTerm> Weigh(absl::Span<const WeightedTerm> terms) const;
  size_t memory_bytes() const;
  // Graphs over the vectors, of all that are there.
  size_t graph_segments() const;

 private:
  SubjectIndex(const embed::GeneralTerms* general, std::string files_path)
      : files_path_(std::move(files_path)), terms_(general) {}

  std::string GraphPath(uint32_t generation) const;
  // What it takes out of the object goes to `freed_unlocked`: its thread is waited for when it
  // goes away.
  absl::Status AddPresent(Ordinal ordinal, absl::Span<const float> vector,
                          std::shared_ptr<index::VectorIndex>* freed_unlocked)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Deletes the graphs of a generation; the next start does when that fails.
  void RemoveGraphs(uint32_t generation) const;
  std::shared_ptr<const index::VectorIndex> vectors() const;

  const std::string files_path_;
  absl::Status graphs_problem_;
  std::unique_ptr<index::ForwardIndex> forward_;  // null: terms are read from the store

  mutable Mutex mutex_;
  TermStatistics terms_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const Embedding> embedding_ ABSL_GUARDED_BY(mutex_);
  // Searches hold on to them, and run without the mutex.
  std::shared_ptr<index::VectorIndex> vectors_ ABSL_GUARDED_BY(mutex_);
  // What takes the place of `vectors_` once it has all that is live in the rows before
  // `compacted_rows_` and behind them; else null.
  std::shared_ptr<index::VectorIndex> compacted_ ABSL_GUARDED_BY(mutex_);
  uint32_t compacted_rows_ ABSL_GUARDED_BY(mutex_) = 0;
  std::shared_ptr<const Embedding> next_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<index::VectorIndex> next_vectors_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_SUBJECT_INDEX_H_
