#include "service/rpc/services.h"

#include "newsprint/v1/admin_service.grpc.pb.h"
#include "newsprint/v1/article_service.grpc.pb.h"
#include "newsprint/v1/cluster_service.grpc.pb.h"
#include "service/rpc/read_snapshot.h"
#include "service/rpc/stream_ingest.h"
#include "service/rpc/watch_groups.h"

namespace newsprint::rpc {
namespace {

using grpc::ByteBuffer;

// The bases register their methods to take bytes (rpc/message_bytes.h says why).
using ArticleServiceBase = v1::ArticleService::WithRawCallbackMethod_IngestArticle<
    v1::ArticleService::WithRawCallbackMethod_BatchIngestArticles<
        v1::ArticleService::WithRawCallbackMethod_FindDuplicates<
            v1::ArticleService::WithRawCallbackMethod_FindRelated<
                v1::ArticleService::WithRawCallbackMethod_Compare<
                    v1::ArticleService::WithRawCallbackMethod_GetArticle<
                        v1::ArticleService::WithRawCallbackMethod_BatchGetArticles<
                            v1::ArticleService::WithRawCallbackMethod_DeleteArticle<
                                v1::ArticleService::WithRawCallbackMethod_ComputeFingerprint<
                                    v1::ArticleService::WithRawCallbackMethod_StreamIngest<
                                        v1::ArticleService::Service>>>>>>>>>>;
using ClusterServiceBase = v1::ClusterService::WithRawCallbackMethod_GetGroup<
    v1::ClusterService::WithRawCallbackMethod_ListGroups<
        v1::ClusterService::WithRawCallbackMethod_SetCanonical<
            v1::ClusterService::WithRawCallbackMethod_MergeGroups<
                v1::ClusterService::WithRawCallbackMethod_SplitGroup<
                    v1::ClusterService::WithRawCallbackMethod_WithdrawStory<
                        v1::ClusterService::WithRawCallbackMethod_ReinstateStory<
                            v1::ClusterService::WithRawCallbackMethod_ListAffectedArticles<
                                v1::ClusterService::WithRawCallbackMethod_WatchGroups<
                                    v1::ClusterService::Service>>>>>>>>>;
using AdminServiceBase = v1::AdminService::WithRawCallbackMethod_CreateCollection<
    v1::AdminService::WithRawCallbackMethod_GetCollection<
        v1::AdminService::WithRawCallbackMethod_ListCollections<
            v1::AdminService::WithRawCallbackMethod_UpdateCollection<
                v1::AdminService::WithRawCallbackMethod_DeleteCollection<
                    v1::AdminService::WithRawCallbackMethod_GetStats<
                        v1::AdminService::WithRawCallbackMethod_ListEmbedders<
                            v1::AdminService::WithRawCallbackMethod_ReembedCollection<
                                v1::AdminService::WithRawCallbackMethod_CancelReembedding<
                                    v1::AdminService::WithRawCallbackMethod_CreateSnapshot<
                                        v1::AdminService::WithRawCallbackMethod_ListSnapshots<
                                            v1::AdminService::WithRawCallbackMethod_DeleteSnapshot<
                                                v1::AdminService::
                                                    WithRawCallbackMethod_ReadSnapshot<
                                                        v1::AdminService::Service>>>>>>>>>>>>>;

class ArticleService final : public ArticleServiceBase {
 public:
  explicit ArticleService(Dispatcher* dispatcher) : dispatcher_(dispatcher) {}

  grpc::ServerUnaryReactor* IngestArticle(grpc::CallbackServerContext* context,
                                          const ByteBuffer* request,
                                          ByteBuffer* response) override {
    return dispatcher_->Write(context, "IngestArticle", request, response,
                              &Handlers::IngestArticle);
  }

  grpc::ServerUnaryReactor* BatchIngestArticles(grpc::CallbackServerContext* context,
                                                const ByteBuffer* request,
                                                ByteBuffer* response) override {
    return dispatcher_->Write(context, "BatchIngestArticles", request, response,
                              &Handlers::BatchIngestArticles);
  }

  grpc::ServerUnaryReactor* FindDuplicates(grpc::CallbackServerContext* context,
                                           const ByteBuffer* request,
                                           ByteBuffer* response) override {
    return dispatcher_->QuickRead(context, "FindDuplicates", request, response,
                                  &Handlers::FindDuplicates);
  }

