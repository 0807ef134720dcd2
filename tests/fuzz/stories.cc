// Sequences of calls of an editor's day against an engine: what the bytes say is done to a handful
// of articles whose texts are copies of each other more often than not. After each step all that
// can be read of the collection must fit the model (story_model.h).
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/fuzz/story_model.h"
#include "tests/fuzz/targets.h"

namespace newsprint::fuzz {
namespace {

using rpc::Handlers;

constexpr size_t kIds = 10;
constexpr int kStepsMax = 40;
constexpr int kRestartsMax = 1;
constexpr int64_t kPublishedAt = 1'300'000'000;

// Of a title without words and a text without passages nothing is left to be the same.
bool HasText(const StoryChoice& choice) { return choice.passages != 0; }

// A run of the server over one input.
class Newsroom {
 public:
  Newsroom(EngineFixture* fixture, absl::string_view bytes) : fixture_(*fixture), input_(bytes) {}

  void Run() {
    MakeCollection();
    for (int step = 0; step < kStepsMax && !input_.empty(); ++step) {
      Step();
      // Takes as long as some steps.
      if (step % 4 == 3) RequireConsistent(fixture_, model_);
    }
    RequireConsistent(fixture_, model_);
    RequireChangesTellGroups(fixture_);
  }

 private:
  void MakeCollection() {
    const uint8_t settings = input_.Byte();
    v1::CreateCollectionRequest request;
    v1::Collection& collection = *request.mutable_collection();
    collection.set_name(kStories);
    model_.keeps_text = (settings & 1) == 0;
    collection.set_omit_text(!model_.keeps_text);
    collection.set_canonical_policy(static_cast<v1::CanonicalPolicy>(1 + (settings >> 1) % 4));
    if (collection.canonical_policy() == v1::CANONICAL_POLICY_SOURCE_PRIORITY) {
      collection.add_source_priority("Gazette");
      collection.add_source_priority("Wire");
    }
    // So few that boilerplate is learned and forgotten within an input.
    if ((settings & 8) != 0) {
      collection.mutable_thresholds()->set_boilerplate_articles_min(3);
      collection.mutable_thresholds()->set_boilerplate_source_articles_min(2);
    }
    v1::CreateCollectionResponse response;
    Require(Call(fixture_, &Handlers::CreateCollection, request, &response).ok(),
            "a collection is made");
  }

  void Step() {
    switch (input_.Below(20)) {
      case 0:
        return Delete();
      case 1:
        return FindDuplicates();
      case 2:
        return FindRelated();
      case 3:
        return Compare();
      case 4:
        return Merge();
      case 5:
        return Split();
      case 6:
        return SetCanonical();
      case 7:
        return Withdraw();
      case 8:
        return Reinstate();
      case 9:
        return IngestBatch();
      case 10:
        return IngestFingerprint();
      case 11:
        return BatchGet();
      case 12:
        return Restart();
      default:
        return Ingest();
    }
  }

  std::string Id() { return absl::StrCat("id", input_.Below(kIds)); }
  // Of a group: mostly the one that an article is in, else any number.
  std::string GroupId() {
    const uint8_t choice = input_.Byte();
    if (choice >= 0xC0) return absl::StrCat("g", choice - 0xC0);
    v1::GetArticleRequest request;
    request.set_collection(kStories);
    request.set_id(absl::StrCat("id", choice % kIds));
    v1::GetArticleResponse response;
    if (!Call(fixture_, &Handlers::GetArticle, request, &response).ok()) return "g1";
    return response.state().group_id();
  }
  std::string RequestId() {
    const uint8_t choice = input_.Byte();
    return choice < 0xE0 ? "" : absl::StrCat("request", choice % 4);
  }
  StoryChoice Choice() {
    StoryChoice choice;
    choice.passages = input_.Byte();
    const uint8_t rest = input_.Byte();
    choice.title = rest % kStoryTitles;
    choice.facts = (rest >> 4) % kStoryFacts;
    return choice;
  }

