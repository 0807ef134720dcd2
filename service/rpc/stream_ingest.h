// The bidirectional StreamIngest call.
#ifndef NEWSPRINT_SERVICE_RPC_STREAM_INGEST_H_
#define NEWSPRINT_SERVICE_RPC_STREAM_INGEST_H_

#include <grpcpp/support/server_callback.h>

#include "newsprint/v1/article_service.pb.h"
#include "service/rpc/dispatch.h"

namespace newsprint::rpc {

// The reactor of one call; it deletes itself when the call is done.
grpc::ServerBidiReactor<v1::StreamIngestRequest, v1::StreamIngestResponse>* MakeStreamIngest(
    Dispatcher* dispatcher);

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_STREAM_INGEST_H_
