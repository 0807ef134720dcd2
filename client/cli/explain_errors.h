// Mistakes of an evaluation of duplicates, with what the service says about each.
#ifndef NEWSPRINT_CLIENT_CLI_EXPLAIN_ERRORS_H_
#define NEWSPRINT_CLIENT_CLI_EXPLAIN_ERRORS_H_

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/error_pairs.h"
#include "client/cli/metrics.h"
#include "client/cli/output.h"
#include "client/cli/passages.h"
#include "client/cli/progress.h"
#include "client/cli/session.h"

namespace newsprint::cli {

struct ExplainedError {
  struct Side {
    GroupedArticle article;
    std::string canonical_id;  // of its group
  };
  Side a;  // the later one in the file, the query side of the comparison
  Side b;
  v1::CompareResponse comparison;  // how `a` stands to `b`
  std::vector<Passage> passages;
};

struct ExplainedErrors {
  int64_t found = 0;  // of which `shown` are a choice
  std::vector<ExplainedError> shown;
};

enum class ErrorType { kFalseMatch, kMiss };

// Compares the articles of `pairs` in `collection`, which must hold them with their text, and
// explains `count` of them: kinds in turn, in each kind the most blatant first, which are the false
// matches with the least Jaccard similarity and the misses with the greatest likeness. Of more than
// 1,000 pairs, 1,000 are compared, kinds in turn too. The same for the same input.
absl::StatusOr<ExplainedErrors> ExplainErrors(Session& session, const std::string& collection,
                                              ErrorType type, Progress& progress,
                                              const std::vector<GroupedArticle>& articles,
                                              const std::vector<PositionPair>& pairs, size_t count);

Json ToJson(const ExplainedErrors& errors);
// `title` says what kind of errors they are, in the plural.
void PrintErrors(const std::string& title, const ExplainedErrors& errors, std::ostream& out);

}  // namespace newsprint::cli

#endif  // NEWSPRINT_CLIENT_CLI_EXPLAIN_ERRORS_H_
