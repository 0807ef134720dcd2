// The values of one threshold that `newsprint evaluate duplicates --sweep` goes through. Pure
// functions.
#ifndef NEWSPRINT_CLIENT_CLI_SWEEP_H_
#define NEWSPRINT_CLIENT_CLI_SWEEP_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "newsprint/v1/article.pb.h"

namespace newsprint::cli {

struct Sweep {
  static constexpr size_t kValuesMax = 50;

  std::string threshold;  // a field of v1::Thresholds
  // One message for each value, rising; nothing but the threshold is set.
  std::vector<v1::Thresholds> values;
};

// Reads "THRESHOLD=FROM:TO:STEP". The values are FROM, FROM + STEP and so on up to TO, at most 50;
// those of a threshold that is an integer are whole numbers. INVALID_ARGUMENT when it is not of
// this form. Whether the values are in the threshold's range is for the server to say.
absl::StatusOr<Sweep> ParseSweep(absl::string_view text);

}  // namespace newsprint::cli

#endif  // NEWSPRINT_CLIENT_CLI_SWEEP_H_