  struct Sending {
    v1::IngestArticleRequest request;
    StoryChoice choice;
  };
  Sending NextArticle() {
    Sending sending;
    sending.request.set_collection(kStories);
    v1::Article& article = *sending.request.mutable_article();
    article.set_id(Id());
    sending.choice = Choice();
    article.set_title(StoryTitle(sending.choice));
    const uint8_t details = input_.Byte();
    article.set_body(StoryBody(sending.choice, details & 7));
    if ((details & 8) != 0) article.set_source((details & 16) != 0 ? "Wire" : "Gazette");
    if ((details & 32) != 0) article.set_url("http://gazette.test/story");
    if ((details & 64) != 0) {
      article.mutable_published_at()->set_seconds(kPublishedAt + 3600 * (details >> 4));
    }
    sending.request.set_skip_related((details & 128) != 0);
    sending.request.set_request_id(RequestId());
    return sending;
  }

  void RequireShares(const v1::Verdict& verdict) {
    for (const v1::Match& match : verdict.matches()) {
      Require(match.evidence().jaccard() >= 0 && match.evidence().jaccard() <= 1 &&
                  match.evidence().containment() <= 1 && match.evidence().score() <= 1,
              "shares are 0 to 1");
    }
  }

  // What the collection must have said to an article that it took in, before the model knows.
  void TakeIn(const Sending& sending, const std::string& body, const v1::Verdict& verdict,
              bool is_fingerprint) {
    RequireShares(verdict);
    if (verdict.replayed()) return;
    const std::string& id = sending.request.article().id();
    const auto known = model_.articles.find(id);
    if (known != model_.articles.end()) {
      Require(verdict.relation() == v1::RELATION_REVISION, "other content is a revision");
    } else if (HasText(sending.choice)) {
      for (const auto& [other, article] : model_.articles) {
        if (!(article.choice == sending.choice)) continue;
        Require(
            verdict.relation() == v1::RELATION_EXACT || verdict.relation() == v1::RELATION_REVISION,
            "the same text is EXACT");
      }
    }
    model_.articles[id] = {sending.choice, is_fingerprint ? "" : body, is_fingerprint};
  }

  void Ingest() {
    Sending sending = NextArticle();
    const std::string body = sending.request.article().body();
    const bool repeat = (input_.Byte() & 1) != 0;
    v1::IngestArticleRequest again = sending.request;
    v1::IngestArticleResponse response;
    if (!Call(fixture_, &Handlers::IngestArticle, sending.request, &response).ok()) {
      return Require(!again.request_id().empty(), "an article is taken in");
    }
    TakeIn({again, sending.choice}, body, response.verdict(), /*is_fingerprint=*/false);
    if (!repeat) return;
    v1::IngestArticleResponse second;
    Require(Call(fixture_, &Handlers::IngestArticle, again, &second).ok(),
            "a call can be repeated");
    Require(second.verdict().replayed(), "a repeated call changes nothing");
  }

  void IngestBatch() {
    v1::BatchIngestArticlesRequest request;
    request.set_collection(kStories);
    std::vector<Sending> sendings;
    for (size_t i = 0, items = 1 + input_.Below(4); i < items; ++i) {
      sendings.push_back(NextArticle());
      *request.add_requests() = sendings.back().request;
    }
    v1::BatchIngestArticlesResponse response;
    Require(Call(fixture_, &Handlers::BatchIngestArticles, request, &response).ok(),
            "a batch is taken");
    Require(response.results_size() == static_cast<int>(sendings.size()), "each item is answered");
    for (int i = 0; i < response.results_size(); ++i) {
      const v1::IngestResult& result = response.results(i);
      const Sending& sending = sendings[static_cast<size_t>(i)];
      Require(result.article_id() == sending.request.article().id(), "answers are in order");
      Require(result.has_verdict() == (result.status().code() == 0), "an error or a verdict");
      if (!result.has_verdict()) {
        Require(!sending.request.request_id().empty(), "an article of a batch is taken in");
        continue;
      }
      TakeIn(sending, sending.request.article().body(), result.verdict(), /*is_fingerprint=*/false);
    }
  }

  void IngestFingerprint() {
    Sending sending = NextArticle();
    v1::ComputeFingerprintRequest compute;
    compute.set_collection(kStories);
    *compute.mutable_article() = sending.request.article();
    v1::ComputeFingerprintResponse computed;
    Require(Call(fixture_, &Handlers::ComputeFingerprint, compute, &computed).ok(),
            "a text has a fingerprint");
    sending.request.mutable_article()->clear_body();
    *sending.request.mutable_article()->mutable_fingerprint() = computed.fingerprint();
    v1::IngestArticleRequest request = sending.request;
    v1::IngestArticleResponse response;
    if (!Call(fixture_, &Handlers::IngestArticle, request, &response).ok()) {
      return Require(!sending.request.request_id().empty(), "a fingerprint is taken in");
    }
    TakeIn(sending, "", response.verdict(), /*is_fingerprint=*/true);
  }

