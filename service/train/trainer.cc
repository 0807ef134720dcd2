#include "service/train/trainer.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "service/common/status_macros.h"
#include "service/embed/row_sum.h"
#include "service/train/contrast.h"
#include "service/train/halves.h"
#include "service/train/parallel.h"
#include "service/train/random.h"

namespace newsprint::train {
namespace {

// Streams of random numbers, so that one does not depend on how much another was used.
constexpr uint64_t kSplitStream = 1;
constexpr uint64_t kRecallStream = 2;
constexpr uint64_t kEpochStream = 100;

constexpr size_t kHeldOutMin = 20;
constexpr size_t kHeldOutMax = 2'000;
constexpr size_t kRowsBlock = 64;
constexpr size_t kBatchMin = 32;
constexpr size_t kEpochSteps = 8;
// Of the best epoch's mean reciprocal rank: what is less than that better is not better.
constexpr double kGainMin = 1e-4;

absl::Status CheckOptions(const TrainOptions& options) {
  const auto bad = [](absl::string_view field, double got, absl::string_view limit) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": out of limits, got ", got, ", limit ", limit));
  };
  if (options.epochs < 1 || options.epochs > 100) return bad("epochs", options.epochs, "1 to 100");
  if (options.batch_articles < 2 || options.batch_articles > 4096) {
    return bad("batch_articles", static_cast<double>(options.batch_articles), "2 to 4096");
  }
  if (!(options.held_out > 0 && options.held_out <= 0.5)) {
    return bad("held_out", options.held_out, "above 0 to 0.5");
  }
  if (!(options.dropout >= 0 && options.dropout < 1)) {
    return bad("dropout", options.dropout, "0 to below 1");
  }
  if (!(options.learning_rate > 0 && options.learning_rate <= 1)) {
    return bad("learning_rate", options.learning_rate, "above 0 to 1");
  }
  if (!(options.temperature >= 0.001f && options.temperature <= 10)) {
    return bad("temperature", options.temperature, "0.001 to 10");
  }
  const TableOptions& table = options.table;
  if (table.dimension < embed::TermModel::kDimensionMin ||
      table.dimension > embed::TermModel::kDimensionMax ||
      table.dimension % embed::TermModel::kDimensionMin != 0) {
    return bad("dimension", table.dimension, "multiples of 32, 32 to 1024");
  }
  if (table.hash_rows < 1 || table.hash_rows > 1'000'000 || table.words_max > 1'000'000) {
    return bad("words_max or hash_rows", static_cast<double>(table.words_max + table.hash_rows),
               "1 to 1000000");
  }
  return absl::OkStatus();
}

// Which bags have a row, for all rows of a batch.
class RowUses {
 public:
  struct Use {
    uint32_t bag;
    float factor;
  };

  explicit RowUses(size_t rows) : begins_(rows + 1) {}

  void Take(const Bags& bags) {
    std::fill(begins_.begin(), begins_.end(), 0);
    for (const BagRow* at = bags.begin(0); at != bags.end(bags.size() - 1); ++at) {
      ++begins_[at->row];
    }
    used_.clear();
    size_t total = 0;
    for (size_t row = 0; row < begins_.size(); ++row) {
      if (begins_[row] > 0) used_.push_back(static_cast<uint32_t>(row));
      total += std::exchange(begins_[row], static_cast<uint32_t>(total));
    }
    uses_.resize(total);
    next_ = begins_;
    for (size_t bag = 0; bag < bags.size(); ++bag) {
      for (const BagRow* at = bags.begin(bag); at != bags.end(bag); ++at) {
        uses_[next_[at->row]++] = {static_cast<uint32_t>(bag), at->factor};
      }
    }
  }

  const std::vector<uint32_t>& used() const { return used_; }
  const Use* begin(size_t row) const { return uses_.data() + begins_[row]; }
  const Use* end(size_t row) const { return uses_.data() + begins_[row + 1]; }

