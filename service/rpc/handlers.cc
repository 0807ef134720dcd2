#include "service/rpc/handlers.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/common/call_times.h"
#include "service/common/status_macros.h"
#include "service/rpc/from_proto.h"
#include "service/rpc/log.h"
#include "service/rpc/page_token.h"
#include "service/rpc/status.h"
#include "service/rpc/to_proto.h"

namespace newsprint::rpc {
namespace {

// What a page token of a collection's list is bound to: also another collection that once has the
// same name, or another server.
std::string Binding(absl::string_view method, const Collection& collection,
                    absl::string_view parameters) {
  return absl::StrCat(method, "/", collection.uid(), "/",
                      absl::ToUnixNanos(collection.settings().created_at), "/", parameters);
}

// The group that a request names by its id, or by an article in it.
template <typename Request>
absl::StatusOr<GroupNumber> FindGroup(absl::string_view field, const Collection& collection,
                                      const Request& request) {
  if (request.has_group_id()) return GroupFromId(request.group_id());
  if (request.has_article_id()) {
    RETURN_IF_ERROR(CheckId("article_id", request.article_id()));
    return collection.GroupOf(request.article_id());
  }
  return absl::InvalidArgumentError(
      absl::StrCat(field, " (group_id or article_id): required, got nothing"));
}

// Items of a batch that are prepared at a time.
constexpr int kPreparedTogether = 64;

absl::Status CheckBatch(absl::string_view field, int items, int limit) {
  if (items >= 1 && items <= limit) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(field, ": ",
                                                 items == 0 ? "required" : "too many items",
                                                 ", got ", items, ", limit 1 to ", limit));
}

}  // namespace

absl::StatusOr<std::shared_ptr<Collection>> Handlers::FindCollection(absl::string_view name) const {
  if (name.size() > kCollectionNameBytesMax) return CollectionNotFound(name);
  if (CallTimes* const times = CallTimes::Current(); times != nullptr) {
    times->SetCollection(CollectionName(name));
  }
  return engine_->Find(CollectionName(name));
}

absl::Status Handlers::IngestArticle(v1::IngestArticleRequest& request,
                                     v1::IngestArticleResponse* response,
                                     const Caller& caller) const {
  return Ingest(Prepare(request.collection(), request, caller), response->mutable_verdict());
}

IngestItem Handlers::Prepare(absl::string_view collection_name, v1::IngestArticleRequest& request,
                             const Caller& caller) const {
  IngestItem item;
  item.caller = caller;
  item.article_id = request.article().id();
  const auto prepare = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(item.collection, FindCollection(collection_name));
    if (!request.collection().empty() &&
        CollectionName(request.collection()) != CollectionName(collection_name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("collection: differs from the first, got ", request.collection().size(),
                       " bytes, expected \"", CollectionName(collection_name), "\" or nothing"));
    }
    ASSIGN_OR_RETURN(IngestRequest ingest, IngestFromProto(request, limits_));
    ASSIGN_OR_RETURN(item.prepared, item.collection->Prepare(std::move(ingest)));
    return absl::OkStatus();
  };
  item.status = prepare();
  return item;
}

absl::Status Handlers::Ingest(IngestItem item, v1::Verdict* verdict) const {
  RETURN_IF_ERROR(item.status);
  const absl::StatusOr<std::shared_ptr<void>> entered =
      item.caller.EnterArticle([&] { return item.collection->GroupOf(item.article_id).status(); },
                               [&] { return CountArticles(item.caller); });
  if (absl::IsResourceExhausted(entered.status()) && metrics_ != nullptr) {
    metrics_->RecordAccessRefusal(CallMetrics::AccessRefusal::kArticles);
  }
  RETURN_IF_ERROR(entered.status());
  ASSIGN_OR_RETURN(const Verdict decided, item.collection->Ingest(*std::move(item.prepared)));
  ToProto(decided, item.collection->settings(), verdict);
  return absl::OkStatus();
}

absl::Status Handlers::Ingest(IngestItem item, v1::IngestResult* result) const {
  result->set_article_id(item.article_id);
  absl::Status status = Ingest(std::move(item), result->mutable_verdict());
  if (!status.ok()) result->clear_verdict();
  ToProto(status, result->mutable_status());
  return status;
}

