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

namespace {

v1::WithdrawalReason ToProto(WithdrawalReason reason) {
  switch (reason) {
    case WithdrawalReason::kKilled:
      return v1::WITHDRAWAL_REASON_KILLED;
    case WithdrawalReason::kCorrected:
      return v1::WITHDRAWAL_REASON_CORRECTED;
  }
  return v1::WITHDRAWAL_REASON_UNSPECIFIED;
}

v1::CanonicalPolicy ToProto(CanonicalPolicy policy) {
  switch (policy) {
    case CanonicalPolicy::kFirstIngested:
      return v1::CANONICAL_POLICY_FIRST_INGESTED;
    case CanonicalPolicy::kEarliestPublished:
      return v1::CANONICAL_POLICY_EARLIEST_PUBLISHED;
    case CanonicalPolicy::kSourcePriority:
      return v1::CANONICAL_POLICY_SOURCE_PRIORITY;
    case CanonicalPolicy::kLongest:
      return v1::CANONICAL_POLICY_LONGEST;
  }
  return v1::CANONICAL_POLICY_UNSPECIFIED;
}

v1::GroupChangeKind ToProto(GroupChangeKind kind) {
  switch (kind) {
    case GroupChangeKind::kCreated:
      return v1::GROUP_CHANGE_KIND_CREATED;
    case GroupChangeKind::kJoined:
      return v1::GROUP_CHANGE_KIND_JOINED;
    case GroupChangeKind::kLeft:
      return v1::GROUP_CHANGE_KIND_LEFT;
    case GroupChangeKind::kCanonicalChanged:
      return v1::GROUP_CHANGE_KIND_CANONICAL_CHANGED;
    case GroupChangeKind::kMerged:
      return v1::GROUP_CHANGE_KIND_MERGED;
    case GroupChangeKind::kWithdrawn:
      return v1::GROUP_CHANGE_KIND_WITHDRAWN;
    case GroupChangeKind::kReinstated:
      return v1::GROUP_CHANGE_KIND_REINSTATED;
    case GroupChangeKind::kEnded:
      return v1::GROUP_CHANGE_KIND_ENDED;
  }
  return v1::GROUP_CHANGE_KIND_UNSPECIFIED;
}

}  // namespace

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
  proto->set_query_boilerplate(evidence.query_boilerplate);
  proto->set_match_boilerplate(evidence.match_boilerplate);
  proto->set_shared_boilerplate(evidence.shared_boilerplate);
  proto->set_lede_containment(evidence.lede_containment);
  proto->set_term_cosine(evidence.term_cosine);
  proto->set_score(evidence.score);
}

void ToProto(const Thresholds& thresholds, v1::Thresholds* proto) {
  proto->set_near_duplicate_jaccard(thresholds.near_duplicate_jaccard);
  proto->set_duplicate_containment(thresholds.duplicate_containment);
  proto->set_excerpt_length_ratio(thresholds.excerpt_length_ratio);
  proto->set_tokens_min(thresholds.tokens_min);
  proto->set_template_jaccard(thresholds.template_jaccard);
  proto->set_template_shared_numbers(thresholds.template_shared_numbers);
  proto->set_template_numbers_min(thresholds.template_numbers_min);
  proto->set_related_score_min(thresholds.related_score_min);
  proto->set_revision_window_seconds(absl::ToInt64Seconds(thresholds.revision_window));
  proto->set_boilerplate_articles_min(thresholds.boilerplate_articles_min);
  proto->set_boilerplate_source_articles_min(thresholds.boilerplate_source_articles_min);
  proto->set_footer_shingles_max(thresholds.footer_shingles_max);
  proto->set_lede_containment_min(thresholds.lede_containment_min);
}

