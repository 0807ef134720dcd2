#include "service/rpc/services.h"

#include "newsprint/v1/admin_service.grpc.pb.h"
#include "newsprint/v1/article_service.grpc.pb.h"
#include "newsprint/v1/cluster_service.grpc.pb.h"
#include "service/rpc/stream_ingest.h"

namespace newsprint::rpc {
namespace {

class ArticleService final : public v1::ArticleService::CallbackService {
 public:
  explicit ArticleService(Dispatcher* dispatcher) : dispatcher_(dispatcher) {}

  grpc::ServerUnaryReactor* IngestArticle(grpc::CallbackServerContext* context,
                                          const v1::IngestArticleRequest* request,
                                          v1::IngestArticleResponse* response) override {
    return dispatcher_->Write(context, "IngestArticle", request, response,
                              &Handlers::IngestArticle);
  }

  grpc::ServerUnaryReactor* BatchIngestArticles(
      grpc::CallbackServerContext* context, const v1::BatchIngestArticlesRequest* request,
      v1::BatchIngestArticlesResponse* response) override {
    return dispatcher_->Write(context, "BatchIngestArticles", request, response,
                              &Handlers::BatchIngestArticles);
  }

  grpc::ServerUnaryReactor* FindDuplicates(grpc::CallbackServerContext* context,
                                           const v1::FindDuplicatesRequest* request,
                                           v1::FindDuplicatesResponse* response) override {
    return dispatcher_->Read(context, "FindDuplicates", request, response,
                             &Handlers::FindDuplicates);
  }

  grpc::ServerUnaryReactor* FindRelated(grpc::CallbackServerContext* context,
                                        const v1::FindRelatedRequest* request,
                                        v1::FindRelatedResponse* response) override {
    return dispatcher_->Read(context, "FindRelated", request, response, &Handlers::FindRelated);
  }

  grpc::ServerUnaryReactor* Compare(grpc::CallbackServerContext* context,
                                    const v1::CompareRequest* request,
                                    v1::CompareResponse* response) override {
    return dispatcher_->Read(context, "Compare", request, response, &Handlers::Compare);
  }

  grpc::ServerUnaryReactor* GetArticle(grpc::CallbackServerContext* context,
                                       const v1::GetArticleRequest* request,
                                       v1::GetArticleResponse* response) override {
    return dispatcher_->Read(context, "GetArticle", request, response, &Handlers::GetArticle);
  }

  grpc::ServerUnaryReactor* BatchGetArticles(grpc::CallbackServerContext* context,
                                             const v1::BatchGetArticlesRequest* request,
                                             v1::BatchGetArticlesResponse* response) override {
    return dispatcher_->Read(context, "BatchGetArticles", request, response,
                             &Handlers::BatchGetArticles);
  }

  grpc::ServerUnaryReactor* DeleteArticle(grpc::CallbackServerContext* context,
                                          const v1::DeleteArticleRequest* request,
                                          v1::DeleteArticleResponse* response) override {
    return dispatcher_->Write(context, "DeleteArticle", request, response,
                              &Handlers::DeleteArticle);
  }

  grpc::ServerBidiReactor<v1::StreamIngestRequest, v1::StreamIngestResponse>* StreamIngest(
      grpc::CallbackServerContext* /*context*/) override {
    return MakeStreamIngest(dispatcher_);
  }

 private:
  Dispatcher* const dispatcher_;
};

class ClusterService final : public v1::ClusterService::CallbackService {
 public:
  explicit ClusterService(Dispatcher* dispatcher) : dispatcher_(dispatcher) {}

  grpc::ServerUnaryReactor* GetGroup(grpc::CallbackServerContext* context,
                                     const v1::GetGroupRequest* request,
                                     v1::GetGroupResponse* response) override {
    return dispatcher_->Read(context, "GetGroup", request, response, &Handlers::GetGroup);
  }

  grpc::ServerUnaryReactor* ListGroups(grpc::CallbackServerContext* context,
                                       const v1::ListGroupsRequest* request,
                                       v1::ListGroupsResponse* response) override {
    return dispatcher_->Read(context, "ListGroups", request, response, &Handlers::ListGroups);
  }

 private:
  Dispatcher* const dispatcher_;
};

class AdminService final : public v1::AdminService::CallbackService {
 public:
  explicit AdminService(Dispatcher* dispatcher) : dispatcher_(dispatcher) {}

  grpc::ServerUnaryReactor* CreateCollection(grpc::CallbackServerContext* context,
                                             const v1::CreateCollectionRequest* request,
                                             v1::CreateCollectionResponse* response) override {
    return dispatcher_->Read(context, "CreateCollection", request, response,
                             &Handlers::CreateCollection);
  }

  grpc::ServerUnaryReactor* GetCollection(grpc::CallbackServerContext* context,
                                          const v1::GetCollectionRequest* request,
                                          v1::GetCollectionResponse* response) override {
    return dispatcher_->Read(context, "GetCollection", request, response, &Handlers::GetCollection);
  }

  grpc::ServerUnaryReactor* ListCollections(grpc::CallbackServerContext* context,
                                            const v1::ListCollectionsRequest* request,
                                            v1::ListCollectionsResponse* response) override {
    return dispatcher_->Read(context, "ListCollections", request, response,
                             &Handlers::ListCollections);
  }

  grpc::ServerUnaryReactor* DeleteCollection(grpc::CallbackServerContext* context,
                                             const v1::DeleteCollectionRequest* request,
                                             v1::DeleteCollectionResponse* response) override {
    return dispatcher_->Read(context, "DeleteCollection", request, response,
                             &Handlers::DeleteCollection);
  }

  grpc::ServerUnaryReactor* GetStats(grpc::CallbackServerContext* context,
                                     const v1::GetStatsRequest* request,
                                     v1::GetStatsResponse* response) override {
    return dispatcher_->Read(context, "GetStats", request, response, &Handlers::GetStats);
  }

 private:
  Dispatcher* const dispatcher_;
};

}  // namespace

std::vector<std::unique_ptr<grpc::Service>> MakeServices(Dispatcher* dispatcher) {
  std::vector<std::unique_ptr<grpc::Service>> services;
  services.push_back(std::make_unique<ArticleService>(dispatcher));
  services.push_back(std::make_unique<ClusterService>(dispatcher));
  services.push_back(std::make_unique<AdminService>(dispatcher));
  return services;
}

}  // namespace newsprint::rpc