  void Delete() {
    v1::DeleteArticleRequest request;
    request.set_collection(kStories);
    request.set_id(Id());
    request.set_request_id(RequestId());
    v1::DeleteArticleResponse response;
    const bool deleted = Call(fixture_, &Handlers::DeleteArticle, request, &response).ok();
    const bool known = model_.articles.count(request.id()) == 1;
    if (request.request_id().empty()) Require(deleted == known, "what is stored can be deleted");
    if (!deleted || !known) return;
    // A repeated request tells of the first one, after which the article may have come again.
    v1::GetArticleRequest get;
    get.set_collection(kStories);
    get.set_id(request.id());
    v1::GetArticleResponse got;
    const bool gone = absl::IsNotFound(Call(fixture_, &Handlers::GetArticle, get, &got));
    Require(gone || !request.request_id().empty(), "what was deleted is gone");
    if (gone) model_.articles.erase(request.id());
  }

  void FindDuplicates() {
    v1::FindDuplicatesRequest request;
    request.set_collection(kStories);
    const std::string id = Id();
    const auto known = model_.articles.find(id);
    StoryChoice choice = Choice();
    const uint8_t style = input_.Byte();
    if ((style & 16) != 0) {
      request.set_id(id);
    } else {
      // A copy of a stored text, written in another way, or any text.
      if ((style & 32) == 0 && known != model_.articles.end()) choice = known->second.choice;
      request.mutable_article()->set_title(StoryTitle(choice));
      request.mutable_article()->set_body(StoryBody(choice, style & 7));
    }
    v1::FindDuplicatesResponse response;
    const bool found = Call(fixture_, &Handlers::FindDuplicates, request, &response).ok();
    if (request.has_id()) {
      Require(found == (known != model_.articles.end()), "what is stored can be asked about");
      return;
    }
    Require(found, "any text can be asked about");
    RequireShares(response.verdict());
    if (!HasText(choice)) return;
    for (const auto& [other, article] : model_.articles) {
      if (!(article.choice == choice)) continue;
      Require(response.verdict().relation() == v1::RELATION_EXACT, "the same text is EXACT");
    }
  }

  void FindRelated() {
    v1::FindRelatedRequest request;
    request.set_collection(kStories);
    request.set_id(Id());
    const uint8_t options = input_.Byte();
    request.set_include_duplicates((options & 1) != 0);
    if ((options & 2) != 0) request.set_diversity(0.5);
    if ((options & 4) != 0) request.add_sources("Wire");
    if ((options & 8) != 0) request.mutable_half_life()->set_seconds(3600);
    request.set_max_results(1 + options / 16);
    v1::FindRelatedResponse response;
    const bool found = Call(fixture_, &Handlers::FindRelated, request, &response).ok();
    Require(found == (model_.articles.count(request.id()) == 1), "what is stored has neighbours");
    Require(response.related_size() <= request.max_results(), "no more than were asked for");
    for (const v1::RelatedArticle& related : response.related()) {
      Require(model_.articles.count(related.article_id()) == 1, "what is found is stored");
      Require(related.article_id() != request.id(), "an article is not its own neighbour");
      Require(related.score() >= 0 && related.score() <= 1, "scores are 0 to 1");
      Require(request.include_duplicates() || !related.same_group(), "no copies unasked");
    }
  }

  void Compare() {
    v1::CompareRequest request;
    request.set_collection(kStories);
    request.mutable_a()->set_id(Id());
    request.mutable_b()->set_id(Id());
    v1::CompareResponse response;
    const bool compared = Call(fixture_, &Handlers::Compare, request, &response).ok();
    const auto a = model_.articles.find(request.a().id());
    const auto b = model_.articles.find(request.b().id());
    const bool known = a != model_.articles.end() && b != model_.articles.end();
    Require(compared == known, "what is stored can be compared");
    if (!known || !HasText(a->second.choice) || !(a->second.choice == b->second.choice)) return;
    Require(
        response.relation() == v1::RELATION_EXACT || response.relation() == v1::RELATION_REVISION,
        "the same text is EXACT");
  }

  void Merge() {
    v1::MergeGroupsRequest request;
    request.set_collection(kStories);
    request.set_group_id(GroupId());
    request.set_merged_group_id(GroupId());
    v1::MergeGroupsResponse response;
    Call(fixture_, &Handlers::MergeGroups, request, &response).IgnoreError();
  }

