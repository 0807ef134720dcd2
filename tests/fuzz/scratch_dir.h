// A folder for files that a target needs, in memory where the system has such a place.
#ifndef NEWSPRINT_TESTS_FUZZ_SCRATCH_DIR_H_
#define NEWSPRINT_TESTS_FUZZ_SCRATCH_DIR_H_

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "absl/strings/string_view.h"
#include "tests/fuzz/targets.h"

namespace newsprint::fuzz {

// Goes with the object and all that is in it; not when the process is ended. Thread-compatible.
class ScratchDir {
 public:
  ScratchDir() {
    std::error_code error;
    const char* memory = "/dev/shm";
    const std::filesystem::path base = std::filesystem::is_directory(memory, error)
                                           ? std::filesystem::path(memory)
                                           : std::filesystem::temp_directory_path();
    path_ = (base / "newsprint_fuzz_XXXXXX").string();
    Require(mkdtemp(path_.data()) != nullptr, "there is room for a folder");
  }
  ~ScratchDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchDir(const ScratchDir&) = delete;
  ScratchDir& operator=(const ScratchDir&) = delete;

  const std::string& path() const { return path_; }
  // Writes a file, over an older one of that name, and returns its path.
  std::string Write(const std::string& name, absl::string_view bytes) const {
    const std::string path = path_ + "/" + name;
    std::ofstream(path, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return path;
  }

 private:
  std::string path_;
};

}  // namespace newsprint::fuzz

#endif  // NEWSPRINT_TESTS_FUZZ_SCRATCH_DIR_H_
