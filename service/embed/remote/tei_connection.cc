// Text Embeddings Inference. One request a text: the server batches those that run at the same
// time, and an error concerns one text alone; its streams end at the first error.
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/common/status_macros.h"
#include "service/embed/remote/connection.h"
#include "tei/v1/tei.grpc.pb.h"

namespace newsprint::embed {
namespace {

tei::v1::EmbedRequest MakeRequest(absl::string_view text) {
  tei::v1::EmbedRequest request;
  request.set_inputs(text.data(), text.size());
  request.set_truncate(true);
  request.set_normalize(true);
  return request;
}

class TeiRequest final : public PendingRequest {
 public:
  TeiRequest(tei::v1::Embed::Stub& stub, absl::string_view text, absl::Duration timeout,
             grpc::CompletionQueue* queue, void* tag) {
    context_.set_deadline(std::chrono::system_clock::now() + absl::ToChronoNanoseconds(timeout));
    reader_ = stub.AsyncEmbed(&context_, MakeRequest(text), queue);
    reader_->Finish(&response_, &status_, tag);
  }

  absl::StatusOr<std::vector<float>> Rows(int dimension) const override {
    if (response_.embeddings_size() != dimension) {
      return absl::UnavailableError(absl::StrCat("answered with ", response_.embeddings_size(),
                                                 " values, expected ", dimension));
    }
    std::vector<float> rows;
    rows.reserve(dimension);
    RETURN_IF_ERROR(AppendUnitRow(response_.embeddings(), &rows));
    return rows;
  }

 private:
  tei::v1::EmbedResponse response_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<tei::v1::EmbedResponse>> reader_;
};

class TeiConnection final : public Connection {
 public:
  explicit TeiConnection(const RemoteOptions& options)
      : Connection(options),
        requests_at_once_(options.batch_items_max),
        info_(tei::v1::Info::NewStub(channel())),
        embed_(tei::v1::Embed::NewStub(channel())) {}

  absl::StatusOr<RemoteModel> Describe(std::chrono::system_clock::time_point deadline) override {
    tei::v1::InfoResponse info;
    RETURN_IF_ERROR(
        Ask(*info_, &tei::v1::Info::Stub::Info, deadline, tei::v1::InfoRequest(), &info));
    if (info.model_type() != tei::v1::MODEL_TYPE_EMBEDDING) {
      return absl::FailedPreconditionError(absl::StrCat("not a model that makes vectors, got type ",
                                                        static_cast<int>(info.model_type())));
    }
    tei::v1::EmbedResponse probe;
    RETURN_IF_ERROR(
        Ask(*embed_, &tei::v1::Embed::Stub::Embed, deadline, MakeRequest(kProbeText), &probe));
    RETURN_IF_ERROR(CheckDimension(probe.embeddings_size()));
    // The number is that of the recipe for the text, in remote_embedder.cc.
    return RemoteModel{FitIdentity(absl::StrCat("tei/1/", info.model_id(),
                                                info.has_model_sha() ? "@" : "", info.model_sha())),
                       probe.embeddings_size()};
  }

  std::unique_ptr<PendingRequest> Send(absl::Span<const absl::string_view> texts,
                                       absl::Duration timeout, grpc::CompletionQueue* queue,
                                       void* tag) override {
    return std::make_unique<TeiRequest>(*embed_, texts.front(), timeout, queue, tag);
  }

  int texts_per_request() const override { return 1; }
  int requests_at_once() const override { return requests_at_once_; }

 private:
  const int requests_at_once_;
  const std::unique_ptr<tei::v1::Info::Stub> info_;
  const std::unique_ptr<tei::v1::Embed::Stub> embed_;
};

}  // namespace

std::shared_ptr<Connection> OpenTei(const RemoteOptions& options) {
  return std::make_shared<TeiConnection>(options);
}

}  // namespace newsprint::embed
