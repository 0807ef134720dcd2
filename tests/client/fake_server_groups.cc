// What FakeServer does with groups, their changes, withdrawals and fingerprints.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/client/fake_server.h"

namespace newsprint::client::testing {
namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(2);

}  // namespace

int64_t FakeServer::AddChange(v1::GroupChange change, const std::string& collection) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<v1::GroupChange>& changes = stores_[collection].changes;
  change.set_sequence(static_cast<int64_t>(changes.size()) + 1);
  changes.push_back(change);
  return change.sequence();
}

void FakeServer::ForgetChanges(int64_t up_to) {
  std::lock_guard<std::mutex> lock(mutex_);
  stores_["default"].changes_forgotten = up_to;
}

std::vector<int64_t> FakeServer::WatchPositions() {
  std::lock_guard<std::mutex> lock(mutex_);
  return watch_positions_;
}

// Called with mutex_ held.
grpc::Status FakeServer::CheckPosition(const Store* store, int64_t position) {
  if (store == nullptr) return NotFound("collection: not found");
  if (position < store->changes_forgotten ||
      position > static_cast<int64_t>(store->changes.size())) {
    return grpc::Status(grpc::StatusCode::OUT_OF_RANGE, "after_sequence: not kept");
  }
  return grpc::Status::OK;
}

absl::optional<v1::WatchGroupsResponse> FakeServer::ChangesAfter(const std::string& collection,
                                                                 int64_t position) {
  std::lock_guard<std::mutex> lock(mutex_);
  const Store* store = Find(collection);
  if (store == nullptr) return absl::nullopt;
  v1::WatchGroupsResponse response;
  for (const v1::GroupChange& change : store->changes) {
    if (change.sequence() <= position || response.changes_size() == 2) continue;
    if (change.sequence() == faults.lost_change) continue;
    *response.add_changes() = change;
    response.set_sequence(change.sequence());
  }
  return response;
}

grpc::Status FakeServer::WatchGroups(grpc::ServerContext* context,
                                     const v1::WatchGroupsRequest* request,
                                     grpc::ServerWriter<v1::WatchGroupsResponse>* writer) {
  int64_t position = request->after_sequence();
  bool breaks;
  bool is_silent;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    watch_positions_.push_back(request->has_after_sequence() ? position : -1);
    breaks = faults.broken_watches > 0;
    if (breaks) --faults.broken_watches;
    is_silent = faults.silent_watches > 0;
    if (is_silent) --faults.silent_watches;
    const Store* store = Find(request->collection());
    if (store != nullptr && !request->has_after_sequence()) {
      position = static_cast<int64_t>(store->changes.size());
    }
    ++watches;
    if (breaks && faults.broken_watch_responses == 0) return faults.stream_status;
    if (grpc::Status status = CheckPosition(store, position); !status.ok()) return status;
    position = std::max<int64_t>(0, position - faults.repeated_changes);
  }
  for (int responses = 0; !context->IsCancelled();) {
    absl::optional<v1::WatchGroupsResponse> response =
        ChangesAfter(request->collection(), position);
    if (!response) return NotFound("collection: deleted");
    if (is_silent || (responses > 0 && response->changes_size() == 0)) {
      absl::SleepFor(kPoll);
      continue;
    }
    if (response->changes_size() == 0) response->set_sequence(position);
    if (breaks && responses == faults.broken_watch_responses) return faults.stream_status;
    if (!writer->Write(*response)) break;
    ++responses;
    position = response->sequence();
  }
  return grpc::Status::CANCELLED;
}

grpc::Status FakeServer::SetCanonical(grpc::ServerContext*, const v1::SetCanonicalRequest* request,
                                      v1::SetCanonicalResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  Store* store = Find(request->collection());
  const std::vector<std::string> ids = MembersOf(*store, request->group_id());
  if (ids.empty()) return NotFound("group_id: no such group");
  if (request->article_id().empty()) {
    store->pinned.erase(request->group_id());
  } else if (std::count(ids.begin(), ids.end(), request->article_id()) == 0) {
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "article_id: not a member");
  } else {
    store->pinned[request->group_id()] = request->article_id();
  }
  *response->mutable_group() = GroupOf(*store, request->group_id());
  return Leave();
}

grpc::Status FakeServer::MergeGroups(grpc::ServerContext*, const v1::MergeGroupsRequest* request,
                                     v1::MergeGroupsResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  Store* store = Find(request->collection());
  if (request->group_id() == request->merged_group_id()) {
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "merged_group_id: the same group");
  }
  if (MembersOf(*store, request->group_id()).empty()) return NotFound("group_id: no such group");
  for (const std::string& id : MembersOf(*store, request->merged_group_id())) {
    store->entries[id].group = request->group_id();
  }
  *response->mutable_group() = GroupOf(*store, request->group_id());
  return Leave();
}

