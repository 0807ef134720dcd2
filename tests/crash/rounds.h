// The rounds of the crash test: kills, faults of the disk while the server runs, damaged files, and
// long load.
#ifndef NEWSPRINT_TESTS_CRASH_ROUNDS_H_
#define NEWSPRINT_TESTS_CRASH_ROUNDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/crash/life.h"

namespace newsprint::crash {

struct RoundOptions {
  std::string folder;  // each life gets a folder in it, which is kept when something was wrong
  std::string binary;  // of newsprintd
  std::string fault_library;
  uint64_t seed = 0;
  absl::Duration load_max = absl::Milliseconds(1500);
  int damage_cases = 0;  // kinds of file and of damage that are tried, evenly spread; 0: all
};

// One line of a table.
struct Row {
  std::string name;
  std::vector<int64_t> counts;
};
struct Table {
  std::string title;  // of the column of names
  std::vector<std::string> columns;
  std::vector<Row> rows;
};

// Kills the server `rounds` times under load, and compares after each restart.
void RunKills(const RoundOptions& options, int rounds, Totals* totals);
// Lets the disk fail under load in all the ways there are, `rounds` times in all. Rows: the ways.
Table RunFaults(const RoundOptions& options, int rounds, Totals* totals);
// Damages each kind of file of a stopped server in each way, at `places` places, and starts a
// server on it. Rows: kind of file and damage.
Table RunDamage(const RoundOptions& options, int places, Totals* totals);
// Mixed load with faults on one server for `duration`. Prints its memory over time; a problem when
// that grows.
void RunSoak(const RoundOptions& options, absl::Duration duration, Totals* totals);

}  // namespace newsprint::crash

#endif  // NEWSPRINT_TESTS_CRASH_ROUNDS_H_
