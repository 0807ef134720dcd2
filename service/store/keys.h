// The keys of what is stored, and the column families.
#ifndef NEWSPRINT_SERVICE_STORE_KEYS_H_
#define NEWSPRINT_SERVICE_STORE_KEYS_H_

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/common/hash.h"
#include "service/common/types.h"
#include "service/store/codec.h"
#include "service/store/records.h"

namespace newsprint::store {

// The column family of bodies; all else is in the default one.
inline constexpr char kBodiesFamily[] = "bodies";

// A key is the collection's uid (4 bytes, big-endian), a tag, and what the tag calls for. Uid 0
// holds what belongs to the folder as a whole. Numbers in keys are big-endian;
// docs/storage-format.md lists them all.
enum Tag : char {
  kFormatTag = 'f',      // uid 0
  kNextUidTag = 'u',     // uid 0
  kCollectionTag = 'c',  // uid 0, then the collection's uid
  kStateTag = 'S',
  kArticleTag = 'A',      // ordinal
  kBodyTag = 'B',         // ordinal; in the column family "bodies"
  kSketchTag = 'K',       // ordinal
  kFingerprintTag = 'F',  // ordinal
  kVectorTag = 'V',       // generation, ordinal
  kPendingTag = 'E',      // generation, ordinal
  kTermsTag = 'H',        // ordinal
  kIdTag = 'I',           // article id
  kTextTag = 'X',         // text hash, ordinal
  kGroupTag = 'G',        // group
  kMemberTag = 'M',       // group, ordinal
  kChangeTag = 'D',       // number of the change
  kLessonTag = 'L',       // ordinal
  kTaughtTag = 'T',       // hash of an article's id, or of its text
  kBoilerplateTag = 'P',
  kRequestTag = 'R',      // request id
  kRequestRingTag = 'Q',  // place in the ring
  kTimeTag = 'O',         // an article's time, ordinal
};

inline std::string Key(uint32_t uid, Tag tag) {
  std::string key = KeyFixed32(uid);
  key.push_back(tag);
  return key;
}

inline std::string Key(uint32_t uid, Tag tag, absl::string_view rest) {
  std::string key = Key(uid, tag);
  key.append(rest.data(), rest.size());
  return key;
}

inline std::string OrdinalKey(uint32_t uid, Tag tag, Ordinal ordinal) {
  return Key(uid, tag, KeyFixed32(ordinal));
}

inline std::string HashKey(uint32_t uid, Tag tag, const Hash128& hash) {
  return Key(uid, tag, absl::StrCat(KeyFixed64(hash.high), KeyFixed64(hash.low)));
}

inline std::string TextKey(uint32_t uid, const Hash128& hash, Ordinal ordinal) {
  return absl::StrCat(HashKey(uid, kTextTag, hash), KeyFixed32(ordinal));
}

inline std::string MemberKey(uint32_t uid, GroupNumber group, Ordinal ordinal) {
  return Key(uid, kMemberTag, absl::StrCat(KeyFixed64(group), KeyFixed32(ordinal)));
}

inline std::string GenerationKey(uint32_t uid, Tag tag, uint32_t generation) {
  return Key(uid, tag, KeyFixed32(generation));
}

inline std::string GenerationKey(uint32_t uid, Tag tag, uint32_t generation, Ordinal ordinal) {
  return absl::StrCat(GenerationKey(uid, tag, generation), KeyFixed32(ordinal));
}

// Sorts by time, times before 1970 too.
inline std::string TimeKey(uint32_t uid, absl::Time time, Ordinal ordinal) {
  constexpr uint64_t kSignBit = uint64_t{1} << 63;
  const auto micros = static_cast<uint64_t>(absl::ToUnixMicros(time));
  return Key(uid, kTimeTag, absl::StrCat(KeyFixed64(micros ^ kSignBit), KeyFixed32(ordinal)));
}

// Of the rest of a TimeKey, behind the tag.
inline TimePlace ReadTimeKey(absl::string_view rest) {
  constexpr uint64_t kSignBit = uint64_t{1} << 63;
  const auto micros = static_cast<int64_t>(ReadKeyFixed64(rest) ^ kSignBit);
  return {absl::FromUnixMicros(micros), ReadKeyFixed32(rest.substr(sizeof(uint64_t)))};
}

// The first key behind all keys with `prefix`; empty when there is none.
inline std::string PrefixEnd(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (!prefix.empty()) ++prefix.back();
  return prefix;
}

}  // namespace newsprint::store

#endif  // NEWSPRINT_SERVICE_STORE_KEYS_H_
