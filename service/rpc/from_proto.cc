#include "service/rpc/from_proto.h"

#include <cctype>
#include <cmath>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "service/common/status_macros.h"
#include "service/engine/engine.h"

namespace newsprint::rpc {
namespace {

// The range of google.protobuf.Timestamp: years 1 to 9999.
constexpr int64_t kTimestampSecondsMin = -62'135'596'800;
constexpr int64_t kTimestampSecondsMax = 253'402'300'799;
constexpr int kShingleWordsMax = 16;
constexpr int kDimensionMin = 8;
constexpr int kCountThresholdMax = 1000;
constexpr int kBoilerplateArticlesMax = 1'000'000;
constexpr int kFooterShinglesMax = 100'000;
constexpr int64_t kRevisionWindowSecondsMax = 365 * 24 * 3600;
constexpr int64_t kRetentionSecondsMax = int64_t{100} * 365 * 24 * 3600;
constexpr int64_t kRetentionArticlesMax = 2'000'000'000;
constexpr size_t kPathShownMax = 100;  // bytes of a path in an error
constexpr int64_t kHalfLifeSecondsMax = int64_t{100} * 365 * 24 * 3600;

absl::Status Empty(absl::string_view field) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": required, got nothing"));
}

absl::Status CheckBytes(absl::string_view field, size_t bytes, size_t limit) {
  if (bytes <= limit) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": too long, got ", bytes, " bytes, limit ", limit, " bytes"));
}

template <typename Number>
absl::Status CheckRange(absl::string_view field, Number value, Number least, Number most) {
  if (value >= least && value <= most) return absl::OkStatus();  // false for NaN
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": out of range, got ", value, ", limit ", least, " to ", most));
}

// Text comes in a string field or, when it may not be valid UTF-8, in a bytes field.
absl::Status CheckText(absl::string_view name, const std::string& text, const std::string& raw,
                       size_t bytes_max) {
  if (!text.empty() && !raw.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("article.", name, ": got both ", name, " and raw_", name, ", limit one"));
  }
  return CheckBytes(absl::StrCat("article.", raw.empty() ? "" : "raw_", name),
                    text.size() + raw.size(), bytes_max);
}

absl::Status CheckTimestamp(absl::string_view field, const google::protobuf::Timestamp& time) {
  RETURN_IF_ERROR(CheckRange<int64_t>(absl::StrCat(field, ".seconds"), time.seconds(),
                                      kTimestampSecondsMin, kTimestampSecondsMax));
  return CheckRange<int64_t>(absl::StrCat(field, ".nanos"), time.nanos(), 0, 999'999'999);
}

absl::Status CheckAttributes(const v1::Article& proto) {
  if (proto.attributes_size() > kAttributesMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        "article.attributes: too many, got ", proto.attributes_size(), ", limit ", kAttributesMax));
  }
  for (const auto& [key, value] : proto.attributes()) {
    if (key.empty()) return Empty("article.attributes: key");
    RETURN_IF_ERROR(CheckBytes("article.attributes: key", key.size(), kAttributeKeyBytesMax));
    RETURN_IF_ERROR(CheckBytes("article.attributes: value", value.size(), kAttributeValueBytesMax));
  }
  return absl::OkStatus();
}

absl::StatusOr<Fingerprint> FingerprintFromProto(const v1::Article& article, const Limits& limits) {
  const v1::Fingerprint& proto = article.fingerprint();
  // A body has at most one word for two bytes.
  const size_t shingles_max = limits.body_bytes_max / 2 + 1;
  if (static_cast<size_t>(proto.shingles_size()) > shingles_max) {
    return absl::InvalidArgumentError(absl::StrCat("article.fingerprint.shingles: too many, got ",
                                                   proto.shingles_size(), ", limit ", shingles_max,
                                                   ", half of --body_bytes_max"));
  }
  if (!article.body().empty() || !article.raw_body().empty() || article.embedding_size() > 0) {
    return absl::InvalidArgumentError(
        "article.fingerprint: got text or embedding as well, limit one of them");
  }
  if (proto.terms_size() != proto.term_weights_size()) {
    return absl::InvalidArgumentError(absl::StrCat("article.fingerprint.term_weights: got ",
                                                   proto.term_weights_size(), " values, expected ",
                                                   proto.terms_size(), ", one for each term"));
  }
  Fingerprint fingerprint;
  fingerprint.scheme = proto.scheme();
  fingerprint.text_hash = proto.text_hash();
  fingerprint.body_tokens = proto.body_tokens();
  fingerprint.shingles.assign(proto.shingles().begin(), proto.shingles().end());
  fingerprint.lede_shingles.assign(proto.lede_shingles().begin(), proto.lede_shingles().end());
  fingerprint.numbers.assign(proto.numbers().begin(), proto.numbers().end());
  for (int i = 0; i < proto.terms_size(); ++i) {
    fingerprint.terms.push_back({proto.terms(i), proto.term_weights(i)});
  }
  fingerprint.vector.assign(proto.embedding().begin(), proto.embedding().end());
  fingerprint.embedder = proto.embedder();
  return fingerprint;
}

