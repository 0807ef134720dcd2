// What collections have to do beside their calls.
#ifndef NEWSPRINT_SERVICE_ENGINE_BACKGROUND_WORKER_H_
#define NEWSPRINT_SERVICE_ENGINE_BACKGROUND_WORKER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/common/mutex.h"
#include "service/engine/collection.h"

namespace newsprint {

// One thread, which goes round the collections and lets each do a piece of what it has to do. It
// rests for as long as it works, up to half a minute, so that searches and ingestion keep most of
// the machine: after a long save, vectors that are to come wait as well. A task that fails, as when
// an embedding server does not answer or the disk is full, is left alone for a second, then for
// longer and longer, up to half a minute.
class BackgroundWorker {
 public:
  using Collections = std::vector<std::shared_ptr<Collection>>;

  struct Task {
    absl::string_view name;  // of a literal
    // Does a piece of work; nothing when there is none.
    std::function<std::optional<absl::Status>(Collection&)> run;
  };
  using Report =
      std::function<void(const Collection&, absl::string_view task, const absl::Status&)>;

  // `list` gives the collections there are; called from the thread. `report` is told of a problem
  // of a collection when it begins, changes, or ends (OK), be it that nothing is left to do. All
  // must be callable until the worker is destroyed.
  BackgroundWorker(std::function<Collections()> list, std::vector<Task> tasks, Report report);
  // Ends the thread, after its present piece of work.
  ~BackgroundWorker();
  struct Problems {
    absl::string_view task;  // of a literal
    int64_t collections = 0;
  };
  // Of each task, in their order, the collections that it failed for when it was last tried.
  std::vector<Problems> problems() const;

  BackgroundWorker(const BackgroundWorker&) = delete;
  BackgroundWorker& operator=(const BackgroundWorker&) = delete;

 private:
  // How a collection fares with a task.
  struct Progress {
    absl::Status problem;
    absl::Duration pause = absl::ZeroDuration();  // after a failure
    absl::Time next = absl::InfinitePast();       // not before
  };

  void Run();
  void Publish(std::vector<Problems> problems);
  bool WorkOn(Collection& collection, const Task& task, Progress* progress);
  // False when it is time to end.
  bool Rest(absl::Duration time);

  const std::function<Collections()> list_;
  const std::vector<Task> tasks_;
  const Report report_;
  mutable Mutex mutex_;
  CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Problems> problems_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_BACKGROUND_WORKER_H_
