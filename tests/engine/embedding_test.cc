// Vectors that are made after their articles have come: an embedding server that was down, and the
// move to another embedder.
#include <algorithm>
#include <string>
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
using ::newsprint::testing::StoryText;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EmbeddingTest : public ::testing::Test {
 protected:
  static absl::Status Down() { return absl::UnavailableError("connection refused"); }

  Verdict MustIngest(Article article) { return MustIngest(collection_, std::move(article)); }
  static Verdict MustIngest(FakeCollection& collection, Article article) {
    const auto verdict = Ingest(*collection, std::move(article));
    EXPECT_TRUE(verdict.ok()) << verdict.status();
    return verdict.value_or(Verdict());
  }

  int64_t pending() { return collection_->Stats().embeddings_pending; }
  // What is stored as the article's vector is what `fake` makes of it.
  void ExpectVector(const std::string& id, const FakeEmbedder& fake, const Article& article) {
    const auto vector = collection_.StoredVector(id);
    ASSERT_TRUE(vector.has_value()) << id;
    EXPECT_EQ(*vector, fake.VectorOf(article.title, article.body)) << id;
  }

  absl::Status Begin(const std::shared_ptr<FakeEmbedder>& fake) {
    return collection_->BeginReembedding(FakeCollection::EmbeddingOf(fake));
  }

  Article AsFingerprint(Article article) {
    const auto fingerprint = collection_->ComputeFingerprint(article);
    EXPECT_TRUE(fingerprint.ok()) << fingerprint.status();
    article.body.clear();
    article.fingerprint = *fingerprint;
    return article;
  }

  // Ids and scores, in order.
  static std::vector<std::pair<std::string, double>> Related(FakeCollection& collection,
                                                             const std::string& id) {
    std::vector<std::pair<std::string, double>> related;
    const auto found = collection->FindRelated(ArticleQuery(id), {});
    EXPECT_TRUE(found.ok()) << id << ": " << found.status();
    if (!found.ok()) return related;
    for (const RelatedArticle& article : *found) {
      related.emplace_back(article.article.id, article.score);
    }
    return related;
  }

  const std::shared_ptr<FakeEmbedder> fake_ = std::make_shared<FakeEmbedder>("first", 64);
  const std::shared_ptr<FakeEmbedder> next_ = std::make_shared<FakeEmbedder>("next", 96);
  const std::shared_ptr<FakeEmbedder> other_ = std::make_shared<FakeEmbedder>("other", 64);
  FakeCollection collection_{{fake_, next_, other_}};
};

// An embedding server that does not answer.

TEST_F(EmbeddingTest, WhileTheServerIsDownCopiesAreFoundAllTheSame) {
  fake_->Answer(Down());
  const Verdict first = MustIngest(StoryArticle("a", 1));
  EXPECT_TRUE(first.embedding_pending);
  EXPECT_EQ(first.relation, Relation::kNew);
  const Verdict copy = MustIngest(StoryArticle("b", 1));
  EXPECT_TRUE(copy.embedding_pending);
  EXPECT_EQ(copy.relation, Relation::kExact);
  EXPECT_EQ(copy.group, first.group);
  EXPECT_EQ(pending(), 2);
  EXPECT_TRUE(collection_->Get("a", true)->state.embedding_pending);
  EXPECT_TRUE(collection_->HasEmbeddingWork());
  EXPECT_EQ(collection_->FindDuplicates("a", 10)->matches.size(), 1u);
  EXPECT_EQ(collection_->FindDuplicates(StoryArticle("", 1), 10)->relation, Relation::kExact);
  const Verdict replay = MustIngest(StoryArticle("a", 1));
  EXPECT_TRUE(replay.replayed);
  EXPECT_TRUE(replay.embedding_pending);
  EXPECT_EQ(pending(), 2);
}

TEST_F(EmbeddingTest, FindDuplicatesDoesNotAskTheServer) {
  MustIngest(StoryArticle("a", 1));
  const int calls = fake_->calls();
  ASSERT_TRUE(collection_->FindDuplicates(StoryArticle("", 1), 10).ok());
  ASSERT_TRUE(collection_->FindDuplicates("a", 10).ok());
  EXPECT_EQ(fake_->calls(), calls);
}

