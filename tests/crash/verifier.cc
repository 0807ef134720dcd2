#include "tests/crash/verifier.h"

#include <algorithm>
#include <memory>
#include <set>
#include <type_traits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/rpc/status.h"

namespace newsprint::crash {
namespace {

constexpr int kIdsTogether = 50;
constexpr size_t kReportsMax = 20;
// The last changes to groups, of which the server keeps a million.
constexpr int64_t kChangesCompared = 500'000;

class Verification {
 public:
  Verification(const Stubs& stubs, const Reference& reference, std::string collection,
               Workload& workload, const VerifyOptions& options)
      : stubs_(stubs),
        handlers_(reference.handlers()),
        reference_(reference),
        collection_(std::move(collection)),
        workload_(workload),
        options_(options),
        dice_(options.seed) {}

  Findings Run() {
    CompareStats();
    CompareArticles();
    CompareGroups();
    CompareChanges();
    for (const std::string& id : Sample()) CompareSearches(id);
    return std::move(findings_);
  }

 private:
  void Report(int64_t* count, const std::string& text) {
    ++*count;
    if (findings_.reports.size() < kReportsMax) {
      findings_.reports.push_back(absl::StrCat(collection_, ": ", text));
    }
  }

  // Whether the server may not be able to answer.
  bool IsRefusal(const Answer& answer) {
    if (!options_.damaged) return false;
    return answer.code == grpc::StatusCode::INTERNAL ||
           (answer.code == grpc::StatusCode::UNAVAILABLE &&
            absl::StartsWith(answer.message, "store: "));
  }

  // Asks both. Returns the server's answer; `expected` is the reference's.
  template <typename Service, typename Request, typename HandlerRequest, typename Response>
  Answer Ask(Service* stub,
             grpc::Status (Service::*remote)(grpc::ClientContext*, const Request&, Response*),
             absl::Status (rpc::Handlers::*local)(HandlerRequest, Response*) const,
             const Request& request, Answer* expected) {
    ++findings_.calls;
    grpc::ClientContext context;
    SetDeadline(&context);
    auto response = std::make_shared<Response>();
    const grpc::Status status = (stub->*remote)(&context, request, response.get());
    auto expected_response = std::make_shared<Response>();
    Request copy = request;
    const absl::Status expected_status = (handlers_.*local)(copy, expected_response.get());
    *expected = MakeAnswer(rpc::ToGrpc(expected_status), std::move(expected_response));
    return MakeAnswer(status, std::move(response));
  }

  // The same, and compares: whether both agree.
  template <typename Service, typename Request, typename HandlerRequest, typename Response>
  bool Compare(Service* stub,
               grpc::Status (Service::*remote)(grpc::ClientContext*, const Request&, Response*),
               absl::Status (rpc::Handlers::*local)(HandlerRequest, Response*) const,
               const Request& request, int64_t* count, Answer* actual_out = nullptr) {
    Answer expected;
    Answer actual = Ask(stub, remote, local, request, &expected);
    if (actual_out != nullptr) *actual_out = actual;
    if (IsRefusal(actual)) {
      ++findings_.refused;
      return true;
    }
    const std::string difference = Difference(expected, actual);
    if (difference.empty()) return true;
    Request shown = request;
    Report(count, absl::StrCat(request.GetDescriptor()->name(), " ",
                               shown.ByteSizeLong() < 300 ? shown.ShortDebugString() : "", ":\n",
                               difference));
    return false;
  }

  void CompareStats() {
    v1::GetStatsRequest request;
    request.set_collection(collection_);
    Answer expected;
    const Answer actual = Ask(stubs_.admin.get(), &v1::AdminService::Stub::GetStats,
                              &rpc::Handlers::GetStats, request, &expected);
    const auto without_sizes = [this](Answer& answer) {
      if (!answer.ok()) return;
      auto stats = std::make_shared<v1::GetStatsResponse>(
          static_cast<const v1::GetStatsResponse&>(*answer.response));
      stats->clear_fingerprint_index_bytes();
      stats->clear_vector_index_bytes();
      stats->clear_store_bytes();
      // Of articles of the future it is the time of their ingestion, which is each server's own.
      if (!workload_.expires()) stats->clear_oldest_article_at();
      answer.response = std::move(stats);
    };
    if (actual.ok()) {
      group_changes_ =
          static_cast<const v1::GetStatsResponse&>(*actual.response).group_change_sequence();
    }
    Answer mine = expected, theirs = actual;
    without_sizes(mine);
    without_sizes(theirs);
    const std::string difference = Difference(mine, theirs);
    if (!difference.empty()) {
      Report(&findings_.wrong, absl::StrCat("GetStats:\n", difference));
    }
  }