void ToProto(const Withdrawal& withdrawal, v1::Withdrawal* proto) {
  proto->set_article_id(withdrawal.article_id);
  proto->set_reason(ToProto(withdrawal.reason));
  proto->set_note(withdrawal.note);
  proto->set_replacement_id(withdrawal.replacement_id);
  ToProto(withdrawal.withdrawn_at, proto->mutable_withdrawn_at());
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
  if (verdict.withdrawal.has_value()) ToProto(*verdict.withdrawal, proto->mutable_withdrawal());
  proto->set_embedding_pending(verdict.embedding_pending);
  proto->set_expired(verdict.expired);
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

void ToProto(const Fingerprint& fingerprint, v1::Fingerprint* proto) {
  proto->set_scheme(fingerprint.scheme);
  proto->set_text_hash(fingerprint.text_hash);
  proto->set_body_tokens(fingerprint.body_tokens);
  proto->mutable_shingles()->Assign(fingerprint.shingles.begin(), fingerprint.shingles.end());
  proto->mutable_lede_shingles()->Assign(fingerprint.lede_shingles.begin(),
                                         fingerprint.lede_shingles.end());
  proto->mutable_numbers()->Assign(fingerprint.numbers.begin(), fingerprint.numbers.end());
  for (const WeightedTerm& term : fingerprint.terms) {
    proto->add_terms(term.term);
    proto->add_term_weights(term.weight);
  }
  proto->mutable_embedding()->Assign(fingerprint.vector.begin(), fingerprint.vector.end());
  proto->set_embedder(fingerprint.embedder);
}

void ToProto(const ArticleState& state, v1::ArticleState* proto) {
  proto->set_group_id(GroupId(state.group));
  proto->set_canonical_id(state.canonical_id);
  proto->set_relation(ToProto(state.relation));
  ToProto(state.ingested_at, proto->mutable_ingested_at());
  proto->set_revision_number(state.revision_number);
  proto->set_body_tokens(state.body_tokens);
  proto->set_text_stored(state.text_stored);
  if (state.withdrawal.has_value()) ToProto(*state.withdrawal, proto->mutable_withdrawal());
  proto->set_embedding_pending(state.embedding_pending);
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
  proto->set_withdrawn(related.withdrawn);
}

void ToProto(const GroupSummary& group, v1::Group* proto) {
  proto->set_id(GroupId(group.group));
  proto->set_canonical_id(group.canonical_id);
  proto->set_title(group.title);
  proto->set_member_count(group.members);
  proto->set_canonical_pinned(group.canonical_pinned);
  if (group.withdrawal.has_value()) ToProto(*group.withdrawal, proto->mutable_withdrawal());
}

void ToProto(const GroupChange& change, v1::GroupChange* proto) {
  proto->set_sequence(static_cast<int64_t>(change.sequence));
  proto->set_kind(ToProto(change.kind));
  proto->set_group_id(GroupId(change.group));
  proto->set_article_id(change.article_id);
  proto->set_canonical_id(change.canonical_id);
  proto->set_previous_canonical_id(change.previous_canonical_id);
  proto->set_other_group_id(GroupId(change.other_group));
  if (change.relation.has_value()) proto->set_relation(ToProto(*change.relation));
  ToProto(change.changed_at, proto->mutable_changed_at());
  if (change.withdrawal.has_value()) ToProto(*change.withdrawal, proto->mutable_withdrawal());
  proto->set_expired(change.expired);
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
  proto->set_placed_by_editor(member.placed_by_editor);
}

namespace {

void ToProto(const ReembeddingProgress& progress, v1::Reembedding* proto) {
  proto->set_embedder(progress.to.embedder);
  proto->set_embedder_identity(progress.to.identity);
  proto->set_articles_done(progress.articles_done);
  proto->set_articles(progress.articles);
  proto->set_articles_without_text(progress.articles_without_text);
  proto->set_problem(progress.problem);
  rpc::ToProto(progress.to.chosen_at, proto->mutable_started_at());
}

v1::EmbedderKind ToProto(EmbedderKind kind) {
  switch (kind) {
    case EmbedderKind::kBuiltIn:
      return v1::EMBEDDER_KIND_BUILTIN;
    case EmbedderKind::kCaller:
      return v1::EMBEDDER_KIND_CALLER;
    case EmbedderKind::kTrained:
      return v1::EMBEDDER_KIND_TRAINED;
    case EmbedderKind::kModel2Vec:
      return v1::EMBEDDER_KIND_MODEL2VEC;
    case EmbedderKind::kRemote:
      return v1::EMBEDDER_KIND_REMOTE;
  }
  return v1::EMBEDDER_KIND_UNSPECIFIED;
}

}  // namespace

void ToProto(const EmbedderInfo& embedder, v1::Embedder* proto) {
  proto->set_name(embedder.name);
  proto->set_kind(ToProto(embedder.kind));
  proto->set_identity(embedder.identity);
  proto->set_dimension(embedder.dimension);
  proto->set_problem(embedder.problem);
}

void ToProto(const CollectionInfo& info, v1::Collection* proto) {
  const CollectionSettings& settings = info.settings;
  proto->set_name(settings.name);
  proto->set_omit_text(settings.omit_text);
  proto->set_shingle_words(settings.shingle_words);
  proto->set_embedding_dimension(info.embedding.dimension);
  ToProto(settings.thresholds, proto->mutable_thresholds());
  proto->set_fingerprint_scheme(settings.fingerprint_scheme);
  proto->set_embedder(info.embedding.embedder);
  proto->set_embedder_identity(info.embedding.identity);
  ToProto(settings.created_at, proto->mutable_created_at());
  proto->set_canonical_policy(ToProto(settings.canonical_policy));
  proto->mutable_source_priority()->Assign(settings.source_priority.begin(),
                                           settings.source_priority.end());
  if (info.reembedding.has_value()) ToProto(*info.reembedding, proto->mutable_reembedding());
  const Retention& retention = settings.retention;
  if (retention.age < absl::InfiniteDuration()) {
    proto->mutable_retention()->mutable_age()->set_seconds(absl::ToInt64Seconds(retention.age));
  }
  if (retention.articles_max > 0) {
    proto->mutable_retention()->set_articles_max(retention.articles_max);
  }
  proto->set_durability(settings.durability == Durability::kAsync ? v1::DURABILITY_ASYNC
                                                                  : v1::DURABILITY_SYNC);
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
  proto->set_sequence(stats.sequence);
  proto->set_group_change_sequence(stats.group_change_sequence);
  proto->set_boilerplate_shingles(stats.boilerplate_shingles);
  proto->set_embeddings_pending(stats.embeddings_pending);
  proto->set_articles_expired(stats.articles_expired);
  if (stats.oldest_article_at.has_value()) {
    ToProto(*stats.oldest_article_at, proto->mutable_oldest_article_at());
  }
}

void ToProto(const absl::Status& status, v1::ItemStatus* proto) {
  const absl::Status told = ForCaller(status);
  proto->set_code(static_cast<int>(told.code()));
  proto->set_message(std::string(told.message()));
}

void ToProto(const SnapshotInfo& snapshot, v1::Snapshot* proto) {
  proto->set_name(snapshot.name);
  if (snapshot.created_at.has_value()) {
    ToProto(*snapshot.created_at, proto->mutable_created_at());
  }
  proto->set_bytes(static_cast<int64_t>(snapshot.bytes));
  proto->set_files(static_cast<int64_t>(snapshot.files));
}

}  // namespace newsprint::rpc
