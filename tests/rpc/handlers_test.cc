// The handlers without a network: what is told beyond what the engine's own tests cover.
#include "service/rpc/handlers.h"

#include "absl/strings/str_cat.h"
#include "tests/testing/articles.h"

namespace newsprint::rpc {
namespace {

using ::newsprint::testing::OpenEngine;
using ::newsprint::testing::StoryText;
using ::newsprint::testing::TempDir;
using ::testing::HasSubstr;

class HandlersTest : public ::testing::Test {
 protected:
  static v1::Article MakeArticle(const std::string& id, uint64_t story) {
    v1::Article article;
    article.set_id(id);
    article.set_title("Title");
    article.set_body(StoryText(story, 200));
    return article;
  }

  void MustIngest(const std::string& id, uint64_t story) {
    v1::IngestArticleRequest request;
    *request.mutable_article() = MakeArticle(id, story);
    v1::IngestArticleResponse response;
    ASSERT_TRUE(handlers_.IngestArticle(request, &response, Caller::Unrestricted()).ok());
  }

  TempDir dir_;
  std::unique_ptr<Engine> engine_ = OpenEngine(dir_.path());
  WorkerPool pool_{2};
  Handlers handlers_{engine_.get(), &pool_, Limits()};
};

TEST_F(HandlersTest, AVerdictCarriesItsEvidence) {
  MustIngest("a", 1);
  v1::IngestArticleRequest request;
  *request.mutable_article() = MakeArticle("b", 1);
  request.mutable_article()->set_title("Other");
  v1::IngestArticleResponse response;
  ASSERT_TRUE(handlers_.IngestArticle(request, &response, Caller::Unrestricted()).ok());
  const v1::Verdict& verdict = response.verdict();
  EXPECT_EQ(verdict.relation(), v1::RELATION_NEAR_DUPLICATE);
  EXPECT_EQ(verdict.canonical_id(), "a");
  EXPECT_EQ(verdict.group_id(), "g1");
  EXPECT_EQ(verdict.fingerprint_scheme(), "text1/w5/lede60/sketch3");
  EXPECT_EQ(verdict.thresholds().near_duplicate_jaccard(), 0.3);
  EXPECT_EQ(verdict.thresholds().revision_window_seconds(), 172'800);
  ASSERT_EQ(verdict.matches_size(), 1);
  EXPECT_EQ(verdict.matches(0).article_id(), "a");
  EXPECT_EQ(verdict.matches(0).evidence().jaccard(), 1);
  EXPECT_EQ(verdict.matches(0).evidence().shared_shingles(), 196);
}

TEST_F(HandlersTest, ABadItemDoesNotTouchTheOthers) {
  v1::BatchIngestArticlesRequest request;
  *request.add_requests()->mutable_article() = MakeArticle("a", 1);
  *request.add_requests()->mutable_article() = MakeArticle("", 1);
  request.add_requests()->mutable_article()->set_id("no-body");
  v1::IngestArticleRequest* elsewhere = request.add_requests();
  *elsewhere->mutable_article() = MakeArticle("elsewhere", 1);
  elsewhere->set_collection("other");
  request.add_requests();
  *request.add_requests()->mutable_article() = MakeArticle("b", 1);
  v1::BatchIngestArticlesResponse response;
  ASSERT_TRUE(handlers_.BatchIngestArticles(request, &response, Caller::Unrestricted()).ok());
  ASSERT_EQ(response.results_size(), 6);
  EXPECT_EQ(response.results(0).status().code(), 0);
  EXPECT_EQ(response.results(0).verdict().relation(), v1::RELATION_NEW);
  EXPECT_EQ(response.results(1).status().message(), "article.id: required, got nothing");
  EXPECT_EQ(response.results(2).status().message(), "article.body: required, got nothing");
  EXPECT_EQ(response.results(2).article_id(), "no-body");
  EXPECT_FALSE(response.results(2).has_verdict());
  EXPECT_THAT(response.results(3).status().message(), HasSubstr("collection: differs"));
  EXPECT_EQ(response.results(4).status().message(), "article: required, got nothing");
  EXPECT_EQ(response.results(5).verdict().relation(), v1::RELATION_EXACT);
  EXPECT_EQ(response.results(5).verdict().canonical_id(), "a");
}

TEST_F(HandlersTest, ABatchHasLimits) {
  v1::BatchIngestArticlesRequest request;
  v1::BatchIngestArticlesResponse response;
  EXPECT_EQ(handlers_.BatchIngestArticles(request, &response, Caller::Unrestricted()).message(),
            "requests: required, got 0, limit 1 to 1000");
  for (int i = 0; i < 10'000; ++i) request.add_requests();
  EXPECT_EQ(handlers_.BatchIngestArticles(request, &response, Caller::Unrestricted()).message(),
            "requests: too many items, got 10000, limit 1 to 1000");
  request.clear_requests();
  *request.add_requests()->mutable_article() = MakeArticle("a", 1);
  request.set_collection("nowhere");
  EXPECT_EQ(handlers_.BatchIngestArticles(request, &response, Caller::Unrestricted()).message(),
            "collection: not found, got \"nowhere\"");
}

TEST_F(HandlersTest, RawTextIsRepaired) {
  v1::IngestArticleRequest request;
  request.mutable_article()->set_id("a");
  request.mutable_article()->set_raw_title("Caf\xe9 \x93quoted\x94");
  request.mutable_article()->set_raw_body(StoryText(1, 50) + "\xff\xfe");
  v1::IngestArticleResponse response;
  ASSERT_TRUE(handlers_.IngestArticle(request, &response, Caller::Unrestricted()).ok());
  v1::GetArticleRequest get;
  get.set_id("a");
  v1::GetArticleResponse got;
  ASSERT_TRUE(handlers_.GetArticle(get, &got).ok());
  EXPECT_EQ(got.article().title(), "Café “quoted”");
  EXPECT_EQ(got.state().revision_number(), 1);
  EXPECT_TRUE(got.state().text_stored());
}

TEST_F(HandlersTest, BatchGetAnswersEachId) {
  MustIngest("a", 1);
  v1::BatchGetArticlesRequest request;
  request.add_ids("a");
  request.add_ids("nobody");
  request.add_ids("");
  request.set_omit_body(true);
  v1::BatchGetArticlesResponse response;
  ASSERT_TRUE(handlers_.BatchGetArticles(request, &response).ok());
  EXPECT_EQ(response.results(0).article().title(), "Title");
  EXPECT_EQ(response.results(0).article().body(), "");
  EXPECT_EQ(response.results(1).status().code(), 5);
  EXPECT_EQ(response.results(1).status().message(), "id: no such article, got \"nobody\"");
  EXPECT_EQ(response.results(2).status().code(), 3);
}

TEST_F(HandlersTest, PagesOfGroupsBelongToTheirRequest) {
  for (int i = 0; i < 5; ++i) MustIngest(absl::StrCat("a", i), i);
  v1::ListGroupsRequest request;
  request.set_page_size(2);
  std::vector<std::string> ids;
  while (true) {
    v1::ListGroupsResponse response;
    ASSERT_TRUE(handlers_.ListGroups(request, &response).ok());
    for (const v1::Group& group : response.groups()) ids.push_back(group.id());
    if (response.next_page_token().empty()) break;
    request.set_page_token(response.next_page_token());
  }
  EXPECT_THAT(ids, ::testing::ElementsAre("g1", "g2", "g3", "g4", "g5"));
  request.set_members_min(2);  // another list
  v1::ListGroupsResponse response;
  const absl::Status status = handlers_.ListGroups(request, &response);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("page_token: not one"));
}

TEST_F(HandlersTest, GroupsByIdAndByArticle) {
  MustIngest("a", 1);
  MustIngest("b", 1);
  v1::GetGroupRequest request;
  v1::GetGroupResponse response;
  EXPECT_EQ(handlers_.GetGroup(request, &response).message(),
            "group (group_id or article_id): required, got nothing");
  request.set_group_id("g1");
  ASSERT_TRUE(handlers_.GetGroup(request, &response).ok());
  EXPECT_EQ(response.group().member_count(), 2);
  EXPECT_FALSE(response.members(0).has_evidence());
  EXPECT_EQ(response.members(1).evidence().jaccard(), 1);
  request.set_article_id("b");
  request.set_page_size(1);
  response.Clear();
  ASSERT_TRUE(handlers_.GetGroup(request, &response).ok());
  EXPECT_EQ(response.group().id(), "g1");
  EXPECT_EQ(response.members_size(), 1);
  request.set_page_token(response.next_page_token());
  response.Clear();
  ASSERT_TRUE(handlers_.GetGroup(request, &response).ok());
  EXPECT_EQ(response.members(0).article_id(), "b");
  request.set_group_id("g7");
  EXPECT_EQ(handlers_.GetGroup(request, &response).code(), absl::StatusCode::kInvalidArgument);
  request.clear_page_token();
  EXPECT_EQ(handlers_.GetGroup(request, &response).code(), absl::StatusCode::kNotFound);
}

TEST_F(HandlersTest, CollectionsLiveAndDie) {
  v1::CreateCollectionRequest create;
  create.mutable_collection()->set_name("wires");
  create.mutable_collection()->mutable_thresholds()->set_tokens_min(5);
  v1::CreateCollectionResponse created;
  ASSERT_TRUE(handlers_.CreateCollection(create, &created).ok());
  EXPECT_EQ(created.collection().shingle_words(), 5);
  EXPECT_EQ(created.collection().embedding_dimension(), 256);
  EXPECT_EQ(created.collection().thresholds().tokens_min(), 5);
  EXPECT_EQ(created.collection().thresholds().duplicate_containment(), 0.6);
  EXPECT_EQ(handlers_.CreateCollection(create, &created).code(), absl::StatusCode::kAlreadyExists);

  v1::ListCollectionsRequest list;
  list.set_page_size(1);
  v1::ListCollectionsResponse listed;
  ASSERT_TRUE(handlers_.ListCollections(list, &listed, Caller::Unrestricted()).ok());
  EXPECT_EQ(listed.collections(0).name(), "default");
  list.set_page_token(listed.next_page_token());
  listed.Clear();
  ASSERT_TRUE(handlers_.ListCollections(list, &listed, Caller::Unrestricted()).ok());
  EXPECT_EQ(listed.collections(0).name(), "wires");
  EXPECT_EQ(listed.next_page_token(), "");

  v1::DeleteCollectionRequest drop;
  v1::DeleteCollectionResponse dropped;
  EXPECT_EQ(handlers_.DeleteCollection(drop, &dropped).code(), absl::StatusCode::kInvalidArgument);
  drop.set_name("wires");
  EXPECT_TRUE(handlers_.DeleteCollection(drop, &dropped).ok());
  EXPECT_EQ(handlers_.DeleteCollection(drop, &dropped).code(), absl::StatusCode::kNotFound);
  v1::GetCollectionRequest get;
  v1::GetCollectionResponse got;
  get.set_name("wires");
  EXPECT_EQ(handlers_.GetCollection(get, &got).code(), absl::StatusCode::kNotFound);
  get.clear_name();
  ASSERT_TRUE(handlers_.GetCollection(get, &got).ok());
  EXPECT_EQ(got.collection().name(), "default");
}

TEST_F(HandlersTest, StatsCount) {
  MustIngest("a", 1);
  MustIngest("b", 1);
  v1::GetStatsResponse stats;
  ASSERT_TRUE(handlers_.GetStats({}, &stats, Caller::Unrestricted()).ok());
  EXPECT_EQ(stats.articles(), 2);
  EXPECT_EQ(stats.groups(), 1);
  EXPECT_EQ(stats.sequence(), 2);
  ASSERT_EQ(stats.relations_size(), 2);
  EXPECT_EQ(stats.relations(1).relation(), v1::RELATION_EXACT);
  EXPECT_GT(stats.fingerprint_index_bytes(), 0);
}

TEST_F(HandlersTest, FindRelatedChecksItsRanges) {
  v1::FindRelatedRequest request;
  v1::FindRelatedResponse response;
  request.set_id("a");
  request.set_max_results(1001);
  EXPECT_EQ(handlers_.FindRelated(request, &response).message(),
            "max_results: out of range, got 1001, limit 1 to 1000");
  request.set_max_results(5);
  request.set_score_min(-1.5);
  EXPECT_EQ(handlers_.FindRelated(request, &response).message(),
            "score_min: out of range, got -1.5, limit 0 to 1");
  request.clear_score_min();
  EXPECT_EQ(handlers_.FindRelated(request, &response).message(), "id: no such article, got \"a\"");
  request.mutable_vector()->add_values(1);
  EXPECT_EQ(handlers_.FindRelated(request, &response).message(),
            "vector.values: wrong dimension, got 1 values, expected 256");
}

TEST_F(HandlersTest, CompareTakesIdsAndTexts) {
  MustIngest("a", 1);
  v1::CompareRequest request;
  request.mutable_a()->set_id("a");
  *request.mutable_b()->mutable_article() = MakeArticle("", 1);
  v1::CompareResponse response;
  ASSERT_TRUE(handlers_.Compare(request, &response).ok());
  EXPECT_EQ(response.relation(), v1::RELATION_EXACT);
  EXPECT_NEAR(response.similarity(), 1, 1e-4);  // stored weights are rounded
  EXPECT_EQ(response.explanation(), "the normalised texts are the same");
}

// Embedders.

TEST_F(HandlersTest, FindRelatedAppliesItsFilters) {
  for (const char* source : {"AP", "AFP"}) {
    v1::IngestArticleRequest request;
    *request.mutable_article() = MakeArticle(source, source[1]);
    request.mutable_article()->set_source(source);
    request.mutable_article()->set_language("pt-BR");
    request.mutable_article()->mutable_published_at()->set_seconds(1'600'000'000);
    v1::IngestArticleResponse response;
    ASSERT_TRUE(handlers_.IngestArticle(request, &response, Caller::Unrestricted()).ok());
    EXPECT_FALSE(response.verdict().embedding_pending());
  }
  v1::FindRelatedRequest request;
  *request.mutable_article() = MakeArticle("", 7);
  v1::FindRelatedResponse response;
  const auto find = [&](v1::FindRelatedRequest one) {
    response.Clear();
    return handlers_.FindRelated(one, &response);
  };
  ASSERT_TRUE(find(request).ok());
  EXPECT_EQ(response.related_size(), 2);
  request.add_sources("AFP");
  request.add_languages("PT");
  request.mutable_published_from()->set_seconds(1'600'000'000);
  ASSERT_TRUE(find(request).ok());
  ASSERT_EQ(response.related_size(), 1);
  EXPECT_EQ(response.related(0).article_id(), "AFP");
  EXPECT_EQ(response.related(0).source(), "AFP");
  EXPECT_EQ(response.related(0).language(), "pt-BR");
  EXPECT_EQ(response.related(0).published_at().seconds(), 1'600'000'000);
  request.mutable_published_before()->set_seconds(1'600'000'000);
  ASSERT_TRUE(find(request).ok());
  EXPECT_EQ(response.related_size(), 0);
  request.mutable_half_life()->set_seconds(0);
  EXPECT_EQ(find(request).message(),
            "half_life.seconds: out of range, got 0, limit 1 to 3153600000");
}

TEST_F(HandlersTest, ListEmbeddersNamesThoseThatAreAlwaysThere) {
  v1::ListEmbeddersResponse response;
  ASSERT_TRUE(handlers_.ListEmbedders({}, &response).ok());
  ASSERT_EQ(response.embedders_size(), 2);
  EXPECT_EQ(response.embedders(0).name(), "builtin");
  EXPECT_EQ(response.embedders(0).kind(), v1::EMBEDDER_KIND_BUILTIN);
  EXPECT_EQ(response.embedders(0).dimension(), 256);
  EXPECT_THAT(response.embedders(0).identity(), ::testing::StartsWith("terms256/"));
  EXPECT_EQ(response.embedders(0).problem(), "");
  EXPECT_EQ(response.embedders(1).name(), "caller");
  EXPECT_EQ(response.embedders(1).kind(), v1::EMBEDDER_KIND_CALLER);
  EXPECT_EQ(response.embedders(1).dimension(), 0);
  EXPECT_EQ(response.embedders(1).identity(), "");
}

TEST_F(HandlersTest, ACollectionTellsItsEmbedder) {
  v1::CreateCollectionRequest create;
  create.mutable_collection()->set_name("vectors");
  create.mutable_collection()->set_embedder("caller");
  create.mutable_collection()->set_embedding_dimension(16);
  v1::CreateCollectionResponse created;
  ASSERT_TRUE(handlers_.CreateCollection(create, &created).ok());
  EXPECT_EQ(created.collection().embedder(), "caller");
  EXPECT_EQ(created.collection().embedder_identity(), "caller");
  EXPECT_EQ(created.collection().embedding_dimension(), 16);
  EXPECT_FALSE(created.collection().has_reembedding());
  v1::GetCollectionResponse got;
  ASSERT_TRUE(handlers_.GetCollection({}, &got).ok());
  EXPECT_EQ(got.collection().embedder(), "builtin");
  EXPECT_THAT(got.collection().embedder_identity(), ::testing::StartsWith("terms256/"));

  create.mutable_collection()->set_name("other");
  create.mutable_collection()->set_embedder("nobody");
  EXPECT_EQ(handlers_.CreateCollection(create, &created).message(),
            "collection.embedder: no such embedder, got \"nobody\"; ListEmbedders names those "
            "there are");
  create.mutable_collection()->set_embedder("builtin");
  EXPECT_EQ(handlers_.CreateCollection(create, &created).message(),
            "collection.embedding_dimension: not the embedder's, got 16, and \"builtin\" has 256");
}

TEST_F(HandlersTest, ReembeddingBeginsAndIsCancelled) {
  v1::CreateCollectionRequest create;
  create.mutable_collection()->set_name("vectors");
  create.mutable_collection()->set_embedder("caller");
  create.mutable_collection()->set_embedding_dimension(8);
  v1::CreateCollectionResponse created;
  ASSERT_TRUE(handlers_.CreateCollection(create, &created).ok());
  v1::IngestArticleRequest ingest;
  ingest.set_collection("vectors");
  *ingest.mutable_article() = MakeArticle("a", 1);
  for (int i = 0; i < 8; ++i) ingest.mutable_article()->add_embedding(1);
  v1::IngestArticleResponse ingested;
  ASSERT_TRUE(handlers_.IngestArticle(ingest, &ingested, Caller::Unrestricted()).ok());

  v1::ReembedCollectionRequest request;
  v1::ReembedCollectionResponse response;
  EXPECT_EQ(handlers_.ReembedCollection(request, &response).message(),
            "embedder: required, got nothing");
  request.set_embedder("nobody");
  EXPECT_EQ(handlers_.ReembedCollection(request, &response).message(),
            "embedder: no such embedder, got \"nobody\"; ListEmbedders names those there are");
  request.set_embedder("caller");
  EXPECT_EQ(handlers_.ReembedCollection(request, &response).code(),
            absl::StatusCode::kInvalidArgument);
  request.set_collection("nowhere");
  EXPECT_EQ(handlers_.ReembedCollection(request, &response).code(), absl::StatusCode::kNotFound);
  // The default collection has it already.
  request.clear_collection();
  request.set_embedder("builtin");
  ASSERT_TRUE(handlers_.ReembedCollection(request, &response).ok());
  EXPECT_EQ(response.collection().name(), "default");
  EXPECT_FALSE(response.collection().has_reembedding());

  request.set_collection("vectors");
  for (int i = 0; i < 2; ++i) {
    response.Clear();
    ASSERT_TRUE(handlers_.ReembedCollection(request, &response).ok());
    ASSERT_TRUE(response.collection().has_reembedding());
    EXPECT_EQ(response.collection().embedder(), "caller");
    const v1::Reembedding& reembedding = response.collection().reembedding();
    EXPECT_EQ(reembedding.embedder(), "builtin");
    EXPECT_THAT(reembedding.embedder_identity(), ::testing::StartsWith("terms256/"));
    EXPECT_EQ(reembedding.articles(), 1);
    EXPECT_EQ(reembedding.articles_done(), 0);
    EXPECT_EQ(reembedding.articles_without_text(), 0);
    EXPECT_EQ(reembedding.problem(), "");
    EXPECT_GT(reembedding.started_at().seconds(), 1'600'000'000);
  }
  v1::GetCollectionRequest get;
  get.set_name("vectors");
  v1::GetCollectionResponse got;
  ASSERT_TRUE(handlers_.GetCollection(get, &got).ok());
  EXPECT_TRUE(got.collection().has_reembedding());

  v1::CancelReembeddingRequest cancel;
  cancel.set_collection("vectors");
  for (int i = 0; i < 2; ++i) {
    v1::CancelReembeddingResponse cancelled;
    ASSERT_TRUE(handlers_.CancelReembedding(cancel, &cancelled).ok());
    EXPECT_FALSE(cancelled.collection().has_reembedding());
    EXPECT_EQ(cancelled.collection().embedder(), "caller");
  }
  cancel.set_collection("nowhere");
  v1::CancelReembeddingResponse cancelled;
  EXPECT_EQ(handlers_.CancelReembedding(cancel, &cancelled).code(), absl::StatusCode::kNotFound);

  // And once more, to its end.
  ASSERT_TRUE(handlers_.ReembedCollection(request, &response).ok());
  const auto collection = *engine_->Find("vectors");
  for (int i = 0; i < 10 && collection->HasEmbeddingWork(); ++i) {
    ASSERT_TRUE(collection->EmbedSome().ok());
  }
  got.Clear();
  ASSERT_TRUE(handlers_.GetCollection(get, &got).ok());
  EXPECT_FALSE(got.collection().has_reembedding());
  EXPECT_EQ(got.collection().embedder(), "builtin");
  EXPECT_EQ(got.collection().embedding_dimension(), 256);
  v1::GetStatsRequest stats_request;
  stats_request.set_collection("vectors");
  v1::GetStatsResponse stats;
  ASSERT_TRUE(handlers_.GetStats(stats_request, &stats, Caller::Unrestricted()).ok());
  EXPECT_EQ(stats.embeddings_pending(), 0);
}

TEST_F(HandlersTest, ACollectionWithoutTextCannotChangeItsEmbedder) {
  v1::CreateCollectionRequest create;
  create.mutable_collection()->set_name("licensed");
  create.mutable_collection()->set_omit_text(true);
  create.mutable_collection()->set_embedder("caller");
  v1::CreateCollectionResponse created;
  ASSERT_TRUE(handlers_.CreateCollection(create, &created).ok());
  v1::ReembedCollectionRequest request;
  request.set_collection("licensed");
  request.set_embedder("builtin");
  v1::ReembedCollectionResponse response;
  const absl::Status status = handlers_.ReembedCollection(request, &response);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), "collection: keeps no text (omit_text) to make other vectors from");
}

// Groups: editing, withdrawing, fingerprints.

class GroupHandlersTest : public HandlersTest {
 protected:
  // g1 with "a", "a2" and "a3", g2 with "b".
  void SetUp() override {
    for (const char* id : {"a", "a2", "a3"}) MustIngest(id, 1);
    MustIngest("b", 2);
  }

  v1::Group GetGroup(const std::string& id) {
    v1::GetGroupRequest request;
    request.set_group_id(id);
    v1::GetGroupResponse response;
    const absl::Status status = handlers_.GetGroup(request, &response);
    EXPECT_TRUE(status.ok()) << status;
    return response.group();
  }

  v1::WithdrawStoryRequest MakeWithdrawal(const std::string& article_id) {
    v1::WithdrawStoryRequest request;
    request.set_article_id(article_id);
    request.set_reason(v1::WITHDRAWAL_REASON_KILLED);
    request.set_note("Not for use.");
    return request;
  }

  v1::WithdrawStoryResponse MustWithdraw(const v1::WithdrawStoryRequest& request) {
    v1::WithdrawStoryResponse response;
    const absl::Status status = handlers_.WithdrawStory(request, &response);
    EXPECT_TRUE(status.ok()) << status;
    return response;
  }

  // Page by page.
  std::vector<std::string> Affected(v1::ListAffectedArticlesRequest request) {
    std::vector<std::string> ids;
    while (true) {
      v1::ListAffectedArticlesResponse response;
      const absl::Status status = handlers_.ListAffectedArticles(request, &response);
      EXPECT_TRUE(status.ok()) << status;
      if (!status.ok()) return ids;
      EXPECT_TRUE(response.has_withdrawal());
      EXPECT_LE(response.articles_size(), 1000);
      for (const v1::GroupMember& member : response.articles()) ids.push_back(member.article_id());
      if (response.next_page_token().empty()) return ids;
      request.set_page_token(response.next_page_token());
    }
  }
};

TEST_F(GroupHandlersTest, SetCanonicalPinsAndUnpins) {
  v1::SetCanonicalRequest request;
  v1::SetCanonicalResponse response;
  request.set_group_id("g1");
  request.set_article_id("a2");
  ASSERT_TRUE(handlers_.SetCanonical(request, &response).ok());
  EXPECT_EQ(response.group().id(), "g1");
  EXPECT_EQ(response.group().canonical_id(), "a2");
  EXPECT_TRUE(response.group().canonical_pinned());
  EXPECT_EQ(response.group().member_count(), 3);
  EXPECT_EQ(response.group().title(), "Title");
  request.clear_article_id();
  response.Clear();
  ASSERT_TRUE(handlers_.SetCanonical(request, &response).ok());
  EXPECT_EQ(response.group().canonical_id(), "a");
  EXPECT_FALSE(response.group().canonical_pinned());

  request.set_article_id("b");
  absl::Status status = handlers_.SetCanonical(request, &response);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), "article_id: not a member of the group, got \"b\"");
  request.set_article_id(std::string(513, 'x'));
  EXPECT_EQ(handlers_.SetCanonical(request, &response).message(),
            "article_id: too long, got 513 bytes, limit 512 bytes");
  request.set_article_id("a");
  request.set_group_id("g7");
  EXPECT_EQ(handlers_.SetCanonical(request, &response).message(),
            "group_id: no such group, got \"g7\"");
  request.clear_group_id();
  EXPECT_EQ(handlers_.SetCanonical(request, &response).message(),
            "group_id: required, got nothing");
  request.set_group_id("g1");
  request.set_collection("nowhere");
  EXPECT_EQ(handlers_.SetCanonical(request, &response).code(), absl::StatusCode::kNotFound);
}

TEST_F(GroupHandlersTest, TheIdOfAMergedGroupNamesTheOther) {
  v1::MergeGroupsRequest request;
  v1::MergeGroupsResponse response;
  request.set_group_id("g1");
  EXPECT_EQ(handlers_.MergeGroups(request, &response).message(),
            "merged_group_id: required, got nothing");
  request.set_merged_group_id("g1");
  absl::Status status = handlers_.MergeGroups(request, &response);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "merged_group_id: the same group, got \"g1\"");
  request.set_merged_group_id("nonsense");
  EXPECT_EQ(handlers_.MergeGroups(request, &response).message(),
            "merged_group_id: no such group, got \"nonsense\"");
  request.set_merged_group_id("g7");
  EXPECT_EQ(handlers_.MergeGroups(request, &response).code(), absl::StatusCode::kNotFound);
  request.set_merged_group_id("g2");
  ASSERT_TRUE(handlers_.MergeGroups(request, &response).ok());
  EXPECT_EQ(response.group().id(), "g1");
  EXPECT_EQ(response.group().member_count(), 4);
  ASSERT_TRUE(handlers_.MergeGroups(request, &response).ok());  // again

  EXPECT_EQ(GetGroup("g2").id(), "g1");
  EXPECT_EQ(GetGroup("g2").member_count(), 4);
  v1::GetGroupRequest get;
  get.set_group_id("g2");
  get.set_page_size(3);
  v1::GetGroupResponse got;
  ASSERT_TRUE(handlers_.GetGroup(get, &got).ok());
  get.set_page_token(got.next_page_token());
  got.Clear();
  ASSERT_TRUE(handlers_.GetGroup(get, &got).ok());
  ASSERT_EQ(got.members_size(), 1);
  EXPECT_EQ(got.members(0).article_id(), "b");
  EXPECT_TRUE(got.members(0).placed_by_editor());
  // The other requests take it too.
  v1::SetCanonicalRequest set;
  set.set_group_id("g2");
  set.set_article_id("b");
  v1::SetCanonicalResponse canonical;
  ASSERT_TRUE(handlers_.SetCanonical(set, &canonical).ok());
  EXPECT_EQ(canonical.group().id(), "g1");
  v1::WithdrawStoryRequest withdraw;
  withdraw.set_group_id("g2");
  withdraw.set_reason(v1::WITHDRAWAL_REASON_KILLED);
  EXPECT_EQ(MustWithdraw(withdraw).affected_count(), 4);
  v1::ListAffectedArticlesRequest affected;
  affected.set_group_id("g2");
  affected.set_page_size(3);
  EXPECT_THAT(Affected(affected), ::testing::ElementsAre("a", "a2", "a3", "b"));
  v1::ListGroupsResponse listed;
  ASSERT_TRUE(handlers_.ListGroups({}, &listed).ok());
  ASSERT_EQ(listed.groups_size(), 1);
  EXPECT_EQ(listed.groups(0).id(), "g1");
}

TEST_F(GroupHandlersTest, SplitTellsBothGroups) {
  v1::SplitGroupRequest request;
  v1::SplitGroupResponse response;
  request.set_group_id("g1");
  request.add_article_ids("a2");
  request.add_article_ids("a2");  // twice is once
  request.set_request_id("split-1");
  ASSERT_TRUE(handlers_.SplitGroup(request, &response).ok());
  EXPECT_EQ(response.group().id(), "g1");
  EXPECT_EQ(response.group().member_count(), 2);
  EXPECT_EQ(response.new_group().id(), "g3");
  EXPECT_EQ(response.new_group().canonical_id(), "a2");
  EXPECT_EQ(response.new_group().member_count(), 1);
  response.Clear();
  ASSERT_TRUE(handlers_.SplitGroup(request, &response).ok());  // the same answer again
  EXPECT_EQ(response.new_group().id(), "g3");
  request.set_article_ids(1, "a3");
  EXPECT_THAT(std::string(handlers_.SplitGroup(request, &response).message()),
              HasSubstr("request_id: already used"));
  request.clear_request_id();
  absl::Status status = handlers_.SplitGroup(request, &response);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), "article_ids: not a member of the group, got \"a2\"");
  request.set_article_ids(0, "nobody");
  status = handlers_.SplitGroup(request, &response);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "article_ids: no such article, got \"nobody\"");
  request.set_article_ids(0, "a");
  status = handlers_.SplitGroup(request, &response);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), "article_ids: no member would be left in the group, got all 2");
  EXPECT_EQ(GetGroup("g1").member_count(), 2);
}

