#include "tests/client/fake_server.h"

#include <algorithm>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"

namespace newsprint::client::testing {
namespace {

double Likeness(const std::string& a, const std::string& b) {
  const std::set<std::string> x = absl::StrSplit(a, ' ');
  const std::set<std::string> y = absl::StrSplit(b, ' ');
  double common = 0;
  for (const std::string& word : x) common += static_cast<double>(y.count(word));
  return common / (static_cast<double>(x.size() + y.size()) - common);
}

}  // namespace

grpc::Status FakeServer::NotFound(const std::string& what) {
  return grpc::Status(grpc::StatusCode::NOT_FOUND, what);
}

std::string FakeServer::TextOf(const v1::Article& article) {
  return absl::StrCat(article.body(), article.raw_body(), article.fingerprint().text_hash());
}

std::pair<int, int> FakeServer::Page(int page_size, const std::string& token, size_t count,
                                     std::string* next) {
  int begin = 0;
  if (!token.empty() && !absl::SimpleAtoi(token, &begin)) begin = 0;
  const int end = std::min(begin + (page_size == 0 ? 100 : page_size), static_cast<int>(count));
  if (end < static_cast<int>(count)) *next = absl::StrCat(end);
  return {begin, end};
}

FakeServer::FakeServer() {
  stores_["default"].settings.set_name("default");
  SetEmbedder(stores_["default"].settings);
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
  builder.RegisterService(static_cast<v1::ArticleService::Service*>(this));
  builder.RegisterService(static_cast<v1::ClusterService::Service*>(this));
  builder.RegisterService(static_cast<v1::AdminService::Service*>(this));
  builder.SetMaxReceiveMessageSize(1 << 20);
  server_ = builder.BuildAndStart();
}

void FakeServer::BreakStreams() {
  std::lock_guard<std::mutex> lock(mutex_);
  for (grpc::ServerContext* context : open_streams_) context->TryCancel();
}

FakeServer::~FakeServer() { server_->Shutdown(std::chrono::system_clock::now()); }

std::string FakeServer::target() const { return absl::StrCat("127.0.0.1:", port_); }

Client FakeServer::MakeClient() const {
  ClientOptions options;
  options.target = target();
  options.deadline = absl::Seconds(20);
  options.backoff_initial = absl::Milliseconds(1);
  options.backoff_max = absl::Milliseconds(5);
  return Client(MakeConnection(options));
}

std::vector<std::string> FakeServer::IngestedIds(const std::string& collection) {
  std::lock_guard<std::mutex> lock(mutex_);
  return stores_[collection].order;
}

v1::Article FakeServer::Stored(const std::string& id, const std::string& collection) {
  std::lock_guard<std::mutex> lock(mutex_);
  return stores_[collection].entries[id].article;
}

std::vector<std::string> FakeServer::CollectionNames() {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, store] : stores_) names.push_back(name);
  return names;
}

std::vector<v1::Collection> FakeServer::CreatedCollections() {
  std::lock_guard<std::mutex> lock(mutex_);
  return created_;
}

v1::FindRelatedRequest FakeServer::LastFindRelated() {
  std::lock_guard<std::mutex> lock(mutex_);
  return last_find_related_;
}

v1::CompareRequest FakeServer::LastCompare() {
  std::lock_guard<std::mutex> lock(mutex_);
  return last_compare_;
}

// Both are called with mutex_ held.
grpc::Status FakeServer::Enter() {
  ++unary_calls;
  if (faults.latency > absl::ZeroDuration()) absl::SleepFor(faults.latency);
  if (faults.unary_failures > 0) {
    --faults.unary_failures;
    return faults.unary_status;
  }
  return grpc::Status::OK;
}

grpc::Status FakeServer::Leave() {
  if (faults.lost_answers == 0) return grpc::Status::OK;
  --faults.lost_answers;
  return grpc::Status(grpc::StatusCode::UNAVAILABLE, "answer lost");
}

