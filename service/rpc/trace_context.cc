#include "service/rpc/trace_context.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace newsprint::rpc {
namespace {

// VERSION-TRACE_ID-SPAN_ID-FLAGS.
constexpr size_t kTraceIdDigits = 32;
constexpr size_t kSpanIdDigits = 16;
constexpr size_t kFlagsDigits = 2;
constexpr size_t kLength = 3 + kTraceIdDigits + 1 + kSpanIdDigits + 1 + kFlagsDigits;

bool IsHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// An id of zeros says that there is none.
bool IsId(absl::string_view text) {
  return IsHex(text) && text.find_first_not_of('0') != absl::string_view::npos;
}

}  // namespace

absl::optional<TraceContext> ParseTraceparent(absl::string_view traceparent) {
  // A version that is not known yet may have more behind another dash.
  if (traceparent.size() < kLength || traceparent[2] != '-' || !IsHex(traceparent.substr(0, 2)) ||
      absl::StartsWith(traceparent, "ff")) {
    return absl::nullopt;
  }
  if (traceparent.size() > kLength &&
      (absl::StartsWith(traceparent, "00") || traceparent[kLength] != '-')) {
    return absl::nullopt;
  }
  traceparent = traceparent.substr(0, kLength);
  const absl::string_view trace_id = traceparent.substr(3, kTraceIdDigits);
  const absl::string_view rest = traceparent.substr(3 + kTraceIdDigits);
  const absl::string_view span_id = rest.substr(1, kSpanIdDigits);
  if (rest[0] != '-' || rest[1 + kSpanIdDigits] != '-' || !IsId(trace_id) || !IsId(span_id) ||
      !IsHex(rest.substr(2 + kSpanIdDigits))) {
    return absl::nullopt;
  }
  return TraceContext{std::string(trace_id), std::string(span_id)};
}

std::string TraceFields(const grpc::CallbackServerContext& context) {
  const auto [begin, end] = context.client_metadata().equal_range("traceparent");
  if (begin == end || std::next(begin) != end) return "";
  const auto trace =
      ParseTraceparent(absl::string_view(begin->second.data(), begin->second.size()));
  if (!trace.has_value()) return "";
  return absl::StrCat(" trace_id=", trace->trace_id, " span_id=", trace->span_id);
}

}  // namespace newsprint::rpc