absl::StatusOr<CanonicalPolicy> PolicyFromProto(v1::CanonicalPolicy policy) {
  switch (policy) {
    case v1::CANONICAL_POLICY_UNSPECIFIED:
    case v1::CANONICAL_POLICY_FIRST_INGESTED:
      return CanonicalPolicy::kFirstIngested;
    case v1::CANONICAL_POLICY_EARLIEST_PUBLISHED:
      return CanonicalPolicy::kEarliestPublished;
    case v1::CANONICAL_POLICY_SOURCE_PRIORITY:
      return CanonicalPolicy::kSourcePriority;
    case v1::CANONICAL_POLICY_LONGEST:
      return CanonicalPolicy::kLongest;
    default:
      return absl::InvalidArgumentError(absl::StrCat("collection.canonical_policy: unknown, got ",
                                                     static_cast<int>(policy), ", limit 0 to ",
                                                     static_cast<int>(v1::CanonicalPolicy_MAX)));
  }
}

absl::StatusOr<Durability> DurabilityFromProto(v1::Durability durability) {
  switch (durability) {
    case v1::DURABILITY_UNSPECIFIED:
    case v1::DURABILITY_SYNC:
      return Durability::kSync;
    case v1::DURABILITY_ASYNC:
      return Durability::kAsync;
    default:
      return absl::InvalidArgumentError(absl::StrCat("collection.durability: unknown, got ",
                                                     static_cast<int>(durability), ", limit 0 to ",
                                                     static_cast<int>(v1::Durability_MAX)));
  }
}

absl::StatusOr<Retention> RetentionFromProto(const v1::Retention& proto) {
  Retention retention;
  if (proto.has_age()) {
    RETURN_IF_ERROR(CheckRange<int64_t>("collection.retention.age.seconds", proto.age().seconds(),
                                        1, kRetentionSecondsMax));
    RETURN_IF_ERROR(
        CheckRange<int64_t>("collection.retention.age.nanos", proto.age().nanos(), 0, 0));
    retention.age = absl::Seconds(proto.age().seconds());
  }
  RETURN_IF_ERROR(CheckRange<int64_t>("collection.retention.articles_max", proto.articles_max(), 0,
                                      kRetentionArticlesMax));
  retention.articles_max = proto.articles_max();
  return retention;
}

