#include "client/cli/output.h"

#include <algorithm>
#include <cmath>
#include <ostream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "client/cli/characters.h"

namespace newsprint::cli {
namespace {

constexpr int kGap = 2;           // columns between two cells
constexpr int kFlexibleMin = 10;  // narrowest flexible column
constexpr absl::string_view kEllipsis = "\xE2\x80\xA6";

// Combining marks and invisible characters of the scripts that news come in.
constexpr CharacterRange kZeroWidth[] = {
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x05BF, 0x05C7}, {0x0610, 0x061A},
    {0x064B, 0x065F}, {0x0670, 0x0670}, {0x06D6, 0x06DC}, {0x06DF, 0x06E4}, {0x0900, 0x0902},
    {0x093C, 0x093C}, {0x0941, 0x0948}, {0x094D, 0x094D}, {0x0E31, 0x0E31}, {0x0E34, 0x0E3A},
    {0x0E47, 0x0E4E}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x200B, 0x200F}, {0x202A, 0x202E},
    {0x2060, 0x2064}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}};

// East Asian wide and fullwidth characters, and emoji.
constexpr CharacterRange kWide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0x33FF},
                                    {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},
                                    {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},
                                    {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},   {0x1F300, 0x1F64F},
                                    {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};

bool IsControl(char32_t c) { return c < 0x20 || (c >= 0x7F && c < 0xA0); }

int Width(char32_t c) {
  if (c < 0x300) return IsControl(c) ? 0 : 1;
  if (Contains(kZeroWidth, c)) return 0;
  return Contains(kWide, c) ? 2 : 1;
}

// `text` on one line: runs of white space and control characters become one space.
std::string Flatten(absl::string_view text) {
  std::string out;
  bool space = false;
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    const char32_t c = NextCharacter(text, i);
    if (c == ' ' || IsControl(c)) {
      space = true;
      continue;
    }
    if (space && !out.empty()) out.push_back(' ');
    space = false;
    out.append(text.data() + begin, i - begin);
  }
  return out;
}

void AppendPadded(const std::string& cell, int width, Table::Align align, std::string& line) {
  const std::string padding(static_cast<size_t>(std::max(0, width - DisplayWidth(cell))), ' ');
  absl::StrAppend(&line, align == Table::Align::kRight ? padding : "", cell,
                  align == Table::Align::kLeft ? padding : "");
}

}  // namespace

std::string ShortName(absl::string_view name, absl::string_view prefix) {
  return absl::AsciiStrToLower(absl::StripPrefix(name, prefix));
}

std::string RelationName(v1::Relation relation) {
  return ShortName(v1::Relation_Name(relation), "RELATION_");
}

std::string WithdrawalReasonName(v1::WithdrawalReason reason) {
  return ShortName(v1::WithdrawalReason_Name(reason), "WITHDRAWAL_REASON_");
}

int DisplayWidth(absl::string_view text) {
  int width = 0;
  for (size_t i = 0; i < text.size();) width += Width(NextCharacter(text, i));
  return width;
}

std::string Truncate(absl::string_view text, int columns) {
  std::string flat = Flatten(text);
  if (DisplayWidth(flat) <= columns) return flat;
  int width = 0;
  size_t end = 0;
  for (size_t i = 0; i < flat.size();) {
    width += Width(NextCharacter(flat, i));
    if (width > columns - 1) break;
    end = i;
  }
  flat.resize(end);
  return absl::StrCat(absl::StripTrailingAsciiWhitespace(flat), kEllipsis);
}

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::AddRow(std::vector<std::string> cells) {
  for (std::string& cell : cells) cell = Flatten(cell);
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::vector<int> Table::Widths(int columns) const {
  std::vector<int> widths;
  int total = -kGap;
  for (size_t i = 0; i < columns_.size(); ++i) {
    int width = std::max(DisplayWidth(columns_[i].title), columns_[i].width_min);
    if (!widths_.empty()) width = std::max(width, widths_[i]);
    for (const auto& row : rows_) width = std::max(width, DisplayWidth(row[i]));
    widths.push_back(width);
    total += width + kGap;
  }
  if (columns > 0 && total > columns) {
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (!columns_[i].flexible) continue;
      widths[i] = std::max(std::min(widths[i], kFlexibleMin), widths[i] - (total - columns));
    }
  }
  return widths;
}

void Table::PrintRow(std::ostream& out, const std::vector<int>& widths,
                     const std::vector<std::string>& cells) const {
  std::string line;
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (i > 0) line.append(kGap, ' ');
    AppendPadded(Truncate(cells[i], widths[i]), widths[i], columns_[i].align, line);
  }
  out << absl::StripTrailingAsciiWhitespace(line) << "\n";
}

void Table::PrintHeader(std::ostream& out, const std::vector<int>& widths) const {
  std::vector<std::string> titles;
  for (const Column& column : columns_) titles.push_back(column.title);
  PrintRow(out, widths, titles);
}

void Table::PrintRows(std::ostream& out, const std::vector<int>& widths) const {
  for (const auto& row : rows_) PrintRow(out, widths, row);
}

void Table::Print(std::ostream& out, int columns) const {
  const std::vector<int> widths = Widths(columns);
  PrintHeader(out, widths);
  PrintRows(out, widths);
}

void Table::PrintMore(std::ostream& out, int columns) {
  const bool is_first = widths_.empty();
  widths_ = Widths(columns);
  if (is_first) PrintHeader(out, widths_);
  PrintRows(out, widths_);
  rows_.clear();
}

