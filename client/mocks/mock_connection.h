// Google Mock doubles, for tests of code that uses Client.
//
// Example:
//   auto connection = std::make_shared<newsprint::client::mocks::MockConnection>();
//   EXPECT_CALL(*connection, GetArticle)
//       .WillOnce(testing::Return(absl::NotFoundError("id: no such article")));
//   newsprint::client::Client client(connection);
#ifndef NEWSPRINT_CLIENT_MOCKS_MOCK_CONNECTION_H_
#define NEWSPRINT_CLIENT_MOCKS_MOCK_CONNECTION_H_

#include <memory>

#include "client/connection.h"
#include "gmock/gmock.h"

namespace newsprint::client::mocks {

class MockIngestStream : public IngestStream {
 public:
  MOCK_METHOD(bool, Write, (const v1::StreamIngestRequest& request), (override));
  MOCK_METHOD(void, WritesDone, (), (override));
  MOCK_METHOD(bool, Read, (v1::StreamIngestResponse * response), (override));
  MOCK_METHOD(absl::Status, Finish, (), (override));
  MOCK_METHOD(void, Cancel, (), (override));
};

class MockWatchStream : public WatchStream {
 public:
  MOCK_METHOD(bool, Read, (v1::WatchGroupsResponse * response), (override));
  MOCK_METHOD(absl::Status, Finish, (), (override));
  MOCK_METHOD(void, Cancel, (), (override));
};

class MockSnapshotStream : public SnapshotStream {
 public:
  MOCK_METHOD(bool, Read, (v1::ReadSnapshotResponse * response), (override));
  MOCK_METHOD(absl::Status, Finish, (), (override));
  MOCK_METHOD(void, Cancel, (), (override));
};

class MockConnection : public Connection {
 public:
  MOCK_METHOD(absl::StatusOr<v1::IngestArticleResponse>, IngestArticle,
              (const v1::IngestArticleRequest& request, const CallOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<v1::BatchIngestArticlesResponse>, BatchIngestArticles,
              (const v1::BatchIngestArticlesRequest& request, const CallOptions& options),
              (override));
  MOCK_METHOD(absl::StatusOr<v1::FindDuplicatesResponse>, FindDuplicates,
              (const v1::FindDuplicatesRequest& request, const CallOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<v1::FindRelatedResponse>, FindRelated,
              (const v1::FindRelatedRequest& request, const CallOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<v1::CompareResponse>, Compare,
              (const v1::CompareRequest& request, const CallOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<v1::GetArticleResponse>, GetArticle,
              (const v1::GetArticleRequest& request, const CallOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<v1::BatchGetArticlesResponse>, BatchGetArticles,
              (const v1::BatchGetArticlesRequest& request, const CallOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<v1::ComputeFingerprintResponse>, ComputeFingerprint,
              (const v1::ComputeFingerprintRequest& request, const CallOptions& options),
              (override));
  MOCK_METHOD(absl::StatusOr<v1::DeleteArticleResponse>, DeleteArticle,
              (const v1::DeleteArticleRequest& request, const CallOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<v1::GetGroupResponse>, GetGroup,
              (const v1::GetGroupRequest& request, const CallOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<v1::ListGroupsResponse>, ListGroups,
              (const v1::ListGroupsRequest& request, const CallOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<v1::SetCanonicalResponse>, SetCanonical,
              (const v1::SetCanonicalRequest& request, const CallOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<v1::MergeGroupsResponse>, MergeGroups,
              (const v1::MergeGroupsRequest& request, const CallOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<v1::SplitGroupResponse>, SplitGroup,
              (const v1::SplitGroupRequest& request, const CallOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<v1::WithdrawStoryResponse>, WithdrawStory,
              (const v1::WithdrawStoryRequest& request, const CallOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<v1::ReinstateStoryResponse>, ReinstateStory,
              (const v1::ReinstateStoryRequest& request, const CallOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<v1::ListAffectedArticlesResponse>, ListAffectedArticles,
              (const v1::ListAffectedArticlesRequest& request, const CallOptions& options),
              (override));
  MOCK_METHOD(absl::StatusOr<v1::CreateCollectionResponse>, CreateCollection,
              (const v1::CreateCollectionRequest& request, const CallOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<v1::GetCollectionResponse>, GetCollection,
              (const v1::GetCollectionRequest& request, const CallOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<v1::ListCollectionsResponse>, ListCollections,
              (const v1::ListCollectionsRequest& request, const CallOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<v1::DeleteCollectionResponse>, DeleteCollection,
              (const v1::DeleteCollectionRequest& request, const CallOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<v1::UpdateCollectionResponse>, UpdateCollection,
              (const v1::UpdateCollectionRequest& request, const CallOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<v1::GetStatsResponse>, GetStats,
              (const v1::GetStatsRequest& request, const CallOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<v1::ListEmbeddersResponse>, ListEmbedders,
              (const v1::ListEmbeddersRequest& request, const CallOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<v1::ReembedCollectionResponse>, ReembedCollection,
              (const v1::ReembedCollectionRequest& request, const CallOptions& options),
              (override));
  MOCK_METHOD(absl::StatusOr<v1::CancelReembeddingResponse>, CancelReembedding,
              (const v1::CancelReembeddingRequest& request, const CallOptions& options),
              (override));
  MOCK_METHOD(absl::StatusOr<v1::CreateSnapshotResponse>, CreateSnapshot,
              (const v1::CreateSnapshotRequest& request, const CallOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<v1::ListSnapshotsResponse>, ListSnapshots,
              (const v1::ListSnapshotsRequest& request, const CallOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<v1::DeleteSnapshotResponse>, DeleteSnapshot,
              (const v1::DeleteSnapshotRequest& request, const CallOptions& options), (override));
  MOCK_METHOD(std::unique_ptr<SnapshotStream>, ReadSnapshot,
              (const v1::ReadSnapshotRequest& request), (override));
  MOCK_METHOD(std::unique_ptr<IngestStream>, StreamIngest, (), (override));
  MOCK_METHOD(std::unique_ptr<WatchStream>, WatchGroups, (const v1::WatchGroupsRequest& request),
              (override));
};

}  // namespace newsprint::client::mocks

#endif  // NEWSPRINT_CLIENT_MOCKS_MOCK_CONNECTION_H_
