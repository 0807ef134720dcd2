#include "service/engine/prepare.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/common/status_macros.h"
#include "service/text/tokenizer.h"
#include "service/text/utf8.h"

namespace newsprint {
namespace {

// Words at the beginning of a body that are its lede: two or three sentences. Part of the scheme.
constexpr size_t kLedeTokens = 60;
// A body has a byte or more for each word: the largest that a server can be told to take.
constexpr int64_t kFingerprintTokensMax = 1 << 26;
// The terms of an article are part of a vector of length 1; a little is left for rounding.
constexpr double kTermSquaresMax = 1.01;

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

std::string HashBytes(const Hash128& hash) {
  std::string bytes(sizeof(hash.high) + sizeof(hash.low), '\0');
  std::memcpy(&bytes[0], &hash.high, sizeof(hash.high));
  std::memcpy(&bytes[sizeof(hash.high)], &hash.low, sizeof(hash.low));
  return bytes;
}

Hash128 HashFromBytes(const std::string& bytes) {
  Hash128 hash;
  std::memcpy(&hash.high, bytes.data(), sizeof(hash.high));
  std::memcpy(&hash.low, bytes.data() + sizeof(hash.high), sizeof(hash.low));
  return hash;
}

template <typename Value>
void AddVector(const std::vector<Value>& values, Hasher128* hasher) {
  const uint64_t size = values.size();
  hasher->Add(&size, sizeof(size)).Add(values.data(), size * sizeof(Value));
}

Hash128 ContentHash(const std::string& title, const Fingerprint& fingerprint) {
  const uint64_t sizes[] = {title.size(), static_cast<uint64_t>(fingerprint.body_tokens)};
  Hasher128 hasher;
  hasher.Add("fingerprint", 11).Add(sizes, sizeof(sizes)).Add(title.data(), title.size());
  hasher.Add(fingerprint.text_hash.data(), fingerprint.text_hash.size());
  AddVector(fingerprint.shingles, &hasher);
  AddVector(fingerprint.lede_shingles, &hasher);
  AddVector(fingerprint.numbers, &hasher);
  AddVector(fingerprint.terms, &hasher);
  AddVector(fingerprint.vector, &hasher);
  return hasher.Finish();
}

absl::Status FieldError(absl::string_view field, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat("article.fingerprint.", field, ": ", problem));
}

// `ascending`: strictly, so without repeats.
absl::Status CheckAscending(absl::string_view field, const std::vector<uint32_t>& values,
                            int64_t values_max) {
  if (values.size() > static_cast<size_t>(values_max)) {
    return FieldError(field, absl::StrCat("too many, got ", values.size(), ", limit ", values_max));
  }
  if (std::adjacent_find(values.begin(), values.end(), std::greater_equal<>()) != values.end()) {
    return FieldError(field, "not ascending");
  }
  return absl::OkStatus();
}

absl::Status CheckTerms(const std::vector<WeightedTerm>& terms) {
  if (terms.size() > embed::kHeavyTermsMax) {
    return FieldError(
        "terms", absl::StrCat("too many, got ", terms.size(), ", limit ", embed::kHeavyTermsMax));
  }
  double squares = 0;
  for (size_t i = 0; i < terms.size(); ++i) {
    if (i > 0 && terms[i].term <= terms[i - 1].term) return FieldError("terms", "not ascending");
    if (!(terms[i].weight >= 0 && terms[i].weight <= 1)) {
      return FieldError("term_weights",
                        absl::StrCat("out of range, got ", terms[i].weight, ", limit 0 to 1"));
    }
    squares += static_cast<double>(terms[i].weight) * terms[i].weight;
  }
  if (squares > kTermSquaresMax) {
    return FieldError("term_weights", absl::StrCat("sum of squares too large, got ", squares,
                                                   ", limit ", kTermSquaresMax));
  }
  return absl::OkStatus();
}

}  // namespace

