#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/common/call_times.h"
#include "service/engine/collection.h"
#include "service/engine/engine.h"
#include "tests/testing/articles.h"

namespace newsprint {
namespace {

using ::newsprint::testing::AtLeast;
using ::newsprint::testing::Ingest;
using ::newsprint::testing::Named;
using ::newsprint::testing::OpenEngine;
using ::newsprint::testing::StoryArticle;
using ::newsprint::testing::StoryText;
using ::newsprint::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

absl::Time At(int hour) { return absl::FromUnixSeconds(1'300'000'000) + absl::Hours(hour); }

Article Published(Article article, int hour) {
  article.published_at = At(hour);
  return article;
}

Article FirstHalf(std::string id, uint64_t story) {
  Article article = StoryArticle(std::move(id), story);
  article.body = article.body.substr(0, article.body.size() / 2);
  return article;
}

Withdrawal Killed(std::string replacement = "") {
  Withdrawal withdrawal;
  withdrawal.reason = WithdrawalReason::kKilled;
  withdrawal.note = "libel";
  withdrawal.replacement_id = std::move(replacement);
  return withdrawal;
}

// "created a", "canonical_changed a" and so on.
std::string Line(const GroupChange& change) {
  constexpr const char* kNames[] = {"",          "created",           "joined",
                                    "left",      "canonical_changed", "merged",
                                    "withdrawn", "reinstated",        "ended"};
  std::string line = kNames[static_cast<int>(change.kind)];
  if (!change.article_id.empty()) absl::StrAppend(&line, " ", change.article_id);
  return line;
}

class CollectionGroupsTest : public ::testing::Test {
 protected:
  void Use(CanonicalPolicy policy, std::vector<std::string> sources = {}) {
    NewCollection wanted = Named("with-policy");
    wanted.settings.canonical_policy = policy;
    wanted.settings.source_priority = std::move(sources);
    const auto created = engine_->Create(std::move(wanted));
    ASSERT_TRUE(created.ok()) << created.status();
    collection_ = *created;
  }

  void Reopen() {
    const std::string name = collection_->settings().name;
    collection_.reset();
    engine_.reset();
    engine_ = OpenEngine(dir_.path());
    collection_ = *engine_->Find(name);
  }

  Verdict MustIngest(Article article) {
    const auto verdict = Ingest(*collection_, std::move(article));
    EXPECT_TRUE(verdict.ok()) << verdict.status();
    return verdict.value_or(Verdict());
  }

  std::vector<std::string> Members(GroupNumber group) {
    std::vector<std::string> ids;
    const auto page = collection_->GetGroup(group, 0, 1000);
    EXPECT_TRUE(page.ok()) << page.status();
    if (page.ok()) {
      for (const GroupMember& member : page->members.items) ids.push_back(member.article.id);
    }
    return ids;
  }

  std::string Canonical(GroupNumber group) {
    const auto page = collection_->GetGroup(group, 0, 1);
    return page.ok() ? page->group.canonical_id : std::string(page.status().message());
  }

  std::vector<std::string> Changes(uint64_t after) {
    collection_->AnnounceChanges();
    EXPECT_TRUE(engine_->WaitDurable().ok());
    std::vector<std::string> lines;
    const auto changes = collection_->GroupChanges(after, 1000);
    EXPECT_TRUE(changes.ok()) << changes.status();
    if (!changes.ok()) return lines;
    uint64_t sequence = after;
    for (const GroupChange& change : *changes) {
      EXPECT_EQ(change.sequence, ++sequence);
      lines.push_back(Line(change));
    }
    return lines;
  }

  uint64_t LastChange() {
    return static_cast<uint64_t>(collection_->Stats().group_change_sequence);
  }

  TempDir dir_;
  std::unique_ptr<Engine> engine_ = OpenEngine(dir_.path());
  std::shared_ptr<Collection> collection_ = *engine_->Find(kDefaultCollection);
};

// The whole story comes after an excerpt of it, and then what shares nothing with the excerpt.
TEST_F(CollectionGroupsTest, AWholeStoryThatComesLateIsMatchedToo) {
  const GroupNumber group = MustIngest(FirstHalf("top", 1)).group;
  EXPECT_EQ(MustIngest(StoryArticle("whole", 1)).group, group);
  Article bottom = StoryArticle("bottom", 1);
  bottom.body = bottom.body.substr(bottom.body.size() / 2);
  const Verdict verdict = MustIngest(bottom);
  EXPECT_EQ(verdict.relation, Relation::kExcerpt);
  EXPECT_EQ(verdict.group, group);
  EXPECT_EQ(verdict.canonical_id, "top");
  Reopen();
  bottom.id = "bottom2";
  EXPECT_EQ(MustIngest(bottom).group, group);
  // When the first goes, the story is still known by the whole.
  ASSERT_TRUE(collection_->Delete("top", "").ok());
  bottom.id = "bottom3";
  EXPECT_EQ(MustIngest(bottom).group, group);
}

TEST_F(CollectionGroupsTest, ALateArrivalThatWasPublishedEarlierBecomesTheCanonical) {
  Use(CanonicalPolicy::kEarliestPublished);
  const Verdict copy = MustIngest(Published(StoryArticle("copy", 1), 5));
  MustIngest(Published(StoryArticle("second", 1), 7));
  EXPECT_EQ(Canonical(copy.group), "copy");
  const Verdict original = MustIngest(Published(StoryArticle("original", 1), 1));
  EXPECT_EQ(original.canonical_id, "original");
  EXPECT_EQ(original.group, copy.group);
  EXPECT_EQ(Canonical(copy.group), "original");
  MustIngest(StoryArticle("undated", 1));
  EXPECT_EQ(Canonical(copy.group), "original");
  EXPECT_THAT(Changes(0), ElementsAre("created copy", "joined second", "joined original",
                                      "canonical_changed original", "joined undated"));
  // A replay tells the canonical of now.
  EXPECT_EQ(MustIngest(Published(StoryArticle("copy", 1), 5)).canonical_id, "original");
  Reopen();
  EXPECT_EQ(Canonical(copy.group), "original");
  EXPECT_EQ(MustIngest(FirstHalf("excerpt", 1)).canonical_id, "original");
}

TEST_F(CollectionGroupsTest, ACorrectedTimeChangesTheCanonical) {
  Use(CanonicalPolicy::kEarliestPublished);
  const Verdict a = MustIngest(Published(StoryArticle("a", 1), 5));
  MustIngest(Published(StoryArticle("b", 1), 7));
  MustIngest(Published(StoryArticle("b", 1), 3));
  EXPECT_EQ(Canonical(a.group), "b");
  MustIngest(Published(StoryArticle("b", 1), 9));
  EXPECT_EQ(Canonical(a.group), "a");
}

TEST_F(CollectionGroupsTest, SourcesHaveTheirPriority) {
  Use(CanonicalPolicy::kSourcePriority, {"wire", "paper"});
  Article article = StoryArticle("blog", 1);
  article.source = "blog";
  const GroupNumber group = MustIngest(article).group;
  article = StoryArticle("paper", 1);
  article.source = "paper";
  MustIngest(article);
  EXPECT_EQ(Canonical(group), "paper");
  article = StoryArticle("wire", 1);
  article.source = "wire";
  MustIngest(article);
  EXPECT_EQ(Canonical(group), "wire");
  ASSERT_TRUE(collection_->Delete("wire", "").ok());
  EXPECT_EQ(Canonical(group), "paper");
}

TEST_F(CollectionGroupsTest, TheLongestStandsForTheGroup) {
  Use(CanonicalPolicy::kLongest);
  const GroupNumber group = MustIngest(FirstHalf("half", 1)).group;
  const Verdict whole = MustIngest(StoryArticle("whole", 1));
  EXPECT_EQ(whole.relation, Relation::kExtension);
  EXPECT_EQ(whole.canonical_id, "whole");
  MustIngest(FirstHalf("half2", 1));
  EXPECT_EQ(Canonical(group), "whole");
}

TEST_F(CollectionGroupsTest, AnEditorsChoiceGoesBeforeThePolicy) {
  Use(CanonicalPolicy::kEarliestPublished);
  const GroupNumber group = MustIngest(Published(StoryArticle("a", 1), 5)).group;
  MustIngest(Published(StoryArticle("b", 1), 6));
  MustIngest(StoryArticle("other", 2));
  const auto chosen = collection_->SetCanonical(group, "b");
  ASSERT_TRUE(chosen.ok()) << chosen.status();
  EXPECT_EQ(chosen->canonical_id, "b");
  EXPECT_TRUE(chosen->canonical_pinned);
  const uint64_t before = LastChange();
  EXPECT_TRUE(collection_->SetCanonical(group, "b").ok());
  EXPECT_EQ(LastChange(), before);  // repeated
  MustIngest(Published(StoryArticle("early", 1), 1));
  Reopen();
  EXPECT_EQ(Canonical(group), "b");
  EXPECT_EQ(collection_->SetCanonical(group, "other").status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(collection_->SetCanonical(group, "nobody").status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(collection_->SetCanonical(99, "b").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(collection_->SetCanonical(group, "")->canonical_id, "early");
  // A chosen one that is deleted leaves the choice to the policy.
  ASSERT_TRUE(collection_->SetCanonical(group, "b").ok());
  ASSERT_TRUE(collection_->Delete("b", "").ok());
  const auto page = collection_->GetGroup(group, 0, 10);
  EXPECT_EQ(page->group.canonical_id, "early");
  EXPECT_FALSE(page->group.canonical_pinned);
}

TEST_F(CollectionGroupsTest, MergedGroupsAreOneForGood) {
  const GroupNumber a = MustIngest(StoryArticle("a1", 1)).group;
  MustIngest(StoryArticle("a2", 1));
  const GroupNumber b = MustIngest(StoryArticle("b1", 2)).group;
  MustIngest(StoryArticle("b2", 2));
  const uint64_t before = LastChange();
  const auto merged = collection_->MergeGroups(a, b);
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_EQ(merged->group, a);
  EXPECT_EQ(merged->members, 4);
  EXPECT_THAT(Changes(before), ElementsAre("merged"));
  EXPECT_EQ(collection_->Stats().groups, 1);
  Reopen();
  EXPECT_THAT(Members(a), ElementsAre("a1", "a2", "b1", "b2"));
  EXPECT_THAT(Members(b), ElementsAre("a1", "a2", "b1", "b2"));  // its id goes on naming it
  // Later copies of both stories join it.
  EXPECT_EQ(MustIngest(FirstHalf("a3", 1)).group, a);
  EXPECT_EQ(MustIngest(FirstHalf("b3", 2)).group, a);
  EXPECT_TRUE(collection_->MergeGroups(a, b).ok());  // repeated
  EXPECT_EQ(collection_->MergeGroups(a, a).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(collection_->ListGroups(0, 10, AtLeast(1))->items.size(), 1u);
  // A revision does not undo what an editor did.
  Article revised = StoryArticle("b2", 7);
  EXPECT_EQ(MustIngest(revised).group, a);
}

TEST_F(CollectionGroupsTest, WaitingForOtherWritersIsAStepOfEachWrite) {
  const auto locks = [] { return StepHistogram(Step::kLock).Read().count(); };
  uint64_t before = locks();
  const GroupNumber group = MustIngest(StoryArticle("a1", 1)).group;
  const GroupNumber other = MustIngest(StoryArticle("b1", 2)).group;
  MustIngest(StoryArticle("a2", 1));
  EXPECT_EQ(locks(), before + 3);
  const auto is_one = [&] {
    const uint64_t last = std::exchange(before, locks());
    return before == last + 1;
  };
  is_one();
  ASSERT_TRUE(collection_->SetCanonical(group, "a2").ok());
  EXPECT_TRUE(is_one());
  ASSERT_TRUE(collection_->MergeGroups(group, other).ok());
  EXPECT_TRUE(is_one());
  ASSERT_TRUE(collection_->SplitGroup({group, {"b1"}, "request-1"}).ok());
  EXPECT_TRUE(is_one());
  ASSERT_TRUE(collection_->Withdraw(group, Withdrawal()).ok());
  EXPECT_TRUE(is_one());
  ASSERT_TRUE(collection_->Reinstate(group).ok());
  EXPECT_TRUE(is_one());
  ASSERT_TRUE(collection_->Delete("b1", "").ok());
  EXPECT_TRUE(is_one());
}

TEST_F(CollectionGroupsTest, ASplitGroupStaysApart) {
  const GroupNumber group = MustIngest(StoryArticle("a1", 1)).group;
  for (const char* id : {"a2", "a3", "a4"}) MustIngest(StoryArticle(id, 1));
  const uint64_t before = LastChange();
  const auto split = collection_->SplitGroup({group, {"a3", "a1"}, "request-1"});
  ASSERT_TRUE(split.ok()) << split.status();
  EXPECT_EQ(split->group.group, group);
  EXPECT_EQ(split->group.canonical_id, "a2");
  EXPECT_EQ(split->new_group.canonical_id, "a1");
  EXPECT_THAT(Changes(before),
              ElementsAre("created a1", "left a1", "left a3", "joined a3", "canonical_changed a2"));
  EXPECT_THAT(Members(group), ElementsAre("a2", "a4"));
  EXPECT_THAT(Members(split->new_group.group), ElementsAre("a1", "a3"));

  const auto repeated = collection_->SplitGroup({group, {"a3", "a1"}, "request-1"});
  ASSERT_TRUE(repeated.ok()) << repeated.status();
  EXPECT_EQ(repeated->new_group.group, split->new_group.group);
  EXPECT_EQ(collection_->Stats().groups, 2);
  Reopen();
  EXPECT_THAT(Members(group), ElementsAre("a2", "a4"));
  // Both have a reference, so that copies are still found.
  ASSERT_TRUE(collection_->Delete("a1", "").ok());
  ASSERT_TRUE(collection_->Delete("a3", "").ok());
  EXPECT_EQ(MustIngest(FirstHalf("a5", 1)).group, group);
}

TEST_F(CollectionGroupsTest, ASplitThatDoesNotFitChangesNothing) {
  const GroupNumber group = MustIngest(StoryArticle("a1", 1)).group;
  MustIngest(StoryArticle("a2", 1));
  MustIngest(StoryArticle("b", 2));
  const int64_t sequence = collection_->Stats().sequence;
  const auto code = [&](std::vector<std::string> ids) {
    return collection_->SplitGroup({group, std::move(ids), ""}).status().code();
  };
  EXPECT_EQ(code({"a1", "a2"}), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code({"b"}), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code({"a1", "nobody"}), absl::StatusCode::kNotFound);
  EXPECT_EQ(collection_->Stats().sequence, sequence);
  EXPECT_THAT(Members(group), ElementsAre("a1", "a2"));
}

TEST_F(CollectionGroupsTest, AWithdrawalAffectsEveryCopyPresentAndLater) {
  const GroupNumber group = MustIngest(StoryArticle("story", 1)).group;
  MustIngest(StoryArticle("copy", 1));
  MustIngest(StoryArticle("other", 2));
  const auto withdrawn = collection_->Withdraw(group, Killed("fixed"));
  ASSERT_TRUE(withdrawn.ok()) << withdrawn.status();
  EXPECT_EQ(withdrawn->affected, 2);
  EXPECT_EQ(withdrawn->group.withdrawal->article_id, "story");
  Reopen();
  EXPECT_TRUE(collection_->Get("copy", true)->state.withdrawal.has_value());
  EXPECT_FALSE(collection_->Get("other", true)->state.withdrawal.has_value());
  const Verdict later = MustIngest(FirstHalf("later", 1));
  ASSERT_TRUE(later.withdrawal.has_value());
  EXPECT_EQ(later.withdrawal->note, "libel");
  EXPECT_TRUE(MustIngest(StoryArticle("story", 1)).withdrawal.has_value());  // a replay
  EXPECT_TRUE(collection_->FindDuplicates(FirstHalf("asked", 1), 10)->withdrawal.has_value());
  EXPECT_FALSE(MustIngest(FirstHalf("fixed", 1)).withdrawal.has_value());  // the replacement
  EXPECT_EQ(collection_->Withdraw(group, Killed("fixed"))->affected, 3);
  EXPECT_THAT(Changes(3), ElementsAre("withdrawn story", "joined later", "joined fixed"));

  const auto reinstated = collection_->Reinstate(group);
  ASSERT_TRUE(reinstated.ok() && reinstated->has_value());
  EXPECT_FALSE(MustIngest(FirstHalf("latest", 1)).withdrawal.has_value());
  EXPECT_TRUE(collection_->Reinstate(group).ok());  // repeated
}

TEST_F(CollectionGroupsTest, CopiesOfADeletedWithdrawnStoryAreStillTold) {
  const GroupNumber group = MustIngest(StoryArticle("story", 1)).group;
  ASSERT_TRUE(collection_->Withdraw(group, Killed()).ok());
  EXPECT_EQ(collection_->Delete("story", "")->canonical_id, "");
  EXPECT_EQ(collection_->Get("story", true).status().code(), absl::StatusCode::kNotFound);
  Reopen();
  EXPECT_THAT(Members(group), IsEmpty());
  EXPECT_EQ(collection_->Stats().articles, 0);
  const Verdict later = MustIngest(FirstHalf("later", 1));
  EXPECT_EQ(later.relation, Relation::kExcerpt);
  EXPECT_EQ(later.group, group);
  EXPECT_EQ(later.canonical_id, "later");
  EXPECT_TRUE(later.withdrawal.has_value());
  EXPECT_EQ(MustIngest(StoryArticle("again", 1)).relation, Relation::kExact);
  // Nothing of the deleted text is given out.
  EXPECT_EQ(later.matches[0].article.id, "story");
  EXPECT_EQ(later.matches[0].article.title, "");

  ASSERT_TRUE(collection_->Delete("later", "").ok());
  ASSERT_TRUE(collection_->Delete("again", "").ok());
  const auto reinstated = collection_->Reinstate(group);
  ASSERT_TRUE(reinstated.ok()) << reinstated.status();
  EXPECT_FALSE(reinstated->has_value());
  EXPECT_EQ(MustIngest(StoryArticle("afresh", 1)).relation, Relation::kNew);
  EXPECT_EQ(collection_->Stats().groups, 1);
}

TEST_F(CollectionGroupsTest, CopiesOfTheTextBeforeACorrectionAreStillTold) {
  const GroupNumber group = MustIngest(StoryArticle("story", 1)).group;
  ASSERT_TRUE(collection_->Withdraw(group, Killed("story")).ok());
  const Verdict corrected = MustIngest(StoryArticle("story", 9));
  EXPECT_FALSE(corrected.withdrawal.has_value());  // it is its own replacement
  Reopen();
  const Verdict later = MustIngest(FirstHalf("later", 1));
  EXPECT_EQ(later.group, group);
  EXPECT_TRUE(later.withdrawal.has_value());
}

TEST_F(CollectionGroupsTest, AQueryWithoutAnIdIsToldOfAWithdrawal) {
  ASSERT_TRUE(collection_->Withdraw(MustIngest(StoryArticle("a", 1)).group, Killed()).ok());
  EXPECT_TRUE(collection_->FindDuplicates(StoryArticle("", 1), 10)->withdrawal.has_value());
}

TEST_F(CollectionGroupsTest, RevisionsOfAWithdrawnStoryDoNotHideIt) {
  const GroupNumber group = MustIngest(StoryArticle("a", 1)).group;
  ASSERT_TRUE(collection_->Withdraw(group, Killed()).ok());
  for (int i = 0; i < 40; ++i) {
    Article revised = StoryArticle("a", 1);
    revised.title = absl::StrCat("Revision ", i);
    MustIngest(revised);
  }
  const Verdict later = MustIngest(FirstHalf("later", 1));
  EXPECT_EQ(later.group, group);
  EXPECT_TRUE(later.withdrawal.has_value());
}

TEST_F(CollectionGroupsTest, MergingIntoAWithdrawnStoryIsTold) {
  const GroupNumber a = MustIngest(StoryArticle("a", 1)).group;
  const GroupNumber b = MustIngest(StoryArticle("b", 2)).group;
  ASSERT_TRUE(collection_->Withdraw(a, Killed("a")).ok());
  const uint64_t before = LastChange();
  ASSERT_TRUE(collection_->MergeGroups(a, b).ok());
  EXPECT_THAT(Changes(before), ElementsAre("merged", "withdrawn a"));
  EXPECT_TRUE(collection_->GroupChanges(before + 1, 1)->front().withdrawal.has_value());
}

// A note added by group keeps the article that was named, also when that is deleted.
TEST_F(CollectionGroupsTest, AWithdrawalKeepsItsArticle) {
  const GroupNumber group = MustIngest(StoryArticle("a", 1)).group;
  MustIngest(StoryArticle("b", 1));
  Withdrawal withdrawal = Killed();
  withdrawal.article_id = "b";
  ASSERT_TRUE(collection_->Withdraw(group, withdrawal).ok());
  ASSERT_TRUE(collection_->Delete("b", "").ok());
  withdrawal.article_id = "";
  withdrawal.note = "privacy";
  const auto again = collection_->Withdraw(group, withdrawal);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->group.withdrawal->article_id, "b");
  EXPECT_EQ(again->group.withdrawal->note, "privacy");
}

TEST_F(CollectionGroupsTest, MergingTakesAWithdrawalAlong) {
  const GroupNumber a = MustIngest(StoryArticle("a", 1)).group;
  const GroupNumber b = MustIngest(StoryArticle("b", 2)).group;
  ASSERT_TRUE(collection_->Withdraw(b, Killed()).ok());
  ASSERT_TRUE(collection_->Delete("b", "").ok());
  ASSERT_TRUE(collection_->MergeGroups(a, b).ok());
  EXPECT_TRUE(collection_->Get("a", true)->state.withdrawal.has_value());
  EXPECT_EQ(MustIngest(FirstHalf("b2", 2)).group, a);
  Reopen();
  EXPECT_EQ(MustIngest(StoryArticle("b3", 2)).group, a);
  EXPECT_THAT(Members(a), UnorderedElementsAre("a", "b2", "b3"));
}

TEST_F(CollectionGroupsTest, ChangesHaveLimits) {
  MustIngest(StoryArticle("a", 1));
  EXPECT_THAT(Changes(0), ElementsAre("created a"));
  EXPECT_THAT(Changes(1), IsEmpty());
  EXPECT_EQ(collection_->GroupChanges(2, 10).status().code(), absl::StatusCode::kOutOfRange);
  ASSERT_TRUE(collection_->Delete("a", "").ok());
  EXPECT_THAT(Changes(1), ElementsAre("left a", "ended"));
  Reopen();
  EXPECT_THAT(Changes(0), ElementsAre("created a", "left a", "ended"));
}

TEST_F(CollectionGroupsTest, RelatedStoriesShowTheCanonicalOnce) {
  Use(CanonicalPolicy::kEarliestPublished);
  const auto event = [](std::string id, uint64_t story, int hour) {
    Article article = Published(StoryArticle(std::move(id), story), hour);
    article.title = "Parliament dissolves after the budget vote in Verrania";
    article.body = absl::StrCat(
        "Verrania's parliament was dissolved after the budget vote. Prime minister Aldo Marent and "
        "speaker Ines Tolvar disagreed about Verrania's harbour loans. ",
        article.body);
    return article;
  };
  MustIngest(event("late", 1, 8));
  const GroupNumber group = MustIngest(event("early", 1, 2)).group;
  const GroupNumber other = MustIngest(event("other", 2, 3)).group;
  MustIngest(event("query", 3, 4));
  ASSERT_NE(group, other);
  const auto ids = [&] {
    std::vector<std::string> found;
    const auto related = collection_->FindRelated(ArticleQuery("query"), {});
    EXPECT_TRUE(related.ok()) << related.status();
    if (!related.ok()) return found;
    for (const RelatedArticle& article : *related) found.push_back(article.article.id);
    return found;
  };
  EXPECT_THAT(ids(), UnorderedElementsAre("early", "other"));
  ASSERT_TRUE(collection_->MergeGroups(group, other).ok());
  EXPECT_THAT(ids(), ElementsAre("early"));
}

}  // namespace
}  // namespace newsprint
