// newsprint evaluate duplicates FILE [--pairs PAIRS]
#include <algorithm>
#include <cstdint>
#include <ostream>
#include <set>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/evaluate.h"
#include "client/cli/metrics.h"
#include "client/cli/output.h"

namespace newsprint::cli {
namespace {

constexpr size_t kBatchItems = 1000;
constexpr double kJaccardSteps[] = {0.3, 0.5, 0.8};
constexpr double kContainmentSteps[] = {0.6, 0.8};

// Figures against a file of pairs.
struct PairsReport {
  std::vector<KnownPair> by_jaccard;
  std::vector<KnownPair> by_containment;
  int64_t unknown = 0;       // pairs that name an article which is not in the file
  int64_t called_pairs = 0;  // all pairs in one group
  absl::optional<double> called_pairs_supported;
};

struct Report {
  int64_t articles = 0;
  int64_t failed = 0;
  int64_t groups = 0;
  double seconds = 0;
  bool has_labels = false;
  PairFigures pairs;
  std::map<std::string, Share> kinds;
  absl::optional<PairsReport> known;
};

// Group of each article now, when all are in. Empty for those that failed.
absl::StatusOr<std::vector<std::string>> ReadGroups(Session& session, const std::string& collection,
                                                    const std::vector<LabelledArticle>& articles) {
  std::vector<std::string> groups(articles.size());
  std::vector<size_t> ingested;
  for (size_t i = 0; i < articles.size(); ++i) {
    if (articles[i].ingested) ingested.push_back(i);
  }
  for (size_t begin = 0; begin < ingested.size(); begin += kBatchItems) {
    const size_t end = std::min(begin + kBatchItems, ingested.size());
    v1::BatchGetArticlesRequest request;
    request.set_collection(collection);
    request.set_omit_body(true);
    for (size_t i = begin; i < end; ++i) request.add_ids(articles[ingested[i]].article.id());
    const auto response = session.client.BatchGetArticles(request);
    if (!response.ok()) return response.status();
    if (response->results_size() != request.ids_size()) {
      return absl::DataLossError("results: wrong number in the answer to BatchGetArticles");
    }
    for (size_t i = begin; i < end; ++i) {
      const v1::GetArticleResult& result = response->results(static_cast<int>(i - begin));
      if (result.status().code() != 0) {
        return absl::DataLossError(
            absl::StrCat("an ingested article cannot be read: ", result.article_id(), ": ",
                         result.status().message()));
      }
      groups[ingested[i]] = result.state().group_id();
    }
  }
  return groups;
}

absl::StatusOr<PairsReport> ReadPairs(const std::string& path, Progress& progress,
                                      const std::vector<GroupedArticle>& articles) {
  std::unordered_map<std::string, const GroupedArticle*> by_id;
  std::unordered_map<std::string, int64_t> group_sizes;
  for (const GroupedArticle& article : articles) {
    by_id[article.id] = &article;
    if (!article.group.empty()) ++group_sizes[article.group];
  }
  PairsReport report;
  for (const auto& [group, size] : group_sizes) report.called_pairs += size * (size - 1) / 2;

  std::set<std::pair<std::string, std::string>> supported;
  const absl::Status status = ForEachPairLine(path, progress, [&](const JsonLine& json) {
    std::string ids[2];
    for (int side = 0; side < 2; ++side) {
      auto id = json.StringUtf8(side == 0 ? "id_a" : "id_b");
      if (!id.ok()) return id.status();
      if (!id->has_value()) return absl::InvalidArgumentError("id_a, id_b: both are required");
      ids[side] = **std::move(id);
    }
    const auto jaccard = json.Number("jaccard");
    const auto containment = json.Number("containment");
    if (!jaccard.ok()) return jaccard.status();
    if (!containment.ok()) return containment.status();
    const auto a = by_id.find(ids[0]);
    const auto b = by_id.find(ids[1]);
    if (a == by_id.end() || b == by_id.end()) {
      ++report.unknown;
      return absl::OkStatus();
    }
    const bool in_one_group =
        !a->second->group.empty() && a->second->group == b->second->group && ids[0] != ids[1];
    if (in_one_group) supported.insert(std::minmax(ids[0], ids[1]));
    report.by_jaccard.push_back({*jaccard, in_one_group});
    report.by_containment.push_back({*containment, in_one_group});
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  if (report.called_pairs > 0) {
    report.called_pairs_supported =
        static_cast<double>(supported.size()) / static_cast<double>(report.called_pairs);
  }
  return report;
}

Json BandsJson(const std::vector<KnownPair>& pairs) {
  Json json = Json::object();
  for (const auto& [band, share] : RecallByBand(pairs)) {
    json[band] = {{"pairs", share.count}, {"recall", JsonFigure(share.recall)}};
  }
  return json;
}

template <size_t kCount>
Json StepsJson(const double (&steps)[kCount], const std::vector<KnownPair>& pairs) {
  Json json = Json::object();
  for (const double step : steps) {
    json[absl::StrFormat("%.1f", step)] = JsonFigure(RecallFrom(step, pairs).recall);
  }
  return json;
}

void PrintAsJson(const Report& report, std::ostream& out) {
  Json json = {{"articles", report.articles}, {"failed", report.failed},
               {"groups", report.groups},     {"seconds", JsonFigure(report.seconds, 3)},
               {"pair_precision", nullptr},   {"pair_recall", nullptr},
               {"pair_f1", nullptr}};
  if (report.has_labels) {
    json["pair_precision"] = JsonFigure(report.pairs.precision);
    json["pair_recall"] = JsonFigure(report.pairs.recall);
    json["pair_f1"] = JsonFigure(report.pairs.f1);
    json["labelled_pairs"] = report.pairs.true_pairs;
  }
  if (!report.kinds.empty()) {
    Json& kinds = json["recall_by_kind"] = Json::object();
    Json& counts = json["articles_by_kind"] = Json::object();
    for (const auto& [kind, share] : report.kinds) {
      kinds[kind] = JsonFigure(share.recall);
      counts[kind] = share.count;
    }
  }
  if (report.known) {
    json["recall_by_jaccard"] = BandsJson(report.known->by_jaccard);
    json["recall_by_containment"] = BandsJson(report.known->by_containment);
    json["recall_at_jaccard"] = StepsJson(kJaccardSteps, report.known->by_jaccard);
    json["recall_at_containment"] = StepsJson(kContainmentSteps, report.known->by_containment);
    json["called_pairs"] = report.known->called_pairs;
    json["called_pairs_supported"] = JsonFigure(report.known->called_pairs_supported);
    json["unknown_pairs"] = report.known->unknown;
  }
  PrintJson(json, out);
}

void AddBands(absl::string_view name, const std::vector<KnownPair>& pairs, Table& table) {
  for (const auto& [band, share] : RecallByBand(pairs)) {
    table.AddRow(
        {absl::StrCat(name, " ", band), absl::StrCat(share.count), FormatFigure(share.recall)});
  }
}

void PrintAsTable(const Report& report, int columns, std::ostream& out) {
  out << absl::StrFormat("%d articles in %d groups, %d failed, %.1f s\n", report.articles,
                         report.groups, report.failed, report.seconds);
  if (report.has_labels) {
    Table table({{"figure"}, {"value", Table::Align::kRight}});
    table.AddRow({"pair precision", FormatFigure(report.pairs.precision)});
    table.AddRow({"pair recall", FormatFigure(report.pairs.recall)});
    table.AddRow({"pair F1", FormatFigure(report.pairs.f1)});
    out << "\n";
    table.Print(out, columns);
  }
  if (!report.kinds.empty()) {
    Table table({{"kind"}, {"articles", Table::Align::kRight}, {"recall", Table::Align::kRight}});
    for (const auto& [kind, share] : report.kinds) {
      table.AddRow({kind, absl::StrCat(share.count), FormatFigure(share.recall)});
    }
    out << "\n";
    table.Print(out, columns);
  }
  if (!report.known) return;
  Table table({{"band"}, {"pairs", Table::Align::kRight}, {"recall", Table::Align::kRight}});
  AddBands("jaccard", report.known->by_jaccard, table);
  AddBands("containment", report.known->by_containment, table);
  out << "\n";
  table.Print(out, columns);
  out << absl::StrFormat("\n%d pairs in one group, share of them in the pairs file: %s\n",
                         report.known->called_pairs,
                         FormatFigure(report.known->called_pairs_supported));
}

}  // namespace

absl::Status EvaluateDuplicates(Session& session, const std::string& path) {
  Progress progress(session.err, session.err_is_terminal, "articles");
  auto articles = ReadLabelledArticles(path, progress);
  if (!articles.ok()) return articles.status();
  std::vector<GroupedArticle> grouped;
  {
    const auto collection = ScratchCollection::Create(session);
    if (!collection.ok()) return collection.status();
    const absl::Status status = IngestAll(session, (*collection)->name(), progress, *articles);
    if (!status.ok()) return status;
    auto groups = ReadGroups(session, (*collection)->name(), *articles);
    if (!groups.ok()) return groups.status();
    for (size_t i = 0; i < articles->size(); ++i) {
      LabelledArticle& article = (*articles)[i];
      grouped.push_back({article.article.id(), std::move(article.label), std::move(article.kind),
                         std::move((*groups)[i])});
    }
  }
  Report report;
  report.seconds = absl::ToDoubleSeconds(progress.elapsed());
  report.articles = progress.done();
  std::set<std::string> groups;
  for (const GroupedArticle& article : grouped) {
    if (!article.group.empty()) groups.insert(article.group);
    report.has_labels = report.has_labels || article.label.has_value();
  }
  report.groups = static_cast<int64_t>(groups.size());
  report.pairs = ComparePairs(grouped);
  report.kinds = RecallByKind(grouped);
  if (!session.settings.pairs.empty()) {
    auto known = ReadPairs(session.settings.pairs, progress, grouped);
    if (!known.ok()) return known.status();
    report.known = *std::move(known);
  }
  report.failed = progress.failed();
  progress.Finish();
  if (report.known && report.known->unknown > 0) {
    session.err << absl::StrFormat("note: %d pairs name articles that are not in %s\n",
                                   report.known->unknown, path);
  }
  if (session.settings.json) {
    PrintAsJson(report, session.out);
  } else {
    PrintAsTable(report, session.columns, session.out);
  }
  return absl::OkStatus();
}

}  // namespace newsprint::cli
