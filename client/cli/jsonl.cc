#include "client/cli/jsonl.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/article_text.h"

namespace newsprint::cli {
namespace {

// Byte b >= 0x80 travels as U+10F700 + b, in UTF-8 F4 8F 9E 80 to F4 8F 9F BF.
constexpr absl::string_view kEscapeLead = "\xF4\x8F";

void AppendEscapedByte(unsigned char byte, std::string& out) {
  out.append(kEscapeLead.data(), kEscapeLead.size());
  out.push_back(static_cast<char>(0x9E | ((byte >> 6) & 1)));
  out.push_back(static_cast<char>(0x80 | (byte & 0x3F)));
}

bool IsEscapeAt(absl::string_view text, size_t i) {
  return i + 4 <= text.size() && text.substr(i, 2) == kEscapeLead &&
         (static_cast<unsigned char>(text[i + 2]) & 0xFE) == 0x9E;
}

// Replaces each invalid byte by its escape. A character that looks like an escape is taken for four
// invalid bytes, so that UnescapeBytes() restores every line exactly.
std::string EscapeInvalidBytes(absl::string_view line) {
  std::string out;
  out.reserve(line.size() + line.size() / 8);
  size_t i = 0;
  while (i < line.size()) {
    const size_t end = i + client::ValidUtf8Prefix(line.substr(i));
    while (i < end) {
      if (IsEscapeAt(line, i)) {
        for (int k = 0; k < 4; ++k) AppendEscapedByte(static_cast<unsigned char>(line[i++]), out);
      } else {
        out.push_back(line[i++]);
      }
    }
    if (i < line.size()) AppendEscapedByte(static_cast<unsigned char>(line[i++]), out);
  }
  return out;
}

std::string UnescapeBytes(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    if (IsEscapeAt(text, i)) {
      const auto high = static_cast<unsigned char>(text[i + 2]);
      const auto low = static_cast<unsigned char>(text[i + 3]);
      out.push_back(static_cast<char>(0x80 | ((high & 1) << 6) | (low & 0x3F)));
      i += 4;
    } else {
      out.push_back(text[i++]);
    }
  }
  return out;
}

// The code unit of the "\uXXXX" that starts at `i`, or -1.
int UnicodeEscapeAt(absl::string_view line, size_t i) {
  if (i + 6 > line.size() || line[i] != '\\' || line[i + 1] != 'u') return -1;
  int unit = 0;
  for (size_t k = i + 2; k < i + 6; ++k) {
    const char c = absl::ascii_tolower(static_cast<unsigned char>(line[k]));
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return -1;
    unit = unit * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
  }
  return unit;
}

// Replaces "\u" escapes of lone surrogates, which are valid nowhere.
std::string ReplaceLoneSurrogates(absl::string_view line) {
  std::string out;
  out.reserve(line.size());
  size_t i = 0;
  while (i < line.size()) {
    size_t length = line[i] == '\\' && i + 1 < line.size() ? 2 : 1;
    const int unit = UnicodeEscapeAt(line, i);
    if (unit >= 0xD800 && unit <= 0xDFFF) {
      const int next = unit < 0xDC00 ? UnicodeEscapeAt(line, i + 6) : -1;
      length = 6;
      if (next >= 0xDC00 && next <= 0xDFFF) {
        length = 12;
      } else if (unit >= 0xDC80 && unit <= 0xDCFF) {
        AppendEscapedByte(static_cast<unsigned char>(unit & 0xFF), out);
        i += length;
        continue;
      } else {
        out += "\\ufffd";
        i += length;
        continue;
      }
    }
    out.append(line.data() + i, length);
    i += length;
  }
  return out;
}

// Reads the fingerprint that stands for the body, if there is one.
absl::Status ReadFingerprint(const JsonLine& json, v1::Article& article) {
  if (!article.body().empty() || !article.raw_body().empty()) return absl::OkStatus();
  const absl::StatusOr<absl::optional<std::string>> encoded = json.StringBytes("fingerprint");
  if (!encoded.ok()) return encoded.status();
  if (!encoded->has_value()) return absl::OkStatus();
  std::string bytes;
  if (!absl::Base64Unescape(**encoded, &bytes) ||
      !article.mutable_fingerprint()->ParseFromString(bytes)) {
    return absl::InvalidArgumentError("fingerprint: not what \"newsprint fingerprint\" prints");
  }
  return absl::OkStatus();
}

}  // namespace

std::string Latin1ToUtf8(absl::string_view bytes) {
  std::string out;
  size_t i = 0;
  while (i < bytes.size()) {
    const size_t length = client::ValidUtf8Prefix(bytes.substr(i));
    out.append(bytes.data() + i, length);
    i += length;
    if (i < bytes.size()) {
      const auto byte = static_cast<unsigned char>(bytes[i++]);
      out.push_back(static_cast<char>(0xC0 | (byte >> 6)));
      out.push_back(static_cast<char>(0x80 | (byte & 0x3F)));
    }
  }
  return out;
}