  // By batches; where one does not fit, one by one.
  void CompareArticles() {
    std::vector<std::string> ids;
    for (const auto& [id, known] : workload_.living()) ids.push_back(id);
    ids.insert(ids.end(), workload_.deleted().begin(), workload_.deleted().end());
    for (size_t first = 0; first < ids.size(); first += kIdsTogether) {
      v1::BatchGetArticlesRequest request;
      request.set_collection(collection_);
      for (size_t i = first; i < std::min(ids.size(), first + kIdsTogether); ++i) {
        request.add_ids(ids[i]);
      }
      Answer expected;
      const Answer actual = Ask(stubs_.articles.get(), &v1::ArticleService::Stub::BatchGetArticles,
                                &rpc::Handlers::BatchGetArticles, request, &expected);
      if (!Difference(expected, actual).empty()) {
        for (const std::string& id : request.ids()) CompareArticle(id);
        continue;
      }
      const auto& response = static_cast<const v1::BatchGetArticlesResponse&>(*actual.response);
      for (const v1::GetArticleResult& result : response.results()) {
        const bool stored = result.status().code() == 0;
        if (!options_.past && !workload_.expires() &&
            stored != (workload_.living().count(result.article_id()) > 0) &&
            result.status().code() != grpc::StatusCode::RESOURCE_EXHAUSTED) {
          Report(
              stored ? &findings_.wrong : &findings_.lost,
              absl::StrCat("article ", result.article_id(),
                           stored ? " is there, and was deleted" : " is not there, and was not"));
        }
      }
    }
  }

  void CompareArticle(const std::string& id) {
    v1::GetArticleRequest request;
    request.set_collection(collection_);
    request.set_id(id);
    Answer actual;
    const int64_t wrong_before = findings_.wrong;
    Compare(stubs_.articles.get(), &v1::ArticleService::Stub::GetArticle,
            &rpc::Handlers::GetArticle, request, &findings_.wrong, &actual);
    if (findings_.wrong > wrong_before && actual.code == grpc::StatusCode::NOT_FOUND) {
      --findings_.wrong;
      ++findings_.lost;
    }
  }

  void CompareGroups() {
    v1::ListGroupsRequest request;
    request.set_collection(collection_);
    request.set_page_size(1000);
    std::string reference_token;
    while (true) {
      // Tokens hold the collection's time of creation, and so are each server's own.
      grpc::ClientContext context;
      SetDeadline(&context);
      v1::ListGroupsResponse actual, expected;
      const grpc::Status status = stubs_.clusters->ListGroups(&context, request, &actual);
      const Answer answer = MakeAnswer(status, std::make_shared<v1::ListGroupsResponse>(actual));
      v1::ListGroupsRequest local = request;
      local.set_page_token(reference_token);
      const absl::Status local_status = handlers_.ListGroups(local, &expected);
      ++findings_.calls;
      if (IsRefusal(answer)) {
        ++findings_.refused;
        break;
      }
      request.set_page_token(actual.next_page_token());
      reference_token = expected.next_page_token();
      const bool more = !actual.next_page_token().empty() && !reference_token.empty();
      actual.clear_next_page_token();
      expected.clear_next_page_token();
      const std::string difference = Difference(
          MakeAnswer(rpc::ToGrpc(local_status), std::make_shared<v1::ListGroupsResponse>(expected)),
          MakeAnswer(status, std::make_shared<v1::ListGroupsResponse>(actual)));
      if (!difference.empty()) {
        Report(&findings_.wrong, absl::StrCat("ListGroups:\n", difference));
      }
      for (const v1::Group& group : expected.groups()) {
        if (group.member_count() != 1 || group.has_withdrawal()) CompareGroup(group);
      }
      if (!more) break;
    }
  }

  void CompareGroup(const v1::Group& group) {
    v1::GetGroupRequest request;
    request.set_collection(collection_);
    request.set_group_id(group.id());
    request.set_page_size(1000);
    Answer actual;
    if (Compare(stubs_.clusters.get(), &v1::ClusterService::Stub::GetGroup,
                &rpc::Handlers::GetGroup, request, &findings_.wrong, &actual) &&
        actual.ok()) {
      const auto& response = static_cast<const v1::GetGroupResponse&>(*actual.response);
      if (!options_.past) CheckStories(response);
    }
    if (!group.has_withdrawal()) return;
    v1::ListAffectedArticlesRequest affected;
    affected.set_collection(collection_);
    affected.set_group_id(group.id());
    affected.set_page_size(1000);
    Compare(stubs_.clusters.get(), &v1::ClusterService::Stub::ListAffectedArticles,
            &rpc::Handlers::ListAffectedArticles, affected, &findings_.wrong);
  }

  // What the generator knows: who shares a group tells one story.
  void CheckStories(const v1::GetGroupResponse& response) {
    const v1::GroupMember* first = nullptr;
    for (const v1::GroupMember& member : response.members()) {
      const auto known = workload_.living().find(member.article_id());
      if (known == workload_.living().end()) {
        if (workload_.expires()) continue;
        Report(&findings_.wrong, absl::StrCat("group ", response.group().id(), " has ",
                                              member.article_id(), ", which is not stored"));
        continue;
      }
      if (first == nullptr) {
        first = &member;
        continue;
      }
      const uint64_t story = workload_.living().at(first->article_id()).story;
      if (!workload_.MayShareGroup(story, known->second.story)) {
        Report(&findings_.wrong,
               absl::StrCat("group ", response.group().id(), " has ", first->article_id(), " and ",
                            member.article_id(), ", which tell different stories"));
      }
    }
  }

