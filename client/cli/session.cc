#include "client/cli/session.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <limits>
#include <ostream>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/article_text.h"
#include "client/cli/help.h"
#include "client/cli/interrupt.h"

namespace newsprint::cli {
namespace {

constexpr char kUsagePayload[] = "newsprint.cli/usage";
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitInterrupted = 130;  // as shells report SIGINT
constexpr size_t kAny = std::numeric_limits<size_t>::max();

struct Command {
  absl::string_view name;
  size_t args_min;
  size_t args_max;
  absl::Status (*run)(Session&, const Args&);
};

constexpr Command kCommands[] = {
    {"import", 1, kAny, RunImport},
    {"find", 0, 1, RunFind},
    {"related", 0, 1, RunRelated},
    {"compare", 2, 2, RunCompare},
    {"get", 1, 1, RunGet},
    {"delete", 1, kAny, RunDelete},
    {"groups", 0, 1, RunGroups},
    {"canonical", 1, 2, RunCanonical},
    {"merge", 2, 2, RunMerge},
    {"split", 2, kAny, RunSplit},
    {"watch", 0, 0, RunWatch},
    {"withdraw", 0, 1, RunWithdraw},
    {"reinstate", 0, 1, RunReinstate},
    {"affected", 0, 1, RunAffected},
    {"fingerprint", 1, kAny, RunFingerprint},
    {"stats", 0, 0, RunStats},
    {"collections", 0, 2, RunCollections},
    {"embedders", 0, 0, RunEmbedders},
    {"reembed", 0, 0, RunReembed},
    {"evaluate", 2, 2, RunEvaluate},
    {"train", 1, kAny, RunTrain},
    {"snapshots", 0, 2, RunSnapshots},
    {"backup", 1, 1, RunBackup},
    {"restore", 2, 2, RunRestore},
    {"check", 1, 1, RunCheck},
    {"token", 1, 1, RunToken},
};

absl::Status Dispatch(Session& session) {
  const std::vector<std::string>& words = session.settings.words;
  if (words.empty()) return UsageError("no command; \"newsprint help\" lists them");
  for (const std::string& word : words) {
    if (!client::IsValidUtf8(word)) return UsageError("an argument is not valid UTF-8");
  }
  const Args args(words.begin() + 1, words.end());
  if (words[0] == "help") {
    if (args.empty()) {
      session.out << GeneralHelp();
      return absl::OkStatus();
    }
    const absl::string_view text = CommandHelp(args[0]);
    if (text.empty()) return UsageError(absl::StrCat("no such command: ", args[0]));
    session.out << text;
    return absl::OkStatus();
  }
  for (const Command& command : kCommands) {
    if (words[0] != command.name) continue;
    if (args.size() < command.args_min || args.size() > command.args_max) {
      return UsageError(absl::StrCat(command.name, ": too ",
                                     args.size() < command.args_min ? "few" : "many",
                                     " arguments; see \"newsprint help ", command.name, "\""));
    }
    return command.run(session, args);
  }
  return UsageError(absl::StrCat("unknown command: ", words[0], "; \"newsprint help\" lists them"));
}

std::string OneLine(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"\n", " "}, {"\r", " "}});
}

// Whether the server itself said UNAVAILABLE, because of something that it needs, and not gRPC,
// because it did not get there. The code is the same, but the server's messages begin with what
// they are about (docs/errors.md).
bool IsFromServer(absl::string_view message) {
  constexpr absl::string_view kSubjects[] = {"collection", "embedder", "embedding",
                                             "server",     "snapshot", "store"};
  const absl::string_view word = message.substr(0, message.find_first_of(": _"));
  return std::find(std::begin(kSubjects), std::end(kSubjects), word) != std::end(kSubjects);
}

}  // namespace

absl::Status UsageError(absl::string_view message) {
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kUsagePayload, absl::Cord());
  return status;
}

int RunCommand(Session& session) {
  const absl::Status status = Dispatch(session);
  session.out.flush();
  if (status.ok()) {
    if (session.out.good()) return 0;
    session.err << "newsprint: cannot write to standard output\n";
    return kExitFailed;
  }
  const std::string message = OneLine(status.message());
  if (status.GetPayload(kUsagePayload)) {
    session.err << "newsprint: " << message << "\n";
    return kExitUsage;
  }
  if (Interrupted() && absl::IsCancelled(status)) {
    session.err << "newsprint: interrupted\n";
    return kExitInterrupted;
  }
  if (status.code() == absl::StatusCode::kUnavailable && !IsFromServer(message)) {
    session.err << "newsprint: cannot reach " << session.settings.target << ": " << message << "\n";
  } else if (status.code() == absl::StatusCode::kDeadlineExceeded) {
    session.err << "newsprint: no answer from " << session.settings.target
                << " in time: " << message << "\n";
  } else if (absl::IsUnimplemented(status) && message.empty()) {  // gRPC says no more than the code
    session.err << "newsprint: the server does not know this call here; it is older than this "
                   "program, or has it on another address, --admin_listen (UNIMPLEMENTED)\n";
  } else if (absl::IsUnauthenticated(status)) {
    session.err << "newsprint: " << message
                << " (UNAUTHENTICATED); give the server's kind of credential: --token_file=FILE, "
                   "NEWSPRINT_TOKEN, or --tls_cert and --tls_key\n";
  } else if (status.code() == absl::StatusCode::kUnknown) {
    session.err << "newsprint: " << message << "\n";
  } else {
    session.err << "newsprint: " << message << " (" << absl::StatusCodeToString(status.code())
                << ")\n";
  }
  return kExitFailed;
}

}  // namespace newsprint::cli
