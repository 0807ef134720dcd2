// Callbacks that want to hear of an event.
#ifndef NEWSPRINT_SERVICE_COMMON_LISTENERS_H_
#define NEWSPRINT_SERVICE_COMMON_LISTENERS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "service/common/mutex.h"

namespace newsprint {

// Thread-safe. Callbacks run with a lock held: they must not block, nor call back into here.
class Listeners {
 public:
  using Id = uint64_t;

  Id Add(std::function<void()> callback) {
    MutexLock lock(mutex_);
    callbacks_.emplace(++last_id_, std::move(callback));
    return last_id_;
  }

  // When it returns, the callback is not running and will not run again. Unknown ids are ignored.
  void Remove(Id id) {
    MutexLock lock(mutex_);
    callbacks_.erase(id);
  }

  void NotifyAll() {
    MutexLock lock(mutex_);
    for (const auto& [id, callback] : callbacks_) callback();
  }

  bool empty() const {
    ReaderMutexLock lock(mutex_);
    return callbacks_.empty();
  }

 private:
  mutable Mutex mutex_;
  Id last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<Id, std::function<void()>> callbacks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_COMMON_LISTENERS_H_
