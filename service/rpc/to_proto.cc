#include "service/rpc/to_proto.h"

#include <string>

#include "service/rpc/from_proto.h"
#include "service/rpc/status.h"

namespace newsprint::rpc {

v1::Relation ToProto(Relation relation) {
  switch (relation) {
    case Relation::kNew:
      return v1::RELATION_NEW;
    case Relation::kExact:
      return v1::RELATION_EXACT;
    case Relation::kNearDuplicate:
      return v1::RELATION_NEAR_DUPLICATE;
    case Relation::kExcerpt:
      return v1::RELATION_EXCERPT;
    case Relation::kExtension:
      return v1::RELATION_EXTENSION;
    case Relation::kRevision:
      return v1::RELATION_REVISION;
    case Relation::kTemplate:
      return v1::RELATION_TEMPLATE;
    case Relation::kRelated:
      return v1::RELATION_RELATED;
  }
  return v1::RELATION_UNSPECIFIED;
}

void ToProto(absl::Time time, google::protobuf::Timestamp* proto) {
  const int64_t seconds = absl::ToUnixSeconds(time);  // rounds down
  proto->set_seconds(seconds);
  proto->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
}

void ToProto(const Evidence& evidence, v1::Evidence* proto) {
  proto->set_jaccard(evidence.jaccard);
  proto->set_containment(evidence.containment);
  proto->set_reverse_containment(evidence.reverse_containment);
  proto->set_cosine(evidence.cosine);
  proto->set_shared_shingles(evidence.shared_shingles);
  proto->set_query_shingles(evidence.query_shingles);
  proto->set_match_shingles(evidence.match_shingles);
  if (evidence.shared_numbers.has_value()) proto->set_shared_numbers(*evidence.shared_numbers);
}

void ToProto(const Thresholds& thresholds, v1::Thresholds* proto) {
  proto->set_near_duplicate_jaccard(thresholds.near_duplicate_jaccard);
  proto->set_duplicate_containment(thresholds.duplicate_containment);
  proto->set_excerpt_length_ratio(thresholds.excerpt_length_ratio);
  proto->set_tokens_min(thresholds.tokens_min);
  proto->set_template_jaccard(thresholds.template_jaccard);
  proto->set_template_shared_numbers(thresholds.template_shared_numbers);
  proto->set_template_numbers_min(thresholds.template_numbers_min);
  proto->set_related_cosine(thresholds.related_cosine);
  proto->set_revision_window_seconds(absl::ToInt64Seconds(thresholds.revision_window));
}

void ToProto(const Verdict& verdict, const CollectionSettings& settings, v1::Verdict* proto) {
  proto->set_relation(ToProto(verdict.relation));
  proto->set_canonical_id(verdict.canonical_id);
  proto->set_group_id(GroupId(verdict.group));
  for (const Match& match : verdict.matches) {
    v1::Match* out = proto->add_matches();
    out->set_article_id(match.article.id);
    out->set_relation(ToProto(match.relation));
    out->set_group_id(GroupId(match.group));
    out->set_canonical_id(match.canonical_id);
    ToProto(match.evidence, out->mutable_evidence());
    out->set_title(match.article.title);
    out->set_source(match.article.source);
    if (match.article.published_at.has_value()) {
      ToProto(*match.article.published_at, out->mutable_published_at());
    }
  }
  ToProto(settings.thresholds, proto->mutable_thresholds());
  proto->set_fingerprint_scheme(settings.fingerprint_scheme);
  proto->set_replayed(verdict.replayed);
  proto->set_short_text(verdict.short_text);
}

void ToProto(const Article& article, v1::Article* proto) {
  proto->set_id(article.id);
  proto->set_title(article.title);
  proto->set_body(article.body);
  proto->set_language(article.language);
  proto->set_source(article.source);
  proto->set_url(article.url);
  if (article.published_at.has_value()) {
    ToProto(*article.published_at, proto->mutable_published_at());
  }
  for (const auto& [key, value] : article.attributes) (*proto->mutable_attributes())[key] = value;
}

void ToProto(const ArticleState& state, bool text_stored, v1::ArticleState* proto) {
  proto->set_group_id(GroupId(state.group));
  proto->set_canonical_id(state.canonical_id);
  proto->set_relation(ToProto(state.relation));
  ToProto(state.ingested_at, proto->mutable_ingested_at());
  proto->set_revision_number(state.revision_number);
  proto->set_body_tokens(state.body_tokens);
  proto->set_text_stored(text_stored);
}

void ToProto(const RelatedArticle& related, v1::RelatedArticle* proto) {
  proto->set_article_id(related.article.id);
  proto->set_score(related.score);
  proto->set_group_id(GroupId(related.group));
  proto->set_same_group(related.same_group);
  proto->set_title(related.article.title);
  proto->set_source(related.article.source);
  proto->set_language(related.article.language);
  proto->set_url(related.article.url);
  if (related.article.published_at.has_value()) {
    ToProto(*related.article.published_at, proto->mutable_published_at());
  }
}

void ToProto(const GroupSummary& group, v1::Group* proto) {
  proto->set_id(GroupId(group.group));
  proto->set_canonical_id(group.canonical_id);
  proto->set_title(group.title);
  proto->set_member_count(group.members);
}

void ToProto(const GroupMember& member, v1::GroupMember* proto) {
  proto->set_article_id(member.article.id);
  proto->set_relation(ToProto(member.relation));
  if (member.evidence.has_value()) ToProto(*member.evidence, proto->mutable_evidence());
  proto->set_title(member.article.title);
  proto->set_source(member.article.source);
  proto->set_url(member.article.url);
  if (member.article.published_at.has_value()) {
    ToProto(*member.article.published_at, proto->mutable_published_at());
  }
  ToProto(member.ingested_at, proto->mutable_ingested_at());
}

void ToProto(const CollectionSettings& settings, v1::Collection* proto) {
  proto->set_name(settings.name);
  proto->set_omit_text(settings.omit_text);
  proto->set_shingle_words(settings.shingle_words);
  proto->set_embedding_dimension(settings.embedding_dimension);
  proto->set_caller_embeddings(settings.caller_embeddings);
  ToProto(settings.thresholds, proto->mutable_thresholds());
  proto->set_fingerprint_scheme(settings.fingerprint_scheme);
  proto->set_embedder(settings.embedder);
  ToProto(settings.created_at, proto->mutable_created_at());
}

void ToProto(const CollectionStats& stats, v1::GetStatsResponse* proto) {
  proto->set_articles(stats.articles);
  proto->set_groups(stats.groups);
  for (int i = 1; i < kRelationCount; ++i) {
    if (stats.relations[i] == 0) continue;
    v1::RelationCount* count = proto->add_relations();
    count->set_relation(ToProto(static_cast<Relation>(i)));
    count->set_count(stats.relations[i]);
  }
  proto->set_fingerprint_index_bytes(stats.fingerprint_index_bytes);
  proto->set_vector_index_bytes(stats.vector_index_bytes);
  proto->set_store_bytes(stats.store_bytes);
  proto->set_sequence(stats.sequence);
}

void ToProto(const absl::Status& status, v1::ItemStatus* proto) {
  const absl::Status told = ForCaller(status);
  proto->set_code(static_cast<int>(told.code()));
  proto->set_message(std::string(told.message()));
}

}  // namespace newsprint::rpc
