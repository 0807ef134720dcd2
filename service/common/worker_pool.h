// A fixed number of threads over a bounded queue.
#ifndef NEWSPRINT_SERVICE_COMMON_WORKER_POOL_H_
#define NEWSPRINT_SERVICE_COMMON_WORKER_POOL_H_

#include <cstddef>
#include <deque>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "service/common/mutex.h"

namespace newsprint {

// Thread-safe. The destructor runs what is queued and joins the threads.
class WorkerPool {
 public:
  using Task = absl::AnyInvocable<void()>;

  // `threads` >= 1; `queue_items_max` >= 1 is the number of tasks that may wait.
  WorkerPool(int threads, size_t queue_items_max);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Runs `task` on one of the threads. Returns false, and leaves `task` unused, when the queue is
  // full or the pool is stopping.
  bool TrySubmit(Task task);

  // As TrySubmit, but only when a thread has nothing to do.
  bool TrySubmitToIdle(Task task);

  // As TrySubmit, for follow-up work of something that was admitted already: takes no notice of the
  // queue's limit. The caller bounds how much of it there can be.
  void Submit(Task task);

  int threads() const { return static_cast<int>(threads_.size()); }

 private:
  void Work();

  const size_t queue_items_max_;

  Mutex mutex_;
  CondVar wake_;
  std::deque<Task> queue_ ABSL_GUARDED_BY(mutex_);
  size_t idle_ ABSL_GUARDED_BY(mutex_) = 0;  // threads that wait for a task
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::vector<std::thread> threads_;
};

// Calls function(i) for each i below `count`, in any order, on the calling thread and on those of
// `pool` that have nothing to do; returns when all calls have. May be called on a thread of the
// pool: it waits for nothing that has not begun.
void ParallelFor(WorkerPool& pool, size_t count, absl::FunctionRef<void(size_t)> function);

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_COMMON_WORKER_POOL_H_
