#include "service/embed/remote/breaker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace newsprint::embed {
namespace {

using std::chrono::milliseconds;

class BreakerTest : public ::testing::Test {
 protected:
  // Trips at `now_`, and tells after how many milliseconds a call is admitted.
  int PauseAfterTrip() {
    breaker_.Trip(absl::UnavailableError("down"), now_);
    for (int ms = 0;; ++ms) {
      if (breaker_.Admit(now_ + milliseconds(ms)).ok()) {
        now_ += milliseconds(ms);
        return ms;
      }
    }
  }

  Breaker breaker_{absl::Milliseconds(10), absl::Milliseconds(35)};
  Breaker::TimePoint now_ = Breaker::TimePoint() + std::chrono::hours(1);
};

TEST_F(BreakerTest, AdmitsAllUntilItTrips) {
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(breaker_.Admit(now_).ok());
  EXPECT_FALSE(breaker_.is_open());
  EXPECT_FALSE(breaker_.is_trial());
}

TEST_F(BreakerTest, AdmitsOneTrialAtATime) {
  EXPECT_EQ(PauseAfterTrip(), 10);
  EXPECT_TRUE(breaker_.is_trial());
  EXPECT_EQ(breaker_.Admit(now_ + std::chrono::hours(1)).message(), "down");
  breaker_.Close();
  EXPECT_TRUE(breaker_.Admit(now_).ok());
  EXPECT_TRUE(breaker_.Admit(now_).ok());
}

TEST_F(BreakerTest, PauseDoublesUpToItsLimitUntilACallSucceeds) {
  EXPECT_EQ(PauseAfterTrip(), 10);
  EXPECT_EQ(PauseAfterTrip(), 20);
  EXPECT_EQ(PauseAfterTrip(), 35);
  breaker_.Close();
  EXPECT_EQ(PauseAfterTrip(), 35) << "a trial began, but no call has succeeded";
  breaker_.Close();
  breaker_.Succeeded();
  EXPECT_EQ(PauseAfterTrip(), 10);
}

TEST_F(BreakerTest, FailuresOfOneMomentCountOnce) {
  breaker_.Trip(absl::UnavailableError("first"), now_);
  breaker_.Trip(absl::UnavailableError("second"), now_ + milliseconds(9));
  EXPECT_EQ(breaker_.Admit(now_).message(), "first");
  EXPECT_TRUE(breaker_.Admit(now_ + milliseconds(10)).ok());
}

}  // namespace
}  // namespace newsprint::embed
