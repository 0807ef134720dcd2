// How well the vector of an article alone finds the rest of its story: embedding_quality FILE...,
// for files of articles with a label, and files of pairs with a human judgement.
#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/jsonl.h"
#include "service/common/status_macros.h"
#include "service/embed/builtin_model.h"
#include "service/embed/term_embedder.h"
#include "service/text/tokenizer.h"

ABSL_FLAG(std::string, model, "", "model file; the built-in one when empty");
ABSL_FLAG(double, title_count, 0, "what an occurrence in the title counts; 0 is the model's own");
ABSL_FLAG(double, lede_count, 0, "the same for the lede");
ABSL_FLAG(double, number_weight, -1,
          "the same for numbers without a row; below 0 is the model's own");
ABSL_FLAG(int, lede_tokens, -1, "words of the lede; below 0 is the model's own");

namespace newsprint::bench {
namespace {

using Vector = std::vector<float>;

struct Ranking {
  int queries = 0;
  double average_precision = 0;  // mean
  double precision_at_1 = 0;
};

absl::StatusOr<std::unique_ptr<embed::Embedder>> MakeEmbedder() {
  const std::string path = absl::GetFlag(FLAGS_model);
  absl::StatusOr<embed::TermModel> model =
      path.empty() ? embed::BuiltInModel() : embed::TermModel::Load(path);
  if (!model.ok()) return model.status();
  embed::TermCounting counting = model->counting();
  if (absl::GetFlag(FLAGS_title_count) > 0) {
    counting.title_count = static_cast<float>(absl::GetFlag(FLAGS_title_count));
  }
  if (absl::GetFlag(FLAGS_lede_count) > 0) {
    counting.lede_count = static_cast<float>(absl::GetFlag(FLAGS_lede_count));
  }
  if (absl::GetFlag(FLAGS_number_weight) >= 0) {
    counting.number_weight = static_cast<float>(absl::GetFlag(FLAGS_number_weight));
  }
  if (absl::GetFlag(FLAGS_lede_tokens) >= 0) {
    counting.lede_tokens = absl::GetFlag(FLAGS_lede_tokens);
  }
  ASSIGN_OR_RETURN(std::string changed, embed::ReplaceCounting(model->file(), counting));
  model = embed::TermModel::ParseOwned(std::move(changed));
  if (!model.ok()) return model.status();
  return std::make_unique<embed::TermEmbedder>(
      std::make_shared<const embed::TermModel>(*std::move(model)));
}

Vector Embed(const embed::Embedder& embedder, absl::string_view title, absl::string_view body) {
  std::vector<text::Token> title_tokens, body_tokens;
  text::Tokenize(title, &title_tokens);
  text::Tokenize(body, &body_tokens);
  Vector vector(static_cast<size_t>(embedder.dimension()));
  const embed::EmbedInput input{title, body, title_tokens, body_tokens};
  const absl::Status status = embedder.Embed({&input, 1}, absl::MakeSpan(vector));
  if (!status.ok()) std::cerr << status.message() << "\n";
  return vector;
}

double Cosine(const Vector& a, const Vector& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

double Pearson(const std::vector<double>& x, const std::vector<double>& y) {
  const double n = static_cast<double>(x.size());
  const double mean_x = std::accumulate(x.begin(), x.end(), 0.0) / n;
  const double mean_y = std::accumulate(y.begin(), y.end(), 0.0) / n;
  double xy = 0, xx = 0, yy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean_x) * (y[i] - mean_y);
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
  }
  return xy / std::sqrt(xx * yy);
}

// Each article ranks all others; those without another of their label are no queries.
Ranking Rank(const std::vector<Vector>& vectors, const std::vector<std::string>& labels) {
  Ranking ranking;
  for (size_t query = 0; query < vectors.size(); ++query) {
    std::vector<std::pair<double, size_t>> others;
    for (size_t i = 0; i < vectors.size(); ++i) {
      if (i != query) others.emplace_back(-Cosine(vectors[query], vectors[i]), i);
    }
    std::sort(others.begin(), others.end());
    int found = 0;
    double precisions = 0;
    for (size_t rank = 0; rank < others.size(); ++rank) {
      if (labels[others[rank].second] != labels[query]) continue;
      precisions += ++found / static_cast<double>(rank + 1);
    }
    if (found == 0) continue;
    ++ranking.queries;
    ranking.average_precision += precisions / found;
    ranking.precision_at_1 += labels[others[0].second] == labels[query] ? 1 : 0;
  }
  ranking.average_precision /= std::max(1, ranking.queries);
  ranking.precision_at_1 /= std::max(1, ranking.queries);
  return ranking;
}

absl::Status MeasurePairs(const embed::Embedder& embedder, const std::string& name,
                          const std::vector<cli::JsonLine>& lines) {
  struct Scores {
    std::vector<double> cosines, roots, judgements;
  };
  std::map<std::string, Scores> by_languages;
  for (const cli::JsonLine& line : lines) {
    std::string fields[4];
    const char* const names[] = {"text1", "text2", "lang1", "lang2"};
    for (int i = 0; i < 4; ++i) {
      ASSIGN_OR_RETURN(const auto value, line.StringBytes(names[i]));
      fields[i] = value.value_or("");
    }
    ASSIGN_OR_RETURN(const double overall, line.Number("overall"));
    const double cosine = Cosine(Embed(embedder, "", fields[0]), Embed(embedder, "", fields[1]));
    Scores& scores = by_languages[absl::StrCat(fields[2], "-", fields[3])];
    scores.cosines.push_back(cosine);
    scores.roots.push_back(std::sqrt(std::max(0.0, cosine)));
    scores.judgements.push_back(-overall);
  }
  for (const auto& [languages, scores] : by_languages) {
    std::cout << absl::StrFormat(
        "%s %s n=%d pearson of root %.3f of cosine %.3f\n", name, languages, scores.roots.size(),
        Pearson(scores.roots, scores.judgements), Pearson(scores.cosines, scores.judgements));
  }
  return absl::OkStatus();
}

absl::Status MeasureArticles(const embed::Embedder& embedder, const std::string& name,
                             const std::vector<cli::JsonLine>& lines) {
  std::vector<Vector> vectors;
  std::vector<std::string> labels;
  for (const cli::JsonLine& line : lines) {
    std::string fields[3];
    const char* const names[] = {"title", "body", "label"};
    for (int i = 0; i < 3; ++i) {
      ASSIGN_OR_RETURN(const auto value, line.StringBytes(names[i]));
      fields[i] = value.value_or("");
    }
    vectors.push_back(Embed(embedder, fields[0], fields[1]));
    labels.push_back(fields[2]);
  }
  const Ranking ranking = Rank(vectors, labels);
  std::cout << absl::StrFormat("%s n=%d queries=%d MAP %.4f P@1 %.4f\n", name, vectors.size(),
                               ranking.queries, ranking.average_precision, ranking.precision_at_1);
  return absl::OkStatus();
}

absl::Status MeasureFile(const embed::Embedder& embedder, const std::string& path) {
  ASSIGN_OR_RETURN(const auto reader, cli::LineReader::Open(path));
  std::vector<cli::JsonLine> lines;
  std::string text;
  for (;;) {
    const absl::Status status = reader->Next(&text);
    if (absl::IsOutOfRange(status)) break;
    if (!status.ok()) return status;
    ASSIGN_OR_RETURN(cli::JsonLine line, cli::JsonLine::Parse(text));
    lines.push_back(std::move(line));
  }
  const std::string name = path.substr(path.rfind('/') + 1);
  const bool has_pairs = !lines.empty() && lines[0].object().contains("text1");
  return has_pairs ? MeasurePairs(embedder, name, lines) : MeasureArticles(embedder, name, lines);
}

absl::Status Run(const std::vector<char*>& words) {
  ASSIGN_OR_RETURN(const auto embedder, MakeEmbedder());
  std::cout << embedder->identity() << "\n";
  for (size_t i = 1; i < words.size(); ++i) RETURN_IF_ERROR(MeasureFile(*embedder, words[i]));
  return absl::OkStatus();
}

}  // namespace
}  // namespace newsprint::bench

int main(int argc, char** argv) {
  const std::vector<char*> words = absl::ParseCommandLine(argc, argv);
  const absl::Status status = newsprint::bench::Run(words);
  if (!status.ok()) std::cerr << "embedding_quality: " << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
