// newsprint evaluate similarity PAIRS
#include <cstdint>
#include <map>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/article_text.h"
#include "client/cli/evaluate.h"
#include "client/cli/metrics.h"
#include "client/cli/output.h"

namespace newsprint::cli {
namespace {

struct TextPair {
  v1::CompareRequest request;
  std::string languages;  // "en-de"
  double closeness = 0;   // -overall: higher is nearer, as it is for the similarity
  double similarity = 0;
  bool compared = false;
};

absl::StatusOr<TextPair> ParsePair(const JsonLine& json) {
  TextPair pair;
  const absl::StatusOr<double> overall = json.Number("overall");
  if (!overall.ok()) return overall.status();
  pair.closeness = -*overall;
  for (const char* side : {"1", "2"}) {
    const auto text = json.StringBytes(absl::StrCat("text", side).c_str());
    const auto language = json.StringUtf8(absl::StrCat("lang", side).c_str());
    if (!text.ok()) return text.status();
    if (!text->has_value()) return absl::InvalidArgumentError("text1, text2: both are required");
    v1::Article& article = side[0] == '1' ? *pair.request.mutable_a()->mutable_article()
                                          : *pair.request.mutable_b()->mutable_article();
    client::SetBodyOrRaw(**text, article);
    if (language.ok() && language->has_value()) {
      article.set_language(**language);
      absl::StrAppend(&pair.languages, pair.languages.empty() ? "" : "-", **language);
    }
  }
  return pair;
}

struct Correlation {
  std::vector<double> similarity;
  std::vector<double> closeness;

  absl::optional<double> pearson() const { return Pearson(similarity, closeness); }
  absl::optional<double> spearman() const { return Spearman(similarity, closeness); }
};

}  // namespace

absl::Status EvaluateSimilarity(Session& session, const std::string& path) {
  Progress progress(session.err, session.err_is_terminal, "pairs");
  std::vector<TextPair> pairs;
  absl::Status status = ForEachPairLine(path, progress, [&](const JsonLine& json) {
    absl::StatusOr<TextPair> pair = ParsePair(json);
    if (pair.ok()) pairs.push_back(*std::move(pair));
    return pair.status();
  });
  if (!status.ok()) return status;
  {
    const auto collection = ScratchCollection::Create(session, session.settings.new_collection);
    if (!collection.ok()) return collection.status();
    status = OnTwoThreads(pairs.size(), [&](size_t i) -> absl::Status {
      TextPair& pair = pairs[i];
      pair.request.set_collection((*collection)->name());
      const auto response = session.client.Compare(pair.request);
      pair.request.Clear();
      if (absl::IsInvalidArgument(response.status())) {  // this pair's fault: go on without it
        progress.AddFailed(absl::StrCat("pair ", i + 1, ": ", response.status().message()));
        return absl::OkStatus();
      }
      if (!response.ok()) return response.status();
      pair.similarity = response->similarity();
      pair.compared = true;
      progress.AddDone();
      progress.SetFraction(static_cast<double>(i) / static_cast<double>(pairs.size()));
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
  }

  Correlation all;
  std::map<std::string, Correlation> by_language;
  for (const TextPair& pair : pairs) {
    if (!pair.compared) continue;
    for (Correlation* sample : {&all, &by_language[pair.languages]}) {
      sample->similarity.push_back(pair.similarity);
      sample->closeness.push_back(pair.closeness);
    }
  }
  const double seconds = absl::ToDoubleSeconds(progress.elapsed());
  const int64_t failed = progress.failed();
  progress.Finish();
  if (session.settings.json) {
    Json languages = Json::object();
    for (const auto& [name, sample] : by_language) {
      languages[name] = {{"pairs", sample.similarity.size()},
                         {"pearson", JsonFigure(sample.pearson())},
                         {"spearman", JsonFigure(sample.spearman())}};
    }
    PrintJson({{"pairs", all.similarity.size()},
               {"failed", failed},
               {"seconds", JsonFigure(seconds, 3)},
               {"pearson", JsonFigure(all.pearson())},
               {"spearman", JsonFigure(all.spearman())},
               {"by_language", std::move(languages)}},
              session.out);
    return absl::OkStatus();
  }
  session.out << absl::StrFormat("%d pairs, %d failed, %.1f s\n\n", all.similarity.size(), failed,
                                 seconds);
  Table table({{"languages"},
               {"pairs", Table::Align::kRight},
               {"pearson", Table::Align::kRight},
               {"spearman", Table::Align::kRight}});
  by_language["all"] = std::move(all);
  for (const auto& [name, sample] : by_language) {
    table.AddRow({name, absl::StrCat(sample.similarity.size()), FormatFigure(sample.pearson()),
                  FormatFigure(sample.spearman())});
  }
  table.Print(session.out, session.columns);
  return absl::OkStatus();
}

}  // namespace newsprint::cli
