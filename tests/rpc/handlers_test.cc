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
    ASSERT_TRUE(handlers_.IngestArticle(request, &response).ok());
  }

  TempDir dir_;
  std::unique_ptr<Engine> engine_ = OpenEngine(dir_.path());
  Handlers handlers_{engine_.get(), Limits()};
};

TEST_F(HandlersTest, AVerdictCarriesItsEvidence) {
  MustIngest("a", 1);
  v1::IngestArticleRequest request;
  *request.mutable_article() = MakeArticle("b", 1);
  request.mutable_article()->set_title("Other");
  v1::IngestArticleResponse response;
  ASSERT_TRUE(handlers_.IngestArticle(request, &response).ok());
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
  ASSERT_TRUE(handlers_.BatchIngestArticles(request, &response).ok());
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
  EXPECT_EQ(handlers_.BatchIngestArticles(request, &response).message(),
            "requests: required, got 0, limit 1 to 1000");
  for (int i = 0; i < 10'000; ++i) request.add_requests();
  EXPECT_EQ(handlers_.BatchIngestArticles(request, &response).message(),
            "requests: too many items, got 10000, limit 1 to 1000");
  request.clear_requests();
  *request.add_requests()->mutable_article() = MakeArticle("a", 1);
  request.set_collection("nowhere");
  EXPECT_EQ(handlers_.BatchIngestArticles(request, &response).message(),
            "collection: not found, got \"nowhere\"");
}

TEST_F(HandlersTest, RawTextIsRepaired) {
  v1::IngestArticleRequest request;
  request.mutable_article()->set_id("a");
  request.mutable_article()->set_raw_title("Caf\xe9 \x93quoted\x94");
  request.mutable_article()->set_raw_body(StoryText(1, 50) + "\xff\xfe");
  v1::IngestArticleResponse response;
  ASSERT_TRUE(handlers_.IngestArticle(request, &response).ok());
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
  ASSERT_TRUE(handlers_.ListCollections(list, &listed).ok());
  EXPECT_EQ(listed.collections(0).name(), "default");
  list.set_page_token(listed.next_page_token());
  listed.Clear();
  ASSERT_TRUE(handlers_.ListCollections(list, &listed).ok());
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
  ASSERT_TRUE(handlers_.GetStats({}, &stats).ok());
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
            "score_min: out of range, got -1.5, limit -1 to 1");
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

}  // namespace
}  // namespace newsprint::rpc
