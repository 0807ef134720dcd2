// What every command of the CLI is given, and how it says that something went wrong.
#ifndef NEWSPRINT_CLIENT_CLI_SESSION_H_
#define NEWSPRINT_CLIENT_CLI_SESSION_H_

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "client/client.h"
#include "newsprint/v1/admin_service.pb.h"

namespace newsprint::cli {

// The command line, read once in main.cc. Zero and absent mean that the flag was not given.
struct Settings {
  std::vector<std::string> words;  // command and its arguments
  std::string target = "127.0.0.1:7420";
  std::string collection = "default";
  bool json = false;
  absl::Duration deadline = absl::Seconds(30);
  int64_t limit = 0;
  int64_t members_min = 0;
  // related: these eight; the times as they were typed
  absl::optional<double> score_min;
  bool include_duplicates = false;
  std::string half_life;
  std::vector<std::string> sources;
  std::vector<std::string> languages;
  std::string since;
  std::string until;
  absl::optional<double> diversity;
  bool skip_related = false;  // import
  bool withdrawn = false;     // groups
  bool by_policy = false;     // canonical
  std::string group;          // groups, withdraw, reinstate, affected
  std::string reason;         // withdraw: these three
  std::string note;
  std::string replacement;
  absl::optional<int64_t> after;  // watch
  std::string file;               // find, related
  std::string pairs;              // evaluate duplicates
  int64_t show_errors = 0;
  std::string sweep;
  std::string output;  // train, token; train alone: the next three
  int64_t epochs = 0;
  int64_t seed = 1;
  absl::optional<double> held_out;
  std::string embedder;  // reembed: these three; also in `new_collection`
  bool wait = true;
  bool cancel = false;
  absl::optional<int64_t> retention_seconds;  // collections: these three; also in `new_collection`
  absl::optional<int64_t> retention_articles;
  std::string durability;
  // backup: how long the server may be away, and the longest pause between attempts. No flags.
  absl::Duration away_max = absl::Minutes(10);
  absl::Duration pause_max = absl::Seconds(5);
  // Settings of a collection that the command creates; its name is filled in there.
  v1::Collection new_collection;
};

struct Session {
  const Settings& settings;
  client::Client client;
  std::ostream& out;
  std::ostream& err;
  bool err_is_terminal = false;
  // Width that tables on `out` are cut to. 0 means not at all.
  int columns = 0;
};

// An error of usage: exit code 2 instead of 1.
absl::Status UsageError(absl::string_view message);

// Runs the command that `session.settings.words` names. Returns the exit code: 0, 1 when something
// failed, 2 for a wrong command line, 130 after an interrupt. Each failure is one line on
// `session.err`.
int RunCommand(Session& session);

// The commands. Their arguments are `args`, words after the command itself.
using Args = std::vector<std::string>;
absl::Status RunImport(Session& session, const Args& args);
absl::Status RunFind(Session& session, const Args& args);
absl::Status RunRelated(Session& session, const Args& args);
absl::Status RunCompare(Session& session, const Args& args);
absl::Status RunGet(Session& session, const Args& args);
absl::Status RunDelete(Session& session, const Args& args);
absl::Status RunGroups(Session& session, const Args& args);
absl::Status RunCanonical(Session& session, const Args& args);
absl::Status RunMerge(Session& session, const Args& args);
absl::Status RunSplit(Session& session, const Args& args);
absl::Status RunWatch(Session& session, const Args& args);
absl::Status RunWithdraw(Session& session, const Args& args);
absl::Status RunReinstate(Session& session, const Args& args);
absl::Status RunAffected(Session& session, const Args& args);
absl::Status RunFingerprint(Session& session, const Args& args);
absl::Status RunStats(Session& session, const Args& args);
absl::Status RunCollections(Session& session, const Args& args);
absl::Status RunEmbedders(Session& session, const Args& args);
absl::Status RunReembed(Session& session, const Args& args);
absl::Status RunEvaluate(Session& session, const Args& args);
absl::Status RunTrain(Session& session, const Args& args);
absl::Status RunSnapshots(Session& session, const Args& args);
absl::Status RunBackup(Session& session, const Args& args);
absl::Status RunRestore(Session& session, const Args& args);
absl::Status RunCheck(Session& session, const Args& args);
absl::Status RunToken(Session& session, const Args& args);

}  // namespace newsprint::cli

#endif  // NEWSPRINT_CLIENT_CLI_SESSION_H_
