#include "service/flags.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "service/common/status_macros.h"
#include "service/engine/embedders.h"

namespace newsprint {
namespace {

constexpr size_t kHelpColumns = 80;
constexpr int64_t kBytesMost = int64_t{1} << 40;

struct Flag {
  std::string name;
  std::string unit;  // what a value is; empty for a flag that is true or false
  std::string help;
  std::string default_value;  // empty: none
  std::string limits;         // empty: any
  // Sets the option, or says what is wrong, without the name.
  std::function<absl::Status(const std::string& value)> set;
};

struct FlagGroup {
  std::string title;
  std::vector<Flag> flags;
};

Flag WithNumber(std::string name, std::string unit, int64_t value, int64_t least, int64_t most,
                std::string help, std::function<void(int64_t)> store) {
  const std::string limits = absl::StrCat(least, " to ", most);
  auto set = [=](const std::string& text) {
    int64_t number = 0;
    if (!absl::SimpleAtoi(text, &number)) {
      return absl::InvalidArgumentError(
          absl::StrCat("not a whole number, got \"", text, "\", limit ", limits));
    }
    if (number < least || number > most) {
      return absl::InvalidArgumentError(
          absl::StrCat("out of range, got ", number, ", limit ", limits));
    }
    store(number);
    return absl::OkStatus();
  };
  return {std::move(name),     std::move(unit), std::move(help),
          absl::StrCat(value), limits,          std::move(set)};
}

// `most` is within the type of the option.
template <typename Integer>
Flag Number(std::string name, std::string unit, Integer* option, int64_t least, int64_t most,
            std::string help) {
  return WithNumber(std::move(name), std::move(unit), static_cast<int64_t>(*option), least, most,
                    std::move(help),
                    [option](int64_t number) { *option = static_cast<Integer>(number); });
}

Flag Seconds(std::string name, absl::Duration* option, int64_t least, int64_t most,
             std::string help) {
  return WithNumber(std::move(name), "seconds", absl::ToInt64Seconds(*option), least, most,
                    std::move(help), [option](int64_t number) { *option = absl::Seconds(number); });
}

Flag Text(std::string name, std::string unit, std::string* option, std::string help) {
  auto set = [option](const std::string& text) {
    *option = text;
    return absl::OkStatus();
  };
  return {std::move(name), std::move(unit), std::move(help), *option, "", std::move(set)};
}

// With commas between the parts.
Flag Texts(std::string name, std::string unit, std::vector<std::string>* option, std::string help) {
  auto set = [option](const std::string& text) {
    *option = absl::StrSplit(text, ',', absl::SkipWhitespace());
    return absl::OkStatus();
  };
  return {std::move(name), std::move(unit), std::move(help), absl::StrJoin(*option, ","), "",
          std::move(set)};
}

Flag OneOf(std::string name, std::string unit, std::string* option, std::vector<std::string> values,
           std::string help) {
  const std::string limits = absl::StrJoin(values, ", ");
  auto set = [option, values, limits](const std::string& text) {
    if (std::find(values.begin(), values.end(), text) == values.end()) {
      return absl::InvalidArgumentError(absl::StrCat("got \"", text, "\", limit ", limits));
    }
    *option = text;
    return absl::OkStatus();
  };
  return {std::move(name), std::move(unit), std::move(help), *option, limits, std::move(set)};
}

Flag Switch(std::string name, bool* option, std::string help) {
  auto set = [option](const std::string& text) {
    if (text != "true" && text != "false") {
      return absl::InvalidArgumentError(absl::StrCat("got \"", text, "\", limit true, false"));
    }
    *option = text == "true";
    return absl::OkStatus();
  };
  return {std::move(name), "", std::move(help), *option ? "true" : "false", "", std::move(set)};
}

// Absent unless given.
Flag Switch(std::string name, std::optional<bool>* option, std::string help) {
  auto set = [option](const std::string& text) {
    bool value = false;
    RETURN_IF_ERROR(Switch("", &value, "").set(text));
    *option = value;
    return absl::OkStatus();
  };
  return {std::move(name), "", std::move(help), "", "", std::move(set)};
}

Flag ClientAuthFlag(std::string name, std::optional<rpc::ClientAuth>* option, std::string help) {
  auto set = [option](const std::string& text) {
    std::string known;
    RETURN_IF_ERROR(OneOf("", "", &known, {"none", "request", "require"}, "").set(text));
    *option = known == "none"      ? rpc::ClientAuth::kNone
              : known == "request" ? rpc::ClientAuth::kRequest
                                   : rpc::ClientAuth::kRequire;
    return absl::OkStatus();
  };
  return {std::move(name), "mode", std::move(help), "", "none, request, require", std::move(set)};
}

FlagGroup Listening(Options* options) {
  rpc::ServerOptions* server = &options->server;
  return {"Listening",
          {Text("listen", "HOST:PORT", &server->listen,
                "Where to listen. Port 0 picks a free one. Other addresses than loopback ones want "
                "tls_cert and tls_key, or allow_plaintext."),
           Seconds("keepalive_seconds", &server->keepalive, 1, 7200,
                   "Silence after which a client is asked for a sign of life. When none comes in "
                   "the same time, its connection is closed."),
           Seconds("drain_seconds", &options->drain, 0, 3600,
                   "What running calls get to end after SIGTERM.")}};
}

FlagGroup Security(Options* options) {
  rpc::SecurityOptions* security = &options->server.security;
  return {
      "Security",
      {Text("tls_cert", "path", &security->tls.cert,
            "Certificate of the server, PEM, with its chain behind it. With it and tls_key all "
            "listeners use TLS. Read again when it changes, as the other files here are."),
       Text("tls_key", "path", &security->tls.key,
            "Private key of that certificate, PEM, without a password."),
       Text("tls_client_ca", "path", &security->tls.client_ca,
            "Roots of the certificates of clients, PEM."),
       ClientAuthFlag("tls_client_auth", &security->tls.client_auth,
                      "Whether clients need a certificate; request: one that is there has to be "
                      "good. When absent: require with tls_client_ca, else none."),
       Switch("allow_plaintext", &security->allow_plaintext,
              "Listen without TLS on other addresses than loopback ones."),
       Text("access_file", "path", &security->access_file,
            "JSON file of identities, with hashes of tokens, roles and limits. Without it "
            "whoever can connect may do everything."),
       Text("admin_listen", "HOST:PORT", &security->admin_listen,
            "A second listener, with all services. AdminService is on no other one then."),
       Switch("reflection", &security->reflection,
              "Tell everybody who asks what calls there are (gRPC reflection). When absent: "
              "unless there is an access_file.")}};
}

FlagGroup Storage(Options* options) {
  store::Store::Options* store = &options->engine.store;
  return {"Storage",
          {Text("data_dir", "path", &store->data_dir,
                "Folder with all data. Required. Made when absent, but not its parents."),
           Number("block_cache_bytes", "bytes", &store->block_cache_bytes, 1 << 20, INT32_MAX,
                  "Cache of stored records."),
           Number("disk_reserve_bytes", "bytes", &store->disk_reserve_bytes, 0, kBytesMost,
                  "With less free on the disk of data_dir, writes are refused with "
                  "UNAVAILABLE.")}};
}

FlagGroup Limits(Options* options) {
  rpc::Limits* limits = &options->server.limits;
  return {"Limits",
          {Number("message_bytes_max", "bytes", &limits->message_bytes_max, 1 << 16, 1 << 30,
                  "Largest request."),
           Number("body_bytes_max", "bytes", &limits->body_bytes_max, 1, 64 << 20,
                  "Longest body of an article."),
           Number("title_bytes_max", "bytes", &limits->title_bytes_max, 1, 1 << 16,
                  "Longest title of an article."),
           Number("batch_items_max", "items", &limits->batch_items_max, 1, 100'000,
                  "Most items in a batch request."),
           Number("stream_window_items", "requests", &limits->stream_window_items, 1, 1 << 16,
                  "What one StreamIngest may read ahead of its answers."),
           Number("stream_window_bytes", "bytes", &limits->stream_window_bytes, 1 << 16, 1 << 30,
                  "The same in bytes.")}};
}

FlagGroup Overload(Options* options) {
  rpc::ServerOptions* server = &options->server;
  return {"Overload",
          {Number("compute_threads", "threads", &server->compute_threads, 0, 1024,
                  "Parse, normalise, decide and search. 0: one for each core."),
           Number("queue_items_max", "calls", &server->queue_items_max, 1, 1'000'000,
                  "Unary calls that may be under way; further ones are refused with "
                  "RESOURCE_EXHAUSTED. And, apart from them, requests of streams; they are read "
                  "more slowly then."),
           Number("queue_bytes_max", "bytes", &server->queue_bytes_max, 1 << 20, kBytesMost,
                  "The same in bytes, and of answers that are not taken yet."),
           Number("connection_calls_max", "calls", &server->connection_calls_max, 1, 1 << 16,
                  "Calls, streams among them, that one connection may have open. Its client holds "
                  "back further ones."),
           Number("grpc_bytes_max", "bytes", &server->grpc_bytes_max, 16 << 20, kBytesMost,
                  "What gRPC may hold in buffers; beyond it breaks off calls. No less than "
                  "queue_bytes_max and twice message_bytes_max.")}};
}

FlagGroup Embedding(Options* options) {
  Embedders::Options* embedders = &options->engine.embedders;
  return {"Embedding",
          {Text("models_dir", "path", &embedders->models_dir,
                "Folder of models that collections may be embedded with: NAME.model files that "
                "\"newsprint train\" has written, and Model2Vec folders NAME."),
           Texts("remote_embedders", "list", &embedders->remote,
                 "Embedding servers that collections may use, with commas between them: "
                 "NAME=tei://HOST:PORT or NAME=kserve://HOST:PORT/MODEL.")}};
}

FlagGroup Logging(Options* options) {
  return {
      "Logging",
      {OneOf("log_level", "level", &options->log_level, {"debug", "info", "warning", "error"},
             "What is written to standard error: this and what is more severe."),
       WithNumber(
           "slow_call_ms", "milliseconds", absl::ToInt64Milliseconds(options->server.slow_call), 0,
           3'600'000, "Calls that take so long are logged, with the time of each step. 0: none.",
           [options](int64_t number) { options->server.slow_call = absl::Milliseconds(number); })}};
}

FlagGroup Monitoring(Options* options) {
  return {"Monitoring",
          {Text("metrics_listen", "HOST:PORT", &options->metrics_listen,
                "Where to serve /metrics for Prometheus, /healthz and /readyz, over plain HTTP to "
                "whoever can connect: on a loopback address or a trusted network. HOST is an "
                "address, or localhost.")}};
}

constexpr char kFlagFile[] = "flagfile";

FlagGroup Running(Options* options) {
  // Read before all others, by ReadFlags.
  Flag flag_file = {kFlagFile, "path", "Read flags from this file, one on a line, as here.",
                    "",        "",     nullptr};
  return {"Running",
          {std::move(flag_file),
           Switch("check_config", &options->check_config,
                  "Check flags, files and folders without starting. Prints \"configuration ok\"; "
                  "else one line, and the exit code is 2."),
           Switch("help", &options->help, "Print this."),
           Switch("version", &options->version, "Print the version.")}};
}

// All flags, in the order of --help.
std::vector<FlagGroup> Table(Options* options) {
  return {Listening(options), Security(options),   Storage(options),
          Limits(options),    Overload(options),   Embedding(options),
          Logging(options),   Monitoring(options), Running(options)};
}

// Sets options by words.
class Reader {
 public:
  explicit Reader(Options* options) {
    for (FlagGroup& group : Table(options)) {
      for (Flag& flag : group.flags) flags_.push_back(std::move(flag));
    }
  }