absl::Status Handlers::BatchIngestArticles(v1::BatchIngestArticlesRequest& request,
                                           v1::BatchIngestArticlesResponse* response,
                                           const Caller& caller) const {
  RETURN_IF_ERROR(CheckBatch("requests", request.requests_size(), limits_.batch_items_max));
  ASSIGN_OR_RETURN(const auto collection, FindCollection(request.collection()));
  response->mutable_results()->Reserve(request.requests_size());
  CallTimes* const times = CallTimes::Current();
  // A part at a time: what is prepared takes several times the room of its text.
  for (int first = 0; first < request.requests_size(); first += kPreparedTogether) {
    const int count = std::min(kPreparedTogether, request.requests_size() - first);
    std::vector<IngestItem> items(count);
    const auto prepare = [&](size_t i) {
      const CallTimes::Scope scope(times);
      items[i] = Prepare(request.collection(),
                         *request.mutable_requests(first + static_cast<int>(i)), caller);
    };
    if (MayPrepareInParallel(*collection)) {
      ParallelFor(*pool_, items.size(), prepare);
    } else {
      for (size_t i = 0; i < items.size(); ++i) prepare(i);
    }
    for (IngestItem& item : items) {
      const absl::Status status = Ingest(std::move(item), response->add_results());
      if (metrics_ != nullptr) metrics_->RecordBatchItem(status);
      if (times != nullptr && IsServerFault(status)) times->CountItemFault(status);
    }
  }
  return absl::OkStatus();
}

absl::Status Handlers::DeleteArticle(const v1::DeleteArticleRequest& request,
                                     v1::DeleteArticleResponse* response) const {
  RETURN_IF_ERROR(CheckId("id", request.id()));
  RETURN_IF_ERROR(CheckRequestId(request.request_id()));
  ASSIGN_OR_RETURN(const auto collection, FindCollection(request.collection()));
  ASSIGN_OR_RETURN(const Deleted deleted, collection->Delete(request.id(), request.request_id()));
  response->set_group_id(GroupId(deleted.group));
  response->set_canonical_id(deleted.canonical_id);
  return absl::OkStatus();
}

absl::Status Handlers::FindDuplicates(v1::FindDuplicatesRequest& request,
                                      v1::FindDuplicatesResponse* response) const {
  ASSIGN_OR_RETURN(const int matches_max, CountFromProto("max_matches", request.max_matches(),
                                                         kMatchesDefault, kMatchesMax));
  ASSIGN_OR_RETURN(const ArticleQuery query, QueryFromProto(request, limits_));
  ASSIGN_OR_RETURN(const auto collection, FindCollection(request.collection()));
  ASSIGN_OR_RETURN(const Verdict verdict, collection->FindDuplicates(query, matches_max));
  ToProto(verdict, collection->settings(), response->mutable_verdict());
  return absl::OkStatus();
}

absl::Status Handlers::FindRelated(v1::FindRelatedRequest& request,
                                   v1::FindRelatedResponse* response) const {
  ASSIGN_OR_RETURN(const RelatedOptions options, RelatedOptionsFromProto(request));
  ASSIGN_OR_RETURN(const RelatedQuery query, QueryFromProto(request, limits_));
  ASSIGN_OR_RETURN(const auto collection, FindCollection(request.collection()));
  ASSIGN_OR_RETURN(const auto related, collection->FindRelated(query, options));
  for (const RelatedArticle& article : related) ToProto(article, response->add_related());
  return absl::OkStatus();
}

absl::Status Handlers::Compare(v1::CompareRequest& request, v1::CompareResponse* response) const {
  ASSIGN_OR_RETURN(const ArticleQuery a, QueryFromProto("a", *request.mutable_a(), limits_));
  ASSIGN_OR_RETURN(const ArticleQuery b, QueryFromProto("b", *request.mutable_b(), limits_));
  ASSIGN_OR_RETURN(const auto collection, FindCollection(request.collection()));
  ASSIGN_OR_RETURN(const Comparison comparison, collection->Compare(a, b));
  response->set_relation(ToProto(comparison.relation));
  ToProto(comparison.evidence, response->mutable_evidence());
  response->set_similarity(comparison.similarity);
  ToProto(collection->settings().thresholds, response->mutable_thresholds());
  response->set_fingerprint_scheme(collection->settings().fingerprint_scheme);
  response->set_explanation(comparison.explanation);
  return absl::OkStatus();
}

