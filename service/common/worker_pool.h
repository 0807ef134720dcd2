// A fixed number of threads over a queue.
#ifndef NEWSPRINT_SERVICE_COMMON_WORKER_POOL_H_
#define NEWSPRINT_SERVICE_COMMON_WORKER_POOL_H_

#include <cstddef>
#include <deque>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "service/common/mutex.h"

namespace newsprint {

// Thread-safe. The destructor runs what is queued and joins the threads.
class WorkerPool {
 public:
  using Task = absl::AnyInvocable<void()>;

  // `threads` >= 1.
  explicit WorkerPool(int threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Runs `task` on one of the threads, after those that came before. The callers bound how many
  // wait.
  void Submit(Task task);

  // Before those that came before: for the end of something whose beginning takes memory. There may
  // not be more of these than of what makes them necessary.
  void SubmitFirst(Task task);

  // As Submit, but only when a thread has nothing to do; else returns false and leaves `task`
  // unused.
  bool TrySubmitToIdle(Task task);

  // How long a task that came now would wait for a thread, by how many wait and how long tasks took
  // lately. Zero when there is a thread that has nothing to do.
  absl::Duration ExpectedWait() const;

  struct Load {
    size_t waiting = 0;  // tasks that no thread has taken on
    size_t busy = 0;     // threads that run one
  };
  Load load() const;

  int threads() const { return static_cast<int>(threads_.size()); }

 private:
  void Work();

  mutable Mutex mutex_;
  CondVar wake_;
  std::deque<Task> queue_ ABSL_GUARDED_BY(mutex_);
  size_t idle_ ABSL_GUARDED_BY(mutex_) = 0;          // threads that wait for a task
  double task_seconds_ ABSL_GUARDED_BY(mutex_) = 0;  // of one task, lately
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::vector<std::thread> threads_;
};

// Calls function(i) for each i below `count`, in any order, on the calling thread and on those of
// `pool` that have nothing to do; returns when all calls have. May be called on a thread of the
// pool: it waits for nothing that has not begun.
void ParallelFor(WorkerPool& pool, size_t count, absl::FunctionRef<void(size_t)> function);

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_COMMON_WORKER_POOL_H_
