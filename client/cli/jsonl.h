// Reading JSONL files: lines, plain or gzipped, and the articles in them.
#ifndef NEWSPRINT_CLIENT_CLI_JSONL_H_
#define NEWSPRINT_CLIENT_CLI_JSONL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "newsprint/v1/article.pb.h"
#include "nlohmann/json.hpp"

namespace newsprint::cli {

// Checks that an input file is there and readable without opening it, as a pipe may be opened only
// once. Returns its size in bytes, absent for a pipe and for "-". NOT_FOUND names the file.
absl::StatusOr<absl::optional<int64_t>> CheckInputFile(const std::string& path);

// Reads a file line by line. gzip is recognised by its content, not by its name; "-" is standard
// input. Not thread-safe.
class LineReader {
 public:
  // A longer line is an error of that line; reading goes on behind it.
  static constexpr int64_t kLineBytesMax = int64_t{64} << 20;

  // NOT_FOUND when the file cannot be opened; the message names it.
  static absl::StatusOr<std::unique_ptr<LineReader>> Open(const std::string& path);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // Reads the next line that is not blank, without its end. OUT_OF_RANGE at the end of the file,
  // INVALID_ARGUMENT for an overlong line (the next call goes on), DATA_LOSS when the file cannot
  // be read any further.
  absl::Status Next(std::string* line);

  // "FILE:LINE" of the line that Next() returned last.
  std::string position() const;
  // Bytes of the file, as it lies on disk, read so far.
  int64_t bytes_read() const;

 private:
  struct File;
  LineReader(std::string name, std::unique_ptr<File> file);

  const std::string name_;
  const std::unique_ptr<File> file_;
  int64_t line_number_ = 0;
};

// A line as a JSON object. JSON has to be UTF-8, but scraped text often is not, and no article is
// to be lost for that: invalid bytes are carried through the parser as characters of a private
// area, and StringBytes() gives them back. So are the lone surrogates by which Python smuggles
// bytes
// ("\udc93" for 0x93); other lone surrogates become U+FFFD.
class JsonLine {
 public:
  // INVALID_ARGUMENT with the place of the first error; never holds text of the line.
  static absl::StatusOr<JsonLine> Parse(absl::string_view line);

  const nlohmann::json& object() const { return object_; }
  // The bytes of a field that is a string; of a number or a boolean, its JSON text. Absent when the
  // field is missing or null; INVALID_ARGUMENT when it is an object or an array.
  absl::StatusOr<absl::optional<std::string>> StringBytes(const char* field) const;
  // The same as valid UTF-8: invalid bytes are read as Latin-1.
  absl::StatusOr<absl::optional<std::string>> StringUtf8(const char* field) const;
  // A number, also one that is written as a string. INVALID_ARGUMENT when it is missing.
  absl::StatusOr<double> Number(const char* field) const;

 private:
  nlohmann::json object_;
  bool has_escaped_bytes_ = false;
};

// `bytes` as valid UTF-8: those that are not are read as Latin-1.
std::string Latin1ToUtf8(absl::string_view bytes);

// One line of an article file.
struct ArticleLine {
  v1::Article article;
  // For evaluation only.
  absl::optional<std::string> label;
  absl::optional<std::string> kind;
  // `published_at` was there and could not be read; the article goes without it.
  bool time_ignored = false;
};

// Fields: id, title, body, lang, source, url, published_at, label, kind; without a body also
// fingerprint, the serialised message as Base64. Others are ignored.
absl::StatusOr<ArticleLine> ParseArticleLine(absl::string_view line, bool id_required = true);

// RFC 3339, also with a space for the "T", with an offset without colon, without offset (UTC then)
// or as a date alone. Absent when it is none of these.
absl::optional<google::protobuf::Timestamp> ParsePublishedAt(absl::string_view text);

}  // namespace newsprint::cli

#endif  // NEWSPRINT_CLIENT_CLI_JSONL_H_