absl::Status CheckSourcePriority(const v1::Collection& proto) {
  constexpr char kField[] = "collection.source_priority";
  const bool wanted = proto.canonical_policy() == v1::CANONICAL_POLICY_SOURCE_PRIORITY;
  if (wanted && proto.source_priority().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(kField, ": required with canonical_policy SOURCE_PRIORITY, got nothing"));
  }
  if (!wanted && !proto.source_priority().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(kField, ": goes with canonical_policy SOURCE_PRIORITY alone, got ",
                     proto.source_priority_size(), " sources"));
  }
  if (proto.source_priority_size() > kSourcePriorityMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        kField, ": too many, got ", proto.source_priority_size(), ", limit ", kSourcePriorityMax));
  }
  absl::flat_hash_set<absl::string_view> seen;
  for (const std::string& source : proto.source_priority()) {
    if (source.empty()) return Empty(absl::StrCat(kField, ": source"));
    RETURN_IF_ERROR(CheckBytes(kField, source.size(), kSourceBytesMax));
    if (!seen.insert(source).second) {
      return absl::InvalidArgumentError(absl::StrCat(kField, ": twice, got \"", source, "\""));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckName(absl::string_view field, absl::string_view name) {
  if (name.empty()) return Empty(field);
  if (IsCollectionName(name)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      field, ": not a name, got ", name.size(),
      " bytes, limit 1 to 64 characters of a-z, 0-9, - and _, beginning with a letter or digit"));
}

absl::Status ThresholdsFromProto(const v1::Thresholds& proto, Thresholds* thresholds) {
  struct Share {
    const char* name;
    bool given;
    double value;
    double* target;
  };
  for (const Share& share : {
           Share{"near_duplicate_jaccard", proto.has_near_duplicate_jaccard(),
                 proto.near_duplicate_jaccard(), &thresholds->near_duplicate_jaccard},
           Share{"duplicate_containment", proto.has_duplicate_containment(),
                 proto.duplicate_containment(), &thresholds->duplicate_containment},
           Share{"excerpt_length_ratio", proto.has_excerpt_length_ratio(),
                 proto.excerpt_length_ratio(), &thresholds->excerpt_length_ratio},
           Share{"template_jaccard", proto.has_template_jaccard(), proto.template_jaccard(),
                 &thresholds->template_jaccard},
           Share{"template_shared_numbers", proto.has_template_shared_numbers(),
                 proto.template_shared_numbers(), &thresholds->template_shared_numbers},
           Share{"related_score_min", proto.has_related_score_min(), proto.related_score_min(),
                 &thresholds->related_score_min},
           Share{"lede_containment_min", proto.has_lede_containment_min(),
                 proto.lede_containment_min(), &thresholds->lede_containment_min},
       }) {
    if (!share.given) continue;
    RETURN_IF_ERROR(
        CheckRange(absl::StrCat("collection.thresholds.", share.name), share.value, 0.0, 1.0));
    *share.target = share.value;
  }
  struct Number {
    const char* name;
    bool given;
    int value;
    int least;
    int most;
    int* target;
  };
  for (const Number& number : {
           Number{"tokens_min", proto.has_tokens_min(), proto.tokens_min(), 1, kCountThresholdMax,
                  &thresholds->tokens_min},
           Number{"template_numbers_min", proto.has_template_numbers_min(),
                  proto.template_numbers_min(), 1, kCountThresholdMax,
                  &thresholds->template_numbers_min},
           Number{"boilerplate_articles_min", proto.has_boilerplate_articles_min(),
                  proto.boilerplate_articles_min(), 2, kBoilerplateArticlesMax,
                  &thresholds->boilerplate_articles_min},
           Number{"boilerplate_source_articles_min", proto.has_boilerplate_source_articles_min(),
                  proto.boilerplate_source_articles_min(), 2, kBoilerplateArticlesMax,
                  &thresholds->boilerplate_source_articles_min},
           Number{"footer_shingles_max", proto.has_footer_shingles_max(),
                  proto.footer_shingles_max(), 0, kFooterShinglesMax,
                  &thresholds->footer_shingles_max},
       }) {
    if (!number.given) continue;
    RETURN_IF_ERROR(CheckRange(absl::StrCat("collection.thresholds.", number.name), number.value,
                               number.least, number.most));
    *number.target = number.value;
  }
  if (proto.has_revision_window_seconds()) {
    RETURN_IF_ERROR(CheckRange<int64_t>("collection.thresholds.revision_window_seconds",
                                        proto.revision_window_seconds(), 0,
                                        kRevisionWindowSecondsMax));
    thresholds->revision_window = absl::Seconds(proto.revision_window_seconds());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckId(absl::string_view field, absl::string_view id) {
  if (id.empty()) return Empty(field);
  return CheckBytes(field, id.size(), kIdBytesMax);
}

absl::Status CheckRequestId(absl::string_view request_id) {
  return CheckBytes("request_id", request_id.size(), kRequestIdBytesMax);
}

absl::Status CheckSnapshotName(absl::string_view name) { return CheckName("name", name); }

absl::StatusOr<int> CountFromProto(absl::string_view field, int value, int default_value, int max) {
  if (value == 0) return default_value;
  RETURN_IF_ERROR(CheckRange(field, value, 1, max));
  return value;
}

absl::StatusOr<int> PageSizeFromProto(int value) {
  if (value < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("page_size: negative, got ", value, ", limit 0 to ", kPageSizeMax));
  }
  if (value == 0) return kPageSizeDefault;
  return std::min(value, kPageSizeMax);
}

bool IsCollectionName(absl::string_view name) {
  if (name.empty() || name.size() > kCollectionNameBytesMax) return false;
  const auto letter_or_digit = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  for (const char c : name) {
    if (!letter_or_digit(c) && c != '-' && c != '_') return false;
  }
  return letter_or_digit(name[0]);
}

std::string CollectionName(absl::string_view name) {
  return name.empty() ? kDefaultCollection : std::string(name);
}

std::string GroupId(GroupNumber group) { return group == 0 ? "" : absl::StrCat("g", group); }

absl::StatusOr<GroupNumber> GroupFromId(absl::string_view id) {
  return GroupFromId("group_id", id);
}

absl::StatusOr<GroupNumber> GroupFromId(absl::string_view field, absl::string_view id) {
  absl::string_view digits = id;
  GroupNumber group = 0;
  if (absl::ConsumePrefix(&digits, "g") && absl::SimpleAtoi(digits, &group) &&
      GroupId(group) == id) {
    return group;
  }
  RETURN_IF_ERROR(CheckId(field, id));
  return absl::NotFoundError(absl::StrCat(field, ": no such group, got \"", id, "\""));
}

absl::StatusOr<Article> ArticleFromProto(v1::ComputeFingerprintRequest& proto,
                                         const Limits& limits) {
  if (!proto.has_article()) return Empty("article");
  if (proto.article().has_fingerprint()) {
    return absl::InvalidArgumentError("article.fingerprint: got one, expected the text");
  }
  return ArticleFromProto(*proto.mutable_article(), limits, IdRule::kOptional);
}

absl::StatusOr<CollectionUpdate> UpdateFromProto(const v1::UpdateCollectionRequest& proto) {
  if (proto.update_mask().paths().empty()) {
    return absl::InvalidArgumentError("update_mask: required, got nothing");
  }
  CollectionUpdate update;
  for (const std::string& path : proto.update_mask().paths()) {
    if (path == "retention") {
      ASSIGN_OR_RETURN(update.retention, RetentionFromProto(proto.collection().retention()));
    } else if (path == "durability") {
      ASSIGN_OR_RETURN(update.durability, DurabilityFromProto(proto.collection().durability()));
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("update_mask: not a setting that can be changed, got \"",
                       absl::CEscape(absl::string_view(path).substr(0, kPathShownMax)),
                       "\", limit \"retention\" or \"durability\""));
    }
  }
  return update;
}

absl::StatusOr<SplitRequest> SplitFromProto(const v1::SplitGroupRequest& proto) {
  SplitRequest request;
  ASSIGN_OR_RETURN(request.group, GroupFromId(proto.group_id()));
  if (proto.article_ids_size() == 0) return Empty("article_ids");
  if (proto.article_ids_size() > kSplitArticlesMax) {
    return absl::InvalidArgumentError(absl::StrCat("article_ids: too many, got ",
                                                   proto.article_ids_size(), ", limit 1 to ",
                                                   kSplitArticlesMax));
  }
  for (const std::string& id : proto.article_ids()) RETURN_IF_ERROR(CheckId("article_ids", id));
  request.ids.assign(proto.article_ids().begin(), proto.article_ids().end());
  RETURN_IF_ERROR(CheckRequestId(proto.request_id()));
  request.request_id = proto.request_id();
  return request;
}

absl::StatusOr<Withdrawal> WithdrawalFromProto(const v1::WithdrawStoryRequest& proto) {
  Withdrawal withdrawal;
  switch (proto.reason()) {
    case v1::WITHDRAWAL_REASON_KILLED:
      withdrawal.reason = WithdrawalReason::kKilled;
      break;
    case v1::WITHDRAWAL_REASON_CORRECTED:
      withdrawal.reason = WithdrawalReason::kCorrected;
      break;
    case v1::WITHDRAWAL_REASON_UNSPECIFIED:
      return Empty("reason");
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("reason: unknown, got ", static_cast<int>(proto.reason()), ", limit 1 to ",
                       static_cast<int>(v1::WithdrawalReason_MAX)));
  }
  RETURN_IF_ERROR(CheckBytes("note", proto.note().size(), kWithdrawalNoteBytesMax));
  RETURN_IF_ERROR(CheckBytes("replacement_id", proto.replacement_id().size(), kIdBytesMax));
  withdrawal.article_id = proto.article_id();
  withdrawal.note = proto.note();
  withdrawal.replacement_id = proto.replacement_id();
  return withdrawal;
}

