#include "service/embed/remote/remote_embedder.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "service/common/status_macros.h"
#include "service/embed/remote/connection.h"
#include "service/embed/remote/dispatcher.h"
#include "service/text/html.h"

namespace newsprint::embed {
namespace {

// Longer than a call takes: a server that has just started may have to warm up.
constexpr absl::Duration kDescribeDeadline = absl::Seconds(5);

// At most `bytes_max` bytes, not cut within a character. `utf8` is well-formed.
void Truncate(size_t bytes_max, std::string* utf8) {
  if (utf8->size() <= bytes_max) return;
  size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>((*utf8)[end]) & 0xC0) == 0x80) --end;
  utf8->resize(end);
}

// The recipe for the text. A change of it alters the vectors: give it another number in the
// identities (tei_connection.cc, kserve_connection.cc).
std::string TextOf(const EmbedInput& input, size_t bytes_max) {
  std::string text = absl::StrCat(text::HtmlToText(input.title), "\n");
  if (text.size() < bytes_max) text += text::HtmlToText(input.body);
  Truncate(bytes_max, &text);
  if (absl::StripAsciiWhitespace(text).empty()) text.clear();
  return text;
}

}  // namespace

absl::StatusOr<RemoteModel> RemoteEmbedder::Describe(const RemoteOptions& options) {
  RETURN_IF_ERROR(CheckRemoteOptions(options));
  const absl::Duration patience = std::max(options.deadline, kDescribeDeadline);
  absl::StatusOr<RemoteModel> model = Connection::Open(options)->Describe(
      std::chrono::system_clock::now() + absl::ToChronoMilliseconds(patience));
  if (!model.ok()) return Named(options, model.status());
  return model;
}

absl::StatusOr<std::unique_ptr<RemoteEmbedder>> RemoteEmbedder::Create(const RemoteOptions& options,
                                                                       RemoteModel expected) {
  RETURN_IF_ERROR(CheckRemoteOptions(options));
  if (expected.identity.empty() || FitIdentity(expected.identity) != expected.identity) {
    return absl::InvalidArgumentError(
        absl::StrCat("embedder.identity: not one that Describe gives, got ",
                     expected.identity.size(), " bytes"));
  }
  if (expected.dimension < 1 || expected.dimension > kDimensionMax) {
    return absl::InvalidArgumentError(absl::StrCat("embedder.dimension: out of range, got ",
                                                   expected.dimension, ", limit 1 to ",
                                                   kDimensionMax));
  }
  return std::unique_ptr<RemoteEmbedder>(new RemoteEmbedder(options, std::move(expected)));
}

RemoteEmbedder::RemoteEmbedder(const RemoteOptions& options, RemoteModel expected)
    : expected_(std::move(expected)),
      text_bytes_max_(options.text_bytes_max),
      dispatcher_(std::make_unique<Dispatcher>(options, expected_)) {}

RemoteEmbedder::~RemoteEmbedder() = default;

absl::Status RemoteEmbedder::Embed(absl::Span<const EmbedInput> inputs,
                                   absl::Span<float> vectors) const {
  if (vectors.size() != inputs.size() * expected_.dimension) {
    return absl::InternalError(absl::StrCat("embedder: got room for ", vectors.size(),
                                            " values, expected ",
                                            inputs.size() * expected_.dimension));
  }
  std::fill(vectors.begin(), vectors.end(), 0.0f);
  std::vector<std::string> texts;
  std::vector<absl::Span<float>> rows;
  for (size_t i = 0; i < inputs.size(); ++i) {
    std::string text = TextOf(inputs[i], text_bytes_max_);
    if (text.empty()) continue;
    texts.push_back(std::move(text));
    rows.push_back(vectors.subspan(i * expected_.dimension, expected_.dimension));
  }
  if (texts.empty()) return absl::OkStatus();
  return dispatcher_->Embed(std::move(texts), std::move(rows));
}

RemoteStats RemoteEmbedder::stats() const { return dispatcher_->stats(); }

void RemoteEmbedder::Stop() { dispatcher_->Stop(); }

}  // namespace newsprint::embed
