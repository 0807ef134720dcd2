#include "client/cli/metrics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <utility>

#include "absl/strings/str_format.h"

namespace newsprint::cli {
namespace {

// Figures in files are rounded, and 0.3 is not a binary fraction.
constexpr double kTolerance = 1e-9;

absl::optional<double> Ratio(double part, double whole) {
  if (whole <= 0) return absl::nullopt;
  return part / whole;
}

int64_t PairsOf(int64_t count) { return count * (count - 1) / 2; }

template <typename Counts>
int64_t SumOfPairs(const Counts& counts) {
  int64_t sum = 0;
  for (const auto& [key, count] : counts) sum += PairsOf(count);
  return sum;
}

std::vector<double> Ranks(const std::vector<double>& values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double mean = static_cast<double>(begin + end - 1) / 2;
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = mean;
    begin = end;
  }
  return ranks;
}

}  // namespace

PairFigures ComparePairs(const std::vector<GroupedArticle>& articles) {
  std::map<std::string, int64_t> labels;
  std::map<std::string, int64_t> groups;
  std::map<std::pair<std::string, std::string>, int64_t> both;
  for (const GroupedArticle& article : articles) {
    if (!article.label) continue;
    ++labels[*article.label];
    if (article.group.empty()) continue;
    ++groups[article.group];
    ++both[{article.group, *article.label}];
  }
  PairFigures figures;
  figures.called_pairs = SumOfPairs(groups);
  figures.true_pairs = SumOfPairs(labels);
  figures.correct_pairs = SumOfPairs(both);
  const auto called = static_cast<double>(figures.called_pairs);
  const auto truth = static_cast<double>(figures.true_pairs);
  const auto correct = static_cast<double>(figures.correct_pairs);
  figures.precision = Ratio(correct, called);
  figures.recall = Ratio(correct, truth);
  figures.f1 = Ratio(2 * correct, called + truth);
  return figures;
}

std::map<std::string, Share> RecallByKind(const std::vector<GroupedArticle>& articles) {
  std::map<std::string, const GroupedArticle*> first_of_label;
  std::map<std::string, std::pair<int64_t, int64_t>> counts;  // all, found
  for (const GroupedArticle& article : articles) {
    if (!article.label) continue;
    const GroupedArticle* first = first_of_label.emplace(*article.label, &article).first->second;
    if (!article.kind) continue;
    auto& [all, found] = counts[*article.kind];
    ++all;
    if (!article.group.empty() && article.group == first->group) ++found;
  }
  std::map<std::string, Share> shares;
  for (const auto& [kind, count] : counts) {
    shares[kind] = {count.first,
                    Ratio(static_cast<double>(count.second), static_cast<double>(count.first))};
  }
  return shares;
}

Share RecallFrom(double likeness_min, const std::vector<KnownPair>& pairs) {
  int64_t all = 0;
  int64_t found = 0;
  for (const KnownPair& pair : pairs) {
    if (pair.likeness < likeness_min - kTolerance) continue;
    ++all;
    if (pair.in_one_group) ++found;
  }
  return {all, Ratio(static_cast<double>(found), static_cast<double>(all))};
}

std::map<std::string, Share> RecallByBand(const std::vector<KnownPair>& pairs) {
  std::map<std::string, std::vector<KnownPair>> bands;
  for (const KnownPair& pair : pairs) {
    const int tenth = static_cast<int>(std::floor(pair.likeness * 10 + kTolerance));
    if (tenth < 3) continue;
    bands[tenth >= 10 ? "1.0" : absl::StrFormat("%.1f-%.1f", tenth / 10.0, (tenth + 1) / 10.0)]
        .push_back(pair);
  }
  std::map<std::string, Share> shares;
  for (const auto& [band, members] : bands) shares[band] = RecallFrom(0, members);
  return shares;
}

RankedFigures ScoreRanking(const std::vector<bool>& hits, int64_t relevant) {
  RankedFigures figures;
  int64_t found = 0;
  for (size_t i = 0; i < hits.size(); ++i) {
    if (!hits[i]) continue;
    ++found;
    figures.average_precision += static_cast<double>(found) / static_cast<double>(i + 1);
    if (i < 10) figures.recall_at_10 += 1;
  }
  figures.first = !hits.empty() && hits[0] ? 1 : 0;
  figures.average_precision /= static_cast<double>(relevant);
  figures.recall_at_10 /= static_cast<double>(relevant);
  return figures;
}

absl::optional<double> Pearson(const std::vector<double>& x, const std::vector<double>& y) {
  const size_t n = x.size();
  if (n < 2) return absl::nullopt;
  const double mean_x = std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(n);
  const double mean_y = std::accumulate(y.begin(), y.end(), 0.0) / static_cast<double>(n);
  double xx = 0;
  double yy = 0;
  double xy = 0;
  for (size_t i = 0; i < n; ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  if (xx <= 0 || yy <= 0) return absl::nullopt;
  return xy / std::sqrt(xx * yy);
}

absl::optional<double> Spearman(const std::vector<double>& x, const std::vector<double>& y) {
  return Pearson(Ranks(x), Ranks(y));
}

}  // namespace newsprint::cli
