// A folder for the files of a test, and reading them back.
#ifndef NEWSPRINT_TESTS_TESTING_TEMP_DIR_H_
#define NEWSPRINT_TESTS_TESTING_TEMP_DIR_H_

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

namespace newsprint::testing {

// A new, empty folder below TMPDIR (or /tmp), which goes with the object and all that is in it.
// Dies with a message when it cannot be made. Not thread-safe, but many threads may use the folder.
class TempDir {
 public:
  TempDir() {
    path_ = (std::filesystem::temp_directory_path() / "newsprint_test_XXXXXX").string();
    if (mkdtemp(path_.data()) != nullptr) return;
    std::perror("mkdtemp");
    std::abort();
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  // The path of a file of that name in the folder, whether it is there or not.
  std::string File(const std::string& name) const { return path_ + "/" + name; }
  // Writes a file, over an older one of that name, and returns its path.
  std::string Write(const std::string& name, const std::string& bytes) const {
    std::ofstream(File(name), std::ios::binary) << bytes;
    return File(name);
  }

 private:
  std::string path_;
};

// What is in a file; nothing when it cannot be read.
inline std::string ReadBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace newsprint::testing

#endif  // NEWSPRINT_TESTS_TESTING_TEMP_DIR_H_
