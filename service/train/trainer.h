// Learns a model of terms from articles alone.
#ifndef NEWSPRINT_SERVICE_TRAIN_TRAINER_H_
#define NEWSPRINT_SERVICE_TRAIN_TRAINER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "service/embed/term_model.h"
#include "service/train/term_table.h"
#include "service/train/training_set.h"

namespace newsprint::train {

struct TrainOptions {
  // Of a new model; with `initial` its words and number weight go on, and words_max is for both.
  TableOptions table;
  embed::TermCounting counting;  // of a new model
  // A model to begin with; its dimension, hash rows and counting are kept. May be null.
  const embed::TermModel* initial = nullptr;
  const WordVectors* vectors = nullptr;  // without `initial`; may be null

  int epochs = 2;                // 1 to 100; fewer when the held-out articles say so
  size_t batch_articles = 1024;  // 2 to 4,096; less for small archives
  float learning_rate = 0.05f;   // at the beginning; falls to nothing
  float weight_rate_factor = 1;  // the learning rate of log weights over that of rows
  float hash_rate_factor = 0;    // the learning rate of hash rows over that of others
  float temperature = 0.07f;
  float dropout = 0;       // 0 to below 1: how many terms of a half are left out
  double held_out = 0.05;  // share of the articles that is not learned from, above 0 to 0.5
  uint64_t seed = 1;
  std::string provenance;  // goes into the model, with figures behind it

  // Called now and then with the share done, 0 to 1; learning stops when it returns false.
  std::function<bool(double)> progress;
};

// How well the other half of a held-out article is found among those of others.
struct Recall {
  double at_1 = 0;
  double at_10 = 0;
  double reciprocal_rank = 0;  // mean
};

struct TrainReport {
  size_t articles = 0;  // learned from
  size_t held_out = 0;
  size_t candidates = 0;        // among which the other half is looked for
  size_t words = 0;             // with a row of their own
  int epochs = 0;               // run
  int best_epoch = 0;           // whose result was kept; 0: the initial model
  std::vector<double> losses;   // by epoch, mean over its batches
  std::vector<Recall> recalls;  // by epoch, after it
  Recall before, after;
  double seconds = 0;
};

struct TrainedModel {
  std::string file;  // the bytes of a model file; of the initial model, if that was better
  TrainReport report;
};

inline constexpr size_t kTrainArticlesMin = 200;
inline constexpr size_t kRecallCandidatesMax = 10'000;

// The same articles, options and processor give the same file, whatever the number of cores.
// INVALID_ARGUMENT for options out of range, FAILED_PRECONDITION for fewer than kTrainArticlesMin
// articles, CANCELLED when `progress` said so. Uses all cores; safe from several threads.
absl::StatusOr<TrainedModel> Train(const TrainingSet& set, const TrainOptions& options);

}  // namespace newsprint::train

#endif  // NEWSPRINT_SERVICE_TRAIN_TRAINER_H_
