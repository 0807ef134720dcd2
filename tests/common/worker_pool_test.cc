#include "service/common/worker_pool.h"

#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

namespace newsprint {
namespace {

TEST(WorkerPoolTest, RunsEverythingBeforeItEnds) {
  std::atomic<int> done = 0;
  {
    WorkerPool pool(3);
    for (int i = 0; i < 500; ++i) pool.Submit([&] { ++done; });
  }
  EXPECT_EQ(done, 500);
}

TEST(WorkerPoolTest, WhatGoesFirstPassesTheOthersBy) {
  std::promise<void> release;
  std::promise<void> running;
  std::string order;
  {
    WorkerPool pool(1);
    pool.Submit([&running, released = release.get_future()]() mutable {
      running.set_value();
      released.wait();
    });
    running.get_future().wait();
    pool.Submit([&] { order += 'b'; });
    pool.Submit([&] { order += 'c'; });
    pool.SubmitFirst([&] { order += 'a'; });
    release.set_value();
  }
  EXPECT_EQ(order, "abc");
}

TEST(WorkerPoolTest, ExpectsToWaitForWhatIsQueued) {
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  std::promise<void> running;
  WorkerPool pool(1);
  EXPECT_EQ(pool.ExpectedWait(), absl::ZeroDuration());
  // Tasks take 5 ms or more.
  for (int i = 0; i < 100; ++i) {
    pool.Submit([] { std::this_thread::sleep_for(std::chrono::milliseconds(5)); });
  }
  pool.Submit([&running, released] {
    running.set_value();
    released.wait();
  });
  running.get_future().wait();
  const absl::Duration behind_one = pool.ExpectedWait();
  EXPECT_GT(behind_one, absl::ZeroDuration());
  for (int i = 0; i < 10; ++i) pool.Submit([] {});
  EXPECT_GT(pool.ExpectedWait(), 10 * behind_one);
  EXPECT_GT(pool.ExpectedWait(), absl::Milliseconds(20));
  release.set_value();
}

TEST(ParallelForTest, CallsForEachOnce) {
  WorkerPool pool(3);
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
    WorkerPool pool(2);
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