TEST_F(GroupHandlersTest, AWithdrawnStoryIsToldEverywhere) {
  v1::WithdrawStoryRequest request = MakeWithdrawal("a2");
  request.set_replacement_id("a3");
  const v1::WithdrawStoryResponse withdrawn = MustWithdraw(request);
  EXPECT_EQ(withdrawn.affected_count(), 2);
  const v1::Withdrawal& withdrawal = withdrawn.group().withdrawal();
  EXPECT_EQ(withdrawal.article_id(), "a2");
  EXPECT_EQ(withdrawal.reason(), v1::WITHDRAWAL_REASON_KILLED);
  EXPECT_EQ(withdrawal.note(), "Not for use.");
  EXPECT_EQ(withdrawal.replacement_id(), "a3");
  EXPECT_GT(withdrawal.withdrawn_at().seconds(), 0);

  v1::IngestArticleRequest copy;
  *copy.mutable_article() = MakeArticle("a4", 1);
  v1::IngestArticleResponse ingested;
  ASSERT_TRUE(handlers_.IngestArticle(copy, &ingested, Caller::Unrestricted()).ok());
  EXPECT_EQ(ingested.verdict().withdrawal().note(), "Not for use.");
  v1::FindDuplicatesRequest find;
  *find.mutable_article() = MakeArticle("", 1);
  v1::FindDuplicatesResponse found;
  ASSERT_TRUE(handlers_.FindDuplicates(find, &found).ok());
  EXPECT_TRUE(found.verdict().has_withdrawal());
  v1::GetArticleRequest get;
  v1::GetArticleResponse got;
  get.set_id("a");
  ASSERT_TRUE(handlers_.GetArticle(get, &got).ok());
  EXPECT_TRUE(got.state().has_withdrawal());
  get.set_id("a3");  // the replacement
  got.Clear();
  ASSERT_TRUE(handlers_.GetArticle(get, &got).ok());
  EXPECT_FALSE(got.state().has_withdrawal());
  v1::ListGroupsRequest list;
  list.set_withdrawn_only(true);
  v1::ListGroupsResponse listed;
  ASSERT_TRUE(handlers_.ListGroups(list, &listed).ok());
  ASSERT_EQ(listed.groups_size(), 1);
  EXPECT_TRUE(listed.groups(0).has_withdrawal());

  v1::ReinstateStoryRequest reinstate;
  v1::ReinstateStoryResponse reinstated;
  reinstate.set_group_id("g1");
  for (int round = 0; round < 2; ++round) {  // harmless when repeated
    ASSERT_TRUE(handlers_.ReinstateStory(reinstate, &reinstated).ok());
    EXPECT_EQ(reinstated.group().member_count(), 4);
    EXPECT_FALSE(reinstated.group().has_withdrawal());
  }
  got.Clear();
  get.set_id("a");
  ASSERT_TRUE(handlers_.GetArticle(get, &got).ok());
  EXPECT_FALSE(got.state().has_withdrawal());
}

