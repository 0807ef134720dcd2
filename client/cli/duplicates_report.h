// What `newsprint evaluate duplicates` found, as tables and as JSON.
#ifndef NEWSPRINT_CLIENT_CLI_DUPLICATES_REPORT_H_
#define NEWSPRINT_CLIENT_CLI_DUPLICATES_REPORT_H_

#include <cstdint>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "absl/types/optional.h"
#include "client/cli/explain_errors.h"
#include "client/cli/metrics.h"
#include "client/cli/output.h"
#include "client/cli/sweep.h"

namespace newsprint::cli {

// Figures against a file of pairs.
struct PairsReport {
  std::vector<KnownPair> by_jaccard;
  std::vector<KnownPair> by_containment;
  int64_t unknown = 0;       // pairs that name an article which is not in the file
  int64_t called_pairs = 0;  // all pairs in one group
  absl::optional<double> called_pairs_supported;
};

struct ErrorsReport {
  ExplainedErrors false_matches;
  ExplainedErrors misses;
};

struct DuplicatesReport {
  int64_t articles = 0;
  int64_t failed = 0;
  int64_t groups = 0;
  double seconds = 0;
  bool has_labels = false;
  PairFigures pairs;
  std::map<std::string, Share> kinds;
  absl::optional<PairsReport> known;
  absl::optional<ErrorsReport> errors;
};

Json ToJson(const DuplicatesReport& report);
// `columns` as for Table::Print().
void PrintReport(const DuplicatesReport& report, int columns, std::ostream& out);

// `reports` has one for each value of `sweep`. The best values are those with the highest F1: more
// than one when they are equal, none without labels.
Json ToJson(const Sweep& sweep, const std::vector<DuplicatesReport>& reports);
void PrintSweep(const Sweep& sweep, const std::vector<DuplicatesReport>& reports, int columns,
                std::ostream& out);

}  // namespace newsprint::cli

#endif  // NEWSPRINT_CLIENT_CLI_DUPLICATES_REPORT_H_
