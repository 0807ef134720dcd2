// Sends the operations of one collection to the server, and writes down what came back.
#ifndef NEWSPRINT_TESTS_CRASH_WRITER_H_
#define NEWSPRINT_TESTS_CRASH_WRITER_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "newsprint/v1/admin_service.grpc.pb.h"
#include "newsprint/v1/article_service.grpc.pb.h"
#include "newsprint/v1/cluster_service.grpc.pb.h"
#include "tests/crash/operation.h"
#include "tests/crash/workload.h"

namespace newsprint::crash {

// One that no call misses but when the server hangs.
void SetDeadline(grpc::ClientContext* context);

// A connection of its own to the server. Thread-safe.
struct Stubs {
  explicit Stubs(const std::string& address);

  // Waits until the server answers calls. DEADLINE_EXCEEDED, or what it answers instead.
  grpc::Status WaitUntilServing(std::chrono::milliseconds patience) const;

  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::ArticleService::Stub> articles;
  std::unique_ptr<v1::ClusterService::Stub> clusters;
  std::unique_ptr<v1::AdminService::Stub> admin;
};

// How a load ends, and what it may meet; set by another thread.
struct LoadControl {
  std::atomic<bool> stop{false};
  // From here on every error is what a dying server gives.
  std::atomic<bool> dying{false};
  // Whether calls may fail and are tried again, as the disk fails.
  bool faults = false;
};

// For one thread at a time.
class Writer {
 public:
  enum class Mode { kUnary, kBatch, kStream };
  struct Options {
    std::string collection;
    Mode mode = Mode::kUnary;
    int pause_us_max = 3000;    // between two calls
    bool asynchronous = false;  // the collection acknowledges before the disk has it
  };
  // `workload` must outlive it.
  Writer(Workload* workload, Options options, uint64_t seed);

  // Sends what is unanswered from before, and then operations until it is told to stop, or until
  // the server is gone.
  void Run(const Stubs& stubs, const LoadControl& control);
  // Sends what is unanswered until all is answered. False when the server does not answer in time.
  bool Settle(const Stubs& stubs, std::chrono::milliseconds patience);
  // Asks for the collection's sequence, and writes it down, of a restart with the time of the
  // crash. False when the server does not tell.
  bool Observe(const Stubs& stubs, Event::Kind kind, absl::Time crashed = absl::InfinitePast());

  // What happened since the last call.
  std::vector<Event> TakeEvents();
  int64_t acknowledged() const { return acknowledged_; }
  // Takes back what a crash has taken: it is sent again before all else.
  void SendAgain(const std::vector<OperationPtr>& operations) {
    pending_.insert(pending_.begin(), operations.begin(), operations.end());
  }
  bool asynchronous() const { return options_.asynchronous; }
  const std::string& collection() const { return options_.collection; }
  Workload& workload() { return *workload_; }
  // Answers that cannot be right, whatever happened before.
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  void Step(const Stubs& stubs, const LoadControl& control);
  // Sends one operation. False when the answer is not final.
  bool Send(const Stubs& stubs, const OperationPtr& operation, const LoadControl& control);
  void SendBatch(const Stubs& stubs, const LoadControl& control);
  void SendStream(const Stubs& stubs, const LoadControl& control);
  // Sends the first of what is unanswered. False when the answer is not final.
  bool SendPending(const Stubs& stubs, const LoadControl& control);
  // Writes down an attempt and its answer; true when that is final.
  bool Record(const OperationPtr& operation, std::optional<Answer> answer,
              const LoadControl& control);
  // Whether an answer is about the article that was sent; a problem when not.
  bool CheckAnswered(const Operation& operation, const v1::IngestResult& result);
  void CheckReadBack(const Stubs& stubs, const Operation& operation, const LoadControl& control);

  Workload* const workload_;
  const Options options_;
  Dice dice_;
  uint64_t next_stream_sequence_ = 1;
  std::deque<OperationPtr> pending_;  // unanswered, in order
  std::vector<Event> events_;
  int64_t acknowledged_ = 0;
  std::vector<std::string> problems_;
};

// A collection, and the number of the first of the generator's articles that go into it.
struct ReadTarget {
  std::string collection;
  uint64_t first_article = 0;
};

// Reads at random until it is told to stop, and returns the errors that must not be.
std::vector<std::string> ReadAtRandom(const Stubs& stubs, const std::vector<ReadTarget>& targets,
                                      const bench::ArticleGenerator& generator, uint64_t seed,
                                      const LoadControl& control);

}  // namespace newsprint::crash

#endif  // NEWSPRINT_TESTS_CRASH_WRITER_H_