  absl::Status Read(const std::vector<std::string>& words) {
    for (size_t i = 0; i < words.size(); ++i) {
      ASSIGN_OR_RETURN(auto split, Split(words[i]));
      auto& [flag, value] = split;
      if (!value.has_value()) {
        if (i + 1 == words.size()) {
          return absl::InvalidArgumentError(absl::StrCat(flag->name, ": value missing"));
        }
        value = words[++i];
      }
      if (flag->name == kFlagFile) {
        RETURN_IF_ERROR(ReadFile(*value));
      } else if (const absl::Status set = flag->set(*value); !set.ok()) {
        return absl::InvalidArgumentError(absl::StrCat(flag->name, ": ", set.message()));
      }
    }
    return absl::OkStatus();
  }

 private:
  using FlagAndValue = std::pair<const Flag*, absl::optional<std::string>>;

  // The value is missing where it is the next word.
  absl::StatusOr<FlagAndValue> Split(absl::string_view word) const {
    if (!absl::StartsWith(word, "--") || word.size() == 2) {
      return absl::InvalidArgumentError(
          absl::StrCat("unexpected argument, got \"", word, "\"; see newsprintd --help"));
    }
    const size_t equals = word.find('=');
    const absl::string_view name = word.substr(2, equals - 2);
    const auto flag = std::find_if(flags_.begin(), flags_.end(),
                                   [name](const Flag& known) { return known.name == name; });
    if (flag == flags_.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": no such flag; see newsprintd --help"));
    }
    if (equals != absl::string_view::npos) {
      return FlagAndValue(&*flag, std::string(word.substr(equals + 1)));
    }
    if (flag->unit.empty()) return FlagAndValue(&*flag, "true");
    return FlagAndValue(&*flag, absl::nullopt);
  }