  grpc::ServerUnaryReactor* FindRelated(grpc::CallbackServerContext* context,
                                        const ByteBuffer* request, ByteBuffer* response) override {
    return dispatcher_->Read(context, "FindRelated", request, response, &Handlers::FindRelated);
  }

  grpc::ServerUnaryReactor* Compare(grpc::CallbackServerContext* context, const ByteBuffer* request,
                                    ByteBuffer* response) override {
    return dispatcher_->Read(context, "Compare", request, response, &Handlers::Compare);
  }

  grpc::ServerUnaryReactor* GetArticle(grpc::CallbackServerContext* context,
                                       const ByteBuffer* request, ByteBuffer* response) override {
    return dispatcher_->Read(context, "GetArticle", request, response, &Handlers::GetArticle);
  }

  grpc::ServerUnaryReactor* BatchGetArticles(grpc::CallbackServerContext* context,
                                             const ByteBuffer* request,
                                             ByteBuffer* response) override {
    return dispatcher_->Read(context, "BatchGetArticles", request, response,
                             &Handlers::BatchGetArticles);
  }

  grpc::ServerUnaryReactor* DeleteArticle(grpc::CallbackServerContext* context,
                                          const ByteBuffer* request,
                                          ByteBuffer* response) override {
    return dispatcher_->Write(context, "DeleteArticle", request, response,
                              &Handlers::DeleteArticle);
  }

  grpc::ServerUnaryReactor* ComputeFingerprint(grpc::CallbackServerContext* context,
                                               const ByteBuffer* request,
                                               ByteBuffer* response) override {
    return dispatcher_->Read(context, "ComputeFingerprint", request, response,
                             &Handlers::ComputeFingerprint);
  }

  grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>* StreamIngest(
      grpc::CallbackServerContext* context) override {
    return MakeStreamIngest(dispatcher_, *context);
  }

 private:
  Dispatcher* const dispatcher_;
};

class ClusterService final : public ClusterServiceBase {
 public:
  explicit ClusterService(Dispatcher* dispatcher) : dispatcher_(dispatcher) {}

  grpc::ServerUnaryReactor* GetGroup(grpc::CallbackServerContext* context,
                                     const ByteBuffer* request, ByteBuffer* response) override {
    return dispatcher_->Read(context, "GetGroup", request, response, &Handlers::GetGroup);
  }

  grpc::ServerUnaryReactor* ListGroups(grpc::CallbackServerContext* context,
                                       const ByteBuffer* request, ByteBuffer* response) override {
    return dispatcher_->Read(context, "ListGroups", request, response, &Handlers::ListGroups);
  }

  grpc::ServerUnaryReactor* SetCanonical(grpc::CallbackServerContext* context,
                                         const ByteBuffer* request, ByteBuffer* response) override {
    return dispatcher_->Write(context, "SetCanonical", request, response, &Handlers::SetCanonical);
  }

  grpc::ServerUnaryReactor* MergeGroups(grpc::CallbackServerContext* context,
                                        const ByteBuffer* request, ByteBuffer* response) override {
    return dispatcher_->Write(context, "MergeGroups", request, response, &Handlers::MergeGroups);
  }

  grpc::ServerUnaryReactor* SplitGroup(grpc::CallbackServerContext* context,
                                       const ByteBuffer* request, ByteBuffer* response) override {
    return dispatcher_->Write(context, "SplitGroup", request, response, &Handlers::SplitGroup);
  }

  grpc::ServerUnaryReactor* WithdrawStory(grpc::CallbackServerContext* context,
                                          const ByteBuffer* request,
                                          ByteBuffer* response) override {
    return dispatcher_->Write(context, "WithdrawStory", request, response,
                              &Handlers::WithdrawStory);
  }

  grpc::ServerUnaryReactor* ReinstateStory(grpc::CallbackServerContext* context,
                                           const ByteBuffer* request,
                                           ByteBuffer* response) override {
    return dispatcher_->Write(context, "ReinstateStory", request, response,
                              &Handlers::ReinstateStory);
  }

  grpc::ServerUnaryReactor* ListAffectedArticles(grpc::CallbackServerContext* context,
                                                 const ByteBuffer* request,
                                                 ByteBuffer* response) override {
    return dispatcher_->Read(context, "ListAffectedArticles", request, response,
                             &Handlers::ListAffectedArticles);
  }

