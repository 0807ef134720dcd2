// AdminService.ReadSnapshot: the files of a snapshot as a stream.
#ifndef NEWSPRINT_SERVICE_RPC_READ_SNAPSHOT_H_
#define NEWSPRINT_SERVICE_RPC_READ_SNAPSHOT_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "service/rpc/dispatch.h"

namespace newsprint::rpc {

// The reactor of one call; it goes away when the call is done.
grpc::ServerWriteReactor<grpc::ByteBuffer>* MakeReadSnapshot(
    Dispatcher* dispatcher, const grpc::CallbackServerContext& context,
    const grpc::ByteBuffer& request);

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_READ_SNAPSHOT_H_
