// Progress and failures of a long command, on standard error.
#ifndef NEWSPRINT_CLIENT_CLI_PROGRESS_H_
#define NEWSPRINT_CLIENT_CLI_PROGRESS_H_

#include <cstdint>
#include <iosfwd>
#include <mutex>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace newsprint::cli {

// On a terminal one line is drawn again and again, elsewhere a line is printed every few seconds.
// Failures are printed as they come, the first few of them; the rest is counted.
//
// Thread safety: all methods may be called from any thread.
class Progress {
 public:
  static constexpr int64_t kFailuresShown = 10;

  // `noun` names what is counted, in the plural. `err` must outlive the object.
  Progress(std::ostream& err, bool is_terminal, std::string noun);
  ~Progress() { Finish(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void AddDone(int64_t count = 1);
  // Prints `line` and counts a failure.
  void AddFailed(absl::string_view line);
  // Counts failures that something else reports.
  void AddFailedSilently(int64_t count);
  // Share of the whole, 0 to 1; makes an estimate of the time left possible.
  void SetFraction(double fraction);
  // How far something is that goes on elsewhere. The rate and the time left count from the first
  // call on.
  void SetPosition(int64_t done, int64_t total);
  // Prints a line that is no failure.
  void AddNote(absl::string_view line);
  // Begins to count anew, for the next phase. Failures are kept.
  void Restart(std::string noun);
  // Removes the line on the terminal and says how many failures were not shown.
  void Finish();

  int64_t done() const;
  int64_t failed() const;
  absl::Duration elapsed() const;

 private:
  void Draw();
  std::string Line(double seconds) const;
  void Erase();

  std::ostream& err_;
  const bool is_terminal_;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::string noun_;
  absl::Time started_at_;
  absl::Time drawn_at_;
  int64_t done_ = 0;
  int64_t failed_ = 0;
  int64_t failures_reported_ = 0;
  int64_t failures_hidden_ = 0;
  absl::optional<double> fraction_;
  absl::optional<int64_t> position_begin_;  // set once SetPosition() was called
  int64_t total_ = 0;
  bool line_drawn_ = false;
};

}  // namespace newsprint::cli

#endif  // NEWSPRINT_CLIENT_CLI_PROGRESS_H_
