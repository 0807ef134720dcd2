// What is told of the server, in Prometheus' form. docs/operations.md has the table of all metrics.
#ifndef NEWSPRINT_SERVICE_METRICS_FAMILIES_H_
#define NEWSPRINT_SERVICE_METRICS_FAMILIES_H_

#include <prometheus/metric_family.h>

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "service/engine/engine.h"
#include "service/metrics/server_state.h"
#include "service/rpc/server.h"

namespace newsprint::metrics {

// Collections that are told one by one: the largest. The others are told together.
inline constexpr size_t kCollectionsTold = 100;
// The name that these have. No collection can have it, as it begins with a character that names
// must not begin with.
inline constexpr char kOtherCollections[] = "_other";

// `engine` and `server` may be null, while they are not there. Families are all there at any time,
// with or without values. Waits for nothing but short locks.
std::vector<prometheus::MetricFamily> CollectFamilies(absl::string_view newsprint_version,
                                                      const ServerState& state,
                                                      const Engine* engine,
                                                      const rpc::Server* server);

}  // namespace newsprint::metrics

#endif  // NEWSPRINT_SERVICE_METRICS_FAMILIES_H_
