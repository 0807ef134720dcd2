// Who makes a stream, for as long as it is open.
#ifndef NEWSPRINT_SERVICE_RPC_STREAM_CALLER_H_
#define NEWSPRINT_SERVICE_RPC_STREAM_CALLER_H_

#include <grpcpp/security/auth_context.h>
#include <grpcpp/server_context.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "service/rpc/access.h"
#include "service/rpc/dispatch.h"

namespace newsprint::rpc {

// One identified by a token goes on while the identity is in the access file, so that tokens may be
// replaced under a stream; one identified by a certificate, while that has not expired and its
// names are those of the identity. Not thread-safe.
class StreamCaller {
 public:
  // `dispatcher` must outlive it. `trace` is what the log says of the stream, as TraceFields.
  StreamCaller(Dispatcher* dispatcher, absl::string_view method, std::string trace)
      : dispatcher_(*dispatcher), method_(method), trace_(std::move(trace)) {}
  ~StreamCaller() { Close(); }
  StreamCaller(const StreamCaller&) = delete;
  StreamCaller& operator=(const StreamCaller&) = delete;

  // Finds out who it is, and takes up room for a stream. To be called once, before the others.
  // UNAUTHENTICATED, or RESOURCE_EXHAUSTED when the rate of the caller is used up, or the streams
  // that it, or all callers together, may have open.
  absl::Status Open(const grpc::CallbackServerContext& context, size_t request_bytes);
  // Gives the room back. Nothing when there is none.
  void Close();

  const Caller& caller() const { return caller_; }

  // Whether the rules have changed, or the certificate has expired, since it was looked at.
  bool stale() const {
    return opened_ &&
           (dispatcher_.gate().control().version() != version_ || expires_at_ < absl::Now());
  }
  // The same caller by the rules of now. UNAUTHENTICATED when there is none any more.
  absl::Status Renew();
  // Whether the caller may call the method for this collection, empty for the default one, or for
  // the server.
  absl::Status Authorize(absl::string_view collection) const;
  // The same, with the rules of now, if these are stale.
  absl::Status Recheck(absl::string_view collection);

 private:
  Dispatcher& dispatcher_;
  const absl::string_view method_;
  const std::string trace_;
  Caller caller_;
  std::shared_ptr<const grpc::AuthContext> peer_;  // null unless its certificate is what counts
  absl::Time expires_at_ = absl::InfiniteFuture();
  uint64_t version_ = 0;  // of the rules by which `caller_` was found
  Caller opened_as_;      // who leaves in the end, whatever the rules have become
  bool opened_ = false;
};

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_STREAM_CALLER_H_