TEST_F(EmbeddingTest, WhatNeedsAVectorSaysThatThereIsNone) {
  fake_->Answer(Down());
  MustIngest(StoryArticle("a", 1));
  const absl::Status of_stored = collection_->FindRelated(ArticleQuery("a"), {}).status();
  EXPECT_EQ(of_stored.code(), absl::StatusCode::kFailedPrecondition) << of_stored;
  EXPECT_THAT(std::string(of_stored.message()), HasSubstr("still to come"));
  const Article text = StoryArticle("", 2);
  for (const absl::Status& status :
       {collection_->FindRelated(ArticleQuery(text), {}).status(),
        collection_->ComputeFingerprint(text).status(), collection_->Compare("a", text).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_EQ(status.message(), "embedder \"first\": connection refused");
  }
  // Two stored articles compare by what there is.
  MustIngest(StoryArticle("b", 1));
  EXPECT_EQ(collection_->Compare("a", "b")->relation, Relation::kExact);
  // And vectors of callers need no server.
  EXPECT_TRUE(collection_->FindRelated(fake_->VectorOf("", "word"), {}).ok());
}

TEST_F(EmbeddingTest, EmbedSomeFillsIn) {
  fake_->Answer(Down());
  for (int i = 0; i < 100; ++i) MustIngest(StoryArticle(absl::StrCat("a", i), i, 100));
  const absl::Status failed = collection_->EmbedSome();
  EXPECT_EQ(failed.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(failed.message(), "embedder \"first\": connection refused");
  EXPECT_EQ(pending(), 100);
  fake_->Answer(absl::OkStatus());
  int64_t last = pending();
  while (collection_->HasEmbeddingWork()) {
    ASSERT_TRUE(collection_->EmbedSome().ok());
    ASSERT_LT(pending(), last);
    last = pending();
  }
  EXPECT_EQ(pending(), 0);
  EXPECT_EQ(collection_.CountPending(1), 0);
  EXPECT_EQ(collection_.CountVectors(1), 100);
  ExpectVector("a7", *fake_, StoryArticle("a7", 7, 100));
  EXPECT_FALSE(collection_->Get("a7", true)->state.embedding_pending);
  EXPECT_FALSE(MustIngest(StoryArticle("a7", 7, 100)).embedding_pending);
  EXPECT_EQ(Related(collection_, "a7").size(), 10u);
  EXPECT_TRUE(collection_->EmbedSome().ok());  // with nothing to do
}

TEST_F(EmbeddingTest, VectorsThatCameLateAnswerLikeThoseThatCameAtOnce) {
  FakeCollection in_time({fake_});
  for (int i = 0; i < 60; ++i) {
    const Article article = StoryArticle(absl::StrCat("a", i), i % 50, 100);
    fake_->Answer(i % 3 == 0 ? Down() : absl::OkStatus());
    MustIngest(article);
    fake_->Answer(absl::OkStatus());
    MustIngest(in_time, article);
  }
  ASSERT_TRUE(collection_.EmbedAll().ok());
  for (int i = 0; i < 60; i += 7) {
    const std::string id = absl::StrCat("a", i);
    EXPECT_EQ(Related(collection_, id), Related(in_time, id)) << id;
  }
}

TEST_F(EmbeddingTest, WhatIsPendingSurvivesARestart) {
  fake_->Answer(Down());
  for (int i = 0; i < 5; ++i) MustIngest(StoryArticle(absl::StrCat("a", i), i));
  collection_.Reopen();
  EXPECT_EQ(pending(), 5);
  EXPECT_TRUE(collection_->HasEmbeddingWork());
  EXPECT_TRUE(collection_->Get("a3", true)->state.embedding_pending);
  fake_->Answer(absl::OkStatus());
  ASSERT_TRUE(collection_.EmbedAll().ok());
  const auto related = Related(collection_, "a3");
  EXPECT_EQ(related.size(), 4u);
  collection_.Reopen();
  EXPECT_EQ(pending(), 0);
  EXPECT_EQ(Related(collection_, "a3"), related);
}

TEST_F(EmbeddingTest, ACollectionWithoutTextKeepsItOnlyUntilTheVectorIsThere) {
  FakeCollection licensed({fake_}, /*omit_text=*/true);
  const Article article = StoryArticle("a", 1);
  fake_->Answer(Down());
  MustIngest(licensed, article);
  const auto waiting = licensed.store().Pending(licensed.uid(), 1, 0, 10);
  ASSERT_EQ(waiting->size(), 1u);
  EXPECT_EQ(waiting->front().second.title, article.title);
  EXPECT_EQ(waiting->front().second.body, article.body);
  EXPECT_EQ(licensed.store().GetBody(licensed.uid(), 0).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(licensed->Get("a", false)->article.title, "");
  EXPECT_EQ(licensed->Get("a", false)->article.body, "");

  licensed.Reopen();
  fake_->Answer(absl::OkStatus());
  ASSERT_TRUE(licensed.EmbedAll().ok());
  EXPECT_THAT(*licensed.store().Pending(licensed.uid(), 1, 0, 10), IsEmpty());
  EXPECT_EQ(*licensed.StoredVector("a"), fake_->VectorOf(article.title, article.body));
  // A deleted one leaves no text behind either.
  fake_->Answer(Down());
  MustIngest(licensed, StoryArticle("b", 2));
  ASSERT_TRUE(licensed->Delete("b", "").ok());
  EXPECT_THAT(*licensed.store().Pending(licensed.uid(), 1, 0, 10), IsEmpty());
}

TEST_F(EmbeddingTest, ACollectionWithTextDoesNotStoreItTwice) {
  fake_->Answer(Down());
  MustIngest(StoryArticle("a", 1));
  const auto waiting = collection_.store().Pending(collection_.uid(), 1, 0, 10);
  ASSERT_EQ(waiting->size(), 1u);
  EXPECT_EQ(waiting->front().second.body, "");
}

TEST_F(EmbeddingTest, DeletionsAndRevisionsCountRight) {
  fake_->Answer(Down());
  for (int i = 0; i < 4; ++i) MustIngest(StoryArticle(absl::StrCat("a", i), i));
  EXPECT_EQ(pending(), 4);
  ASSERT_TRUE(collection_->Delete("a1", "").ok());
  EXPECT_EQ(pending(), 3);
  MustIngest(StoryArticle("a2", 12));  // revised, and still without
  EXPECT_EQ(pending(), 3);
  fake_->Answer(absl::OkStatus());
  MustIngest(StoryArticle("a3", 13));  // revised with a vector
  EXPECT_EQ(pending(), 2);
  fake_->Answer(Down());
  MustIngest(StoryArticle("a3", 14));  // and again without
  EXPECT_EQ(pending(), 3);
  EXPECT_FALSE(collection_.StoredVector("a3").has_value());
  fake_->Answer(absl::OkStatus());
  ASSERT_TRUE(collection_.EmbedAll().ok());
  EXPECT_EQ(pending(), 0);
  EXPECT_EQ(collection_.CountVectors(1), 3);
  ExpectVector("a0", *fake_, StoryArticle("a0", 0));
  ExpectVector("a2", *fake_, StoryArticle("a2", 12));
  ExpectVector("a3", *fake_, StoryArticle("a3", 14));
}

TEST_F(EmbeddingTest, AWithdrawnStorysTombstonesWaitForNothing) {
  fake_->Answer(Down());
  const Verdict first = MustIngest(StoryArticle("a", 1));
  MustIngest(StoryArticle("b", 1));
  ASSERT_TRUE(collection_->Withdraw(first.group, {}).ok());
  ASSERT_TRUE(collection_->Delete("a", "").ok());
  MustIngest(StoryArticle("b", 2));
  EXPECT_EQ(pending(), 1);
  EXPECT_EQ(collection_.CountPending(1), 1);
  fake_->Answer(absl::OkStatus());
  ASSERT_TRUE(collection_.EmbedAll().ok());
  EXPECT_EQ(pending(), 0);
  EXPECT_EQ(collection_.CountVectors(1), 1);
}

TEST_F(EmbeddingTest, ARevisionDuringEmbedSomeIsNotOverwritten) {
  fake_->Answer(Down());
  MustIngest(StoryArticle("a", 1));
  MustIngest(StoryArticle("b", 2));
  fake_->Answer(absl::OkStatus());
  fake_->RunInNextEmbed([&] { MustIngest(StoryArticle("a", 11)); });
  ASSERT_TRUE(collection_->EmbedSome().ok());
  EXPECT_EQ(pending(), 0);
  ExpectVector("a", *fake_, StoryArticle("a", 11));
  ExpectVector("b", *fake_, StoryArticle("b", 2));
}

TEST_F(EmbeddingTest, ARevisionWithoutAVectorDuringEmbedSomeIsDoneLater) {
  fake_->Answer(Down());
  MustIngest(StoryArticle("a", 1));
  fake_->Answer(absl::OkStatus());
  fake_->RunInNextEmbed([&] {
    fake_->Answer(Down());
    MustIngest(StoryArticle("a", 11));
    fake_->Answer(absl::OkStatus());
  });
  ASSERT_TRUE(collection_->EmbedSome().ok());
  EXPECT_EQ(pending(), 1);
  EXPECT_FALSE(collection_.StoredVector("a").has_value());
  ASSERT_TRUE(collection_.EmbedAll().ok());
  EXPECT_EQ(pending(), 0);
  ExpectVector("a", *fake_, StoryArticle("a", 11));
}

TEST_F(EmbeddingTest, ADeletionDuringEmbedSomeLeavesNoVector) {
  fake_->Answer(Down());
  MustIngest(StoryArticle("a", 1));
  MustIngest(StoryArticle("b", 2));
  fake_->Answer(absl::OkStatus());
  fake_->RunInNextEmbed([&] { ASSERT_TRUE(collection_->Delete("a", "").ok()); });
  ASSERT_TRUE(collection_->EmbedSome().ok());
  EXPECT_EQ(pending(), 0);
  EXPECT_EQ(collection_.CountVectors(1), 1);
  MustIngest(StoryArticle("c", 3));
  EXPECT_EQ(Related(collection_, "c").size(), 1u);
}

TEST_F(EmbeddingTest, ADroppedCollectionIsNotWrittenTo) {
  fake_->Answer(Down());
  MustIngest(StoryArticle("a", 1));
  fake_->Answer(absl::OkStatus());
  fake_->RunInNextEmbed([&] { collection_->Close(); });
  EXPECT_EQ(collection_->EmbedSome().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(collection_.CountVectors(1), 0);
  EXPECT_EQ(Begin(next_).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(collection_->CancelReembedding().code(), absl::StatusCode::kNotFound);
}

// A text that the model does not take must not keep the others from their vectors.
TEST_F(EmbeddingTest, ARefusedTextDoesNotHoldUpTheOthers) {
  fake_->Refuse("xyzzyplugh");
  for (int i = 0; i < 5; ++i) MustIngest(StoryArticle(absl::StrCat("a", i), i));
  fake_->Answer(Down());
  Article refused = StoryArticle("refused", 100);
  refused.body += " xyzzyplugh";
  MustIngest(refused);
  for (int i = 5; i < 10; ++i) MustIngest(StoryArticle(absl::StrCat("a", i), i));
  fake_->Answer(absl::OkStatus());
  for (int step = 0; step < 20; ++step) collection_->EmbedSome().IgnoreError();
  EXPECT_LE(pending(), 1);
  EXPECT_EQ(collection_.CountVectors(1), 10);
}

// The move to another embedder.

TEST_F(EmbeddingTest, AMoveChangesAllVectorsWhileSearchesGoOn) {
  constexpr int kArticles = 100;
  FakeCollection born_there({next_});
  for (int i = 0; i < kArticles; ++i) {
    const Article article = StoryArticle(absl::StrCat("a", i), i, 100);
    MustIngest(article);
    MustIngest(born_there, article);
  }
  const auto before = Related(collection_, "a7");
  ASSERT_TRUE(Begin(next_).ok());
  ASSERT_TRUE(collection_->Info().reembedding.has_value());
  EXPECT_EQ(collection_->Info().embedding.embedder, "first");
  EXPECT_EQ(collection_->Info().reembedding->to.embedder, "next");
  EXPECT_EQ(collection_->Info().reembedding->articles, kArticles);
  EXPECT_EQ(collection_->Info().reembedding->articles_done, 0);
  int64_t done = 0;
  while (collection_->Info().reembedding.has_value()) {
    EXPECT_GE(collection_->Info().reembedding->articles_done, done);
    done = collection_->Info().reembedding->articles_done;
    EXPECT_EQ(Related(collection_, "a7"), before);
    ASSERT_TRUE(collection_->EmbedSome().ok());
  }
  EXPECT_EQ(done, kArticles);  // 100 %
  EXPECT_EQ(collection_->Info().embedding.embedder, "next");
  EXPECT_EQ(collection_->Info().embedding.identity, "next/1");
  EXPECT_EQ(collection_->Info().embedding.dimension, 96);
  EXPECT_EQ(collection_->Info().embedding.generation, 2u);
  EXPECT_FALSE(collection_->HasEmbeddingWork());
  EXPECT_EQ(collection_.CountVectors(1), 0);
  EXPECT_EQ(collection_.CountVectors(2), kArticles);
  for (int i = 0; i < kArticles; ++i) {
    const std::string id = absl::StrCat("a", i);
    ExpectVector(id, *next_, StoryArticle(id, i, 100));
  }
  const auto after = Related(collection_, "a7");
  EXPECT_EQ(after, Related(born_there, "a7"));
  EXPECT_NE(after, before);
  collection_.Reopen();
  EXPECT_EQ(Related(collection_, "a7"), after);
  EXPECT_EQ(collection_->Info().embedding.embedder, "next");
}

// As long retention leaves it: few articles, and many that were deleted.
TEST_F(EmbeddingTest, AMoveLooksAtSoManyDeletedArticlesAtATime) {
  constexpr Ordinal kOrdinals = 25'000;
  MustIngest(StoryArticle("a", 1, 100));
  collection_.SkipOrdinals(kOrdinals - 1);
  MustIngest(StoryArticle("b", 2, 100));
  ASSERT_TRUE(Begin(next_).ok());
  std::vector<int64_t> done;  // of the two articles
  while (collection_->Info().reembedding.has_value()) {
    ASSERT_LT(done.size(), 10u);
    ASSERT_TRUE(collection_->EmbedSome().ok());
    const auto progress = collection_->Info().reembedding;
    if (progress.has_value()) done.push_back(progress->articles_done);
  }
  EXPECT_THAT(done, ::testing::ElementsAre(0, 1, 2));  // after 10,000, 20,000, all
  EXPECT_EQ(collection_.CountVectors(2, kOrdinals + 1), 2);
  ExpectVector("b", *next_, StoryArticle("b", 2, 100));
}

TEST_F(EmbeddingTest, WritesGoOnDuringAMove) {
  for (int i = 0; i < 70; ++i) MustIngest(StoryArticle(absl::StrCat("a", i), i, 100));
  ASSERT_TRUE(Begin(next_).ok());
  ASSERT_TRUE(collection_->EmbedSome().ok());
  const int64_t done = collection_->Info().reembedding->articles_done;
  ASSERT_GT(done, 10);
  ASSERT_LT(done, 60);
  // Of those that it has passed, and of those that it has not.
  MustIngest(StoryArticle("a3", 103, 100));
  MustIngest(StoryArticle("a65", 165, 100));
  ASSERT_TRUE(collection_->Delete("a4", "").ok());
  ASSERT_TRUE(collection_->Delete("a66", "").ok());
  MustIngest(StoryArticle("new", 200, 100));
  MustIngest(StoryArticle("copy", 5, 100));
  ASSERT_TRUE(collection_->Delete("a5", "").ok());  // its copy is the reference now
  // A vector of today is there at once.
  ExpectVector("new", *fake_, StoryArticle("new", 200, 100));
  EXPECT_EQ(Related(collection_, "new").size(), 10u);

  ASSERT_TRUE(collection_.EmbedAll().ok());
  EXPECT_EQ(collection_->Info().embedding.embedder, "next");
  ExpectVector("a3", *next_, StoryArticle("a3", 103, 100));
  ExpectVector("a65", *next_, StoryArticle("a65", 165, 100));
  ExpectVector("new", *next_, StoryArticle("new", 200, 100));
  ExpectVector("copy", *next_, StoryArticle("copy", 5, 100));
  EXPECT_EQ(collection_.CountVectors(1), 0);
  EXPECT_EQ(collection_.CountVectors(2), 69);
  EXPECT_EQ(collection_.CountPending(2), 0);
  EXPECT_EQ(pending(), 0);
  RelatedOptions all;
  all.results_max = 200;
  EXPECT_EQ(collection_->FindRelated(ArticleQuery("a0"), all)->size(), 68u);
}

TEST_F(EmbeddingTest, AChangeDuringOneStepOfAMoveIsNotLost) {
  for (int i = 0; i < 10; ++i) MustIngest(StoryArticle(absl::StrCat("a", i), i));
  ASSERT_TRUE(Begin(next_).ok());
  next_->RunInNextEmbed([&] {
    MustIngest(StoryArticle("a1", 11));
    ASSERT_TRUE(collection_->Delete("a2", "").ok());
    MustIngest(StoryArticle("new", 100));
  });
  ASSERT_TRUE(collection_.EmbedAll().ok());
  EXPECT_EQ(collection_->Info().embedding.embedder, "next");
  ExpectVector("a1", *next_, StoryArticle("a1", 11));
  ExpectVector("new", *next_, StoryArticle("new", 100));
  EXPECT_EQ(collection_.CountVectors(2), 10);
}

// A fingerprint has no text to embed. When the text comes while the move looks at it, it counts.
TEST_F(EmbeddingTest, ATextThatComesForAFingerprintDuringAStepOfAMoveIsNotLost) {
  MustIngest(AsFingerprint(StoryArticle("print", 1)));
  MustIngest(StoryArticle("a", 2));
  ASSERT_TRUE(Begin(next_).ok());
  next_->RunInNextEmbed([&] { MustIngest(StoryArticle("print", 11)); });
  ASSERT_TRUE(collection_.EmbedAll().ok());
  EXPECT_EQ(collection_->Info().embedding.embedder, "next");
  ExpectVector("print", *next_, StoryArticle("print", 11));
}

TEST_F(EmbeddingTest, AMoveGoesOnAfterARestart) {
  for (int i = 0; i < 70; ++i) MustIngest(StoryArticle(absl::StrCat("a", i), i, 100));
  const auto before = Related(collection_, "a7");
  ASSERT_TRUE(Begin(next_).ok());
  ASSERT_TRUE(collection_->EmbedSome().ok());
  MustIngest(StoryArticle("a3", 103, 100));
  const int64_t done = collection_->Info().reembedding->articles_done;
  ASSERT_GT(done, 0);
  const absl::Time chosen_at = collection_->Info().reembedding->to.chosen_at;
  collection_.Reopen();
  ASSERT_TRUE(collection_->Info().reembedding.has_value());
  EXPECT_EQ(collection_->Info().reembedding->articles_done, done);
  EXPECT_EQ(collection_->Info().reembedding->to.chosen_at, chosen_at);
  EXPECT_EQ(Related(collection_, "a7").size(), before.size());
  EXPECT_TRUE(collection_->HasEmbeddingWork());
  const int calls = next_->calls();
  ASSERT_TRUE(collection_.EmbedAll().ok());
  EXPECT_LE(next_->calls() - calls, 3);  // what was done is not done again
  EXPECT_EQ(collection_.CountVectors(2), 70);
  ExpectVector("a3", *next_, StoryArticle("a3", 103, 100));
  ExpectVector("a0", *next_, StoryArticle("a0", 0, 100));
  const auto after = Related(collection_, "a7");
  collection_.Reopen();
  EXPECT_EQ(Related(collection_, "a7"), after);
}

TEST_F(EmbeddingTest, ACancelledMoveLeavesTheOldVectors) {
  for (int i = 0; i < 70; ++i) MustIngest(StoryArticle(absl::StrCat("a", i), i, 100));
  const auto before = Related(collection_, "a7");
  ASSERT_TRUE(collection_->CancelReembedding().ok());  // none goes on
  ASSERT_TRUE(Begin(next_).ok());
  ASSERT_TRUE(collection_->EmbedSome().ok());
  MustIngest(StoryArticle("a3", 3, 120));
  ASSERT_TRUE(collection_->CancelReembedding().ok());
  ASSERT_TRUE(collection_->CancelReembedding().ok());
  EXPECT_FALSE(collection_->Info().reembedding.has_value());
  EXPECT_FALSE(collection_->HasEmbeddingWork());
  EXPECT_EQ(collection_.CountVectors(2), 0);
  EXPECT_EQ(collection_.CountPending(2), 0);
  EXPECT_EQ(collection_.CountVectors(1), 70);
  EXPECT_EQ(Related(collection_, "a7").size(), before.size());
  collection_.Reopen();
  EXPECT_EQ(collection_->Info().embedding.embedder, "first");
  EXPECT_FALSE(collection_->Info().reembedding.has_value());
  // And it may be begun again, with the same embedder or another one.
  ASSERT_TRUE(Begin(other_).ok());
  ASSERT_TRUE(collection_.EmbedAll().ok());
  ExpectVector("a0", *other_, StoryArticle("a0", 0, 100));
  EXPECT_EQ(collection_.CountVectors(2), 70);
}

TEST_F(EmbeddingTest, AStepOfACancelledMoveIsForgotten) {
  for (int i = 0; i < 5; ++i) MustIngest(StoryArticle(absl::StrCat("a", i), i));
  ASSERT_TRUE(Begin(next_).ok());
  next_->RunInNextEmbed([&] {
    ASSERT_TRUE(collection_->CancelReembedding().ok());
    ASSERT_TRUE(Begin(other_).ok());
  });
  ASSERT_TRUE(collection_->EmbedSome().ok());
  EXPECT_EQ(collection_.CountVectors(2), 0);
  ASSERT_TRUE(collection_.EmbedAll().ok());
  for (int i = 0; i < 5; ++i) {
    const std::string id = absl::StrCat("a", i);
    ExpectVector(id, *other_, StoryArticle(id, i));
  }
}

TEST_F(EmbeddingTest, ASecondBeginIsForTheSameOrRefused) {
  for (int i = 0; i < 70; ++i) MustIngest(StoryArticle(absl::StrCat("a", i), i, 100));
  ASSERT_TRUE(Begin(fake_).ok());  // it has that already
  EXPECT_FALSE(collection_->Info().reembedding.has_value());
  ASSERT_TRUE(Begin(next_).ok());
  ASSERT_TRUE(collection_->EmbedSome().ok());
  const int64_t done = collection_->Info().reembedding->articles_done;
  ASSERT_TRUE(Begin(next_).ok());
  EXPECT_EQ(collection_->Info().reembedding->articles_done, done);
  const absl::Status other = Begin(other_);
  EXPECT_EQ(other.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(other.message()), HasSubstr("moving to \"next\", got \"other\""));
  ASSERT_TRUE(collection_.EmbedAll().ok());
  EXPECT_EQ(collection_->Info().embedding.embedder, "next");
}

TEST_F(EmbeddingTest, ACollectionWithoutTextCannotMove) {
  FakeCollection licensed({fake_, next_}, /*omit_text=*/true);
  MustIngest(licensed, StoryArticle("a", 1));
  const absl::Status status = licensed->BeginReembedding(FakeCollection::EmbeddingOf(next_));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("omit_text"));
  EXPECT_FALSE(licensed->Info().reembedding.has_value());
  EXPECT_TRUE(licensed->BeginReembedding(FakeCollection::EmbeddingOf(fake_)).ok());
}

TEST_F(EmbeddingTest, FingerprintsAreCountedAndNotFoundAfterwards) {
  for (int i = 0; i < 3; ++i) {
    MustIngest(StoryArticle(absl::StrCat("a", i), i));
    MustIngest(AsFingerprint(StoryArticle(absl::StrCat("print", i), 10 + i)));
  }
  ASSERT_TRUE(Begin(next_).ok());
  ASSERT_TRUE(collection_->EmbedSome().ok());
  ASSERT_TRUE(collection_->Info().reembedding.has_value());
  EXPECT_EQ(collection_->Info().reembedding->articles_without_text, 3);
  EXPECT_EQ(collection_->Info().reembedding->articles_done, 6);
  ASSERT_TRUE(collection_.EmbedAll().ok());
  EXPECT_EQ(pending(), 0);
  EXPECT_EQ(collection_.CountVectors(2), 3);
  for (const auto& [id, score] : Related(collection_, "a0")) EXPECT_EQ(id[0], 'a');
  EXPECT_EQ(collection_->FindRelated(ArticleQuery("print0"), {}).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(MustIngest(StoryArticle("copy", 11)).canonical_id, "print1");
  // The old ones are of another embedder.
  Article print = StoryArticle("late", 20);
  print.body.clear();
  print.fingerprint = *collection_->ComputeFingerprint(StoryArticle("late", 20));
  EXPECT_EQ(print.fingerprint->embedder, "next/1");
  EXPECT_TRUE(Ingest(*collection_, print).ok());
  print.fingerprint->embedder = "first/1";
  EXPECT_EQ(Ingest(*collection_, print).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(EmbeddingTest, WhatWasPreparedBeforeTheChangeOverGetsItsVectorAfterwards) {
  MustIngest(StoryArticle("a", 1));
  const auto prepare = [&](Article article) {
    IngestRequest request;
    request.article = std::move(article);
    return *collection_->Prepare(std::move(request));
  };
  PreparedIngest text = prepare(StoryArticle("text", 2));
  PreparedIngest print = prepare(AsFingerprint(StoryArticle("print", 3)));
  PreparedIngest revision = prepare(StoryArticle("a", 4));
  ASSERT_TRUE(Begin(next_).ok());
  ASSERT_TRUE(collection_.EmbedAll().ok());
  ASSERT_EQ(collection_->Info().embedding.embedder, "next");
  for (PreparedIngest* ingest : {&text, &print, &revision}) {
    const auto verdict = collection_->Ingest(std::move(*ingest));
    ASSERT_TRUE(verdict.ok()) << verdict.status();
    EXPECT_TRUE(verdict->embedding_pending);
  }
  EXPECT_EQ(pending(), 3);
  ASSERT_TRUE(collection_.EmbedAll().ok());
  EXPECT_EQ(pending(), 0);
  ExpectVector("text", *next_, StoryArticle("text", 2));
  ExpectVector("a", *next_, StoryArticle("a", 4));
  EXPECT_FALSE(collection_.StoredVector("print").has_value());
  EXPECT_EQ(Related(collection_, "text").size(), 1u);
}

TEST_F(EmbeddingTest, ADownServerIsNamedAsTheProblemOfAMove) {
  for (int i = 0; i < 5; ++i) MustIngest(StoryArticle(absl::StrCat("a", i), i));
  ASSERT_TRUE(Begin(next_).ok());
  EXPECT_EQ(collection_->Info().reembedding->problem, "");
  next_->Answer(Down());
  EXPECT_EQ(collection_->EmbedSome().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(collection_->Info().reembedding->problem, "embedder \"next\": connection refused");
  EXPECT_EQ(collection_->Info().reembedding->articles_done, 0);
  EXPECT_EQ(Related(collection_, "a0").size(), 4u);
  next_->Answer(absl::OkStatus());
  ASSERT_TRUE(collection_->EmbedSome().ok());
  EXPECT_EQ(collection_->Info().reembedding->problem, "");
  ASSERT_TRUE(collection_.EmbedAll().ok());
}

// A server that is gone for good is the best reason to move away from it.
TEST_F(EmbeddingTest, AMoveAwayFromADeadServerCompletes) {
  MustIngest(StoryArticle("a", 1));
  fake_->Answer(Down());
  MustIngest(StoryArticle("b", 2));
  ASSERT_TRUE(Begin(next_).ok());
  for (int step = 0; step < 10; ++step) collection_->EmbedSome().IgnoreError();
  EXPECT_EQ(collection_->Info().embedding.embedder, "next");
  EXPECT_EQ(pending(), 0);
  ExpectVector("a", *next_, StoryArticle("a", 1));
  ExpectVector("b", *next_, StoryArticle("b", 2));
}

TEST_F(EmbeddingTest, AnEmptyCollectionMovesAtOnce) {
  ASSERT_TRUE(Begin(next_).ok());
  ASSERT_TRUE(collection_.EmbedAll().ok());
  EXPECT_EQ(collection_->Info().embedding.embedder, "next");
  MustIngest(StoryArticle("a", 1));
  ExpectVector("a", *next_, StoryArticle("a", 1));
}

TEST_F(EmbeddingTest, OneMoveFollowsAnother) {
  for (int i = 0; i < 5; ++i) MustIngest(StoryArticle(absl::StrCat("a", i), i));
  for (const auto& fake : {next_, other_, fake_}) {
    ASSERT_TRUE(Begin(fake).ok());
    ASSERT_TRUE(collection_.EmbedAll().ok());
    EXPECT_EQ(collection_->Info().embedding.embedder, fake->name());
    EXPECT_EQ(collection_.CountVectors(collection_->Info().embedding.generation), 5);
  }
  EXPECT_EQ(collection_->Info().embedding.generation, 4u);
  for (uint32_t generation = 1; generation < 4; ++generation) {
    EXPECT_EQ(collection_.CountVectors(generation), 0);
  }
}

}  // namespace
}  // namespace newsprint
