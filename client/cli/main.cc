// newsprint: the command line of Newsprint. Reads the flags, which is done nowhere else, and runs
// the command.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "client/article_text.h"
#include "client/cli/help.h"
#include "client/cli/session.h"
#include "client/client.h"
#include "client/credentials.h"

ABSL_FLAG(std::string, target, "127.0.0.1:7420", "address of the server");
ABSL_FLAG(bool, tls, false, "use TLS, with the system's roots");
ABSL_FLAG(std::string, tls_ca, "", "use TLS, with the roots in this file");
ABSL_FLAG(std::string, tls_cert, "", "use TLS, with this certificate of the client");
ABSL_FLAG(std::string, tls_key, "", "key of that certificate");
ABSL_FLAG(std::string, token_file, "", "file with the token that says who calls");
ABSL_FLAG(std::string, collection, "default", "name of the collection");
ABSL_FLAG(bool, json, false, "print one JSON object on one line");
ABSL_FLAG(int64_t, deadline_ms, 30000, "time for one call, milliseconds, 1 or more");
ABSL_FLAG(int64_t, limit, 0, "at most this many entries; 0 means the command's default");
ABSL_FLAG(int64_t, members_min, 0, "groups: of at least this many articles; 0 means 2");
ABSL_FLAG(absl::optional<double>, score_min, absl::nullopt,
          "related: leave out results below this score, 0 to 1");
ABSL_FLAG(bool, include_duplicates, false, "related: also list copies");
ABSL_FLAG(std::string, half_life, "", "related: time in which a score is halved, as 36h");
ABSL_FLAG(std::vector<std::string>, source, {}, "related: only from these sources");
ABSL_FLAG(std::vector<std::string>, language, {}, "related: only in these languages");
ABSL_FLAG(std::string, since, "", "related: only published at this time or later");
ABSL_FLAG(std::string, until, "", "related: only published before this time");
ABSL_FLAG(absl::optional<double>, diversity, absl::nullopt, "related: variety, 0 to 1");
ABSL_FLAG(bool, skip_related, false, "import: do not look for related articles");
ABSL_FLAG(bool, withdrawn, false, "groups: only those of withdrawn stories");
ABSL_FLAG(bool, by_policy, false, "canonical: give the choice back to the policy");
ABSL_FLAG(std::string, group, "", "groups, withdraw, reinstate, affected: id of the group");
ABSL_FLAG(std::string, reason, "", "withdraw: killed or corrected");
ABSL_FLAG(std::string, note, "", "withdraw: for people, at most 1024 bytes");
ABSL_FLAG(std::string, replacement, "", "withdraw: id of the article that replaces the story");
ABSL_FLAG(absl::optional<int64_t>, after, absl::nullopt,
          "watch: changes after this one; 0 means all that are kept; without it, from now on");
ABSL_FLAG(std::string, file, "", "find, related: file with the article to ask about");
ABSL_FLAG(std::string, pairs, "", "evaluate duplicates: file of pairs with known likeness");
ABSL_FLAG(int64_t, show_errors, 0, "evaluate duplicates: explain at most this many mistakes");
ABSL_FLAG(std::string, sweep, "", "evaluate duplicates: THRESHOLD=FROM:TO:STEP");
ABSL_FLAG(std::string, output, "", "train: model file to write; token: the token's file");
ABSL_FLAG(int64_t, epochs, 0, "train: passes over the articles, 1 to 20; 0 means 2");
ABSL_FLAG(int64_t, seed, 1, "train: of all random choices");
ABSL_FLAG(absl::optional<double>, held_out, absl::nullopt,
          "train: share of the articles to measure with, above 0 to 0.5");
ABSL_FLAG(bool, wait, true, "reembed: wait until it is done");
ABSL_FLAG(bool, cancel, false, "reembed: end the move; the old vectors stay");