 private:
  std::vector<uint32_t> begins_, next_, used_;
  std::vector<Use> uses_;
};

class Trainer {
 public:
  Trainer(const TrainingSet& set, const TrainOptions& options, TermTable table)
      : set_(set), options_(options), table_(std::move(table)), uses_(table_.rows()) {
    Split();
  }

  absl::StatusOr<TrainedModel> Run();

 private:
  void Split();
  double LearnBatch(const std::vector<uint32_t>& articles, int step);
  void ApplyGradients(const AdamStep& step);
  absl::StatusOr<double> LearnEpoch(int epoch);
  Recall Measure() const;
  std::string Provenance() const;
  // Smaller for a small archive, so that an epoch has several steps.
  size_t BatchArticles() const {
    return std::min(options_.batch_articles, std::max(kBatchMin, learned_.size() / kEpochSteps));
  }
  int StepsOfEpoch() const {
    return static_cast<int>(std::max<size_t>(1, learned_.size() / BatchArticles()));
  }

  const TrainingSet& set_;
  const TrainOptions& options_;
  TermTable table_;
  TrainReport report_;
  std::vector<uint32_t> learned_, held_out_;
  Bags bags_, pairs_;
  RowUses uses_;
  std::vector<float> units_, lengths_, gradients_, side_a_, side_b_, gradient_a_, gradient_b_;
};

void Trainer::Split() {
  std::vector<uint32_t> articles(set_.articles());
  std::iota(articles.begin(), articles.end(), 0);
  Random random(options_.seed, kSplitStream);
  random.Shuffle(articles);
  const auto wanted = static_cast<size_t>(static_cast<double>(articles.size()) * options_.held_out);
  const size_t count = std::min(kHeldOutMax, std::max(kHeldOutMin, wanted));
  held_out_.assign(articles.begin(), articles.begin() + static_cast<std::ptrdiff_t>(count));
  learned_.assign(articles.begin() + static_cast<std::ptrdiff_t>(count), articles.end());
  // Which articles are held out is left to chance, the order of the others is not needed yet.
  std::sort(learned_.begin(), learned_.end());
  report_.articles = learned_.size();
  report_.held_out = held_out_.size();
  report_.words = table_.word_rows();
}

// Queries are the one halves of the held-out articles; the other halves lie among those of articles
// that were learned from.
Recall Trainer::Measure() const {
  std::vector<uint32_t> articles = held_out_;
  const size_t others = std::min(learned_.size(), kRecallCandidatesMax - held_out_.size());
  for (size_t i = 0; i < others; ++i) {
    articles.push_back(learned_[i * learned_.size() / others]);
  }
  const size_t dimension = table_.dimension();
  std::vector<float> first(held_out_.size() * dimension), second(articles.size() * dimension);
  constexpr size_t kArticles = 512;
  Bags bags;
  std::vector<float> units(2 * kArticles * dimension), lengths(2 * kArticles);
  for (size_t begin = 0; begin < articles.size(); begin += kArticles) {
    const size_t end = std::min(articles.size(), begin + kArticles);
    bags.Clear();
    for (size_t i = begin; i < end; ++i) {
      Random random(options_.seed ^ articles[i], kRecallStream);
      bags.AddHalves(set_, table_, articles[i], 0, random);
    }
    UnitVectors(bags, table_, units.data(), lengths.data());
    for (size_t i = begin; i < end; ++i) {
      const float* unit = &units[2 * (i - begin) * dimension];
      if (i < held_out_.size()) std::copy_n(unit, dimension, &first[i * dimension]);
      std::copy_n(unit + dimension, dimension, &second[i * dimension]);
    }
  }
  Recall recall;
  for (const size_t rank :
       RanksOfOwn(first.data(), held_out_.size(), second.data(), articles.size(), dimension)) {
    recall.at_1 += rank < 1 ? 1 : 0;
    recall.at_10 += rank < 10 ? 1 : 0;
    recall.reciprocal_rank += 1 / static_cast<double>(rank + 1);
  }
  const double count = static_cast<double>(held_out_.size());
  return {recall.at_1 / count, recall.at_10 / count, recall.reciprocal_rank / count};
}

