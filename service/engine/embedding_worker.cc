#include "service/engine/embedding_worker.h"

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

EmbeddingWorker::EmbeddingWorker(std::function<Collections()> list,
                                 std::function<void(const Collection&, const absl::Status&)> report)
    : list_(std::move(list)), report_(std::move(report)), thread_([this] { Run(); }) {}

EmbeddingWorker::~EmbeddingWorker() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.NotifyAll();
  thread_.join();
}

bool EmbeddingWorker::Rest(absl::Duration time) {
  const auto until = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(time);
  MutexLock lock(mutex_);
  while (!stopping_ && wake_.WaitUntil(mutex_, until)) {
  }
  return !stopping_;
}

bool EmbeddingWorker::WorkOn(Collection& collection, Progress* progress) {
  if (absl::Now() < progress->next || !collection.HasEmbeddingWork()) return false;
  const absl::Status status = collection.EmbedSome();
  if (status.message() != progress->problem.message()) report_(collection, status);
  progress->problem = status;
  progress->pause = status.ok()
                        ? absl::ZeroDuration()
                        : std::clamp(2 * progress->pause, kFailurePauseMin, kFailurePauseMax);
  progress->next = absl::Now() + progress->pause;
  return true;
}

void EmbeddingWorker::Run() {
  absl::flat_hash_map<uint32_t, Progress> progress;  // by uid
  absl::Duration rest = kIdlePause;
  while (Rest(rest)) {
    const absl::Time begin = absl::Now();
    bool worked = false;
    absl::flat_hash_map<uint32_t, Progress> present;
    for (const std::shared_ptr<Collection>& collection : list_()) {
      Progress one = progress[collection->uid()];
      worked |= WorkOn(*collection, &one);
      present.emplace(collection->uid(), std::move(one));
    }
    progress = std::move(present);  // without those of dropped collections
    rest = worked ? std::clamp(absl::Now() - begin, absl::ZeroDuration(), kFailurePauseMax)
                  : kIdlePause;
  }
}

}  // namespace newsprint
