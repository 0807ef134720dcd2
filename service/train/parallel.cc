#include "service/train/parallel.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace newsprint::train {

void ForBlocks(size_t count, size_t block, const std::function<void(size_t, size_t)>& work) {
  const size_t blocks = (count + block - 1) / block;
  std::atomic<size_t> next{0};
  const auto run = [&] {
    for (size_t i = next++; i < blocks; i = next++) {
      work(i * block, std::min(count, (i + 1) * block));
    }
  };
  const size_t cores = std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::thread> threads;
  for (size_t i = 1; i < std::min(cores, blocks); ++i) threads.emplace_back(run);
  run();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace newsprint::train
