#include "service/text/byte_masks.h"

#include <algorithm>
#include <cstring>

// Highway compiles this file once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "service/text/byte_masks.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace newsprint::text {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// At most as wide as one mask; 8 lanes or more make whole bytes of it, fewer have only HWY_SCALAR.
using ByteTag = hn::CappedTag<uint8_t, kMaskBytes>;

HWY_INLINE void ClassifyBlock(const uint8_t* HWY_RESTRICT bytes, ByteMasks* HWY_RESTRICT masks) {
#if HWY_TARGET == HWY_SCALAR
  *masks = {};
  for (size_t i = 0; i < kMaskBytes; ++i) {
    const uint8_t lower = bytes[i] | 0x20;
    const bool word =
        (lower >= 'a' && lower <= 'z' && bytes[i] < 0x80) || (bytes[i] >= '0' && bytes[i] <= '9');
    masks->word |= uint64_t{word} << i;
    masks->non_ascii |= uint64_t{bytes[i] >= 0x80} << i;
  }
#else
  const ByteTag d;
  const auto lower_case_bit = hn::Set(d, 0x20);
  // One comparison each, as what lies below wraps around.
  const auto first_letter = hn::Set(d, 'a');
  const auto first_digit = hn::Set(d, '0');
  const auto letters = hn::Set(d, 'z' - 'a' + 1);
  const auto digits = hn::Set(d, '9' - '0' + 1);
  const auto last_ascii = hn::Set(d, 0x7F);
  const size_t lanes = hn::Lanes(d);
  uint8_t word[kMaskBytes / 8];
  uint8_t non_ascii[kMaskBytes / 8];
  for (size_t i = 0; i < kMaskBytes; i += lanes) {
    const auto v = hn::LoadU(d, bytes + i);
    const auto letter = hn::Lt(hn::Sub(hn::Or(v, lower_case_bit), first_letter), letters);
    const auto digit = hn::Lt(hn::Sub(v, first_digit), digits);
    hn::StoreMaskBits(d, hn::Or(letter, digit), word + i / 8);
    hn::StoreMaskBits(d, hn::Gt(v, last_ascii), non_ascii + i / 8);
  }
  std::memcpy(&masks->word, word, sizeof(word));
  std::memcpy(&masks->non_ascii, non_ascii, sizeof(non_ascii));
#endif
}

void ClassifyAll(const uint8_t* HWY_RESTRICT bytes, size_t size, ByteMasks* HWY_RESTRICT masks) {
  for (; size >= kMaskBytes; size -= kMaskBytes, bytes += kMaskBytes) {
    ClassifyBlock(bytes, masks++);
  }
  if (size == 0) return;
  uint8_t block[kMaskBytes] = {};
  std::memcpy(block, bytes, size);
  ClassifyBlock(block, masks);
}

// Bit 0: a byte of 0x80 and above; bit 1: `<` or `&`.
unsigned FindKinds(const uint8_t* HWY_RESTRICT bytes, size_t size) {
  bool non_ascii = false;
  bool markup = false;
  size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const ByteTag d;
  const size_t lanes = hn::Lanes(d);
  const auto less_than = hn::Set(d, '<');
  const auto ampersand = hn::Set(d, '&');
  auto all = hn::Zero(d);
  auto found = hn::Zero(d);
  for (; i + lanes <= size; i += lanes) {
    const auto v = hn::LoadU(d, bytes + i);
    all = hn::Or(all, v);
    found = hn::Or(found, hn::VecFromMask(d, hn::Or(hn::Eq(v, less_than), hn::Eq(v, ampersand))));
  }
  non_ascii = !hn::AllFalse(d, hn::Gt(all, hn::Set(d, 0x7F)));
  markup = !hn::AllFalse(d, hn::Ne(found, hn::Zero(d)));
#endif
  for (; i < size; ++i) {
    non_ascii |= bytes[i] >= 0x80;
    markup |= bytes[i] == '<' || bytes[i] == '&';
  }
  return (non_ascii ? 1u : 0u) | (markup ? 2u : 0u);
}

}  // namespace HWY_NAMESPACE
}  // namespace newsprint::text
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace newsprint::text {

// Masks are put together from bytes.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little-endian machines only");

HWY_EXPORT(ClassifyAll);
HWY_EXPORT(FindKinds);

void ClassifyBytes(absl::string_view text, ByteMasks* masks) {
  HWY_DYNAMIC_DISPATCH(ClassifyAll)
  (reinterpret_cast<const uint8_t*>(text.data()), text.size(), masks);
}

ByteKinds FindByteKinds(absl::string_view text) {
  const unsigned kinds =
      HWY_DYNAMIC_DISPATCH(FindKinds)(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  return {(kinds & 1) != 0, (kinds & 2) != 0};
}

}  // namespace newsprint::text
#endif  // HWY_ONCE