absl::Status Handlers::GetArticle(const v1::GetArticleRequest& request,
                                  v1::GetArticleResponse* response) const {
  RETURN_IF_ERROR(CheckId("id", request.id()));
  ASSIGN_OR_RETURN(const auto collection, FindCollection(request.collection()));
  ASSIGN_OR_RETURN(const StoredArticle stored, collection->Get(request.id(), /*omit_body=*/false));
  ToProto(stored.article, response->mutable_article());
  ToProto(stored.state, response->mutable_state());
  return absl::OkStatus();
}

absl::Status Handlers::BatchGetArticles(const v1::BatchGetArticlesRequest& request,
                                        v1::BatchGetArticlesResponse* response) const {
  RETURN_IF_ERROR(CheckBatch("ids", request.ids_size(), limits_.batch_items_max));
  ASSIGN_OR_RETURN(const auto collection, FindCollection(request.collection()));
  size_t response_bytes = 0;
  for (const std::string& id : request.ids()) {
    v1::GetArticleResult* result = response->add_results();
    absl::Status status = CheckId("ids", id);
    if (status.ok()) {
      result->set_article_id(id);
      if (response_bytes > static_cast<size_t>(limits_.message_bytes_max)) {
        status = absl::ResourceExhaustedError(
            absl::StrCat("ids: response full, got ", response_bytes, " bytes, limit ",
                         limits_.message_bytes_max, " bytes; ask for fewer, or omit_body"));
      }
    }
    if (status.ok()) {
      const absl::StatusOr<StoredArticle> stored = collection->Get(id, request.omit_body());
      status = stored.status();
      if (stored.ok()) {
        ToProto(stored->article, result->mutable_article());
        ToProto(stored->state, result->mutable_state());
      }
    }
    ToProto(status, result->mutable_status());
    response_bytes += result->ByteSizeLong();
  }
  return absl::OkStatus();
}

absl::Status Handlers::GetGroup(const v1::GetGroupRequest& request,
                                v1::GetGroupResponse* response) const {
  ASSIGN_OR_RETURN(const int page_size, PageSizeFromProto(request.page_size()));
  ASSIGN_OR_RETURN(const auto collection, FindCollection(request.collection()));
  ASSIGN_OR_RETURN(const GroupNumber group, FindGroup("group", *collection, request));
  const std::string binding = Binding("GetGroup", *collection, GroupId(group));
  ASSIGN_OR_RETURN(const uint64_t first, ReadPageTokenNumber(binding, request.page_token()));
  ASSIGN_OR_RETURN(const GroupPage page,
                   collection->GetGroup(group, static_cast<Ordinal>(first), page_size));
  ToProto(page.group, response->mutable_group());
  for (const GroupMember& member : page.members.items) ToProto(member, response->add_members());
  if (page.members.next.has_value()) {
    response->set_next_page_token(MakePageToken(binding, uint64_t{*page.members.next}));
  }
  return absl::OkStatus();
}

absl::Status Handlers::ListGroups(const v1::ListGroupsRequest& request,
                                  v1::ListGroupsResponse* response) const {
  ASSIGN_OR_RETURN(const int page_size, PageSizeFromProto(request.page_size()));
  if (request.members_min() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("members_min: negative, got ", request.members_min(), ", limit 0 or more"));
  }
  ASSIGN_OR_RETURN(const auto collection, FindCollection(request.collection()));
  const std::string binding =
      Binding("ListGroups", *collection,
              absl::StrCat(request.members_min(), request.withdrawn_only() ? "/withdrawn" : ""));
  ASSIGN_OR_RETURN(const uint64_t first, ReadPageTokenNumber(binding, request.page_token()));
  GroupFilter filter;
  filter.members_min = static_cast<uint64_t>(request.members_min());
  filter.withdrawn_only = request.withdrawn_only();
  ASSIGN_OR_RETURN(const auto page, collection->ListGroups(first, page_size, filter));
  for (const GroupSummary& group : page.items) ToProto(group, response->add_groups());
  if (page.next.has_value()) response->set_next_page_token(MakePageToken(binding, *page.next));
  return absl::OkStatus();
}

