#include "client/client.h"

#include <cstdint>
#include <string>

#include "absl/random/random.h"
#include "absl/strings/str_format.h"

namespace newsprint::client {
namespace {

// 128 random bits: two of them never meet.
std::string MakeRequestId() {
  thread_local absl::BitGen random;
  return absl::StrFormat("%016x%016x", absl::Uniform<uint64_t>(random),
                         absl::Uniform<uint64_t>(random));
}

}  // namespace

absl::StatusOr<v1::IngestArticleResponse> Client::IngestArticle(
    const v1::IngestArticleRequest& request, const CallOptions& options) const {
  return connection_->IngestArticle(request, options);
}

absl::StatusOr<v1::BatchIngestArticlesResponse> Client::BatchIngestArticles(
    const v1::BatchIngestArticlesRequest& request, const CallOptions& options) const {
  return connection_->BatchIngestArticles(request, options);
}

absl::StatusOr<v1::FindDuplicatesResponse> Client::FindDuplicates(
    const v1::FindDuplicatesRequest& request, const CallOptions& options) const {
  return connection_->FindDuplicates(request, options);
}

absl::StatusOr<v1::FindRelatedResponse> Client::FindRelated(const v1::FindRelatedRequest& request,
                                                            const CallOptions& options) const {
  return connection_->FindRelated(request, options);
}

absl::StatusOr<v1::CompareResponse> Client::Compare(const v1::CompareRequest& request,
                                                    const CallOptions& options) const {
  return connection_->Compare(request, options);
}

absl::StatusOr<v1::GetArticleResponse> Client::GetArticle(const v1::GetArticleRequest& request,
                                                          const CallOptions& options) const {
  return connection_->GetArticle(request, options);
}

absl::StatusOr<v1::BatchGetArticlesResponse> Client::BatchGetArticles(
    const v1::BatchGetArticlesRequest& request, const CallOptions& options) const {
  return connection_->BatchGetArticles(request, options);
}

absl::StatusOr<v1::ComputeFingerprintResponse> Client::ComputeFingerprint(
    const v1::ComputeFingerprintRequest& request, const CallOptions& options) const {
  return connection_->ComputeFingerprint(request, options);
}

absl::StatusOr<v1::DeleteArticleResponse> Client::DeleteArticle(
    const v1::DeleteArticleRequest& request, const CallOptions& options) const {
  if (!request.request_id().empty()) return connection_->DeleteArticle(request, options);
  v1::DeleteArticleRequest named = request;
  named.set_request_id(MakeRequestId());
  return connection_->DeleteArticle(named, options);
}

absl::StatusOr<v1::GetGroupResponse> Client::GetGroup(const v1::GetGroupRequest& request,
                                                      const CallOptions& options) const {
  return connection_->GetGroup(request, options);
}

absl::StatusOr<v1::ListGroupsResponse> Client::ListGroups(const v1::ListGroupsRequest& request,
                                                          const CallOptions& options) const {
  return connection_->ListGroups(request, options);
}

absl::StatusOr<v1::SetCanonicalResponse> Client::SetCanonical(
    const v1::SetCanonicalRequest& request, const CallOptions& options) const {
  return connection_->SetCanonical(request, options);
}

absl::StatusOr<v1::MergeGroupsResponse> Client::MergeGroups(const v1::MergeGroupsRequest& request,
                                                            const CallOptions& options) const {
  return connection_->MergeGroups(request, options);
}

absl::StatusOr<v1::SplitGroupResponse> Client::SplitGroup(const v1::SplitGroupRequest& request,
                                                          const CallOptions& options) const {
  if (!request.request_id().empty()) return connection_->SplitGroup(request, options);
  v1::SplitGroupRequest named = request;
  named.set_request_id(MakeRequestId());
  return connection_->SplitGroup(named, options);
}

absl::StatusOr<v1::WithdrawStoryResponse> Client::WithdrawStory(
    const v1::WithdrawStoryRequest& request, const CallOptions& options) const {
  return connection_->WithdrawStory(request, options);
}

absl::StatusOr<v1::ReinstateStoryResponse> Client::ReinstateStory(
    const v1::ReinstateStoryRequest& request, const CallOptions& options) const {
  return connection_->ReinstateStory(request, options);
}

absl::StatusOr<v1::ListAffectedArticlesResponse> Client::ListAffectedArticles(
    const v1::ListAffectedArticlesRequest& request, const CallOptions& options) const {
  return connection_->ListAffectedArticles(request, options);
}

absl::StatusOr<v1::CreateCollectionResponse> Client::CreateCollection(
    const v1::CreateCollectionRequest& request, const CallOptions& options) const {
  return connection_->CreateCollection(request, options);
}

absl::StatusOr<v1::GetCollectionResponse> Client::GetCollection(
    const v1::GetCollectionRequest& request, const CallOptions& options) const {
  return connection_->GetCollection(request, options);
}

absl::StatusOr<v1::ListCollectionsResponse> Client::ListCollections(
    const v1::ListCollectionsRequest& request, const CallOptions& options) const {
  return connection_->ListCollections(request, options);
}

absl::StatusOr<v1::DeleteCollectionResponse> Client::DeleteCollection(
    const v1::DeleteCollectionRequest& request, const CallOptions& options) const {
  return connection_->DeleteCollection(request, options);
}

absl::StatusOr<v1::UpdateCollectionResponse> Client::UpdateCollection(
    const v1::UpdateCollectionRequest& request, const CallOptions& options) const {
  return connection_->UpdateCollection(request, options);
}

absl::StatusOr<v1::GetStatsResponse> Client::GetStats(const v1::GetStatsRequest& request,
                                                      const CallOptions& options) const {
  return connection_->GetStats(request, options);
}

absl::StatusOr<v1::ListEmbeddersResponse> Client::ListEmbedders(
    const v1::ListEmbeddersRequest& request, const CallOptions& options) const {
  return connection_->ListEmbedders(request, options);
}

absl::StatusOr<v1::ReembedCollectionResponse> Client::ReembedCollection(
    const v1::ReembedCollectionRequest& request, const CallOptions& options) const {
  return connection_->ReembedCollection(request, options);
}

absl::StatusOr<v1::CancelReembeddingResponse> Client::CancelReembedding(
    const v1::CancelReembeddingRequest& request, const CallOptions& options) const {
  return connection_->CancelReembedding(request, options);
}

absl::StatusOr<v1::CreateSnapshotResponse> Client::CreateSnapshot(
    const v1::CreateSnapshotRequest& request, const CallOptions& options) const {
  return connection_->CreateSnapshot(request, options);
}

absl::StatusOr<v1::ListSnapshotsResponse> Client::ListSnapshots(
    const v1::ListSnapshotsRequest& request, const CallOptions& options) const {
  return connection_->ListSnapshots(request, options);
}

absl::StatusOr<v1::DeleteSnapshotResponse> Client::DeleteSnapshot(
    const v1::DeleteSnapshotRequest& request, const CallOptions& options) const {
  return connection_->DeleteSnapshot(request, options);
}

std::unique_ptr<SnapshotStream> Client::ReadSnapshot(const v1::ReadSnapshotRequest& request) const {
  return connection_->ReadSnapshot(request);
}

std::unique_ptr<IngestStream> Client::StreamIngest() const { return connection_->StreamIngest(); }

std::unique_ptr<WatchStream> Client::WatchGroups(const v1::WatchGroupsRequest& request) const {
  return connection_->WatchGroups(request);
}

}  // namespace newsprint::client
