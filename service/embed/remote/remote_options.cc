#include "service/embed/remote/remote_options.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "service/common/status_macros.h"

namespace newsprint::embed {
namespace {

constexpr size_t kNameBytesMax = 64;
constexpr size_t kHostBytesMax = 253;  // RFC 1035
constexpr size_t kTensorNameBytesMax = 128;
constexpr int64_t kDeadlineMsMax = 10 * 60 * 1000;
constexpr int kBatchItemsMax = 1024;
constexpr int kQueueItemsMax = 65536;
constexpr int kAttemptsMax = 10;
constexpr int kTextBytesMin = 64;
constexpr int kTextBytesMax = 1 << 20;
constexpr absl::Duration kPauseMax = absl::Hours(1);

bool IsName(absl::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax && absl::ascii_isalnum(name[0]) &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-' || c == '_';
         });
}

bool IsPrintable(absl::string_view text, size_t bytes_max) {
  return !text.empty() && text.size() <= bytes_max &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return absl::ascii_isgraph(c); });
}

bool IsTarget(absl::string_view target) {
  const size_t colon = target.rfind(':');
  if (colon == absl::string_view::npos) return false;
  absl::string_view host = target.substr(0, colon);
  const bool is_ipv6 = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (is_ipv6) host = host.substr(1, host.size() - 2);
  int port = 0;
  return !host.empty() && host.size() <= kHostBytesMax &&
         std::all_of(host.begin(), host.end(),
                     [is_ipv6](unsigned char c) {
                       return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_' ||
                              (is_ipv6 && c == ':');
                     }) &&
         absl::SimpleAtoi(target.substr(colon + 1), &port) && port >= 1 && port <= 65535;
}

absl::Status Refuse(absl::string_view field, absl::string_view got, absl::string_view limit) {
  return absl::InvalidArgumentError(
      absl::StrCat("embedder.", field, ", got \"", got.substr(0, kHostBytesMax), "\"", limit));
}

absl::Status CheckRange(absl::string_view field, int64_t value, int64_t min, int64_t max) {
  if (value >= min && value <= max) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("embedder.", field, ": out of range, got ", value,
                                                 ", limit ", min, " to ", max));
}

absl::Status CheckPause(absl::string_view field, absl::Duration value) {
  return CheckRange(field, absl::ToInt64Milliseconds(value), 1,
                    absl::ToInt64Milliseconds(kPauseMax));
}

absl::Status SetNumber(absl::string_view key, absl::string_view value, int* number) {
  if (absl::SimpleAtoi(value, number)) return absl::OkStatus();
  return Refuse(absl::StrCat(key, ": not a number"), value, "");
}

absl::Status SetOption(absl::string_view key, absl::string_view value, RemoteOptions* options) {
  const bool is_kserve = options->protocol == RemoteProtocol::kKserve;
  if (key == "deadline_ms") {
    int deadline_ms = 0;
    RETURN_IF_ERROR(SetNumber(key, value, &deadline_ms));
    options->deadline = absl::Milliseconds(deadline_ms);
  } else if (key == "batch") {
    return SetNumber(key, value, &options->batch_items_max);
  } else if (key == "queue") {
    return SetNumber(key, value, &options->queue_items_max);
  } else if (key == "attempts") {
    return SetNumber(key, value, &options->attempts_max);
  } else if (key == "text_bytes") {
    return SetNumber(key, value, &options->text_bytes_max);
  } else if (is_kserve && key == "input") {
    options->input = std::string(value);
  } else if (is_kserve && key == "output") {
    options->output = std::string(value);
    if (value.empty()) return Refuse("output: not a tensor's name", value, "");
  } else if (is_kserve && key == "contents") {
    if (value != "typed" && value != "raw") {
      return Refuse("contents: unknown", value, ", limit typed or raw");
    }
    options->raw_contents = value == "raw";
  } else {
    return Refuse("options: unknown", key,
                  is_kserve ? ", limit input, output, contents, deadline_ms, batch, queue, "
                              "attempts, text_bytes"
                            : ", limit deadline_ms, batch, queue, attempts, text_bytes");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckRemoteOptions(const RemoteOptions& options) {
  if (!IsName(options.name)) {
    return Refuse("name: not a name", options.name,
                  ", limit 1 to 64 of a-z, 0-9, \"-\", \"_\", beginning with a letter or digit");
  }
  if (!IsTarget(options.target)) {
    return Refuse("target: not HOST:PORT", options.target, ", limit a port of 1 to 65535");
  }
  if (options.protocol == RemoteProtocol::kKserve) {
    if (!IsPrintable(options.model, kTensorNameBytesMax)) {
      return Refuse("model: not a model's name", options.model, ", limit 1 to 128 characters");
    }
    if (!IsPrintable(options.input, kTensorNameBytesMax)) {
      return Refuse("input: not a tensor's name", options.input, ", limit 1 to 128 characters");
    }
    if (!options.output.empty() && !IsPrintable(options.output, kTensorNameBytesMax)) {
      return Refuse("output: not a tensor's name", options.output, ", limit 1 to 128 characters");
    }
  }
  RETURN_IF_ERROR(
      CheckRange("deadline_ms", absl::ToInt64Milliseconds(options.deadline), 1, kDeadlineMsMax));
  RETURN_IF_ERROR(CheckRange("batch", options.batch_items_max, 1, kBatchItemsMax));
  RETURN_IF_ERROR(CheckRange("queue", options.queue_items_max, 1, kQueueItemsMax));
  RETURN_IF_ERROR(CheckRange("attempts", options.attempts_max, 1, kAttemptsMax));
  RETURN_IF_ERROR(CheckRange("text_bytes", options.text_bytes_max, kTextBytesMin, kTextBytesMax));
  RETURN_IF_ERROR(CheckPause("down_for_min_ms", options.down_for_min));
  RETURN_IF_ERROR(CheckPause("down_for_max_ms", options.down_for_max));
  return CheckPause("model_check_interval_ms", options.model_check_interval);
}

absl::StatusOr<RemoteOptions> ParseRemoteFlag(absl::string_view flag) {
  RemoteOptions options;
  const std::pair<absl::string_view, absl::string_view> named =
      absl::StrSplit(flag, absl::MaxSplits('=', 1));
  options.name = std::string(named.first);
  const std::pair<absl::string_view, absl::string_view> schemed =
      absl::StrSplit(named.second, absl::MaxSplits("://", 1));
  if (schemed.first == "kserve") {
    options.protocol = RemoteProtocol::kKserve;
  } else if (schemed.first != "tei") {
    return Refuse("protocol: unknown", schemed.first,
                  ", limit NAME=tei://HOST:PORT or NAME=kserve://HOST:PORT/MODEL");
  }
  const std::pair<absl::string_view, absl::string_view> queried =
      absl::StrSplit(schemed.second, absl::MaxSplits('?', 1));
  const std::pair<absl::string_view, absl::string_view> placed =
      absl::StrSplit(queried.first, absl::MaxSplits('/', 1));
  options.target = std::string(placed.first);
  if (options.protocol == RemoteProtocol::kKserve) {
    options.model = std::string(placed.second);
  } else if (!placed.second.empty()) {
    return Refuse("target: tei has no path", placed.second, "");
  }
  std::set<absl::string_view> seen;
  for (const absl::string_view part : absl::StrSplit(queried.second, '&', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> option =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    if (!seen.insert(option.first).second) return Refuse("options: twice", option.first, "");
    RETURN_IF_ERROR(SetOption(option.first, option.second, &options));
  }
  RETURN_IF_ERROR(CheckRemoteOptions(options));
  return options;
}

}  // namespace newsprint::embed
