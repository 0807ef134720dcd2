// Makes the vectors that are to come, in the background.
#ifndef NEWSPRINT_SERVICE_ENGINE_EMBEDDING_WORKER_H_
#define NEWSPRINT_SERVICE_ENGINE_EMBEDDING_WORKER_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "service/common/mutex.h"
#include "service/engine/collection.h"

namespace newsprint {

// One thread, which goes round the collections that have something to do and lets each do a batch.
// It rests for as long as it works, so that searches and ingestion keep most of the machine. When
// an embedding server does not answer, its collection is left alone for a second, then for longer
// and longer, up to half a minute.
class EmbeddingWorker {
 public:
  using Collections = std::vector<std::shared_ptr<Collection>>;

  // `list` gives the collections there are; called from the thread. `report` is told of a problem
  // of a collection when it begins, changes, or ends (OK). Both must be callable until the worker
  // is destroyed.
  EmbeddingWorker(std::function<Collections()> list,
                  std::function<void(const Collection&, const absl::Status&)> report);
  // Ends the thread, after its present batch.
  ~EmbeddingWorker();
  EmbeddingWorker(const EmbeddingWorker&) = delete;
  EmbeddingWorker& operator=(const EmbeddingWorker&) = delete;

 private:
  // How a collection fares.
  struct Progress {
    absl::Status problem;
    absl::Duration pause = absl::ZeroDuration();  // after a failure
    absl::Time next = absl::InfinitePast();       // not before
  };

  void Run();
  bool WorkOn(Collection& collection, Progress* progress);
  // False when it is time to end.
  bool Rest(absl::Duration time);

  const std::function<Collections()> list_;
  const std::function<void(const Collection&, const absl::Status&)> report_;
  Mutex mutex_;
  CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_EMBEDDING_WORKER_H_
