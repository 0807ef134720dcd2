// The collection that a request is about, as it stands there: empty for the default one, and for
// requests that are about the server. One that is about a collection in another way does not
// compile without a function of its own.
#ifndef NEWSPRINT_SERVICE_RPC_NAMED_COLLECTION_H_
#define NEWSPRINT_SERVICE_RPC_NAMED_COLLECTION_H_

#include "absl/strings/string_view.h"
#include "newsprint/v1/admin_service.pb.h"

namespace newsprint::rpc {

template <typename Request>
absl::string_view NamedCollection(const Request& request) {
  return request.collection();
}

inline absl::string_view NamedCollection(const v1::GetCollectionRequest& request) {
  return request.name();
}
inline absl::string_view NamedCollection(const v1::DeleteCollectionRequest& request) {
  return request.name();
}
inline absl::string_view NamedCollection(const v1::CreateCollectionRequest& request) {
  return request.collection().name();
}
inline absl::string_view NamedCollection(const v1::UpdateCollectionRequest& request) {
  return request.collection().name();
}

inline absl::string_view NamedCollection(const v1::ListCollectionsRequest& /*request*/) {
  return "";
}
inline absl::string_view NamedCollection(const v1::ListEmbeddersRequest& /*request*/) { return ""; }
inline absl::string_view NamedCollection(const v1::CreateSnapshotRequest& /*request*/) {
  return "";
}
inline absl::string_view NamedCollection(const v1::ListSnapshotsRequest& /*request*/) { return ""; }
inline absl::string_view NamedCollection(const v1::DeleteSnapshotRequest& /*request*/) {
  return "";
}

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_NAMED_COLLECTION_H_
