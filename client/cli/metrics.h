// The figures of `newsprint evaluate`. Pure functions; each is checked against examples worked out
// by hand. A figure is absent when its denominator is zero.
#ifndef NEWSPRINT_CLIENT_CLI_METRICS_H_
#define NEWSPRINT_CLIENT_CLI_METRICS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/types/optional.h"

namespace newsprint::cli {

// One article of a labelled file, in the order of the file.
struct GroupedArticle {
  std::string id;
  absl::optional<std::string> label;
  absl::optional<std::string> kind;
  std::string group;  // empty when it was not ingested: it is then in a group with nothing
};

struct PairFigures {
  int64_t called_pairs = 0;   // labelled, in one group
  int64_t true_pairs = 0;     // of one label
  int64_t correct_pairs = 0;  // both
  absl::optional<double> precision;
  absl::optional<double> recall;
  absl::optional<double> f1;
};

// Compares the groups with the labels, over all pairs of articles that have a label.
PairFigures ComparePairs(const std::vector<GroupedArticle>& articles);

struct Share {
  int64_t count = 0;
  absl::optional<double> recall;
};

// Of the articles of each kind that have a label, the share that is in one group with the first
// article of the label. The first article itself counts, as found.
std::map<std::string, Share> RecallByKind(const std::vector<GroupedArticle>& articles);

// A pair whose likeness is known.
struct KnownPair {
  double likeness = 0;  // Jaccard or containment, 0 to 1
  bool in_one_group = false;
};

// Recall in bands of a tenth, "0.3-0.4" to "0.9-1.0" (the upper end is outside), and "1.0". Pairs
// below 0.3 are left out, and so are bands without pairs.
std::map<std::string, Share> RecallByBand(const std::vector<KnownPair>& pairs);

// Recall over the pairs of at least this likeness.
Share RecallFrom(double likeness_min, const std::vector<KnownPair>& pairs);

// One ranked list: `hits[i]` says whether the result at rank i + 1 is relevant; `relevant` is the
// number of relevant articles, returned or not, at least 1.
struct RankedFigures {
  double first = 0;              // 1 when the first result is relevant
  double average_precision = 0;  // a relevant article that was not returned counts as 0
  double recall_at_10 = 0;       // relevant in the first ten over `relevant`
};
RankedFigures ScoreRanking(const std::vector<bool>& hits, int64_t relevant);

// Absent for fewer than two points or when one side is constant.
absl::optional<double> Pearson(const std::vector<double>& x, const std::vector<double>& y);
// Pearson of the ranks; equal values share the mean of their ranks.
absl::optional<double> Spearman(const std::vector<double>& x, const std::vector<double>& y);

}  // namespace newsprint::cli

#endif  // NEWSPRINT_CLIENT_CLI_METRICS_H_
