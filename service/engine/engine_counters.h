// What the engine has done since the process began, for metrics. Thread-safe.
#ifndef NEWSPRINT_SERVICE_ENGINE_ENGINE_COUNTERS_H_
#define NEWSPRINT_SERVICE_ENGINE_ENGINE_COUNTERS_H_

#include <array>

#include "service/common/latency_histogram.h"
#include "service/common/types.h"

namespace newsprint {

struct EngineCounters {
  // Of ingested articles, by relation; without answers that were given again, and without articles
  // that were not kept, as they had expired.
  std::array<Counter, kRelationCount> verdicts;
  // Articles that were deleted by the retention of their collection.
  Counter articles_expired;
};

// Of all collections of the process.
inline EngineCounters& Counters() {
  static EngineCounters counters;
  return counters;
}

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_ENGINE_COUNTERS_H_
