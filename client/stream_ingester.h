// Bulk import: many articles on their way at once, in order, none lost.
#ifndef NEWSPRINT_CLIENT_STREAM_INGESTER_H_
#define NEWSPRINT_CLIENT_STREAM_INGESTER_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "client/options.h"

namespace newsprint::client {

// Sends articles over StreamIngest and keeps each until the server has acknowledged it. A broken
// stream is opened again after a pause and everything not acknowledged is sent again, which is
// harmless because ingestion is idempotent. An item that the server refuses is reported to the
// callback and the import goes on, and so is one that cannot be sent: over `message_bytes_max`, or
// with a string field that is not UTF-8. One that breaks the stream itself (over the server's
// limit, say) is found by sending the outstanding ones singly.
//
// Thread safety: Add() may be called from several threads; the order is then the one in which the
// calls got through. Finish() is called once, after the last Add(). The destructor drops what is
// outstanding when Finish() was not called.
//
// Errors: UNAVAILABLE, RESOURCE_EXHAUSTED, INTERNAL, UNKNOWN and CANCELLED are retried, at most
// `attempts_max` times in a row without an acknowledgment; UNAVAILABLE, once there was one, for up
// to `outage_max`, so that an ingestion outlives a restart of the server. Any other error of the
// stream, NOT_FOUND for a missing collection say, ends it: Add() and Finish() return it from then
// on.
//
// Example:
//   StreamIngester ingester(client, {}, [](uint64_t number, const v1::IngestResult& result) {
//     if (result.status().code() != 0) LogFailure(number, result);
//   });
//   for (v1::Article& article : articles) {
//     if (auto number = ingester.Add(std::move(article)); !number.ok()) break;
//   }
//   absl::Status status = ingester.Finish();
class StreamIngester {
 public:
  // Gets each result once, with the number that Add() gave the article, in that order except for
  // articles that cannot be sent. Called by one thread at a time, never by two at once. Must
  // not call the ingester; while it runs, nothing more is read.
  using ResultCallback = std::function<void(uint64_t number, const v1::IngestResult& result)>;

  StreamIngester(Client client, StreamIngesterOptions options, ResultCallback callback);
  ~StreamIngester();
  StreamIngester(const StreamIngester&) = delete;
  StreamIngester& operator=(const StreamIngester&) = delete;

  // Queues an article and returns its number: 1, 2, 3 and so on. Blocks while the window is full.
  absl::StatusOr<uint64_t> Add(v1::Article article);

  // Waits until everything is acknowledged. OK when each article got a result, be it an error.
  absl::Status Finish();

 private:
  struct Pending {
    // Shared, as an answer may arrive before the Write() of its request returns.
    std::shared_ptr<const v1::StreamIngestRequest> request;
    int64_t bytes = 0;
  };

  void Run();
  bool WaitForWork();
  absl::Status RunStream();
  void WriteAll(IngestStream& stream);
  absl::Status ReadAll(IngestStream& stream);
  absl::Status SendSingly(bool last_attempt);
  void Acknowledge(uint64_t number, const v1::IngestResult& result);
  void Report(uint64_t number, const v1::IngestResult& result);
  absl::Status WaitFor(std::unique_lock<std::mutex>& lock, const std::function<bool()>& done);
  bool HasRoom(int64_t bytes) const;

  // Constant.
  const Client client_;
  const StreamIngesterOptions options_;
  const ResultCallback callback_;

  std::mutex callback_mutex_;  // held while the callback runs; never taken together with mutex_

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::deque<Pending> pending_;  // not acknowledged, in order
  size_t sent_ = 0;              // of pending_, from the front, written to the present stream
  int64_t pending_bytes_ = 0;
  uint64_t next_number_ = 1;
  uint64_t acknowledged_ = 0;
  IngestStream* stream_ = nullptr;  // open now; for Cancel()
  bool stream_over_ = false;        // the reader has left the present stream
  bool stalled_ = false;            // cancelled because it stood still
  bool is_away_ = false;            // the last one ended as there was no server
  absl::Time progress_at_;          // last acknowledgment, or first write after none was pending
  bool finishing_ = false;          // no more Add()
  bool abandoned_ = false;          // the destructor runs
  bool done_ = false;               // Run() has returned
  absl::Status final_status_;

  std::thread worker_;  // runs Run()
};

}  // namespace newsprint::client

#endif  // NEWSPRINT_CLIENT_STREAM_INGESTER_H_
