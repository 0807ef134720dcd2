// newsprint evaluate similarity PAIRS
#include <cstdint>
#include <map>
#include <ostream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "client/article_text.h"
#include "client/cli/evaluate.h"
#include "client/cli/metrics.h"
#include "client/cli/output.h"

namespace newsprint::cli {
namespace {

struct TextPair {
  std::string languages;  // "en-de"
  double closeness = 0;   // -overall: higher is nearer, as it is for the similarity
  absl::optional<double> similarity;
};

// The pairs, and their texts as articles: those of pair i are at 2 i and 2 i + 1.
struct TextPairs {
  std::vector<TextPair> pairs;
  std::vector<LabelledArticle> articles;
};

absl::Status AddPair(const JsonLine& json, TextPairs& texts) {
  TextPair pair;
  LabelledArticle articles[2];
  const absl::StatusOr<double> overall = json.Number("overall");
  if (!overall.ok()) return overall.status();
  pair.closeness = -*overall;
  for (size_t i = 0; i < 2; ++i) {
    const auto text = json.StringBytes(absl::StrCat("text", i + 1).c_str());
    const auto language = json.StringUtf8(absl::StrCat("lang", i + 1).c_str());
    if (!text.ok()) return text.status();
    if (!text->has_value()) return absl::InvalidArgumentError("text1, text2: both are required");
    v1::Article& article = articles[i].article;
    article.set_id(absl::StrCat("pair-", texts.pairs.size() + 1, "-text", i + 1));
    client::SetBodyOrRaw(**text, article);
    if (language.ok() && language->has_value()) {
      article.set_language(**language);
      absl::StrAppend(&pair.languages, pair.languages.empty() ? "" : "-", **language);
    }
  }
  texts.pairs.push_back(std::move(pair));
  for (LabelledArticle& article : articles) texts.articles.push_back(std::move(article));
  return absl::OkStatus();
}

// Ingests all texts first, so that the collection knows how rare each term is, and then compares.
// Pairs of which a text was refused stay without a similarity.
absl::Status CompareTexts(Session& session, Progress& progress, TextPairs& texts) {
  const auto collection = ScratchCollection::Create(session, session.settings.new_collection);
  if (!collection.ok()) return collection.status();
  absl::Status status = IngestAll(session, (*collection)->name(), progress, texts.articles);
  status.Update(CheckVectors(texts.articles));
  if (!status.ok()) return status;
  progress.Restart("pairs");
  return OnTwoThreads(texts.pairs.size(), [&](size_t i) -> absl::Status {
    const LabelledArticle& a = texts.articles[2 * i];
    const LabelledArticle& b = texts.articles[2 * i + 1];
    if (!a.ingested || !b.ingested) return absl::OkStatus();
    v1::CompareRequest request;
    request.set_collection((*collection)->name());
    request.mutable_a()->set_id(a.article.id());
    request.mutable_b()->set_id(b.article.id());
    const auto response = session.client.Compare(request);
    if (!response.ok()) return response.status();
    texts.pairs[i].similarity = response->similarity();
    progress.AddDone();
    progress.SetFraction(static_cast<double>(i) / static_cast<double>(texts.pairs.size()));
    return absl::OkStatus();
  });
}

struct Correlation {
  std::vector<double> similarity;
  std::vector<double> closeness;

  absl::optional<double> pearson() const { return Pearson(similarity, closeness); }
  absl::optional<double> spearman() const { return Spearman(similarity, closeness); }
};

}  // namespace

absl::Status EvaluateSimilarity(Session& session, const std::string& path) {
  Progress progress(session.err, session.err_is_terminal, "texts");
  TextPairs texts;
  absl::Status status =
      ForEachPairLine(path, progress, [&](const JsonLine& json) { return AddPair(json, texts); });
  if (!status.ok()) return status;
  const int64_t bad_lines = progress.failed();
  const absl::Time begin = absl::Now();
  status = CompareTexts(session, progress, texts);
  if (!status.ok()) return status;
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  progress.Finish();

  Correlation all;
  std::map<std::string, Correlation> by_language;
  for (const TextPair& pair : texts.pairs) {
    if (!pair.similarity) continue;
    for (Correlation* sample : {&all, &by_language[pair.languages]}) {
      sample->similarity.push_back(*pair.similarity);
      sample->closeness.push_back(pair.closeness);
    }
  }
  const int64_t failed =
      bad_lines + static_cast<int64_t>(texts.pairs.size() - all.similarity.size());
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
