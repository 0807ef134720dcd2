// What newsprintd can be told, on its command line and in flag files.
//
// A flag is one row of the table in flags.cc: group, name, what a value is, the limits, what it
// does, and the option that it sets. Its default is that of the option. Help, limits and errors
// follow from the row, so a new flag is one new row and nothing else. Abseil's flags know neither
// groups nor limits, and refuse in their own words and with their own exit code.
#ifndef NEWSPRINT_SERVICE_FLAGS_H_
#define NEWSPRINT_SERVICE_FLAGS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/engine/engine.h"
#include "service/rpc/server.h"

namespace newsprint {

struct Options {
  Engine::Options engine;
  rpc::ServerOptions server;
  // What running calls get to end after SIGTERM.
  absl::Duration drain = absl::Seconds(10);
  // HOST:PORT for metrics, liveness and readiness over HTTP; empty: none.
  std::string metrics_listen;
  // debug, info, warning or error.
  std::string log_level = "info";

  // Do only this, and end.
  bool check_config = false;
  bool help = false;
  bool version = false;
};

// Reads the words of a command line (without the program's name): `--name=value`, `--name value`,
// `--name` for a flag that is true or false, and `--flagfile=FILE` for a file with one such word
// a line ("#" begins a comment line). The last value of a flag counts. INVALID_ARGUMENT names the
// flag, what it got and its limits. Values are checked one by one, and CheckOptions is not called.
absl::StatusOr<Options> ReadFlags(const std::vector<std::string>& words);

// INVALID_ARGUMENT when something required is missing, or flags do not go together. Looks at
// nothing outside of the options.
absl::Status CheckOptions(const Options& options);

// Beyond that, all that can be told without listening and without opening the store: whether files
// and folders are there and may be used. Changes nothing. FAILED_PRECONDITION or INVALID_ARGUMENT
// names the flag.
absl::Status CheckSurroundings(const Options& options);

// The text of --help: flags in groups, with unit, default and limits, for 80 columns.
std::string FlagsHelp();

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_FLAGS_H_
