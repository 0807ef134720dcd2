#include "service/rpc/call_metrics.h"

#include <google/protobuf/descriptor.h>

#include "newsprint/v1/admin_service.pb.h"
#include "newsprint/v1/article_service.pb.h"
#include "newsprint/v1/cluster_service.pb.h"
#include "service/rpc/status.h"

namespace newsprint::rpc {
namespace {

Counter& CodeCounter(const absl::Status& status, CallMetrics::ByCode* counters) {
  const auto code = static_cast<size_t>(ForCaller(status).code());
  return (
      *counters)[code < counters->size() ? code : static_cast<size_t>(absl::StatusCode::kUnknown)];
}

}  // namespace

CallMetrics::CallMetrics() {
  for (const google::protobuf::FileDescriptor* file :
       {v1::IngestArticleRequest::descriptor()->file(), v1::GetGroupRequest::descriptor()->file(),
        v1::GetStatsRequest::descriptor()->file()}) {
    for (int i = 0; i < file->service_count(); ++i) {
      const google::protobuf::ServiceDescriptor& service = *file->service(i);
      for (int j = 0; j < service.method_count(); ++j) {
        const google::protobuf::MethodDescriptor& method = *service.method(j);
        Method& counted = methods_[method.name()];
        counted.has_requests = method.client_streaming() || !method.server_streaming();
        counted.is_stream = method.client_streaming() || method.server_streaming();
      }
    }
  }
}

CallMetrics::Method* CallMetrics::Find(absl::string_view method) {
  const auto found = methods_.find(method);
  return found == methods_.end() ? nullptr : &found->second;
}

void CallMetrics::RecordRequest(absl::string_view method, const absl::Status& status, size_t bytes,
                                std::optional<std::chrono::nanoseconds> took) {
  Method* const counted = Find(method);
  if (counted == nullptr) return;
  CodeCounter(status, &counted->requests).Add();
  counted->request_bytes.Add(bytes);
  if (took.has_value()) counted->seconds.Record(*took);
}

void CallMetrics::RecordStream(absl::string_view method, const absl::Status& status) {
  Method* const counted = Find(method);
  if (counted != nullptr) CodeCounter(status, &counted->streams).Add();
}

void CallMetrics::RecordBatchItem(const absl::Status& status) {
  CodeCounter(status, &batch_items_).Add();
}

}  // namespace newsprint::rpc