TEST_F(GroupHandlersTest, AStoryWhoseArticlesAreAllGoneStaysWithdrawn) {
  MustWithdraw(MakeWithdrawal("b"));
  v1::DeleteArticleRequest remove;
  remove.set_id("b");
  v1::DeleteArticleResponse removed;
  ASSERT_TRUE(handlers_.DeleteArticle(remove, &removed).ok());
  EXPECT_EQ(removed.group_id(), "g2");
  EXPECT_EQ(removed.canonical_id(), "");
  EXPECT_EQ(GetGroup("g2").member_count(), 0);
  EXPECT_EQ(GetGroup("g2").canonical_id(), "");
  v1::ListAffectedArticlesRequest affected;
  affected.set_group_id("g2");
  EXPECT_TRUE(Affected(affected).empty());
  v1::ReinstateStoryRequest reinstate;
  reinstate.set_group_id("g2");
  v1::ReinstateStoryResponse reinstated;
  ASSERT_TRUE(handlers_.ReinstateStory(reinstate, &reinstated).ok());
  EXPECT_FALSE(reinstated.has_group());
  EXPECT_EQ(handlers_.ReinstateStory(reinstate, &reinstated).code(), absl::StatusCode::kNotFound);
}

TEST_F(GroupHandlersTest, StoriesAreNamedByGroupOrArticle) {
  v1::WithdrawStoryRequest request;
  v1::WithdrawStoryResponse response;
  EXPECT_EQ(handlers_.WithdrawStory(request, &response).message(), "reason: required, got nothing");
  request.set_reason(v1::WITHDRAWAL_REASON_KILLED);
  EXPECT_EQ(handlers_.WithdrawStory(request, &response).message(),
            "story (group_id or article_id): required, got nothing");
  request.set_article_id("nobody");
  absl::Status status = handlers_.WithdrawStory(request, &response);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  request.set_article_id("");
  EXPECT_EQ(handlers_.WithdrawStory(request, &response).message(),
            "article_id: required, got nothing");
  request.set_group_id("g7");
  EXPECT_EQ(handlers_.WithdrawStory(request, &response).code(), absl::StatusCode::kNotFound);
  request.set_group_id("g1");
  ASSERT_TRUE(handlers_.WithdrawStory(request, &response).ok());
  EXPECT_EQ(response.group().withdrawal().article_id(), "a");  // the canonical

  v1::ReinstateStoryRequest reinstate;
  v1::ReinstateStoryResponse reinstated;
  EXPECT_EQ(handlers_.ReinstateStory(reinstate, &reinstated).message(),
            "story (group_id or article_id): required, got nothing");
  reinstate.set_article_id("nobody");
  EXPECT_EQ(handlers_.ReinstateStory(reinstate, &reinstated).code(), absl::StatusCode::kNotFound);

  v1::ListAffectedArticlesRequest list;
  v1::ListAffectedArticlesResponse listed;
  EXPECT_EQ(handlers_.ListAffectedArticles(list, &listed).message(),
            "story (group_id or article_id): required, got nothing");
  list.set_article_id("b");
  status = handlers_.ListAffectedArticles(list, &listed);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), "story: not withdrawn, got group \"g2\"");
  list.set_article_id("a3");
  EXPECT_THAT(Affected(list), ::testing::ElementsAre("a", "a2", "a3"));
  list.set_page_token("nonsense");
  EXPECT_THAT(std::string(handlers_.ListAffectedArticles(list, &listed).message()),
              HasSubstr("page_token: not one"));
}

