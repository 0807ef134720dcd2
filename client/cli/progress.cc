#include "client/cli/progress.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace newsprint::cli {
namespace {

constexpr absl::Duration kTerminalInterval = absl::Milliseconds(200);
constexpr absl::Duration kLineInterval = absl::Seconds(5);

}  // namespace

Progress::Progress(std::ostream& err, bool is_terminal, std::string noun)
    : err_(err),
      is_terminal_(is_terminal),
      noun_(std::move(noun)),
      started_at_(absl::Now()),
      drawn_at_(started_at_) {}

void Progress::AddDone(int64_t count) {
  std::lock_guard<std::mutex> lock(mutex_);
  done_ += count;
  Draw();
}

void Progress::AddFailed(absl::string_view line) {
  std::lock_guard<std::mutex> lock(mutex_);
  ++failed_;
  if (failures_reported_ >= kFailuresShown) {
    ++failures_hidden_;
    return;
  }
  ++failures_reported_;
  Erase();
  err_ << line << "\n";
}

void Progress::AddFailedSilently(int64_t count) {
  std::lock_guard<std::mutex> lock(mutex_);
  failed_ += count;
}

void Progress::SetFraction(double fraction) {
  std::lock_guard<std::mutex> lock(mutex_);
  fraction_ = std::clamp(fraction, 0.0, 1.0);
  Draw();
}

void Progress::Restart(std::string noun) {
  std::lock_guard<std::mutex> lock(mutex_);
  Erase();
  noun_ = std::move(noun);
  started_at_ = absl::Now();
  done_ = 0;
  fraction_.reset();
}

void Progress::Finish() {
  std::lock_guard<std::mutex> lock(mutex_);
  Erase();
  if (failures_hidden_ > 0) {
    err_ << absl::StrFormat("... and %d more failures\n", failures_hidden_);
    failures_hidden_ = 0;
  }
  err_.flush();
}

int64_t Progress::done() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return done_;
}

int64_t Progress::failed() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return failed_;
}

absl::Duration Progress::elapsed() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return absl::Now() - started_at_;
}

void Progress::Draw() {
  const absl::Time now = absl::Now();
  if (now - drawn_at_ < (is_terminal_ ? kTerminalInterval : kLineInterval)) return;
  drawn_at_ = now;
  const double seconds = std::max(1e-3, absl::ToDoubleSeconds(now - started_at_));
  std::string line =
      absl::StrFormat("%d %s, %.0f/s", done_, noun_, static_cast<double>(done_) / seconds);
  if (failed_ > 0) absl::StrAppendFormat(&line, ", %d failed", failed_);
  if (fraction_ && *fraction_ > 0.001) {
    const double left = seconds * (1 - *fraction_) / *fraction_;
    absl::StrAppendFormat(&line, ", %.0f %%, %s left", *fraction_ * 100,
                          absl::FormatDuration(absl::Seconds(static_cast<int64_t>(left + 0.5))));
  }
  if (is_terminal_) {
    err_ << "\r\x1B[K" << line << std::flush;
    line_drawn_ = true;
  } else {
    err_ << line << std::endl;
  }
}

void Progress::Erase() {
  if (line_drawn_) err_ << "\r\x1B[K";
  line_drawn_ = false;
}

}  // namespace newsprint::cli