absl::Status Handlers::SetCanonical(const v1::SetCanonicalRequest& request,
                                    v1::SetCanonicalResponse* response) const {
  ASSIGN_OR_RETURN(const GroupNumber group, GroupFromId(request.group_id()));
  if (!request.article_id().empty()) {
    RETURN_IF_ERROR(CheckId("article_id", request.article_id()));
  }
  ASSIGN_OR_RETURN(const auto collection, FindCollection(request.collection()));
  ASSIGN_OR_RETURN(const GroupSummary summary,
                   collection->SetCanonical(group, request.article_id()));
  ToProto(summary, response->mutable_group());
  return absl::OkStatus();
}

absl::Status Handlers::MergeGroups(const v1::MergeGroupsRequest& request,
                                   v1::MergeGroupsResponse* response) const {
  ASSIGN_OR_RETURN(const GroupNumber group, GroupFromId(request.group_id()));
  ASSIGN_OR_RETURN(const GroupNumber merged,
                   GroupFromId("merged_group_id", request.merged_group_id()));
  ASSIGN_OR_RETURN(const auto collection, FindCollection(request.collection()));
  ASSIGN_OR_RETURN(const GroupSummary summary, collection->MergeGroups(group, merged));
  ToProto(summary, response->mutable_group());
  return absl::OkStatus();
}

absl::Status Handlers::SplitGroup(const v1::SplitGroupRequest& request,
                                  v1::SplitGroupResponse* response) const {
  ASSIGN_OR_RETURN(const SplitRequest split_request, SplitFromProto(request));
  ASSIGN_OR_RETURN(const auto collection, FindCollection(request.collection()));
  ASSIGN_OR_RETURN(const Split split, collection->SplitGroup(split_request));
  ToProto(split.group, response->mutable_group());
  ToProto(split.new_group, response->mutable_new_group());
  return absl::OkStatus();
}

absl::Status Handlers::WithdrawStory(const v1::WithdrawStoryRequest& request,
                                     v1::WithdrawStoryResponse* response) const {
  ASSIGN_OR_RETURN(Withdrawal withdrawal, WithdrawalFromProto(request));
  ASSIGN_OR_RETURN(const auto collection, FindCollection(request.collection()));
  ASSIGN_OR_RETURN(const GroupNumber group, FindGroup("story", *collection, request));
  ASSIGN_OR_RETURN(const Withdrawn withdrawn, collection->Withdraw(group, std::move(withdrawal)));
  ToProto(withdrawn.group, response->mutable_group());
  response->set_affected_count(withdrawn.affected);
  return absl::OkStatus();
}

absl::Status Handlers::ReinstateStory(const v1::ReinstateStoryRequest& request,
                                      v1::ReinstateStoryResponse* response) const {
  ASSIGN_OR_RETURN(const auto collection, FindCollection(request.collection()));
  ASSIGN_OR_RETURN(const GroupNumber group, FindGroup("story", *collection, request));
  ASSIGN_OR_RETURN(const std::optional<GroupSummary> summary, collection->Reinstate(group));
  if (summary.has_value()) ToProto(*summary, response->mutable_group());
  return absl::OkStatus();
}

absl::Status Handlers::ListAffectedArticles(const v1::ListAffectedArticlesRequest& request,
                                            v1::ListAffectedArticlesResponse* response) const {
  ASSIGN_OR_RETURN(const int page_size, PageSizeFromProto(request.page_size()));
  ASSIGN_OR_RETURN(const auto collection, FindCollection(request.collection()));
  ASSIGN_OR_RETURN(const GroupNumber group, FindGroup("story", *collection, request));
  const std::string binding = Binding("ListAffectedArticles", *collection, GroupId(group));
  ASSIGN_OR_RETURN(const uint64_t first, ReadPageTokenNumber(binding, request.page_token()));
  ASSIGN_OR_RETURN(const GroupPage page,
                   collection->GetGroup(group, static_cast<Ordinal>(first), page_size));
  if (!page.group.withdrawal.has_value()) {
    return absl::FailedPreconditionError(
        absl::StrCat("story: not withdrawn, got group \"", GroupId(page.group.group), "\""));
  }
  ToProto(*page.group.withdrawal, response->mutable_withdrawal());
  for (const GroupMember& member : page.members.items) {
    if (member.article.id == page.group.withdrawal->replacement_id) continue;
    ToProto(member, response->add_articles());
  }
  if (page.members.next.has_value()) {
    response->set_next_page_token(MakePageToken(binding, uint64_t{*page.members.next}));
  }
  return absl::OkStatus();
}

