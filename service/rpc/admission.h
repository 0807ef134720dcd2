// How much work is let in: requests that have come and are not answered yet, and answers that their
// callers have not taken yet, by number and by bytes.
//
// There are four accounts, so that none can take another's room: unary calls, requests of streams,
// and the answers of each. A unary call that finds its account full, or that of answers to such
// calls, is refused at once, while it has cost nothing. A stream is slowed down instead: it reads
// its next request, or writes its next answer, when there is room.
#ifndef NEWSPRINT_SERVICE_RPC_ADMISSION_H_
#define NEWSPRINT_SERVICE_RPC_ADMISSION_H_

#include <cstddef>
#include <list>

#include "absl/status/status.h"
#include "service/common/mutex.h"

namespace newsprint::rpc {

// Thread-safe. Sizes are bytes on the wire. A limit never keeps out what is alone in its account,
// so that a request that is larger than the limit gets through.
class Admission {
 public:
  // Of each account of requests; `bytes_max` of that of answers too.
  Admission(size_t items_max, size_t bytes_max) : items_max_(items_max), bytes_max_(bytes_max) {}
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  // A unary call of `bytes`, to be followed by LeaveUnary with the same number. RESOURCE_EXHAUSTED,
  // and nothing to follow, when its account or that of answers is full.
  absl::Status EnterUnary(size_t bytes);
  void LeaveUnary(size_t bytes);

  // A stream that waits for room.
  class Waiter {
   public:
    // There may be room now. Called once for each wait, by whoever makes room and perhaps with
    // locks of another stream held: it must not call back into here.
    virtual void OnRoom() = 0;

   protected:
    ~Waiter() = default;

   private:
    friend class Admission;
    // Both of Admission, under its lock.
    bool waits_ = false;
    std::list<Waiter*>::iterator place_;
  };

  // RESOURCE_EXHAUSTED when there are kStreamsMax; else to be followed by CloseStream.
  absl::Status OpenStream();
  void CloseStream();
  // Whether a stream that has read `items` requests of `bytes` and not answered them may read
  // another: when that is less than what is free. So each of n busy streams gets an (n+1)th part,
  // and one that begins finds room (dynamic thresholds, Choudhury and Hahne 1998).
  bool MayReadMore(size_t items, size_t bytes) const;
  // Whether a stream that has no request in its account may read one. When not, `waiter` is told
  // once there is room.
  bool MayReadOrWait(Waiter* waiter);
  // False when `waiter` is not waiting any more: it has been told, or is about to be.
  bool Forget(Waiter* waiter);
  // A request that was read, to be followed by LeaveStream.
  void EnterStream(size_t bytes);
  void LeaveStream(size_t bytes);

  enum class AnswerTo { kCall, kStream };
  // An answer to a unary call, to be followed by LeaveAnswer once gRPC has sent or dropped it.
  // RESOURCE_EXHAUSTED, and nothing to follow, when it is large and there is no room for it: half
  // of the account is for small ones, and one large one gets through whatever they take.
  absl::Status EnterAnswer(size_t bytes);
  // The same for an answer that has to be given.
  void EnterNeededAnswer(AnswerTo to, size_t bytes);
  void LeaveAnswer(AnswerTo to, size_t bytes);
  // Whether streams should wait with answers, and with requests that lead to some, until others
  // have been taken.
  bool many_stream_answers() const;

  struct Usage {
    size_t unary_items = 0;
    size_t unary_bytes = 0;
    size_t stream_items = 0;
    size_t stream_bytes = 0;
    size_t answer_bytes = 0;
    size_t stream_answer_bytes = 0;
    size_t streams = 0;
  };
  Usage usage() const;
  size_t items_max() const { return items_max_; }
  size_t bytes_max() const { return bytes_max_; }

  // The most streams that may be open at once.
  static constexpr size_t kStreamsMax = 16'384;
  // An answer is large above this many bytes.
  static constexpr size_t kLargeAnswerBytes = size_t{64} << 10;

 private:
  bool streams_full() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return usage_.stream_items >= items_max_ || usage_.stream_bytes >= bytes_max_;
  }

  absl::Status AnswersFull() const;

  const size_t items_max_;
  const size_t bytes_max_;

  mutable Mutex mutex_;
  Usage usage_ ABSL_GUARDED_BY(mutex_);
  size_t large_answers_ ABSL_GUARDED_BY(mutex_) = 0;    // number, of those in answer_bytes
  std::list<Waiter*> waiters_ ABSL_GUARDED_BY(mutex_);  // the first has waited longest
};

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_ADMISSION_H_
