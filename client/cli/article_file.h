// Going through the articles of a JSONL file.
#ifndef NEWSPRINT_CLIENT_CLI_ARTICLE_FILE_H_
#define NEWSPRINT_CLIENT_CLI_ARTICLE_FILE_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "client/cli/jsonl.h"
#include "client/cli/progress.h"

namespace newsprint::cli {

// Calls `use` for each article of a file, until it returns an error, which is returned, or an
// interrupt comes. Bad lines are reported to `progress` and left out. `reader` says where `line`
// came from.
absl::Status ForEachArticle(
    const std::string& path, Progress& progress,
    const std::function<absl::Status(ArticleLine line, const LineReader& reader)>& use);

}  // namespace newsprint::cli

#endif  // NEWSPRINT_CLIENT_CLI_ARTICLE_FILE_H_