absl::Status Handlers::ComputeFingerprint(v1::ComputeFingerprintRequest& request,
                                          v1::ComputeFingerprintResponse* response) const {
  ASSIGN_OR_RETURN(Article article, ArticleFromProto(request, limits_));
  ASSIGN_OR_RETURN(const auto collection, FindCollection(request.collection()));
  ASSIGN_OR_RETURN(const Fingerprint fingerprint,
                   collection->ComputeFingerprint(std::move(article)));
  ToProto(fingerprint, response->mutable_fingerprint());
  return absl::OkStatus();
}

absl::Status Handlers::CreateCollection(const v1::CreateCollectionRequest& request,
                                        v1::CreateCollectionResponse* response) const {
  ASSIGN_OR_RETURN(NewCollection wanted, NewCollectionFromProto(request.collection()));
  ASSIGN_OR_RETURN(const auto collection, engine_->Create(std::move(wanted)));
  ToProto(collection->Info(), response->mutable_collection());
  return absl::OkStatus();
}

absl::Status Handlers::GetCollection(const v1::GetCollectionRequest& request,
                                     v1::GetCollectionResponse* response) const {
  ASSIGN_OR_RETURN(const auto collection, FindCollection(request.name()));
  ToProto(collection->Info(), response->mutable_collection());
  return absl::OkStatus();
}

absl::Status Handlers::UpdateCollection(const v1::UpdateCollectionRequest& request,
                                        v1::UpdateCollectionResponse* response) const {
  ASSIGN_OR_RETURN(const CollectionUpdate update, UpdateFromProto(request));
  ASSIGN_OR_RETURN(const auto collection, FindCollection(request.collection().name()));
  RETURN_IF_ERROR(collection->Update(update.retention, update.durability));
  ToProto(collection->Info(), response->mutable_collection());
  return absl::OkStatus();
}

absl::Status Handlers::ListCollections(const v1::ListCollectionsRequest& request,
                                       v1::ListCollectionsResponse* response,
                                       const Caller& caller) const {
  ASSIGN_OR_RETURN(const int page_size, PageSizeFromProto(request.page_size()));
  const std::string binding = absl::StrCat("ListCollections/", caller.name());
  ASSIGN_OR_RETURN(const std::string first, ReadPageToken(binding, request.page_token()));
  const auto collections = ListVisible(caller, first, static_cast<size_t>(page_size) + 1);
  for (const auto& collection : collections) {
    if (response->collections_size() == page_size) {
      response->set_next_page_token(
          MakePageToken(binding, absl::string_view(collection->settings().name)));
      break;
    }
    ToProto(collection->Info(), response->add_collections());
  }
  return absl::OkStatus();
}

std::vector<std::shared_ptr<Collection>> Handlers::ListVisible(const Caller& caller,
                                                               absl::string_view first,
                                                               size_t collections_max) const {
  if (caller.MayReadAll()) return engine_->List(first, collections_max);
  // Grant by grant, so that what others have takes no time.
  std::map<std::string, std::shared_ptr<Collection>> visible;
  for (const Grant& grant : caller.grants()) {
    if (grant.is_prefix) {
      for (auto& collection : engine_->List(first, collections_max, grant.name)) {
        visible.emplace(collection->settings().name, std::move(collection));
      }
    } else if (grant.name >= first) {
      if (auto found = engine_->Find(grant.name); found.ok()) {
        visible.emplace(grant.name, *std::move(found));
      }
    }
  }
  std::vector<std::shared_ptr<Collection>> list;
  for (auto& [name, collection] : visible) {
    if (list.size() == collections_max) break;
    list.push_back(std::move(collection));
  }
  return list;
}

int64_t Handlers::CountArticles(const Caller& caller) const {
  const MethodRule ingest = *FindMethodRule("IngestArticle");
  int64_t articles = 0;
  for (const auto& collection : ListVisible(caller, "", SIZE_MAX)) {
    if (caller.Check(ingest, collection->settings().name).ok()) {
      articles += collection->Stats().articles;
    }
  }
  return articles;
}

absl::Status Handlers::ListEmbedders(const v1::ListEmbeddersRequest& /*request*/,
                                     v1::ListEmbeddersResponse* response) const {
  for (const EmbedderInfo& embedder : engine_->ListEmbedders()) {
    ToProto(embedder, response->add_embedders());
  }
  return absl::OkStatus();
}

