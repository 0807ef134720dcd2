// crash_test: kills newsprintd, breaks its disk and its files, and compares every answer with a
// server that never crashed. docs/reliability.md says what is tried. Exits 0 only when nothing was
// wrong.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/crash/rounds.h"

ABSL_FLAG(int, rounds, 200, "Rounds that end with a kill of the server.");
ABSL_FLAG(int, fault_rounds, -1, "Rounds in which the disk fails. -1: one for ten kills.");
ABSL_FLAG(int, damage_places, -1,
          "Damaged places for each kind of file and of damage. -1: one for 40 kills.");
ABSL_FLAG(int, damage_cases, 0,
          "Of the kinds of file and of damage, how many are tried, evenly spread. 0: all.");
ABSL_FLAG(double, soak_minutes, 0, "Instead of all that: minutes of load with faults.");
ABSL_FLAG(uint64_t, seed, 0, "0: a new one each time.");
ABSL_FLAG(int, load_ms_max, 1500, "A kill comes so long after the load began at most.");
ABSL_FLAG(std::string, folder, "", "Where data folders are made. Empty: the system's for such.");

namespace newsprint::crash {
namespace {

// As docs/reliability.md has them.
void Print(const Table& table) {
  std::string rule = "| --- |";
  std::printf("\n| %s |", table.title.c_str());
  for (const std::string& column : table.columns) {
    std::printf(" %s |", column.c_str());
    rule += " ---: |";
  }
  std::printf("\n%s\n", rule.c_str());
  for (const Row& row : table.rows) {
    std::printf("| %s |", row.name.c_str());
    for (const int64_t count : row.counts) std::printf(" %lld |", static_cast<long long>(count));
    std::printf("\n");
  }
  std::fflush(stdout);
}

int64_t Sum(const Table& table, size_t column) {
  int64_t sum = 0;
  for (const Row& row : table.rows) sum += row.counts[column];
  return sum;
}

constexpr int kRoundsWithSnapshots = 50;  // so many make some that can be compared

// Runs that tried nothing have found nothing.
void RequireTried(int rounds, Totals* totals) {
  const auto require = [&](bool tried, const char* what) {
    if (tried) return;
    totals->Problem(what);
    std::printf("%s\n", what);
  };
  require(totals->acknowledged > 0, "nothing was acknowledged");
  require(totals->compared > 0, "nothing was compared");
  if (rounds < kRoundsWithSnapshots) return;
  require(totals->snapshots > 0, "no snapshot was compared");
  require(totals->checks > 0, "no folder was checked");
}

int Main() {
  const std::filesystem::path bin = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  RoundOptions options;
  options.binary = (bin / "newsprintd").string();
  options.fault_library = (bin / "libfault_injection.so").string();
  options.seed = absl::GetFlag(FLAGS_seed);
  if (options.seed == 0) options.seed = static_cast<uint64_t>(absl::ToUnixMicros(absl::Now()));
  options.load_max = absl::Milliseconds(absl::GetFlag(FLAGS_load_ms_max));
  options.folder = absl::GetFlag(FLAGS_folder);
  if (options.folder.empty()) {
    options.folder = (std::filesystem::temp_directory_path() / "newsprint-crash-XXXXXX").string();
    if (mkdtemp(options.folder.data()) == nullptr) {
      std::fprintf(stderr, "crash_test: cannot make %s\n", options.folder.c_str());
      return 2;
    }
  }
  std::filesystem::create_directories(options.folder);
  options.damage_cases = absl::GetFlag(FLAGS_damage_cases);
  std::printf("seed=%llu\n", static_cast<unsigned long long>(options.seed));

  Totals totals;
  const double soak_minutes = absl::GetFlag(FLAGS_soak_minutes);
  int64_t fault_rounds = 0, starts = 0;
  if (soak_minutes > 0) {
    RunSoak(options, absl::Minutes(soak_minutes), &totals);
  } else {
    const int rounds = absl::GetFlag(FLAGS_rounds);
    int faults = absl::GetFlag(FLAGS_fault_rounds);
    if (faults < 0) faults = std::max(1, rounds / 10);
    int places = absl::GetFlag(FLAGS_damage_places);
    if (places < 0) places = std::max(1, rounds / 40);
    RunKills(options, rounds, &totals);
    if (rounds > 0) {
      Print({"kills",
             {"rounds", "acknowledged", "taken back", "calls compared", "snapshots", "checks",
              "lost", "half indexed", "wrong verdicts"},
             {{absl::StrCat("seed ", options.seed),
               {totals.rounds, totals.acknowledged, totals.taken_back, totals.compared,
                totals.snapshots, totals.checks, totals.lost, totals.half_indexed,
                totals.wrong_verdicts}}}});
    }
    if (faults > 0) {
      const Table table = RunFaults(options, faults, &totals);
      fault_rounds = Sum(table, 0);
      Print(table);
    }
    if (places > 0) {
      const Table table = RunDamage(options, places, &totals);
      starts = Sum(table, 0);
      Print(table);
    }
  }
  RequireTried(soak_minutes > 0 ? 0 : absl::GetFlag(FLAGS_rounds), &totals);
  std::error_code not_empty;  // what was kept stays
  std::filesystem::remove(options.folder, not_empty);
  std::printf(
      "rounds=%lld acknowledged=%lld lost=%lld half_indexed=%lld wrong_verdicts=%lld "
      "other_problems=%lld compared=%lld taken_back=%lld snapshots=%lld checks=%lld "
      "fault_rounds=%lld damaged_starts=%lld\n",
      static_cast<long long>(totals.rounds), static_cast<long long>(totals.acknowledged),
      static_cast<long long>(totals.lost), static_cast<long long>(totals.half_indexed),
      static_cast<long long>(totals.wrong_verdicts), static_cast<long long>(totals.problems),
      static_cast<long long>(totals.compared), static_cast<long long>(totals.taken_back),
      static_cast<long long>(totals.snapshots), static_cast<long long>(totals.checks),
      static_cast<long long>(fault_rounds), static_cast<long long>(starts));
  return totals.clean() ? 0 : 1;
}

}  // namespace
}  // namespace newsprint::crash

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return newsprint::crash::Main();
}
