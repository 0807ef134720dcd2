#include "client/connection.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/backoff.h"
#include "client/credentials.h"
#include "client/reconnector.h"
#include "client/retry_info.h"
#include "newsprint/v1/admin_service.grpc.pb.h"
#include "newsprint/v1/article_service.grpc.pb.h"
#include "newsprint/v1/cluster_service.grpc.pb.h"

namespace newsprint::client {
namespace {

// Whether a unary call that ended thus may be made again.
bool MayRepeat(const absl::Status& status) {
  return absl::IsUnavailable(status) ||
         (absl::IsResourceExhausted(status) && RetryDelay(status).has_value());
}

ClientOptions Clamp(ClientOptions options) {
  options.deadline = std::max(options.deadline, absl::Milliseconds(1));
  options.attempts_max = std::clamp(options.attempts_max, 1, 100);
  options.backoff_initial = std::max(options.backoff_initial, absl::Milliseconds(1));
  options.backoff_max = std::max(options.backoff_max, options.backoff_initial);
  options.message_bytes_max = std::clamp(options.message_bytes_max, 4 << 10, 1 << 30);
  return options;
}

std::shared_ptr<grpc::Channel> MakeChannel(const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(options.message_bytes_max);
  arguments.SetMaxSendMessageSize(options.message_bytes_max);
  // gRPC's own pause before it connects again (1 s, growing to 2 minutes) would turn our attempts
  // into repetitions of one old error.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // What a connection may take to be made, TLS included.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 10000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // Notices a peer that vanished without closing the connection.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 5 * 60 * 1000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20 * 1000);
  // A proxy that the environment names would read tokens and texts that are not encrypted, and what
  // is on this machine needs none.
  if (options.credentials == nullptr || IsLoopbackTarget(options.target)) {
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  }
  return grpc::CreateCustomChannel(
      options.target,
      options.credentials ? options.credentials : grpc::InsecureChannelCredentials(), arguments);
}

// What calls and streams of one connection share. Streams may outlive the connection.
struct Link {
  explicit Link(const ClientOptions& options)
      : token(options), channel(MakeChannel(options)), reconnector(channel) {}

  TokenSender token;
  const std::shared_ptr<grpc::Channel> channel;
  Reconnector reconnector;
};

// One call, or stream, of a connection.
class LinkedCall {
 public:
  explicit LinkedCall(std::shared_ptr<Link> link)
      : link_(std::move(link)), status_(link_->token.AddTo(&context_, &token_)) {}

  // When it is not OK, there is nothing to be called.
  const absl::Status& status() const { return status_; }
  grpc::ClientContext* context() { return &context_; }
  // What the call came to.
  absl::Status Finish(const grpc::Status& status) {
    return link_->reconnector.After(link_->token.Translate(FromGrpc(status), token_));
  }

 private:
  const std::shared_ptr<Link> link_;
  grpc::ClientContext context_;
  std::string token_;  // that was sent; empty: none
  const absl::Status status_;
};

class GrpcIngestStream final : public IngestStream {
 public:
  GrpcIngestStream(v1::ArticleService::Stub& stub, std::shared_ptr<Link> link)
      : call_(std::move(link)),
        stream_(call_.status().ok() ? stub.StreamIngest(call_.context()) : nullptr) {}

  bool Write(const v1::StreamIngestRequest& request) override {
    return stream_ != nullptr && stream_->Write(request);
  }
  void WritesDone() override {
    if (stream_ != nullptr) stream_->WritesDone();
  }
  bool Read(v1::StreamIngestResponse* response) override {
    return stream_ != nullptr && stream_->Read(response);
  }
  absl::Status Finish() override {
    return stream_ == nullptr ? call_.status() : call_.Finish(stream_->Finish());
  }
  void Cancel() override { call_.context()->TryCancel(); }

 private:
  LinkedCall call_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::StreamIngestRequest, v1::StreamIngestResponse>>
      stream_;
};

// A stream that only the server writes to.
template <typename Base, typename Response>
class GrpcReadStream final : public Base {
 public:
  template <typename Stub, typename Request>
  GrpcReadStream(Stub& stub,
                 std::unique_ptr<grpc::ClientReader<Response>> (Stub::*method)(grpc::ClientContext*,
                                                                               const Request&),
                 const Request& request, std::shared_ptr<Link> link)
      : call_(std::move(link)),
        stream_(call_.status().ok() ? (stub.*method)(call_.context(), request) : nullptr) {}

