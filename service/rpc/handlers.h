// What each RPC does, without the network: check the request, call the engine, fill the response.
//
// Thread-safe. Statuses are for rpc/status.h to tell. What a writing handler returns may be told to
// the caller only after Engine::NotifyDurable. Whether the caller may call them at all has been
// decided before (rpc/dispatch.h); the few that take a `caller` go by it once more.
#ifndef NEWSPRINT_SERVICE_RPC_HANDLERS_H_
#define NEWSPRINT_SERVICE_RPC_HANDLERS_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "newsprint/v1/admin_service.pb.h"
#include "newsprint/v1/article_service.pb.h"
#include "newsprint/v1/cluster_service.pb.h"
#include "service/common/worker_pool.h"
#include "service/engine/engine.h"
#include "service/rpc/access.h"
#include "service/rpc/call_metrics.h"
#include "service/rpc/limits.h"

namespace newsprint::rpc {

// An item of a batch or stream on its way to being ingested.
struct IngestItem {
  std::string article_id;
  absl::Status status;
  std::shared_ptr<Collection> collection;  // this and the next: when `status` is OK
  std::optional<PreparedIngest> prepared;
  Caller caller;  // whose articles count
};

// Whether several threads may prepare articles of one sender for this collection. Those that wait
// for an embedding server take a thread each, and others need some.
inline bool MayPrepareInParallel(const Collection& collection) {
  return !collection.subjects().embedding()->remote;
}

class Handlers {
 public:
  // `engine` must outlive it, and `pool`, on which large requests are prepared.
  // `metrics` may be null.
  Handlers(Engine* engine, WorkerPool* pool, const Limits& limits, CallMetrics* metrics = nullptr)
      : engine_(engine), pool_(pool), limits_(limits), metrics_(metrics) {}

  const Limits& limits() const { return limits_; }
  Engine& engine() const { return *engine_; }

  // ArticleService; these three write.
  // Those that take `request` without const move the texts out of it.
  absl::Status IngestArticle(v1::IngestArticleRequest& request, v1::IngestArticleResponse* response,
                             const Caller& caller) const;
  absl::Status BatchIngestArticles(v1::BatchIngestArticlesRequest& request,
                                   v1::BatchIngestArticlesResponse* response,
                                   const Caller& caller) const;
  absl::Status DeleteArticle(const v1::DeleteArticleRequest& request,
                             v1::DeleteArticleResponse* response) const;

  absl::Status FindDuplicates(v1::FindDuplicatesRequest& request,
                              v1::FindDuplicatesResponse* response) const;
  absl::Status FindRelated(v1::FindRelatedRequest& request,
                           v1::FindRelatedResponse* response) const;
  absl::Status Compare(v1::CompareRequest& request, v1::CompareResponse* response) const;
  absl::Status GetArticle(const v1::GetArticleRequest& request,
                          v1::GetArticleResponse* response) const;
  absl::Status BatchGetArticles(const v1::BatchGetArticlesRequest& request,
                                v1::BatchGetArticlesResponse* response) const;
  absl::Status ComputeFingerprint(v1::ComputeFingerprintRequest& request,
                                  v1::ComputeFingerprintResponse* response) const;

  // ClusterService
  absl::Status GetGroup(const v1::GetGroupRequest& request, v1::GetGroupResponse* response) const;
  absl::Status ListGroups(const v1::ListGroupsRequest& request,
                          v1::ListGroupsResponse* response) const;
  absl::Status ListAffectedArticles(const v1::ListAffectedArticlesRequest& request,
                                    v1::ListAffectedArticlesResponse* response) const;
  // These five write.
  absl::Status SetCanonical(const v1::SetCanonicalRequest& request,
                            v1::SetCanonicalResponse* response) const;
  absl::Status MergeGroups(const v1::MergeGroupsRequest& request,
                           v1::MergeGroupsResponse* response) const;
  absl::Status SplitGroup(const v1::SplitGroupRequest& request,
                          v1::SplitGroupResponse* response) const;
  absl::Status WithdrawStory(const v1::WithdrawStoryRequest& request,
                             v1::WithdrawStoryResponse* response) const;
  absl::Status ReinstateStory(const v1::ReinstateStoryRequest& request,
                              v1::ReinstateStoryResponse* response) const;

  // AdminService. What creates or deletes is on disk when it returns.
  absl::Status CreateCollection(const v1::CreateCollectionRequest& request,
                                v1::CreateCollectionResponse* response) const;
  absl::Status GetCollection(const v1::GetCollectionRequest& request,
                             v1::GetCollectionResponse* response) const;
  absl::Status ListCollections(const v1::ListCollectionsRequest& request,
                               v1::ListCollectionsResponse* response, const Caller& caller) const;
  absl::Status DeleteCollection(const v1::DeleteCollectionRequest& request,
                                v1::DeleteCollectionResponse* response) const;
  absl::Status GetStats(const v1::GetStatsRequest& request, v1::GetStatsResponse* response,
                        const Caller& caller) const;
  absl::Status ListEmbedders(const v1::ListEmbeddersRequest& request,
                             v1::ListEmbeddersResponse* response) const;
  // These three write.
  absl::Status UpdateCollection(const v1::UpdateCollectionRequest& request,
                                v1::UpdateCollectionResponse* response) const;
  absl::Status ReembedCollection(const v1::ReembedCollectionRequest& request,
                                 v1::ReembedCollectionResponse* response) const;
  absl::Status CancelReembedding(const v1::CancelReembeddingRequest& request,
                                 v1::CancelReembeddingResponse* response) const;

  // Snapshots. The first one takes as long as reading the data folder; CANCELLED soon after
  // `keep_going` says false.
  absl::Status CreateSnapshot(const v1::CreateSnapshotRequest& request,
                              v1::CreateSnapshotResponse* response,
                              absl::FunctionRef<bool()> keep_going) const;
  absl::Status ListSnapshots(const v1::ListSnapshotsRequest& request,
                             v1::ListSnapshotsResponse* response) const;
  absl::Status DeleteSnapshot(const v1::DeleteSnapshotRequest& request,
                              v1::DeleteSnapshotResponse* response) const;
  // What ReadSnapshot sends.
  absl::StatusOr<std::unique_ptr<SnapshotReader>> ReadSnapshot(
      const v1::ReadSnapshotRequest& request) const;

  // One item of a batch or stream, in two steps. The first is the costly one, and needs no order;
  // `collection_name` is the one that holds for all items. The second ingests: fills status and,
  // when that is OK, the verdict. Returns the status, which the caller is told less of.
  IngestItem Prepare(absl::string_view collection_name, v1::IngestArticleRequest& request,
                     const Caller& caller) const;
  absl::Status Ingest(IngestItem item, v1::IngestResult* result) const;

  absl::StatusOr<std::shared_ptr<Collection>> FindCollection(absl::string_view name) const;

 private:
  absl::Status Ingest(IngestItem item, v1::Verdict* verdict) const;
  // Collections that the caller may read, by name, from `first` on.
  std::vector<std::shared_ptr<Collection>> ListVisible(const Caller& caller,
                                                       absl::string_view first,
                                                       size_t collections_max) const;
  // Articles in all collections that the caller may write to.
  int64_t CountArticles(const Caller& caller) const;

  Engine* const engine_;
  WorkerPool* const pool_;
  const Limits limits_;
  CallMetrics* const metrics_;
};

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_HANDLERS_H_
