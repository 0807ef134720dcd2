// A data folder with its server, the reference, and those who write: from the first article through
// many crashes.
#ifndef NEWSPRINT_TESTS_CRASH_LIFE_H_
#define NEWSPRINT_TESTS_CRASH_LIFE_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "bench/article_generator.h"
#include "tests/crash/fault_control.h"
#include "tests/crash/reference.h"
#include "tests/crash/server_process.h"
#include "tests/crash/verifier.h"
#include "tests/crash/workload.h"
#include "tests/crash/writer.h"

namespace newsprint::crash {

// What all lives have found.
struct Totals {
  int64_t rounds = 0;
  int64_t acknowledged = 0;
  int64_t lost = 0;
  int64_t half_indexed = 0;
  int64_t wrong_verdicts = 0;
  int64_t problems = 0;    // anything else that must not be
  int64_t compared = 0;    // calls that were made to server and reference
  int64_t taken_back = 0;  // acknowledged by ASYNC collections within the second before a crash
  int64_t snapshots = 0;   // restored and compared
  int64_t checks = 0;      // of folders of killed servers and of snapshots, by `newsprint check`
  std::vector<std::string> reports;

  int64_t found() const { return lost + half_indexed + wrong_verdicts + problems; }
  bool clean() const { return found() == 0; }
  void Problem(std::string report) {
    ++problems;
    reports.push_back(std::move(report));
  }
};

// How a round of load ends.
enum class Ending {
  kKill,         // SIGKILL
  kKillInDrain,  // SIGTERM, and SIGKILL soon after
  kStop,         // SIGTERM, and patience
  kGoOn,         // the server goes on
};

// For one thread at a time.
class Life {
 public:
  struct Options {
    std::string folder;  // made
    std::string binary;  // of newsprintd
    std::string fault_library;
    uint64_t seed = 0;
    bool large_bodies = false;  // one collection has some, so that memtables are flushed soon
    // Whether the nearness of subject is left out of what is compared: beyond 16,384 groups, also
    // of those that are gone, it depends on when graphs are built.
    bool skip_related = false;
    bool snapshots = true;                  // MakeSnapshot may be called: all that is done is kept
    bool asynchronous = false;              // all collections acknowledge before the disk has it
    size_t articles_kept = 0;               // of each collection; 0: no limit
    int pause_us_max = 3000;                // between two calls of a writer
    std::vector<std::string> server_flags;  // after those that all have
  };
  // Makes folder, reference and collections, and starts the server.
  Life(Options options, Totals* totals);
  ~Life();

  // Starts the server on the folder and waits until it serves.
  absl::Status Start();
  // Starts it and kills it after a time, wherever it is then.
  void StartAndKill(absl::Duration after);
  // Writes and reads for `load`, while `meanwhile` runs, if any; then ends the round.
  void Load(absl::Duration load, Ending ending, bool faults,
            const std::function<void()>& meanwhile = nullptr);
  // Makes a snapshot of the running server; false when there is none, which must not be but when
  // the load is ending (told by CheckSnapshots). May be called while others write.
  bool MakeSnapshot();
  // Compares a server on that snapshot, restored, with the reference as it was then.
  void VerifySnapshot();
  // Runs `newsprint check` on a folder of a stopped server, or on a snapshot.
  void Check(const std::string& folder);
  // What is there of snapshots must be whole, though the server may have been killed meanwhile; and
  // MakeSnapshot must have made one.
  void CheckSnapshots();
  // After a start: what was acknowledged is there, what was not is sent again. False when the two
  // cannot be compared any more, which is a problem.
  bool CheckAfterRestart();
  // Without a restart: sends what is unanswered until all is answered.
  bool CheckWhileRunning(std::chrono::milliseconds patience);
  // Compares all collections.
  void VerifyAll(size_t sample);
  // The same for a server on a copy of the folder, which may have been damaged.
  Findings VerifyServer(const Stubs& stubs, bool damaged) const {
    return VerifyServer(stubs, *reference_, damaged, /*past=*/false);
  }
  // SIGTERM. Whether it ended well; a problem when not.
  bool Stop();
  void Kill() { server_->Kill(); }

  FaultControl& faults() { return *faults_; }
  void LiftFaults();
  const std::string& data_dir() const { return data_dir_; }
  const Options& options() const { return options_; }
  const ServerProcess& server() const { return *server_; }
  ServerProcess::Options ServerOptions(const std::string& data_dir, const std::string& log) const;
  // The last lines that the server has logged.
  static std::string LogTail(const std::string& path);

 private:
  Findings VerifyServer(const Stubs& stubs, const Reference& reference, bool damaged,
                        bool past) const;
  // Of an empty reference.
  void CreateCollections(const Reference& reference) const;
  void MakeCollections();
  bool ReplayAll();
  // Sends what is unanswered until all is answered. False when the server does not take it.
  bool SettleAll(std::chrono::milliseconds patience);
  void TakeProblems();

  const Options options_;
  Totals* const totals_;
  const std::string data_dir_, log_path_;
  Dice dice_;
  bench::ArticleGenerator generator_;
  FaultControl* faults_ = nullptr;
  std::unique_ptr<Reference> reference_;
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<Stubs> stubs_;
  std::vector<std::unique_ptr<Workload>> workloads_;
  std::vector<std::unique_ptr<Writer>> writers_;
  std::vector<ReadTarget> read_targets_;
  std::vector<size_t> problems_told_;  // of each writer
  std::vector<int64_t> acknowledged_told_;
  std::vector<std::vector<OperationPtr>> history_;  // of each writer, what was done, for snapshots
  int snapshots_ = 0;
  std::string snapshot_, snapshot_article_;  // the last, and what was acknowledged just before
  std::string snapshot_problem_;             // of the last MakeSnapshot
  std::atomic<bool> dying_{false};           // the load is ending, and calls may fail
  bool stopped_well_ = false;                // how the server ended last
  bool diverged_ = false;
  absl::Time crashed_;
};

}  // namespace newsprint::crash

#endif  // NEWSPRINT_TESTS_CRASH_LIFE_H_