  absl::Status ReadFile(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    for (int number = 1; std::getline(file, line); ++number) {
      absl::StripAsciiWhitespace(&line);
      if (line.empty() || line[0] == '#') continue;
      absl::Status read;
      if (absl::StartsWith(line, absl::StrCat("--", kFlagFile))) {
        read = absl::InvalidArgumentError("flagfile: not in a flag file");
      } else {
        read = Read({line});
      }
      if (!read.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat(read.message(), " (", path, ", line ", number, ")"));
      }
    }
    if (!file.eof()) {
      return absl::InvalidArgumentError(absl::StrCat("flagfile: cannot be read, got ", path));
    }
    return absl::OkStatus();
  }

  std::vector<Flag> flags_;
};

absl::Status CheckFolder(absl::string_view flag, const std::string& path, int access_mode) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(flag, ": ", std::strerror(errno), ", got ", path));
  }
  if (!S_ISDIR(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(flag, ": not a folder, got ", path));
  }
  if (access(path.c_str(), access_mode) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(flag, ": ", std::strerror(errno), ", got ", path));
  }
  return absl::OkStatus();
}

absl::Status CheckDataFolder(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  struct stat info = {};
  if (stat(path.c_str(), &info) == 0 || errno != ENOENT) {
    return CheckFolder("data_dir", path, R_OK | W_OK | X_OK);
  }
  const size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  return CheckFolder("data_dir", parent, W_OK | X_OK);
}

