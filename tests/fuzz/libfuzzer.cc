// The program of one target: compiled with NEWSPRINT_FUZZ_TARGET as the name of its function.
#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  newsprint::fuzz::NEWSPRINT_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