absl::StatusOr<Article> ArticleFromProto(v1::Article& proto, const Limits& limits, IdRule id_rule) {
  if (id_rule == IdRule::kRequired || !proto.id().empty()) {
    RETURN_IF_ERROR(CheckId("article.id", proto.id()));
  }
  Article article;
  article.id = proto.id();
  RETURN_IF_ERROR(CheckText("title", proto.title(), proto.raw_title(), limits.title_bytes_max));
  RETURN_IF_ERROR(CheckText("body", proto.body(), proto.raw_body(), limits.body_bytes_max));
  if (proto.has_fingerprint()) {
    ASSIGN_OR_RETURN(article.fingerprint, FingerprintFromProto(proto, limits));
  } else if (proto.body().empty() && proto.raw_body().empty()) {
    return Empty("article.body");
  }
  RETURN_IF_ERROR(CheckBytes("article.language", proto.language().size(), kLanguageBytesMax));
  RETURN_IF_ERROR(CheckBytes("article.source", proto.source().size(), kSourceBytesMax));
  RETURN_IF_ERROR(CheckBytes("article.url", proto.url().size(), kUrlBytesMax));
  RETURN_IF_ERROR(CheckAttributes(proto));
  if (proto.embedding_size() > kEmbeddingValuesMax) {
    return absl::InvalidArgumentError(absl::StrCat("article.embedding: too many values, got ",
                                                   proto.embedding_size(), ", limit ",
                                                   kEmbeddingValuesMax));
  }
  article.language = proto.language();
  article.source = proto.source();
  article.url = proto.url();
  article.attributes.insert(proto.attributes().begin(), proto.attributes().end());
  article.embedding.assign(proto.embedding().begin(), proto.embedding().end());
  if (proto.has_published_at()) {
    RETURN_IF_ERROR(CheckTimestamp("article.published_at", proto.published_at()));
    article.published_at = absl::FromUnixSeconds(proto.published_at().seconds()) +
                           absl::Nanoseconds(proto.published_at().nanos());
  }
  article.title =
      std::move(proto.raw_title().empty() ? *proto.mutable_title() : *proto.mutable_raw_title());
  article.body =
      std::move(proto.raw_body().empty() ? *proto.mutable_body() : *proto.mutable_raw_body());
  return article;
}

