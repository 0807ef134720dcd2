// Many threads on a collection that moves between embedding servers which come and go. Run under
// ThreadSanitizer too.
#include <atomic>
#include <chrono>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <utility>
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

constexpr int kWriters = 3;
constexpr int kIdsAWriter = 25;
constexpr int kStepsAWriter = 120;

std::string Id(int writer, uint64_t number) { return absl::StrCat("w", writer, "n", number); }

// Each has articles of its own, revises and deletes them; `kept` says what is left.
void Write(Collection& collection, int writer, std::map<std::string, uint64_t>* kept) {
  std::mt19937_64 random(newsprint::testing::Seed() + writer);
  for (int step = 0; step < kStepsAWriter; ++step) {
    const std::string id = Id(writer, random() % kIdsAWriter);
    if (random() % 5 == 0) {
      EXPECT_EQ(collection.Delete(id, "").ok(), kept->erase(id) == 1) << id;
      continue;
    }
    const uint64_t story = random() % 40;
    const auto verdict = Ingest(collection, StoryArticle(id, story, 50));
    ASSERT_TRUE(verdict.ok()) << verdict.status();
    (*kept)[id] = story;
  }
}

// What a reader may be told while others write and the servers come and go.
void ExpectTolerable(const absl::Status& status) {
  EXPECT_TRUE(status.ok() || absl::IsNotFound(status) || absl::IsUnavailable(status) ||
              absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status))
      << status;
}

void Read(Collection& collection, const FakeCollection::Fakes& fakes, uint64_t seed) {
  std::mt19937_64 random(seed);
  RelatedOptions options;
  options.include_duplicates = random() % 2 == 0;
  options.half_life = absl::Hours(1);
  options.diversity = 0.3;
  const std::string id = Id(static_cast<int>(random() % kWriters), random() % kIdsAWriter);
  const Article text = StoryArticle("", random() % 40, 50);
  ExpectTolerable(collection.FindRelated(ArticleQuery(id), options).status());
  ExpectTolerable(collection.FindRelated(ArticleQuery(text), options).status());
  // Of the dimension of one of the embedders, whichever is the present one.
  const auto& fake = fakes[random() % fakes.size()];
  ExpectTolerable(collection.FindRelated(fake->VectorOf("", text.body), options).status());
  ExpectTolerable(collection.Compare(id, text).status());
  ExpectTolerable(collection.FindDuplicates(text, 5).status());
  const CollectionInfo info = collection.Info();
  if (info.reembedding.has_value()) {
    EXPECT_GE(info.reembedding->articles_done, 0);
    EXPECT_LE(info.reembedding->articles_done, info.reembedding->articles);
  }
  EXPECT_GE(collection.Stats().embeddings_pending, 0);
}

TEST(EmbeddingRaceTest, WritersReadersAndMovesAtOnce) {
  const FakeCollection::Fakes fakes = {std::make_shared<FakeEmbedder>("a", 32),
                                       std::make_shared<FakeEmbedder>("b", 64),
                                       std::make_shared<FakeEmbedder>("c", 32)};
  FakeCollection collection(fakes);
  std::vector<std::map<std::string, uint64_t>> kept(kWriters);
  std::atomic<bool> done = false;
  std::atomic<int> moves = 0;
  std::vector<std::thread> threads;
  for (int writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&, writer] { Write(*collection, writer, &kept[writer]); });
  }
  for (uint64_t reader = 0; reader < 2; ++reader) {
    threads.emplace_back([&, reader] {
      for (uint64_t round = 0; !done; ++round) Read(*collection, fakes, 2 * round + reader);
    });
  }
  threads.emplace_back([&] {
    while (!done) {
      if (!collection->EmbedSome().ok()) std::this_thread::yield();
    }
  });
  threads.emplace_back([&] {
    std::mt19937_64 random(newsprint::testing::Seed());
    while (!done) {
      const auto& fake = fakes[random() % fakes.size()];
      if (collection->BeginReembedding(FakeCollection::EmbeddingOf(fake)).ok()) ++moves;
      if (random() % 10 == 0) {
        EXPECT_TRUE(collection->CancelReembedding().ok());
      }
      fakes[random() % fakes.size()]->Answer(random() % 4 == 0 ? absl::UnavailableError("down")
                                                               : absl::OkStatus());
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  });
  for (int writer = 0; writer < kWriters; ++writer) threads[writer].join();
  done = true;
  for (size_t i = kWriters; i < threads.size(); ++i) threads[i].join();
  EXPECT_GT(moves, 0);

  for (const auto& fake : fakes) fake->Answer(absl::OkStatus());
  ASSERT_TRUE(collection.EmbedAll().ok());
  EXPECT_EQ(collection->Stats().embeddings_pending, 0);
  const CollectionInfo info = collection->Info();
  EXPECT_FALSE(info.reembedding.has_value());
  const FakeEmbedder* present = nullptr;
  for (const auto& fake : fakes) {
    if (fake->identity() == info.embedding.identity) present = fake.get();
  }
  ASSERT_NE(present, nullptr);
  int articles = 0;
  for (const auto& of_writer : kept) {
    for (const auto& [id, story] : of_writer) {
      const Article article = StoryArticle(id, story, 50);
      const auto vector = collection.StoredVector(id);
      ASSERT_TRUE(vector.has_value()) << id;
      EXPECT_EQ(*vector, present->VectorOf(article.title, article.body)) << id;
      ++articles;
    }
  }
  EXPECT_EQ(collection.CountVectors(info.embedding.generation), articles);
}