// From the gradients of the bags' vectors to the rows: each row is changed by one thread, which
// adds up what the bags want of it in their order.
void Trainer::ApplyGradients(const AdamStep& step) {
  const size_t dimension = table_.dimension();
  uses_.Take(bags_);
  ForBlocks(uses_.used().size(), kRowsBlock, [&](size_t begin, size_t end) {
    std::vector<embed::WeightedRow<float>> wishes;
    std::vector<float> gradient(dimension);
    for (size_t i = begin; i < end; ++i) {
      const uint32_t row = uses_.used()[i];
      wishes.clear();
      for (const RowUses::Use* use = uses_.begin(row); use != uses_.end(row); ++use) {
        wishes.push_back({&gradients_[use->bag * dimension], use->factor});
      }
      embed::SumRows(wishes.data(), wishes.size(), dimension, gradient.data());
      AdamStep own_step = step;
      if (row >= table_.word_rows()) own_step.rate *= options_.hash_rate_factor;
      table_.Update(own_step, options_.weight_rate_factor, row, gradient.data());
    }
  });
}

double Trainer::LearnBatch(const std::vector<uint32_t>& articles, int step) {
  const size_t dimension = table_.dimension(), pairs = articles.size();
  const int steps = StepsOfEpoch() * options_.epochs;
  units_.resize(2 * pairs * dimension);
  lengths_.resize(2 * pairs);
  UnitVectors(bags_, table_, units_.data(), lengths_.data());
  side_a_.resize(pairs * dimension);
  side_b_.resize(pairs * dimension);
  gradient_a_.resize(pairs * dimension);
  gradient_b_.resize(pairs * dimension);
  for (size_t i = 0; i < pairs; ++i) {
    std::copy_n(&units_[2 * i * dimension], dimension, &side_a_[i * dimension]);
    std::copy_n(&units_[(2 * i + 1) * dimension], dimension, &side_b_[i * dimension]);
  }
  const double loss = ContrastiveLoss(side_a_.data(), side_b_.data(), pairs, dimension,
                                      options_.temperature, gradient_a_.data(), gradient_b_.data());
  // Through the scaling to length 1: what points along the vector is lost.
  gradients_.resize(2 * pairs * dimension);
  for (size_t bag = 0; bag < 2 * pairs; ++bag) {
    const float* from = &(bag % 2 == 0 ? gradient_a_ : gradient_b_)[bag / 2 * dimension];
    const float* unit = &units_[bag * dimension];
    float* to = &gradients_[bag * dimension];
    double along = 0;
    for (size_t i = 0; i < dimension; ++i) along += static_cast<double>(from[i]) * unit[i];
    const float scale = lengths_[bag] == 0 ? 0 : 1 / lengths_[bag];
    for (size_t i = 0; i < dimension; ++i) {
      to[i] = scale * (from[i] - static_cast<float>(along) * unit[i]);
    }
  }
  const float left = 1 - static_cast<float>(step) / static_cast<float>(steps);
  ApplyGradients(AdamStep(options_.learning_rate * left, step + 1));
  return loss;
}

