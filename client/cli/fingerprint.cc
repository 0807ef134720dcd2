// newsprint fingerprint FILE...
#include <cstdint>
#include <ostream>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/article_file.h"
#include "client/cli/interrupt.h"
#include "client/cli/output.h"
#include "client/cli/progress.h"
#include "client/cli/session.h"

namespace newsprint::cli {
namespace {

// What ParseArticleLine() reads again, without the body and without fields that nobody knows: they
// may hold the text too.
Json FingerprintLine(const ArticleLine& line, const v1::Fingerprint& fingerprint) {
  const v1::Article& article = line.article;
  Json json = {{"id", article.id()}};
  const auto add = [&json](const char* field, const std::string& value) {
    if (!value.empty()) json[field] = value;
  };
  add("title", article.raw_title().empty() ? article.title() : Latin1ToUtf8(article.raw_title()));
  add("lang", article.language());
  add("source", article.source());
  add("url", article.url());
  add("published_at", FormatTime(article.has_published_at(), article.published_at()));
  add("label", line.label.value_or(""));
  add("kind", line.kind.value_or(""));
  add("fingerprint", absl::Base64Escape(fingerprint.SerializeAsString()));
  return json;
}

// Whether an error is about one article, and the next may fare better.
bool IsOfOneArticle(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsResourceExhausted(status);
}

}  // namespace

absl::Status RunFingerprint(Session& session, const Args& args) {
  InterruptGuard guard;
  // A line that is drawn again and again does not go well with lines on the same terminal.
  Progress progress(session.err, session.err_is_terminal && session.columns == 0, "articles");
  const auto use = [&](ArticleLine line, const LineReader& reader) -> absl::Status {
    v1::ComputeFingerprintRequest request;
    request.set_collection(session.settings.collection);
    request.mutable_article()->Swap(&line.article);
    const auto response = session.client.ComputeFingerprint(request);
    if (!response.ok() && !IsOfOneArticle(response.status())) return response.status();
    if (!response.ok()) {
      progress.AddFailed(absl::StrCat(reader.position(), ": ", response.status().message()));
      return absl::OkStatus();
    }
    request.mutable_article()->Swap(&line.article);
    PrintJson(FingerprintLine(line, response->fingerprint()), session.out);
    progress.AddDone();
    return session.out.good() ? absl::OkStatus()
                              : absl::UnknownError("cannot write to standard output");
  };
  for (const std::string& path : args) {
    if (absl::Status status = ForEachArticle(path, progress, use); !status.ok()) return status;
  }
  progress.Finish();
  if (Interrupted()) return absl::CancelledError("interrupted");
  if (progress.failed() > 0) {
    return absl::UnknownError(absl::StrFormat("%d of %d articles failed", progress.failed(),
                                              progress.done() + progress.failed()));
  }
  return absl::OkStatus();
}

}  // namespace newsprint::cli
