// Printing the settings of collections, their embedders, and moves from one to another.
#ifndef NEWSPRINT_CLIENT_CLI_COLLECTION_OUTPUT_H_
#define NEWSPRINT_CLIENT_CLI_COLLECTION_OUTPUT_H_

#include <string>

#include "client/cli/output.h"
#include "newsprint/v1/admin_service.pb.h"

namespace newsprint::cli {

// "earliest_published" and so on.
std::string PolicyName(v1::CanonicalPolicy policy);
// "30 days, 1,000 articles"; "-" without a limit.
std::string DescribeRetention(const v1::Retention& retention);
// "sync" or "async".
std::string DurabilityName(v1::Durability durability);
// "model2vec" and so on.
std::string EmbedderKindName(v1::EmbedderKind kind);

// "moving to news-256: 1,234 of 5,000 articles (24 %)", and what holds it up, on one line. The
// share is rounded down, so that 100 % means all.
std::string DescribeReembedding(const v1::Reembedding& move);

// With the names of the proto's fields; "reembedding" only while there is one.
Json ToJson(const v1::Collection& collection);
Json ToJson(const v1::Reembedding& move);
Json ToJson(const v1::Embedder& embedder);

}  // namespace newsprint::cli

#endif  // NEWSPRINT_CLIENT_CLI_COLLECTION_OUTPUT_H_
