// The texts of `newsprint help`.
#ifndef NEWSPRINT_CLIENT_CLI_HELP_H_
#define NEWSPRINT_CLIENT_CLI_HELP_H_

#include "absl/strings/string_view.h"

namespace newsprint::cli {

// One screen: all commands and the flags that they share.
absl::string_view GeneralHelp();

// What one command does, its flags and an example. Empty when there is no such command.
absl::string_view CommandHelp(absl::string_view command);

}  // namespace newsprint::cli

#endif  // NEWSPRINT_CLIENT_CLI_HELP_H_