// Settings of a new collection: see proto/newsprint/v1/admin_service.proto.
ABSL_FLAG(bool, omit_text, false, "keep no title and no body");
ABSL_FLAG(int32_t, shingle_words, 0, "words in a shingle");
ABSL_FLAG(int32_t, embedding_dimension, 0, "length of the vectors");
ABSL_FLAG(std::string, embedder, "", "what makes the vectors; also reembed");
ABSL_FLAG(std::string, canonical_policy, "", "which copy stands for its group");
ABSL_FLAG(absl::optional<int64_t>, retention_days, absl::nullopt, "age at which articles expire");
ABSL_FLAG(absl::optional<int64_t>, retention_seconds, absl::nullopt, "the same in seconds");
ABSL_FLAG(absl::optional<int64_t>, retention_articles, absl::nullopt, "articles that are kept");
ABSL_FLAG(std::string, durability, "", "when a write is acknowledged");
ABSL_FLAG(std::vector<std::string>, source_priority, {}, "sources, the preferred one first");
ABSL_FLAG(absl::optional<double>, near_duplicate_jaccard, absl::nullopt, "threshold");
ABSL_FLAG(absl::optional<double>, duplicate_containment, absl::nullopt, "threshold");
ABSL_FLAG(absl::optional<double>, excerpt_length_ratio, absl::nullopt, "threshold");
ABSL_FLAG(absl::optional<int32_t>, tokens_min, absl::nullopt, "threshold");
ABSL_FLAG(absl::optional<double>, template_jaccard, absl::nullopt, "threshold");
ABSL_FLAG(absl::optional<double>, template_shared_numbers, absl::nullopt, "threshold");
ABSL_FLAG(absl::optional<int32_t>, template_numbers_min, absl::nullopt, "threshold");
ABSL_FLAG(absl::optional<double>, related_score_min, absl::nullopt, "threshold");
ABSL_FLAG(absl::optional<int64_t>, revision_window_seconds, absl::nullopt, "threshold");
ABSL_FLAG(absl::optional<int32_t>, boilerplate_articles_min, absl::nullopt, "threshold");
ABSL_FLAG(absl::optional<int32_t>, boilerplate_source_articles_min, absl::nullopt, "threshold");
ABSL_FLAG(absl::optional<int32_t>, footer_shingles_max, absl::nullopt, "threshold");
ABSL_FLAG(absl::optional<double>, lede_containment_min, absl::nullopt, "threshold");

