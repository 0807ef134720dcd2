#include "client/cli/article_file.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/interrupt.h"

namespace newsprint::cli {

absl::Status ForEachArticle(
    const std::string& path, Progress& progress,
    const std::function<absl::Status(ArticleLine line, const LineReader& reader)>& use) {
  absl::StatusOr<std::unique_ptr<LineReader>> opened = LineReader::Open(path);
  if (!opened.ok()) return opened.status();
  LineReader& reader = **opened;
  std::string text;
  while (!Interrupted()) {
    absl::Status status = reader.Next(&text);
    if (absl::IsOutOfRange(status)) break;
    if (absl::IsDataLoss(status)) return absl::UnknownError(status.message());
    if (status.ok()) {
      absl::StatusOr<ArticleLine> line = ParseArticleLine(text);
      status = line.status();
      if (line.ok()) {
        if (absl::Status used = use(*std::move(line), reader); !used.ok()) return used;
      }
    }
    if (!status.ok()) progress.AddFailed(absl::StrCat(reader.position(), ": ", status.message()));
  }
  return absl::OkStatus();
}

}  // namespace newsprint::cli
