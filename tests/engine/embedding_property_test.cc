// Random operations on a collection whose embedding servers come and go and which moves between
// them, against a plain model.
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "service/engine/collection.h"
#include "tests/testing/articles.h"
#include "tests/testing/fake_embedder.h"

namespace newsprint {
namespace {

using ::newsprint::testing::FakeCollection;
using ::newsprint::testing::FakeEmbedder;
using ::newsprint::testing::Ingest;
using ::newsprint::testing::StoryArticle;

class EmbeddingWalk {
 public:
  explicit EmbeddingWalk(uint64_t seed) : random_(seed) {}

  void Step() {
    const std::string id = absl::StrCat("id", random_() % 60);
    switch (random_() % 16) {
      case 0:
      case 1:
        EXPECT_EQ(collection_->Delete(id, "").ok(), stories_.erase(id) == 1) << id;
        break;
      case 2:
        Fake().Answer(absl::UnavailableError("down"));
        break;
      case 3:
        Fake().Answer(absl::OkStatus());
        break;
      case 4:
      case 5:
      case 6:
        collection_->EmbedSome().IgnoreError();
        break;
      case 7:
        Begin();
        break;
      case 8:
        if (random_() % 4 == 0) {
          EXPECT_TRUE(collection_->CancelReembedding().ok());
        }
        break;
      case 9:
        if (random_() % 8 == 0) collection_.Reopen();
        break;
      case 10:
        HookIn(id);
        break;
      default:
        Put(id);
    }
    // Whatever happened, the counter is that of the records.
    ASSERT_EQ(collection_->Stats().embeddings_pending,
              collection_.CountPending(collection_->Info().embedding.generation));
  }

  void Settle() {
    for (const auto& fake : fakes_) fake->Answer(absl::OkStatus());
    for (const auto& fake : fakes_) fake->RunInNextEmbed(nullptr);
    ASSERT_TRUE(collection_.EmbedAll().ok());
    const CollectionInfo info = collection_->Info();
    ASSERT_FALSE(info.reembedding.has_value());
    EXPECT_EQ(collection_->Stats().embeddings_pending, 0);
    EXPECT_EQ(collection_->Stats().articles, static_cast<int64_t>(stories_.size()));
    const FakeEmbedder* fake = nullptr;
    for (const auto& one : fakes_) {
      if (one->identity() == info.embedding.identity) fake = one.get();
    }
    ASSERT_NE(fake, nullptr);
    for (const auto& [id, story] : stories_) {
      const Article article = StoryArticle(id, story, 60);
      const auto vector = collection_.StoredVector(id);
      ASSERT_TRUE(vector.has_value()) << id;
      EXPECT_EQ(*vector, fake->VectorOf(article.title, article.body)) << id;
    }
    // One vector each, and none of any other generation, present or past or to come.
    for (uint32_t generation = 0; generation <= info.embedding.generation + 1; ++generation) {
      const bool present = generation == info.embedding.generation;
      EXPECT_EQ(collection_.CountVectors(generation, 5000),
                present ? static_cast<int>(stories_.size()) : 0)
          << generation;
      EXPECT_EQ(collection_.CountPending(generation), 0) << generation;
    }
  }

  // A restarted collection answers as one that never stopped.
  void ExpectSameAfterReopening() {
    std::map<std::string, std::vector<std::pair<std::string, double>>> before;
    for (const auto& [id, story] : stories_) before[id] = Related(id);
    collection_.Reopen();
    for (const auto& [id, story] : stories_) ASSERT_EQ(Related(id), before[id]) << id;
  }

 private:
  FakeEmbedder& Fake() { return *fakes_[random_() % fakes_.size()]; }

  void Put(const std::string& id) {
    const uint64_t story = random_() % 45;
    const auto verdict = Ingest(*collection_, StoryArticle(id, story, 60));
    ASSERT_TRUE(verdict.ok()) << verdict.status();
    stories_[id] = story;
  }

  void Begin() {
    const auto& fake = fakes_[random_() % fakes_.size()];
    const CollectionInfo info = collection_->Info();
    const bool moves = info.reembedding.has_value();
    const bool allowed = !moves || info.reembedding->to.embedder == fake->name();
    const absl::Status status = collection_->BeginReembedding(FakeCollection::EmbeddingOf(fake));
    EXPECT_EQ(status.code(),
              allowed ? absl::StatusCode::kOk : absl::StatusCode::kFailedPrecondition);
  }

  // Something happens between reading and storing.
  void HookIn(const std::string& id) {
    const uint64_t kind = random_() % 3;
    const auto action = [this, id, kind] {
      if (kind == 0) {
        EXPECT_EQ(collection_->Delete(id, "").ok(), stories_.erase(id) == 1);
      } else if (kind == 1) {
        Put(id);
      } else {
        EXPECT_TRUE(collection_->CancelReembedding().ok());
      }
    };
    FakeEmbedder& fake = Fake();
    fake.RunInNextEmbed(action);
    collection_->EmbedSome().IgnoreError();
    fake.RunInNextEmbed(nullptr);
  }

  std::vector<std::pair<std::string, double>> Related(const std::string& id) {
    std::vector<std::pair<std::string, double>> related;
    const auto found = collection_->FindRelated(ArticleQuery(id), {});
    EXPECT_TRUE(found.ok()) << id << ": " << found.status();
    if (!found.ok()) return related;
    for (const RelatedArticle& article : *found) {
      related.emplace_back(article.article.id, article.score);
    }
    return related;
  }

  std::mt19937_64 random_;
  const FakeCollection::Fakes fakes_ = {std::make_shared<FakeEmbedder>("a", 32),
                                        std::make_shared<FakeEmbedder>("b", 64),
                                        std::make_shared<FakeEmbedder>("c", 32)};
  FakeCollection collection_{fakes_};
  std::map<std::string, uint64_t> stories_;  // by id
};

TEST(EmbeddingPropertyTest, InTheEndEveryArticleHasOneVectorOfThePresentEmbedder) {
  for (uint64_t round = 0; round < 8; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    EmbeddingWalk walk(newsprint::testing::Seed() + round);
    for (int step = 0; step < 400; ++step) {
      SCOPED_TRACE(absl::StrCat("step ", step));
      walk.Step();
      if (::testing::Test::HasFatalFailure()) return;
    }
    walk.Settle();
    if (::testing::Test::HasFatalFailure()) return;
    walk.ExpectSameAfterReopening();
  }
}

}  // namespace
}  // namespace newsprint
