#include "client/cli/duplicates_report.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace newsprint::cli {
namespace {

constexpr double kJaccardSteps[] = {0.3, 0.5, 0.8};
constexpr double kContainmentSteps[] = {0.6, 0.8};

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

void AddBands(absl::string_view name, const std::vector<KnownPair>& pairs, Table& table) {
  for (const auto& [band, share] : RecallByBand(pairs)) {
    table.AddRow(
        {absl::StrCat(name, " ", band), absl::StrCat(share.count), FormatFigure(share.recall)});
  }
}

void PrintFigures(const DuplicatesReport& report, int columns, std::ostream& out) {
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

// The value that makes a report of `sweep`, as JSON and in tables.
Json ValueOf(const Sweep& sweep, size_t index) {
  return ToJson(sweep.values[index])[sweep.threshold];
}

// The values with the highest F1.
Json BestValues(const Sweep& sweep, const std::vector<DuplicatesReport>& reports) {
  absl::optional<double> best;
  for (const DuplicatesReport& report : reports) best = std::max(best, report.pairs.f1);
  Json values = Json::array();
  for (size_t i = 0; best && i < reports.size(); ++i) {
    if (reports[i].pairs.f1 == best) values.push_back(ValueOf(sweep, i));
  }
  return values;
}

// Title and content of each cell of a row; the titles are the same for all rows.
std::vector<std::pair<std::string, std::string>> SweepCells(const Sweep& sweep, size_t index,
                                                            const DuplicatesReport& report) {
  std::vector<std::pair<std::string, std::string>> cells = {
      {sweep.threshold, ValueOf(sweep, index).dump()}};
  if (report.has_labels) {
    cells.emplace_back("precision", FormatFigure(report.pairs.precision));
    cells.emplace_back("recall", FormatFigure(report.pairs.recall));
    cells.emplace_back("F1", FormatFigure(report.pairs.f1));
  }
  if (report.known) {
    const PairsReport& known = *report.known;
    const auto recall = [](double likeness_min, const std::vector<KnownPair>& pairs) {
      return FormatFigure(RecallFrom(likeness_min, pairs).recall);
    };
    cells.emplace_back("recall at J .5", recall(0.5, known.by_jaccard));
    cells.emplace_back("J .8", recall(0.8, known.by_jaccard));
    cells.emplace_back("containment .8", recall(0.8, known.by_containment));
    cells.emplace_back("called pairs", absl::StrCat(known.called_pairs));
    cells.emplace_back("supported", FormatFigure(known.called_pairs_supported));
  }
  return cells;
}

}  // namespace

Json ToJson(const DuplicatesReport& report) {
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
  if (report.errors) {
    json["errors"] = {{"false_matches", ToJson(report.errors->false_matches)},
                      {"misses", ToJson(report.errors->misses)}};
  }
  return json;
}

void PrintReport(const DuplicatesReport& report, int columns, std::ostream& out) {
  PrintFigures(report, columns, out);
  if (!report.errors) return;
  PrintErrors("false matches", report.errors->false_matches, out);
  PrintErrors("misses", report.errors->misses, out);
}

Json ToJson(const Sweep& sweep, const std::vector<DuplicatesReport>& reports) {
  Json values = Json::array();
  for (size_t i = 0; i < reports.size(); ++i) {
    Json value = {{"value", ValueOf(sweep, i)}};
    value.update(ToJson(reports[i]));
    values.push_back(std::move(value));
  }
  return {{"sweep",
           {{"threshold", sweep.threshold},
            {"values", std::move(values)},
            {"best_f1_values", BestValues(sweep, reports)}}}};
}

void PrintSweep(const Sweep& sweep, const std::vector<DuplicatesReport>& reports, int columns,
                std::ostream& out) {
  std::vector<Table::Column> columns_of_table;
  for (const auto& [title, cell] : SweepCells(sweep, 0, reports[0])) {
    columns_of_table.push_back({title, Table::Align::kRight});
  }
  Table table(std::move(columns_of_table));
  for (size_t i = 0; i < reports.size(); ++i) {
    std::vector<std::string> row;
    for (auto& [title, cell] : SweepCells(sweep, i, reports[i])) row.push_back(std::move(cell));
    table.AddRow(std::move(row));
  }
  table.Print(out, columns);
  std::string best;
  for (const Json& value : BestValues(sweep, reports)) {
    absl::StrAppend(&best, best.empty() ? "" : ", ", value.dump());
  }
  if (!best.empty()) out << "\nbest F1 at " << sweep.threshold << " " << best << "\n";
}

}  // namespace newsprint::cli
