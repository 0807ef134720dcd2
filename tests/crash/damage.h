// Damage to the files of a stopped server.
#ifndef NEWSPRINT_TESTS_CRASH_DAMAGE_H_
#define NEWSPRINT_TESTS_CRASH_DAMAGE_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/crash/workload.h"

namespace newsprint::crash {

enum class FileKind {
  kTable,         // *.sst
  kBlob,          // *.blob
  kLog,           // *.log, the write-ahead log
  kManifest,      // MANIFEST-*
  kCurrent,       // CURRENT
  kOptions,       // OPTIONS-*
  kIdentity,      // IDENTITY
  kAcknowledged,  // ACKNOWLEDGED
  kLock,          // LOCK
};
inline constexpr std::array<FileKind, 9> kFileKinds = {
    FileKind::kTable,    FileKind::kBlob,         FileKind::kLog,
    FileKind::kManifest, FileKind::kCurrent,      FileKind::kOptions,
    FileKind::kIdentity, FileKind::kAcknowledged, FileKind::kLock};

enum class DamageKind { kFlipBytes, kTruncate, kRemove };
inline constexpr std::array<DamageKind, 3> kDamageKinds = {
    DamageKind::kFlipBytes, DamageKind::kTruncate, DamageKind::kRemove};

std::string Name(FileKind kind);
std::string Name(DamageKind kind);

// Files of this kind in a data folder that are not empty, except for those that may be; ascending.
std::vector<std::string> FilesOf(const std::string& data_dir, FileKind kind);
// Whether there is anything to damage in this way: LOCK is empty.
bool CanDamage(FileKind kind, DamageKind damage);
// Damages a file at random places. Returns what was done, for people; empty when nothing could be.
std::string Damage(const std::string& path, DamageKind kind, Dice& dice);

}  // namespace newsprint::crash

#endif  // NEWSPRINT_TESTS_CRASH_DAMAGE_H_