  void CompareChanges() {
    const int64_t after = std::max<int64_t>(0, group_changes_ - kChangesCompared);
    const std::vector<v1::GroupChange> expected = reference_.GroupChanges(collection_, after);
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::WatchGroupsRequest request;
    request.set_collection(collection_);
    request.set_after_sequence(after);
    const auto stream = stubs_.clusters->WatchGroups(&context, request);
    std::vector<v1::GroupChange> actual;
    v1::WatchGroupsResponse response;
    // The next response behind the last change would come after half a minute.
    while (response.sequence() < group_changes_ && stream->Read(&response)) {
      for (const v1::GroupChange& change : response.changes()) actual.push_back(change);
    }
    context.TryCancel();
    const grpc::Status status = stream->Finish();
    ++findings_.calls;
    if (IsRefusal(MakeAnswer(status, nullptr))) {
      ++findings_.refused;
      return;
    }
    for (size_t i = 0; i < std::max(expected.size(), actual.size()); ++i) {
      const std::string difference =
          i >= expected.size() || i >= actual.size()
              ? absl::StrCat("expected ", expected.size(), " changes, got ", actual.size(), "; ",
                             status.error_message())
              : Difference(expected[i], actual[i]);
      if (difference.empty()) continue;
      Report(&findings_.wrong,
             absl::StrCat("WatchGroups, change ", after + static_cast<int64_t>(i) + 1, ":\n",
                          difference));
      break;
    }
  }

  std::vector<std::string> Sample() {
    std::set<std::string> sample;
    const std::vector<std::string>& recent = workload_.recent();
    for (auto id = recent.rbegin(); id != recent.rend(); ++id) {
      if (sample.size() < options_.sample / 2) sample.insert(*id);
    }
    std::vector<std::string> ids;
    for (const auto& [id, known] : workload_.living()) ids.push_back(id);
    for (size_t i = 0; i < options_.sample / 2 && !ids.empty(); ++i) {
      sample.insert(ids[dice_.Below(ids.size())]);
    }
    return {sample.begin(), sample.end()};
  }

  void CompareSearches(const std::string& id) {
    v1::FindDuplicatesRequest duplicates;
    duplicates.set_collection(collection_);
    duplicates.set_id(id);
    Compare(stubs_.articles.get(), &v1::ArticleService::Stub::FindDuplicates,
            &rpc::Handlers::FindDuplicates, duplicates, &findings_.half_indexed);
    v1::FindRelatedRequest related;
    related.set_collection(collection_);
    related.set_id(id);
    related.set_max_results(20);
    if (!options_.skip_related) {
      Compare(stubs_.articles.get(), &v1::ArticleService::Stub::FindRelated,
              &rpc::Handlers::FindRelated, related, &findings_.half_indexed);
    }
    v1::GetArticleRequest get;
    get.set_collection(collection_);
    get.set_id(id);
    v1::GetArticleResponse stored;
    if (!handlers_.GetArticle(get, &stored).ok() || stored.article().body().empty()) return;
    // As if another outlet sent the same text.
    duplicates.clear_query();
    duplicates.mutable_article()->set_title(stored.article().title());
    duplicates.mutable_article()->set_body(stored.article().body());
    Answer actual;
    if (!Compare(stubs_.articles.get(), &v1::ArticleService::Stub::FindDuplicates,
                 &rpc::Handlers::FindDuplicates, duplicates, &findings_.half_indexed, &actual) ||
        !actual.ok()) {
      return;
    }
    const auto& found = static_cast<const v1::FindDuplicatesResponse&>(*actual.response).verdict();
    if (!FindsStory(found, id, stored.state().group_id())) {
      Report(&findings_.half_indexed,
             absl::StrCat("the text of ", id, " does not find it, nor its group ",
                          stored.state().group_id()));
    }
  }

  const Stubs& stubs_;
  const rpc::Handlers& handlers_;
  const Reference& reference_;
  const std::string collection_;
  Workload& workload_;
  const VerifyOptions options_;
  Dice dice_;
  int64_t group_changes_ = 0;  // of the server
  Findings findings_;
};

}  // namespace

void Findings::Add(const Findings& other) {
  calls += other.calls;
  lost += other.lost;
  half_indexed += other.half_indexed;
  wrong += other.wrong;
  refused += other.refused;
  reports.insert(reports.end(), other.reports.begin(), other.reports.end());
}

Findings Verify(const Stubs& stubs, const Reference& reference, const std::string& collection,
                Workload& workload, const VerifyOptions& options) {
  return Verification(stubs, reference, collection, workload, options).Run();
}

}  // namespace newsprint::crash
