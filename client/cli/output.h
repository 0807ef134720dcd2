// Printing: aligned tables for people, JSON objects for programs.
#ifndef NEWSPRINT_CLIENT_CLI_OUTPUT_H_
#define NEWSPRINT_CLIENT_CLI_OUTPUT_H_

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "newsprint/v1/article.pb.h"
#include "newsprint/v1/article_service.pb.h"
#include "nlohmann/json.hpp"

namespace newsprint::cli {

using Json = nlohmann::ordered_json;

// Relations that an article can be given, in the order in which they are printed.
inline constexpr v1::Relation kRelations[] = {
    v1::RELATION_NEW,      v1::RELATION_EXACT,     v1::RELATION_NEAR_DUPLICATE,
    v1::RELATION_EXCERPT,  v1::RELATION_EXTENSION, v1::RELATION_REVISION,
    v1::RELATION_TEMPLATE, v1::RELATION_RELATED};

// The name of an enum value as people write it: "EXACT" of "RELATION_EXACT" as "exact".
std::string ShortName(absl::string_view name, absl::string_view prefix);
// "near_duplicate" and so on.
std::string RelationName(v1::Relation relation);
// "killed" and so on.
std::string WithdrawalReasonName(v1::WithdrawalReason reason);

// Terminal columns that `text` takes: 2 for East Asian wide characters and emoji, 0 for combining
// marks. `text` must be valid UTF-8.
int DisplayWidth(absl::string_view text);

// `text` on one line, without control characters, in at most `columns` columns; what is cut off is
// marked by an ellipsis.
std::string Truncate(absl::string_view text, int columns);

// Rows of cells in aligned columns.
class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
    // Gives way when the table is too wide. At most one column.
    bool flexible = false;
    int width_min = 0;
  };

  explicit Table(std::vector<Column> columns);
  void AddRow(std::vector<std::string> cells);
  // Prints the header and the rows; not wider than `columns` when that is above 0 and the flexible
  // column can give enough.
  void Print(std::ostream& out, int columns) const;
  // The same for rows that come bit by bit: prints those added since the last call and lets go of
  // them. The header goes before the first ones; columns grow when they must.
  void PrintMore(std::ostream& out, int columns);

 private:
  std::vector<int> Widths(int columns) const;
  void PrintHeader(std::ostream& out, const std::vector<int>& widths) const;
  void PrintRows(std::ostream& out, const std::vector<int>& widths) const;
  void PrintRow(std::ostream& out, const std::vector<int>& widths,
                const std::vector<std::string>& cells) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<int> widths_;  // of what PrintMore() has printed
};

// "1,234,567".
std::string FormatCount(int64_t count);
// "1 article", "1,234 articles": `noun` is one that takes an s.
std::string Counted(int64_t count, absl::string_view noun);
// "0.873", or "-" when there is no figure.
std::string FormatFigure(absl::optional<double> figure);
// "12.4 MiB".
std::string FormatBytes(int64_t bytes);
// RFC 3339 in UTC, or "" when `message` has no such field set.
std::string FormatTime(bool present, const google::protobuf::Timestamp& time);

// "killed 2011-05-04T17:30:00Z, article ap-17, replacement ap-20: wrong figures", on one line.
std::string DescribeWithdrawal(const v1::Withdrawal& withdrawal);
// `title`, marked when its story is withdrawn.
std::string MarkedTitle(bool is_withdrawn, absl::string_view title);

// Rounded to `digits` decimals, so that a line stays readable. null when there is no figure.
Json JsonFigure(absl::optional<double> figure, int digits = 6);
// One object on one line. Bytes that are not UTF-8 become U+FFFD.
void PrintJson(const Json& object, std::ostream& out);
// What was done with `name`: "created wires", or `object` with `as_json`.
void PrintDone(absl::string_view verb, absl::string_view name, bool as_json, const Json& object,
               std::ostream& out);

Json ToJson(const v1::Evidence& evidence);
Json ToJson(const v1::Thresholds& thresholds);
Json ToJson(const v1::Match& match);
Json ToJson(const v1::Article& article);
Json ToJson(const v1::Withdrawal& withdrawal);

}  // namespace newsprint::cli

#endif  // NEWSPRINT_CLIENT_CLI_OUTPUT_H_
