// A MutexLock whose waiting is a step of the work (common/call_times.h).
#ifndef NEWSPRINT_SERVICE_COMMON_TIMED_MUTEX_LOCK_H_
#define NEWSPRINT_SERVICE_COMMON_TIMED_MUTEX_LOCK_H_

#include "service/common/call_times.h"
#include "service/common/mutex.h"

namespace newsprint {

// For locks that are held for long: those of writers. Records Step::kLock.
class ABSL_SCOPED_LOCKABLE TimedMutexLock {
 public:
  explicit TimedMutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    const StepTimer timer(Step::kLock);
    mutex_.lock();
  }
  ~TimedMutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }
  TimedMutexLock(const TimedMutexLock&) = delete;
  TimedMutexLock& operator=(const TimedMutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_COMMON_TIMED_MUTEX_LOCK_H_
