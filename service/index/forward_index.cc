#include "service/index/forward_index.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "service/common/hash.h"

namespace newsprint::index {
namespace {

// A slot: check (4 bytes), number of terms (1), terms_max terms (4 each), their weights in steps,
// less one (1 each).
constexpr size_t kCountAt = sizeof(uint32_t);
constexpr size_t kTermsAt = kCountAt + 1;
// Slots that are given back together: so many that they fill blocks of the file system, of 4096
// bytes.
constexpr Ordinal kPageSlots = 4096;
constexpr size_t kSlotBytesMax = kTermsAt + 255 * (sizeof(uint32_t) + 1);

}  // namespace

ForwardIndex::ForwardIndex(int file, size_t terms_max)
    : file_(file),
      terms_max_(terms_max),
      slot_bytes_(kTermsAt + terms_max * (sizeof(uint32_t) + 1)) {}

ForwardIndex::~ForwardIndex() { close(file_); }

absl::StatusOr<std::unique_ptr<ForwardIndex>> ForwardIndex::Create(const std::string& path,
                                                                   size_t terms_max) {
  std::string name = absl::StrCat(path, "terms.XXXXXX");
  const int file = mkstemp(name.data());
  if (file < 0) {
    return absl::UnavailableError(
        absl::StrCat("forward index: cannot make ", name, ": ", std::strerror(errno)));
  }
  unlink(name.c_str());
  return std::unique_ptr<ForwardIndex>(new ForwardIndex(file, std::min<size_t>(terms_max, 255)));
}

// Depends on the ordinal, so that a hole in the file is no empty article.
uint32_t ForwardIndex::Check(Ordinal ordinal, const char* slot) const {
  return static_cast<uint32_t>(
      Hash64(slot + kCountAt, slot_bytes_ - kCountAt, uint64_t{ordinal} + 1));
}

void ForwardIndex::Put(Ordinal ordinal, absl::Span<const WeightedTerm> terms) {
  char slot[kSlotBytesMax] = {};
  if (terms.size() > terms_max_) {
    Remove(ordinal);
    return;
  }
  slot[kCountAt] = static_cast<char>(terms.size());
  char* const weights = slot + kTermsAt + terms_max_ * sizeof(uint32_t);
  for (size_t i = 0; i < terms.size(); ++i) {
    std::memcpy(slot + kTermsAt + i * sizeof(uint32_t), &terms[i].term, sizeof(uint32_t));
    weights[i] = static_cast<char>(std::lround(terms[i].weight / kTermWeightStep) - 1);
  }
  const uint32_t check = Check(ordinal, slot);
  std::memcpy(slot, &check, sizeof(check));
  char before[kSlotBytesMax];
  if (!Read(ordinal, before)) ++live_[ordinal / kPageSlots];
  Write(ordinal, slot);
}

bool ForwardIndex::Read(Ordinal ordinal, char* slot) const {
  const auto at = static_cast<off_t>(ordinal * slot_bytes_);
  if (pread(file_, slot, slot_bytes_, at) != static_cast<ssize_t>(slot_bytes_)) return false;
  uint32_t check;
  std::memcpy(&check, slot, sizeof(check));
  return check == Check(ordinal, slot);
}

// When a write fails, as the disk is full, an old slot may be left that should have been replaced:
// from then on the store is asked for all.
void ForwardIndex::Write(Ordinal ordinal, const char* slot) {
  const auto at = static_cast<off_t>(ordinal * slot_bytes_);
  if (pwrite(file_, slot, slot_bytes_, at) == static_cast<ssize_t>(slot_bytes_)) return;
  broken_ = true;
}

void ForwardIndex::Remove(Ordinal ordinal) {
  char slot[kSlotBytesMax];
  if (!Read(ordinal, slot)) return;
  const uint32_t wrong = Check(ordinal, slot) + 1;
  std::memcpy(slot, &wrong, sizeof(wrong));
  Write(ordinal, slot);
  const Ordinal page = ordinal / kPageSlots;
  const auto live = live_.find(page);
  if (live == live_.end() || --live->second > 0) return;
  live_.erase(live);
  const auto page_bytes = static_cast<off_t>(kPageSlots * slot_bytes_);
  // It saves space, and that is all: nothing is amiss where it fails.
  (void)fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page * page_bytes, page_bytes);
}

bool ForwardIndex::Get(Ordinal ordinal, std::vector<WeightedTerm>* terms) const {
  if (broken_) return false;
  char slot[kSlotBytesMax];
  if (!Read(ordinal, slot)) return false;
  terms->resize(std::min<size_t>(static_cast<uint8_t>(slot[kCountAt]), terms_max_));
  const char* const weights = slot + kTermsAt + terms_max_ * sizeof(uint32_t);
  for (size_t i = 0; i < terms->size(); ++i) {
    WeightedTerm& term = (*terms)[i];
    std::memcpy(&term.term, slot + kTermsAt + i * sizeof(uint32_t), sizeof(uint32_t));
    term.weight = static_cast<float>(static_cast<uint8_t>(weights[i]) + 1) * kTermWeightStep;
  }
  return true;
}

}  // namespace newsprint::index
