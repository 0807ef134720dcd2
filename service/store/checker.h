// Looks for damage in a data folder that no server has open, or in a backup.
#ifndef NEWSPRINT_SERVICE_STORE_CHECKER_H_
#define NEWSPRINT_SERVICE_STORE_CHECKER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace newsprint::store {

// In the order in which they are told.
enum class ProblemKind {
  kManifest,  // a backup is not what its manifest says
  kFile,      // a file of RocksDB is missing or damaged
  kLog,       // so is the write-ahead log
  kRecord,    // a record cannot be read, or has a key that means nothing
  kArticle,   // an article lacks something that belongs to it, or there is something of none
  kGroup,     // a group and its members contradict each other
  kVector,    // a vector is of the wrong length
  kRequest,   // the ring of request ids has gaps
  kChange,    // the ring of changes to groups has gaps
  kLesson,    // what was learned of boilerplate is incomplete
  kState,     // a collection's counters are not what there is
  kLeftover,  // something of a collection whose record is lost
  kGraphs,    // a saved graph is damaged
};

// "manifest" and so on.
absl::string_view ProblemKindName(ProblemKind kind);
// What to do about it, for people.
absl::string_view ProblemAdvice(ProblemKind kind);

// What was found. Not thread-safe.
class Problems {
 public:
  struct Kind {
    uint64_t count = 0;
    std::vector<std::string> first;  // what the first of them are
  };

  // Keeps `kept_max` of each kind in full and counts the others.
  explicit Problems(size_t kept_max) : kept_max_(kept_max) {}

  void Add(ProblemKind kind, std::string what);
  const std::map<ProblemKind, Kind>& kinds() const { return kinds_; }
  uint64_t count() const;

 private:
  const size_t kept_max_;
  std::map<ProblemKind, Kind> kinds_;
};

struct CheckReport {
  explicit CheckReport(size_t kept_max) : problems(kept_max) {}

  Problems problems;
  bool is_backup = false;  // it has a manifest
  uint64_t files = 0;      // tables and blob files, and those of the manifest
  uint64_t bytes = 0;      // that were read of them
  uint64_t records = 0;    // bodies included
  uint64_t collections = 0;
  uint64_t articles = 0;
  // Of the records, when it is an older one that a server upgrades at its start: then records and
  // bodies were not looked at. 0 otherwise.
  uint32_t older_format = 0;
};

// Checks all tables and blob files by their checksums, reads every record, and compares what the
// records say about each other. The files of saved graphs are not looked at. Nothing is changed,
// and nothing need be writable; a server cannot open the folder meanwhile. Takes some 40 bytes of
// memory for each article of the largest collection, as much for each of its groups, and as much as
// the log is long.
//
// Damage is no error, but goes into the report, files that cannot be read too. NOT_FOUND when `dir`
// is no data folder, FAILED_PRECONDITION when a server has it open or its format is none that this
// program knows, UNAVAILABLE when it cannot be locked, CANCELLED when
// `on_progress`, which is told of bytes and records as they are read, says false.
absl::StatusOr<CheckReport> CheckDataFolder(
    const std::string& dir, size_t problems_kept_max,
    absl::FunctionRef<bool(uint64_t bytes, uint64_t records)> on_progress);

}  // namespace newsprint::store

#endif  // NEWSPRINT_SERVICE_STORE_CHECKER_H_
