#include "service/common/sort.h"

#include <hwy/contrib/sort/vqsort.h>

#include <cstddef>

namespace newsprint {
namespace {

template <typename Value>
void SortAscending(absl::Span<Value> values) {
  static thread_local const hwy::Sorter sorter;  // holds a buffer
  sorter(values.data(), values.size(), hwy::SortAscending());
}

}  // namespace

void Sort(absl::Span<uint32_t> values) { SortAscending(values); }
void Sort(absl::Span<uint64_t> values) { SortAscending(values); }

void SortUnique(std::vector<uint32_t>* values) {
  if (values->empty()) return;
  Sort(absl::MakeSpan(*values));
  // Without branches, as most are different and the few others come by chance.
  size_t last = 0;
  for (size_t i = 1; i < values->size(); ++i) {
    const uint32_t value = (*values)[i];
    last += value != (*values)[last] ? 1 : 0;
    (*values)[last] = value;
  }
  values->resize(last + 1);
}

}  // namespace newsprint
