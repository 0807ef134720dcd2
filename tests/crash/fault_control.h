// What the crash test tells libfault_injection.so inside the server, and what that tells back: a
// file that both map.
#ifndef NEWSPRINT_TESTS_CRASH_FAULT_CONTROL_H_
#define NEWSPRINT_TESTS_CRASH_FAULT_CONTROL_H_

#include <atomic>
#include <cstdint>

namespace newsprint::crash {

// Environment of the server: the folder below which calls fail, and the control file.
inline constexpr char kFaultFolderVariable[] = "NEWSPRINT_FAULT_FOLDER";
inline constexpr char kFaultControlVariable[] = "NEWSPRINT_FAULT_CONTROL";

// All zero: no faults. Counts fall to 0 as faults are injected; kUntilLifted stays.
struct FaultControl {
  static constexpr int32_t kUntilLifted = -1;

  // Whether the disk has an end, and how many bytes files may still grow (ENOSPC beyond).
  std::atomic<int32_t> disk_limited;
  std::atomic<int64_t> bytes_left;
  std::atomic<int32_t> sync_errors;   // EIO on so many calls of fsync and its like
  std::atomic<int32_t> write_errors;  // EIO on so many calls of write and its like
  // Each so many-th write takes a part of its bytes only. 0: none.
  std::atomic<int32_t> short_write_period;
  std::atomic<int32_t> delay_us;      // before each sync, and a tenth of it before each write
  std::atomic<int32_t> table_errors;  // EIO on so many writes of tables, blob files and manifests

  // Told back.
  std::atomic<int64_t> writes;
  std::atomic<int64_t> syncs;
  std::atomic<int64_t> injected;            // calls that failed or wrote a part
  std::atomic<int64_t> injected_in_tables;  // of these, on tables, blob files and manifests
  std::atomic<int64_t> room_limited;        // questions for free room that the limit answered
  std::atomic<int64_t> delayed;
};

}  // namespace newsprint::crash

#endif  // NEWSPRINT_TESTS_CRASH_FAULT_CONTROL_H_
