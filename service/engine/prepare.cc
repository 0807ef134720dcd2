#include "service/engine/prepare.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/common/sort.h"
#include "service/common/status_macros.h"
#include "service/text/tokenizer.h"
#include "service/text/utf8.h"

namespace newsprint {
namespace {

// Words at the beginning of a body that are its lede: two or three sentences. Part of the scheme.
constexpr size_t kLedeTokens = 60;
// A body has a byte or more for each word: the largest that a server can be told to take.
constexpr int64_t kFingerprintTokensMax = 1 << 26;

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
  for (size_t i = 0; i < terms.size(); ++i) {
    if (i > 0 && terms[i].term <= terms[i - 1].term) return FieldError("terms", "not ascending");
    if (!(terms[i].weight >= embed::kTermWeightMin && terms[i].weight <= embed::kTermWeightMax)) {
      return FieldError("term_weights",
                        absl::StrCat("out of range, got ", terms[i].weight, ", limit ",
                                     embed::kTermWeightMin, " to ", embed::kTermWeightMax));
    }
  }
  return absl::OkStatus();
}

// Why no vector can be had from an embedding server, as its caller is to read it: a text that is
// refused would be again, all else may pass.
absl::Status NoVector(const absl::Status& status, const Embedding& embedding) {
  return absl::Status(
      absl::IsInvalidArgument(status) ? status.code() : absl::StatusCode::kUnavailable,
      absl::StrCat("embedder \"", embedding.settings.embedder, "\": ", status.message()));
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

Preparer::Preparer(const CollectionSettings& settings, const embed::GeneralTerms* general)
    : scheme_(settings.fingerprint_scheme),
      shingle_words_(settings.shingle_words),
      tokens_min_(settings.thresholds.tokens_min),
      general_(general) {}

absl::StatusOr<PreparedArticle> Preparer::Prepare(Article article, const Embedding& embedding,
                                                  RemoteVector remote_vector,
                                                  absl::Status* problem) const {
  Tokens tokens;
  ASSIGN_OR_RETURN(PreparedArticle prepared, MakeText(std::move(article), embedding, &tokens));
  if (!prepared.has_subject) MakeSubject(tokens, embedding, remote_vector, &prepared, problem);
  return prepared;
}

absl::StatusOr<PreparedArticle> Preparer::PrepareText(Article article,
                                                      const Embedding& embedding) const {
  Tokens tokens;
  return MakeText(std::move(article), embedding, &tokens);
}

void Preparer::Complete(const Embedding& embedding, RemoteVector remote_vector,
                        PreparedArticle* prepared, absl::Status* problem) const {
  if (prepared->has_subject) return;
  Tokens tokens;
  {
    const StepTimer timer(Step::kNormalise);
    tokens.Read(prepared->article);
  }
  MakeSubject(tokens, embedding, remote_vector, prepared, problem);
}

absl::StatusOr<PreparedArticle> Preparer::MakeText(Article article, const Embedding& embedding,
                                                   Tokens* tokens) const {
  StepTimer timer(Step::kNormalise);
  if (!text::IsValidUtf8(article.title)) article.title = text::RepairUtf8(article.title);
  ASSIGN_OR_RETURN(PreparedArticle prepared,
                   article.fingerprint.has_value()
                       ? PrepareFingerprint(std::move(article), embedding)
                       : MakeFingerprint(std::move(article), embedding, tokens, &timer));
  timer.Next(Step::kSketch);
  prepared.generation = embedding.settings.generation;
  prepared.short_text = IsShort(prepared.fingerprint.shingles.size());
  prepared.sketch = sketch::ComputeSketch(prepared.fingerprint.shingles);
  return prepared;
}

absl::StatusOr<PreparedArticle> Preparer::PrepareFingerprint(Article article,
                                                             const Embedding& embedding) const {
  Fingerprint& given = *article.fingerprint;
  if (given.scheme != scheme_) {
    return FieldError("scheme", absl::StrCat("not the collection's, expected ", scheme_));
  }
  if (given.embedder != embedding.settings.identity) {
    return FieldError("embedder",
                      absl::StrCat("not the collection's, expected ", embedding.settings.identity));
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
  if (!std::includes(given.shingles.begin(), given.shingles.end(), given.lede_shingles.begin(),
                     given.lede_shingles.end())) {
    return FieldError("lede_shingles", "not all among the shingles");
  }
  const int dimension = embedding.settings.dimension;
  if (given.vector.size() != static_cast<size_t>(dimension) ||
      std::any_of(given.vector.begin(), given.vector.end(), [](float v) { return v != 0; })) {
    RETURN_IF_ERROR(NormaliseVector("article.fingerprint.embedding", dimension, &given.vector));
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
  prepared.has_subject = true;
  prepared.article = std::move(article);
  return prepared;
}

absl::StatusOr<Fingerprint> Preparer::ComputeFingerprint(Article article,
                                                         const Embedding& embedding) const {
  absl::Status problem;
  ASSIGN_OR_RETURN(PreparedArticle prepared,
                   Prepare(std::move(article), embedding, RemoteVector::kAsk, &problem));
  RETURN_IF_ERROR(problem);
  Fingerprint fingerprint;
  fingerprint.scheme = scheme_;
  fingerprint.embedder = embedding.settings.identity;
  fingerprint.text_hash = HashBytes(prepared.text_hash);
  fingerprint.body_tokens = prepared.body_tokens;
  fingerprint.shingles = std::move(prepared.fingerprint.shingles);
  fingerprint.lede_shingles = std::move(prepared.fingerprint.lede_shingles);
  fingerprint.numbers = std::move(prepared.fingerprint.numbers);
  fingerprint.terms = std::move(prepared.terms.terms);
  fingerprint.vector = std::move(prepared.vector);
  return fingerprint;
}

absl::StatusOr<std::vector<std::vector<float>>> Preparer::Embed(
    absl::Span<const store::PendingRecord> texts, const Embedding& embedding) {
  std::vector<std::vector<text::Token>> tokens(2 * texts.size());
  std::vector<embed::EmbedInput> inputs;
  for (size_t i = 0; i < texts.size(); ++i) {
    text::Tokenize(texts[i].title, &tokens[2 * i]);
    text::Tokenize(texts[i].body, &tokens[2 * i + 1]);
    inputs.push_back({texts[i].title, texts[i].body, tokens[2 * i], tokens[2 * i + 1]});
  }
  const size_t dimension = static_cast<size_t>(embedding.settings.dimension);
  std::vector<float> rows(texts.size() * dimension);
  const absl::Status status = embedding.embedder->Embed(inputs, absl::MakeSpan(rows));
  if (!status.ok()) return NoVector(status, embedding);
  std::vector<std::vector<float>> vectors;
  for (size_t i = 0; i < texts.size(); ++i) {
    vectors.emplace_back(rows.begin() + i * dimension, rows.begin() + (i + 1) * dimension);
  }
  return vectors;
}

void Preparer::Tokens::Read(const Article& article) {
  text::Tokenize(article.title, &title);
  text::Tokenize(article.body, &body);
}

absl::StatusOr<PreparedArticle> Preparer::MakeFingerprint(Article article,
                                                          const Embedding& embedding,
                                                          Tokens* tokens, StepTimer* timer) const {
  if (!text::IsValidUtf8(article.body)) article.body = text::RepairUtf8(article.body);

  PreparedArticle prepared;
  prepared.content_hash = ContentHash(article);
  tokens->Read(article);
  const auto& [title, body] = *tokens;
  prepared.body_tokens = static_cast<int64_t>(body.size());
  // Texts without any word are the same only when their bytes are.
  prepared.text_hash =
      title.empty() && body.empty() ? prepared.content_hash : TextHash(title, body);
  timer->Next(Step::kSketch);

  auto& [shingles, lede_shingles, numbers] = prepared.fingerprint;
  text::Shingle(body, shingle_words_, &shingles);
  const size_t lede = std::min(shingles.size(), kLedeTokens - shingle_words_ + 1);
  lede_shingles.assign(shingles.begin(), shingles.begin() + static_cast<ptrdiff_t>(lede));
  SortUnique(&lede_shingles);
  SortUnique(&shingles);
  for (const text::Token token : body) {
    if (text::IsNumber(token)) numbers.push_back(static_cast<uint32_t>(token >> 1));
  }
  SortUnique(&numbers);

  if (embedding.embedder == nullptr) {
    RETURN_IF_ERROR(
        NormaliseVector("article.embedding", embedding.settings.dimension, &article.embedding));
    prepared.vector = std::move(article.embedding);
    article.embedding.clear();
  } else if (!article.embedding.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("article.embedding: only in collections whose embedder is \"caller\", got ",
                     article.embedding.size(), " values, and the collection's embedder is \"",
                     embedding.settings.embedder, "\""));
  }
  prepared.article = std::move(article);
  return prepared;
}

void Preparer::MakeSubject(const Tokens& tokens, const Embedding& embedding,
                           RemoteVector remote_vector, PreparedArticle* prepared,
                           absl::Status* problem) const {
  const StepTimer timer(Step::kEmbed);
  embed::TermCounts counts;
  counts.Count(tokens.title, tokens.body, embed::kLedeTokens);
  prepared->terms.terms = embed::HeavyTerms(counts, *general_);
  prepared->has_subject = true;
  // The caller's vector is of the generation that it came for.
  if (embedding.embedder == nullptr || !prepared->vector.empty()) return;
  prepared->generation = embedding.settings.generation;
  if (embedding.remote && remote_vector == RemoteVector::kLeaveOut) return;
  prepared->vector.resize(static_cast<size_t>(embedding.settings.dimension));
  const Article& article = prepared->article;
  const embed::EmbedInput input{article.title, article.body, tokens.title, tokens.body, &counts};
  const absl::Status status =
      embedding.embedder->Embed({&input, 1}, absl::MakeSpan(prepared->vector));
  if (status.ok()) return;
  prepared->vector.clear();
  if (problem != nullptr) *problem = NoVector(status, embedding);
}

}  // namespace newsprint