absl::StatusOr<double> Trainer::LearnEpoch(int epoch) {
  Random random(options_.seed, kEpochStream + static_cast<uint64_t>(epoch));
  std::vector<uint32_t> order = learned_;
  random.Shuffle(order);
  const int steps = StepsOfEpoch();
  double loss = 0;
  for (int step = 0; step < steps; ++step) {
    // The last batch takes no more than the others; another epoch leaves out other articles.
    const size_t begin = static_cast<size_t>(step) * BatchArticles();
    const size_t end = std::min(order.size(), begin + BatchArticles());
    const std::vector<uint32_t> articles(order.begin() + static_cast<std::ptrdiff_t>(begin),
                                         order.begin() + static_cast<std::ptrdiff_t>(end));
    bags_.Clear();
    for (const uint32_t article : articles) {
      bags_.AddHalves(set_, table_, article, options_.dropout, random);
    }
    loss += LearnBatch(articles, (epoch - 1) * steps + step);
    const double done = epoch - 1 + static_cast<double>(step + 1) / steps;
    if (options_.progress && !options_.progress(done / options_.epochs)) {
      return absl::CancelledError("interrupted");
    }
  }
  return loss / steps;
}

std::string Trainer::Provenance() const {
  return absl::StrFormat(
      "%s\n%d articles learned from, %d held out, %d epochs of which %d kept, batches of %d, "
      "learning rate %g, temperature %g, dropout %g, seed %d. Other half found among %d: "
      "recall@1 %.4f before, %.4f after; recall@10 %.4f before, %.4f after.\n",
      options_.provenance, report_.articles, report_.held_out, report_.epochs, report_.best_epoch,
      BatchArticles(), options_.learning_rate, options_.temperature, options_.dropout,
      options_.seed, report_.candidates, report_.before.at_1, report_.after.at_1,
      report_.before.at_10, report_.after.at_10);
}

absl::StatusOr<TrainedModel> Trainer::Run() {
  const absl::Time start = absl::Now();
  report_.candidates =
      held_out_.size() + std::min(learned_.size(), kRecallCandidatesMax - held_out_.size());
  report_.before = report_.after = Measure();
  RowSnapshot best = table_.Save();
  for (int epoch = 1; epoch <= options_.epochs; ++epoch) {
    ASSIGN_OR_RETURN(const double loss, LearnEpoch(epoch));
    const Recall recall = Measure();
    ++report_.epochs;
    report_.losses.push_back(loss);
    report_.recalls.push_back(recall);
    if (recall.reciprocal_rank < report_.after.reciprocal_rank + kGainMin) break;
    report_.after = recall;
    report_.best_epoch = epoch;
    best = table_.Save();
  }
  report_.seconds = absl::ToDoubleSeconds(absl::Now() - start);
  const embed::TermModel* initial = options_.initial;
  if (initial != nullptr && report_.best_epoch == 0) {
    return TrainedModel{std::string(initial->file()), std::move(report_)};
  }
  table_.Restore(best);
  embed::TermModelContent content = table_.Content();
  content.counting = initial == nullptr ? options_.counting : initial->counting();
  content.counting.number_weight =
      initial == nullptr ? options_.table.number_weight : initial->counting().number_weight;
  content.provenance = Provenance();
  if (initial != nullptr) absl::StrAppend(&content.provenance, initial->provenance());
  if (content.provenance.size() > embed::TermModel::kProvenanceBytesMax) {
    content.provenance.resize(embed::TermModel::kProvenanceBytesMax);
  }
  ASSIGN_OR_RETURN(std::string file, embed::SerialiseTermModel(content));
  return TrainedModel{std::move(file), std::move(report_)};
}

}  // namespace

absl::StatusOr<TrainedModel> Train(const TrainingSet& set, const TrainOptions& options) {
  RETURN_IF_ERROR(CheckOptions(options));
  if (set.articles() < kTrainArticlesMin) {
    return absl::FailedPreconditionError(absl::StrCat("articles: too few to learn from, got ",
                                                      set.articles(), ", limit ", kTrainArticlesMin,
                                                      " or more"));
  }
  TermTable table = options.initial != nullptr
                        ? TermTable::FromModel(options.table, set, *options.initial)
                        : TermTable::FromVectors(options.table, set, options.vectors);
  return Trainer(set, options, std::move(table)).Run();
}

}  // namespace newsprint::train
