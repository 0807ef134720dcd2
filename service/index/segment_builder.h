// Builds the graphs of a vector index in the background.
#ifndef NEWSPRINT_SERVICE_INDEX_SEGMENT_BUILDER_H_
#define NEWSPRINT_SERVICE_INDEX_SEGMENT_BUILDER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "service/common/mutex.h"
#include "service/index/int8_hnsw_index.h"
#include "service/index/int8_rows.h"

namespace newsprint::index {

// Graphs over consecutive rows from row 0. What lies behind them is the tail.
using Segments = std::vector<std::shared_ptr<const Int8HnswIndex>>;

inline uint32_t EndOf(const Segments& segments) {
  return segments.empty() ? 0 : segments.back()->end();
}

// Thread-safe. Owns one thread, which is started when there is something to build. It copies the
// last graph, links the tail into the copy and puts it in place of the last graph, until that has
// its full size; then it begins another one.
//
// The thread has a lower priority than others, and rests as long as it works, unless the tail has
// grown to several times its normal size, or somebody waits.
class SegmentBuilder {
 public:
  struct Options {
    Int8HnswIndex::Options graph;
    uint32_t exact_rows_max = 0;    // no graph up to here
    uint32_t tail_rows_max = 1;     // a longer tail is built; at least 1
    uint32_t segment_rows_max = 1;  // of a graph; at least 1
  };

  // `rows` must outlive it.
  SegmentBuilder(const Int8Rows* rows, const Options& options);
  ~SegmentBuilder();

  // The present graphs. Waits for nobody but to copy the pointer.
  std::shared_ptr<const Segments> segments() const;
  // Before the first OnRowsAdded.
  void Restore(Segments segments);
  // To be called after rows were added; costs next to nothing when there is nothing to build.
  void OnRowsAdded();
  // Builds what there is now, however short the tail. The status of a build that failed; it is
  // tried again when the tail has grown.
  absl::Status WaitUntilBuilt();

 private:
  void Run();
  void BuildStep();
  bool Rest(std::chrono::steady_clock::time_point* work_begin, uint32_t built);
  // Rows that must be there for a build to begin.
  uint32_t RowsWanted(uint32_t built) const;
  void StartThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Int8Rows* const rows_;
  const Options options_;

  std::atomic<uint32_t> wake_at_;  // rows at which the thread wants to be woken
  std::atomic<bool> stopping_{false};
  std::atomic<int> waiting_{0};  // callers in WaitUntilBuilt

  mutable Mutex segments_mutex_;  // held to copy or change the pointer alone
  std::shared_ptr<const Segments> segments_ ABSL_GUARDED_BY(segments_mutex_);

  Mutex mutex_;
  CondVar wake_;
  CondVar built_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  uint64_t failures_ ABSL_GUARDED_BY(mutex_) = 0;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace newsprint::index

#endif  // NEWSPRINT_SERVICE_INDEX_SEGMENT_BUILDER_H_
