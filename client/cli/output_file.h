// A file that appears under its name only when it is complete.
#ifndef NEWSPRINT_CLIENT_CLI_OUTPUT_FILE_H_
#define NEWSPRINT_CLIENT_CLI_OUTPUT_FILE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace newsprint::cli {

// Lies beside the place it is meant for, under another name, until Commit(); goes away when it is
// destroyed before. Not thread-safe.
class OutputFile {
 public:
  // UNKNOWN, with the path, when a file of that name could not be written.
  static absl::StatusOr<std::unique_ptr<OutputFile>> Create(const std::string& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  // Writes `bytes` to disk and puts the file in its place, over one that may be there. Once only.
  absl::Status Commit(absl::string_view bytes);

 private:
  OutputFile(std::string path, std::string temporary, int descriptor);
  absl::Status Failed(absl::string_view what) const;

  const std::string path_;
  const std::string temporary_;
  int descriptor_;
  bool committed_ = false;
};

}  // namespace newsprint::cli

#endif  // NEWSPRINT_CLIENT_CLI_OUTPUT_FILE_H_
