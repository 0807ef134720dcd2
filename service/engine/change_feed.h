// Where those who watch a collection's groups hear that there is something new.
#ifndef NEWSPRINT_SERVICE_ENGINE_CHANGE_FEED_H_
#define NEWSPRINT_SERVICE_ENGINE_CHANGE_FEED_H_

#include <atomic>
#include <cstdint>

#include "service/common/listeners.h"

namespace newsprint {

// Outlives the collection in callbacks of the store.
struct ChangeFeed {
  std::atomic<uint64_t> last{0};  // number of the last change that is on disk
  std::atomic<bool> dropped{false};
  Listeners listeners;
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_CHANGE_FEED_H_