namespace newsprint::cli {
namespace {

// UNSPECIFIED when the name is none; "" is the server's default.
v1::CanonicalPolicy ParsePolicy(absl::string_view name) {
  v1::CanonicalPolicy policy = v1::CANONICAL_POLICY_UNSPECIFIED;
  v1::CanonicalPolicy_Parse(absl::StrCat("CANONICAL_POLICY_", absl::AsciiStrToUpper(name)),
                            &policy);
  return policy;
}

// UNSPECIFIED as above.
v1::Durability ParseDurability(absl::string_view name) {
  v1::Durability durability = v1::DURABILITY_UNSPECIFIED;
  v1::Durability_Parse(absl::StrCat("DURABILITY_", absl::AsciiStrToUpper(name)), &durability);
  return durability;
}

constexpr int64_t kDaySeconds = 24 * 3600;
constexpr int64_t kRetentionDaysMax = 36'500;

// In seconds, whichever of the two flags was given.
absl::optional<int64_t> RetentionSeconds() {
  const absl::optional<int64_t> days = absl::GetFlag(FLAGS_retention_days);
  if (!days.has_value()) return absl::GetFlag(FLAGS_retention_seconds);
  return std::min(*days, kRetentionDaysMax) * kDaySeconds;  // more is refused later
}

v1::Collection NewCollectionFromFlags() {
  v1::Collection collection;
  collection.set_omit_text(absl::GetFlag(FLAGS_omit_text));
  collection.set_shingle_words(absl::GetFlag(FLAGS_shingle_words));
  collection.set_embedding_dimension(absl::GetFlag(FLAGS_embedding_dimension));
  collection.set_embedder(absl::GetFlag(FLAGS_embedder));
  collection.set_canonical_policy(ParsePolicy(absl::GetFlag(FLAGS_canonical_policy)));
  if (const int64_t seconds = RetentionSeconds().value_or(0); seconds > 0) {
    collection.mutable_retention()->mutable_age()->set_seconds(seconds);
  }
  if (const int64_t articles = absl::GetFlag(FLAGS_retention_articles).value_or(0); articles > 0) {
    collection.mutable_retention()->set_articles_max(articles);
  }
  collection.set_durability(ParseDurability(absl::GetFlag(FLAGS_durability)));
  for (const std::string& source : absl::GetFlag(FLAGS_source_priority)) {
    collection.add_source_priority(source);
  }
  v1::Thresholds thresholds;
  const auto set = [&thresholds](const auto& flag, auto setter) {
    if (flag.has_value()) (thresholds.*setter)(*flag);
  };
  using T = v1::Thresholds;
  set(absl::GetFlag(FLAGS_near_duplicate_jaccard), &T::set_near_duplicate_jaccard);
  set(absl::GetFlag(FLAGS_duplicate_containment), &T::set_duplicate_containment);
  set(absl::GetFlag(FLAGS_excerpt_length_ratio), &T::set_excerpt_length_ratio);
  set(absl::GetFlag(FLAGS_tokens_min), &T::set_tokens_min);
  set(absl::GetFlag(FLAGS_template_jaccard), &T::set_template_jaccard);
  set(absl::GetFlag(FLAGS_template_shared_numbers), &T::set_template_shared_numbers);
  set(absl::GetFlag(FLAGS_template_numbers_min), &T::set_template_numbers_min);
  set(absl::GetFlag(FLAGS_related_score_min), &T::set_related_score_min);
  set(absl::GetFlag(FLAGS_revision_window_seconds), &T::set_revision_window_seconds);
  set(absl::GetFlag(FLAGS_boilerplate_articles_min), &T::set_boilerplate_articles_min);
  set(absl::GetFlag(FLAGS_boilerplate_source_articles_min),
      &T::set_boilerplate_source_articles_min);
  set(absl::GetFlag(FLAGS_footer_shingles_max), &T::set_footer_shingles_max);
  set(absl::GetFlag(FLAGS_lede_containment_min), &T::set_lede_containment_min);
  if (thresholds.ByteSizeLong() > 0) *collection.mutable_thresholds() = thresholds;
  return collection;
}

Settings SettingsFromFlags(const std::vector<char*>& words) {
  Settings settings;
  settings.words.assign(words.begin() + 1, words.end());
  settings.target = absl::GetFlag(FLAGS_target);
  settings.collection = absl::GetFlag(FLAGS_collection);
  settings.json = absl::GetFlag(FLAGS_json);
  settings.deadline = absl::Milliseconds(absl::GetFlag(FLAGS_deadline_ms));
  settings.limit = absl::GetFlag(FLAGS_limit);
  settings.members_min = absl::GetFlag(FLAGS_members_min);
  settings.score_min = absl::GetFlag(FLAGS_score_min);
  settings.include_duplicates = absl::GetFlag(FLAGS_include_duplicates);
  settings.half_life = absl::GetFlag(FLAGS_half_life);
  settings.sources = absl::GetFlag(FLAGS_source);
  settings.languages = absl::GetFlag(FLAGS_language);
  settings.since = absl::GetFlag(FLAGS_since);
  settings.until = absl::GetFlag(FLAGS_until);
  settings.diversity = absl::GetFlag(FLAGS_diversity);
  settings.skip_related = absl::GetFlag(FLAGS_skip_related);
  settings.withdrawn = absl::GetFlag(FLAGS_withdrawn);
  settings.by_policy = absl::GetFlag(FLAGS_by_policy);
  settings.group = absl::GetFlag(FLAGS_group);
  settings.reason = absl::GetFlag(FLAGS_reason);
  settings.note = absl::GetFlag(FLAGS_note);
  settings.replacement = absl::GetFlag(FLAGS_replacement);
  settings.after = absl::GetFlag(FLAGS_after);
  settings.file = absl::GetFlag(FLAGS_file);
  settings.pairs = absl::GetFlag(FLAGS_pairs);
  settings.show_errors = absl::GetFlag(FLAGS_show_errors);
  settings.sweep = absl::GetFlag(FLAGS_sweep);
  settings.output = absl::GetFlag(FLAGS_output);
  settings.epochs = absl::GetFlag(FLAGS_epochs);
  settings.seed = absl::GetFlag(FLAGS_seed);
  settings.held_out = absl::GetFlag(FLAGS_held_out);
  settings.embedder = absl::GetFlag(FLAGS_embedder);
  settings.wait = absl::GetFlag(FLAGS_wait);
  settings.cancel = absl::GetFlag(FLAGS_cancel);
  settings.retention_seconds = RetentionSeconds();
  settings.retention_articles = absl::GetFlag(FLAGS_retention_articles);
  settings.durability = absl::GetFlag(FLAGS_durability);
  settings.new_collection = NewCollectionFromFlags();
  return settings;
}

// "--show-errors" is "--show_errors": both spellings of a flag's name are common.
void UnderscoreFlagNames(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    char* word = argv[i];
    if (std::strncmp(word, "--", 2) != 0) continue;
    if (word[2] == '\0') return;  // behind "--" there are no flags
    std::replace(word + 2, word + std::strcspn(word, "="), '-', '_');
  }
}

// Abseil's own --help lists flags by source file and exits with 1, so ours goes first.
bool HandledHelp(int argc, char** argv) {
  absl::string_view command;
  bool wanted = false;
  for (int i = 1; i < argc; ++i) {
    const absl::string_view word = argv[i];
    if (word == "--") break;
    if (word == "--version") {
      std::cout << "newsprint " NEWSPRINT_VERSION "\n";
      return true;
    }
    if (word == "--help" || word == "-help" || word == "-h") wanted = true;
    if (command.empty() && !CommandHelp(word).empty()) command = word;
  }
  if (wanted) std::cout << (command.empty() ? GeneralHelp() : CommandHelp(command));
  return wanted;
}

// How to reach the server, and as whom.
absl::StatusOr<client::ClientOptions> ConnectionFromFlags(const Settings& settings) {
  client::ClientOptions options;
  options.target = settings.target;
  options.deadline = settings.deadline;
  // Ten megabytes of article text may come back in one batch.
  options.message_bytes_max = 64 << 20;
  options.token_file = absl::GetFlag(FLAGS_token_file);
  if (const char* token = std::getenv("NEWSPRINT_TOKEN"); token != nullptr) options.token = token;
  const client::TlsFiles files = {absl::GetFlag(FLAGS_tls_ca), absl::GetFlag(FLAGS_tls_cert),
                                  absl::GetFlag(FLAGS_tls_key)};
  if (!absl::GetFlag(FLAGS_tls) && files.ca.empty() && files.cert.empty() && files.key.empty()) {
    return options;
  }
  auto credentials = client::ReadTlsCredentials(files);
  if (!credentials.ok()) return credentials.status();
  options.credentials = *std::move(credentials);
  return options;
}

int TerminalColumns() {
  if (isatty(STDOUT_FILENO) == 0) return 0;
  struct winsize size = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

// What is wrong with the flags; "" when nothing is.
std::string FlagProblem(const Settings& settings) {
  if (settings.deadline < absl::Milliseconds(1) || settings.limit < 0 || settings.members_min < 0) {
    return "--deadline_ms must be 1 or more, --limit and --members_min not negative";
  }
  if (settings.after.value_or(0) < 0) return "--after must not be negative";
  if (!absl::GetFlag(FLAGS_canonical_policy).empty() &&
      settings.new_collection.canonical_policy() == v1::CANONICAL_POLICY_UNSPECIFIED) {
    return "--canonical_policy must be first_ingested, earliest_published, source_priority or "
           "longest";
  }
  if (!settings.durability.empty() &&
      settings.new_collection.durability() == v1::DURABILITY_UNSPECIFIED) {
    return "--durability must be sync or async";
  }
  const absl::optional<int64_t> days = absl::GetFlag(FLAGS_retention_days);
  if (days.has_value() && absl::GetFlag(FLAGS_retention_seconds).has_value()) {
    return "give either --retention_days or --retention_seconds";
  }
  if (days.value_or(0) > kRetentionDaysMax) return "--retention_days must be at most 36500";
  if (days.value_or(0) < 0 || settings.retention_seconds.value_or(0) < 0 ||
      settings.retention_articles.value_or(0) < 0) {
    return "--retention_days, --retention_seconds and --retention_articles must not be negative";
  }
  for (const std::string* text :
       {&settings.group, &settings.note, &settings.replacement, &settings.embedder}) {
    if (!client::IsValidUtf8(*text)) return "a flag is not valid UTF-8";
  }
  for (const auto* list : {&settings.sources, &settings.languages}) {
    for (const std::string& text : *list) {
      if (!client::IsValidUtf8(text)) return "--source or --language is not valid UTF-8";
    }
  }
  for (const std::string& source : settings.new_collection.source_priority()) {
    if (!client::IsValidUtf8(source)) return "--source_priority is not valid UTF-8";
  }
  return "";
}

int Main(int argc, char** argv) {
  UnderscoreFlagNames(argc, argv);
  if (HandledHelp(argc, argv)) return 0;
  absl::SetProgramUsageMessage(GeneralHelp());
  const Settings settings = SettingsFromFlags(absl::ParseCommandLine(argc, argv));
  if (const std::string problem = FlagProblem(settings); !problem.empty()) {
    std::cerr << "newsprint: " << problem << "\n";
    return 2;
  }
  if (settings.show_errors < 0 || settings.show_errors > 1000) {
    std::cerr << "newsprint: --show_errors must be 0 to 1000\n";
    return 2;
  }
  absl::StatusOr<client::ClientOptions> options = ConnectionFromFlags(settings);
  if (!options.ok()) {
    std::cerr << "newsprint: --" << options.status().message() << "\n";
    return 2;
  }
  Session session{settings,
                  client::Client(client::MakeConnection(*std::move(options))),
                  std::cout,
                  std::cerr,
                  isatty(STDERR_FILENO) != 0,
                  TerminalColumns()};
  return RunCommand(session);
}

}  // namespace
}  // namespace newsprint::cli

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  return newsprint::cli::Main(argc, argv);
}
