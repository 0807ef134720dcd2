#include "service/common/worker_pool.h"

#include <atomic>
#include <future>

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

}  // namespace
}  // namespace newsprint
