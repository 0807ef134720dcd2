#include "service/common/worker_pool.h"

#include <atomic>
#include <future>
#include <thread>
#include <vector>

namespace newsprint {
namespace {

TEST(WorkerPoolTest, RunsEverythingBeforeItEnds) {
  std::atomic<int> done = 0;
  {
    WorkerPool pool(3, 1000);
    for (int i = 0; i < 500; ++i) EXPECT_TRUE(pool.TrySubmit([&] { ++done; }));
  }
  EXPECT_EQ(done, 500);
}

TEST(WorkerPoolTest, RefusesWhenTheQueueIsFull) {
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  std::promise<void> running;
  std::atomic<int> done = 0;
  {
    WorkerPool pool(1, 2);
    ASSERT_TRUE(pool.TrySubmit([&running, released] {
      running.set_value();
      released.wait();
    }));
    running.get_future().wait();
    EXPECT_TRUE(pool.TrySubmit([&] { ++done; }));
    EXPECT_TRUE(pool.TrySubmit([&] { ++done; }));
    EXPECT_FALSE(pool.TrySubmit([&] { ++done; }));
    pool.Submit([&] { ++done; });  // follow-up work has no limit
    release.set_value();
  }
  EXPECT_EQ(done, 3);
}

TEST(ParallelForTest, CallsForEachOnce) {
  WorkerPool pool(3, 8);
  for (const size_t count : {0, 1, 2, 7, 1000}) {
    std::vector<std::atomic<int>> calls(count);
    ParallelFor(pool, count, [&](size_t i) { ++calls[i]; });
    for (const std::atomic<int>& one : calls) EXPECT_EQ(one, 1);
  }
}

// Every thread of the pool is in such a loop itself, and its queue is full.
TEST(ParallelForTest, WaitsForNobodyWhoHasNotBegun) {
  constexpr int kLoops = 8;
  std::atomic<int> calls{0};
  {
    WorkerPool pool(2, kLoops);
    for (int i = 0; i < kLoops; ++i) {
      pool.Submit([&] {
        ParallelFor(pool, 10, [&](size_t) {
          std::this_thread::yield();
          ++calls;
        });
      });
    }
  }
  EXPECT_EQ(calls, 10 * kLoops);
}

}  // namespace
}  // namespace newsprint