  bool Read(Response* response) override { return stream_ != nullptr && stream_->Read(response); }
  absl::Status Finish() override {
    return stream_ == nullptr ? call_.status() : call_.Finish(stream_->Finish());
  }
  void Cancel() override { call_.context()->TryCancel(); }

 private:
  LinkedCall call_;
  std::unique_ptr<grpc::ClientReader<Response>> stream_;
};

class GrpcConnection final : public Connection {
 public:
  explicit GrpcConnection(ClientOptions options)
      : options_(Clamp(std::move(options))),
        link_(std::make_shared<Link>(options_)),
        article_(v1::ArticleService::NewStub(link_->channel)),
        cluster_(v1::ClusterService::NewStub(link_->channel)),
        admin_(v1::AdminService::NewStub(link_->channel)) {}

  absl::StatusOr<v1::IngestArticleResponse> IngestArticle(const v1::IngestArticleRequest& request,
                                                          const CallOptions& options) override {
    return Call<v1::IngestArticleResponse>(*article_, &v1::ArticleService::Stub::IngestArticle,
                                           request, options);
  }
  absl::StatusOr<v1::BatchIngestArticlesResponse> BatchIngestArticles(
      const v1::BatchIngestArticlesRequest& request, const CallOptions& options) override {
    return Call<v1::BatchIngestArticlesResponse>(
        *article_, &v1::ArticleService::Stub::BatchIngestArticles, request, options);
  }
  absl::StatusOr<v1::FindDuplicatesResponse> FindDuplicates(
      const v1::FindDuplicatesRequest& request, const CallOptions& options) override {
    return Call<v1::FindDuplicatesResponse>(*article_, &v1::ArticleService::Stub::FindDuplicates,
                                            request, options);
  }
  absl::StatusOr<v1::FindRelatedResponse> FindRelated(const v1::FindRelatedRequest& request,
                                                      const CallOptions& options) override {
    return Call<v1::FindRelatedResponse>(*article_, &v1::ArticleService::Stub::FindRelated, request,
                                         options);
  }
  absl::StatusOr<v1::CompareResponse> Compare(const v1::CompareRequest& request,
                                              const CallOptions& options) override {
    return Call<v1::CompareResponse>(*article_, &v1::ArticleService::Stub::Compare, request,
                                     options);
  }
  absl::StatusOr<v1::GetArticleResponse> GetArticle(const v1::GetArticleRequest& request,
                                                    const CallOptions& options) override {
    return Call<v1::GetArticleResponse>(*article_, &v1::ArticleService::Stub::GetArticle, request,
                                        options);
  }
  absl::StatusOr<v1::BatchGetArticlesResponse> BatchGetArticles(
      const v1::BatchGetArticlesRequest& request, const CallOptions& options) override {
    return Call<v1::BatchGetArticlesResponse>(
        *article_, &v1::ArticleService::Stub::BatchGetArticles, request, options);
  }
  absl::StatusOr<v1::ComputeFingerprintResponse> ComputeFingerprint(
      const v1::ComputeFingerprintRequest& request, const CallOptions& options) override {
    return Call<v1::ComputeFingerprintResponse>(
        *article_, &v1::ArticleService::Stub::ComputeFingerprint, request, options);
  }
  absl::StatusOr<v1::DeleteArticleResponse> DeleteArticle(const v1::DeleteArticleRequest& request,
                                                          const CallOptions& options) override {
    return Call<v1::DeleteArticleResponse>(*article_, &v1::ArticleService::Stub::DeleteArticle,
                                           request, options);
  }
  absl::StatusOr<v1::GetGroupResponse> GetGroup(const v1::GetGroupRequest& request,
                                                const CallOptions& options) override {
    return Call<v1::GetGroupResponse>(*cluster_, &v1::ClusterService::Stub::GetGroup, request,
                                      options);
  }
  absl::StatusOr<v1::ListGroupsResponse> ListGroups(const v1::ListGroupsRequest& request,
                                                    const CallOptions& options) override {
    return Call<v1::ListGroupsResponse>(*cluster_, &v1::ClusterService::Stub::ListGroups, request,
                                        options);
  }
  absl::StatusOr<v1::SetCanonicalResponse> SetCanonical(const v1::SetCanonicalRequest& request,
                                                        const CallOptions& options) override {
    return Call<v1::SetCanonicalResponse>(*cluster_, &v1::ClusterService::Stub::SetCanonical,
                                          request, options);
  }
  absl::StatusOr<v1::MergeGroupsResponse> MergeGroups(const v1::MergeGroupsRequest& request,
                                                      const CallOptions& options) override {
    return Call<v1::MergeGroupsResponse>(*cluster_, &v1::ClusterService::Stub::MergeGroups, request,
                                         options);
  }
  absl::StatusOr<v1::SplitGroupResponse> SplitGroup(const v1::SplitGroupRequest& request,
                                                    const CallOptions& options) override {
    return Call<v1::SplitGroupResponse>(*cluster_, &v1::ClusterService::Stub::SplitGroup, request,
                                        options);
  }
  absl::StatusOr<v1::WithdrawStoryResponse> WithdrawStory(const v1::WithdrawStoryRequest& request,
                                                          const CallOptions& options) override {
    return Call<v1::WithdrawStoryResponse>(*cluster_, &v1::ClusterService::Stub::WithdrawStory,
                                           request, options);
  }
  absl::StatusOr<v1::ReinstateStoryResponse> ReinstateStory(
      const v1::ReinstateStoryRequest& request, const CallOptions& options) override {
    return Call<v1::ReinstateStoryResponse>(*cluster_, &v1::ClusterService::Stub::ReinstateStory,
                                            request, options);
  }
  absl::StatusOr<v1::ListAffectedArticlesResponse> ListAffectedArticles(
      const v1::ListAffectedArticlesRequest& request, const CallOptions& options) override {
    return Call<v1::ListAffectedArticlesResponse>(
        *cluster_, &v1::ClusterService::Stub::ListAffectedArticles, request, options);
  }
  absl::StatusOr<v1::CreateCollectionResponse> CreateCollection(
      const v1::CreateCollectionRequest& request, const CallOptions& options) override {
    return Call<v1::CreateCollectionResponse>(*admin_, &v1::AdminService::Stub::CreateCollection,
                                              request, options);
  }
  absl::StatusOr<v1::GetCollectionResponse> GetCollection(const v1::GetCollectionRequest& request,
                                                          const CallOptions& options) override {
    return Call<v1::GetCollectionResponse>(*admin_, &v1::AdminService::Stub::GetCollection, request,
                                           options);
  }
  absl::StatusOr<v1::ListCollectionsResponse> ListCollections(
      const v1::ListCollectionsRequest& request, const CallOptions& options) override {
    return Call<v1::ListCollectionsResponse>(*admin_, &v1::AdminService::Stub::ListCollections,
                                             request, options);
  }
  absl::StatusOr<v1::DeleteCollectionResponse> DeleteCollection(
      const v1::DeleteCollectionRequest& request, const CallOptions& options) override {
    return Call<v1::DeleteCollectionResponse>(*admin_, &v1::AdminService::Stub::DeleteCollection,
                                              request, options);
  }
  absl::StatusOr<v1::UpdateCollectionResponse> UpdateCollection(
      const v1::UpdateCollectionRequest& request, const CallOptions& options) override {
    return Call<v1::UpdateCollectionResponse>(*admin_, &v1::AdminService::Stub::UpdateCollection,
                                              request, options);
  }
  absl::StatusOr<v1::GetStatsResponse> GetStats(const v1::GetStatsRequest& request,
                                                const CallOptions& options) override {
    return Call<v1::GetStatsResponse>(*admin_, &v1::AdminService::Stub::GetStats, request, options);
  }
  absl::StatusOr<v1::ListEmbeddersResponse> ListEmbedders(const v1::ListEmbeddersRequest& request,
                                                          const CallOptions& options) override {
    return Call<v1::ListEmbeddersResponse>(*admin_, &v1::AdminService::Stub::ListEmbedders, request,
                                           options);
  }
  absl::StatusOr<v1::ReembedCollectionResponse> ReembedCollection(
      const v1::ReembedCollectionRequest& request, const CallOptions& options) override {
    return Call<v1::ReembedCollectionResponse>(*admin_, &v1::AdminService::Stub::ReembedCollection,
                                               request, options);
  }
  absl::StatusOr<v1::CancelReembeddingResponse> CancelReembedding(
      const v1::CancelReembeddingRequest& request, const CallOptions& options) override {
    return Call<v1::CancelReembeddingResponse>(*admin_, &v1::AdminService::Stub::CancelReembedding,
                                               request, options);
  }

