#include "service/index/segment_builder.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <system_error>
#include <utility>

#include "service/index/faiss_status.h"

namespace newsprint::index {
namespace {

using Clock = std::chrono::steady_clock;

// A step more than this would keep what is done of it from searches for too long.
constexpr uint32_t kStepRowsMax = 32'768;
// Of the tail's normal length: from here on the thread does not rest.
constexpr uint32_t kBehindTails = 3;
constexpr int kNice = 5;
constexpr auto kWorkPeriod = std::chrono::milliseconds(5);

}  // namespace

SegmentBuilder::SegmentBuilder(const Int8Rows* rows, const Options& options)
    : rows_(rows), options_(options), wake_at_(0), segments_(std::make_shared<const Segments>()) {
  wake_at_ = RowsWanted(0);
}

SegmentBuilder::~SegmentBuilder() {
  std::thread thread;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.NotifyAll();
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
}

std::shared_ptr<const Segments> SegmentBuilder::segments() const {
  ReaderMutexLock lock(segments_mutex_);
  return segments_;
}

void SegmentBuilder::Restore(Segments segments) {
  wake_at_ = RowsWanted(EndOf(segments));
  auto restored = std::make_shared<const Segments>(std::move(segments));
  MutexLock lock(segments_mutex_);
  segments_ = std::move(restored);
}

uint32_t SegmentBuilder::RowsWanted(uint32_t built) const {
  const uint64_t tail_full = uint64_t{built} + options_.tail_rows_max;
  const uint64_t wanted =
      built > 0 ? tail_full : std::max<uint64_t>(tail_full, uint64_t{options_.exact_rows_max} + 1);
  return static_cast<uint32_t>(std::min<uint64_t>(wanted, std::numeric_limits<uint32_t>::max()));
}

void SegmentBuilder::OnRowsAdded() {
  if (rows_->size() < wake_at_.load(std::memory_order_relaxed)) return;
  MutexLock lock(mutex_);
  StartThread();
  wake_.NotifyAll();
}

void SegmentBuilder::StartThread() {
  if (thread_.joinable()) return;
  try {
    thread_ = std::thread([this] { Run(); });
  } catch (const std::system_error&) {
    // No thread to be had now: searches compare with the tail, and the next row tries again.
    status_ = absl::ResourceExhaustedError("vector index: cannot start a thread");
    ++failures_;
  }
}

absl::Status SegmentBuilder::WaitUntilBuilt() {
  const uint32_t rows = rows_->size();
  MutexLock lock(mutex_);
  const uint64_t failures_before = failures_;
  ++waiting_;
  StartThread();
  wake_.NotifyAll();
  const auto is_built = [&] {
    const uint32_t built = EndOf(*segments());
    return built >= rows || (built == 0 && rows <= options_.exact_rows_max);
  };
  while (!is_built() && failures_ == failures_before) built_.Wait(mutex_);
  --waiting_;
  return failures_ == failures_before ? absl::OkStatus() : status_;
}

void SegmentBuilder::Run() {
  // Linux has a priority for each thread. It is no matter when it cannot be set.
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNice);
  mutex_.lock();
  uint32_t retry_at = 0;  // rows
  while (!stopping_) {
    const uint32_t built = EndOf(*segments());
    const uint32_t wanted = std::max(RowsWanted(built), retry_at);
    wake_at_ = wanted;
    const uint32_t rows = rows_->size();
    const bool is_awaited =
        waiting_ > 0 && rows > built && (built > 0 || rows > options_.exact_rows_max);
    if (rows < wanted && !is_awaited) {
      wake_.Wait(mutex_);
      continue;
    }
    wake_at_ = std::numeric_limits<uint32_t>::max();
    mutex_.unlock();
    absl::Status status = CatchFaiss("vector index: build", [this] { BuildStep(); });
    mutex_.lock();
    retry_at = 0;
    if (!status.ok()) {
      retry_at = rows + options_.tail_rows_max;
      status_ = std::move(status);
      ++failures_;
    }
    built_.NotifyAll();
  }
  mutex_.unlock();
}

void SegmentBuilder::BuildStep() {
  const std::shared_ptr<const Segments> before = segments();
  auto after = std::make_shared<Segments>(*before);
  const uint32_t built = EndOf(*before);
  const bool is_full =
      before->empty() || built - before->back()->begin() >= options_.segment_rows_max;
  const Int8HnswIndex* previous = is_full ? nullptr : before->back().get();
  const uint32_t begin = is_full ? built : previous->begin();
  const uint64_t end = std::min({uint64_t{rows_->size()}, uint64_t{built} + kStepRowsMax,
                                 uint64_t{begin} + options_.segment_rows_max});
  Clock::time_point work_begin = Clock::now();
  std::shared_ptr<const Int8HnswIndex> graph =
      Int8HnswIndex::Extend(previous, rows_, begin, static_cast<uint32_t>(end), options_.graph,
                            [&] { return Rest(&work_begin, built); });
  if (graph == nullptr) return;  // stopping
  if (is_full) {
    after->push_back(std::move(graph));
  } else {
    after->back() = std::move(graph);
  }
  std::shared_ptr<const Segments> published = std::move(after);
  {
    MutexLock lock(segments_mutex_);
    segments_.swap(published);
  }
  // The old one is freed here, or by the last search that uses it.
}

bool SegmentBuilder::Rest(Clock::time_point* work_begin, uint32_t built) {
  if (stopping_) return false;
  const Clock::time_point now = Clock::now();
  const Clock::duration worked = now - *work_begin;
  if (worked < kWorkPeriod) return true;
  const uint64_t behind_rows = uint64_t{kBehindTails} * options_.tail_rows_max;
  if (rows_->size() - built < behind_rows) {
    MutexLock lock(mutex_);
    while (!stopping_ && waiting_ == 0 && wake_.WaitUntil(mutex_, now + worked)) {
    }
  }
  *work_begin = Clock::now();
  return !stopping_;
}

}  // namespace newsprint::index
