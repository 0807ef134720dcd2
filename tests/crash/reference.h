// The server that never crashes: the same engine in this process, in a folder of its own, which is
// given exactly the operations that the real server has done.
#ifndef NEWSPRINT_TESTS_CRASH_REFERENCE_H_
#define NEWSPRINT_TESTS_CRASH_REFERENCE_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "service/common/worker_pool.h"
#include "service/engine/engine.h"
#include "service/rpc/handlers.h"
#include "tests/crash/operation.h"

namespace newsprint::crash {

// For one thread at a time.
class Reference {
 public:
  // Opens an empty folder. Aborts when it cannot.
  explicit Reference(const std::string& folder);

  const rpc::Handlers& handlers() const { return *handlers_; }
  Answer Execute(const Operation& operation) const;
  uint64_t Sequence(const std::string& collection) const;
  // Changes to groups after number `after`, which are to be among those that are kept.
  std::vector<v1::GroupChange> GroupChanges(const std::string& collection, int64_t after) const;

 private:
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<WorkerPool> pool_;
  std::unique_ptr<rpc::Handlers> handlers_;
};

// What did not fit.
struct Mismatches {
  int64_t lost = 0;            // acknowledged operations that the server does not have any more
  int64_t wrong_verdicts = 0;  // answers that the reference does not give
  int64_t never_sent = 0;      // operations that the server has and nobody sent
  std::vector<std::string> reports;
};

// Repeats what happened to a collection on the reference, and compares every answer. An operation
// whose answer did not come is repeated where it was done: for an ingestion a later answer tells by
// `replayed`, else the server's sequence does.
//
// The last event must be a sequence, so that it is known what was done.
//
// `may_lose`: the collection acknowledges before the disk has it, and what came in the second
// before a crash may be taken back. Not so when the server was stopped and ended well.
struct Replayed {
  std::vector<OperationPtr> done;        // on the reference, in order
  std::vector<OperationPtr> taken_back;  // acknowledged, and to be sent again
};
Replayed Replay(const std::string& collection, const std::vector<Event>& events, bool may_lose,
                const Reference& reference, Mismatches* mismatches);

}  // namespace newsprint::crash

#endif  // NEWSPRINT_TESTS_CRASH_REFERENCE_H_
