#include "service/rpc/admission.h"

#include <vector>

namespace newsprint::rpc {
namespace {

using ::testing::HasSubstr;

class CountingWaiter final : public Admission::Waiter {
 public:
  void OnRoom() override { ++told; }
  int told = 0;
};

TEST(AdmissionTest, UnaryCallsAreBoundByNumber) {
  Admission admission(2, 1000);
  EXPECT_TRUE(admission.EnterUnary(1).ok());
  EXPECT_TRUE(admission.EnterUnary(1).ok());
  const absl::Status refused = admission.EnterUnary(1);
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(refused.message(),
            "server: queue is full, limit 2 calls (--queue_items_max); try again after a pause");
  admission.LeaveUnary(1);
  EXPECT_TRUE(admission.EnterUnary(1).ok());
}

TEST(AdmissionTest, UnaryCallsAreBoundByBytesButForOneThatIsAlone) {
  Admission admission(10, 1000);
  EXPECT_TRUE(admission.EnterUnary(5000).ok());
  EXPECT_THAT(admission.EnterUnary(1).message(),
              HasSubstr("queue is full, limit 1000 bytes (--queue_bytes_max)"));
  admission.LeaveUnary(5000);
  EXPECT_TRUE(admission.EnterUnary(600).ok());
  EXPECT_FALSE(admission.EnterUnary(401).ok());
  EXPECT_TRUE(admission.EnterUnary(400).ok());
  EXPECT_EQ(admission.usage().unary_bytes, 1000u);
}

TEST(AdmissionTest, TheAccountsAreApart) {
  Admission admission(1, 1000);
  EXPECT_TRUE(admission.EnterUnary(1000).ok());
  CountingWaiter waiter;
  EXPECT_TRUE(admission.MayReadOrWait(&waiter));
  admission.EnterStream(1000);
  EXPECT_FALSE(admission.MayReadOrWait(&waiter));
  admission.LeaveUnary(1000);
  EXPECT_TRUE(admission.EnterUnary(1000).ok());
  EXPECT_TRUE(admission.Forget(&waiter));
}

// The rule of dynamic thresholds: a busy stream stops while there is room for another one.
TEST(AdmissionTest, AStreamMayHoldAsMuchAsIsFree) {
  Admission admission(100, 1 << 20);
  size_t first = 0;
  while (admission.MayReadMore(first, first)) {
    admission.EnterStream(1);
    ++first;
  }
  EXPECT_EQ(first, 50u);
  size_t second = 0;
  while (admission.MayReadMore(second, second)) {
    admission.EnterStream(1);
    ++second;
  }
  EXPECT_EQ(second, 25u);
  EXPECT_TRUE(admission.MayReadMore(0, 0));
  EXPECT_FALSE(admission.MayReadMore(0, (1 << 20) - 75));
}

TEST(AdmissionTest, WhoWaitsIsToldOnceInTurn) {
  Admission admission(4, 1000);
  std::vector<CountingWaiter> waiters(3);
  for (int i = 0; i < 4; ++i) admission.EnterStream(10);
  for (CountingWaiter& waiter : waiters) EXPECT_FALSE(admission.MayReadOrWait(&waiter));
  EXPECT_TRUE(admission.Forget(&waiters[1]));
  EXPECT_FALSE(admission.Forget(&waiters[1]));
  admission.LeaveStream(10);  // room for one
  EXPECT_EQ(waiters[0].told, 1);
  EXPECT_EQ(waiters[2].told, 0);
  EXPECT_FALSE(admission.Forget(&waiters[0]));
  admission.LeaveStream(10);  // much room
  admission.LeaveStream(10);
  EXPECT_EQ(waiters[0].told, 1);
  EXPECT_EQ(waiters[1].told, 0);
  EXPECT_EQ(waiters[2].told, 1);
}

// Whatever those do that were told: when nothing is under way, nobody waits.
TEST(AdmissionTest, NobodyWaitsForEver) {
  Admission admission(4, 1000);
  std::vector<CountingWaiter> waiters(50);
  for (int i = 0; i < 4; ++i) admission.EnterStream(10);
  for (CountingWaiter& waiter : waiters) EXPECT_FALSE(admission.MayReadOrWait(&waiter));
  for (int i = 0; i < 4; ++i) admission.LeaveStream(10);
  for (const CountingWaiter& waiter : waiters) EXPECT_EQ(waiter.told, 1);
}

TEST(AdmissionTest, LargeAnswersLeaveHalfOfTheRoomToSmallOnes) {
  constexpr size_t kLarge = 2 * Admission::kLargeAnswerBytes;
  constexpr size_t kLimit = 4 * kLarge;
  Admission admission(10, kLimit);
  EXPECT_TRUE(admission.EnterAnswer(kLarge).ok());
  EXPECT_TRUE(admission.EnterAnswer(kLarge).ok());
  EXPECT_EQ(admission.EnterAnswer(kLarge).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(admission.EnterAnswer(100).ok());
  EXPECT_TRUE(admission.EnterUnary(1).ok());
  // What has to be told is told, and then no more is begun.
  admission.EnterNeededAnswer(Admission::AnswerTo::kCall, 2 * kLarge);
  EXPECT_THAT(admission.EnterUnary(1).message(),
              HasSubstr("answers wait for callers that read slowly"));
  admission.LeaveAnswer(Admission::AnswerTo::kCall, 2 * kLarge);
  EXPECT_TRUE(admission.EnterUnary(1).ok());
}

TEST(AdmissionTest, OneLargeAnswerGetsThroughWhateverSmallOnesTake) {
  constexpr size_t kLarge = 2 * Admission::kLargeAnswerBytes;
  Admission admission(10, kLarge);
  for (size_t bytes = 0; bytes < kLarge; bytes += 1000) {
    ASSERT_TRUE(admission.EnterAnswer(1000).ok());
  }
  EXPECT_TRUE(admission.EnterAnswer(kLarge).ok());
  EXPECT_FALSE(admission.EnterAnswer(kLarge).ok());
  admission.LeaveAnswer(Admission::AnswerTo::kCall, kLarge);
  EXPECT_TRUE(admission.EnterAnswer(kLarge).ok());
}

// However much clients of streams leave lying about, calls are let in.
TEST(AdmissionTest, AnswersOfStreamsTakeNoRoomOfCalls) {
  Admission admission(10, 1000);
  EXPECT_FALSE(admission.many_stream_answers());
  admission.EnterNeededAnswer(Admission::AnswerTo::kStream, 5000);
  EXPECT_TRUE(admission.many_stream_answers());
  EXPECT_TRUE(admission.EnterUnary(1).ok());
  EXPECT_EQ(admission.usage().answer_bytes, 0u);
  admission.LeaveAnswer(Admission::AnswerTo::kStream, 5000);
  EXPECT_FALSE(admission.many_stream_answers());
}

TEST(AdmissionTest, AnAnswerThatIsAloneMayBeOfAnySize) {
  Admission admission(10, 1000);
  EXPECT_TRUE(admission.EnterAnswer(10 << 20).ok());
}

TEST(AdmissionTest, StreamsAreBoundByNumber) {
  Admission admission(1, 1);
  for (size_t i = 0; i < Admission::kStreamsMax; ++i) ASSERT_TRUE(admission.OpenStream().ok());
  EXPECT_EQ(admission.OpenStream().message(),
            "server: too many open streams, limit 16384; try again after a pause");
  admission.CloseStream();
  EXPECT_TRUE(admission.OpenStream().ok());
}

}  // namespace
}  // namespace newsprint::rpc
