// The C++ client of Newsprint.
#ifndef NEWSPRINT_CLIENT_CLIENT_H_
#define NEWSPRINT_CLIENT_CLIENT_H_

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "client/connection.h"
#include "client/options.h"

namespace newsprint::client {

// Calls the RPCs of a Newsprint server. The messages, with every field and error of each RPC, are
// described in proto/newsprint/v1/.
//
// Thread safety: all methods may be called from any number of threads at once. Copies are cheap and
// share one connection.
//
// Errors: a StatusOr with the code and message that the server sent. Calls that fail with
// UNAVAILABLE, or because the server is overloaded, are repeated within their deadline (see
// MakeConnection); DEADLINE_EXCEEDED means that the deadline of the call passed, and the work may
// have been done all the same.
//
// Performance: each method blocks its thread for one round trip. To send many articles use
// StreamIngester, which keeps hundreds on their way.
//
// Example:
//   newsprint::client::Client client(newsprint::client::MakeConnection({}));
//   newsprint::v1::IngestArticleRequest request;
//   request.mutable_article()->set_id("ap-20110504-0017");
//   request.mutable_article()->set_title("Illinois quits federal program");
//   newsprint::client::SetBodyOrRaw(bytes_from_the_wire, *request.mutable_article());
//   auto response = client.IngestArticle(request);
//   if (!response.ok()) return response.status();
//   if (response->verdict().canonical_id() != request.article().id()) {
//     // A copy of canonical_id(): do not publish it twice.
//   }
class Client {
 public:
  explicit Client(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}

