#include "client/cli/sweep.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace newsprint::cli {
namespace {

using google::protobuf::FieldDescriptor;

constexpr double kTolerance = 1e-9;  // of a step: 0.05 is not a binary fraction
constexpr double kDecimals = 1e12;   // so that 0.2 + 2 * 0.05 is 0.3

absl::Status Invalid(absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat("sweep: ", problem));
}

absl::StatusOr<const FieldDescriptor*> FindThreshold(absl::string_view name) {
  const auto* descriptor = v1::Thresholds::descriptor();
  std::string names;
  for (int i = 0; i < descriptor->field_count(); ++i) {
    if (descriptor->field(i)->name() == name) return descriptor->field(i);
    absl::StrAppend(&names, i == 0 ? "" : ", ", descriptor->field(i)->name());
  }
  return Invalid(absl::StrCat("no such threshold: ", name, "; there are ", names));
}

bool IsWhole(double value) {
  return value == std::floor(value) && std::abs(value) <= std::numeric_limits<int32_t>::max();
}

v1::Thresholds WithValue(const FieldDescriptor* field, double value) {
  v1::Thresholds thresholds;
  const auto* reflection = v1::Thresholds::GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      reflection->SetInt32(&thresholds, field, static_cast<int32_t>(value));
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      reflection->SetInt64(&thresholds, field, static_cast<int64_t>(value));
      break;
    default:
      reflection->SetDouble(&thresholds, field, value);
  }
  return thresholds;
}

}  // namespace

absl::StatusOr<Sweep> ParseSweep(absl::string_view text) {
  const std::vector<absl::string_view> sides = absl::StrSplit(text, '=');
  const std::vector<absl::string_view> parts = absl::StrSplit(sides.back(), ':');
  double numbers[3] = {};
  bool is_well_formed = sides.size() == 2 && parts.size() == 3;
  for (size_t i = 0; is_well_formed && i < 3; ++i) {
    is_well_formed = absl::SimpleAtod(parts[i], &numbers[i]) && std::isfinite(numbers[i]);
  }
  if (!is_well_formed) return Invalid("must be THRESHOLD=FROM:TO:STEP");
  const auto [from, to, step] = numbers;
  const auto field = FindThreshold(sides[0]);
  if (!field.ok()) return field.status();
  const bool is_double = (*field)->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE;
  if (!is_double && !(IsWhole(from) && IsWhole(to) && IsWhole(step))) {
    return Invalid(absl::StrCat((*field)->name(), " takes whole numbers up to 2147483647"));
  }
  if (from > to) return Invalid("FROM must not be above TO");
  if (step <= 0) return Invalid("STEP must be above 0");
  const double steps = std::floor((to - from) / step + kTolerance);
  if (!(steps < Sweep::kValuesMax)) {
    return Invalid(absl::StrCat("too many values, got ", steps + 1, ", limit ", Sweep::kValuesMax));
  }
  Sweep sweep;
  sweep.threshold = (*field)->name();
  for (int i = 0; i <= static_cast<int>(steps); ++i) {
    const double value = std::round((from + i * step) * kDecimals) / kDecimals;
    sweep.values.push_back(WithValue(*field, value));
  }
  return sweep;
}

}  // namespace newsprint::cli