struct LineReader::File {
  gzFile gz = nullptr;
  std::vector<char> buffer = std::vector<char>(size_t{1} << 18);
  size_t begin = 0;
  size_t end = 0;
  int64_t bytes_read = 0;

  ~File() {
    if (gz != nullptr) gzclose(gz);
  }
  // Returns the number of bytes now in the buffer, 0 at the end, -1 for an error.
  int Fill() {
    const int count = gzread(gz, buffer.data(), static_cast<unsigned>(buffer.size()));
    begin = 0;
    end = count > 0 ? static_cast<size_t>(count) : 0;
    bytes_read = gzoffset(gz);
    int error = Z_OK;
    gzerror(gz, &error);
    // A file that is cut off in the middle ends like a whole one, but with this.
    if (count == 0 && error == Z_BUF_ERROR) return -1;
    return count;
  }
};

absl::StatusOr<absl::optional<int64_t>> CheckInputFile(const std::string& path) {
  if (path == "-") return absl::nullopt;
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0 || access(path.c_str(), R_OK) != 0) {
    return absl::NotFoundError(absl::StrCat("cannot read ", path, ": ", std::strerror(errno)));
  }
  if (S_ISDIR(info.st_mode)) {
    return absl::NotFoundError(absl::StrCat("cannot read ", path, ": is a folder"));
  }
  if (!S_ISREG(info.st_mode)) return absl::nullopt;
  return absl::make_optional<int64_t>(info.st_size);
}

LineReader::LineReader(std::string name, std::unique_ptr<File> file)
    : name_(std::move(name)), file_(std::move(file)) {}

LineReader::~LineReader() = default;

absl::StatusOr<std::unique_ptr<LineReader>> LineReader::Open(const std::string& path) {
  if (const auto size = CheckInputFile(path); !size.ok()) return size.status();
  const bool is_stdin = path == "-";
  const std::string name = is_stdin ? "standard input" : path;
  const int fd = is_stdin ? dup(STDIN_FILENO) : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return absl::NotFoundError(absl::StrCat("cannot read ", name, ": ", std::strerror(errno)));
  }
  auto file = std::make_unique<File>();
  file->gz = gzdopen(fd, "rb");
  if (file->gz == nullptr) {
    close(fd);
    return absl::ResourceExhaustedError(absl::StrCat("cannot read ", name, ": out of memory"));
  }
  gzbuffer(file->gz, 1u << 18);
  return std::unique_ptr<LineReader>(new LineReader(name, std::move(file)));
}

absl::Status LineReader::Next(std::string* line) {
  for (;;) {
    line->clear();
    bool overlong = false;
    bool any = false;
    ++line_number_;
    for (;;) {
      if (file_->begin == file_->end) {
        const int count = file_->Fill();
        if (count < 0) {
          int error = Z_OK;
          const char* reason = gzerror(file_->gz, &error);
          return absl::DataLossError(
              absl::StrCat(position(), ": ", error == Z_ERRNO ? std::strerror(errno) : reason));
        }
        if (count == 0) break;
      }
      any = true;
      const char* data = file_->buffer.data() + file_->begin;
      const size_t left = file_->end - file_->begin;
      const auto* newline = static_cast<const char*>(std::memchr(data, '\n', left));
      const size_t length = newline == nullptr ? left : static_cast<size_t>(newline - data);
      overlong = overlong || line->size() + length > static_cast<size_t>(kLineBytesMax);
      if (!overlong) line->append(data, length);
      file_->begin += newline == nullptr ? length : length + 1;
      if (newline != nullptr) break;
    }
    if (!any) return absl::OutOfRangeError("end of file");
    if (overlong) {
      return absl::InvalidArgumentError(
          absl::StrCat("line: too long, limit ", kLineBytesMax, " bytes"));
    }
    if (!absl::StripAsciiWhitespace(*line).empty()) return absl::OkStatus();
  }
}

std::string LineReader::position() const { return absl::StrCat(name_, ":", line_number_); }

int64_t LineReader::bytes_read() const { return file_->bytes_read; }

absl::StatusOr<JsonLine> JsonLine::Parse(absl::string_view line) {
  JsonLine result;
  std::string escaped;
  if (!client::IsValidUtf8(line)) {
    escaped = EscapeInvalidBytes(line);
    line = escaped;
    result.has_escaped_bytes_ = true;
  }
  auto& object = result.object_;
  try {
    object = nlohmann::json::parse(line.begin(), line.end());
  } catch (const nlohmann::json::exception&) {
    const std::string repaired = ReplaceLoneSurrogates(line);
    result.has_escaped_bytes_ = true;
    try {
      object = nlohmann::json::parse(repaired);
    } catch (const nlohmann::json::parse_error& error) {
      return absl::InvalidArgumentError(absl::StrCat("not valid JSON at byte ", error.byte));
    } catch (const nlohmann::json::exception&) {
      return absl::InvalidArgumentError("JSON with a number out of range");
    }
  }
  if (!object.is_object()) return absl::InvalidArgumentError("not a JSON object");
  return result;
}

