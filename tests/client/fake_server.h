// A small Newsprint server for tests of the client: in-process, over a real connection, with faults
// on demand. Copies are articles of the same body; the score of related ones is the share of common
// words.
#ifndef NEWSPRINT_TESTS_CLIENT_FAKE_SERVER_H_
#define NEWSPRINT_TESTS_CLIENT_FAKE_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
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
    int broken_stream_answers = 0;    // after so many answers
    int silent_streams = 0;           // streams that read and never answer
    std::string poison_id;            // an article that ends the stream with INTERNAL
    std::string ending_id;            // an article that ends the stream with OK
    std::string refused_id;           // an article that is answered with INVALID_ARGUMENT
    std::string unavailable_item_id;  // an article that is answered with UNAVAILABLE,
    int unavailable_items = 0;        // so many times
  };

  FakeServer();
  ~FakeServer() override;

  std::string target() const;
  // A client with short pauses.
  Client MakeClient() const;

  Faults faults;
  std::atomic<int> unary_calls{0};
  std::atomic<int> streams{0};
  // Ids in the order of ingestion, repetitions left out.
  std::vector<std::string> IngestedIds(const std::string& collection = "default");
  v1::Article Stored(const std::string& id, const std::string& collection = "default");
  std::vector<std::string> CollectionNames();
  // In the order of creation, those that were deleted too.
  std::vector<v1::Collection> CreatedCollections();

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
  grpc::Status GetGroup(grpc::ServerContext*, const v1::GetGroupRequest*,
                        v1::GetGroupResponse*) override;
  grpc::Status ListGroups(grpc::ServerContext*, const v1::ListGroupsRequest*,
                          v1::ListGroupsResponse*) override;
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
  };

  grpc::Status Enter();
  grpc::Status Leave();
  Store* Find(const std::string& collection);
  grpc::Status Ingest(const std::string& collection, const v1::Article& article,
                      v1::Verdict* verdict);
  v1::Group GroupOf(const Store& store, const std::string& group) const;

  std::mutex mutex_;
  std::map<std::string, Store> stores_;         // guarded by mutex_
  std::vector<v1::Collection> created_;         // guarded by mutex_
  std::set<std::string> delete_requests_done_;  // guarded by mutex_
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace newsprint::client::testing

#endif  // NEWSPRINT_TESTS_CLIENT_FAKE_SERVER_H_
