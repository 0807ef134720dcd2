#include "service/engine/background_worker.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/time/clock.h"

namespace newsprint {
namespace {

// How often it looks for work when there was none.
constexpr absl::Duration kIdlePause = absl::Milliseconds(200);
// After a failure, and the longest after several.
constexpr absl::Duration kFailurePauseMin = absl::Seconds(1);
constexpr absl::Duration kFailurePauseMax = absl::Seconds(30);

}  // namespace

BackgroundWorker::BackgroundWorker(std::function<Collections()> list, std::vector<Task> tasks,
                                   Report report)
    : list_(std::move(list)), tasks_(std::move(tasks)), report_(std::move(report)) {
  std::vector<Problems> none;
  for (const Task& task : tasks_) none.push_back({task.name, 0});
  Publish(std::move(none));
  thread_ = std::thread([this] { Run(); });
}

BackgroundWorker::~BackgroundWorker() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.NotifyAll();
  thread_.join();
}

bool BackgroundWorker::Rest(absl::Duration time) {
  const auto until = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(time);
  MutexLock lock(mutex_);
  while (!stopping_ && wake_.WaitUntil(mutex_, until)) {
  }
  return !stopping_;
}

bool BackgroundWorker::WorkOn(Collection& collection, const Task& task, Progress* progress) {
  if (absl::Now() < progress->next) return false;
  const std::optional<absl::Status> done = task.run(collection);
  if (!done.has_value() && progress->problem.ok()) return false;
  const absl::Status status = done.value_or(absl::OkStatus());
  if (status.message() != progress->problem.message()) report_(collection, task.name, status);
  progress->problem = status;
  progress->pause = status.ok()
                        ? absl::ZeroDuration()
                        : std::clamp(2 * progress->pause, kFailurePauseMin, kFailurePauseMax);
  progress->next = absl::Now() + progress->pause;
  return done.has_value();
}

std::vector<BackgroundWorker::Problems> BackgroundWorker::problems() const {
  ReaderMutexLock lock(mutex_);
  return problems_;
}

void BackgroundWorker::Publish(std::vector<Problems> problems) {
  MutexLock lock(mutex_);
  problems_ = std::move(problems);
}

void BackgroundWorker::Run() {
  using Key = std::pair<uint32_t, size_t>;  // a collection's uid, a task
  absl::flat_hash_map<Key, Progress> progress;
  absl::Duration rest = kIdlePause;
  while (Rest(rest)) {
    const absl::Time begin = absl::Now();
    bool worked = false;
    std::vector<Problems> problems;
    for (const Task& task : tasks_) problems.push_back({task.name, 0});
    absl::flat_hash_map<Key, Progress> present;
    for (const std::shared_ptr<Collection>& collection : list_()) {
      for (size_t task = 0; task < tasks_.size(); ++task) {
        const Key key(collection->uid(), task);
        Progress one = progress[key];
        worked |= WorkOn(*collection, tasks_[task], &one);
        if (!one.problem.ok()) ++problems[task].collections;
        present.emplace(key, std::move(one));
      }
    }
    progress = std::move(present);  // without those of dropped collections
    Publish(std::move(problems));
    rest = worked ? std::clamp(absl::Now() - begin, absl::ZeroDuration(), kFailurePauseMax)
                  : kIdlePause;
  }
}

}  // namespace newsprint