  void Split() {
    v1::SplitGroupRequest request;
    request.set_collection(kStories);
    request.set_group_id(GroupId());
    request.set_request_id(RequestId());
    const auto chosen = input_.Number<uint16_t>();
    for (const auto& [id, article] : model_.articles) {
      v1::GetArticleRequest get;
      get.set_collection(kStories);
      get.set_id(id);
      v1::GetArticleResponse got;
      Require(Call(fixture_, &Handlers::GetArticle, get, &got).ok(), "a stored article is found");
      const bool member = got.state().group_id() == request.group_id();
      if (member && (chosen >> (id.back() - '0') & 1) != 0) request.add_article_ids(id);
    }
    v1::SplitGroupResponse response;
    if (!Call(fixture_, &Handlers::SplitGroup, request, &response).ok()) return;
    if (!request.request_id().empty()) return;
    Require(response.new_group().member_count() == request.article_ids_size() &&
                response.group().member_count() > 0,
            "a split moves those that were named");
  }

  void SetCanonical() {
    v1::SetCanonicalRequest request;
    request.set_collection(kStories);
    request.set_group_id(GroupId());
    if ((input_.Byte() & 3) != 0) request.set_article_id(Id());
    v1::SetCanonicalResponse response;
    if (!Call(fixture_, &Handlers::SetCanonical, request, &response).ok()) return;
    Require(response.group().canonical_pinned() == !request.article_id().empty(),
            "a choice is kept or given back");
    Require(request.article_id().empty() || response.group().canonical_id() == request.article_id(),
            "the chosen one is the canonical");
  }

  void Withdraw() {
    v1::WithdrawStoryRequest request;
    request.set_collection(kStories);
    const uint8_t options = input_.Byte();
    if ((options & 1) != 0) {
      request.set_group_id(GroupId());
    } else {
      request.set_article_id(Id());
    }
    request.set_reason((options & 2) != 0 ? v1::WITHDRAWAL_REASON_KILLED
                                          : v1::WITHDRAWAL_REASON_CORRECTED);
    if ((options & 4) != 0) request.set_replacement_id(Id());
    v1::WithdrawStoryResponse response;
    if (!Call(fixture_, &Handlers::WithdrawStory, request, &response).ok()) return;
    Require(response.group().has_withdrawal(), "a withdrawn story says so");
    Require(response.affected_count() <= response.group().member_count(),
            "no more are affected than there are");
  }

  void Reinstate() {
    v1::ReinstateStoryRequest request;
    request.set_collection(kStories);
    request.set_group_id(GroupId());
    v1::ReinstateStoryResponse response;
    Call(fixture_, &Handlers::ReinstateStory, request, &response).IgnoreError();
    Require(!response.group().has_withdrawal(), "a reinstated story is not withdrawn");
  }

  void BatchGet() {
    v1::BatchGetArticlesRequest request;
    request.set_collection(kStories);
    for (size_t i = 0; i < kIds; ++i) request.add_ids(absl::StrCat("id", i));
    request.set_omit_body((input_.Byte() & 1) != 0);
    v1::BatchGetArticlesResponse response;
    Require(Call(fixture_, &Handlers::BatchGetArticles, request, &response).ok(),
            "several can be read");
    for (const v1::GetArticleResult& result : response.results()) {
      const bool known = model_.articles.count(result.article_id()) == 1;
      Require((result.status().code() == 0) == known, "what is stored is found");
    }
  }

  void Restart() {
    // Takes as long as a hundred steps.
    if (input_.Below(4) != 0 || ++restarts_ > kRestartsMax) return;
    const std::string before = Snapshot(fixture_, model_);
    fixture_.Reopen();
    const std::string after = Snapshot(fixture_, model_);
    if (before != after) std::fprintf(stderr, "%s\n\n%s\n", before.c_str(), after.c_str());
    Require(before == after, "a restart changes nothing");
  }

  EngineFixture& fixture_;
  Bytes input_;
  StoryModel model_;
  int restarts_ = 0;
};

}  // namespace

// The first byte chooses the collection's settings, then come the steps.
void FuzzStories(absl::string_view bytes) {
  static EngineFixture fixture;
  Newsroom(&fixture, bytes).Run();
  fixture.Reset();
}

}  // namespace newsprint::fuzz
