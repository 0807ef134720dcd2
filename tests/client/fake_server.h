// A small Newsprint server for tests of the client: in-process, over a real connection, with faults
// on demand. Copies are articles of the same body; the score of related ones is the share of common
// words.
#ifndef NEWSPRINT_TESTS_CLIENT_FAKE_SERVER_H_
#define NEWSPRINT_TESTS_CLIENT_FAKE_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "client/client.h"
#include "newsprint/v1/admin_service.grpc.pb.h"
#include "newsprint/v1/article_service.grpc.pb.h"
#include "newsprint/v1/cluster_service.grpc.pb.h"

namespace newsprint::client::testing {

class FakeServer final : public v1::ArticleService::Service,
                         public v1::ClusterService::Service,
                         public v1::AdminService::Service {
 public:
  // What goes wrong. Set before the calls that it is meant for; counters count down.
  struct Faults {
    int unary_failures = 0;  // unary calls that fail with `unary_status` before any work
    grpc::Status unary_status = grpc::Status(grpc::StatusCode::UNAVAILABLE, "draining");
    int lost_answers = 0;  // unary calls that do their work and then fail with UNAVAILABLE
    absl::Duration latency = absl::ZeroDuration();
    grpc::Status stream_status = grpc::Status(grpc::StatusCode::UNAVAILABLE, "connection lost");
    int broken_streams = 0;           // streams that break with `stream_status`
    int broken_stream_answers = 0;    // after so many answers,
    bool answers_once = false;        // or only the first of them after so many
    int silent_streams = 0;           // streams that read and never answer
    std::string poison_id;            // an article that ends the stream with INTERNAL
    std::string ending_id;            // an article that ends the stream with OK
    std::string refused_id;           // an article that is answered with INVALID_ARGUMENT
    std::string unavailable_item_id;  // an article that is answered with UNAVAILABLE,
    int unavailable_items = 0;        // so many times
    int broken_watches = 0;           // watches that break with `stream_status`
    int broken_watch_responses = 0;   // after so many responses
    int silent_watches = 0;           // watches that never answer
    int repeated_changes = 0;         // changes that each watch tells again at its beginning
    int64_t lost_change = 0;          // a change that is never told
    int failed_looks = 0;             // calls of GetCollection that fail with UNAVAILABLE
    int64_t move_step = 1;  // articles that a move to another embedder gets done by each look at it
    std::vector<std::string> move_problems;  // what holds it up at each look; it ends after these
    std::set<std::string> pending_ids;       // articles whose vector is still to come
    int broken_snapshot_streams = 0;         // reads of snapshots that break with `stream_status`
    int broken_snapshot_pieces = 0;          // after so many pieces
    std::string damaged_snapshot_file;       // one that is sent with a wrong byte
  };

  FakeServer();
  ~FakeServer() override;

  std::string target() const;
  // A client with short pauses.
  Client MakeClient() const;

  // Cancels the streams of articles that are open.
  void BreakStreams();

  Faults faults;
  std::atomic<int> unary_calls{0};
  std::atomic<int> streams{0};  // of articles
  std::atomic<int> watches{0};
  std::atomic<int> snapshot_streams{0};
  std::set<std::string> SnapshotNames();
  // Ids in the order of ingestion, repetitions left out.
  std::vector<std::string> IngestedIds(const std::string& collection = "default");
  v1::Article Stored(const std::string& id, const std::string& collection = "default");
  std::vector<std::string> CollectionNames();
  // In the order of creation, those that were deleted too.
  std::vector<v1::Collection> CreatedCollections();
  // Requests that came last.
  v1::FindRelatedRequest LastFindRelated();
  v1::CompareRequest LastCompare();
  // Adds a change for the watchers and returns its sequence.
  int64_t AddChange(v1::GroupChange change = {}, const std::string& collection = "default");
  // The changes up to this one are not kept any more.
  void ForgetChanges(int64_t up_to);
  // `after_sequence` of each WatchGroups; -1 where it was absent.
  std::vector<int64_t> WatchPositions();

  grpc::Status IngestArticle(grpc::ServerContext*, const v1::IngestArticleRequest*,
                             v1::IngestArticleResponse*) override;
  grpc::Status StreamIngest(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<v1::StreamIngestResponse, v1::StreamIngestRequest>*) override;
  grpc::Status FindDuplicates(grpc::ServerContext*, const v1::FindDuplicatesRequest*,
                              v1::FindDuplicatesResponse*) override;
  grpc::Status FindRelated(grpc::ServerContext*, const v1::FindRelatedRequest*,
                           v1::FindRelatedResponse*) override;
  grpc::Status Compare(grpc::ServerContext*, const v1::CompareRequest*,
                       v1::CompareResponse*) override;
  grpc::Status GetArticle(grpc::ServerContext*, const v1::GetArticleRequest*,
                          v1::GetArticleResponse*) override;
  grpc::Status BatchGetArticles(grpc::ServerContext*, const v1::BatchGetArticlesRequest*,
                                v1::BatchGetArticlesResponse*) override;
  grpc::Status DeleteArticle(grpc::ServerContext*, const v1::DeleteArticleRequest*,
                             v1::DeleteArticleResponse*) override;
  grpc::Status ComputeFingerprint(grpc::ServerContext*, const v1::ComputeFingerprintRequest*,
                                  v1::ComputeFingerprintResponse*) override;
  grpc::Status GetGroup(grpc::ServerContext*, const v1::GetGroupRequest*,
                        v1::GetGroupResponse*) override;
  grpc::Status ListGroups(grpc::ServerContext*, const v1::ListGroupsRequest*,
                          v1::ListGroupsResponse*) override;
  grpc::Status SetCanonical(grpc::ServerContext*, const v1::SetCanonicalRequest*,
                            v1::SetCanonicalResponse*) override;
  grpc::Status MergeGroups(grpc::ServerContext*, const v1::MergeGroupsRequest*,
                           v1::MergeGroupsResponse*) override;
  grpc::Status SplitGroup(grpc::ServerContext*, const v1::SplitGroupRequest*,
                          v1::SplitGroupResponse*) override;
  grpc::Status WatchGroups(grpc::ServerContext*, const v1::WatchGroupsRequest*,
                           grpc::ServerWriter<v1::WatchGroupsResponse>*) override;
  grpc::Status WithdrawStory(grpc::ServerContext*, const v1::WithdrawStoryRequest*,
                             v1::WithdrawStoryResponse*) override;
  grpc::Status ReinstateStory(grpc::ServerContext*, const v1::ReinstateStoryRequest*,
                              v1::ReinstateStoryResponse*) override;
  grpc::Status ListAffectedArticles(grpc::ServerContext*, const v1::ListAffectedArticlesRequest*,
                                    v1::ListAffectedArticlesResponse*) override;
  grpc::Status CreateCollection(grpc::ServerContext*, const v1::CreateCollectionRequest*,
                                v1::CreateCollectionResponse*) override;
  grpc::Status GetCollection(grpc::ServerContext*, const v1::GetCollectionRequest*,
                             v1::GetCollectionResponse*) override;
  grpc::Status ListCollections(grpc::ServerContext*, const v1::ListCollectionsRequest*,
                               v1::ListCollectionsResponse*) override;
  grpc::Status DeleteCollection(grpc::ServerContext*, const v1::DeleteCollectionRequest*,
                                v1::DeleteCollectionResponse*) override;
  grpc::Status GetStats(grpc::ServerContext*, const v1::GetStatsRequest*,
                        v1::GetStatsResponse*) override;
  grpc::Status ListEmbedders(grpc::ServerContext*, const v1::ListEmbeddersRequest*,
                             v1::ListEmbeddersResponse*) override;
  grpc::Status ReembedCollection(grpc::ServerContext*, const v1::ReembedCollectionRequest*,
                                 v1::ReembedCollectionResponse*) override;
  grpc::Status UpdateCollection(grpc::ServerContext*, const v1::UpdateCollectionRequest*,
                                v1::UpdateCollectionResponse*) override;
  grpc::Status CancelReembedding(grpc::ServerContext*, const v1::CancelReembeddingRequest*,
                                 v1::CancelReembeddingResponse*) override;
  grpc::Status CreateSnapshot(grpc::ServerContext*, const v1::CreateSnapshotRequest*,
                              v1::CreateSnapshotResponse*) override;
  grpc::Status ListSnapshots(grpc::ServerContext*, const v1::ListSnapshotsRequest*,
                             v1::ListSnapshotsResponse*) override;
  grpc::Status DeleteSnapshot(grpc::ServerContext*, const v1::DeleteSnapshotRequest*,
                              v1::DeleteSnapshotResponse*) override;
  grpc::Status ReadSnapshot(grpc::ServerContext*, const v1::ReadSnapshotRequest*,
                            grpc::ServerWriter<v1::ReadSnapshotResponse>*) override;

 private:
  struct Entry {
    v1::Article article;
    std::string group;
    v1::Relation relation = v1::RELATION_NEW;
  };
  struct Store {
    v1::Collection settings;
    std::vector<std::string> order;
    std::map<std::string, Entry> entries;
    std::map<std::string, std::string> pinned;  // group to canonical
    std::map<std::string, v1::Withdrawal> withdrawals;
    std::vector<v1::GroupChange> changes;
    int64_t changes_forgotten = 0;
  };

  grpc::Status Enter();
  grpc::Status Leave();
  Store* Find(const std::string& collection);
  grpc::Status Ingest(const std::string& collection, const v1::Article& article,
                      v1::Verdict* verdict);
  v1::Group GroupOf(const Store& store, const std::string& group) const;
  static std::vector<std::string> MembersOf(const Store& store, const std::string& group);
  // The group that `request` names by its own id or by that of an article; "" when there is none.
  template <typename Request>
  std::string NamedGroup(const Request& request) {
    if (!request.has_article_id()) return request.group_id();
    const Store* store = Find(request.collection());
    const auto it = store->entries.find(request.article_id());
    return it == store->entries.end() ? "" : it->second.group;
  }
  grpc::Status CheckPosition(const Store* store, int64_t position);
  // The changes after `position`, at most two; absent when the collection is gone.
  absl::optional<v1::WatchGroupsResponse> ChangesAfter(const std::string& collection,
                                                       int64_t position);

  // Fills in the default and the identity.
  static grpc::Status SetEmbedder(v1::Collection& settings);
  // What a move to another embedder gets done between two looks at it.
  void MoveOn(Store& store);

  static v1::Snapshot SnapshotOf(const std::string& name);

  static grpc::Status NotFound(const std::string& what);
  static std::string TextOf(const v1::Article& article);
  // Cuts the page that `token` begins out of `count` entries.
  static std::pair<int, int> Page(int page_size, const std::string& token, size_t count,
                                  std::string* next);

  std::mutex mutex_;
  std::map<std::string, Store> stores_;                        // guarded by mutex_
  std::vector<v1::Collection> created_;                        // guarded by mutex_
  std::set<grpc::ServerContext*> open_streams_;                // guarded by mutex_
  std::set<std::string> snapshots_;                            // guarded by mutex_
  std::set<std::string> delete_requests_done_;                 // guarded by mutex_
  std::map<std::string, v1::SplitGroupResponse> splits_done_;  // guarded by mutex_
  v1::FindRelatedRequest last_find_related_;                   // guarded by mutex_
  v1::CompareRequest last_compare_;                            // guarded by mutex_
  std::vector<int64_t> watch_positions_;                       // guarded by mutex_
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace newsprint::client::testing

#endif  // NEWSPRINT_TESTS_CLIENT_FAKE_SERVER_H_
