// newsprint delete, stats and collections.
#include <cstdint>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/collection_output.h"
#include "client/cli/output.h"
#include "client/cli/paging.h"
#include "client/cli/session.h"

namespace newsprint::cli {
namespace {

absl::Status ListCollections(Session& session) {
  Json json = Json::array();
  std::string moves;  // a line each, below the table
  Table table({{"name"},
               {"text"},
               {"shingle words", Table::Align::kRight},
               {"dimension", Table::Align::kRight},
               {"embedder"},
               {"embedder identity"},
               {"fingerprint"},
               {"canonical"},
               {"retention"},
               {"durability"},
               {"created at"}});
  const absl::Status status = ForEachPage(
      session.settings.limit, v1::ListCollectionsRequest(),
      [&](const v1::ListCollectionsRequest& request) {
        return session.client.ListCollections(request);
      },
      [&](const v1::ListCollectionsResponse& page) {
        for (const v1::Collection& collection : page.collections()) {
          json.push_back(ToJson(collection));
          table.AddRow({collection.name(), collection.omit_text() ? "omitted" : "kept",
                        absl::StrCat(collection.shingle_words()),
                        absl::StrCat(collection.embedding_dimension()), collection.embedder(),
                        collection.embedder_identity(), collection.fingerprint_scheme(),
                        PolicyName(collection.canonical_policy()),
                        DescribeRetention(collection.retention()),
                        DurabilityName(collection.durability()),
                        FormatTime(collection.has_created_at(), collection.created_at())});
          if (collection.has_reembedding()) {
            absl::StrAppend(&moves, collection.name(), ": ",
                            DescribeReembedding(collection.reembedding()), "\n");
          }
        }
        return page.collections_size();
      });
  if (!status.ok()) return status;
  if (session.settings.json) {
    PrintJson({{"collections", std::move(json)}}, session.out);
  } else {
    table.Print(session.out, session.columns);
    if (!moves.empty()) session.out << "\n" << moves;
  }
  return absl::OkStatus();
}

absl::Status CreateCollection(Session& session, const std::string& name) {
  v1::CreateCollectionRequest request;
  *request.mutable_collection() = session.settings.new_collection;
  request.mutable_collection()->set_name(name);
  const auto response = session.client.CreateCollection(request);
  if (!response.ok()) return response.status();
  PrintDone("created", name, session.settings.json, ToJson(response->collection()), session.out);
  return absl::OkStatus();
}

// Changes what flags were given for, and leaves the rest as it is.
absl::Status UpdateCollection(Session& session, const std::string& name) {
  const Settings& settings = session.settings;
  v1::UpdateCollectionRequest request;
  if (settings.retention_seconds.has_value() || settings.retention_articles.has_value()) {
    v1::GetCollectionRequest get;
    get.set_name(name);
    const auto present = session.client.GetCollection(get);
    if (!present.ok()) return present.status();
    v1::Retention& retention = *request.mutable_collection()->mutable_retention();
    retention = present->collection().retention();
    if (settings.retention_seconds.has_value()) {
      retention.clear_age();
      if (*settings.retention_seconds > 0) {
        retention.mutable_age()->set_seconds(*settings.retention_seconds);
      }
    }
    if (settings.retention_articles.has_value()) {
      retention.set_articles_max(*settings.retention_articles);
    }
    request.mutable_update_mask()->add_paths("retention");
  }
  if (!settings.durability.empty()) {
    request.mutable_collection()->set_durability(settings.new_collection.durability());
    request.mutable_update_mask()->add_paths("durability");
  }
  if (request.update_mask().paths().empty()) {
    return UsageError(
        "collections update: give --retention_days, --retention_seconds, --retention_articles or "
        "--durability");
  }
  request.mutable_collection()->set_name(name);
  const auto response = session.client.UpdateCollection(request);
  if (!response.ok()) return response.status();
  PrintDone("updated", name, settings.json, ToJson(response->collection()), session.out);
  return absl::OkStatus();
}

absl::Status DeleteCollection(Session& session, const std::string& name) {
  v1::DeleteCollectionRequest request;
  request.set_name(name);
  const auto response = session.client.DeleteCollection(request);
  if (!response.ok()) return response.status();
  PrintDone("deleted", name, session.settings.json, {{"deleted", name}}, session.out);
  return absl::OkStatus();
}

}  // namespace

absl::Status RunDelete(Session& session, const Args& args) {
  Json deleted = Json::array();
  Json failures = Json::array();
  absl::Status last_error;
  for (const std::string& id : args) {
    v1::DeleteArticleRequest request;
    request.set_collection(session.settings.collection);
    request.set_id(id);
    const auto response = session.client.DeleteArticle(request);
    if (response.ok()) {
      deleted.push_back({{"id", id},
                         {"group_id", response->group_id()},
                         {"canonical_id", response->canonical_id()}});
      if (!session.settings.json) session.out << "deleted " << id << "\n";
      continue;
    }
    last_error = response.status();
    if (absl::IsUnavailable(last_error)) break;  // the others would fare no better
    failures.push_back({{"id", id},
                        {"code", absl::StatusCodeToString(last_error.code())},
                        {"message", std::string(last_error.message())}});
    if (args.size() > 1) session.err << id << ": " << last_error.message() << "\n";
  }
  const size_t failed = args.size() - deleted.size();
  if (session.settings.json) {
    PrintJson({{"deleted", std::move(deleted)}, {"failed", std::move(failures)}}, session.out);
  }
  if (failed == 0 || args.size() == 1 || absl::IsUnavailable(last_error)) return last_error;
  return absl::UnknownError(
      absl::StrFormat("%d of %d articles were not deleted", failed, args.size()));
}

absl::Status RunStats(Session& session, const Args& /*args*/) {
  v1::GetStatsRequest request;
  request.set_collection(session.settings.collection);
  const auto stats = session.client.GetStats(request);
  if (!stats.ok()) return stats.status();
  const auto count_of = [&](v1::Relation relation) {
    int64_t count = 0;
    for (const v1::RelationCount& entry : stats->relations()) {
      if (entry.relation() == relation) count += entry.count();
    }
    return count;
  };
  if (session.settings.json) {
    Json relations = Json::object();
    for (const v1::Relation relation : kRelations) {
      relations[RelationName(relation)] = count_of(relation);
    }
    PrintJson({{"collection", session.settings.collection},
               {"articles", stats->articles()},
               {"groups", stats->groups()},
               {"relations", std::move(relations)},
               {"fingerprint_index_bytes", stats->fingerprint_index_bytes()},
               {"vector_index_bytes", stats->vector_index_bytes()},
               {"store_bytes", stats->store_bytes()},
               {"sequence", stats->sequence()},
               {"group_change_sequence", stats->group_change_sequence()},
               {"boilerplate_shingles", stats->boilerplate_shingles()},
               {"embeddings_pending", stats->embeddings_pending()},
               {"articles_expired", stats->articles_expired()},
               {"oldest_article_at",
                FormatTime(stats->has_oldest_article_at(), stats->oldest_article_at())}},
              session.out);
    return absl::OkStatus();
  }
  Table table({{session.settings.collection}, {"", Table::Align::kRight}});
  table.AddRow({"articles", absl::StrCat(stats->articles())});
  for (const v1::Relation relation : kRelations) {
    if (count_of(relation) > 0) {
      table.AddRow({absl::StrCat("  ", RelationName(relation)), absl::StrCat(count_of(relation))});
    }
  }
  table.AddRow({"groups", absl::StrCat(stats->groups())});
  if (stats->embeddings_pending() > 0) {
    table.AddRow({"waiting for the embedding server", absl::StrCat(stats->embeddings_pending())});
  }
  if (stats->articles_expired() > 0) {
    table.AddRow({"expired so far", absl::StrCat(stats->articles_expired())});
  }
  if (stats->has_oldest_article_at()) {
    table.AddRow({"oldest article", FormatTime(true, stats->oldest_article_at())});
  }
  table.AddRow({"boilerplate shingles", absl::StrCat(stats->boilerplate_shingles())});
  table.AddRow({"fingerprint index", FormatBytes(stats->fingerprint_index_bytes())});
  table.AddRow({"vector index", FormatBytes(stats->vector_index_bytes())});
  table.AddRow({"store (whole server)", FormatBytes(stats->store_bytes())});
  table.AddRow({"operations", absl::StrCat(stats->sequence())});
  table.AddRow({"changes to groups", absl::StrCat(stats->group_change_sequence())});
  table.Print(session.out, session.columns);
  return absl::OkStatus();
}

absl::Status RunCollections(Session& session, const Args& args) {
  const std::string verb = args.empty() ? "list" : args[0];
  if (verb == "list" && args.size() <= 1) return ListCollections(session);
  if (verb == "create" && args.size() == 2) return CreateCollection(session, args[1]);
  if (verb == "update" && args.size() == 2) return UpdateCollection(session, args[1]);
  if (verb == "delete" && args.size() == 2) return DeleteCollection(session, args[1]);
  return UsageError(
      "collections: use \"list\", \"create NAME\", \"update NAME\" or \"delete NAME\"");
}

}  // namespace newsprint::cli