FakeServer::Store* FakeServer::Find(const std::string& collection) {
  const auto it = stores_.find(collection.empty() ? "default" : collection);
  return it == stores_.end() ? nullptr : &it->second;
}

grpc::Status FakeServer::Ingest(const std::string& collection, const v1::Article& article,
                                v1::Verdict* verdict) {
  Store* store = Find(collection);
  if (store == nullptr) return NotFound("collection: not found");
  if (article.id() == faults.refused_id || TextOf(article).empty()) {
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "body: missing");
  }
  if (article.id() == faults.unavailable_item_id && faults.unavailable_items > 0) {
    --faults.unavailable_items;
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "could not write");
  }
  const auto [it, is_new] = store->entries.emplace(article.id(), Entry{article, "", {}});
  Entry& entry = it->second;
  if (is_new) {
    for (const std::string& id : store->order) {
      const Entry& other = store->entries[id];
      if (TextOf(other.article) != TextOf(article)) continue;
      entry.group = other.group;
      entry.relation = v1::RELATION_EXACT;
      break;
    }
    if (entry.group.empty()) {
      entry.group = absl::StrCat("g", store->order.size());
      entry.relation = v1::RELATION_NEW;
    }
    store->order.push_back(article.id());
  }
  verdict->set_relation(entry.relation);
  verdict->set_group_id(entry.group);
  verdict->set_canonical_id(GroupOf(*store, entry.group).canonical_id());
  verdict->set_replayed(!is_new);
  verdict->set_embedding_pending(faults.pending_ids.count(article.id()) > 0);
  const auto withdrawal = store->withdrawals.find(entry.group);
  if (withdrawal != store->withdrawals.end()) *verdict->mutable_withdrawal() = withdrawal->second;
  return grpc::Status::OK;
}

std::vector<std::string> FakeServer::MembersOf(const Store& store, const std::string& group) {
  std::vector<std::string> ids;
  for (const std::string& id : store.order) {
    if (store.entries.at(id).group == group) ids.push_back(id);
  }
  return ids;
}

v1::Group FakeServer::GroupOf(const Store& store, const std::string& group) const {
  v1::Group result;
  result.set_id(group);
  const std::vector<std::string> members = MembersOf(store, group);
  if (!members.empty()) {
    const auto pinned = store.pinned.find(group);
    result.set_canonical_pinned(pinned != store.pinned.end());
    result.set_canonical_id(result.canonical_pinned() ? pinned->second : members[0]);
    result.set_title(store.entries.at(result.canonical_id()).article.title());
    result.set_member_count(static_cast<int64_t>(members.size()));
  }
  const auto withdrawal = store.withdrawals.find(group);
  if (withdrawal != store.withdrawals.end()) *result.mutable_withdrawal() = withdrawal->second;
  return result;
}

grpc::Status FakeServer::IngestArticle(grpc::ServerContext*,
                                       const v1::IngestArticleRequest* request,
                                       v1::IngestArticleResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  if (request->article().id() == faults.poison_id) {
    return grpc::Status(grpc::StatusCode::INTERNAL, "poison");
  }
  const grpc::Status status =
      Ingest(request->collection(), request->article(), response->mutable_verdict());
  return status.ok() ? Leave() : status;
}

