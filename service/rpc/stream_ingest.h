// The bidirectional StreamIngest call.
#ifndef NEWSPRINT_SERVICE_RPC_STREAM_INGEST_H_
#define NEWSPRINT_SERVICE_RPC_STREAM_INGEST_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "service/rpc/dispatch.h"

namespace newsprint::rpc {

// The reactor of one call; it deletes itself when the call is done.
grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* MakeStreamIngest(
    Dispatcher* dispatcher, const grpc::CallbackServerContext& context);

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_STREAM_INGEST_H_
