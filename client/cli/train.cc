// newsprint train ARCHIVE... --output=MODEL. The one command that works without a server, and the
// one file of the client that uses the service's code: the same words must go into the model here
// as into the vectors there.
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/article_file.h"
#include "client/cli/interrupt.h"
#include "client/cli/output.h"
#include "client/cli/output_file.h"
#include "client/cli/progress.h"
#include "client/cli/session.h"
#include "service/embed/builtin_model.h"
#include "service/embed/term_embedder.h"
#include "service/train/trainer.h"

namespace newsprint::cli {
namespace {

constexpr int64_t kEpochsMax = 20;
constexpr size_t kWordsMax = 100'000;  // of the built-in model and the archive; 27 MB

struct Read {
  int64_t articles = 0;
  int64_t too_short = 0;
  int64_t copies = 0;
  int64_t left_out = 0;  // the limits of a training set
};

absl::Status ReadArchive(const std::string& path, Progress& progress, train::TrainingSet& set,
                         Read& read) {
  using Added = train::TrainingSet::Added;
  return ForEachArticle(path, progress, [&](ArticleLine line, const LineReader&) {
    const v1::Article& article = line.article;
    const Added added = set.Add(article.raw_title().empty() ? article.title() : article.raw_title(),
                                article.raw_body().empty() ? article.body() : article.raw_body(),
                                article.language());
    if (added == Added::kYes) ++read.articles;
    if (added == Added::kTooShort) ++read.too_short;
    if (added == Added::kCopy) ++read.copies;
    if (added == Added::kFull) ++read.left_out;
    progress.AddDone();
    return absl::OkStatus();
  });
}

absl::StatusOr<train::TrainOptions> OptionsOf(const Settings& settings) {
  if (settings.output.empty()) return UsageError("train: --output names the model to write");
  if (settings.epochs < 0 || settings.epochs > kEpochsMax) {
    return UsageError(absl::StrCat("--epochs must be 1 to ", kEpochsMax));
  }
  const double held_out = settings.held_out.value_or(train::TrainOptions().held_out);
  if (!(held_out > 0 && held_out <= 0.5)) {
    return UsageError("--held_out must be above 0, at most 0.5");
  }
  train::TrainOptions options;
  options.initial = &embed::BuiltInModel();
  options.table.words_max = kWordsMax;
  if (settings.epochs > 0) options.epochs = static_cast<int>(settings.epochs);
  options.held_out = held_out;
  options.seed = static_cast<uint64_t>(settings.seed);
  options.provenance = "Learned from the archives of its users, beginning with the built-in model.";
  return options;
}

Json RecallJson(const train::Recall& recall) {
  return {{"recall_at_1", JsonFigure(recall.at_1)}, {"recall_at_10", JsonFigure(recall.at_10)}};
}

void PrintJsonReport(const train::TrainReport& report, const Read& read, const std::string& model,
                     std::ostream& out) {
  Json epochs = Json::array();
  for (size_t i = 0; i < report.losses.size(); ++i) {
    Json epoch = RecallJson(report.recalls[i]);
    epoch["loss"] = JsonFigure(report.losses[i]);
    epochs.push_back(std::move(epoch));
  }
  PrintJson({{"articles", report.articles},
             {"held_out", report.held_out},
             {"too_short", read.too_short},
             {"copies", read.copies},
             {"left_out", read.left_out},
             {"candidates", report.candidates},
             {"words", report.words},
             {"epochs", std::move(epochs)},
             {"kept_epoch", report.best_epoch},
             {"before", RecallJson(report.before)},
             {"after", RecallJson(report.after)},
             {"seconds", JsonFigure(report.seconds, 1)},
             {"model", model}},
            out);
}

void PrintReport(const train::TrainReport& report, const Read& read, const std::string& model,
                 Session& session) {
  session.out << absl::StrFormat(
      "Learned from %d articles in %.1f s (%d too short, %d copies, %d above the limit).\n"
      "The other half of %d held-out articles, among those of %d:\n",
      report.articles, report.seconds, read.too_short, read.copies, read.left_out, report.held_out,
      report.candidates);
  Table table({{"model"},
               {"loss", Table::Align::kRight},
               {"recall@1", Table::Align::kRight},
               {"recall@10", Table::Align::kRight}});
  const auto add = [&table](std::string name, absl::optional<double> loss,
                            const train::Recall& recall) {
    table.AddRow({std::move(name), FormatFigure(loss), FormatFigure(recall.at_1),
                  FormatFigure(recall.at_10)});
  };
  add("built-in", absl::nullopt, report.before);
  for (size_t i = 0; i < report.losses.size(); ++i) {
    add(absl::StrCat("epoch ", i + 1), report.losses[i], report.recalls[i]);
  }
  table.Print(session.out, session.columns);
  if (report.best_epoch == 0) {
    session.out << "Nothing was gained: " << session.settings.output << " is the built-in model, "
                << model << "\n";
  } else {
    session.out << absl::StrFormat("Kept epoch %d: %s is %s\n", report.best_epoch,
                                   session.settings.output, model);
  }
}

}  // namespace

absl::Status RunTrain(Session& session, const Args& args) {
  absl::StatusOr<train::TrainOptions> options = OptionsOf(session.settings);
  if (!options.ok()) return options.status();
  for (const std::string& path : args) {
    const auto size = CheckInputFile(path);
    if (!size.ok()) return absl::UnknownError(size.status().message());
  }
  // Not after the minutes that learning takes.
  absl::StatusOr<std::unique_ptr<OutputFile>> output = OutputFile::Create(session.settings.output);
  if (!output.ok()) return output.status();

  InterruptGuard guard;
  Progress progress(session.err, session.err_is_terminal, "articles read");
  train::TrainingSet set;
  Read read;
  for (const std::string& path : args) {
    if (absl::Status status = ReadArchive(path, progress, set, read); !status.ok()) return status;
  }
  if (Interrupted()) return absl::CancelledError("interrupted");
  progress.Restart("batches learned");
  options->progress = [&progress](double share) {
    progress.AddDone();
    progress.SetFraction(share);
    return !Interrupted();
  };
  const absl::StatusOr<train::TrainedModel> trained = train::Train(set, *options);
  const int64_t failed = progress.failed();
  progress.Finish();
  if (absl::IsFailedPrecondition(trained.status())) {
    return absl::UnknownError(absl::StrCat(trained.status().message(), " (", read.too_short,
                                           " too short, ", read.copies, " copies, ", failed,
                                           " not readable)"));
  }
  if (!trained.ok()) return trained.status();
  if (absl::Status status = (*output)->Commit(trained->file); !status.ok()) return status;
  auto model = embed::TermModel::Parse(trained->file);
  if (!model.ok()) return model.status();
  const embed::TermEmbedder embedder(std::make_shared<const embed::TermModel>(*std::move(model)));
  if (session.settings.json) {
    PrintJsonReport(trained->report, read, embedder.identity(), session.out);
  } else {
    PrintReport(trained->report, read, embedder.identity(), session);
  }
  if (failed > 0) {
    return absl::UnknownError(absl::StrCat(failed, " lines could not be read and were left out"));
  }
  return absl::OkStatus();
}

}  // namespace newsprint::cli
