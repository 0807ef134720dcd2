// A clock that stands still until a test moves it.
#ifndef NEWSPRINT_TESTS_TESTING_TEST_CLOCK_H_
#define NEWSPRINT_TESTS_TESTING_TEST_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "service/common/clock.h"

namespace newsprint::testing {

// Thread-safe. Must outlive whoever was given its function.
class TestClock {
 public:
  absl::Time now() const { return absl::FromUnixMicros(micros_); }
  void Advance(absl::Duration duration) { micros_ += absl::ToInt64Microseconds(duration); }
  Clock function() {
    return [this] { return now(); };
  }

 private:
  std::atomic<int64_t> micros_{1'300'000'000'000'000};
};

}  // namespace newsprint::testing

#endif  // NEWSPRINT_TESTS_TESTING_TEST_CLOCK_H_
