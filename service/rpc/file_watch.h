// Notices that files have changed on disk.
#ifndef NEWSPRINT_SERVICE_RPC_FILE_WATCH_H_
#define NEWSPRINT_SERVICE_RPC_FILE_WATCH_H_

#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace newsprint::rpc {

// Some files that belong together. For one thread. Files are compared by inode, size, time of
// modification and time of change, which nobody can set back; one that is absent is a state as
// well.
class FileWatch {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kTryAgainAfter{10};

  // As they are now counts as read.
  explicit FileWatch(std::vector<std::string> paths)
      : paths_(std::move(paths)), read_(Look()), seen_(read_) {}

  // Whether to read them: they are others than those that were read last, and the same as at the
  // call before, so that nobody is in the middle of replacing them. Says so once for each change.
  bool Changed() {
    States now = Look();
    const bool settled = now == seen_;
    seen_ = std::move(now);
    const bool again = Clock::now() >= try_again_at_;
    if (!settled || (seen_ == read_ && !again)) return false;
    read_ = seen_;
    try_again_at_ = Clock::time_point::max();
    return true;
  }

  // They could not be read, for a reason that may be none of theirs: Changed() says so again after
  // a while, even if they stay the same.
  void TryAgain(Clock::duration after = kTryAgainAfter) { try_again_at_ = Clock::now() + after; }

 private:
  using State =
      std::tuple<uint64_t, uint64_t, int64_t, int64_t, int64_t, int64_t>;  // all 0: absent
  using States = std::vector<State>;

  States Look() const {
    States states;
    for (const std::string& path : paths_) {
      struct stat s = {};
      if (stat(path.c_str(), &s) != 0) s = {};
      states.emplace_back(s.st_ino, static_cast<uint64_t>(s.st_size), s.st_mtim.tv_sec,
                          s.st_mtim.tv_nsec, s.st_ctim.tv_sec, s.st_ctim.tv_nsec);
    }
    return states;
  }

  const std::vector<std::string> paths_;
  States read_;
  States seen_;
  Clock::time_point try_again_at_ = Clock::time_point::max();
};

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_FILE_WATCH_H_
