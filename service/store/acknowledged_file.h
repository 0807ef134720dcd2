// Remembers how far the data folder was acknowledged, so that a start notices when the database
// holds less: a part of the write-ahead log that is damaged or gone looks like one that was never
// written.
#ifndef NEWSPRINT_SERVICE_STORE_ACKNOWLEDGED_FILE_H_
#define NEWSPRINT_SERVICE_STORE_ACKNOWLEDGED_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace newsprint::store {

// The file DIR/ACKNOWLEDGED: 8 bytes of format, the database's sequence number of the last write
// that was synced before it was acknowledged, and a checksum of that number, 8 bytes each,
// little-endian. It is written after each sync of the log and never synced itself, as it must not
// be ahead of the log: after a power failure it may be half a minute behind, after a kill it is
// not. Not thread-safe.
class AcknowledgedFile {
 public:
  static constexpr absl::string_view kName = "ACKNOWLEDGED";

  // The number in the file of a folder, which is not changed; 0 when there is none. DATA_LOSS when
  // it is damaged, UNAVAILABLE when it cannot be read.
  static absl::StatusOr<uint64_t> Read(const std::string& data_dir);
  // Opens or makes it in a folder that exists. Errors as of Read.
  static absl::StatusOr<AcknowledgedFile> Open(const std::string& data_dir);
  AcknowledgedFile(AcknowledgedFile&& other) noexcept;
  AcknowledgedFile& operator=(AcknowledgedFile&& other) noexcept;
  ~AcknowledgedFile();

  // 0: nothing was acknowledged yet.
  uint64_t sequence() const { return sequence_; }
  // An error of the disk is left alone: the file is then behind, and the check of the next start
  // weaker.
  void Write(uint64_t sequence);

 private:
  AcknowledgedFile(int file, uint64_t sequence) : file_(file), sequence_(sequence) {}

  int file_ = -1;
  uint64_t sequence_ = 0;
};

}  // namespace newsprint::store

#endif  // NEWSPRINT_SERVICE_STORE_ACKNOWLEDGED_FILE_H_
