#include "client/cli/collection_output.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace newsprint::cli {

std::string PolicyName(v1::CanonicalPolicy policy) {
  return ShortName(v1::CanonicalPolicy_Name(policy), "CANONICAL_POLICY_");
}

std::string DescribeRetention(const v1::Retention& retention) {
  constexpr int64_t kDaySeconds = 24 * 3600;
  std::vector<std::string> limits;
  if (const int64_t seconds = retention.age().seconds(); seconds > 0) {
    limits.push_back(seconds % kDaySeconds == 0 ? Counted(seconds / kDaySeconds, "day")
                                                : Counted(seconds, "second"));
  }
  if (retention.articles_max() > 0) limits.push_back(Counted(retention.articles_max(), "article"));
  return limits.empty() ? "-" : absl::StrJoin(limits, ", ");
}

std::string DurabilityName(v1::Durability durability) {
  return ShortName(v1::Durability_Name(durability), "DURABILITY_");
}

std::string EmbedderKindName(v1::EmbedderKind kind) {
  return ShortName(v1::EmbedderKind_Name(kind), "EMBEDDER_KIND_");
}

std::string DescribeReembedding(const v1::Reembedding& move) {
  std::string text =
      absl::StrFormat("moving to %s: %s of %s", move.embedder(), FormatCount(move.articles_done()),
                      Counted(move.articles(), "article"));
  if (move.articles() > 0) {
    const double share = std::min(
        1.0, static_cast<double>(move.articles_done()) / static_cast<double>(move.articles()));
    absl::StrAppendFormat(&text, " (%d %%)", static_cast<int>(share * 100));
  }
  if (!move.problem().empty()) absl::StrAppend(&text, "; ", move.problem());
  return Truncate(text, std::numeric_limits<int>::max());
}

Json ToJson(const v1::Collection& collection) {
  Json sources = Json::array();
  for (const std::string& source : collection.source_priority()) sources.push_back(source);
  Json json = {{"name", collection.name()},
               {"omit_text", collection.omit_text()},
               {"shingle_words", collection.shingle_words()},
               {"embedding_dimension", collection.embedding_dimension()},
               {"fingerprint_scheme", collection.fingerprint_scheme()},
               {"embedder", collection.embedder()},
               {"embedder_identity", collection.embedder_identity()},
               {"created_at", FormatTime(collection.has_created_at(), collection.created_at())},
               {"canonical_policy", PolicyName(collection.canonical_policy())},
               {"source_priority", std::move(sources)},
               {"thresholds", ToJson(collection.thresholds())},
               {"retention_seconds", collection.retention().age().seconds()},
               {"retention_articles", collection.retention().articles_max()},
               {"durability", DurabilityName(collection.durability())}};
  if (collection.has_reembedding()) json["reembedding"] = ToJson(collection.reembedding());
  return json;
}

Json ToJson(const v1::Reembedding& move) {
  return {{"embedder", move.embedder()},
          {"embedder_identity", move.embedder_identity()},
          {"articles_done", move.articles_done()},
          {"articles", move.articles()},
          {"articles_without_text", move.articles_without_text()},
          {"problem", move.problem()},
          {"started_at", FormatTime(move.has_started_at(), move.started_at())}};
}

Json ToJson(const v1::Embedder& embedder) {
  return {{"name", embedder.name()},
          {"kind", EmbedderKindName(embedder.kind())},
          {"identity", embedder.identity()},
          {"dimension", embedder.dimension()}};
}

}  // namespace newsprint::cli
