// What is told of the server, in Prometheus' form. docs/operations.md has the table of all metrics.
#ifndef NEWSPRINT_SERVICE_METRICS_FAMILIES_H_
#define NEWSPRINT_SERVICE_METRICS_FAMILIES_H_

#include <prometheus/metric_family.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "service/engine/engine.h"
#include "service/metrics/server_state.h"
#include "service/rpc/server.h"

namespace newsprint::metrics {

// Collections that are told one by one. The others are told together.
inline constexpr size_t kCollectionsTold = 100;
// The name that these have. No collection can have it, as it begins with a character that names
// must not begin with.
inline constexpr char kOtherCollections[] = "_other";

// Which collections are told one by one. One that is stays so until it is dropped, and the largest
// of the others take free places: so there are not more and more series as sizes change. For one
// thread at a time.
class ToldCollections {
 public:
  struct Sized {
    std::string name;
    int64_t articles = 0;
  };
  // The names that are told of these, which are all there are.
  const std::set<std::string>& Choose(std::vector<Sized> collections);

 private:
  std::set<std::string> names_;
};

// `engine` and `server` may be null, while they are not there. Families are all there at any time,
// with or without values. Waits for short locks, and for the disk to say how full it is.
std::vector<prometheus::MetricFamily> CollectFamilies(absl::string_view newsprint_version,
                                                      const ServerState& state,
                                                      const Engine* engine,
                                                      const rpc::Server* server,
                                                      ToldCollections* told);

}  // namespace newsprint::metrics

#endif  // NEWSPRINT_SERVICE_METRICS_FAMILIES_H_
