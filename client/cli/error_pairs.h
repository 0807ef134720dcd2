// Which mistakes `newsprint evaluate duplicates --show_errors` shows. Pure functions, linear in the
// articles but for FalseMatchesByPairs(), which is so in the pairs too.
#ifndef NEWSPRINT_CLIENT_CLI_ERROR_PAIRS_H_
#define NEWSPRINT_CLIENT_CLI_ERROR_PAIRS_H_

#include <cstddef>
#include <set>
#include <utility>
#include <vector>

#include "client/cli/metrics.h"

namespace newsprint::cli {

// Two articles by their positions in the file. `first` came earlier, or is named first.
using PositionPair = std::pair<size_t, size_t>;

// One pair for each article whose label is not that of the first labelled article of its group:
// the two. So a wrong merge is named once for each article that it brought, not for each pair.
std::vector<PositionPair> FalseMatchesByLabel(const std::vector<GroupedArticle>& articles);

// One pair for each article that shares its group with an earlier one without being `known` (the
// earlier position first) as its copy: the two, with the first such.
std::vector<PositionPair> FalseMatchesByPairs(const std::vector<GroupedArticle>& articles,
                                              const std::set<PositionPair>& known);

// Each article that is not in one group with the first of its label, with that. Articles that were
// not ingested are left out.
std::vector<PositionPair> MissesByLabel(const std::vector<GroupedArticle>& articles);

// At most `count` of `pairs`, taken in turn from the kinds of their second articles; within a kind
// in the order of `pairs`.
std::vector<PositionPair> SpreadOverKinds(const std::vector<GroupedArticle>& articles,
                                          std::vector<PositionPair> pairs, size_t count);

}  // namespace newsprint::cli

#endif  // NEWSPRINT_CLIENT_CLI_ERROR_PAIRS_H_
