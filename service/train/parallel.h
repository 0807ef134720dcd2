// Loops over several threads.
#ifndef NEWSPRINT_SERVICE_TRAIN_PARALLEL_H_
#define NEWSPRINT_SERVICE_TRAIN_PARALLEL_H_

#include <cstddef>
#include <functional>

namespace newsprint::train {

// Calls `work(begin, end)` for blocks of at most `block` that make up 0 to `count`, on all cores.
// Which thread takes a block is left to chance: for the same result in every run, work on a block
// must not depend on that on another. Returns when all is done.
void ForBlocks(size_t count, size_t block, const std::function<void(size_t, size_t)>& work);

}  // namespace newsprint::train

#endif  // NEWSPRINT_SERVICE_TRAIN_PARALLEL_H_