  // Checks an article against the collection and adds it, in one step.
  absl::StatusOr<v1::IngestArticleResponse> IngestArticle(const v1::IngestArticleRequest& request,
                                                          const CallOptions& options = {}) const;
  // Ingests up to 1,000 articles in order. Each has its own outcome in the response.
  absl::StatusOr<v1::BatchIngestArticlesResponse> BatchIngestArticles(
      const v1::BatchIngestArticlesRequest& request, const CallOptions& options = {}) const;
  // Says what IngestArticle() would say, and stores nothing.
  absl::StatusOr<v1::FindDuplicatesResponse> FindDuplicates(
      const v1::FindDuplicatesRequest& request, const CallOptions& options = {}) const;
  // The stored articles nearest in subject, best first.
  absl::StatusOr<v1::FindRelatedResponse> FindRelated(const v1::FindRelatedRequest& request,
                                                      const CallOptions& options = {}) const;
  // Explains how one article stands to another.
  absl::StatusOr<v1::CompareResponse> Compare(const v1::CompareRequest& request,
                                              const CallOptions& options = {}) const;
  // Reads one article.
  absl::StatusOr<v1::GetArticleResponse> GetArticle(const v1::GetArticleRequest& request,
                                                    const CallOptions& options = {}) const;
  // Reads up to 1,000 articles, in the order asked for.
  absl::StatusOr<v1::BatchGetArticlesResponse> BatchGetArticles(
      const v1::BatchGetArticlesRequest& request, const CallOptions& options = {}) const;
  // Computes what can stand for an article's text in `Article.fingerprint`. Stores nothing.
  absl::StatusOr<v1::ComputeFingerprintResponse> ComputeFingerprint(
      const v1::ComputeFingerprintRequest& request, const CallOptions& options = {}) const;
  // Deletes an article. An empty `request_id` is filled with a generated one, so that a repeated
  // attempt of this call succeeds where the first one did its work and the answer was lost.
  absl::StatusOr<v1::DeleteArticleResponse> DeleteArticle(const v1::DeleteArticleRequest& request,
                                                          const CallOptions& options = {}) const;
  // Reads one group and a page of its members.
  absl::StatusOr<v1::GetGroupResponse> GetGroup(const v1::GetGroupRequest& request,
                                                const CallOptions& options = {}) const;
  // Lists a page of groups, oldest first.
  absl::StatusOr<v1::ListGroupsResponse> ListGroups(const v1::ListGroupsRequest& request,
                                                    const CallOptions& options = {}) const;
  // Makes a member the canonical of its group, or gives the choice back to the policy.
  absl::StatusOr<v1::SetCanonicalResponse> SetCanonical(const v1::SetCanonicalRequest& request,
                                                        const CallOptions& options = {}) const;
  // Moves all members of one group into another, for good.
  absl::StatusOr<v1::MergeGroupsResponse> MergeGroups(const v1::MergeGroupsRequest& request,
                                                      const CallOptions& options = {}) const;
  // Moves some members of a group into a new one. An empty `request_id` is filled with a generated
  // one, so that a repeated attempt of this call gets the answer that was lost.
  absl::StatusOr<v1::SplitGroupResponse> SplitGroup(const v1::SplitGroupRequest& request,
                                                    const CallOptions& options = {}) const;
  // Marks a story, with every copy of it, as killed or corrected.
  absl::StatusOr<v1::WithdrawStoryResponse> WithdrawStory(const v1::WithdrawStoryRequest& request,
                                                          const CallOptions& options = {}) const;
  // Takes a withdrawal back.
  absl::StatusOr<v1::ReinstateStoryResponse> ReinstateStory(
      const v1::ReinstateStoryRequest& request, const CallOptions& options = {}) const;
  // Lists a page of the copies of a withdrawn story, in the order of ingestion.
  absl::StatusOr<v1::ListAffectedArticlesResponse> ListAffectedArticles(
      const v1::ListAffectedArticlesRequest& request, const CallOptions& options = {}) const;
  // Creates a collection. When the answer of an attempt is lost, the next one may say
  // ALREADY_EXISTS about our own.
  absl::StatusOr<v1::CreateCollectionResponse> CreateCollection(
      const v1::CreateCollectionRequest& request, const CallOptions& options = {}) const;
  // Reads one collection's settings.
  absl::StatusOr<v1::GetCollectionResponse> GetCollection(const v1::GetCollectionRequest& request,
                                                          const CallOptions& options = {}) const;
  // Lists a page of collections by name.
  absl::StatusOr<v1::ListCollectionsResponse> ListCollections(
      const v1::ListCollectionsRequest& request, const CallOptions& options = {}) const;
  // Deletes a collection with all its articles. When the answer of an attempt is lost, the next one
  // may say NOT_FOUND.
  absl::StatusOr<v1::DeleteCollectionResponse> DeleteCollection(
      const v1::DeleteCollectionRequest& request, const CallOptions& options = {}) const;
  // Changes those settings of a collection that can be changed: retention and durability.
  absl::StatusOr<v1::UpdateCollectionResponse> UpdateCollection(
      const v1::UpdateCollectionRequest& request, const CallOptions& options = {}) const;
  // Counts and sizes of a collection.
  absl::StatusOr<v1::GetStatsResponse> GetStats(const v1::GetStatsRequest& request,
                                                const CallOptions& options = {}) const;
  // Lists what can make vectors on this server.
  absl::StatusOr<v1::ListEmbeddersResponse> ListEmbedders(const v1::ListEmbeddersRequest& request,
                                                          const CallOptions& options = {}) const;
  // Begins to move a collection to another embedder. Returns at once; GetCollection() shows how far
  // the move is.
  absl::StatusOr<v1::ReembedCollectionResponse> ReembedCollection(
      const v1::ReembedCollectionRequest& request, const CallOptions& options = {}) const;
  // Ends such a move before it is complete; the old vectors stay.
  absl::StatusOr<v1::CancelReembeddingResponse> CancelReembedding(
      const v1::CancelReembeddingRequest& request, const CallOptions& options = {}) const;
  // Makes a snapshot of the server's whole data folder. Takes as long as reading it from disk: give
  // a deadline in `options`. When the answer of an attempt is lost, the next one may say
  // ALREADY_EXISTS about our own, or, without a name, makes another.
  absl::StatusOr<v1::CreateSnapshotResponse> CreateSnapshot(
      const v1::CreateSnapshotRequest& request, const CallOptions& options = {}) const;
  // Lists a page of snapshots by name.
  absl::StatusOr<v1::ListSnapshotsResponse> ListSnapshots(const v1::ListSnapshotsRequest& request,
                                                          const CallOptions& options = {}) const;
  // Deletes a snapshot. When the answer of an attempt is lost, the next one may say NOT_FOUND.
  absl::StatusOr<v1::DeleteSnapshotResponse> DeleteSnapshot(
      const v1::DeleteSnapshotRequest& request, const CallOptions& options = {}) const;
  // Opens a stream of a snapshot's files. It is not opened again when it breaks: another call with
  // `first_path` and `first_offset` goes on. "newsprint backup" does all that there is to do.
  std::unique_ptr<SnapshotStream> ReadSnapshot(const v1::ReadSnapshotRequest& request) const;
  // Opens a stream of articles. Most callers want StreamIngester instead.
  std::unique_ptr<IngestStream> StreamIngest() const;
  // Opens a stream of changes to groups. Most callers want GroupWatcher instead.
  std::unique_ptr<WatchStream> WatchGroups(const v1::WatchGroupsRequest& request) const;

 private:
  std::shared_ptr<Connection> connection_;
};

}  // namespace newsprint::client

#endif  // NEWSPRINT_CLIENT_CLIENT_H_