grpc::Status FakeServer::StreamIngest(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<v1::StreamIngestResponse, v1::StreamIngestRequest>* stream) {
  ++streams;
  int answers = 0;
  int answers_max = 0;
  bool breaks;
  bool is_silent;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    breaks = faults.broken_streams > 0;
    if (breaks) --faults.broken_streams;
    open_streams_.insert(context);
    answers_max = faults.broken_stream_answers;
    if (faults.answers_once) faults.broken_stream_answers = 0;
    is_silent = faults.silent_streams > 0;
    if (is_silent) --faults.silent_streams;
  }
  const absl::Cleanup leave = [&] {
    std::lock_guard<std::mutex> lock(mutex_);
    open_streams_.erase(context);
  };
  std::string collection;
  v1::StreamIngestRequest request;
  while (stream->Read(&request)) {
    if (is_silent) {
      while (!context->IsCancelled()) absl::SleepFor(absl::Milliseconds(2));
      return grpc::Status::CANCELLED;
    }
    if (breaks && answers == answers_max) {
      return faults.stream_status;
    }
    if (collection.empty()) collection = request.request().collection();
    const v1::Article& article = request.request().article();
    if (!faults.poison_id.empty() && article.id() == faults.poison_id) {
      return grpc::Status(grpc::StatusCode::INTERNAL, "cannot parse");
    }
    if (!faults.ending_id.empty() && article.id() == faults.ending_id) return grpc::Status::OK;
    v1::StreamIngestResponse response;
    response.set_sequence(request.sequence());
    response.mutable_result()->set_article_id(article.id());
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (Find(collection) == nullptr) return NotFound("collection: not found");
      const grpc::Status status =
          Ingest(collection, article, response.mutable_result()->mutable_verdict());
      response.mutable_result()->mutable_status()->set_code(status.error_code());
      response.mutable_result()->mutable_status()->set_message(status.error_message());
      if (!status.ok()) response.mutable_result()->clear_verdict();
    }
    stream->Write(response);
    ++answers;
  }
  return grpc::Status::OK;
}

grpc::Status FakeServer::FindDuplicates(grpc::ServerContext*,
                                        const v1::FindDuplicatesRequest* request,
                                        v1::FindDuplicatesResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  Store* store = Find(request->collection());
  if (store == nullptr) return NotFound("collection: not found");
  v1::Article query = request->article();
  if (request->has_id()) {
    if (store->entries.count(request->id()) == 0) return NotFound("id: no such article");
    query = store->entries[request->id()].article;
  }
  v1::Verdict& verdict = *response->mutable_verdict();
  verdict.set_relation(v1::RELATION_NEW);
  for (const std::string& id : store->order) {
    const Entry& entry = store->entries[id];
    if (id == request->id() || TextOf(entry.article) != TextOf(query)) continue;
    verdict.set_relation(v1::RELATION_EXACT);
    verdict.set_group_id(entry.group);
    verdict.set_canonical_id(GroupOf(*store, entry.group).canonical_id());
    v1::Match& match = *verdict.add_matches();
    match.set_article_id(id);
    match.set_relation(v1::RELATION_EXACT);
    match.set_title(entry.article.title());
    match.mutable_evidence()->set_jaccard(1);
    match.mutable_evidence()->set_score(0.875);
    match.mutable_evidence()->set_lede_containment(0.75);
    match.mutable_evidence()->set_shared_boilerplate(2);
    const auto withdrawal = store->withdrawals.find(entry.group);
    if (withdrawal != store->withdrawals.end()) *verdict.mutable_withdrawal() = withdrawal->second;
  }
  return Leave();
}

grpc::Status FakeServer::FindRelated(grpc::ServerContext*, const v1::FindRelatedRequest* request,
                                     v1::FindRelatedResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  last_find_related_ = *request;
  Store* store = Find(request->collection());
  if (store == nullptr) return NotFound("collection: not found");
  v1::Article query = request->article();
  if (request->has_id()) {
    if (store->entries.count(request->id()) == 0) return NotFound("id: no such article");
    query = store->entries[request->id()].article;
  }
  std::vector<std::pair<double, std::string>> ranked;
  for (const std::string& id : store->order) {
    if (id == request->id()) continue;
    const double score = Likeness(TextOf(query), TextOf(store->entries[id].article));
    if (score >= request->score_min()) ranked.emplace_back(-score, id);
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [negative, id] : ranked) {
    v1::RelatedArticle& related = *response->add_related();
    related.set_article_id(id);
    related.set_score(-negative);
    related.set_title(store->entries[id].article.title());
    related.set_withdrawn(store->withdrawals.count(store->entries[id].group) > 0);
  }
  return Leave();
}

