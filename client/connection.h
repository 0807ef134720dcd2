// The wire below Client: one method for each RPC, and the place where calls are repeated.
#ifndef NEWSPRINT_CLIENT_CONNECTION_H_
#define NEWSPRINT_CLIENT_CONNECTION_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/options.h"
#include "newsprint/v1/admin_service.pb.h"
#include "newsprint/v1/article_service.pb.h"
#include "newsprint/v1/cluster_service.pb.h"

namespace newsprint::client {

// One open StreamIngest call. Order of calls: any number of Write() and Read(), WritesDone() at
// most once and after the last Write(), and Finish() once, when Read() has returned false. One
// thread may write while another reads; Cancel() may come from any thread at any time before
// Finish() returns.
class IngestStream {
 public:
  virtual ~IngestStream() = default;

  // Blocks while the server does not read on. False when the stream is broken.
  virtual bool Write(const v1::StreamIngestRequest& request) = 0;
  // Tells the server that nothing more comes. It then answers the rest and ends the stream.
  virtual void WritesDone() = 0;
  // Waits for the next answer. False when no more will come; Finish() says why.
  virtual bool Read(v1::StreamIngestResponse* response) = 0;
  virtual absl::Status Finish() = 0;
  virtual void Cancel() = 0;
};

// One open WatchGroups call. Order of calls: any number of Read(), and Finish() once, when Read()
// has returned false. Cancel() may come from any thread at any time before Finish() returns.
class WatchStream {
 public:
  virtual ~WatchStream() = default;

  // Waits for the next changes. False when no more will come; Finish() says why.
  virtual bool Read(v1::WatchGroupsResponse* response) = 0;
  virtual absl::Status Finish() = 0;
  virtual void Cancel() = 0;
};

// One open ReadSnapshot call; the same order of calls.
class SnapshotStream {
 public:
  virtual ~SnapshotStream() = default;

  // Waits for the next piece. False when no more will come; Finish() says why.
  virtual bool Read(v1::ReadSnapshotResponse* response) = 0;
  virtual absl::Status Finish() = 0;
  virtual void Cancel() = 0;
};

// What Client calls. Users of Client need it only to replace it: with mocks::MockConnection in
// tests.
//
// Thread safety: implementations must allow concurrent calls.
class Connection {
 public:
  virtual ~Connection() = default;

  virtual absl::StatusOr<v1::IngestArticleResponse> IngestArticle(
      const v1::IngestArticleRequest& request, const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::BatchIngestArticlesResponse> BatchIngestArticles(
      const v1::BatchIngestArticlesRequest& request, const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::FindDuplicatesResponse> FindDuplicates(
      const v1::FindDuplicatesRequest& request, const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::FindRelatedResponse> FindRelated(const v1::FindRelatedRequest& request,
                                                              const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::CompareResponse> Compare(const v1::CompareRequest& request,
                                                      const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::GetArticleResponse> GetArticle(const v1::GetArticleRequest& request,
                                                            const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::BatchGetArticlesResponse> BatchGetArticles(
      const v1::BatchGetArticlesRequest& request, const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::ComputeFingerprintResponse> ComputeFingerprint(
      const v1::ComputeFingerprintRequest& request, const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::DeleteArticleResponse> DeleteArticle(
      const v1::DeleteArticleRequest& request, const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::GetGroupResponse> GetGroup(const v1::GetGroupRequest& request,
                                                        const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::ListGroupsResponse> ListGroups(const v1::ListGroupsRequest& request,
                                                            const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::SetCanonicalResponse> SetCanonical(
      const v1::SetCanonicalRequest& request, const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::MergeGroupsResponse> MergeGroups(const v1::MergeGroupsRequest& request,
                                                              const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::SplitGroupResponse> SplitGroup(const v1::SplitGroupRequest& request,
                                                            const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::WithdrawStoryResponse> WithdrawStory(
      const v1::WithdrawStoryRequest& request, const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::ReinstateStoryResponse> ReinstateStory(
      const v1::ReinstateStoryRequest& request, const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::ListAffectedArticlesResponse> ListAffectedArticles(
      const v1::ListAffectedArticlesRequest& request, const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::CreateCollectionResponse> CreateCollection(
      const v1::CreateCollectionRequest& request, const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::GetCollectionResponse> GetCollection(
      const v1::GetCollectionRequest& request, const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::ListCollectionsResponse> ListCollections(
      const v1::ListCollectionsRequest& request, const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::DeleteCollectionResponse> DeleteCollection(
      const v1::DeleteCollectionRequest& request, const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::UpdateCollectionResponse> UpdateCollection(
      const v1::UpdateCollectionRequest& request, const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::GetStatsResponse> GetStats(const v1::GetStatsRequest& request,
                                                        const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::ListEmbeddersResponse> ListEmbedders(
      const v1::ListEmbeddersRequest& request, const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::ReembedCollectionResponse> ReembedCollection(
      const v1::ReembedCollectionRequest& request, const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::CancelReembeddingResponse> CancelReembedding(
      const v1::CancelReembeddingRequest& request, const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::CreateSnapshotResponse> CreateSnapshot(
      const v1::CreateSnapshotRequest& request, const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::ListSnapshotsResponse> ListSnapshots(
      const v1::ListSnapshotsRequest& request, const CallOptions& options) = 0;
  virtual absl::StatusOr<v1::DeleteSnapshotResponse> DeleteSnapshot(
      const v1::DeleteSnapshotRequest& request, const CallOptions& options) = 0;
  virtual std::unique_ptr<SnapshotStream> ReadSnapshot(const v1::ReadSnapshotRequest& request) = 0;
  virtual std::unique_ptr<IngestStream> StreamIngest() = 0;
  virtual std::unique_ptr<WatchStream> WatchGroups(const v1::WatchGroupsRequest& request) = 0;
};

// A connection to a server over gRPC. Connects when it is first used and again whenever it must.
//
// A unary call that fails with UNAVAILABLE is repeated, after a pause, at most
// `options.attempts_max` times and never past its deadline; every RPC of this API is safe to
// repeat. So is one that an overloaded server refuses: RESOURCE_EXHAUSTED that says when to try
// again (RetryDelay() of client/retry_info.h), after that time or the pause, whichever is longer.
// When no time is left for another attempt, the error of the last one is returned.
std::shared_ptr<Connection> MakeConnection(ClientOptions options);

}  // namespace newsprint::client

#endif  // NEWSPRINT_CLIENT_CONNECTION_H_
