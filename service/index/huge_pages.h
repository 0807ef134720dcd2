// Memory that is read all over is faster in large pages: each look-up of a small one may miss too.
#ifndef NEWSPRINT_SERVICE_INDEX_HUGE_PAGES_H_
#define NEWSPRINT_SERVICE_INDEX_HUGE_PAGES_H_

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

namespace newsprint::index {

inline constexpr size_t kHugePageBytes = size_t{2} << 20;

// Asks the kernel for large pages in what of this memory can have them; it may refuse. Before the
// memory is first touched.
inline void AdviseHugePages(void* memory, size_t bytes) {
  const auto begin = (reinterpret_cast<uintptr_t>(memory) + kHugePageBytes - 1) / kHugePageBytes;
  const auto end = (reinterpret_cast<uintptr_t>(memory) + bytes) / kHugePageBytes;
  if (begin >= end) return;
  madvise(reinterpret_cast<void*>(begin * kHugePageBytes), (end - begin) * kHugePageBytes,
          MADV_HUGEPAGE);
}

}  // namespace newsprint::index

#endif  // NEWSPRINT_SERVICE_INDEX_HUGE_PAGES_H_
