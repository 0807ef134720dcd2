// Compares all that a client can see of the server with the reference.
#ifndef NEWSPRINT_TESTS_CRASH_VERIFIER_H_
#define NEWSPRINT_TESTS_CRASH_VERIFIER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/crash/reference.h"
#include "tests/crash/workload.h"
#include "tests/crash/writer.h"

namespace newsprint::crash {

// What a comparison has found.
struct Findings {
  int64_t calls = 0;         // compared
  int64_t lost = 0;          // acknowledged articles that are not there
  int64_t half_indexed = 0;  // stored articles that are not found by their text or subject
  int64_t wrong = 0;         // other answers than the reference's
  int64_t refused = 0;       // answered with an error of the store, where that is allowed
  std::vector<std::string> reports;

  void Add(const Findings& other);
  int64_t total() const { return lost + half_indexed + wrong; }
};

struct VerifyOptions {
  // Whether the server may answer INTERNAL, as the folder was damaged.
  bool damaged = false;
  // Whether the server has an earlier state than the workload.
  bool past = false;
  bool skip_related = false;  // leaves FindRelated out
  size_t sample = 40;         // articles that are asked about in all ways
  uint64_t seed = 0;
};

// All articles with their texts, all groups with their members, the changes to groups, the
// counters, and a sample of searches of one collection. Nobody may write meanwhile.
Findings Verify(const Stubs& stubs, const Reference& reference, const std::string& collection,
                Workload& workload, const VerifyOptions& options);

}  // namespace newsprint::crash

#endif  // NEWSPRINT_TESTS_CRASH_VERIFIER_H_