grpc::Status FakeServer::Compare(grpc::ServerContext*, const v1::CompareRequest* request,
                                 v1::CompareResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  last_compare_ = *request;
  Store* store = Find(request->collection());
  if (store == nullptr) return NotFound("collection: not found");
  v1::Article sides[2] = {request->a().article(), request->b().article()};
  for (int i = 0; i < 2; ++i) {
    const v1::ArticleOrId& side = i == 0 ? request->a() : request->b();
    if (side.has_id()) sides[i] = store->entries[side.id()].article;
    if (TextOf(sides[i]).empty()) {
      return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "body: missing");
    }
  }
  const double likeness = Likeness(TextOf(sides[0]), TextOf(sides[1]));
  response->set_similarity(likeness);
  response->mutable_evidence()->set_jaccard(likeness);
  response->set_relation(v1::RELATION_RELATED);
  response->set_explanation("they share words");
  v1::Evidence& evidence = *response->mutable_evidence();
  evidence.set_cosine(0.125);
  evidence.set_term_cosine(0.5);
  evidence.set_score(0.625);
  evidence.set_lede_containment(0.25);
  evidence.set_query_boilerplate(5);
  evidence.set_match_boilerplate(4);
  evidence.set_shared_boilerplate(3);
  return Leave();
}

grpc::Status FakeServer::GetArticle(grpc::ServerContext*, const v1::GetArticleRequest* request,
                                    v1::GetArticleResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  Store* store = Find(request->collection());
  if (store == nullptr || store->entries.count(request->id()) == 0) {
    return NotFound("id: no such article");
  }
  const Entry& entry = store->entries[request->id()];
  *response->mutable_article() = entry.article;
  response->mutable_state()->set_group_id(entry.group);
  response->mutable_state()->set_canonical_id(GroupOf(*store, entry.group).canonical_id());
  response->mutable_state()->set_relation(entry.relation);
  response->mutable_state()->set_text_stored(true);
  response->mutable_state()->set_embedding_pending(faults.pending_ids.count(request->id()) > 0);
  const auto withdrawal = store->withdrawals.find(entry.group);
  if (withdrawal != store->withdrawals.end()) {
    *response->mutable_state()->mutable_withdrawal() = withdrawal->second;
  }
  return Leave();
}

grpc::Status FakeServer::BatchGetArticles(grpc::ServerContext*,
                                          const v1::BatchGetArticlesRequest* request,
                                          v1::BatchGetArticlesResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  Store* store = Find(request->collection());
  if (store == nullptr) return NotFound("collection: not found");
  for (const std::string& id : request->ids()) {
    v1::GetArticleResult& result = *response->add_results();
    result.set_article_id(id);
    if (store->entries.count(id) == 0) {
      result.mutable_status()->set_code(grpc::StatusCode::NOT_FOUND);
    } else {
      result.mutable_state()->set_group_id(store->entries[id].group);
    }
  }
  return Leave();
}

grpc::Status FakeServer::DeleteArticle(grpc::ServerContext*,
                                       const v1::DeleteArticleRequest* request,
                                       v1::DeleteArticleResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  if (delete_requests_done_.count(request->request_id()) > 0) return Leave();
  Store* store = Find(request->collection());
  if (store == nullptr || store->entries.count(request->id()) == 0) {
    return NotFound("id: no such article");
  }
  response->set_group_id(store->entries[request->id()].group);
  store->entries.erase(request->id());
  store->order.erase(std::find(store->order.begin(), store->order.end(), request->id()));
  if (!request->request_id().empty()) delete_requests_done_.insert(request->request_id());
  return Leave();
}

grpc::Status FakeServer::GetGroup(grpc::ServerContext*, const v1::GetGroupRequest* request,
                                  v1::GetGroupResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  Store* store = Find(request->collection());
  const std::string group = NamedGroup(*request);
  const std::vector<std::string> ids = MembersOf(*store, group);
  if (ids.empty()) return NotFound("group_id: no such group");
  *response->mutable_group() = GroupOf(*store, group);
  const auto [begin, end] = Page(request->page_size(), request->page_token(), ids.size(),
                                 response->mutable_next_page_token());
  for (int i = begin; i < end; ++i) {
    response->add_members()->set_article_id(ids[static_cast<size_t>(i)]);
  }
  return Leave();
}