namespace {

absl::StatusOr<ArticleQuery> IdQuery(absl::string_view field, const std::string& id) {
  RETURN_IF_ERROR(CheckId(field, id));
  return ArticleQuery(id);
}

absl::StatusOr<ArticleQuery> InlineQuery(v1::Article& proto, const Limits& limits) {
  ASSIGN_OR_RETURN(Article article, ArticleFromProto(proto, limits, IdRule::kOptional));
  return ArticleQuery(std::move(article));
}

}  // namespace

absl::StatusOr<IngestRequest> IngestFromProto(v1::IngestArticleRequest& proto,
                                              const Limits& limits) {
  if (!proto.has_article()) return Empty("article");
  RETURN_IF_ERROR(CheckRequestId(proto.request_id()));
  IngestRequest request;
  ASSIGN_OR_RETURN(request.article,
                   ArticleFromProto(*proto.mutable_article(), limits, IdRule::kRequired));
  request.request_id = proto.request_id();
  request.skip_related = proto.skip_related();
  return request;
}

absl::StatusOr<ArticleQuery> QueryFromProto(v1::FindDuplicatesRequest& proto,
                                            const Limits& limits) {
  if (proto.has_id()) return IdQuery("id", proto.id());
  if (proto.has_article()) return InlineQuery(*proto.mutable_article(), limits);
  return Empty("query (id or article)");
}

absl::StatusOr<RelatedQuery> QueryFromProto(v1::FindRelatedRequest& proto, const Limits& limits) {
  if (proto.has_id()) return IdQuery("id", proto.id());
  if (proto.has_article()) return InlineQuery(*proto.mutable_article(), limits);
  if (!proto.has_vector()) return Empty("query (id, article or vector)");
  if (proto.vector().values_size() > kEmbeddingValuesMax) {
    return absl::InvalidArgumentError(absl::StrCat("vector.values: too many values, got ",
                                                   proto.vector().values_size(), ", limit ",
                                                   kEmbeddingValuesMax));
  }
  return std::vector<float>(proto.vector().values().begin(), proto.vector().values().end());
}

absl::StatusOr<ArticleQuery> QueryFromProto(absl::string_view field, v1::ArticleOrId& proto,
                                            const Limits& limits) {
  if (proto.has_id()) return IdQuery(absl::StrCat(field, ".id"), proto.id());
  if (!proto.has_article()) return Empty(absl::StrCat(field, " (id or article)"));
  absl::StatusOr<ArticleQuery> query = InlineQuery(*proto.mutable_article(), limits);
  if (!query.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(field, ".", query.status().message()));
  }
  return query;
}