std::string FingerprintScheme(int shingle_words) {
  return absl::StrCat("text", text::kTextVersion, "/w", shingle_words, "/lede", kLedeTokens,
                      "/sketch", sketch::kSketchVersion);
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
    : scheme_(settings.fingerprint_scheme),
      embedder_(settings.embedder),
      shingle_words_(settings.shingle_words),
      dimension_(settings.embedding_dimension),
      tokens_min_(settings.thresholds.tokens_min),
      embedding_(embedding) {}

absl::StatusOr<PreparedArticle> Preparer::Prepare(Article article) const {
  if (!text::IsValidUtf8(article.title)) article.title = text::RepairUtf8(article.title);
  ASSIGN_OR_RETURN(PreparedArticle prepared, article.fingerprint.has_value()
                                                 ? PrepareFingerprint(std::move(article))
                                                 : PrepareText(std::move(article)));
  prepared.short_text = IsShort(prepared.fingerprint.shingles.size());
  prepared.sketch = sketch::ComputeSketch(prepared.fingerprint.shingles);
  return prepared;
}

absl::StatusOr<PreparedArticle> Preparer::PrepareFingerprint(Article article) const {
  Fingerprint& given = *article.fingerprint;
  if (given.scheme != scheme_) {
    return FieldError("scheme", absl::StrCat("not the collection's, expected ", scheme_));
  }
  if (given.embedder != embedder_) {
    return FieldError("embedder", absl::StrCat("not the collection's, expected ", embedder_));
  }
  if (given.text_hash.size() != sizeof(Hash128)) {
    return FieldError("text_hash", absl::StrCat("wrong length, got ", given.text_hash.size(),
                                                " bytes, expected ", sizeof(Hash128)));
  }
  if (given.body_tokens < 0 || given.body_tokens > kFingerprintTokensMax) {
    return FieldError("body_tokens", absl::StrCat("out of range, got ", given.body_tokens,
                                                  ", limit 0 to ", kFingerprintTokensMax));
  }
  RETURN_IF_ERROR(CheckAscending("shingles", given.shingles, given.body_tokens));
  RETURN_IF_ERROR(CheckAscending("lede_shingles", given.lede_shingles, kLedeTokens));
  RETURN_IF_ERROR(CheckAscending("numbers", given.numbers, given.body_tokens));
  RETURN_IF_ERROR(CheckTerms(given.terms));
  if (embedding_ == nullptr && !given.terms.empty()) {
    return FieldError("terms", "not allowed in a collection whose callers bring the vectors");
  }
  if (!std::includes(given.shingles.begin(), given.shingles.end(), given.lede_shingles.begin(),
                     given.lede_shingles.end())) {
    return FieldError("lede_shingles", "not all among the shingles");
  }
  if (given.vector.size() != static_cast<size_t>(dimension_) ||
      std::any_of(given.vector.begin(), given.vector.end(), [](float v) { return v != 0; })) {
    RETURN_IF_ERROR(NormaliseVector("article.fingerprint.embedding", dimension_, &given.vector));
  }
  PreparedArticle prepared;
  prepared.content_hash = ContentHash(article.title, given);
  prepared.text_hash = HashFromBytes(given.text_hash);
  prepared.body_tokens = given.body_tokens;
  prepared.fingerprint.shingles = std::move(given.shingles);
  prepared.fingerprint.lede_shingles = std::move(given.lede_shingles);
  prepared.fingerprint.numbers = std::move(given.numbers);
  prepared.terms.terms = std::move(given.terms);
  prepared.vector = std::move(given.vector);
  prepared.article = std::move(article);
  return prepared;
}

absl::StatusOr<Fingerprint> Preparer::ComputeFingerprint(Article article) const {
  ASSIGN_OR_RETURN(PreparedArticle prepared, Prepare(std::move(article)));
  Fingerprint fingerprint;
  fingerprint.scheme = scheme_;
  fingerprint.embedder = embedder_;
  fingerprint.text_hash = HashBytes(prepared.text_hash);
  fingerprint.body_tokens = prepared.body_tokens;
  fingerprint.shingles = std::move(prepared.fingerprint.shingles);
  fingerprint.lede_shingles = std::move(prepared.fingerprint.lede_shingles);
  fingerprint.numbers = std::move(prepared.fingerprint.numbers);
  fingerprint.terms = std::move(prepared.terms.terms);
  fingerprint.vector = std::move(prepared.vector);
  return fingerprint;
}

absl::StatusOr<PreparedArticle> Preparer::PrepareText(Article article) const {
  if (!text::IsValidUtf8(article.body)) article.body = text::RepairUtf8(article.body);

  PreparedArticle prepared;
  prepared.content_hash = ContentHash(article);

  std::vector<text::Token> title;
  std::vector<text::Token> body;
  text::Tokenize(article.title, &title);
  text::Tokenize(article.body, &body);
  prepared.body_tokens = static_cast<int64_t>(body.size());
  // Texts without any word are the same only when their bytes are.
  prepared.text_hash =
      title.empty() && body.empty() ? prepared.content_hash : TextHash(title, body);

  std::vector<uint64_t> shingles;
  text::Shingle(body, shingle_words_, &shingles);
  // These keep the low 32 bits.
  const size_t lede = std::min(shingles.size(), kLedeTokens - shingle_words_ + 1);
  prepared.fingerprint.lede_shingles.assign(shingles.begin(), shingles.begin() + lede);
  SortUnique(&prepared.fingerprint.lede_shingles);
  prepared.fingerprint.shingles.assign(shingles.begin(), shingles.end());
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
    const embed::EmbedInput input{article.title, article.body, title, body};
    RETURN_IF_ERROR(embedding_->projection.Embed({&input, 1}, absl::MakeSpan(prepared.vector)));
    prepared.terms.terms = embed::HeavyTerms(embedding_->weights.Weigh(title, body));
  }
  prepared.article = std::move(article);
  return prepared;
}

}  // namespace newsprint