absl::StatusOr<absl::optional<std::string>> JsonLine::StringBytes(const char* field) const {
  const auto it = object_.find(field);
  if (it == object_.end() || it->is_null()) return absl::nullopt;
  if (it->is_string()) {
    const auto& text = it->get_ref<const std::string&>();
    return absl::make_optional(has_escaped_bytes_ ? UnescapeBytes(text) : text);
  }
  if (it->is_structured()) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": must be a string, got an ", it->type_name()));
  }
  return absl::make_optional(it->dump());
}

absl::StatusOr<absl::optional<std::string>> JsonLine::StringUtf8(const char* field) const {
  absl::StatusOr<absl::optional<std::string>> bytes = StringBytes(field);
  if (bytes.ok() && bytes->has_value() && !client::IsValidUtf8(**bytes)) {
    return absl::make_optional(Latin1ToUtf8(**bytes));
  }
  return bytes;
}

absl::StatusOr<double> JsonLine::Number(const char* field) const {
  const auto it = object_.find(field);
  double value = 0;
  if (it != object_.end()) {
    if (it->is_number()) return it->get<double>();
    if (it->is_string() && absl::SimpleAtod(it->get_ref<const std::string&>(), &value))
      return value;
  }
  return absl::InvalidArgumentError(absl::StrCat(field, ": must be a number"));
}

absl::optional<google::protobuf::Timestamp> ParsePublishedAt(absl::string_view text) {
  static constexpr std::array<const char*, 7> kFormats = {"%Y-%m-%d%ET%H:%M:%E*S%Ez",
                                                          "%Y-%m-%d %H:%M:%E*S%Ez",
                                                          "%Y-%m-%d%ET%H:%M:%E*S",
                                                          "%Y-%m-%d %H:%M:%E*S",
                                                          "%Y-%m-%d%ET%H:%M%Ez",
                                                          "%Y-%m-%d%ET%H:%M",
                                                          "%Y-%m-%d"};
  for (const char* format : kFormats) {
    absl::Time time;
    if (!absl::ParseTime(format, text, absl::UTCTimeZone(), &time, nullptr)) continue;
    // Years 1 to 9999, all that a Timestamp can hold.
    if (time < absl::FromUnixSeconds(-62135596800) || time >= absl::FromUnixSeconds(253402300800)) {
      continue;
    }
    google::protobuf::Timestamp timestamp;
    const absl::Time second = absl::FromUnixSeconds(absl::ToUnixSeconds(time));
    timestamp.set_seconds(absl::ToUnixSeconds(time));
    timestamp.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(time - second)));
    return timestamp;
  }
  return absl::nullopt;
}

absl::StatusOr<ArticleLine> ParseArticleLine(absl::string_view line, bool id_required) {
  const absl::StatusOr<JsonLine> json = JsonLine::Parse(line);
  if (!json.ok()) return json.status();
  ArticleLine result;
  v1::Article& article = result.article;

  for (const char* field : {"title", "body"}) {
    absl::StatusOr<absl::optional<std::string>> bytes = json->StringBytes(field);
    if (!bytes.ok()) return bytes.status();
    if (!bytes->has_value()) continue;
    if (field[0] == 't') {
      client::SetTitleOrRaw(**bytes, article);
    } else {
      client::SetBodyOrRaw(**bytes, article);
    }
  }
  if (absl::Status status = ReadFingerprint(*json, article); !status.ok()) return status;
  std::string published_at;
  const std::pair<const char*, std::string*> strings[] = {{"id", article.mutable_id()},
                                                          {"lang", article.mutable_language()},
                                                          {"source", article.mutable_source()},
                                                          {"url", article.mutable_url()},
                                                          {"published_at", &published_at}};
  for (const auto& [field, target] : strings) {
    absl::StatusOr<absl::optional<std::string>> text = json->StringUtf8(field);
    if (!text.ok()) return text.status();
    if (text->has_value()) *target = **std::move(text);
  }
  if (id_required && article.id().empty())
    return absl::InvalidArgumentError("id: missing or empty");
  if (!published_at.empty()) {
    if (auto time = ParsePublishedAt(published_at)) {
      *article.mutable_published_at() = *time;
    } else {
      result.time_ignored = true;
    }
  }
  // Unknown fields may hold anything, and for an import these two are such.
  if (auto label = json->StringUtf8("label"); label.ok()) result.label = *std::move(label);
  if (auto kind = json->StringUtf8("kind"); kind.ok()) result.kind = *std::move(kind);
  return result;
}

}  // namespace newsprint::cli
