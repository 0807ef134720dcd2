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

// "near_duplicate" and so on.
std::string RelationName(v1::Relation relation);

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
  };

  explicit Table(std::vector<Column> columns);
  void AddRow(std::vector<std::string> cells);
  // Prints the header and the rows; not wider than `columns` when that is above 0 and the flexible
  // column can give enough.
  void Print(std::ostream& out, int columns) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// "0.873", or "-" when there is no figure.
std::string FormatFigure(absl::optional<double> figure);
// "12.4 MiB".
std::string FormatBytes(int64_t bytes);
// RFC 3339 in UTC, or "" when `message` has no such field set.
std::string FormatTime(bool present, const google::protobuf::Timestamp& time);

// Rounded to `digits` decimals, so that a line stays readable. null when there is no figure.
Json JsonFigure(absl::optional<double> figure, int digits = 6);
// One object on one line. Bytes that are not UTF-8 become U+FFFD.
void PrintJson(const Json& object, std::ostream& out);

Json ToJson(const v1::Evidence& evidence);
Json ToJson(const v1::Thresholds& thresholds);
Json ToJson(const v1::Match& match);
Json ToJson(const v1::Article& article);

}  // namespace newsprint::cli

#endif  // NEWSPRINT_CLIENT_CLI_OUTPUT_H_
