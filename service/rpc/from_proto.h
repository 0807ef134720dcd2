// Requests to the engine's types, checked. Every error is INVALID_ARGUMENT and reads
// `field: problem, got X, limit Y`; `field` is the path of the field in the request.
#ifndef NEWSPRINT_SERVICE_RPC_FROM_PROTO_H_
#define NEWSPRINT_SERVICE_RPC_FROM_PROTO_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "newsprint/v1/admin_service.pb.h"
#include "newsprint/v1/article_service.pb.h"
#include "newsprint/v1/cluster_service.pb.h"
#include "service/common/types.h"
#include "service/engine/collection.h"
#include "service/rpc/limits.h"

namespace newsprint::rpc {

// Whether an article must have an id (to be stored) or may have one (to be asked about).
enum class IdRule { kRequired, kOptional };

// These move title and body out of the message that holds the article, for they may be long.
absl::StatusOr<Article> ArticleFromProto(v1::Article& proto, const Limits& limits, IdRule id_rule);
absl::StatusOr<IngestRequest> IngestFromProto(v1::IngestArticleRequest& proto,
                                              const Limits& limits);
absl::StatusOr<ArticleQuery> QueryFromProto(v1::FindDuplicatesRequest& proto, const Limits& limits);
absl::StatusOr<RelatedQuery> QueryFromProto(v1::FindRelatedRequest& proto, const Limits& limits);
// An article with its text, for ComputeFingerprint.
absl::StatusOr<Article> ArticleFromProto(v1::ComputeFingerprintRequest& proto,
                                         const Limits& limits);
// `field`: "a" or "b".
absl::StatusOr<ArticleQuery> QueryFromProto(absl::string_view field, v1::ArticleOrId& proto,
                                            const Limits& limits);

absl::StatusOr<RelatedOptions> RelatedOptionsFromProto(const v1::FindRelatedRequest& proto);
absl::StatusOr<NewCollection> NewCollectionFromProto(const v1::Collection& proto);
// What of a collection is to be changed.
struct CollectionUpdate {
  std::optional<Retention> retention;
  std::optional<Durability> durability;
};
absl::StatusOr<CollectionUpdate> UpdateFromProto(const v1::UpdateCollectionRequest& proto);
absl::StatusOr<SplitRequest> SplitFromProto(const v1::SplitGroupRequest& proto);
// Without the time, and with `article_id` where the request names an article.
absl::StatusOr<Withdrawal> WithdrawalFromProto(const v1::WithdrawStoryRequest& proto);

absl::Status CheckId(absl::string_view field, absl::string_view id);
absl::Status CheckRequestId(absl::string_view request_id);
// Of a snapshot: required, and as that of a collection.
absl::Status CheckSnapshotName(absl::string_view name);
// A count that may be 0 for the default. Over the limit is an error.
absl::StatusOr<int> CountFromProto(absl::string_view field, int value, int default_value, int max);
// A page size that may be 0 for the default. Over the limit means the limit (AIP-158).
absl::StatusOr<int> PageSizeFromProto(int value);
// Whether a collection can have this name.
bool IsCollectionName(absl::string_view name);
// "" means the default collection.
std::string CollectionName(absl::string_view name);

// Group ids look like "g17" outside. NOT_FOUND for what cannot be one.
std::string GroupId(GroupNumber group);
absl::StatusOr<GroupNumber> GroupFromId(absl::string_view id);
// The same, with the name of a required field.
absl::StatusOr<GroupNumber> GroupFromId(absl::string_view field, absl::string_view id);

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_FROM_PROTO_H_
