// A sparse array of pages that never move.
#ifndef NEWSPRINT_SERVICE_INDEX_PAGE_TABLE_H_
#define NEWSPRINT_SERVICE_INDEX_PAGE_TABLE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

namespace newsprint::index {

// One thread adds pages, any number find them meanwhile, without locks.
template <typename Page>
class PageTable {
 public:
  static constexpr uint32_t kPagesMax = 1 << 20;

  PageTable() = default;
  ~PageTable() {
    for (const auto& part : parts_) {
      std::unique_ptr<Part> owned(part.load(std::memory_order_relaxed));
      if (owned == nullptr) continue;
      for (const auto& page : *owned) delete page.load(std::memory_order_relaxed);
    }
  }
  PageTable(const PageTable&) = delete;
  PageTable& operator=(const PageTable&) = delete;

  // Null where there is none. `index` < kPagesMax.
  Page* Find(uint32_t index) const {
    const Part* part = parts_[index / kPartPages].load(std::memory_order_acquire);
    if (part == nullptr) return nullptr;
    return (*part)[index % kPartPages].load(std::memory_order_acquire);
  }

  // There must be none yet.
  Page* Set(uint32_t index, std::unique_ptr<Page> page) {
    std::atomic<Part*>& slot = parts_[index / kPartPages];
    Part* part = slot.load(std::memory_order_relaxed);
    if (part == nullptr) {
      part = new Part();
      slot.store(part, std::memory_order_release);
    }
    (*part)[index % kPartPages].store(page.get(), std::memory_order_release);
    return page.release();
  }

 private:
  static constexpr uint32_t kPartPages = 1024;
  using Part = std::array<std::atomic<Page*>, kPartPages>;  // 8 KB

  std::array<std::atomic<Part*>, kPagesMax / kPartPages> parts_{};
};

}  // namespace newsprint::index

#endif  // NEWSPRINT_SERVICE_INDEX_PAGE_TABLE_H_
