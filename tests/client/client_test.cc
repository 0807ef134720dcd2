#include "client/client.h"

#include <memory>
#include <string>

#include "client/mocks/mock_connection.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace newsprint::client {
namespace {

using ::testing::_;
using ::testing::Return;

TEST(ClientTest, PassesRequestOptionsAndAnswerThrough) {
  auto connection = std::make_shared<mocks::MockConnection>();
  EXPECT_CALL(*connection, IngestArticle)
      .WillOnce([](const v1::IngestArticleRequest& request, const CallOptions& options) {
        EXPECT_EQ(request.article().id(), "a");
        EXPECT_EQ(options.deadline, absl::Milliseconds(5));
        v1::IngestArticleResponse response;
        response.mutable_verdict()->set_group_id("g");
        return response;
      });
  v1::IngestArticleRequest request;
  request.mutable_article()->set_id("a");
  const auto response = Client(connection).IngestArticle(request, {absl::Milliseconds(5)});
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->verdict().group_id(), "g");
}

TEST(ClientTest, PassesErrorsThrough) {
  auto connection = std::make_shared<mocks::MockConnection>();
  EXPECT_CALL(*connection, GetGroup).WillOnce(Return(absl::NotFoundError("group_id: none")));
  EXPECT_EQ(Client(connection).GetGroup({}).status(), absl::NotFoundError("group_id: none"));
}

TEST(ClientTest, DeleteArticleNamesTheRequestOnlyWhenTheCallerDidNot) {
  auto connection = std::make_shared<mocks::MockConnection>();
  std::vector<std::string> names;
  EXPECT_CALL(*connection, DeleteArticle)
      .Times(3)
      .WillRepeatedly([&](const v1::DeleteArticleRequest& request, const CallOptions&) {
        EXPECT_EQ(request.id(), "a");
        names.push_back(request.request_id());
        return v1::DeleteArticleResponse();
      });
  const Client client(connection);
  v1::DeleteArticleRequest request;
  request.set_id("a");
  ASSERT_TRUE(client.DeleteArticle(request).ok());
  ASSERT_TRUE(client.DeleteArticle(request).ok());
  request.set_request_id("mine");
  ASSERT_TRUE(client.DeleteArticle(request).ok());
  EXPECT_EQ(names[0].size(), 32u);
  EXPECT_NE(names[0], names[1]);
  EXPECT_EQ(names[2], "mine");
}

TEST(ClientTest, SplitGroupNamesTheRequestOnlyWhenTheCallerDidNot) {
  auto connection = std::make_shared<mocks::MockConnection>();
  std::vector<std::string> names;
  EXPECT_CALL(*connection, SplitGroup)
      .Times(2)
      .WillRepeatedly([&](const v1::SplitGroupRequest& request, const CallOptions&) {
        EXPECT_EQ(request.group_id(), "g");
        names.push_back(request.request_id());
        return v1::SplitGroupResponse();
      });
  const Client client(connection);
  v1::SplitGroupRequest request;
  request.set_group_id("g");
  ASSERT_TRUE(client.SplitGroup(request).ok());
  request.set_request_id("mine");
  ASSERT_TRUE(client.SplitGroup(request).ok());
  EXPECT_EQ(names[0].size(), 32u);
  EXPECT_EQ(names[1], "mine");
}

TEST(ClientTest, PassesCallsAboutEmbeddersThrough) {
  auto connection = std::make_shared<mocks::MockConnection>();
  v1::ListEmbeddersResponse list;
  list.add_embedders()->set_name("news-256");
  EXPECT_CALL(*connection, ListEmbedders).WillOnce(Return(list));
  EXPECT_CALL(*connection, ReembedCollection)
      .WillOnce([](const v1::ReembedCollectionRequest& request, const CallOptions&) {
        EXPECT_EQ(request.embedder(), "news-256");
        v1::ReembedCollectionResponse response;
        response.mutable_collection()->mutable_reembedding()->set_articles(7);
        return response;
      });
  EXPECT_CALL(*connection, CancelReembedding).WillOnce(Return(absl::NotFoundError("collection")));
  const Client client(connection);
  const auto listed = client.ListEmbedders({});
  ASSERT_TRUE(listed.ok());
  EXPECT_EQ(listed->embedders(0).name(), "news-256");
  v1::ReembedCollectionRequest request;
  request.set_embedder("news-256");
  const auto begun = client.ReembedCollection(request);
  ASSERT_TRUE(begun.ok());
  EXPECT_EQ(begun->collection().reembedding().articles(), 7);
  EXPECT_EQ(client.CancelReembedding({}).status(), absl::NotFoundError("collection"));
  EXPECT_CALL(*connection, UpdateCollection).WillOnce(Return(absl::NotFoundError("kept")));
  EXPECT_EQ(client.UpdateCollection({}).status(), absl::NotFoundError("kept"));
}

TEST(ClientTest, CopiesShareTheConnection) {
  auto connection = std::make_shared<mocks::MockConnection>();
  EXPECT_CALL(*connection, GetStats).Times(2).WillRepeatedly(Return(v1::GetStatsResponse()));
  const Client one(connection);
  const Client two = one;
  EXPECT_TRUE(one.GetStats({}).ok());
  EXPECT_TRUE(two.GetStats({}).ok());
}

}  // namespace
}  // namespace newsprint::client
