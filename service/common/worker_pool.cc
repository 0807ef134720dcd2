#include "service/common/worker_pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <utility>

namespace newsprint {
namespace {

// What the latest task counts for in the mean of those lately: about the last hundred make it up.
constexpr double kLatestTaskWeight = 0.02;

// Outlives ParallelFor in tasks that begin when all is done.
class SharedLoop {
 public:
  SharedLoop(size_t count, absl::FunctionRef<void(size_t)> function)
      : count_(count), function_(function) {}

  void Work() {
    size_t done = 0;
    for (size_t i; (i = next_.fetch_add(1)) < count_; ++done) function_(i);
    if (done == 0) return;
    MutexLock lock(mutex_);
    done_ += done;
    if (done_ == count_) all_done_.NotifyAll();
  }

  void Wait() {
    MutexLock lock(mutex_);
    while (done_ < count_) all_done_.Wait(mutex_);
  }

 private:
  const size_t count_;
  const absl::FunctionRef<void(size_t)> function_;  // valid until all is done
  std::atomic<size_t> next_{0};
  Mutex mutex_;
  CondVar all_done_;
  size_t done_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace

void ParallelFor(WorkerPool& pool, size_t count, absl::FunctionRef<void(size_t)> function) {
  if (count == 0) return;
  const auto loop = std::make_shared<SharedLoop>(count, function);
  const size_t helpers = std::min(count, static_cast<size_t>(pool.threads())) - 1;
  for (size_t i = 0; i < helpers; ++i) {
    if (!pool.TrySubmitToIdle([loop] { loop->Work(); })) break;
  }
  loop->Work();
  loop->Wait();
}

WorkerPool::WorkerPool(int threads) {
  threads_.reserve(threads);
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

WorkerPool::~WorkerPool() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

bool WorkerPool::TrySubmitToIdle(Task task) {
  {
    MutexLock lock(mutex_);
    if (stopping_ || queue_.size() >= idle_) return false;
    queue_.push_back(std::move(task));
  }
  wake_.NotifyOne();
  return true;
}

void WorkerPool::Submit(Task task) {
  {
    MutexLock lock(mutex_);
    queue_.push_back(std::move(task));
  }
  wake_.NotifyOne();
}

void WorkerPool::SubmitFirst(Task task) {
  {
    MutexLock lock(mutex_);
    queue_.push_front(std::move(task));
  }
  wake_.NotifyOne();
}

absl::Duration WorkerPool::ExpectedWait() const {
  ReaderMutexLock lock(mutex_);
  if (queue_.size() < idle_) return absl::ZeroDuration();
  // Those that run have half of their time before them.
  const double tasks = static_cast<double>(queue_.size()) + 0.5;
  return absl::Seconds(tasks * task_seconds_ / static_cast<double>(threads_.size()));
}

WorkerPool::Load WorkerPool::load() const {
  ReaderMutexLock lock(mutex_);
  return {queue_.size(), threads_.size() - std::min(idle_, threads_.size())};
}

void WorkerPool::Work() {
  double seconds = 0;  // of this thread's last task
  while (true) {
    Task task;
    {
      MutexLock lock(mutex_);
      task_seconds_ += (seconds - task_seconds_) * kLatestTaskWeight;
      ++idle_;
      while (queue_.empty() && !stopping_) wake_.Wait(mutex_);
      --idle_;
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    const auto begin = std::chrono::steady_clock::now();
    task();
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
}

}  // namespace newsprint
