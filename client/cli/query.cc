// newsprint find, related, compare and get.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/jsonl.h"
#include "client/cli/output.h"
#include "client/cli/related_filters.h"
#include "client/cli/session.h"

namespace newsprint::cli {
namespace {

int32_t Limit(const Settings& settings) {
  return static_cast<int32_t>(
      std::min<int64_t>(settings.limit, std::numeric_limits<int32_t>::max()));
}

// The first article of a file.
absl::StatusOr<v1::Article> ReadArticle(Session& session, const std::string& path) {
  absl::StatusOr<std::unique_ptr<LineReader>> reader = LineReader::Open(path);
  if (!reader.ok()) return absl::UnknownError(reader.status().message());
  std::string line;
  const absl::Status read = (*reader)->Next(&line);
  if (absl::IsOutOfRange(read)) return absl::UnknownError(absl::StrCat(path, ": holds no article"));
  if (!read.ok()) return absl::UnknownError(read.message());
  absl::StatusOr<ArticleLine> parsed = ParseArticleLine(line, /*id_required=*/false);
  if (!parsed.ok()) {
    return absl::UnknownError(absl::StrCat((*reader)->position(), ": ", parsed.status().message()));
  }
  if ((*reader)->Next(&line).ok()) {
    session.err << "note: " << path << " holds more than one article, the first one is used\n";
  }
  return std::move(parsed->article);
}

// Fills in what to ask about: an id, or the article in --file.
template <typename Request>
absl::Status SetQuery(Session& session, const Args& args, Request& request) {
  request.set_collection(session.settings.collection);
  if (args.empty() == session.settings.file.empty()) {
    return UsageError(
        absl::StrCat(session.settings.words[0], ": give either an ID or --file=ARTICLE.jsonl"));
  }
  if (!args.empty()) {
    request.set_id(args[0]);
    return absl::OkStatus();
  }
  absl::StatusOr<v1::Article> article = ReadArticle(session, session.settings.file);
  if (!article.ok()) return article.status();
  *request.mutable_article() = *std::move(article);
  return absl::OkStatus();
}

void PrintVerdict(Session& session, const v1::Verdict& verdict) {
  session.out << RelationName(verdict.relation());
  if (verdict.matches_size() == 0) {
    session.out << ": nothing stored is a copy";
  } else if (verdict.relation() != v1::RELATION_TEMPLATE) {
    session.out << ": canonical " << verdict.canonical_id() << ", group " << verdict.group_id();
  }
  session.out << (verdict.short_text() ? " (short text: only exact copies count)\n" : "\n");
  if (verdict.has_withdrawal()) {
    session.out << "WITHDRAWN: " << DescribeWithdrawal(verdict.withdrawal()) << "\n";
  }
  if (verdict.embedding_pending()) {
    session.out << "the embedding server did not answer: related articles were not looked for\n";
  }
  if (verdict.matches_size() == 0) return;
  Table table({{"id"},
               {"relation"},
               {"jaccard", Table::Align::kRight},
               {"contained", Table::Align::kRight},
               {"contains", Table::Align::kRight},
               {"score", Table::Align::kRight},
               {"lede", Table::Align::kRight},
               {"boilerplate", Table::Align::kRight},
               {"source"},
               {"title", Table::Align::kLeft, true}});
  for (const v1::Match& match : verdict.matches()) {
    const v1::Evidence& evidence = match.evidence();
    table.AddRow({match.article_id(), RelationName(match.relation()),
                  FormatFigure(evidence.jaccard()), FormatFigure(evidence.containment()),
                  FormatFigure(evidence.reverse_containment()), FormatFigure(evidence.score()),
                  FormatFigure(evidence.lede_containment()),
                  absl::StrCat(evidence.shared_boilerplate()), match.source(), match.title()});
  }
  table.Print(session.out, session.columns);
}

}  // namespace

absl::Status RunFind(Session& session, const Args& args) {
  v1::FindDuplicatesRequest request;
  if (absl::Status status = SetQuery(session, args, request); !status.ok()) return status;
  request.set_max_matches(Limit(session.settings));
  const auto response = session.client.FindDuplicates(request);
  if (!response.ok()) return response.status();
  const v1::Verdict& verdict = response->verdict();
  if (!session.settings.json) {
    PrintVerdict(session, verdict);
    return absl::OkStatus();
  }
  Json matches = Json::array();
  for (const v1::Match& match : verdict.matches()) matches.push_back(ToJson(match));
  Json json = {{"relation", RelationName(verdict.relation())},
               {"canonical_id", verdict.canonical_id()},
               {"group_id", verdict.group_id()},
               {"short_text", verdict.short_text()},
               {"matches", std::move(matches)},
               {"thresholds", ToJson(verdict.thresholds())},
               {"fingerprint_scheme", verdict.fingerprint_scheme()}};
  if (verdict.has_withdrawal()) json["withdrawal"] = ToJson(verdict.withdrawal());
  if (verdict.embedding_pending()) json["embedding_pending"] = true;
  PrintJson(json, session.out);
  return absl::OkStatus();
}

absl::Status RunRelated(Session& session, const Args& args) {
  v1::FindRelatedRequest request;
  if (absl::Status status = SetQuery(session, args, request); !status.ok()) return status;
  request.set_max_results(Limit(session.settings));
  request.set_include_duplicates(session.settings.include_duplicates);
  if (absl::Status status = SetRelatedFilters(session.settings, request); !status.ok()) {
    return status;
  }
  const auto response = session.client.FindRelated(request);
  if (!response.ok()) return response.status();
  if (session.settings.json) {
    Json related = Json::array();
    for (const v1::RelatedArticle& article : response->related()) {
      related.push_back(
          {{"id", article.article_id()},
           {"score", JsonFigure(article.score())},
           {"title", article.title()},
           {"group_id", article.group_id()},
           {"same_group", article.same_group()},
           {"source", article.source()},
           {"lang", article.language()},
           {"url", article.url()},
           {"published_at", FormatTime(article.has_published_at(), article.published_at())},
           {"withdrawn", article.withdrawn()}});
    }
    PrintJson({{"related", std::move(related)}}, session.out);
    return absl::OkStatus();
  }
  if (response->related_size() == 0) {
    session.out << "nothing related\n";
    return absl::OkStatus();
  }
  Table table(
      {{"id"}, {"score", Table::Align::kRight}, {"source"}, {"title", Table::Align::kLeft, true}});
  for (const v1::RelatedArticle& article : response->related()) {
    table.AddRow({article.article_id(), FormatFigure(article.score()), article.source(),
                  MarkedTitle(article.withdrawn(), article.title())});
  }
  table.Print(session.out, session.columns);
  return absl::OkStatus();
}

absl::Status RunCompare(Session& session, const Args& args) {
  v1::CompareRequest request;
  request.set_collection(session.settings.collection);
  request.mutable_a()->set_id(args[0]);
  request.mutable_b()->set_id(args[1]);
  const auto response = session.client.Compare(request);
  if (!response.ok()) return response.status();
  const v1::Evidence& evidence = response->evidence();
  if (session.settings.json) {
    PrintJson({{"a", args[0]},
               {"b", args[1]},
               {"relation", RelationName(response->relation())},
               {"similarity", JsonFigure(response->similarity())},
               {"explanation", response->explanation()},
               {"evidence", ToJson(evidence)},
               {"thresholds", ToJson(response->thresholds())},
               {"fingerprint_scheme", response->fingerprint_scheme()}},
              session.out);
    return absl::OkStatus();
  }
  session.out << RelationName(response->relation()) << ": " << response->explanation() << "\n";
  Table table({{"figure"}, {"value", Table::Align::kRight}});
  table.AddRow({"similarity", FormatFigure(response->similarity())});
  table.AddRow({"jaccard", FormatFigure(evidence.jaccard())});
  table.AddRow(
      {absl::StrCat("share of ", args[0], " in ", args[1]), FormatFigure(evidence.containment())});
  table.AddRow({absl::StrCat("share of ", args[1], " in ", args[0]),
                FormatFigure(evidence.reverse_containment())});
  table.AddRow({"score", FormatFigure(evidence.score())});
  table.AddRow({"cosine of the vectors", FormatFigure(evidence.cosine())});
  table.AddRow({"cosine of the terms", FormatFigure(evidence.term_cosine())});
  table.AddRow(
      {"shared shingles", absl::StrFormat("%d of %d and %d", evidence.shared_shingles(),
                                          evidence.query_shingles(), evidence.match_shingles())});
  table.AddRow({"shared boilerplate",
                absl::StrFormat("%d of %d and %d", evidence.shared_boilerplate(),
                                evidence.query_boilerplate(), evidence.match_boilerplate())});
  table.AddRow({"lede containment", FormatFigure(evidence.lede_containment())});
  if (evidence.has_shared_numbers()) {
    table.AddRow({"shared numbers", FormatFigure(evidence.shared_numbers())});
  }
  table.Print(session.out, session.columns);
  return absl::OkStatus();
}

absl::Status RunGet(Session& session, const Args& args) {
  v1::GetArticleRequest request;
  request.set_collection(session.settings.collection);
  request.set_id(args[0]);
  const auto response = session.client.GetArticle(request);
  if (!response.ok()) return response.status();
  const v1::Article& article = response->article();
  const v1::ArticleState& state = response->state();
  if (session.settings.json) {
    Json json = ToJson(article);
    json["group_id"] = state.group_id();
    json["canonical_id"] = state.canonical_id();
    json["relation"] = RelationName(state.relation());
    json["ingested_at"] = FormatTime(state.has_ingested_at(), state.ingested_at());
    json["revision_number"] = state.revision_number();
    json["body_tokens"] = state.body_tokens();
    json["text_stored"] = state.text_stored();
    if (state.has_withdrawal()) json["withdrawal"] = ToJson(state.withdrawal());
    if (state.embedding_pending()) json["embedding_pending"] = true;
    PrintJson(json, session.out);
    return absl::OkStatus();
  }
  const auto line = [&](absl::string_view name, absl::string_view value) {
    if (!value.empty()) session.out << absl::StrFormat("%-13s %s\n", name, value);
  };
  line("id", article.id());
  if (state.has_withdrawal()) line("WITHDRAWN", DescribeWithdrawal(state.withdrawal()));
  line("title", Truncate(article.title(), std::numeric_limits<int>::max()));
  line("source", article.source());
  line("url", article.url());
  line("language", article.language());
  line("published at", FormatTime(article.has_published_at(), article.published_at()));
  line("ingested at", FormatTime(state.has_ingested_at(), state.ingested_at()));
  line("relation", RelationName(state.relation()));
  line("group", state.group_id());
  line("canonical", state.canonical_id());
  line("revision", absl::StrCat(state.revision_number()));
  line("body", absl::StrCat(state.body_tokens(), state.body_tokens() == 1 ? " word" : " words",
                            state.text_stored() ? "" : ", not kept"));
  if (state.embedding_pending())
    line("vector", "still to come: the embedding server did not answer");
  if (state.text_stored()) session.out << "\n" << article.body() << "\n";
  return absl::OkStatus();
}

}  // namespace newsprint::cli