grpc::Status FakeServer::ListGroups(grpc::ServerContext*, const v1::ListGroupsRequest* request,
                                    v1::ListGroupsResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  Store* store = Find(request->collection());
  if (store == nullptr) return NotFound("collection: not found");
  std::vector<v1::Group> groups;
  for (const std::string& id : store->order) {
    const v1::Group group = GroupOf(*store, store->entries[id].group);
    if (request->withdrawn_only() && !group.has_withdrawal()) continue;
    if (group.canonical_id() == id && group.member_count() >= request->members_min()) {
      groups.push_back(group);
    }
  }
  // Pages of one, so that a client has to follow them.
  const auto [begin, end] =
      Page(1, request->page_token(), groups.size(), response->mutable_next_page_token());
  for (int i = begin; i < end; ++i) *response->add_groups() = groups[static_cast<size_t>(i)];
  return Leave();
}

grpc::Status FakeServer::CreateCollection(grpc::ServerContext*,
                                          const v1::CreateCollectionRequest* request,
                                          v1::CreateCollectionResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  if (Find(request->collection().name()) != nullptr) {
    return grpc::Status(grpc::StatusCode::ALREADY_EXISTS, "collection: exists");
  }
  const double jaccard = request->collection().thresholds().near_duplicate_jaccard();
  if (jaccard < 0 || jaccard > 1) {
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "near_duplicate_jaccard: out of range");
  }
  v1::Collection settings = request->collection();
  if (grpc::Status status = SetEmbedder(settings); !status.ok()) return status;
  created_.push_back(settings);
  stores_[settings.name()].settings = settings;
  *response->mutable_collection() = settings;
  return Leave();
}

grpc::Status FakeServer::GetCollection(grpc::ServerContext*,
                                       const v1::GetCollectionRequest* request,
                                       v1::GetCollectionResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  if (faults.failed_looks > 0) {
    --faults.failed_looks;
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "connection lost");
  }
  Store* store = Find(request->name());
  if (store == nullptr) return NotFound("collection: not found");
  MoveOn(*store);
  *response->mutable_collection() = store->settings;
  return Leave();
}

grpc::Status FakeServer::ListCollections(grpc::ServerContext*,
                                         const v1::ListCollectionsRequest* request,
                                         v1::ListCollectionsResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  std::vector<v1::Collection> all;
  for (const auto& [name, store] : stores_) all.push_back(store.settings);
  const auto [begin, end] =
      Page(1, request->page_token(), all.size(), response->mutable_next_page_token());
  for (int i = begin; i < end; ++i) *response->add_collections() = all[static_cast<size_t>(i)];
  return Leave();
}

grpc::Status FakeServer::DeleteCollection(grpc::ServerContext*,
                                          const v1::DeleteCollectionRequest* request,
                                          v1::DeleteCollectionResponse*) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  if (stores_.erase(request->name()) == 0) return NotFound("name: no such collection");
  return Leave();
}

grpc::Status FakeServer::GetStats(grpc::ServerContext*, const v1::GetStatsRequest* request,
                                  v1::GetStatsResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  const Store* store = Find(request->collection());
  if (store == nullptr) return NotFound("collection: not found");
  response->set_articles(static_cast<int64_t>(store->order.size()));
  response->set_group_change_sequence(static_cast<int64_t>(store->changes.size()));
  response->set_boilerplate_shingles(17);
  for (const std::string& id : faults.pending_ids) {
    if (store->entries.count(id) > 0) {
      response->set_embeddings_pending(response->embeddings_pending() + 1);
    }
  }
  return Leave();
}

}  // namespace newsprint::client::testing
