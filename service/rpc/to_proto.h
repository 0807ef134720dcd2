// The engine's types to responses.
#ifndef NEWSPRINT_SERVICE_RPC_TO_PROTO_H_
#define NEWSPRINT_SERVICE_RPC_TO_PROTO_H_

#include "absl/status/status.h"
#include "newsprint/v1/admin_service.pb.h"
#include "newsprint/v1/article_service.pb.h"
#include "newsprint/v1/cluster_service.pb.h"
#include "service/common/types.h"
#include "service/engine/collection.h"
#include "service/engine/embedders.h"
#include "service/engine/snapshots.h"

namespace newsprint::rpc {

void ToProto(const Verdict& verdict, const CollectionSettings& settings, v1::Verdict* proto);
void ToProto(const Evidence& evidence, v1::Evidence* proto);
void ToProto(const Thresholds& thresholds, v1::Thresholds* proto);
void ToProto(const Article& article, v1::Article* proto);
void ToProto(const ArticleState& state, v1::ArticleState* proto);
void ToProto(const Fingerprint& fingerprint, v1::Fingerprint* proto);
void ToProto(const Withdrawal& withdrawal, v1::Withdrawal* proto);
void ToProto(const GroupChange& change, v1::GroupChange* proto);
void ToProto(const RelatedArticle& related, v1::RelatedArticle* proto);
void ToProto(const GroupSummary& group, v1::Group* proto);
void ToProto(const GroupMember& member, v1::GroupMember* proto);
void ToProto(const CollectionInfo& info, v1::Collection* proto);
void ToProto(const EmbedderInfo& embedder, v1::Embedder* proto);
void ToProto(const CollectionStats& stats, v1::GetStatsResponse* proto);
void ToProto(const absl::Status& status, v1::ItemStatus* proto);
void ToProto(const SnapshotInfo& snapshot, v1::Snapshot* proto);
void ToProto(absl::Time time, google::protobuf::Timestamp* proto);

v1::Relation ToProto(Relation relation);

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_TO_PROTO_H_
