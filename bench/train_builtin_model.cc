// Makes the built-in model: train_builtin_model ARCHIVE.jsonl[.gz]... --vectors=JSON --output=FILE.
// docs/model.md has the command that made the present one.
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/word_vectors.h"
#include "client/cli/article_file.h"
#include "client/cli/progress.h"
#include "service/train/trainer.h"

ABSL_FLAG(std::string, vectors, "", "JSON file of word vectors; none when empty");
ABSL_FLAG(std::string, stop_words, "", "JSON file of stop words; none when empty");
ABSL_FLAG(std::string, initial, "", "model to begin with, instead of word vectors");
ABSL_FLAG(std::string, output, "", "model file to write");
ABSL_FLAG(std::string, provenance, "", "what the archives are, for the model file");
ABSL_FLAG(int, dimension, 256, "values of a vector");
ABSL_FLAG(size_t, words, 45'000, "words with a row of their own");
ABSL_FLAG(size_t, vector_words, 120'000, "word vectors that are read");
ABSL_FLAG(size_t, hash_rows, 12'600, "rows for all other terms");
ABSL_FLAG(double, vector_share, 0.3, "share of the word vector in a row at the beginning");
ABSL_FLAG(double, number_weight, 0.5, "weight of numbers without a row");
ABSL_FLAG(int, epochs, 2, "passes over the articles");
ABSL_FLAG(size_t, batch, 1024, "articles in a batch");
ABSL_FLAG(double, learning_rate, 0.05, "at the beginning");
ABSL_FLAG(double, weight_rate, 1, "learning rate of the log weights, as a multiple");
ABSL_FLAG(double, hash_weight, 1, "weight of terms without a row at the beginning");
ABSL_FLAG(double, hash_rate, 0, "learning rate of hash rows, as a multiple");
ABSL_FLAG(double, temperature, 0.07, "of the softmax");
ABSL_FLAG(double, dropout, 0, "share of terms left out of a half");
ABSL_FLAG(double, held_out, 0.05, "share of articles not learned from");
ABSL_FLAG(double, title_count, 3, "what an occurrence in the title counts");
ABSL_FLAG(double, lede_count, 3, "what an occurrence in the lede counts");
ABSL_FLAG(uint64_t, seed, 1, "of all random choices");

namespace newsprint::bench {
namespace {

absl::Status ReadArchives(const std::vector<char*>& paths, train::TrainingSet& set) {
  cli::Progress progress(std::cerr, isatty(STDERR_FILENO) != 0, "articles");
  size_t counts[4] = {};
  for (size_t i = 1; i < paths.size(); ++i) {
    const absl::Status status =
        cli::ForEachArticle(paths[i], progress, [&](cli::ArticleLine line, const cli::LineReader&) {
          const v1::Article& article = line.article;
          const train::TrainingSet::Added added = set.Add(
              article.raw_title().empty() ? article.title() : article.raw_title(),
              article.raw_body().empty() ? article.body() : article.raw_body(), article.language());
          ++counts[static_cast<int>(added)];
          progress.AddDone();
          return absl::OkStatus();
        });
    if (!status.ok()) return status;
  }
  std::cerr << absl::StrFormat("%d articles, %d too short, %d copies, %d too many; %d terms\n",
                               counts[0], counts[1], counts[2], counts[3], set.terms());
  return absl::OkStatus();
}

train::TrainOptions OptionsFromFlags() {
  train::TrainOptions options;
  options.table.dimension = absl::GetFlag(FLAGS_dimension);
  options.table.words_max = absl::GetFlag(FLAGS_words);
  options.table.hash_rows = absl::GetFlag(FLAGS_hash_rows);
  options.table.vector_share = static_cast<float>(absl::GetFlag(FLAGS_vector_share));
  options.table.number_weight = static_cast<float>(absl::GetFlag(FLAGS_number_weight));
  options.table.seed = absl::GetFlag(FLAGS_seed);
  options.counting.title_count = static_cast<float>(absl::GetFlag(FLAGS_title_count));
  options.counting.lede_count = static_cast<float>(absl::GetFlag(FLAGS_lede_count));
  options.epochs = absl::GetFlag(FLAGS_epochs);
  options.batch_articles = absl::GetFlag(FLAGS_batch);
  options.learning_rate = static_cast<float>(absl::GetFlag(FLAGS_learning_rate));
  options.weight_rate_factor = static_cast<float>(absl::GetFlag(FLAGS_weight_rate));
  options.table.hash_weight = static_cast<float>(absl::GetFlag(FLAGS_hash_weight));
  options.hash_rate_factor = static_cast<float>(absl::GetFlag(FLAGS_hash_rate));
  options.temperature = static_cast<float>(absl::GetFlag(FLAGS_temperature));
  options.dropout = static_cast<float>(absl::GetFlag(FLAGS_dropout));
  options.held_out = absl::GetFlag(FLAGS_held_out);
  options.seed = absl::GetFlag(FLAGS_seed);
  options.provenance = absl::GetFlag(FLAGS_provenance);
  return options;
}

void PrintReport(const train::TrainReport& report) {
  const auto print = [](absl::string_view what, double loss, const train::Recall& recall) {
    std::cout << absl::StrFormat("%-8s loss %.4f recall@1 %.4f recall@10 %.4f MRR %.4f\n", what,
                                 loss, recall.at_1, recall.at_10, recall.reciprocal_rank);
  };
  print("before", 0, report.before);
  for (size_t i = 0; i < report.losses.size(); ++i) {
    print(absl::StrCat("epoch ", i + 1), report.losses[i], report.recalls[i]);
  }
  std::cout << absl::StrFormat("%d learned, %d held out, %d words, kept epoch %d, %.1f s\n",
                               report.articles, report.held_out, report.words, report.best_epoch,
                               report.seconds);
}

absl::Status Run(const std::vector<char*>& words) {
  train::TrainingSet set;
  if (absl::Status status = ReadArchives(words, set); !status.ok()) return status;
  train::TrainOptions options = OptionsFromFlags();
  train::WordVectors vectors;
  if (const std::string path = absl::GetFlag(FLAGS_vectors); !path.empty()) {
    auto read = ReadWordVectors(path, absl::GetFlag(FLAGS_vector_words));
    if (!read.ok()) return read.status();
    vectors = *std::move(read);
    options.vectors = &vectors;
  }
  if (const std::string path = absl::GetFlag(FLAGS_stop_words); !path.empty()) {
    auto read = ReadStopWords(path);
    if (!read.ok()) return read.status();
    options.table.stop_words = *std::move(read);
  }
  absl::StatusOr<embed::TermModel> initial = absl::NotFoundError("");
  if (const std::string path = absl::GetFlag(FLAGS_initial); !path.empty()) {
    initial = embed::TermModel::Load(path);
    if (!initial.ok()) return initial.status();
    options.initial = &*initial;
  }
  const auto trained = train::Train(set, options);
  if (!trained.ok()) return trained.status();
  PrintReport(trained->report);
  std::ofstream file(absl::GetFlag(FLAGS_output), std::ios::binary);
  file << trained->file;
  file.close();
  return file ? absl::OkStatus() : absl::UnknownError("cannot write the output");
}

}  // namespace
}  // namespace newsprint::bench

int main(int argc, char** argv) {
  const std::vector<char*> words = absl::ParseCommandLine(argc, argv);
  const absl::Status status = newsprint::bench::Run(words);
  if (!status.ok()) std::cerr << "train_builtin_model: " << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
