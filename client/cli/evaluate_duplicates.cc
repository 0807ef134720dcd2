// newsprint evaluate duplicates FILE [--pairs=PAIRS] [--show_errors=N | --sweep=THRESHOLD=...]
#include <algorithm>
#include <cstdint>
#include <ostream>
#include <set>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/duplicates_report.h"
#include "client/cli/error_pairs.h"
#include "client/cli/evaluate.h"
#include "client/cli/explain_errors.h"
#include "client/cli/metrics.h"
#include "client/cli/output.h"
#include "client/cli/sweep.h"

namespace newsprint::cli {
namespace {

constexpr size_t kBatchItems = 1000;
// From here on a known pair is a copy beyond doubt.
constexpr double kClearJaccard = 0.5;
constexpr double kClearContainment = 0.8;

// What a file of pairs says.
struct KnownPairs {
  PairsReport report;
  std::set<PositionPair> supported;  // in one group
  std::set<PositionPair> missed;     // clear copies in two groups
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

absl::StatusOr<KnownPairs> ReadPairs(const std::string& path, Progress& progress,
                                     const std::vector<GroupedArticle>& articles) {
  std::unordered_map<std::string, size_t> positions;
  std::unordered_map<std::string, int64_t> group_sizes;
  for (size_t i = 0; i < articles.size(); ++i) {
    positions[articles[i].id] = i;
    if (!articles[i].group.empty()) ++group_sizes[articles[i].group];
  }
  KnownPairs known;
  PairsReport& report = known.report;
  for (const auto& [group, size] : group_sizes) report.called_pairs += size * (size - 1) / 2;

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
    const auto a = positions.find(ids[0]);
    const auto b = positions.find(ids[1]);
    if (a == positions.end() || b == positions.end()) {
      ++report.unknown;
      return absl::OkStatus();
    }
    const PositionPair pair = std::minmax(a->second, b->second);
    const std::string& group_a = articles[pair.first].group;
    const std::string& group_b = articles[pair.second].group;
    const bool in_one_group = !group_a.empty() && group_a == group_b && ids[0] != ids[1];
    const bool is_clear = *jaccard >= kClearJaccard || *containment >= kClearContainment;
    if (in_one_group) {
      known.supported.insert(pair);
    } else if (is_clear && !group_a.empty() && !group_b.empty() && ids[0] != ids[1]) {
      known.missed.insert(pair);
    }
    report.by_jaccard.push_back({*jaccard, in_one_group});
    report.by_containment.push_back({*containment, in_one_group});
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  if (report.called_pairs > 0) {
    report.called_pairs_supported =
        static_cast<double>(known.supported.size()) / static_cast<double>(report.called_pairs);
  }
  return known;
}

DuplicatesReport Measure(const std::vector<GroupedArticle>& articles) {
  DuplicatesReport report;
  std::set<std::string> groups;
  for (const GroupedArticle& article : articles) {
    if (!article.group.empty()) groups.insert(article.group);
    report.has_labels = report.has_labels || article.label.has_value();
  }
  report.groups = static_cast<int64_t>(groups.size());
  report.pairs = ComparePairs(articles);
  report.kinds = RecallByKind(articles);
  return report;
}

// By the labels; where there are none, by the file of pairs.
absl::StatusOr<ErrorsReport> FindErrors(Session& session, const std::string& collection,
                                        Progress& progress,
                                        const std::vector<GroupedArticle>& articles,
                                        bool has_labels, const KnownPairs& known) {
  const auto count = static_cast<size_t>(session.settings.show_errors);
  progress.Restart("comparisons");
  auto false_matches = ExplainErrors(
      session, collection, ErrorType::kFalseMatch, progress, articles,
      has_labels ? FalseMatchesByLabel(articles) : FalseMatchesByPairs(articles, known.supported),
      count);
  if (!false_matches.ok()) return false_matches.status();
  auto misses = ExplainErrors(
      session, collection, ErrorType::kMiss, progress, articles,
      has_labels ? MissesByLabel(articles)
                 : std::vector<PositionPair>(known.missed.begin(), known.missed.end()),
      count);
  if (!misses.ok()) return misses.status();
  return ErrorsReport{*std::move(false_matches), *std::move(misses)};
}

bool HaveLabels(const std::vector<LabelledArticle>& articles) {
  return std::any_of(articles.begin(), articles.end(),
                     [](const LabelledArticle& article) { return article.label.has_value(); });
}

// One evaluation, in a collection with these settings.
absl::StatusOr<DuplicatesReport> Evaluate(Session& session, const std::string& path,
                                          const v1::Collection& settings, Progress& progress) {
  const int64_t failed_before = progress.failed();
  auto articles = ReadLabelledArticles(path, progress);
  if (!articles.ok()) return articles.status();
  const bool needs_truth = session.settings.show_errors > 0 || !session.settings.sweep.empty();
  if (needs_truth && session.settings.pairs.empty() && !HaveLabels(*articles)) {
    return absl::UnknownError(
        absl::StrCat(path, ": no article has a label; label some or give --pairs=PAIRS"));
  }
  const auto collection = ScratchCollection::Create(session, settings);
  if (!collection.ok()) return collection.status();
  const absl::Status status = IngestAll(session, (*collection)->name(), progress, *articles);
  if (!status.ok()) return status;
  auto groups = ReadGroups(session, (*collection)->name(), *articles);
  if (!groups.ok()) return groups.status();
  std::vector<GroupedArticle> grouped;
  for (size_t i = 0; i < articles->size(); ++i) {
    LabelledArticle& article = (*articles)[i];
    grouped.push_back({article.article.id(), std::move(article.label), std::move(article.kind),
                       std::move((*groups)[i])});
  }
  DuplicatesReport report = Measure(grouped);
  report.seconds = absl::ToDoubleSeconds(progress.elapsed());
  report.articles = progress.done();
  KnownPairs known;
  if (!session.settings.pairs.empty()) {
    auto read = ReadPairs(session.settings.pairs, progress, grouped);
    if (!read.ok()) return read.status();
    known = *std::move(read);
    report.known = known.report;
  }
  report.failed = progress.failed() - failed_before;
  if (session.settings.show_errors > 0) {
    auto errors =
        FindErrors(session, (*collection)->name(), progress, grouped, report.has_labels, known);
    if (!errors.ok()) return errors.status();
    report.errors = *std::move(errors);
  }
  return report;
}

void NoteUnknownPairs(Session& session, const std::string& path, const DuplicatesReport& report) {
  if (report.known && report.known->unknown > 0) {
    session.err << absl::StrFormat("note: %d pairs name articles that are not in %s\n",
                                   report.known->unknown, path);
  }
}

// Whether the files can be read once for each value, and the server takes the values.
absl::Status CheckSweep(Session& session, const std::string& path, const Sweep& sweep) {
  if (session.settings.show_errors > 0) {
    return UsageError("--show_errors and --sweep do not go together");
  }
  const auto* field = v1::Thresholds::descriptor()->FindFieldByName(sweep.threshold);
  const v1::Thresholds& given = session.settings.new_collection.thresholds();
  if (v1::Thresholds::GetReflection()->HasField(given, field)) {
    return UsageError(absl::StrCat("--sweep and --", sweep.threshold, " do not go together"));
  }
  for (const std::string& file : {path, session.settings.pairs}) {
    if (file.empty()) continue;
    const auto size = CheckInputFile(file);
    if (!size.ok()) return absl::UnknownError(size.status().message());
    if (!size->has_value()) {
      return UsageError(absl::StrCat("--sweep reads its files once for each value, and ", file,
                                     " can be read only once"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::Collection>> SweepSettings(Session& session, const Sweep& sweep) {
  std::vector<v1::Collection> settings(sweep.values.size(), session.settings.new_collection);
  for (size_t i = 0; i < settings.size(); ++i) {
    settings[i].mutable_thresholds()->MergeFrom(sweep.values[i]);
  }
  // Values that the server refuses are refused before the work begins: ranges have no holes.
  for (const v1::Collection* extreme : {&settings.front(), &settings.back()}) {
    const auto created = ScratchCollection::Create(session, *extreme);
    if (!created.ok()) return created.status();
  }
  return settings;
}

absl::Status EvaluateSweep(Session& session, const std::string& path) {
  const absl::StatusOr<Sweep> sweep = ParseSweep(session.settings.sweep);
  if (!sweep.ok()) return UsageError(sweep.status().message());
  absl::Status status = CheckSweep(session, path, *sweep);
  if (!status.ok()) return status;
  const auto settings = SweepSettings(session, *sweep);
  if (!settings.ok()) return settings.status();
  Progress progress(session.err, session.err_is_terminal, "articles");
  std::vector<DuplicatesReport> reports;
  for (const v1::Collection& one : *settings) {
    progress.Restart(
        absl::StrFormat("articles (value %d of %d)", reports.size() + 1, settings->size()));
    auto report = Evaluate(session, path, one, progress);
    if (!report.ok()) return report.status();
    reports.push_back(*std::move(report));
  }
  progress.Finish();
  NoteUnknownPairs(session, path, reports.front());
  if (session.settings.json) {
    PrintJson(ToJson(*sweep, reports), session.out);
  } else {
    PrintSweep(*sweep, reports, session.columns, session.out);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status EvaluateDuplicates(Session& session, const std::string& path) {
  if (!session.settings.sweep.empty()) return EvaluateSweep(session, path);
  const v1::Collection& settings = session.settings.new_collection;
  if (session.settings.show_errors > 0 && settings.omit_text()) {
    return UsageError("--show_errors quotes the articles, which --omit_text does not keep");
  }
  Progress progress(session.err, session.err_is_terminal, "articles");
  const auto report = Evaluate(session, path, settings, progress);
  if (!report.ok()) return report.status();
  progress.Finish();
  NoteUnknownPairs(session, path, *report);
  if (session.settings.json) {
    PrintJson(ToJson(*report), session.out);
  } else {
    PrintReport(*report, session.columns, session.out);
  }
  return absl::OkStatus();
}

}  // namespace newsprint::cli
