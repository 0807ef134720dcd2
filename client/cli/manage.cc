// newsprint delete, groups, stats and collections.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/output.h"
#include "client/cli/session.h"

namespace newsprint::cli {
namespace {

constexpr int64_t kPageSize = 1000;

// Calls `fetch(page_size, page_token, &next_page_token, &added)` until `limit` entries are there or
// no page is left. 0 means no limit.
template <typename Fetch>
absl::Status ForEachPage(int64_t limit, const Fetch& fetch) {
  int64_t left = limit > 0 ? limit : std::numeric_limits<int64_t>::max();
  std::string token;
  do {
    int64_t added = 0;
    std::string next;
    const auto page_size = static_cast<int32_t>(std::min(left, kPageSize));
    if (absl::Status status = fetch(page_size, token, &next, &added); !status.ok()) return status;
    left -= added;
    token = std::move(next);
  } while (!token.empty() && left > 0);
  return absl::OkStatus();
}

Json ToJson(const v1::Group& group) {
  return {{"id", group.id()},
          {"canonical_id", group.canonical_id()},
          {"title", group.title()},
          {"member_count", group.member_count()}};
}

absl::Status ListGroups(Session& session) {
  v1::ListGroupsRequest request;
  request.set_collection(session.settings.collection);
  request.set_members_min(session.settings.members_min > 0 ? session.settings.members_min : 2);
  Json json = Json::array();
  Table table({{"group"},
               {"members", Table::Align::kRight},
               {"canonical"},
               {"title", Table::Align::kLeft, true}});
  int64_t count = 0;
  const absl::Status status =
      ForEachPage(session.settings.limit,
                  [&](int32_t page_size, const std::string& token, std::string* next,
                      int64_t* added) -> absl::Status {
                    request.set_page_size(page_size);
                    request.set_page_token(token);
                    const auto response = session.client.ListGroups(request);
                    if (!response.ok()) return response.status();
                    for (const v1::Group& group : response->groups()) {
                      if (session.settings.json) {
                        json.push_back(ToJson(group));
                      } else {
                        table.AddRow({group.id(), absl::StrCat(group.member_count()),
                                      group.canonical_id(), group.title()});
                      }
                    }
                    *added = response->groups_size();
                    count += *added;
                    *next = response->next_page_token();
                    return absl::OkStatus();
                  });
  if (!status.ok()) return status;
  if (session.settings.json) {
    PrintJson({{"groups", std::move(json)}}, session.out);
  } else if (count == 0) {
    session.out << absl::StrFormat("no groups of %d or more articles\n", request.members_min());
  } else {
    table.Print(session.out, session.columns);
  }
  return absl::OkStatus();
}

// `id` may be that of an article or that of a group; an article goes first, as its owner chose the
// name.
absl::Status ShowGroup(Session& session, const std::string& id) {
  v1::GetGroupRequest request;
  request.set_collection(session.settings.collection);
  request.set_article_id(id);
  v1::Group group;
  Json json = Json::array();
  Table table({{"id"},
               {"relation"},
               {"jaccard", Table::Align::kRight},
               {"published at"},
               {"source"},
               {"title", Table::Align::kLeft, true}});
  const absl::Status status = ForEachPage(
      session.settings.limit,
      [&](int32_t page_size, const std::string& token, std::string* next,
          int64_t* added) -> absl::Status {
        request.set_page_size(page_size);
        request.set_page_token(token);
        auto response = session.client.GetGroup(request);
        if (absl::IsNotFound(response.status()) && request.has_article_id()) {
          request.set_group_id(id);
          response = session.client.GetGroup(request);
        }
        if (!response.ok()) return response.status();
        group = response->group();
        for (const v1::GroupMember& member : response->members()) {
          const std::string published_at =
              FormatTime(member.has_published_at(), member.published_at());
          table.AddRow({member.article_id(), RelationName(member.relation()),
                        member.has_evidence() ? FormatFigure(member.evidence().jaccard()) : "-",
                        published_at, member.source(), member.title()});
          json.push_back(
              {{"id", member.article_id()},
               {"relation", RelationName(member.relation())},
               {"title", member.title()},
               {"source", member.source()},
               {"url", member.url()},
               {"published_at", published_at},
               {"ingested_at", FormatTime(member.has_ingested_at(), member.ingested_at())}});
          if (member.has_evidence()) json.back()["evidence"] = cli::ToJson(member.evidence());
        }
        *added = response->members_size();
        *next = response->next_page_token();
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  if (session.settings.json) {
    PrintJson({{"group", ToJson(group)}, {"members", std::move(json)}}, session.out);
    return absl::OkStatus();
  }
  session.out << absl::StrFormat("group %s: %d members, canonical %s\n", group.id(),
                                 group.member_count(), group.canonical_id());
  table.Print(session.out, session.columns);
  return absl::OkStatus();
}

Json ToJson(const v1::Collection& collection) {
  return {{"name", collection.name()},
          {"omit_text", collection.omit_text()},
          {"shingle_words", collection.shingle_words()},
          {"embedding_dimension", collection.embedding_dimension()},
          {"caller_embeddings", collection.caller_embeddings()},
          {"fingerprint_scheme", collection.fingerprint_scheme()},
          {"embedder", collection.embedder()},
          {"created_at", FormatTime(collection.has_created_at(), collection.created_at())},
          {"thresholds", cli::ToJson(collection.thresholds())}};
}

absl::Status ListCollections(Session& session) {
  v1::ListCollectionsRequest request;
  Json json = Json::array();
  Table table({{"name"},
               {"text"},
               {"shingle words", Table::Align::kRight},
               {"dimension", Table::Align::kRight},
               {"embedder"},
               {"fingerprint"},
               {"created at"}});
  const absl::Status status = ForEachPage(
      session.settings.limit,
      [&](int32_t page_size, const std::string& token, std::string* next,
          int64_t* added) -> absl::Status {
        request.set_page_size(page_size);
        request.set_page_token(token);
        const auto response = session.client.ListCollections(request);
        if (!response.ok()) return response.status();
        for (const v1::Collection& collection : response->collections()) {
          json.push_back(ToJson(collection));
          table.AddRow({collection.name(), collection.omit_text() ? "omitted" : "kept",
                        absl::StrCat(collection.shingle_words()),
                        absl::StrCat(collection.embedding_dimension()), collection.embedder(),
                        collection.fingerprint_scheme(),
                        FormatTime(collection.has_created_at(), collection.created_at())});
        }
        *added = response->collections_size();
        *next = response->next_page_token();
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  if (session.settings.json) {
    PrintJson({{"collections", std::move(json)}}, session.out);
  } else {
    table.Print(session.out, session.columns);
  }
  return absl::OkStatus();
}

absl::Status CreateCollection(Session& session, const std::string& name) {
  v1::CreateCollectionRequest request;
  *request.mutable_collection() = session.settings.new_collection;
  request.mutable_collection()->set_name(name);
  const auto response = session.client.CreateCollection(request);
  if (!response.ok()) return response.status();
  if (session.settings.json) {
    PrintJson(ToJson(response->collection()), session.out);
  } else {
    session.out << "created " << name << "\n";
  }
  return absl::OkStatus();
}

absl::Status DeleteCollection(Session& session, const std::string& name) {
  v1::DeleteCollectionRequest request;
  request.set_name(name);
  const auto response = session.client.DeleteCollection(request);
  if (!response.ok()) return response.status();
  if (session.settings.json) {
    PrintJson({{"deleted", name}}, session.out);
  } else {
    session.out << "deleted " << name << "\n";
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunGroups(Session& session, const Args& args) {
  return args.empty() ? ListGroups(session) : ShowGroup(session, args[0]);
}

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
               {"sequence", stats->sequence()}},
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
  table.AddRow({"fingerprint index", FormatBytes(stats->fingerprint_index_bytes())});
  table.AddRow({"vector index", FormatBytes(stats->vector_index_bytes())});
  table.AddRow({"store (whole server)", FormatBytes(stats->store_bytes())});
  table.AddRow({"operations", absl::StrCat(stats->sequence())});
  table.Print(session.out, session.columns);
  return absl::OkStatus();
}

absl::Status RunCollections(Session& session, const Args& args) {
  const std::string verb = args.empty() ? "list" : args[0];
  if (verb == "list" && args.size() <= 1) return ListCollections(session);
  if (verb == "create" && args.size() == 2) return CreateCollection(session, args[1]);
  if (verb == "delete" && args.size() == 2) return DeleteCollection(session, args[1]);
  return UsageError("collections: use \"list\", \"create NAME\" or \"delete NAME\"");
}

}  // namespace newsprint::cli
