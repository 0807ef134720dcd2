#include "service/train/trainer.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "service/train/random.h"

namespace newsprint::train {
namespace {

// Articles of `topics` topics, each with words of its own, of which a half shows only some.
TrainingSet Corpus(int articles, int topics, uint64_t seed) {
  TrainingSet set;
  Random random(seed);
  for (int i = 0; i < articles; ++i) {
    const uint32_t topic = random.Below(topics);
    std::string body;
    for (int sentence = 0; sentence < 6; ++sentence) {
      for (int word = 0; word < 10; ++word) {
        if (random.Below(2) == 0) {
          absl::StrAppend(&body, "topic", topic, "word", random.Below(60), " ");
        } else {
          absl::StrAppend(&body, "common", random.Below(300), " ");
        }
      }
      absl::StrAppend(&body, ". ");
    }
    EXPECT_EQ(set.Add("", body, "en"), TrainingSet::Added::kYes);
  }
  return set;
}

TrainOptions SmallOptions() {
  TrainOptions options;
  options.table.dimension = 64;
  options.table.words_max = 3'000;
  options.table.hash_rows = 100;
  options.table.documents_min = 3;
  options.batch_articles = 64;
  options.learning_rate = 0.03f;
  options.epochs = 3;
  return options;
}

TEST(TrainerTest, LearnsWhichWordsBelongTogether) {
  const TrainingSet set = Corpus(1'500, 100, 1);
  const TrainedModel trained = Train(set, SmallOptions()).value();
  const TrainReport& report = trained.report;
  EXPECT_EQ(report.articles + report.held_out, 1'500u);
  EXPECT_EQ(report.candidates, 1'500u);
  EXPECT_GT(report.best_epoch, 0);
  EXPECT_LT(report.losses.back(), report.losses.front());
  EXPECT_GT(report.after.at_10, report.before.at_10);
  const embed::TermModel model = embed::TermModel::Parse(trained.file).value();
  const auto cosine = [&](const char* first, const char* second) {
    std::vector<float> a(64), b(64);
    model.VectorOf(text::TokenOf(first), absl::MakeSpan(a));
    model.VectorOf(text::TokenOf(second), absl::MakeSpan(b));
    double ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < 64; ++i) ab += a[i] * b[i], aa += a[i] * a[i], bb += b[i] * b[i];
    return ab / std::sqrt(aa * bb);
  };
  EXPECT_GT(cosine("topic3word1", "topic3word2"), cosine("topic3word1", "topic4word2") + 0.1);
}

TEST(TrainerTest, TheSameInputGivesTheSameBytes) {
  const TrainOptions options = SmallOptions();
  const std::string first = Train(Corpus(400, 20, 2), options).value().file;
  EXPECT_EQ(Train(Corpus(400, 20, 2), options).value().file, first);
  TrainOptions other = options;
  other.seed = 2;
  EXPECT_NE(Train(Corpus(400, 20, 2), other).value().file, first);
}

TEST(TrainerTest, BeginsWhereTheInitialModelStands) {
  const std::string file = Train(Corpus(1'000, 40, 3), SmallOptions()).value().file;
  const embed::TermModel initial = embed::TermModel::Parse(file).value();
  TrainOptions options = SmallOptions();
  options.initial = &initial;
  // Words that the initial model does not know among words that it does.
  const TrainingSet archive = Corpus(600, 80, 4);
  const TrainedModel trained = Train(archive, options).value();
  EXPECT_GE(trained.report.after.reciprocal_rank, trained.report.before.reciprocal_rank);
  EXPECT_GT(trained.report.words, initial.word_rows());
  const embed::TermModel model = embed::TermModel::Parse(trained.file).value();
  EXPECT_EQ(model.dimension(), initial.dimension());
  EXPECT_EQ(model.hash_rows(), initial.hash_rows());
}

TEST(TrainerTest, KeepsTheInitialModelWhenNothingIsGained) {
  const std::string file = Train(Corpus(1'000, 40, 3), SmallOptions()).value().file;
  const embed::TermModel initial = embed::TermModel::Parse(file).value();
  TrainOptions options = SmallOptions();
  options.initial = &initial;
  options.learning_rate = 1e-12f;  // changes nothing, so gains nothing
  const TrainedModel trained = Train(Corpus(600, 40, 5), options).value();
  EXPECT_EQ(trained.report.best_epoch, 0);
  EXPECT_EQ(trained.report.epochs, 1);
  EXPECT_EQ(trained.file, file);
}

TEST(TrainerTest, RefusesWhatItCannotLearnFrom) {
  EXPECT_TRUE(absl::IsFailedPrecondition(Train(TrainingSet(), SmallOptions()).status()));
  const TrainingSet set = Corpus(200, 20, 6);
  const auto code = [&set](auto change) {
    TrainOptions options = SmallOptions();
    change(options);
    return Train(set, options).status().code();
  };
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(code([](TrainOptions& o) { o.epochs = 0; }), invalid);
  EXPECT_EQ(code([](TrainOptions& o) { o.batch_articles = 1; }), invalid);
  EXPECT_EQ(code([](TrainOptions& o) { o.held_out = std::nan(""); }), invalid);
  EXPECT_EQ(code([](TrainOptions& o) { o.dropout = 1; }), invalid);
  EXPECT_EQ(code([](TrainOptions& o) { o.temperature = 0; }), invalid);
  EXPECT_EQ(code([](TrainOptions& o) { o.learning_rate = std::nanf(""); }), invalid);
  EXPECT_EQ(code([](TrainOptions& o) { o.table.dimension = 100; }), invalid);
  EXPECT_EQ(code([](TrainOptions& o) { o.table.hash_rows = 0; }), invalid);
  EXPECT_EQ(code([](TrainOptions& o) { o.progress = [](double) { return false; }; }),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace newsprint::train