  grpc::ServerWriteReactor<ByteBuffer>* WatchGroups(grpc::CallbackServerContext* context,
                                                    const ByteBuffer* request) override {
    return MakeWatchGroups(dispatcher_, *context, *request);
  }

 private:
  Dispatcher* const dispatcher_;
};

class AdminService final : public AdminServiceBase {
 public:
  explicit AdminService(Dispatcher* dispatcher) : dispatcher_(dispatcher) {}

  grpc::ServerUnaryReactor* CreateCollection(grpc::CallbackServerContext* context,
                                             const ByteBuffer* request,
                                             ByteBuffer* response) override {
    return dispatcher_->Read(context, "CreateCollection", request, response,
                             &Handlers::CreateCollection);
  }

  grpc::ServerUnaryReactor* GetCollection(grpc::CallbackServerContext* context,
                                          const ByteBuffer* request,
                                          ByteBuffer* response) override {
    return dispatcher_->Read(context, "GetCollection", request, response, &Handlers::GetCollection);
  }

  grpc::ServerUnaryReactor* ListCollections(grpc::CallbackServerContext* context,
                                            const ByteBuffer* request,
                                            ByteBuffer* response) override {
    return dispatcher_->Read(context, "ListCollections", request, response,
                             &Handlers::ListCollections);
  }

  grpc::ServerUnaryReactor* DeleteCollection(grpc::CallbackServerContext* context,
                                             const ByteBuffer* request,
                                             ByteBuffer* response) override {
    return dispatcher_->Read(context, "DeleteCollection", request, response,
                             &Handlers::DeleteCollection);
  }

  grpc::ServerUnaryReactor* UpdateCollection(grpc::CallbackServerContext* context,
                                             const ByteBuffer* request,
                                             ByteBuffer* response) override {
    return dispatcher_->Write(context, "UpdateCollection", request, response,
                              &Handlers::UpdateCollection);
  }

  grpc::ServerUnaryReactor* GetStats(grpc::CallbackServerContext* context,
                                     const ByteBuffer* request, ByteBuffer* response) override {
    return dispatcher_->Read(context, "GetStats", request, response, &Handlers::GetStats);
  }

  grpc::ServerUnaryReactor* ListEmbedders(grpc::CallbackServerContext* context,
                                          const ByteBuffer* request,
                                          ByteBuffer* response) override {
    return dispatcher_->Read(context, "ListEmbedders", request, response, &Handlers::ListEmbedders);
  }

  grpc::ServerUnaryReactor* ReembedCollection(grpc::CallbackServerContext* context,
                                              const ByteBuffer* request,
                                              ByteBuffer* response) override {
    return dispatcher_->Write(context, "ReembedCollection", request, response,
                              &Handlers::ReembedCollection);
  }

  grpc::ServerUnaryReactor* CancelReembedding(grpc::CallbackServerContext* context,
                                              const ByteBuffer* request,
                                              ByteBuffer* response) override {
    return dispatcher_->Write(context, "CancelReembedding", request, response,
                              &Handlers::CancelReembedding);
  }

  grpc::ServerUnaryReactor* CreateSnapshot(grpc::CallbackServerContext* context,
                                           const ByteBuffer* request,
                                           ByteBuffer* response) override {
    return dispatcher_->RunAside(context, "CreateSnapshot", request, response,
                                 &Handlers::CreateSnapshot);
  }

  grpc::ServerUnaryReactor* ListSnapshots(grpc::CallbackServerContext* context,
                                          const ByteBuffer* request,
                                          ByteBuffer* response) override {
    return dispatcher_->Read(context, "ListSnapshots", request, response, &Handlers::ListSnapshots);
  }

  grpc::ServerUnaryReactor* DeleteSnapshot(grpc::CallbackServerContext* context,
                                           const ByteBuffer* request,
                                           ByteBuffer* response) override {
    return dispatcher_->Read(context, "DeleteSnapshot", request, response,
                             &Handlers::DeleteSnapshot);
  }

  grpc::ServerWriteReactor<ByteBuffer>* ReadSnapshot(grpc::CallbackServerContext* context,
                                                     const ByteBuffer* request) override {
    return MakeReadSnapshot(dispatcher_, *context, *request);
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
