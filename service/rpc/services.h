// The gRPC services: each method hands its handler to the dispatcher.
#ifndef NEWSPRINT_SERVICE_RPC_SERVICES_H_
#define NEWSPRINT_SERVICE_RPC_SERVICES_H_

#include <memory>
#include <vector>

#include <grpcpp/impl/service_type.h>

#include "service/rpc/dispatch.h"

namespace newsprint::rpc {

// ArticleService, ClusterService and, `with_admin`, AdminService, for one gRPC server. `dispatcher`
// must outlive them.
std::vector<std::unique_ptr<grpc::Service>> MakeServices(Dispatcher* dispatcher, bool with_admin);

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_SERVICES_H_
