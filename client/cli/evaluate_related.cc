// newsprint evaluate related FILE
#include <cstdint>
#include <ostream>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_format.h"
#include "client/cli/evaluate.h"
#include "client/cli/metrics.h"
#include "client/cli/output.h"

namespace newsprint::cli {
namespace {

constexpr int32_t kResultsMax = 1000;  // the most that the service gives

// Ranks the other articles for one query and compares with the labels. `relevant` is their number.
absl::StatusOr<RankedFigures> Rank(Session& session, const std::string& collection,
                                   const LabelledArticle& query, int64_t relevant,
                                   const std::unordered_map<std::string, std::string>& label_of) {
  v1::FindRelatedRequest request;
  request.set_collection(collection);
  request.set_id(query.article.id());
  request.set_max_results(kResultsMax);
  request.set_include_duplicates(true);
  const auto response = session.client.FindRelated(request);
  if (!response.ok()) return response.status();
  std::vector<bool> hits;
  for (const v1::RelatedArticle& related : response->related()) {
    if (related.article_id() == query.article.id()) continue;
    const auto label = label_of.find(related.article_id());
    hits.push_back(label != label_of.end() && label->second == *query.label);
  }
  return ScoreRanking(hits, relevant);
}

}  // namespace

absl::Status EvaluateRelated(Session& session, const std::string& path) {
  Progress progress(session.err, session.err_is_terminal, "articles");
  auto articles = ReadLabelledArticles(path, progress);
  if (!articles.ok()) return articles.status();
  std::unordered_map<std::string, int64_t> label_sizes;
  std::unordered_map<std::string, std::string> label_of;
  for (const LabelledArticle& article : *articles) {
    if (!article.label) continue;
    ++label_sizes[*article.label];
    label_of[article.article.id()] = *article.label;
  }
  std::vector<size_t> queries;
  for (size_t i = 0; i < articles->size(); ++i) {
    const auto& label = (*articles)[i].label;
    if (label && label_sizes[*label] > 1) queries.push_back(i);
  }

  std::vector<RankedFigures> figures(queries.size());
  int64_t ingested = 0;
  absl::Duration elapsed;
  {
    const auto collection = ScratchCollection::Create(session, session.settings.new_collection);
    if (!collection.ok()) return collection.status();
    absl::Status status = IngestAll(session, (*collection)->name(), progress, *articles);
    status.Update(CheckVectors(*articles));
    if (!status.ok()) return status;
    ingested = progress.done();
    elapsed = progress.elapsed();
    progress.Restart("queries");
    status = OnTwoThreads(queries.size(), [&](size_t i) -> absl::Status {
      const LabelledArticle& query = (*articles)[queries[i]];
      if (!query.ingested) return absl::OkStatus();  // counts, with nothing found
      auto ranked =
          Rank(session, (*collection)->name(), query, label_sizes.at(*query.label) - 1, label_of);
      if (!ranked.ok()) return ranked.status();
      figures[i] = *ranked;
      progress.AddDone();
      progress.SetFraction(static_cast<double>(i) / static_cast<double>(queries.size()));
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    elapsed += progress.elapsed();
  }

  RankedFigures sum;
  for (const RankedFigures& one : figures) {
    sum.first += one.first;
    sum.average_precision += one.average_precision;
    sum.recall_at_10 += one.recall_at_10;
  }
  const auto mean = [&](double total) -> absl::optional<double> {
    if (figures.empty()) return absl::nullopt;
    return total / static_cast<double>(figures.size());
  };
  const int64_t failed = progress.failed();
  progress.Finish();
  if (session.settings.json) {
    PrintJson({{"articles", ingested},
               {"failed", failed},
               {"queries", queries.size()},
               {"seconds", JsonFigure(absl::ToDoubleSeconds(elapsed), 3)},
               {"p_at_1", JsonFigure(mean(sum.first))},
               {"map", JsonFigure(mean(sum.average_precision))},
               {"recall_at_10", JsonFigure(mean(sum.recall_at_10))}},
              session.out);
    return absl::OkStatus();
  }
  session.out << absl::StrFormat("%d articles, %d queries, %d failed, %.1f s\n\n", ingested,
                                 queries.size(), failed, absl::ToDoubleSeconds(elapsed));
  Table table({{"figure"}, {"value", Table::Align::kRight}});
  table.AddRow({"precision at 1", FormatFigure(mean(sum.first))});
  table.AddRow({"mean average precision", FormatFigure(mean(sum.average_precision))});
  table.AddRow({"recall at 10", FormatFigure(mean(sum.recall_at_10))});
  table.Print(session.out, session.columns);
  return absl::OkStatus();
}

}  // namespace newsprint::cli
