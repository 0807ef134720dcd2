// One connection to an embedding server, and what differs between the protocols.
#ifndef NEWSPRINT_SERVICE_EMBED_REMOTE_CONNECTION_H_
#define NEWSPRINT_SERVICE_EMBED_REMOTE_CONNECTION_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "service/common/mutex.h"
#include "service/embed/remote/remote_embedder.h"
#include "service/embed/remote/remote_options.h"

namespace newsprint::embed {

// A request for vectors on its way. Belongs to the thread that reads the completion queue.
class PendingRequest {
 public:
  virtual ~PendingRequest() = default;

  // Once the tag has come: how the request ended,
  const grpc::Status& status() const { return status_; }
  // and, if it ended well, a row of `dimension` values for each text, of length 1 or all zeros.
  // UNAVAILABLE for an answer that cannot be used, FAILED_PRECONDITION for one of another model.
  virtual absl::StatusOr<std::vector<float>> Rows(int dimension) const = 0;

  void Cancel() { context_.TryCancel(); }

 protected:
  grpc::ClientContext context_;
  grpc::Status status_;
};

// Thread-safe where nothing else is said.
class Connection {
 public:
  // Does not wait for the server.
  static std::shared_ptr<Connection> Open(const RemoteOptions& options);
  virtual ~Connection() = default;

  // Asks which model the server has, and for the vector of one word: blocks until it is known, or
  // `deadline`. UNAVAILABLE when the server does not answer, or answers with an error;
  // DEADLINE_EXCEEDED; FAILED_PRECONDITION for a model that makes no vectors of texts.
  virtual absl::StatusOr<RemoteModel> Describe(std::chrono::system_clock::time_point deadline) = 0;

  // Ends a Describe that waits, with UNAVAILABLE, and each later one.
  void CancelDescribe();

  // Sends `texts`, at most texts_per_request(). `tag` comes out of `queue` when it has ended, which
  // takes `timeout` at most. After a Describe that succeeded, and not while one runs.
  virtual std::unique_ptr<PendingRequest> Send(absl::Span<const absl::string_view> texts,
                                               absl::Duration timeout, grpc::CompletionQueue* queue,
                                               void* tag) = 0;

  // As Send; both are at least 1.
  virtual int texts_per_request() const = 0;
  virtual int requests_at_once() const = 0;

  // Whether there is a connection at this moment: false before the first request and after a loss.
  bool is_connected() const;

 protected:
  explicit Connection(const RemoteOptions& options);

  // A blocking call, which CancelDescribe ends.
  template <typename Stub, typename Request, typename Response>
  absl::Status Ask(Stub& stub,
                   grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                   std::chrono::system_clock::time_point deadline, const Request& request,
                   Response* response) {
    grpc::ClientContext context;
    context.set_deadline(deadline);
    if (!Enter(&context)) return absl::UnavailableError("stopping");
    const grpc::Status status = (stub.*method)(&context, request, response);
    Leave();
    return FromGrpc(status);
  }

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  bool Enter(grpc::ClientContext* context);
  void Leave();
  static absl::Status FromGrpc(const grpc::Status& status);

  const std::shared_ptr<grpc::Channel> channel_;
  Mutex mutex_;
  bool is_cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* asking_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

// The two protocols, for Open.
std::shared_ptr<Connection> OpenTei(const RemoteOptions& options);
std::shared_ptr<Connection> OpenKserve(const RemoteOptions& options);

// What both protocols ask for to learn the dimension.
inline constexpr absl::string_view kProbeText = "news";
// The longest vector that is taken.
inline constexpr int kDimensionMax = 4096;

// Appends `values`, `dimension` of them, scaled to length 1, or as zeros if they are all zero.
// UNAVAILABLE when one is not finite.
absl::Status AppendUnitRow(absl::Span<const float> values, std::vector<float>* rows);

// UNAVAILABLE unless a vector of `values` values can be one of an embedder.
absl::Status CheckDimension(size_t values);

// `identity` as Embedder::identity() wants it: other characters than printable ASCII become "?",
// and of what is too long the end becomes a hash.
std::string FitIdentity(absl::string_view identity);

}  // namespace newsprint::embed

#endif  // NEWSPRINT_SERVICE_EMBED_REMOTE_CONNECTION_H_
