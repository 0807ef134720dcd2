// Any bytes as a JSONL file, plain or gzipped, and as one line of it.
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "client/article_text.h"
#include "client/cli/jsonl.h"
#include "tests/fuzz/scratch_dir.h"
#include "tests/fuzz/targets.h"

namespace newsprint::fuzz {
namespace {

constexpr int64_t kSecondsMin = -62'135'596'800, kSecondsMax = 253'402'300'799;

void CheckTime(absl::string_view text) {
  const auto time = cli::ParsePublishedAt(text);
  if (!time.has_value()) return;
  Require(time->seconds() >= kSecondsMin && time->seconds() <= kSecondsMax, "a time has a year");
  Require(time->nanos() >= 0 && time->nanos() <= 999'999'999, "nanoseconds are of a second");
}

void CheckLine(absl::string_view line) {
  const auto article = cli::ParseArticleLine(line);
  const auto json = cli::JsonLine::Parse(line);
  if (!json.ok()) {
    Require(!article.ok(), "what is no JSON is no article");
    Require(absl::IsInvalidArgument(json.status()), "no JSON is INVALID_ARGUMENT");
    return;
  }
  (void)json->Number("jaccard");
  for (const char* field : {"id", "title", "body", "lang", "published_at"}) {
    const auto bytes = json->StringBytes(field);
    const auto utf8 = json->StringUtf8(field);
    Require(bytes.ok() == utf8.ok(), "a field is one or none");
    if (!utf8.ok() || !utf8->has_value()) continue;
    Require(client::IsValidUtf8(**utf8), "UTF-8 is well-formed");
    Require(!client::IsValidUtf8(**bytes) || **bytes == **utf8, "what is well-formed stays");
  }
  if (!article.ok()) {
    Require(absl::IsInvalidArgument(article.status()), "no article is INVALID_ARGUMENT");
    return;
  }
  const v1::Article& read = article->article;
  Require(!read.id().empty(), "an article has an id");
  for (const std::string* text :
       {&read.id(), &read.title(), &read.body(), &read.language(), &read.source(), &read.url()}) {
    Require(client::IsValidUtf8(*text), "string fields are well-formed");
  }
  Require(read.title().empty() || read.raw_title().empty(), "one title");
  Require(read.body().empty() || read.raw_body().empty(), "one body");
  v1::Article again;
  Require(again.ParseFromString(read.SerializeAsString()), "an article can be sent");
}

void CheckFile(absl::string_view bytes) {
  static const ScratchDir dir;
  const auto reader = cli::LineReader::Open(dir.Write("lines", bytes));
  Require(reader.ok(), "a file can be opened");
  std::vector<std::string> lines;
  std::string line;
  absl::Status status;
  while ((status = (*reader)->Next(&line)).ok()) lines.push_back(line);
  Require(absl::IsOutOfRange(status) || absl::IsDataLoss(status), "a file ends");
  constexpr absl::string_view kGzip = "\x1f\x8b";
  if (bytes.substr(0, kGzip.size()) == kGzip) return;
  Require(absl::IsOutOfRange(status), "a plain file ends well");
  std::vector<std::string> expected;
  for (const absl::string_view one : absl::StrSplit(bytes, '\n')) {
    if (!absl::StripAsciiWhitespace(one).empty()) expected.emplace_back(one);
  }
  Require(lines == expected, "lines are those of the file");
}

}  // namespace

void FuzzJsonl(absl::string_view bytes) {
  CheckLine(bytes);
  CheckTime(bytes);
  CheckFile(bytes);
  Require(client::IsValidUtf8(cli::Latin1ToUtf8(bytes)), "Latin-1 is read");
}

}  // namespace newsprint::fuzz