grpc::Status FakeServer::SplitGroup(grpc::ServerContext*, const v1::SplitGroupRequest* request,
                                    v1::SplitGroupResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  Store* store = Find(request->collection());
  const auto done = splits_done_.find(request->request_id());
  if (done != splits_done_.end()) {
    *response = done->second;
    return Leave();
  }
  const std::string new_group = absl::StrCat("s", splits_done_.size());
  for (const std::string& id : request->article_ids()) {
    const auto it = store->entries.find(id);
    if (it == store->entries.end()) return NotFound("article_ids: no such article");
    if (it->second.group != request->group_id()) {
      return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "article_ids: not a member");
    }
  }
  for (const std::string& id : request->article_ids()) store->entries[id].group = new_group;
  *response->mutable_group() = GroupOf(*store, request->group_id());
  *response->mutable_new_group() = GroupOf(*store, new_group);
  if (!request->request_id().empty()) splits_done_[request->request_id()] = *response;
  return Leave();
}

grpc::Status FakeServer::WithdrawStory(grpc::ServerContext*,
                                       const v1::WithdrawStoryRequest* request,
                                       v1::WithdrawStoryResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  Store* store = Find(request->collection());
  const std::string group = NamedGroup(*request);
  const std::vector<std::string> ids = MembersOf(*store, group);
  if (ids.empty()) return NotFound("group_id: no such group");
  v1::Withdrawal& withdrawal = store->withdrawals[group];
  withdrawal.set_article_id(GroupOf(*store, group).canonical_id());
  if (request->has_article_id()) withdrawal.set_article_id(request->article_id());
  withdrawal.set_reason(request->reason());
  withdrawal.set_note(request->note());
  withdrawal.set_replacement_id(request->replacement_id());
  withdrawal.mutable_withdrawn_at()->set_seconds(1304530200);
  *response->mutable_group() = GroupOf(*store, group);
  const auto replacements = std::count(ids.begin(), ids.end(), request->replacement_id());
  response->set_affected_count(static_cast<int64_t>(ids.size()) - replacements);
  return Leave();
}

grpc::Status FakeServer::ReinstateStory(grpc::ServerContext*,
                                        const v1::ReinstateStoryRequest* request,
                                        v1::ReinstateStoryResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  Store* store = Find(request->collection());
  const std::string group = NamedGroup(*request);
  if (MembersOf(*store, group).empty()) return NotFound("group_id: no such group");
  store->withdrawals.erase(group);
  *response->mutable_group() = GroupOf(*store, group);
  return Leave();
}

grpc::Status FakeServer::ListAffectedArticles(grpc::ServerContext*,
                                              const v1::ListAffectedArticlesRequest* request,
                                              v1::ListAffectedArticlesResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  Store* store = Find(request->collection());
  const std::string group = NamedGroup(*request);
  std::vector<std::string> ids = MembersOf(*store, group);
  if (ids.empty()) return NotFound("group_id: no such group");
  const auto withdrawal = store->withdrawals.find(group);
  if (withdrawal == store->withdrawals.end()) {
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "story: not withdrawn");
  }
  *response->mutable_withdrawal() = withdrawal->second;
  ids.erase(std::remove(ids.begin(), ids.end(), withdrawal->second.replacement_id()), ids.end());
  // Pages of two at most, so that a client has to follow them.
  const auto [begin, end] = Page(std::min(request->page_size(), 2), request->page_token(),
                                 ids.size(), response->mutable_next_page_token());
  for (int i = begin; i < end; ++i) {
    v1::GroupMember& article = *response->add_articles();
    article.set_article_id(ids[static_cast<size_t>(i)]);
    article.set_relation(store->entries[article.article_id()].relation);
  }
  return Leave();
}

grpc::Status FakeServer::ComputeFingerprint(grpc::ServerContext*,
                                            const v1::ComputeFingerprintRequest* request,
                                            v1::ComputeFingerprintResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  const std::string text = absl::StrCat(request->article().body(), request->article().raw_body());
  const bool is_refused =
      !faults.refused_id.empty() && request->article().id() == faults.refused_id;
  if (text.empty() || is_refused) {
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "body: missing");
  }
  v1::Fingerprint& fingerprint = *response->mutable_fingerprint();
  fingerprint.set_scheme("fake1");
  fingerprint.set_text_hash(text);
  const std::vector<std::string> words = absl::StrSplit(text, ' ');
  fingerprint.set_body_tokens(static_cast<int64_t>(words.size()));
  return Leave();
}

}  // namespace newsprint::client::testing