absl::Status Handlers::ReembedCollection(const v1::ReembedCollectionRequest& request,
                                         v1::ReembedCollectionResponse* response) const {
  if (request.embedder().empty()) {
    return absl::InvalidArgumentError("embedder: required, got nothing");
  }
  ASSIGN_OR_RETURN(const auto collection, FindCollection(request.collection()));
  RETURN_IF_ERROR(engine_->BeginReembedding(*collection, request.embedder()));
  ToProto(collection->Info(), response->mutable_collection());
  return absl::OkStatus();
}

absl::Status Handlers::CancelReembedding(const v1::CancelReembeddingRequest& request,
                                         v1::CancelReembeddingResponse* response) const {
  ASSIGN_OR_RETURN(const auto collection, FindCollection(request.collection()));
  RETURN_IF_ERROR(collection->CancelReembedding());
  ToProto(collection->Info(), response->mutable_collection());
  return absl::OkStatus();
}

absl::Status Handlers::DeleteCollection(const v1::DeleteCollectionRequest& request,
                                        v1::DeleteCollectionResponse* /*response*/) const {
  if (request.name().empty()) {
    return absl::InvalidArgumentError("name: required, got nothing");
  }
  RETURN_IF_ERROR(FindCollection(request.name()).status());
  return engine_->Drop(request.name());
}

absl::Status Handlers::GetStats(const v1::GetStatsRequest& request, v1::GetStatsResponse* response,
                                const Caller& caller) const {
  ASSIGN_OR_RETURN(const auto collection, FindCollection(request.collection()));
  ToProto(collection->Stats(), response);
  // Of all collections together.
  if (caller.MayReadAll()) response->set_store_bytes(engine_->store_bytes());
  return absl::OkStatus();
}

absl::Status Handlers::CreateSnapshot(const v1::CreateSnapshotRequest& request,
                                      v1::CreateSnapshotResponse* response,
                                      absl::FunctionRef<bool()> keep_going) const {
  if (!request.name().empty()) RETURN_IF_ERROR(CheckSnapshotName(request.name()));
  const absl::Time begin = absl::Now();
  ASSIGN_OR_RETURN(const SnapshotInfo snapshot,
                   engine_->snapshots().Create(request.name(), keep_going));
  LogSnapshotCreated(snapshot, absl::Now() - begin);
  ToProto(snapshot, response->mutable_snapshot());
  return absl::OkStatus();
}

absl::Status Handlers::ListSnapshots(const v1::ListSnapshotsRequest& request,
                                     v1::ListSnapshotsResponse* response) const {
  ASSIGN_OR_RETURN(const int page_size, PageSizeFromProto(request.page_size()));
  ASSIGN_OR_RETURN(const std::string first, ReadPageToken("ListSnapshots", request.page_token()));
  ASSIGN_OR_RETURN(const std::vector<SnapshotInfo> snapshots,
                   engine_->snapshots().List(first, static_cast<size_t>(page_size) + 1));
  for (const SnapshotInfo& snapshot : snapshots) {
    if (response->snapshots_size() == page_size) {
      response->set_next_page_token(
          MakePageToken("ListSnapshots", absl::string_view(snapshot.name)));
      break;
    }
    ToProto(snapshot, response->add_snapshots());
  }
  return absl::OkStatus();
}

absl::Status Handlers::DeleteSnapshot(const v1::DeleteSnapshotRequest& request,
                                      v1::DeleteSnapshotResponse* /*response*/) const {
  RETURN_IF_ERROR(CheckSnapshotName(request.name()));
  RETURN_IF_ERROR(engine_->snapshots().Delete(request.name()));
  LogSnapshotDeleted(request.name());
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<SnapshotReader>> Handlers::ReadSnapshot(
    const v1::ReadSnapshotRequest& request) const {
  RETURN_IF_ERROR(CheckSnapshotName(request.name()));
  if (request.first_offset() < 0 || (request.first_path().empty() && request.first_offset() > 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("first_offset: out of range, got ", request.first_offset(),
                     ", limit 0 to the file's length, and 0 without first_path"));
  }
  return engine_->snapshots().Read(request.name(), request.first_path(),
                                   static_cast<uint64_t>(request.first_offset()));
}

}  // namespace newsprint::rpc
