// What the process is at, as those who watch it are told.
#ifndef NEWSPRINT_SERVICE_METRICS_SERVER_STATE_H_
#define NEWSPRINT_SERVICE_METRICS_SERVER_STATE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace newsprint::metrics {

// Thread-safe.
class ServerState {
 public:
  // In this order, but that a stop may come at any moment.
  enum class Phase {
    kOpening,    // the data folder
    kUpgrading,  // it is of an older format
    kLoading,    // indexes
    kServing,    // calls are answered
    kDraining,   // no more
  };
  static constexpr size_t kPhases = 5;

  // When this object was made, which is when the process began.
  absl::Time start_time() const { return start_time_; }
  Phase phase() const { return phase_; }
  void set_phase(Phase phase) { phase_ = phase; }
  // Whether the indexes were loaded: not before, nor after a stop that came first.
  bool loaded() const { return loaded_; }
  void set_loaded() { loaded_ = true; }

  // Articles that an upgrade has looked at.
  int64_t articles_upgraded() const { return articles_upgraded_; }
  void set_articles_upgraded(int64_t articles) { articles_upgraded_ = articles; }
  // Records that are read to fill the indexes, and about how many it will be.
  int64_t records_loaded() const { return records_loaded_; }
  int64_t CountRecord() { return ++records_loaded_; }
  int64_t records_to_load() const { return records_to_load_; }
  void set_records_to_load(int64_t records) { records_to_load_ = records; }

 private:
  const absl::Time start_time_ = absl::Now();
  std::atomic<Phase> phase_{Phase::kOpening};
  std::atomic<bool> loaded_{false};
  std::atomic<int64_t> articles_upgraded_{0};
  std::atomic<int64_t> records_loaded_{0};
  std::atomic<int64_t> records_to_load_{0};
};

// "opening", "upgrading" and so on.
inline absl::string_view PhaseName(ServerState::Phase phase) {
  constexpr absl::string_view kNames[ServerState::kPhases] = {"opening", "upgrading", "loading",
                                                              "serving", "draining"};
  return kNames[static_cast<size_t>(phase)];
}

}  // namespace newsprint::metrics

#endif  // NEWSPRINT_SERVICE_METRICS_SERVER_STATE_H_