namespace {

absl::Time TimeFromProto(const google::protobuf::Timestamp& proto) {
  return absl::FromUnixSeconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

// Values of one filter; each must be there and fit.
absl::Status CheckFilter(absl::string_view field,
                         const google::protobuf::RepeatedPtrField<std::string>& values,
                         size_t bytes_max) {
  if (values.size() > kRelatedFilterMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": too many, got ", values.size(), ", limit ", kRelatedFilterMax));
  }
  for (const std::string& value : values) {
    if (value.empty()) return Empty(field);
    RETURN_IF_ERROR(CheckBytes(field, value.size(), bytes_max));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RelatedOptions> RelatedOptionsFromProto(const v1::FindRelatedRequest& proto) {
  RelatedOptions options;
  ASSIGN_OR_RETURN(options.results_max, CountFromProto("max_results", proto.max_results(),
                                                       kRelatedDefault, kRelatedMax));
  if (proto.has_score_min()) {
    RETURN_IF_ERROR(CheckRange("score_min", proto.score_min(), 0.0, 1.0));
    options.score_min = proto.score_min();
  }
  options.include_duplicates = proto.include_duplicates();
  if (proto.has_half_life()) {
    RETURN_IF_ERROR(CheckRange<int64_t>("half_life.seconds", proto.half_life().seconds(), 1,
                                        kHalfLifeSecondsMax));
    RETURN_IF_ERROR(
        CheckRange<int64_t>("half_life.nanos", proto.half_life().nanos(), 0, 999'999'999));
    options.half_life =
        absl::Seconds(proto.half_life().seconds()) + absl::Nanoseconds(proto.half_life().nanos());
  }
  RETURN_IF_ERROR(CheckFilter("sources", proto.sources(), kSourceBytesMax));
  options.sources.assign(proto.sources().begin(), proto.sources().end());
  RETURN_IF_ERROR(CheckFilter("languages", proto.languages(), kLanguageBytesMax));
  options.languages.assign(proto.languages().begin(), proto.languages().end());
  if (proto.has_published_from()) {
    RETURN_IF_ERROR(CheckTimestamp("published_from", proto.published_from()));
    options.published_from = TimeFromProto(proto.published_from());
  }
  if (proto.has_published_before()) {
    RETURN_IF_ERROR(CheckTimestamp("published_before", proto.published_before()));
    options.published_before = TimeFromProto(proto.published_before());
  }
  RETURN_IF_ERROR(CheckRange("diversity", proto.diversity(), 0.0, 1.0));
  options.diversity = proto.diversity();
  return options;
}

absl::StatusOr<NewCollection> NewCollectionFromProto(const v1::Collection& proto) {
  NewCollection wanted;
  CollectionSettings& settings = wanted.settings;
  RETURN_IF_ERROR(CheckName("collection.name", proto.name()));
  settings.name = proto.name();
  settings.omit_text = proto.omit_text();
  RETURN_IF_ERROR(
      CheckRange("collection.shingle_words", proto.shingle_words(), 0, kShingleWordsMax));
  settings.shingle_words = proto.shingle_words();
  wanted.embedder = proto.embedder();
  wanted.dimension = proto.embedding_dimension();
  if (proto.embedding_dimension() != 0) {
    RETURN_IF_ERROR(CheckRange("collection.embedding_dimension", proto.embedding_dimension(),
                               kDimensionMin, kEmbeddingValuesMax));
    if (proto.embedding_dimension() % 8 != 0) {
      return absl::InvalidArgumentError(absl::StrCat("collection.embedding_dimension: got ",
                                                     proto.embedding_dimension(),
                                                     ", limit multiples of 8"));
    }
  }
  ASSIGN_OR_RETURN(settings.canonical_policy, PolicyFromProto(proto.canonical_policy()));
  RETURN_IF_ERROR(CheckSourcePriority(proto));
  settings.source_priority.assign(proto.source_priority().begin(), proto.source_priority().end());
  RETURN_IF_ERROR(ThresholdsFromProto(proto.thresholds(), &settings.thresholds));
  ASSIGN_OR_RETURN(settings.durability, DurabilityFromProto(proto.durability()));
  ASSIGN_OR_RETURN(settings.retention, RetentionFromProto(proto.retention()));
  return wanted;
}

}  // namespace newsprint::rpc
