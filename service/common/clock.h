// What time it is.
#ifndef NEWSPRINT_SERVICE_COMMON_CLOCK_H_
#define NEWSPRINT_SERVICE_COMMON_CLOCK_H_

#include <functional>

#include "absl/time/time.h"

namespace newsprint {

// absl::Now, but in tests. Called from any thread.
using Clock = std::function<absl::Time()>;

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_COMMON_CLOCK_H_
