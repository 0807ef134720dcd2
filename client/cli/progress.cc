#include "client/cli/progress.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "client/cli/output.h"

namespace newsprint::cli {
namespace {

constexpr absl::Duration kTerminalInterval = absl::Milliseconds(200);
constexpr absl::Duration kLineInterval = absl::Seconds(5);
constexpr double kFractionShown = 0.001;  // below that the time left is a guess

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

void Progress::SetPosition(int64_t done, int64_t total) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!position_begin_ || done < *position_begin_) {
    position_begin_ = done;
    started_at_ = absl::Now();
  }
  done_ = done;
  total_ = total;
  Draw();
}

void Progress::AddNote(absl::string_view line) {
  std::lock_guard<std::mutex> lock(mutex_);
  Erase();
  err_ << line << std::endl;
}

void Progress::Restart(std::string noun) {
  std::lock_guard<std::mutex> lock(mutex_);
  Erase();
  noun_ = std::move(noun);
  started_at_ = absl::Now();
  done_ = 0;
  fraction_.reset();
  position_begin_.reset();
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

std::string Progress::Line(double seconds) const {
  const double rate = static_cast<double>(done_ - position_begin_.value_or(0)) / seconds;
  std::string line = position_begin_ ? absl::StrFormat("%s of %s %s, %.0f/s", FormatCount(done_),
                                                       FormatCount(total_), noun_, rate)
                                     : absl::StrFormat("%d %s, %.0f/s", done_, noun_, rate);
  if (failed_ > 0) absl::StrAppendFormat(&line, ", %d failed", failed_);
  absl::optional<double> left;  // seconds
  absl::optional<double> fraction = fraction_;
  if (fraction && *fraction > kFractionShown) left = seconds * (1 - *fraction) / *fraction;
  if (position_begin_ && total_ > 0) {
    fraction = static_cast<double>(done_) / static_cast<double>(total_);
    if (rate > 0) left = static_cast<double>(std::max<int64_t>(0, total_ - done_)) / rate;
  }
  if (fraction && *fraction > kFractionShown) {
    absl::StrAppendFormat(&line, ", %.0f %%", std::min(1.0, *fraction) * 100);
    if (left) {
      absl::StrAppendFormat(&line, ", %s left",
                            absl::FormatDuration(absl::Seconds(static_cast<int64_t>(*left + 0.5))));
    }
  }
  return line;
}

void Progress::Draw() {
  const absl::Time now = absl::Now();
  if (now - drawn_at_ < (is_terminal_ ? kTerminalInterval : kLineInterval)) return;
  drawn_at_ = now;
  const double seconds = std::max(1e-3, absl::ToDoubleSeconds(now - started_at_));
  const std::string line = Line(seconds);
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