TEST_F(GroupHandlersTest, AffectedArticlesComeInPagesWithoutTheReplacement) {
  std::vector<std::string> expected = {"a", "a2", "a3"};
  for (int i = 0; i < 2040; ++i) {
    const std::string id = absl::StrCat("copy", i);
    MustIngest(id, 1);
    if (i != 1500) expected.push_back(id);
  }
  v1::WithdrawStoryRequest request = MakeWithdrawal("copy7");
  request.set_replacement_id("copy1500");
  EXPECT_EQ(MustWithdraw(request).affected_count(), 2042);
  for (const int page_size : {0, 700, 1000, 5000}) {
    v1::ListAffectedArticlesRequest list;
    list.set_group_id("g1");
    list.set_page_size(page_size);
    EXPECT_EQ(Affected(list), expected) << page_size;
  }
  // A later copy is affected too; a token of one story is none of another.
  MustIngest("late", 1);
  MustWithdraw(MakeWithdrawal("b"));
  v1::ListAffectedArticlesRequest list;
  list.set_article_id("a");
  v1::ListAffectedArticlesResponse listed;
  ASSERT_TRUE(handlers_.ListAffectedArticles(list, &listed).ok());
  EXPECT_EQ(listed.articles_size(), 100);
  list.set_page_token(listed.next_page_token());
  EXPECT_EQ(Affected(list).back(), "late");
  list.set_article_id("b");
  EXPECT_EQ(handlers_.ListAffectedArticles(list, &listed).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(GroupHandlersTest, AFingerprintStandsForItsText) {
  v1::ComputeFingerprintRequest request;
  v1::ComputeFingerprintResponse response;
  *request.mutable_article() = MakeArticle("", 1);
  ASSERT_TRUE(handlers_.ComputeFingerprint(request, &response).ok());
  const v1::Fingerprint& fingerprint = response.fingerprint();
  EXPECT_EQ(fingerprint.scheme(), "text1/w5/lede60/sketch3");
  EXPECT_EQ(fingerprint.text_hash().size(), 16u);
  EXPECT_EQ(fingerprint.body_tokens(), 200);
  EXPECT_EQ(fingerprint.shingles_size(), 196);
  EXPECT_EQ(fingerprint.lede_shingles_size(), 56);
  EXPECT_EQ(fingerprint.terms_size(), fingerprint.term_weights_size());
  EXPECT_GT(fingerprint.terms_size(), 0);
  EXPECT_EQ(fingerprint.embedding_size(), 256);

  v1::IngestArticleRequest ingest;
  ingest.mutable_article()->set_id("print");
  *ingest.mutable_article()->mutable_fingerprint() = fingerprint;
  v1::IngestArticleResponse ingested;
  ASSERT_TRUE(handlers_.IngestArticle(ingest, &ingested, Caller::Unrestricted()).ok());
  EXPECT_EQ(ingested.verdict().relation(), v1::RELATION_EXACT);
  EXPECT_EQ(ingested.verdict().group_id(), "g1");
  v1::GetArticleRequest get;
  get.set_id("print");
  v1::GetArticleResponse got;
  ASSERT_TRUE(handlers_.GetArticle(get, &got).ok());
  EXPECT_FALSE(got.state().text_stored());
  EXPECT_EQ(got.article().body(), "");
  EXPECT_FALSE(got.article().has_fingerprint());
  // In all places that take an article.
  v1::FindDuplicatesRequest find;
  *find.mutable_article()->mutable_fingerprint() = fingerprint;
  v1::FindDuplicatesResponse found;
  ASSERT_TRUE(handlers_.FindDuplicates(find, &found).ok());
  EXPECT_EQ(found.verdict().relation(), v1::RELATION_EXACT);
  v1::FindRelatedRequest related;
  *related.mutable_article()->mutable_fingerprint() = fingerprint;
  v1::FindRelatedResponse near;
  ASSERT_TRUE(handlers_.FindRelated(related, &near).ok());
  EXPECT_EQ(near.related(0).article_id(), "a");
  v1::CompareRequest compare;
  compare.mutable_a()->set_id("a");
  *compare.mutable_b()->mutable_article()->mutable_fingerprint() = fingerprint;
  v1::CompareResponse compared;
  ASSERT_TRUE(handlers_.Compare(compare, &compared).ok());
  EXPECT_EQ(compared.relation(), v1::RELATION_EXACT);
  compare.mutable_b()->mutable_article()->mutable_fingerprint()->set_scheme("other");
  EXPECT_THAT(std::string(handlers_.Compare(compare, &compared).message()),
              HasSubstr("article.fingerprint.scheme: not the collection's"));

  ingest.mutable_article()->set_id("both");
  ingest.mutable_article()->set_body("text");
  EXPECT_EQ(handlers_.IngestArticle(ingest, &ingested, Caller::Unrestricted()).message(),
            "article.fingerprint: got text or embedding as well, limit one of them");
  *request.mutable_article() = MakeArticle("a", 1);
  request.set_collection("nowhere");
  EXPECT_EQ(handlers_.ComputeFingerprint(request, &response).code(), absl::StatusCode::kNotFound);
  request.clear_collection();
  request.mutable_article()->clear_body();
  EXPECT_EQ(handlers_.ComputeFingerprint(request, &response).message(),
            "article.body: required, got nothing");
}

TEST_F(GroupHandlersTest, ACollectionTellsItsPolicyAndThresholds) {
  v1::CreateCollectionRequest create;
  v1::Collection& collection = *create.mutable_collection();
  collection.set_name("wires");
  collection.set_canonical_policy(v1::CANONICAL_POLICY_SOURCE_PRIORITY);
  collection.add_source_priority("AP");
  collection.add_source_priority("Reuters");
  collection.mutable_thresholds()->set_footer_shingles_max(0);
  collection.mutable_thresholds()->set_lede_containment_min(0.25);
  collection.mutable_thresholds()->set_boilerplate_articles_min(30);
  collection.mutable_thresholds()->set_boilerplate_source_articles_min(7);
  v1::CreateCollectionResponse created;
  ASSERT_TRUE(handlers_.CreateCollection(create, &created).ok());
  v1::GetCollectionRequest get;
  get.set_name("wires");
  v1::GetCollectionResponse got;
  ASSERT_TRUE(handlers_.GetCollection(get, &got).ok());
  for (const v1::Collection& told : {created.collection(), got.collection()}) {
    EXPECT_EQ(told.canonical_policy(), v1::CANONICAL_POLICY_SOURCE_PRIORITY);
    EXPECT_THAT(told.source_priority(), ::testing::ElementsAre("AP", "Reuters"));
    EXPECT_TRUE(told.thresholds().has_footer_shingles_max());
    EXPECT_EQ(told.thresholds().footer_shingles_max(), 0);
    EXPECT_EQ(told.thresholds().lede_containment_min(), 0.25);
    EXPECT_EQ(told.thresholds().boilerplate_articles_min(), 30);
    EXPECT_EQ(told.thresholds().boilerplate_source_articles_min(), 7);
  }
  got.Clear();
  get.clear_name();
  ASSERT_TRUE(handlers_.GetCollection(get, &got).ok());
  EXPECT_EQ(got.collection().canonical_policy(), v1::CANONICAL_POLICY_FIRST_INGESTED);
  EXPECT_EQ(got.collection().thresholds().footer_shingles_max(), 200);

  v1::IngestArticleRequest ingest;
  v1::IngestArticleResponse ingested;
  ingest.set_collection("wires");
  for (const char* source : {"Blog", "Reuters", "AP", "Reuters "}) {
    *ingest.mutable_article() = MakeArticle(source, 1);
    ingest.mutable_article()->set_source(source);
    ASSERT_TRUE(handlers_.IngestArticle(ingest, &ingested, Caller::Unrestricted()).ok());
  }
  EXPECT_EQ(ingested.verdict().canonical_id(), "AP");
}

TEST_F(GroupHandlersTest, StatsTellTheNumberOfTheLastChange) {
  v1::GetStatsResponse stats;
  ASSERT_TRUE(handlers_.GetStats({}, &stats, Caller::Unrestricted()).ok());
  EXPECT_EQ(stats.group_change_sequence(), 4);
  EXPECT_EQ(stats.boilerplate_shingles(), 0);
  MustWithdraw(MakeWithdrawal("a"));
  MustWithdraw(MakeWithdrawal("a"));  // changes nothing
  ASSERT_TRUE(handlers_.GetStats({}, &stats, Caller::Unrestricted()).ok());
  EXPECT_EQ(stats.group_change_sequence(), 5);
}

TEST_F(HandlersTest, UpdateCollectionChangesWhatItsMaskNames) {
  v1::CreateCollectionRequest create;
  create.mutable_collection()->set_name("kept");
  create.mutable_collection()->mutable_retention()->mutable_age()->set_seconds(60);
  v1::CreateCollectionResponse created;
  ASSERT_TRUE(handlers_.CreateCollection(create, &created).ok());
  EXPECT_EQ(created.collection().retention().age().seconds(), 60);
  EXPECT_EQ(created.collection().durability(), v1::DURABILITY_SYNC);

  v1::UpdateCollectionRequest request;
  request.mutable_collection()->set_name("kept");
  request.mutable_collection()->mutable_retention()->set_articles_max(7);
  request.mutable_collection()->set_durability(v1::DURABILITY_ASYNC);
  request.mutable_update_mask()->add_paths("durability");
  v1::UpdateCollectionResponse response;
  ASSERT_TRUE(handlers_.UpdateCollection(request, &response).ok());
  EXPECT_EQ(response.collection().durability(), v1::DURABILITY_ASYNC);
  EXPECT_EQ(response.collection().retention().age().seconds(), 60);
  EXPECT_EQ(response.collection().retention().articles_max(), 0);
  request.mutable_update_mask()->set_paths(0, "retention");
  request.mutable_collection()->clear_durability();
  response.Clear();
  ASSERT_TRUE(handlers_.UpdateCollection(request, &response).ok());
  EXPECT_EQ(response.collection().durability(), v1::DURABILITY_ASYNC);
  EXPECT_FALSE(response.collection().retention().has_age());
  EXPECT_EQ(response.collection().retention().articles_max(), 7);

  const auto problem = [&](const std::string& path) {
    request.mutable_update_mask()->clear_paths();
    if (!path.empty()) request.mutable_update_mask()->add_paths(path);
    const absl::Status status = handlers_.UpdateCollection(request, &response);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_EQ(problem(""), "update_mask: required, got nothing");
  EXPECT_EQ(problem("retention.age"),
            "update_mask: not a setting that can be changed, got \"retention.age\", limit "
            "\"retention\" or \"durability\"");
  EXPECT_THAT(problem("thresholds"), HasSubstr("got \"thresholds\""));
  request.mutable_collection()->mutable_retention()->set_articles_max(-1);
  EXPECT_THAT(problem("retention"), HasSubstr("collection.retention.articles_max: out of range"));
  request.mutable_collection()->mutable_retention()->set_articles_max(1);
  request.mutable_collection()->mutable_retention()->mutable_age()->set_nanos(5);
  EXPECT_THAT(problem("retention"), HasSubstr("collection.retention.age.seconds: out of range"));
  request.mutable_collection()->set_name("nowhere");
  request.mutable_update_mask()->set_paths(0, "durability");
  EXPECT_EQ(handlers_.UpdateCollection(request, &response).code(), absl::StatusCode::kNotFound);
}

TEST_F(HandlersTest, WhatExpiresIsToldApartFromWhatIsDeleted) {
  v1::UpdateCollectionRequest update;
  update.mutable_collection()->mutable_retention()->mutable_age()->set_seconds(3600);
  update.mutable_update_mask()->add_paths("retention");
  v1::UpdateCollectionResponse updated;
  ASSERT_TRUE(handlers_.UpdateCollection(update, &updated).ok());
  MustIngest("a", 1);
  MustIngest("b", 2);
  v1::IngestArticleRequest request;
  *request.mutable_article() = MakeArticle("late", 1);
  request.mutable_article()->mutable_published_at()->set_seconds(1'000'000'000);
  v1::IngestArticleResponse response;
  ASSERT_TRUE(handlers_.IngestArticle(request, &response, Caller::Unrestricted()).ok());
  EXPECT_TRUE(response.verdict().expired());
  EXPECT_EQ(response.verdict().relation(), v1::RELATION_EXACT);
  EXPECT_EQ(response.verdict().group_id(), "g1");

  update.mutable_collection()->mutable_retention()->set_articles_max(1);
  ASSERT_TRUE(handlers_.UpdateCollection(update, &updated).ok());
  v1::GetStatsResponse stats;
  ASSERT_TRUE(handlers_.GetStats({}, &stats, Caller::Unrestricted()).ok());
  EXPECT_EQ(stats.articles(), 1);
  EXPECT_EQ(stats.articles_expired(), 1);
  EXPECT_GT(stats.oldest_article_at().seconds(), 1'600'000'000);
  v1::DeleteArticleRequest delete_request;
  delete_request.set_id("b");
  v1::DeleteArticleResponse deleted;
  ASSERT_TRUE(handlers_.DeleteArticle(delete_request, &deleted).ok());
  stats.Clear();
  ASSERT_TRUE(handlers_.GetStats({}, &stats, Caller::Unrestricted()).ok());
  EXPECT_FALSE(stats.has_oldest_article_at());
  const auto collection = *engine_->Find(kDefaultCollection);
  collection->AnnounceChanges();
  ASSERT_TRUE(engine_->WaitDurable().ok());
  const auto changes = collection->GroupChanges(0, 100);
  ASSERT_TRUE(changes.ok()) << changes.status();
  std::vector<bool> expired;
  for (const GroupChange& change : *changes) {
    if (change.kind == GroupChangeKind::kLeft) expired.push_back(change.expired);
  }
  EXPECT_THAT(expired, ::testing::ElementsAre(true, false));
}

}  // namespace
}  // namespace newsprint::rpc
