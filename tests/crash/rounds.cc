#include "tests/crash/rounds.h"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "tests/crash/damage.h"

namespace newsprint::crash {
namespace {

constexpr int kRoundsOfLife = 8;
constexpr size_t kSample = 30;
constexpr absl::Duration kStartKillMax = absl::Milliseconds(200);
// After which collections with ASYNC durability are on disk.
constexpr absl::Duration kAsyncSync = absl::Milliseconds(2500);
// Longer than an ASYNC collection may lose, so that there is something that it must have kept.
constexpr absl::Duration kAsyncLoad = absl::Seconds(3);
// Until a fault has met a call of the server, while there is load.
constexpr absl::Duration kFaultPatience = absl::Seconds(20);
constexpr std::chrono::milliseconds kRecoveryPatience{15'000};
constexpr std::chrono::milliseconds kServePatience{60'000};

Life::Options LifeOptions(const RoundOptions& options, absl::string_view name, uint64_t seed) {
  Life::Options life;
  life.folder = absl::StrCat(options.folder, "/", name);
  life.binary = options.binary;
  life.fault_library = options.fault_library;
  life.seed = seed;
  return life;
}

absl::Duration RandomUpTo(Dice& dice, absl::Duration most) {
  return absl::Microseconds(dice.Below(static_cast<uint64_t>(absl::ToInt64Microseconds(most)) + 1));
}

// Ends a life: its folder goes, unless something was wrong.
void Bury(std::unique_ptr<Life>& life, bool clean) {
  if (life == nullptr) return;
  const std::string folder = life->options().folder;
  life.reset();
  if (clean) {
    std::filesystem::remove_all(folder);
  } else {
    std::printf("kept: %s\n", folder.c_str());
  }
}

void PrintReports(Totals* totals, size_t* told) {
  for (; *told < totals->reports.size(); ++*told) {
    std::printf("%s\n", totals->reports[*told].c_str());
  }
  std::fflush(stdout);
}

// Kills during the start, then a start that may live. False when it does not.
bool StartAgain(Life& life, Dice& dice, Totals* totals) {
  while (dice.Percent(30)) life.StartAndKill(RandomUpTo(dice, kStartKillMax));
  const absl::Status started = life.Start();
  if (started.ok()) return true;
  totals->Problem(absl::StrCat("the server does not start after a crash: ", started.message(), "\n",
                               Life::LogTail(life.options().folder + "/server.log")));
  return false;
}

}  // namespace

void RunKills(const RoundOptions& options, int rounds, Totals* totals) {
  Dice dice(options.seed);
  std::unique_ptr<Life> life;
  bool clean = true;
  size_t told = totals->reports.size();
  for (int round = 0; round < rounds; ++round) {
    if (round % kRoundsOfLife == 0 || !clean) {
      Bury(life, clean);
      Life::Options born =
          LifeOptions(options, absl::StrCat("kill-", round), options.seed + uint64_t(round));
      born.asynchronous = round / kRoundsOfLife % 4 == 1;
      born.large_bodies = round / kRoundsOfLife % 4 >= 2;
      life = std::make_unique<Life>(std::move(born), totals);
    }
    const uint64_t kind = dice.Below(100);
    const bool lossy = life->options().asynchronous && round % kRoundsOfLife == 0;
    const Ending ending = lossy       ? Ending::kKill
                          : kind < 80 ? Ending::kKill
                          : kind < 93 ? Ending::kKillInDrain
                                      : Ending::kStop;
    const int64_t wrong_before = totals->found();
    // Some snapshots are made in time, and some servers are killed while they make one.
    const bool with_snapshot = dice.Percent(25);
    std::thread snapshot;
    bool has_snapshot = false;
    const absl::Duration load = RandomUpTo(dice, options.load_max);
    life->Load(lossy ? kAsyncLoad : load, ending, /*faults=*/false, [&] {
      if (!with_snapshot) return;
      snapshot = std::thread([&, pause = RandomUpTo(dice, options.load_max / 2)] {
        absl::SleepFor(pause);
        has_snapshot = life->MakeSnapshot();
      });
    });
    if (with_snapshot) {
      snapshot.join();
      life->CheckSnapshots();
    }
    if (dice.Percent(30)) life->Check(life->data_dir());
    if (StartAgain(*life, dice, totals) && life->CheckAfterRestart()) {
      life->VerifyAll(kSample);
      if (has_snapshot) life->VerifySnapshot();
    }
    ++totals->rounds;
    clean = wrong_before == totals->found();
    if (!clean)
      std::printf("round %d (seed %llu) found:\n", round + 1,
                  static_cast<unsigned long long>(options.seed));
    PrintReports(totals, &told);
    if ((round + 1) % 10 == 0) {
      std::printf("round %d: acknowledged=%lld compared=%lld\n", round + 1,
                  static_cast<long long>(totals->acknowledged),
                  static_cast<long long>(totals->compared));
      std::fflush(stdout);
    }
  }
  Bury(life, clean);
}

namespace {

// A way in which the disk fails.
struct DiskFault {
  const char* name;
  void (*begin)(FaultControl& faults, Dice& dice);
  bool kill;          // while it lasts
  bool may_restart;   // the server may need one to write again, if it met the writing of tables
  bool with_reserve;  // the server keeps its disk reserve
  // Counts what it does. It lasts until that has grown, and has to.
  std::atomic<int64_t> FaultControl::*done;
};

void FillDisk(FaultControl& faults, Dice& dice) {
  faults.bytes_left = static_cast<int64_t>(dice.Below(1 << 18));
  faults.disk_limited = 1;
}
void FillDiskNearly(FaultControl& faults, Dice&) {
  faults.bytes_left = int64_t{100} << 20;
  faults.disk_limited = 1;
}
void FailSync(FaultControl& faults, Dice&) { faults.sync_errors = 1; }
void FailSyncs(FaultControl& faults, Dice&) { faults.sync_errors = FaultControl::kUntilLifted; }
void FailWrite(FaultControl& faults, Dice&) { faults.write_errors = 1; }
void FailWrites(FaultControl& faults, Dice&) { faults.write_errors = FaultControl::kUntilLifted; }
void ShortenWrites(FaultControl& faults, Dice&) { faults.short_write_period = 2; }
void SlowDown(FaultControl& faults, Dice&) { faults.delay_us = 50'000; }

const DiskFault kDiskFaults[] = {
    {"is full, without the reserve", &FillDisk, false, false, false, &FaultControl::injected},
    {"fails one sync", &FailSync, false, true, true, &FaultControl::injected},
    {"is full, and the server is killed", &FillDisk, true, false, false, &FaultControl::injected},
    {"fails one write", &FailWrite, false, true, true, &FaultControl::injected},
    {"is nearly full, below the reserve", &FillDiskNearly, false, false, true,
     &FaultControl::room_limited},
    {"fails all syncs", &FailSyncs, false, true, true, &FaultControl::injected},
    {"fails all writes", &FailWrites, false, true, true, &FaultControl::injected},
    {"takes a part of each second write", &ShortenWrites, false, false, true,
     &FaultControl::injected},
    {"takes 50 ms for a sync", &SlowDown, false, false, true, &FaultControl::delayed},
    {"fails all syncs, and the server is killed", &FailSyncs, true, false, true,
     &FaultControl::injected},
    {"fails all writes, and the server is killed", &FailWrites, true, false, true,
     &FaultControl::injected},
};

// Lets the server go on after a fault, and counts how. Whether it can be compared with the
// reference.
bool GoOnAfter(const DiskFault& fault, Life& life, Dice& dice, Totals* totals,
               std::vector<int64_t>* counts) {
  if (fault.kill) {
    // A start on a disk that still fails may be refused, and must not harm.
    if (dice.Percent(50)) life.Start().IgnoreError();
    life.LiftFaults();
    const bool comparable = StartAgain(life, dice, totals) && life.CheckAfterRestart();
    if (comparable) ++counts->at(2);
    return comparable;
  }
  if (life.CheckWhileRunning(kRecoveryPatience)) {
    ++counts->at(2);
    return true;
  }
  ++counts->at(3);
  if (!fault.may_restart || life.faults().injected_in_tables == 0) {
    totals->Problem(absl::StrCat("the disk ", fault.name,
                                 ": the server does not write again by itself\n",
                                 Life::LogTail(life.options().folder + "/server.log")));
  }
  life.Kill();
  return StartAgain(life, dice, totals) && life.CheckAfterRestart();
}

}  // namespace

Table RunFaults(const RoundOptions& options, int rounds, Totals* totals) {
  Table table;
  table.title = absl::StrCat("the disk (seed ", options.seed, ")");
  table.columns = {"rounds", "injected", "recovered by itself", "by a restart", "wrong or lost"};
  for (const DiskFault& fault : kDiskFaults) table.rows.push_back({fault.name, {0, 0, 0, 0, 0}});
  Dice dice(options.seed + 1);
  size_t told = totals->reports.size();
  for (int round = 0; round < rounds; ++round) {
    const size_t which = static_cast<size_t>(round) % std::size(kDiskFaults);
    const DiskFault& fault = kDiskFaults[which];
    std::vector<int64_t>& counts = table.rows[which].counts;
    Life::Options born = LifeOptions(options, absl::StrCat("fault-", round),
                                     options.seed + 1000 + static_cast<uint64_t>(round));
    born.large_bodies = dice.Percent(50);
    if (!fault.with_reserve) born.server_flags = {"--disk_reserve_bytes=0"};
    auto life = std::make_unique<Life>(std::move(born), totals);
    FaultControl& faults = life->faults();
    const int64_t wrong_before = totals->found();
    const absl::Duration load = options.load_max;
    const int64_t done_before = faults.*fault.done;
    life->Load(load, fault.kill ? Ending::kKill : Ending::kGoOn, /*faults=*/true, [&] {
      absl::SleepFor(RandomUpTo(dice, load / 3));
      fault.begin(faults, dice);
      const absl::Time patience_end = absl::Now() + kFaultPatience;
      while (faults.*fault.done == done_before && absl::Now() < patience_end) {
        absl::SleepFor(absl::Milliseconds(5));
      }
      absl::SleepFor(load / 3);
      if (!fault.kill) life->LiftFaults();
    });
    const int64_t done = faults.*fault.done - done_before;
    if (done == 0) totals->Problem(absl::StrCat("the disk ", fault.name, ": met no call"));
    if (GoOnAfter(fault, *life, dice, totals, &counts)) {
      life->VerifyAll(kSample);
      life->Load(load / 3, Ending::kKill, /*faults=*/false);
      if (StartAgain(*life, dice, totals) && life->CheckAfterRestart()) life->VerifyAll(kSample);
    }
    ++counts[0];
    counts[1] += done;
    const int64_t wrong = totals->found() - wrong_before;
    counts[4] += wrong;
    if (wrong > 0)
      std::printf("the disk %s, fault round %d (seed %llu) found:\n", fault.name, round + 1,
                  static_cast<unsigned long long>(options.seed));
    PrintReports(totals, &told);
    Bury(life, wrong == 0);
  }
  table.rows.erase(std::remove_if(table.rows.begin(), table.rows.end(),
                                  [](const Row& row) { return row.counts[0] == 0; }),
                   table.rows.end());
  return table;
}

namespace {

enum class DamageOutcome { kRefused, kServedRight, kErrorOnCall, kWrong };

std::string LastLine(const std::string& path) {
  std::ifstream file(path);
  std::string line, last;
  while (std::getline(file, line)) {
    if (!line.empty()) last = line;
  }
  return last;
}

// Starts a server on a damaged copy, and looks at what it does. `report` says what was wrong.
DamageOutcome TryDamaged(const Life& life, const std::string& data_dir, std::string* report) {
  const std::string log = data_dir + ".log";
  ServerProcess server(life.ServerOptions(data_dir, log));
  const auto refused = [&]() {
    const auto end = server.WaitForEnd(absl::Seconds(30));
    const std::string line = LastLine(log);
    *report = line;
    if (!end.ok()) *report = "it neither serves nor ends";
    if (end.ok() && !end->exited) *report = absl::StrCat("it died by signal ", end->code);
    const bool clear = end.ok() && end->exited && end->code != 0 &&
                       (absl::StartsWith(line, "newsprintd: data_dir: ") ||
                        absl::StartsWith(line, "newsprintd: store: "));
    return clear ? DamageOutcome::kRefused : DamageOutcome::kWrong;
  };
  const auto address = server.WaitForAddress(absl::Seconds(60));
  if (!address.ok()) return refused();
  const Stubs stubs(*address);
  const grpc::Status serving = stubs.WaitUntilServing(kServePatience);
  if (!serving.ok()) return refused();  // how the call ends depends on the moment
  const Findings found = life.VerifyServer(stubs, /*damaged=*/true);
  if (found.total() > 0) {
    *report = absl::StrCat("lost=", found.lost, " half_indexed=", found.half_indexed,
                           " wrong=", found.wrong, " refused=", found.refused, "\n",
                           found.reports.front());
    return DamageOutcome::kWrong;
  }
  server.Signal(SIGTERM);
  const auto end = server.WaitForEnd(absl::Seconds(40));
  if (!end.ok() || !end->exited) {
    *report = "it does not end well after SIGTERM";
    return DamageOutcome::kWrong;
  }
  return found.refused > 0 ? DamageOutcome::kErrorOnCall : DamageOutcome::kServedRight;
}

}  // namespace

Table RunDamage(const RoundOptions& options, int places, Totals* totals) {
  Table table;
  table.title = absl::StrCat("file and damage (seed ", options.seed, ")");
  table.columns = {"starts", "refused", "served right", "error on call", "wrong"};
  Dice dice(options.seed + 2);
  size_t told = totals->reports.size();
  Life::Options born = LifeOptions(options, "damage", options.seed + 2000);
  born.large_bodies = true;
  auto life = std::make_unique<Life>(std::move(born), totals);
  // Tables come from restarts, which write out what the log holds; the last load stays in the log.
  for (int part = 0; part < 3; ++part) {
    life->Load(options.load_max, Ending::kKill, /*faults=*/false);
    if (!StartAgain(*life, dice, totals) || !life->CheckAfterRestart()) {
      PrintReports(totals, &told);
      Bury(life, /*clean=*/false);
      return table;
    }
  }
  life->Load(options.load_max / 3, Ending::kGoOn, /*faults=*/false);
  if (!life->CheckWhileRunning(kRecoveryPatience)) totals->Problem("the server does not write");
  life->VerifyAll(kSample);
  absl::SleepFor(kAsyncSync);
  life->Kill();
  const std::string copy = life->options().folder + "/damaged";
  int64_t wrong = 0;
  constexpr int kCasesMax = static_cast<int>(kFileKinds.size() * kDamageKinds.size());
  const int cases =
      options.damage_cases > 0 ? std::min(options.damage_cases, kCasesMax) : kCasesMax;
  for (const FileKind kind : kFileKinds) {
    for (const DamageKind damage : kDamageKinds) {
      const int number =
          static_cast<int>(kind) * static_cast<int>(kDamageKinds.size()) + static_cast<int>(damage);
      if (number * cases % kCasesMax >= cases || !CanDamage(kind, damage)) continue;
      Row row{absl::StrCat(Name(kind), ", ", Name(damage)), std::vector<int64_t>(5)};
      for (int place = 0; place < places; ++place) {
        std::filesystem::remove_all(copy);
        std::filesystem::remove(copy + ".log");
        std::filesystem::copy(life->data_dir(), copy, std::filesystem::copy_options::recursive);
        const std::vector<std::string> files = FilesOf(copy, kind);
        const std::string done =
            files.empty() ? "" : Damage(files[dice.Below(files.size())], damage, dice);
        if (done.empty()) {
          totals->Problem(absl::StrCat("nothing to damage: ", row.name));
          continue;
        }
        std::string report;
        const DamageOutcome outcome = TryDamaged(*life, copy, &report);
        ++row.counts[0];
        ++row.counts[1 + static_cast<size_t>(outcome)];
        if (outcome != DamageOutcome::kWrong) continue;
        ++wrong;
        totals->Problem(absl::StrCat("after damage (", done, "): ", report));
        PrintReports(totals, &told);
      }
      table.rows.push_back(std::move(row));
    }
  }
  PrintReports(totals, &told);
  Bury(life, wrong == 0);
  return table;
}

namespace {

constexpr absl::Duration kSoakPart = absl::Seconds(20);
constexpr size_t kSoakArticlesKept = 300;
constexpr int kSoakPartsToVerify = 6;
// Growth that is no leak: allocators and caches settle.
constexpr double kSoakGrowthMaxMegabytesPerMinute = 1.0;

struct MemorySample {
  double minutes = 0;
  double megabytes = 0;
};

// Least squares over the second half, in MB a minute: caches fill in the first.
double Slope(const std::vector<MemorySample>& samples) {
  const size_t first = samples.size() / 2;
  const auto count = static_cast<double>(samples.size() - first);
  double x = 0, y = 0, xx = 0, xy = 0;
  for (size_t i = first; i < samples.size(); ++i) {
    x += samples[i].minutes;
    y += samples[i].megabytes;
    xx += samples[i].minutes * samples[i].minutes;
    xy += samples[i].minutes * samples[i].megabytes;
  }
  const double spread = count * xx - x * x;
  return spread > 0 ? (count * xy - x * y) / spread : 0;
}

}  // namespace

void RunSoak(const RoundOptions& options, absl::Duration duration, Totals* totals) {
  Dice dice(options.seed + 3);
  Life::Options born = LifeOptions(options, "soak", options.seed + 3000);
  born.large_bodies = true;
  born.articles_kept = kSoakArticlesKept;
  born.skip_related = true;
  born.snapshots = false;
  auto life = std::make_unique<Life>(std::move(born), totals);
  size_t told = totals->reports.size();
  std::vector<MemorySample> samples;
  const absl::Time begin = absl::Now();
  std::printf("%8s %10s %14s %10s  %s\n", "minutes", "RSS MB", "acknowledged", "injected", "fault");
  for (int part = 1; absl::Now() - begin < duration; ++part) {
    const DiskFault& fault = kDiskFaults[dice.Below(std::size(kDiskFaults))];
    const bool with_fault = !fault.kill && !fault.may_restart && part % 2 == 0;
    life->Load(kSoakPart, Ending::kGoOn, /*faults=*/with_fault, [&] {
      if (!with_fault) return;
      absl::SleepFor(kSoakPart / 4);
      fault.begin(life->faults(), dice);
      absl::SleepFor(kSoakPart / 10);
      life->LiftFaults();
    });
    if (!life->CheckWhileRunning(kRecoveryPatience)) {
      totals->Problem(absl::StrCat("the server does not write again after: ", fault.name, "\n",
                                   Life::LogTail(life->options().folder + "/server.log")));
      break;
    }
    if (part % kSoakPartsToVerify == 0) life->VerifyAll(kSample);
    ++totals->rounds;
    MemorySample sample;
    sample.minutes = absl::ToDoubleMinutes(absl::Now() - begin);
    sample.megabytes = static_cast<double>(life->server().resident_bytes()) / 1e6;
    samples.push_back(sample);
    std::printf("%8.2f %10.1f %14lld %10lld  %s\n", sample.minutes, sample.megabytes,
                static_cast<long long>(totals->acknowledged),
                static_cast<long long>(life->faults().injected.load()),
                with_fault ? fault.name : "");
    PrintReports(totals, &told);
  }
  if (totals->clean()) life->VerifyAll(kSample);
  const double slope = samples.size() >= 4 ? Slope(samples) : 0;
  std::printf(
      "\n| minutes (seed %llu) | acknowledged | calls compared | faults | memory at the end, MB | "
      "slope, MB a minute |\n| ---: | ---: | ---: | ---: | ---: | ---: |\n"
      "| %.0f | %lld | %lld | %lld | %.0f | %.2f |\n",
      static_cast<unsigned long long>(options.seed), absl::ToDoubleMinutes(duration),
      static_cast<long long>(totals->acknowledged), static_cast<long long>(totals->compared),
      static_cast<long long>(life->faults().injected.load()),
      samples.empty() ? 0 : samples.back().megabytes, slope);
  if (slope > kSoakGrowthMaxMegabytesPerMinute) {
    totals->Problem(absl::StrCat("memory grows by ", slope, " MB a minute"));
  }
  life->Stop();
  PrintReports(totals, &told);
  Bury(life, totals->clean());
}

}  // namespace newsprint::crash
