// Puts the texts of many callers into requests, sends them, and hands out the answers.
#ifndef NEWSPRINT_SERVICE_EMBED_REMOTE_DISPATCHER_H_
#define NEWSPRINT_SERVICE_EMBED_REMOTE_DISPATCHER_H_

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "service/common/mutex.h"
#include "service/embed/remote/breaker.h"
#include "service/embed/remote/connection.h"
#include "service/embed/remote/remote_embedder.h"
#include "service/embed/remote/remote_options.h"

namespace newsprint::embed {

// Callers queue texts and wait. One thread reads the completion queue, and after each event checks
// the model if that is due, and sends what can be sent; it alone touches connections and requests.
// It blocks while it checks the model, so answers that come in meanwhile wait for that.
//
// Embed and stats are thread-safe, and Stop too.
class Dispatcher {
 public:
  Dispatcher(const RemoteOptions& options, const RemoteModel& expected);
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // Blocks until each row holds the vector of its text, or the deadline. `texts` is not empty, and
  // as long as `rows`.
  absl::Status Embed(std::vector<std::string> texts, std::vector<absl::Span<float>> rows);

  RemoteStats stats();
  void Stop();

 private:
  using Clock = std::chrono::steady_clock;

  // An Embed. Guarded by mutex_, but for what is constant.
  struct Call {
    std::vector<std::string> texts;  // constant
    std::vector<absl::Span<float>> rows;
    Clock::time_point deadline;  // constant
    size_t missing = 0;          // rows
    bool is_over = false;        // its caller takes `status` and goes; `rows` are not written again
    absl::Status status;
    CondVar changed;
  };
  // A text of a call.
  struct Item {
    std::shared_ptr<Call> call;
    size_t index = 0;
    int attempts = 0;
    bool is_alone = false;           // not to be sent with others
    Clock::time_point not_before{};  // when it may be sent
  };
  struct Sent {  // its address is the tag
    std::unique_ptr<PendingRequest> request;
    std::shared_ptr<Connection> connection;
    std::vector<Item> items;
  };

  // Callers' side.
  void Wake() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void End(Call& call, absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The thread's side.
  void Run();
  void Advance();
  bool WindUp();
  bool IsCheckNeeded(Clock::time_point now) const;
  bool IsCheckDue(Clock::time_point now);
  bool CheckModel();
  void CheckFailed(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool SendNext();
  std::vector<Item> TakeItems(size_t items_max) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Finish(void* tag);
  void Deliver(const std::vector<Item>& items, absl::Span<const float> rows)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TextsRefused(std::vector<Item> items) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RequestFailed(Sent sent, const absl::Status& status, bool may_repeat)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Repeat(Item item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void GoDown(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Clock::duration Backoff(int attempts);
  Clock::time_point NextWake();

  const RemoteOptions options_;
  const RemoteModel expected_;

  Mutex mutex_;
  std::deque<Item> queue_ ABSL_GUARDED_BY(mutex_);
  Breaker breaker_ ABSL_GUARDED_BY(mutex_);
  RemoteStats stats_ ABSL_GUARDED_BY(mutex_);
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_waking_ ABSL_GUARDED_BY(mutex_) = false;                // the alarm's tag is on its way
  std::shared_ptr<Connection> checking_ ABSL_GUARDED_BY(mutex_);  // for Stop

  // The thread's own.
  std::shared_ptr<Connection> connection_;  // none: to be opened
  Clock::time_point checked_until_;         // the model of connection_; long ago when it was not
  int failed_checks_ = 0;                   // in a row
  Clock::time_point check_not_before_;
  bool is_shut_down_ = false;                               // the completion queue
  absl::flat_hash_map<void*, std::unique_ptr<Sent>> sent_;  // by tag
  absl::BitGen random_;

  grpc::CompletionQueue completions_;
  grpc::Alarm alarm_;
  Mutex join_mutex_;  // for Stop alone
  std::thread thread_;
};

// An error as callers get it: with the embedder's name, in one of the codes that it may have.
absl::Status Named(const RemoteOptions& options, const absl::Status& status);

}  // namespace newsprint::embed

#endif  // NEWSPRINT_SERVICE_EMBED_REMOTE_DISPATCHER_H_
