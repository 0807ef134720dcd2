// The collection that a request is about, as it stands there: empty for the default one, and for
// requests that are about the server. One that is about a collection in another way does not
// compile without a function of its own. And how much a request asks for.
#ifndef NEWSPRINT_SERVICE_RPC_NAMED_COLLECTION_H_
#define NEWSPRINT_SERVICE_RPC_NAMED_COLLECTION_H_

#include <cstddef>

#include "absl/strings/string_view.h"
#include "newsprint/v1/admin_service.pb.h"
#include "newsprint/v1/article_service.pb.h"

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
inline absl::string_view NamedCollection(const v1::ListSnapshotsRequest& /*request*/) { return ""; }
inline absl::string_view NamedCollection(const v1::DeleteSnapshotRequest& /*request*/) {
  return "";
}

// Whether a request is about the server by its very type, rather than about a collection.
template <typename Request>
inline constexpr bool kIsAboutServer = false;
template <>
inline constexpr bool kIsAboutServer<v1::CreateSnapshotRequest> = true;

// How many articles a request brings or asks for.
template <typename Request>
size_t ItemCount(const Request& /*request*/) {
  return 1;
}
inline size_t ItemCount(const v1::BatchIngestArticlesRequest& request) {
  return static_cast<size_t>(request.requests_size());
}
inline size_t ItemCount(const v1::BatchGetArticlesRequest& request) {
  return static_cast<size_t>(request.ids_size());
}

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_NAMED_COLLECTION_H_
