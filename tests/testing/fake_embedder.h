// Embedders that do as they are told, and collections over them.
#ifndef NEWSPRINT_TESTS_TESTING_FAKE_EMBEDDER_H_
#define NEWSPRINT_TESTS_TESTING_FAKE_EMBEDDER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "service/common/mutex.h"
#include "service/embed/embedder.h"
#include "service/engine/collection.h"
#include "service/store/store.h"
#include "tests/testing/articles.h"

namespace newsprint::testing {

// An embedder in place of an embedding server. A vector is the text's words counted in as many
// hash buckets as there are dimensions, so texts that share words are near to each other, and two
// fakes of different names give different vectors. Thread-safe.
class FakeEmbedder final : public embed::Embedder {
 public:
  FakeEmbedder(std::string name, int dimension);

  const std::string& name() const { return name_; }
  const std::string& identity() const override { return identity_; }
  int dimension() const override { return dimension_; }
  absl::Status Embed(absl::Span<const embed::EmbedInput> inputs,
                     absl::Span<float> vectors) const override;

  // From now on every Embed answers this; OK: it works again.
  void Answer(const absl::Status& status);
  // Embed answers INVALID_ARGUMENT when one of the bodies has this in it; empty: never.
  void Refuse(std::string text);
  // Is run, once, at the beginning of the next Embed.
  void RunInNextEmbed(std::function<void()> action);
  int calls() const;

  // What Embed makes of this article.
  std::vector<float> VectorOf(absl::string_view title, absl::string_view body) const;

 private:
  const std::string name_;
  const std::string identity_;
  const int dimension_;
  mutable Mutex mutex_;
  // Code and message of the answer: ThreadSanitizer does not understand the reference counts of
  // Debian's absl::Status, so no two threads may share one.
  absl::StatusCode answer_code_ ABSL_GUARDED_BY(mutex_) = absl::StatusCode::kOk;
  std::string answer_message_ ABSL_GUARDED_BY(mutex_);
  std::string refused_ ABSL_GUARDED_BY(mutex_);
  mutable std::function<void()> action_ ABSL_GUARDED_BY(mutex_);
  mutable int calls_ ABSL_GUARDED_BY(mutex_) = 0;
};

// One collection over a store of its own, whose embedders are fakes that count as remote.
class FakeCollection {
 public:
  using Fakes = std::vector<std::shared_ptr<FakeEmbedder>>;

  // The collection begins with the first of them, and finds all when it is opened again.
  explicit FakeCollection(Fakes fakes, bool omit_text = false);

  Collection& operator*() { return *collection_; }
  Collection* operator->() { return collection_.get(); }
  const store::Store& store() const { return *store_; }
  uint32_t uid() const { return collection_->uid(); }

  // For BeginReembedding.
  static Embedding EmbeddingOf(const std::shared_ptr<FakeEmbedder>& fake);
  // As a restart of the server.
  void Reopen();
  // Reopens it as if the ordinals before `next` had been given to articles that were deleted.
  void SkipOrdinals(Ordinal next);
  // EmbedSome, until there is nothing to do or it fails.
  absl::Status EmbedAll();
  // The stored vector of an article, of a generation or of the present one.
  std::optional<std::vector<float>> StoredVector(const std::string& id);
  std::optional<std::vector<float>> StoredVector(const std::string& id, uint32_t generation);
  // How many vectors of a generation are stored, and how many are to come, of those ordinals.
  int CountVectors(uint32_t generation, Ordinal ordinals_max = 1000) const;
  int CountPending(uint32_t generation) const;

 private:
  void Open(const store::CollectionRecord& record);
  std::shared_ptr<const Embedding> FindFake(const EmbeddingSettings& settings) const;

  const Fakes fakes_;
  const TempDir dir_;
  const embed::GeneralTerms general_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Collection> collection_;
};

}  // namespace newsprint::testing

#endif  // NEWSPRINT_TESTS_TESTING_FAKE_EMBEDDER_H_
