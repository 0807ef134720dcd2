#include "client/cli/related_filters.h"

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/cli/jsonl.h"

namespace newsprint::cli {
namespace {

constexpr absl::Duration kHalfLifeMin = absl::Seconds(1);
// The longest google.protobuf.Duration, 10,000 years.
constexpr absl::Duration kHalfLifeMax = absl::Seconds(315'576'000'000);

absl::Status SetHalfLife(const std::string& text, google::protobuf::Duration& half_life) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration)) {
    return UsageError("--half_life: must be a time with its unit, as 36h or 90m; 7 days are 168h");
  }
  if (duration < kHalfLifeMin || duration > kHalfLifeMax) {
    return UsageError(absl::StrCat("--half_life: out of range, got ",
                                   absl::FormatDuration(duration), ", limit 1s to 10000 years"));
  }
  half_life.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  half_life.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  return absl::OkStatus();
}

absl::Status SetTime(absl::string_view flag, const std::string& text,
                     google::protobuf::Timestamp& time) {
  const auto parsed = ParsePublishedAt(text);
  if (!parsed) {
    return UsageError(absl::StrCat(flag, ": must be a date or a time, as 2011-05-04 or ",
                                   "2011-05-04T17:30:00Z"));
  }
  time = *parsed;
  return absl::OkStatus();
}

template <typename Field>
absl::Status SetList(absl::string_view flag, const std::vector<std::string>& values, Field& field) {
  for (const std::string& value : values) {
    if (value.empty()) return UsageError(absl::StrCat(flag, ": an entry is empty"));
    *field.Add() = value;
  }
  return absl::OkStatus();
}

absl::Status SetTimes(const Settings& settings, v1::FindRelatedRequest& request) {
  absl::Status status;
  if (!settings.half_life.empty()) {
    status.Update(SetHalfLife(settings.half_life, *request.mutable_half_life()));
  }
  if (!settings.since.empty()) {
    status.Update(SetTime("--since", settings.since, *request.mutable_published_from()));
  }
  if (!settings.until.empty()) {
    status.Update(SetTime("--until", settings.until, *request.mutable_published_before()));
  }
  if (!status.ok() || !request.has_published_from() || !request.has_published_before()) {
    return status;
  }
  const auto key = [](const google::protobuf::Timestamp& time) {
    return std::make_tuple(time.seconds(), time.nanos());
  };
  if (key(request.published_from()) >= key(request.published_before())) {
    return UsageError("--since: must be before --until");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SetRelatedFilters(const Settings& settings, v1::FindRelatedRequest& request) {
  if (settings.score_min) request.set_score_min(*settings.score_min);
  if (settings.diversity) {
    // Written so that NaN is refused too.
    if (!(*settings.diversity >= 0 && *settings.diversity <= 1)) {
      return UsageError(
          absl::StrCat("--diversity: out of range, got ", *settings.diversity, ", limit 0 to 1"));
    }
    request.set_diversity(*settings.diversity);
  }
  absl::Status status = SetTimes(settings, request);
  status.Update(SetList("--source", settings.sources, *request.mutable_sources()));
  status.Update(SetList("--language", settings.languages, *request.mutable_languages()));
  return status;
}

}  // namespace newsprint::cli