// A thread that goes on embedding while a move begins must not take it for one that has passed all
// articles already.
TEST(EmbeddingRaceTest, NoMoveCompletesWithoutItsVectors) {
  const FakeCollection::Fakes fakes = {std::make_shared<FakeEmbedder>("a", 16),
                                       std::make_shared<FakeEmbedder>("b", 16)};
  FakeCollection collection(fakes);
  constexpr int kArticles = 5;
  for (int i = 0; i < kArticles; ++i) {
    ASSERT_TRUE(Ingest(*collection, StoryArticle(absl::StrCat("a", i), i, 50)).ok());
  }
  std::atomic<bool> done = false;
  std::thread embedding([&] {
    while (!done) EXPECT_TRUE(collection->EmbedSome().ok());
  });
  for (int move = 1; move <= 300; ++move) {
    ASSERT_TRUE(
        collection->BeginReembedding(FakeCollection::EmbeddingOf(fakes[move % fakes.size()])).ok());
    while (collection->Info().reembedding.has_value()) std::this_thread::yield();
    const CollectionInfo info = collection->Info();
    EXPECT_EQ(info.embedding.embedder, fakes[move % fakes.size()]->name());
    const int vectors = collection.CountVectors(info.embedding.generation, kArticles);
    EXPECT_EQ(vectors, kArticles) << "move " << move;
    if (vectors != kArticles) break;
  }
  done = true;
  embedding.join();
}

using Scores = std::vector<std::pair<std::string, double>>;

Scores ScoresOf(const std::vector<RelatedArticle>& articles) {
  Scores scores;
  for (const RelatedArticle& article : articles) {
    scores.emplace_back(article.article.id, article.score);
  }
  return scores;
}

// Whoever asks while the collection changes over is answered all the same: by the one embedder or
// by the other, and never by both.
TEST(EmbeddingRaceTest, NoSearchFailsWhileACollectionMovesToAndFro) {
  const FakeCollection::Fakes fakes = {std::make_shared<FakeEmbedder>("a", 16),
                                       std::make_shared<FakeEmbedder>("b", 16)};
  FakeCollection collection(fakes);
  constexpr int kArticles = 10;
  for (int i = 0; i < kArticles; ++i) {
    ASSERT_TRUE(Ingest(*collection, StoryArticle(absl::StrCat("a", i), i, 50)).ok());
  }
  const Article text = StoryArticle("", 100, 50);
  const auto find = [&](uint64_t query) {
    return query == kArticles ? collection->FindRelated(ArticleQuery(text), {})
                              : collection->FindRelated(ArticleQuery(absl::StrCat("a", query)), {});
  };
  std::vector<std::vector<Scores>> expected(fakes.size());  // by embedder and query
  for (size_t fake = fakes.size(); fake-- > 0;) {
    ASSERT_TRUE(collection->BeginReembedding(FakeCollection::EmbeddingOf(fakes[fake])).ok());
    ASSERT_TRUE(collection.EmbedAll().ok());
    for (uint64_t query = 0; query <= kArticles; ++query) {
      expected[fake].push_back(ScoresOf(*find(query)));
    }
  }
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (uint64_t reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&, reader] {
      for (uint64_t round = reader; !done; ++round) {
        const uint64_t query = round % (kArticles + 1);
        const auto found = find(query);
        ASSERT_TRUE(found.ok()) << found.status();
        const Scores scores = ScoresOf(*found);
        EXPECT_TRUE(scores == expected[0][query] || scores == expected[1][query]) << query;
      }
    });
  }
  for (int move = 1; move <= 60; ++move) {
    // Not more often than a search can begin again.
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const auto& fake = fakes[move % fakes.size()];
    EXPECT_TRUE(collection->BeginReembedding(FakeCollection::EmbeddingOf(fake)).ok());
    EXPECT_TRUE(collection.EmbedAll().ok());
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace newsprint
