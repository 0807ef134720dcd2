// A disk that is full, as far as this process can tell.
#ifndef NEWSPRINT_TESTS_TESTING_FILE_SIZE_LIMIT_H_
#define NEWSPRINT_TESTS_TESTING_FILE_SIZE_LIMIT_H_

#include <signal.h>
#include <sys/resource.h>

#include <cstdint>

namespace newsprint::testing {

// While it lives, no file of the process grows beyond a size: writes fail with EFBIG.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(uint64_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
};

}  // namespace newsprint::testing

#endif  // NEWSPRINT_TESTS_TESTING_FILE_SIZE_LIMIT_H_