std::string FormatCount(int64_t count) {
  std::string text = absl::StrCat(count);
  const size_t digits_begin = count < 0 ? 1 : 0;
  for (size_t end = text.size(); end > digits_begin + 3; end -= 3) text.insert(end - 3, ",");
  return text;
}

std::string Counted(int64_t count, absl::string_view noun) {
  return absl::StrCat(FormatCount(count), " ", noun, count == 1 ? "" : "s");
}

std::string FormatFigure(absl::optional<double> figure) {
  return figure ? absl::StrFormat("%.3f", *figure) : "-";
}

std::string FormatBytes(int64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? absl::StrCat(bytes, " B") : absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

std::string FormatTime(bool present, const google::protobuf::Timestamp& time) {
  if (!present) return "";
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E*SZ",
                          absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()),
                          absl::UTCTimeZone());
}

std::string DescribeWithdrawal(const v1::Withdrawal& withdrawal) {
  std::string text = WithdrawalReasonName(withdrawal.reason());
  const auto append = [&text](absl::string_view before, absl::string_view value) {
    if (!value.empty()) absl::StrAppend(&text, before, value);
  };
  append(" ", FormatTime(withdrawal.has_withdrawn_at(), withdrawal.withdrawn_at()));
  append(", article ", withdrawal.article_id());
  append(", replacement ", withdrawal.replacement_id());
  append(": ", withdrawal.note());
  return Flatten(text);
}

std::string MarkedTitle(bool is_withdrawn, absl::string_view title) {
  return absl::StrCat(is_withdrawn ? "WITHDRAWN: " : "", title);
}

Json JsonFigure(absl::optional<double> figure, int digits) {
  if (!figure || !std::isfinite(*figure)) return nullptr;
  const double scale = std::pow(10.0, digits);
  return std::round(*figure * scale) / scale;
}

void PrintJson(const Json& object, std::ostream& out) {
  out << object.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
}

void PrintDone(absl::string_view verb, absl::string_view name, bool as_json, const Json& object,
               std::ostream& out) {
  if (as_json) {
    PrintJson(object, out);
  } else {
    out << verb << " " << name << "\n";
  }
}

Json ToJson(const v1::Evidence& evidence) {
  Json json = {{"jaccard", JsonFigure(evidence.jaccard())},
               {"containment", JsonFigure(evidence.containment())},
               {"reverse_containment", JsonFigure(evidence.reverse_containment())},
               {"cosine", JsonFigure(evidence.cosine())},
               {"term_cosine", JsonFigure(evidence.term_cosine())},
               {"score", JsonFigure(evidence.score())},
               {"shared_shingles", evidence.shared_shingles()},
               {"query_shingles", evidence.query_shingles()},
               {"match_shingles", evidence.match_shingles()},
               {"query_boilerplate", evidence.query_boilerplate()},
               {"match_boilerplate", evidence.match_boilerplate()},
               {"shared_boilerplate", evidence.shared_boilerplate()},
               {"lede_containment", JsonFigure(evidence.lede_containment())}};
  if (evidence.has_shared_numbers()) {
    json["shared_numbers"] = JsonFigure(evidence.shared_numbers());
  }
  return json;
}

Json ToJson(const v1::Thresholds& thresholds) {
  Json json = Json::object();
  const auto* descriptor = thresholds.GetDescriptor();
  const auto* reflection = thresholds.GetReflection();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const auto* field = descriptor->field(i);
    if (!reflection->HasField(thresholds, field)) continue;
    switch (field->cpp_type()) {
      case google::protobuf::FieldDescriptor::CPPTYPE_DOUBLE:
        json[field->name()] = reflection->GetDouble(thresholds, field);
        break;
      case google::protobuf::FieldDescriptor::CPPTYPE_INT32:
        json[field->name()] = reflection->GetInt32(thresholds, field);
        break;
      case google::protobuf::FieldDescriptor::CPPTYPE_INT64:
        json[field->name()] = reflection->GetInt64(thresholds, field);
        break;
      default:
        break;  // the message has no others
    }
  }
  return json;
}

Json ToJson(const v1::Match& match) {
  return {{"id", match.article_id()},
          {"relation", RelationName(match.relation())},
          {"group_id", match.group_id()},
          {"canonical_id", match.canonical_id()},
          {"title", match.title()},
          {"source", match.source()},
          {"published_at", FormatTime(match.has_published_at(), match.published_at())},
          {"evidence", ToJson(match.evidence())}};
}

Json ToJson(const v1::Article& article) {
  Json json = {{"id", article.id()},
               {"title", article.title()},
               {"body", article.body()},
               {"lang", article.language()},
               {"source", article.source()},
               {"url", article.url()},
               {"published_at", FormatTime(article.has_published_at(), article.published_at())}};
  if (article.attributes_size() > 0) {
    Json& attributes = json["attributes"] = Json::object();
    for (const auto& [key, value] : article.attributes()) attributes[key] = value;
  }
  return json;
}

Json ToJson(const v1::Withdrawal& withdrawal) {
  return {{"article_id", withdrawal.article_id()},
          {"reason", WithdrawalReasonName(withdrawal.reason())},
          {"note", withdrawal.note()},
          {"replacement_id", withdrawal.replacement_id()},
          {"withdrawn_at", FormatTime(withdrawal.has_withdrawn_at(), withdrawal.withdrawn_at())}};
}

}  // namespace newsprint::cli
