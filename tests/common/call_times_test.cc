#include "service/common/call_times.h"

#include <chrono>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace newsprint {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

uint64_t Count(Step step) { return StepHistogram(step).Read().count(); }

TEST(CallTimesTest, EachStepHasANameOfItsOwn) {
  std::set<std::string> names;
  for (size_t i = 0; i < kStepCount; ++i) {
    names.insert(std::string(StepName(static_cast<Step>(i))));
  }
  EXPECT_EQ(names.size(), kStepCount);
  EXPECT_EQ(names.count("unknown"), 0U);
  EXPECT_EQ(StepName(static_cast<Step>(kStepCount)), "unknown");
}

TEST(CallTimesTest, AStepGoesToTheHistogramAndToTheCallOfTheThread) {
  CallTimes times;
  const uint64_t before = Count(Step::kSketch);
  {
    const CallTimes::Scope scope(&times);
    const StepTimer timer(Step::kSketch);
    std::this_thread::sleep_for(milliseconds(2));
  }
  { const StepTimer timer(Step::kSketch); }  // of no call
  EXPECT_EQ(Count(Step::kSketch), before + 2);
  EXPECT_GE(times.time(Step::kSketch), milliseconds(2));
  EXPECT_EQ(times.time(Step::kEmbed), nanoseconds(0));
}

TEST(CallTimesTest, ScopesNest) {
  CallTimes outer;
  CallTimes inner;
  EXPECT_EQ(CallTimes::Current(), nullptr);
  {
    const CallTimes::Scope outer_scope(&outer);
    {
      const CallTimes::Scope inner_scope(&inner);
      EXPECT_EQ(CallTimes::Current(), &inner);
      const CallTimes::Scope none(nullptr);
      EXPECT_EQ(CallTimes::Current(), nullptr);
    }
    EXPECT_EQ(CallTimes::Current(), &outer);
  }
  EXPECT_EQ(CallTimes::Current(), nullptr);
}

// The time of all steps together is that of the whole, so none counts twice and none is lost.
TEST(CallTimesTest, AnInnerStepStopsTheOuterOne) {
  CallTimes times;
  const CallTimes::Scope scope(&times);
  const auto begin = CallTimes::Clock::now();
  {
    StepTimer outer(Step::kLock);
    std::this_thread::sleep_for(milliseconds(1));
    outer.Next(Step::kDecide);
    outer.Next(Step::kDecide);  // is the same step
    {
      StepTimer inner(Step::kStore);
      std::this_thread::sleep_for(milliseconds(3));
      inner.Next(Step::kIndex);
    }
    std::this_thread::sleep_for(milliseconds(1));
  }
  const nanoseconds all = CallTimes::Clock::now() - begin;
  EXPECT_GE(times.time(Step::kLock), milliseconds(1));
  EXPECT_GE(times.time(Step::kDecide), milliseconds(1));
  EXPECT_GE(times.time(Step::kStore), milliseconds(3));
  EXPECT_LE(times.time(Step::kLock) + times.time(Step::kDecide) + times.time(Step::kStore) +
                times.time(Step::kIndex),
            all);
}

TEST(CallTimesTest, TheFirstCollectionCounts) {
  CallTimes times;
  EXPECT_EQ(times.collection(), "");
  std::vector<std::thread> threads;
  times.SetCollection("wire");
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { times.SetCollection("other"); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(times.collection(), "wire");
}

}  // namespace
}  // namespace newsprint