  absl::StatusOr<v1::CreateSnapshotResponse> CreateSnapshot(
      const v1::CreateSnapshotRequest& request, const CallOptions& options) override {
    return Call<v1::CreateSnapshotResponse>(*admin_, &v1::AdminService::Stub::CreateSnapshot,
                                            request, options);
  }
  absl::StatusOr<v1::ListSnapshotsResponse> ListSnapshots(const v1::ListSnapshotsRequest& request,
                                                          const CallOptions& options) override {
    return Call<v1::ListSnapshotsResponse>(*admin_, &v1::AdminService::Stub::ListSnapshots, request,
                                           options);
  }
  absl::StatusOr<v1::DeleteSnapshotResponse> DeleteSnapshot(
      const v1::DeleteSnapshotRequest& request, const CallOptions& options) override {
    return Call<v1::DeleteSnapshotResponse>(*admin_, &v1::AdminService::Stub::DeleteSnapshot,
                                            request, options);
  }

  std::unique_ptr<SnapshotStream> ReadSnapshot(const v1::ReadSnapshotRequest& request) override {
    return std::make_unique<GrpcReadStream<SnapshotStream, v1::ReadSnapshotResponse>>(
        *admin_, &v1::AdminService::Stub::ReadSnapshot, request, link_);
  }

