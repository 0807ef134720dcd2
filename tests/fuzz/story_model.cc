#include "tests/fuzz/story_model.h"

#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"

namespace newsprint::fuzz {
namespace {

using rpc::Handlers;

constexpr const char* kTitles[kStoryTitles] = {"", "First ferry leaves on Monday",
                                               "Exports of timber fall again"};
constexpr const char* kPassages[] = {
    "The harbour authority said on Monday that the first ferry of the season would leave the north "
    "pier at dawn, carrying mail, fuel and about forty passengers to the outer islands.",
    "Fishermen who had waited out three weeks of storms welcomed the news, although several of "
    "them doubted that the engines, repaired twice over the winter, would last until summer.",
    "A spokeswoman for the islands council said that prices would not rise this year, and that "
    "pupils and pensioners would continue to travel without paying for their tickets.",
    "In the capital the finance ministry published new figures on trade, which showed that exports "
    "of timber fell for a second quarter while imports of machinery grew.",
    "Economists had expected a smaller decline, and blamed the strong currency, a strike in two "
    "sawmills and the slow thaw on the inland waterways for the weak result.",
    "The museum of natural history reopened its eastern wing after nine years of work, with a hall "
    "of whales, a library for children and a garden on the roof.",
    "Sign up for our newsletter to receive the most important stories of the day every morning, "
    "free of charge and without advertising, in your own mailbox.",
    "Shares of Nordholm Timber closed at $0 crowns on Friday, up $1 per cent on the week, in heavy "
    "trading of $2 thousand shares on the exchange, brokers in the capital said.",
};
constexpr const char* kNoPassage = "Notice number $0.";

void RequireCounts(const EngineFixture& fixture, const StoryModel& model, size_t groups) {
  v1::GetStatsRequest request;
  request.set_collection(kStories);
  v1::GetStatsResponse stats;
  Require(Call(fixture, &Handlers::GetStats, request, &stats).ok(), "figures can be read");
  Require(stats.articles() == static_cast<int64_t>(model.articles.size()), "articles are counted");
  Require(stats.groups() == static_cast<int64_t>(groups), "groups are counted");
  int64_t related = 0;
  for (const v1::RelationCount& count : stats.relations()) {
    Require(count.count() > 0, "relations without any are left out");
    related += count.count();
  }
  Require(related == stats.articles(), "each article has one relation");
}

bool Affected(const v1::Group& group, const std::string& id) {
  return group.has_withdrawal() && group.withdrawal().replacement_id() != id;
}

void RequireMember(const EngineFixture& fixture, const StoryModel& model, const v1::Group& group,
                   const std::string& id) {
  const auto known = model.articles.find(id);
  Require(known != model.articles.end(), "members are stored articles");
  v1::GetArticleRequest request;
  request.set_collection(kStories);
  request.set_id(id);
  v1::GetArticleResponse got;
  Require(Call(fixture, &Handlers::GetArticle, request, &got).ok(), "a stored article is found");
  Require(got.article().id() == id, "an article has its id");
  Require(got.state().group_id() == group.id(), "members name their group");
  Require(got.state().canonical_id() == group.canonical_id(), "members name their canonical");
  Require(got.state().has_withdrawal() == Affected(group, id), "members tell a withdrawal");
  Require(got.state().revision_number() >= 1, "revisions are counted");
  const bool keeps_text = model.keeps_text && !known->second.is_fingerprint;
  Require(got.state().text_stored() == keeps_text, "text is kept or not");
  Require(got.article().body() == (keeps_text ? known->second.body : ""), "text is that of last");
}

void RequireAffected(const EngineFixture& fixture, const ListedGroup& listed) {
  v1::ListAffectedArticlesRequest request;
  request.set_collection(kStories);
  request.set_group_id(listed.group.id());
  v1::ListAffectedArticlesResponse affected;
  const absl::Status status = Call(fixture, &Handlers::ListAffectedArticles, request, &affected);
  Require(status.ok() == listed.group.has_withdrawal(), "what was withdrawn can be listed");
  if (!status.ok()) return;
  std::set<std::string> expected;
  for (const v1::GroupMember& member : listed.members) {
    if (Affected(listed.group, member.article_id())) expected.insert(member.article_id());
  }
  std::set<std::string> told;
  for (const v1::GroupMember& member : affected.articles()) told.insert(member.article_id());
  Require(told == expected, "all copies but the replacement are affected");
}

// What those who watch know.
struct WatchedGroup {
  std::set<std::string> members;
  std::string canonical;
  bool withdrawn = false;
};
using WatchedGroups = std::map<GroupNumber, WatchedGroup>;

void Follow(const GroupChange& change, WatchedGroups* groups) {
  WatchedGroup& group = (*groups)[change.group];
  switch (change.kind) {
    case GroupChangeKind::kCreated:
      Require(group.members.empty(), "a group begins once");
      group.canonical = change.article_id;
      Require(group.members.insert(change.article_id).second, "who begins a group was not there");
      break;
    case GroupChangeKind::kJoined:
      if (group.members.empty()) group.canonical = change.article_id;
      Require(group.members.insert(change.article_id).second, "who joins was not there");
      break;
    case GroupChangeKind::kLeft:
      Require(group.members.erase(change.article_id) == 1, "who leaves was there");
      if (group.members.empty()) group.canonical.clear();
      break;
    case GroupChangeKind::kCanonicalChanged:
      Require(group.members.count(change.article_id) == 1, "a canonical is a member");
      group.canonical = change.article_id;
      break;
    case GroupChangeKind::kMerged: {
      WatchedGroup& into = (*groups)[change.other_group];
      for (const std::string& id : group.members) {
        Require(into.members.insert(id).second, "who is merged was not there");
      }
      if (into.canonical.empty()) into.canonical = group.canonical;
      into.withdrawn = into.withdrawn || group.withdrawn;
      groups->erase(change.group);
      return;
    }
    case GroupChangeKind::kWithdrawn:
      group.withdrawn = true;
      break;
    case GroupChangeKind::kReinstated:
      group.withdrawn = false;
      break;
    case GroupChangeKind::kEnded:
      Require(group.members.empty(), "a group ends without members");
      groups->erase(change.group);
      return;
  }
}

}  // namespace

std::string StoryTitle(const StoryChoice& choice) { return kTitles[choice.title % kStoryTitles]; }

std::string StoryBody(const StoryChoice& choice, uint8_t style) {
  const size_t facts = choice.facts % kStoryFacts;
  std::string body;
  for (size_t i = 0; i < std::size(kPassages); ++i) {
    if ((choice.passages >> i & 1) == 0) continue;
    std::string passage =
        absl::Substitute(kPassages[i], 310 + 17 * facts, 2 + facts, 45 + 9 * facts);
    if ((style & 2) != 0) absl::AsciiStrToUpper(&passage);
    absl::StrAppend(&body, (style & 1) != 0 ? "<p class=\"text\">" : "", passage,
                    (style & 1) != 0 ? "</p>\n" : " ");
  }
  if (choice.passages == 0) body = absl::Substitute(kNoPassage, facts);
  return (style & 4) != 0 ? absl::StrCat(" \n", body, "\n\t") : body;
}

std::vector<ListedGroup> ListGroups(const EngineFixture& fixture) {
  constexpr int kPageSize = 3;
  std::vector<ListedGroup> groups;
  v1::ListGroupsRequest list;
  list.set_collection(kStories);
  list.set_page_size(kPageSize);
  do {
    v1::ListGroupsResponse page;
    Require(Call(fixture, &Handlers::ListGroups, list, &page).ok(), "groups can be listed");
    Require(page.groups_size() <= kPageSize, "a page has its size");
    for (const v1::Group& group : page.groups()) groups.push_back({group, {}});
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  for (ListedGroup& listed : groups) {
    v1::GetGroupRequest get;
    get.set_collection(kStories);
    get.set_group_id(listed.group.id());
    get.set_page_size(kPageSize);
    do {
      v1::GetGroupResponse page;
      Require(Call(fixture, &Handlers::GetGroup, get, &page).ok(), "a listed group can be read");
      Require(page.group().SerializeAsString() == listed.group.SerializeAsString(),
              "a group is as it was listed");
      for (const v1::GroupMember& member : page.members()) listed.members.push_back(member);
      get.set_page_token(page.next_page_token());
    } while (!get.page_token().empty());
  }
  return groups;
}

void RequireConsistent(const EngineFixture& fixture, const StoryModel& model) {
  const std::vector<ListedGroup> groups = ListGroups(fixture);
  RequireCounts(fixture, model, groups.size());
  std::set<std::string> seen;
  for (const ListedGroup& listed : groups) {
    const v1::Group& group = listed.group;
    Require(group.member_count() == static_cast<int64_t>(listed.members.size()),
            "members are counted");
    Require(!listed.members.empty() || (group.has_withdrawal() && group.canonical_id().empty()),
            "only withdrawn stories have no members");
    bool has_canonical = listed.members.empty();
    for (const v1::GroupMember& member : listed.members) {
      Require(seen.insert(member.article_id()).second, "an article is in one group");
      has_canonical = has_canonical || member.article_id() == group.canonical_id();
      RequireMember(fixture, model, group, member.article_id());
    }
    Require(has_canonical, "the canonical is a member");
    RequireAffected(fixture, listed);
  }
  Require(seen.size() == model.articles.size(), "each article is in a group");
}

void RequireChangesTellGroups(const EngineFixture& fixture) {
  const auto collection = fixture.engine().Find(kStories).value();
  collection->AnnounceChanges();
  Require(fixture.engine().WaitDurable().ok(), "what was written reaches the disk");
  WatchedGroups watched;
  uint64_t after = 0;
  constexpr size_t kChangesMax = 50;
  while (true) {
    const auto changes = collection->GroupChanges(after, kChangesMax);
    Require(changes.ok(), "changes can be read");
    if (changes->empty()) break;
    for (const GroupChange& change : *changes) {
      Require(change.sequence == after + 1, "changes are numbered");
      after = change.sequence;
      Follow(change, &watched);
      const auto group = watched.find(change.group);
      if (group == watched.end()) continue;
      // While a canonical leaves, the group still names it.
      const bool leaving = change.kind == GroupChangeKind::kLeft;
      Require(leaving || change.canonical_id == group->second.canonical,
              "a change tells the canonical");
    }
  }
  const std::vector<ListedGroup> groups = ListGroups(fixture);
  Require(watched.size() == groups.size(), "who watches knows all groups");
  for (const ListedGroup& listed : groups) {
    GroupNumber number = 0;
    Require(absl::SimpleAtoi(listed.group.id().substr(1), &number), "groups have numbers");
    const auto group = watched.find(number);
    Require(group != watched.end(), "who watches knows the group");
    std::set<std::string> members;
    for (const v1::GroupMember& member : listed.members) members.insert(member.article_id());
    Require(group->second.members == members, "who watches knows the members");
    Require(group->second.canonical == listed.group.canonical_id(),
            "who watches knows the canonical");
    Require(group->second.withdrawn == listed.group.has_withdrawal(),
            "who watches knows of a withdrawal");
  }
}

std::string Snapshot(const EngineFixture& fixture, const StoryModel& model) {
  std::string snapshot;
  for (const ListedGroup& listed : ListGroups(fixture)) {
    absl::StrAppend(&snapshot, listed.group.ShortDebugString(), "\n");
    for (const v1::GroupMember& member : listed.members) {
      absl::StrAppend(&snapshot, "  ", member.ShortDebugString(), "\n");
    }
  }
  for (const auto& [id, article] : model.articles) {
    v1::GetArticleRequest get;
    get.set_collection(kStories);
    get.set_id(id);
    v1::GetArticleResponse got;
    Require(Call(fixture, &Handlers::GetArticle, get, &got).ok(), "a stored article is found");
    v1::FindDuplicatesRequest find;
    find.set_collection(kStories);
    find.set_id(id);
    v1::FindDuplicatesResponse found;
    Require(Call(fixture, &Handlers::FindDuplicates, find, &found).ok(), "copies are looked for");
    absl::StrAppend(&snapshot, got.ShortDebugString(), "\n", found.ShortDebugString(), "\n");
  }
  v1::GetStatsRequest request;
  request.set_collection(kStories);
  v1::GetStatsResponse stats;
  Require(Call(fixture, &Handlers::GetStats, request, &stats).ok(), "figures can be read");
  stats.clear_fingerprint_index_bytes();
  stats.clear_vector_index_bytes();
  stats.clear_store_bytes();
  return absl::StrCat(snapshot, stats.ShortDebugString());
}

}  // namespace newsprint::fuzz
