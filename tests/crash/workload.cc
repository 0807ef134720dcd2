#include "tests/crash/workload.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"

namespace newsprint::crash {
namespace {

constexpr size_t kRecentMax = 40;
constexpr int kDrawsMax = 20;
constexpr size_t kMembersComparedMax = 5;
constexpr size_t kDeletedMax = 2000;

uint64_t TextHash(const v1::Article& article) {
  return std::hash<std::string>()(absl::StrCat(article.title(), "\n", article.body()));
}

bool IsCopy(v1::Relation relation) {
  return relation == v1::RELATION_EXACT || relation == v1::RELATION_NEAR_DUPLICATE ||
         relation == v1::RELATION_EXCERPT || relation == v1::RELATION_EXTENSION ||
         relation == v1::RELATION_REVISION;
}

}  // namespace

Workload::Workload(const bench::ArticleGenerator* generator, Options options)
    : generator_(generator),
      options_(std::move(options)),
      dice_(options_.seed),
      next_article_(options_.first_article) {}

uint64_t Workload::Root(uint64_t story) {
  auto found = roots_.find(story);
  while (found != roots_.end() && found->second != story) {
    story = found->second;
    found = roots_.find(story);
  }
  return story;
}

v1::Article Workload::MakeArticle(uint64_t number, uint64_t* story) {
  bench::GeneratedArticle made;
  generator_->Make(number, &made);
  *story = made.origin;
  v1::Article article;
  article.set_id(made.id);
  article.set_title(made.title);
  article.set_source(made.source);
  article.mutable_published_at()->set_seconds(made.published_at_seconds);
  (*article.mutable_attributes())["desk"] = absl::StrCat("desk-", number % 7);
  std::string body = std::move(made.body);
  if (options_.body_parts > 1) {  // then no copy of anything
    *story = number;
    for (int part = 1; part < options_.body_parts; ++part) {
      generator_->MakeOtherReport(number, static_cast<uint64_t>(part), &made);
      absl::StrAppend(&body, "\n\n", made.body);
    }
  }
  article.set_body(std::move(body));
  Dice values(*story + 1);
  for (int i = 0; i < options_.embedding_dimension; ++i) {
    article.add_embedding(static_cast<float>(values.Below(2001)) / 1000 - 1);
  }
  return article;
}

std::string Workload::RequestId(const Operation& operation) {
  return dice_.Percent(70) ? absl::StrCat(options_.collection, "-", operation.number) : "";
}

// Empty when there is none, or by chance.
const std::string& Workload::AnyLiving() {
  static const std::string* const kNone = new std::string;
  for (int draw = 0; draw < kDrawsMax && !living_ids_.empty(); ++draw) {
    const size_t at = dice_.Below(living_ids_.size());
    const std::string& id = living_ids_[at];
    if (living_.count(id) == 0) {
      living_ids_[at] = std::move(living_ids_.back());
      living_ids_.pop_back();
      continue;
    }
    if (in_flight_.count(id) == 0) return id;
  }
  return *kNone;
}

void Workload::Add(v1::Article article, uint64_t story, Operation* operation) {
  v1::IngestArticleRequest request;
  request.set_collection(options_.collection);
  operation->story = story;
  operation->text_hash = TextHash(article);
  *request.mutable_article() = std::move(article);
  request.set_request_id(RequestId(*operation));
  request.set_skip_related(options_.skip_related || dice_.Percent(10));
  operation->request = std::move(request);
}

void Workload::MakeNew(Operation* operation) {
  uint64_t story = 0;
  v1::Article article = MakeArticle(next_article_++, &story);
  if (!deleted_.empty() && dice_.Percent(5)) {
    auto at = deleted_.begin();
    std::advance(at, static_cast<int64_t>(dice_.Below(std::min<size_t>(deleted_.size(), 50))));
    if (in_flight_.count(*at) == 0) article.set_id(*at);
  }
  Add(std::move(article), story, operation);
}

void Workload::MakeVerbatimCopy(Operation* operation) {
  const std::string id = AnyLiving();
  if (id.empty()) return MakeNew(operation);
  v1::Article article = last_ingest_.at(id)->ingest()->article();
  article.set_id(absl::StrCat("copy-", operation->number));
  article.set_source("copier");
  article.set_url(absl::StrCat("https://copier.example/", operation->number));
  operation->verbatim_of = id;
  Add(std::move(article), living_.at(id).story, operation);
}

void Workload::MakeRevision(Operation* operation) {
  const std::string id = AnyLiving();
  if (id.empty()) return MakeNew(operation);
  const Known& known = living_.at(id);
  v1::Article article = last_ingest_.at(id)->ingest()->article();
  uint64_t story = known.story;
  if (dice_.Percent(15)) {
    v1::Article other = MakeArticle(next_article_++, &story);
    other.set_id(id);
    article = std::move(other);
    operation->other_story = true;
  } else if (dice_.Percent(30)) {
    article.set_title(absl::StrCat("Update ", operation->number, ": ", article.title()));
  } else {
    article.mutable_body()->append(
        absl::StrCat(" The desk added line ", operation->number, " to this report later."));
  }
  Add(std::move(article), story, operation);
}

// Something that was ingested before, again: as it was, or with other metadata.
void Workload::MakeRepeat(Operation* operation) {
  const std::string id = AnyLiving();
  if (id.empty()) return MakeNew(operation);
  const Operation& last = *last_ingest_.at(id);
  v1::IngestArticleRequest request = *last.ingest();
  if (dice_.Percent(40)) {
    request.mutable_article()->set_url(absl::StrCat("https://outlet.example/", operation->number));
    if (!request.request_id().empty()) request.set_request_id(RequestId(*operation));
  }
  operation->story = last.story;
  operation->text_hash = last.text_hash;
  operation->may_replay = true;
  operation->request = std::move(request);
}

void Workload::MakeBad(Operation* operation) {
  MakeNew(operation);
  auto& request = std::get<v1::IngestArticleRequest>(operation->request);
  switch (dice_.Below(3)) {
    case 0:
      request.mutable_article()->clear_body();
      break;
    case 1:
      request.mutable_article()->set_title(std::string(5000, 'x'));
      break;
    default:
      request.set_request_id(std::string(200, 'r'));
  }
}

void Workload::MakeDelete(Operation* operation) {
  v1::DeleteArticleRequest request;
  request.set_collection(options_.collection);
  request.set_id(dice_.Percent(5) ? "never-sent" : AnyLiving());
  if (request.id().empty()) return MakeNew(operation);
  request.set_request_id(RequestId(*operation));
  operation->request = std::move(request);
}

void Workload::MakeSplit(const std::string& id, Operation* operation) {
  const std::string& group = living_.at(id).group;
  const std::set<std::string>& members = groups_.at(group);
  if (members.size() < 2) return MakeDelete(operation);
  v1::SplitGroupRequest request;
  request.set_collection(options_.collection);
  request.set_group_id(group);
  for (const std::string& member : members) {
    if (request.article_ids_size() + 1 < static_cast<int>(members.size()) && dice_.Percent(50)) {
      request.add_article_ids(member);
    }
  }
  if (request.article_ids().empty()) request.add_article_ids(id);
  // Without one the answer to a repeated call does not tell the new group.
  request.set_request_id(absl::StrCat(options_.collection, "-", operation->number));
  operation->request = std::move(request);
}

// False when there is nothing to edit.
bool Workload::MakeGroupEdit(Operation* operation) {
  const std::string id = AnyLiving();
  if (id.empty()) return false;
  const std::string group = living_.at(id).group;
  const uint64_t kind = dice_.Below(10);
  if (kind < 3) {
    v1::WithdrawStoryRequest request;
    request.set_collection(options_.collection);
    if (dice_.Percent(50)) {
      request.set_group_id(group);
    } else {
      request.set_article_id(id);
    }
    request.set_reason(dice_.Percent(50) ? v1::WITHDRAWAL_REASON_KILLED
                                         : v1::WITHDRAWAL_REASON_CORRECTED);
    request.set_note(absl::StrCat("note ", operation->number));
    if (dice_.Percent(30)) request.set_replacement_id(AnyLiving());
    withdrawn_.push_back(id);
    operation->request = std::move(request);
  } else if (kind < 5 && !withdrawn_.empty()) {
    v1::ReinstateStoryRequest request;
    request.set_collection(options_.collection);
    request.set_article_id(withdrawn_[dice_.Below(withdrawn_.size())]);
    operation->request = std::move(request);
  } else if (kind < 7) {
    v1::SetCanonicalRequest request;
    request.set_collection(options_.collection);
    request.set_group_id(group);
    if (dice_.Percent(80)) request.set_article_id(id);
    operation->request = std::move(request);
  } else if (kind < 8) {
    v1::MergeGroupsRequest request;
    request.set_collection(options_.collection);
    request.set_group_id(group);
    const std::string other = AnyLiving();
    if (other.empty()) return false;
    request.set_merged_group_id(living_.at(other).group);
    operation->request = std::move(request);
  } else {
    MakeSplit(id, operation);
  }
  return true;
}

OperationPtr Workload::Next(bool ingest_only) {
  auto operation = std::make_shared<Operation>();
  operation->number = next_number_++;
  const bool full = options_.articles_kept > 0 && living_.size() > options_.articles_kept;
  const uint64_t kind = dice_.Below(100);
  if (!ingest_only && (full ? kind < 45 : kind < 7)) {
    MakeDelete(operation.get());
  } else if (!ingest_only && kind >= 88) {
    if (!MakeGroupEdit(operation.get())) MakeNew(operation.get());
  } else if (kind < 18) {
    MakeRevision(operation.get());
  } else if (kind < 26) {
    MakeVerbatimCopy(operation.get());
  } else if (kind < 31) {
    MakeRepeat(operation.get());
  } else if (kind < 33) {
    MakeBad(operation.get());
  } else {
    MakeNew(operation.get());
  }
  if (const v1::IngestArticleRequest* ingest = operation->ingest()) {
    in_flight_.insert(ingest->article().id());
  }
  return operation;
}

void Workload::LeaveGroup(const std::string& id, const std::string& group) {
  std::set<std::string>& members = groups_[group];
  members.erase(id);
  if (members.empty()) groups_.erase(group);
}

void Workload::Forget(const std::string& id) {
  const auto found = living_.find(id);
  if (found == living_.end()) return;
  LeaveGroup(id, found->second.group);
  living_.erase(found);
  last_ingest_.erase(id);
}

void Workload::Move(const std::string& id, const std::string& group) {
  const auto found = living_.find(id);
  if (found == living_.end() || found->second.group == group) return;
  LeaveGroup(id, found->second.group);
  found->second.group = group;
  groups_[group].insert(id);
}

void Workload::Touch(const std::string& id) {
  recent_.push_back(id);
  if (recent_.size() > kRecentMax) recent_.erase(recent_.begin());
}

std::string Workload::Settle(const Operation& operation, const Answer& answer) {
  if (const v1::IngestArticleRequest* ingest = operation.ingest()) {
    in_flight_.erase(ingest->article().id());
    return answer.ok() ? SettleIngest(operation, *answer.verdict()) : "";
  }
  if (const auto* request = std::get_if<v1::DeleteArticleRequest>(&operation.request)) {
    if (living_.count(request->id()) == 0) return "";
    // Also when it is not found: an earlier attempt has deleted it.
    Forget(request->id());
    deleted_.insert(request->id());
    if (deleted_.size() > kDeletedMax) deleted_.erase(deleted_.begin());
    Touch(request->id());
    return "";
  }
  if (!answer.ok()) return "";
  if (const auto* merge = std::get_if<v1::MergeGroupsRequest>(&operation.request)) {
    SettleMerge(*merge);
  } else if (const auto* split = std::get_if<v1::SplitGroupRequest>(&operation.request)) {
    const auto& response = static_cast<const v1::SplitGroupResponse&>(*answer.response);
    for (const std::string& id : split->article_ids()) Move(id, response.new_group().id());
  }
  return "";
}

std::string Workload::SettleIngest(const Operation& operation, const v1::Verdict& verdict) {
  const std::string& id = operation.ingest()->article().id();
  if (verdict.group_id().empty()) return "";  // expired at once
  std::string problem;
  const auto same = living_.find(operation.verbatim_of);
  if (!options_.expires && !operation.verbatim_of.empty() && same != living_.end() &&
      same->second.text_hash == operation.text_hash && !verdict.replayed() &&
      !IsCopy(verdict.relation())) {
    problem = absl::StrCat("a verbatim copy of ", operation.verbatim_of, " is ",
                           v1::Relation_Name(verdict.relation()));
  }
  const auto known = living_.find(id);
  if (known != living_.end() && operation.other_story) {
    Unite(known->second.story, operation.story);
  }
  size_t compared = 0;
  for (const std::string& member : groups_[verdict.group_id()]) {
    if (++compared > kMembersComparedMax) break;
    if (MayShareGroup(living_.at(member).story, operation.story)) continue;
    problem = absl::StrCat("shares ", verdict.group_id(), " with ", member,
                           ", which tells another story");
  }
  Known& now = living_[id];
  if (now.group.empty()) {
    now.group = verdict.group_id();
    groups_[now.group].insert(id);
    living_ids_.push_back(id);
  } else {
    Move(id, verdict.group_id());
  }
  now.story = operation.story;
  now.text_hash = operation.text_hash;
  deleted_.erase(id);
  last_ingest_[id] = std::make_shared<Operation>(operation);
  Touch(id);
  return problem;
}

void Workload::SettleMerge(const v1::MergeGroupsRequest& merge) {
  const auto moved = groups_.find(merge.merged_group_id());
  const auto stays = groups_.find(merge.group_id());
  if (moved == groups_.end() || stays == groups_.end() || moved == stays) return;
  const std::vector<std::string> ids(moved->second.begin(), moved->second.end());
  for (const std::string& id : ids) {
    for (const std::string& other : stays->second) {
      Unite(living_.at(id).story, living_.at(other).story);
    }
  }
  for (const std::string& id : ids) Move(id, merge.group_id());
}

}  // namespace newsprint::crash