  std::unique_ptr<IngestStream> StreamIngest() override {
    return std::make_unique<GrpcIngestStream>(*article_, link_);
  }

  std::unique_ptr<WatchStream> WatchGroups(const v1::WatchGroupsRequest& request) override {
    return std::make_unique<GrpcReadStream<WatchStream, v1::WatchGroupsResponse>>(
        *cluster_, &v1::ClusterService::Stub::WatchGroups, request, link_);
  }

 private:
  template <typename Response, typename Stub, typename Request>
  absl::StatusOr<Response> Call(Stub& stub,
                                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request, const CallOptions& call_options) {
    const absl::Duration budget =
        call_options.deadline > absl::ZeroDuration() ? call_options.deadline : options_.deadline;
    const absl::Time deadline = absl::Now() + budget;
    Backoff backoff(options_.backoff_initial, options_.backoff_max);
    for (int attempt = 1;; ++attempt) {
      LinkedCall call(link_);
      if (!call.status().ok()) return call.status();
      if (deadline != absl::InfiniteFuture()) {
        call.context()->set_deadline(absl::ToChronoTime(deadline));
      }
      Response response;
      const absl::Status status = call.Finish((stub.*method)(call.context(), request, &response));
      if (status.ok()) return response;
      if (!MayRepeat(status) || attempt >= options_.attempts_max) return status;
      const absl::Duration pause =
          std::max(backoff.Next(), RetryDelay(status).value_or(absl::ZeroDuration()));
      if (absl::Now() + pause >= deadline) return status;
      absl::SleepFor(pause);
    }
  }

  const ClientOptions options_;
  const std::shared_ptr<Link> link_;
  const std::unique_ptr<v1::ArticleService::Stub> article_;
  const std::unique_ptr<v1::ClusterService::Stub> cluster_;
  const std::unique_ptr<v1::AdminService::Stub> admin_;
};

}  // namespace

std::shared_ptr<Connection> MakeConnection(ClientOptions options) {
  return std::make_shared<GrpcConnection>(std::move(options));
}

}  // namespace newsprint::client
