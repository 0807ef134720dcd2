// The flags by which `newsprint related` narrows its results down. A pure function.
#ifndef NEWSPRINT_CLIENT_CLI_RELATED_FILTERS_H_
#define NEWSPRINT_CLIENT_CLI_RELATED_FILTERS_H_

#include "absl/status/status.h"
#include "client/cli/session.h"
#include "newsprint/v1/article_service.pb.h"

namespace newsprint::cli {

// Fills in score_min, half_life, sources, languages, published_from, published_before and diversity
// from the flags that were given. An error of usage that names the flag when one cannot be read or
// is out of range.
absl::Status SetRelatedFilters(const Settings& settings, v1::FindRelatedRequest& request);

}  // namespace newsprint::cli

#endif  // NEWSPRINT_CLIENT_CLI_RELATED_FILTERS_H_