void AppendWrapped(absl::string_view text, std::string* out) {
  constexpr absl::string_view kIndent = "      ";
  size_t column = 0;
  for (const absl::string_view word : absl::StrSplit(text, ' ')) {
    if (column == 0 || column + 1 + word.size() > kHelpColumns) {
      absl::StrAppend(out, column == 0 ? "" : "\n", kIndent, word);
      column = kIndent.size() + word.size();
    } else {
      absl::StrAppend(out, " ", word);
      column += 1 + word.size();
    }
  }
  absl::StrAppend(out, "\n");
}

void AppendFlag(const Flag& flag, std::string* out) {
  if (flag.unit.empty()) {
    absl::StrAppend(out, "  --", flag.name, "\n");
    AppendWrapped(flag.help, out);
    return;
  }
  absl::StrAppend(out, "  --", flag.name, "=", absl::AsciiStrToUpper(flag.unit), "\n");
  AppendWrapped(flag.help, out);
  AppendWrapped(
      absl::StrCat("Default: ", flag.default_value.empty() ? "none" : flag.default_value,
                   flag.limits.empty() ? "." : "; ", flag.limits, flag.limits.empty() ? "" : "."),
      out);
}

}  // namespace

absl::StatusOr<Options> ReadFlags(const std::vector<std::string>& words) {
  Options options;
  RETURN_IF_ERROR(Reader(&options).Read(words));
  return options;
}

absl::Status CheckOptions(const Options& options) {
  if (options.engine.store.data_dir.empty()) {
    return absl::InvalidArgumentError("data_dir: required, got nothing; see newsprintd --help");
  }
  const rpc::ServerOptions& server = options.server;
  const int64_t grpc_bytes_least =
      std::max(server.queue_bytes_max, int64_t{2} * server.limits.message_bytes_max);
  if (server.grpc_bytes_max < grpc_bytes_least) {
    return absl::InvalidArgumentError(
        absl::StrCat("grpc_bytes_max: less than queue_bytes_max or twice message_bytes_max, got ",
                     server.grpc_bytes_max, ", limit ", grpc_bytes_least, " or more"));
  }
  if (!options.metrics_listen.empty()) {
    RETURN_IF_ERROR(rpc::CheckListenAddress(options.metrics_listen, "metrics_listen"));
  }
  return rpc::CheckSecurity(server);
}

absl::Status CheckSurroundings(const Options& options) {
  RETURN_IF_ERROR(CheckDataFolder(options.engine.store.data_dir));
  RETURN_IF_ERROR(rpc::CheckSecurityFiles(options.server.security));
  const Embedders::Options& embedders = options.engine.embedders;
  RETURN_IF_ERROR(Embedders::Create(embedders).status());
  if (embedders.models_dir.empty()) return absl::OkStatus();
  return CheckFolder("models_dir", embedders.models_dir, R_OK | X_OK);
}

std::string FlagsHelp() {
  Options defaults;
  std::string out;
  for (const FlagGroup& group : Table(&defaults)) {
    absl::StrAppend(&out, "\n", group.title, ":\n");
    for (const Flag& flag : group.flags) AppendFlag(flag, &out);
  }
  return out;
}

}  // namespace newsprint
