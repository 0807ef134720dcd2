#include "service/engine/prepare.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/common/status_macros.h"
#include "service/text/tokenizer.h"
#include "service/text/utf8.h"

namespace newsprint {
namespace {

void SortUnique(std::vector<uint32_t>* values) {
  std::sort(values->begin(), values->end());
  values->erase(std::unique(values->begin(), values->end()), values->end());
}

Hash128 ContentHash(const Article& article) {
  const uint64_t title_bytes = article.title.size();
  return Hasher128()
      .Add(&title_bytes, sizeof(title_bytes))
      .Add(article.title.data(), article.title.size())
      .Add(article.embedding.data(), article.embedding.size() * sizeof(float))
      .Add(article.body.data(), article.body.size())
      .Finish();
}

Hash128 TextHash(absl::Span<const text::Token> title, absl::Span<const text::Token> body) {
  const uint64_t title_tokens = title.size();
  return Hasher128()
      .Add(&title_tokens, sizeof(title_tokens))
      .Add(title.data(), title.size() * sizeof(text::Token))
      .Add(body.data(), body.size() * sizeof(text::Token))
      .Finish();
}

}  // namespace

std::string FingerprintScheme(int shingle_words) {
  return absl::StrCat("text", text::kTextVersion, "/w", shingle_words, "/oph",
                      sketch::kSketchValues, "x8v", sketch::kSketchVersion);
}

absl::Status NormaliseVector(absl::string_view field, int dimension, std::vector<float>* vector) {
  if (vector->size() != static_cast<size_t>(dimension)) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": wrong dimension, got ", vector->size(),
                                                   " values, expected ", dimension));
  }
  double squares = 0;
  for (size_t i = 0; i < vector->size(); ++i) {
    const double value = (*vector)[i];
    if (!std::isfinite(value)) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, "[", i, "]: not a finite number, got ", value));
    }
    squares += value * value;
  }
  if (squares == 0) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": all ", dimension, " values are zero"));
  }
  const double scale = 1 / std::sqrt(squares);
  for (float& value : *vector) value = static_cast<float>(value * scale);
  return absl::OkStatus();
}

Preparer::Preparer(const CollectionSettings& settings, const BuiltInEmbedding* embedding)
    : shingle_words_(settings.shingle_words),
      dimension_(settings.embedding_dimension),
      tokens_min_(settings.thresholds.tokens_min),
      embedding_(embedding) {}

absl::StatusOr<PreparedArticle> Preparer::Prepare(Article article) const {
  if (!text::IsValidUtf8(article.title)) article.title = text::RepairUtf8(article.title);
  if (!text::IsValidUtf8(article.body)) article.body = text::RepairUtf8(article.body);

  PreparedArticle prepared;
  prepared.content_hash = ContentHash(article);

  std::vector<text::Token> title;
  std::vector<text::Token> body;
  text::Tokenize(article.title, &title);
  text::Tokenize(article.body, &body);
  prepared.body_tokens = static_cast<int64_t>(body.size());
  prepared.short_text = prepared.body_tokens < tokens_min_;
  // Texts without any word are the same only when their bytes are.
  prepared.text_hash =
      title.empty() && body.empty() ? prepared.content_hash : TextHash(title, body);

  std::vector<uint64_t> shingles;
  text::Shingle(body, shingle_words_, &shingles);
  prepared.sketch = sketch::ComputeSketch(shingles);
  prepared.fingerprint.shingles.assign(shingles.begin(), shingles.end());  // keeps the low 32 bits
  SortUnique(&prepared.fingerprint.shingles);
  for (const text::Token token : body) {
    if (text::IsNumber(token)) {
      prepared.fingerprint.numbers.push_back(static_cast<uint32_t>(token >> 1));
    }
  }
  SortUnique(&prepared.fingerprint.numbers);

  if (!article.embedding.empty() || embedding_ == nullptr) {
    RETURN_IF_ERROR(NormaliseVector("article.embedding", dimension_, &article.embedding));
    prepared.vector = std::move(article.embedding);
    article.embedding.clear();
  } else {
    prepared.vector.resize(dimension_);
    std::vector<embed::TermWeight> terms = embedding_->weights.Weigh(title, body);
    const embed::EmbedInput input{article.title, article.body, terms};
    RETURN_IF_ERROR(embedding_->projection.Embed({&input, 1}, absl::MakeSpan(prepared.vector)));
    prepared.terms.terms = embed::HeavyTerms(std::move(terms));
  }
  prepared.article = std::move(article);
  return prepared;
}

}  // namespace newsprint
