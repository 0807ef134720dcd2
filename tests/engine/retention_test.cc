#include <algorithm>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "service/engine/collection.h"
#include "service/engine/engine.h"
#include "service/engine/engine_counters.h"
#include "tests/testing/articles.h"
#include "tests/testing/test_clock.h"

namespace newsprint {
namespace {

using ::newsprint::testing::AtLeast;
using ::newsprint::testing::Ingest;
using ::newsprint::testing::Named;
using ::newsprint::testing::OpenEngine;
using ::newsprint::testing::StoryArticle;
using ::newsprint::testing::TempDir;
using ::newsprint::testing::TestClock;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;

class RetentionTest : public ::testing::Test {
 protected:
  void Use(Retention retention, CanonicalPolicy policy = CanonicalPolicy::kFirstIngested) {
    NewCollection wanted = Named("kept");
    wanted.settings.retention = retention;
    wanted.settings.canonical_policy = policy;
    const auto created = engine_->Create(std::move(wanted));
    ASSERT_TRUE(created.ok()) << created.status();
    collection_ = *created;
  }
  void UseAge(absl::Duration age) { Use({age, 0}); }
  void UseCount(int64_t articles) { Use({absl::InfiniteDuration(), articles}); }

  void Reopen() {
    collection_.reset();
    engine_.reset();
    engine_ = OpenEngine(dir_.path(), {}, clock_.function());
    collection_ = *engine_->Find("kept");
  }

  // Published so long before now.
  Article Published(Article article, absl::Duration before) {
    article.published_at = clock_.now() - before;
    return article;
  }

  Verdict MustIngest(Article article, std::string request_id = "") {
    const auto verdict = Ingest(*collection_, std::move(article), std::move(request_id));
    EXPECT_TRUE(verdict.ok()) << verdict.status();
    return verdict.value_or(Verdict());
  }

  bool IsStored(const std::string& id) {
    const auto found = collection_->Get(id, /*omit_body=*/true);
    EXPECT_TRUE(found.ok() || absl::IsNotFound(found.status())) << found.status();
    return found.ok();
  }

  std::vector<std::string> Members(GroupNumber group) {
    std::vector<std::string> ids;
    const auto page = collection_->GetGroup(group, 0, 1000);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) return ids;
    for (const GroupMember& member : page->members.items) ids.push_back(member.article.id);
    EXPECT_EQ(page->group.members, static_cast<int64_t>(ids.size()));
    return ids;
  }

  std::string CanonicalOf(GroupNumber group) {
    const auto page = collection_->GetGroup(group, 0, 1);
    EXPECT_TRUE(page.ok()) << page.status();
    return page.ok() ? page->group.canonical_id : "";
  }

  std::vector<std::string> CopiesOf(const ArticleQuery& query) {
    std::vector<std::string> ids;
    const auto verdict = collection_->FindDuplicates(query, 100);
    EXPECT_TRUE(verdict.ok()) << verdict.status();
    if (!verdict.ok()) return ids;
    for (const Match& match : verdict->matches) ids.push_back(match.article.id);
    std::sort(ids.begin(), ids.end());
    return ids;
  }

  // Deletes all that has expired.
  void ExpireAll() {
    while (true) {
      const auto expired_some = collection_->ExpireSome();
      ASSERT_TRUE(expired_some.ok()) << expired_some.status();
      if (!*expired_some) return;
    }
  }

  // "left a (expired)" and so on, of all changes.
  std::vector<std::string> Changes() {
    collection_->AnnounceChanges();
    EXPECT_TRUE(engine_->WaitDurable().ok());
    constexpr const char* kNames[] = {"",          "created",           "joined",
                                      "left",      "canonical_changed", "merged",
                                      "withdrawn", "reinstated",        "ended"};
    std::vector<std::string> lines;
    const auto changes = collection_->GroupChanges(0, 1000);
    EXPECT_TRUE(changes.ok()) << changes.status();
    for (const GroupChange& change : changes.value_or(std::vector<GroupChange>())) {
      std::string line = kNames[static_cast<int>(change.kind)];
      if (!change.article_id.empty()) absl::StrAppend(&line, " ", change.article_id);
      if (change.expired) absl::StrAppend(&line, " (expired)");
      lines.push_back(line);
    }
    return lines;
  }

  TestClock clock_;
  TempDir dir_;
  std::unique_ptr<Engine> engine_ = OpenEngine(dir_.path(), {}, clock_.function());
  std::shared_ptr<Collection> collection_;
};

TEST_F(RetentionTest, NothingReturnsAnArticlePastItsAge) {
  UseAge(absl::Hours(24));
  const GroupNumber group = MustIngest(StoryArticle("a", 1)).group;
  MustIngest(StoryArticle("other", 2));
  clock_.Advance(absl::Hours(24));
  EXPECT_TRUE(IsStored("a"));  // at its age, and not past it
  clock_.Advance(absl::Seconds(1));
  // Not deleted yet, and not to be seen any more.
  EXPECT_EQ(collection_->Stats().articles, 2);
  for (const bool deleted : {false, true}) {
    EXPECT_FALSE(IsStored("a"));
    EXPECT_TRUE(absl::IsNotFound(collection_->GroupOf("a").status()));
    EXPECT_TRUE(absl::IsNotFound(collection_->GetGroup(group, 0, 10).status()));
    EXPECT_THAT(collection_->ListGroups(0, 10, AtLeast(0))->items, IsEmpty());
    EXPECT_TRUE(absl::IsNotFound(collection_->FindDuplicates("a", 10).status()));
    EXPECT_EQ(collection_->FindDuplicates(StoryArticle("", 1), 10)->relation, Relation::kNew);
    EXPECT_TRUE(absl::IsNotFound(collection_->Compare("a", "other").status()));
    EXPECT_TRUE(absl::IsNotFound(collection_->FindRelated(ArticleQuery("a"), {}).status()));
    EXPECT_THAT(*collection_->FindRelated(ArticleQuery(StoryArticle("", 1)), {}), IsEmpty());
    EXPECT_TRUE(absl::IsNotFound(collection_->Delete("a", "").status()));
    if (!deleted) ExpireAll();
  }
  EXPECT_EQ(collection_->Stats().articles, 0);
  EXPECT_EQ(collection_->Stats().groups, 0);
  EXPECT_EQ(collection_->Stats().articles_expired, 2);
  EXPECT_EQ(collection_->Stats().oldest_article_at, std::nullopt);
}

TEST_F(RetentionTest, AgeCountsFromPublicationButNotFromTheFuture) {
  UseAge(absl::Hours(24));
  MustIngest(Published(StoryArticle("early", 1), absl::Hours(20)));
  MustIngest(Published(StoryArticle("future", 2), absl::Hours(-2000)));
  MustIngest(StoryArticle("unknown", 3));
  EXPECT_EQ(collection_->Stats().oldest_article_at, clock_.now() - absl::Hours(20));
  clock_.Advance(absl::Hours(5));
  EXPECT_FALSE(IsStored("early"));
  EXPECT_TRUE(IsStored("future"));
  clock_.Advance(absl::Hours(20));
  EXPECT_FALSE(IsStored("future"));
  EXPECT_FALSE(IsStored("unknown"));
}

TEST_F(RetentionTest, AGroupOutlivesItsCanonical) {
  UseAge(absl::Hours(24));
  const GroupNumber group = MustIngest(StoryArticle("a", 1)).group;
  clock_.Advance(absl::Hours(10));
  EXPECT_EQ(MustIngest(StoryArticle("b", 1)).canonical_id, "a");
  clock_.Advance(absl::Hours(10));
  EXPECT_EQ(MustIngest(StoryArticle("c", 1)).canonical_id, "a");
  clock_.Advance(absl::Hours(10));
  for (const bool deleted : {false, true}) {
    EXPECT_THAT(Members(group), ElementsAre("b", "c"));
    EXPECT_EQ(CanonicalOf(group), "b");
    EXPECT_EQ(collection_->Get("c", true)->state.canonical_id, "b");
    EXPECT_THAT(CopiesOf("c"), ElementsAre("b"));
    EXPECT_THAT(CopiesOf(StoryArticle("", 1)), ElementsAre("b"));
    EXPECT_EQ(collection_->FindDuplicates(StoryArticle("", 1), 10)->canonical_id, "b");
    const auto groups = *collection_->ListGroups(0, 10, AtLeast(2));
    ASSERT_EQ(groups.items.size(), 1u);
    EXPECT_EQ(groups.items[0].canonical_id, "b");
    EXPECT_THAT(collection_->ListGroups(0, 10, AtLeast(3))->items, IsEmpty());
    if (!deleted) ExpireAll();
  }
  EXPECT_EQ(MustIngest(StoryArticle("d", 1)).group, group);
  clock_.Advance(absl::Hours(100));
  ExpireAll();
  EXPECT_TRUE(absl::IsNotFound(collection_->GetGroup(group, 0, 10).status()));
  EXPECT_THAT(Changes(),
              ElementsAre("created a", "joined b", "joined c", "left a (expired)",
                          "canonical_changed b", "joined d", "left b (expired)",
                          "canonical_changed d", "left c (expired)", "left d (expired)", "ended"));
  EXPECT_GT(MustIngest(StoryArticle("e", 1)).group, group);
}

TEST_F(RetentionTest, TheHeirIsThePolicysChoiceAmongThoseThatAreLeft) {
  Use({absl::Hours(24), 0}, CanonicalPolicy::kLongest);
  const Article whole = StoryArticle("", 1, 600);
  const auto part = [&](std::string id, size_t share) {
    Article article = whole;
    article.id = std::move(id);
    article.body = whole.body.substr(0, whole.body.size() * share / 10);
    return article;
  };
  MustIngest(Published(part("longest", 10), absl::Hours(20)));
  MustIngest(Published(part("long", 9), absl::Hours(22)));
  MustIngest(part("shorter", 7));
  const GroupNumber group = MustIngest(part("middle", 8)).group;
  EXPECT_EQ(CanonicalOf(group), "longest");
  clock_.Advance(absl::Hours(10));
  EXPECT_EQ(CanonicalOf(group), "middle");
  ExpireAll();
  EXPECT_EQ(CanonicalOf(group), "middle");
}

TEST_F(RetentionTest, AnIngestIsJudgedWithoutWhatHasExpired) {
  UseAge(absl::Hours(24));
  // More of them than two writes delete.
  for (int i = 0; i < 40; ++i) MustIngest(StoryArticle(absl::StrCat("x", i), 100 + i, 120));
  clock_.Advance(absl::Seconds(1));
  const GroupNumber group = MustIngest(StoryArticle("first", 2)).group;
  clock_.Advance(absl::Hours(20));
  MustIngest(StoryArticle("second", 2));
  clock_.Advance(absl::Hours(10));
  const Verdict anew = MustIngest(StoryArticle("again", 39 + 100, 120));
  EXPECT_EQ(anew.relation, Relation::kNew);
  EXPECT_THAT(anew.matches, IsEmpty());
  EXPECT_GT(collection_->Stats().articles, 20);  // some are still to be deleted
  const Verdict copy = MustIngest(StoryArticle("third", 2));
  EXPECT_EQ(copy.group, group);
  EXPECT_EQ(copy.canonical_id, "second");
  ASSERT_EQ(copy.matches.size(), 1u);
  EXPECT_EQ(copy.matches[0].article.id, "second");
  EXPECT_THAT(Members(group), ElementsAre("second", "third"));
}

TEST_F(RetentionTest, AnExpiredIdIsANewArticle) {
  UseAge(absl::Hours(24));
  MustIngest(StoryArticle("a", 1));
  clock_.Advance(absl::Hours(25));
  const Verdict again = MustIngest(StoryArticle("a", 1));
  EXPECT_FALSE(again.replayed);
  EXPECT_EQ(again.relation, Relation::kNew);
  clock_.Advance(absl::Hours(25));
  EXPECT_EQ(MustIngest(StoryArticle("a", 2)).relation, Relation::kNew);
  EXPECT_EQ(collection_->Get("a", true)->state.revision_number, 1);
  EXPECT_EQ(collection_->Stats().articles, 1);
  EXPECT_EQ(collection_->Stats().articles_expired, 2);
}

TEST_F(RetentionTest, ByCountTheOldestGoAtOnce) {
  UseCount(3);
  MustIngest(Published(StoryArticle("b", 2), absl::Hours(5)));
  MustIngest(Published(StoryArticle("a", 1), absl::Hours(6)));
  MustIngest(Published(StoryArticle("c", 3), absl::Hours(4)));
  MustIngest(Published(StoryArticle("d", 4), absl::Hours(4)));
  EXPECT_FALSE(IsStored("a"));
  EXPECT_EQ(collection_->Stats().articles, 3);
  MustIngest(StoryArticle("e", 5));
  MustIngest(StoryArticle("f", 6));
  // Of two of the same time that goes which came first.
  EXPECT_FALSE(IsStored("b"));
  EXPECT_FALSE(IsStored("c"));
  EXPECT_TRUE(IsStored("d"));
  EXPECT_EQ(collection_->Stats().articles, 3);
  EXPECT_EQ(collection_->Stats().articles_expired, 3);
  // Neither a revision nor a replay is one more.
  MustIngest(StoryArticle("e", 7));
  EXPECT_TRUE(MustIngest(StoryArticle("f", 6)).replayed);
  EXPECT_TRUE(IsStored("d"));
}

TEST_F(RetentionTest, ByCountACopyOfTheOldestTakesItsPlace) {
  UseCount(2);
  const GroupNumber group = MustIngest(StoryArticle("a", 1)).group;
  clock_.Advance(absl::Seconds(1));
  MustIngest(StoryArticle("b", 2));
  clock_.Advance(absl::Seconds(1));
  const Verdict copy = MustIngest(StoryArticle("c", 1));
  EXPECT_EQ(copy.relation, Relation::kExact);
  EXPECT_EQ(copy.group, group);
  EXPECT_EQ(copy.canonical_id, "c");  // as "a" is gone
  EXPECT_THAT(Members(group), ElementsAre("c"));
}

TEST_F(RetentionTest, WhatComesTooLateIsJudgedButNotKept) {
  UseAge(absl::Hours(24));
  const GroupNumber group = MustIngest(StoryArticle("a", 1)).group;
  const int64_t sequence = collection_->Stats().sequence;
  for (int attempt = 0; attempt < 2; ++attempt) {
    const Verdict copy = MustIngest(Published(StoryArticle("late", 1), absl::Hours(30)));
    EXPECT_TRUE(copy.expired);
    EXPECT_FALSE(copy.replayed);
    EXPECT_EQ(copy.relation, Relation::kExact);
    EXPECT_EQ(copy.group, group);
    EXPECT_EQ(copy.canonical_id, "a");
    const Verdict other = MustIngest(Published(StoryArticle("late-too", 2), absl::Hours(30)));
    EXPECT_TRUE(other.expired);
    EXPECT_FALSE(IsDuplicate(other.relation));
    EXPECT_EQ(other.group, 0u);
    EXPECT_EQ(other.canonical_id, "");
  }
  EXPECT_FALSE(IsStored("late"));
  EXPECT_THAT(Members(group), ElementsAre("a"));
  EXPECT_THAT(CopiesOf(StoryArticle("", 2)), IsEmpty());
  EXPECT_EQ(collection_->Stats().articles, 1);
  EXPECT_EQ(collection_->Stats().articles_expired, 0);
  EXPECT_EQ(collection_->Stats().sequence, sequence);
}

TEST_F(RetentionTest, WhatComesTooLateTeachesNoBoilerplate) {
  UseAge(absl::Hours(24));
  const std::string footer = StoryArticle("", 999, 60).body;
  for (int i = 0; i < 40; ++i) {
    Article article = StoryArticle(absl::StrCat("late", i), 1000 + i, 200);
    article.body += " " + footer;
    EXPECT_TRUE(MustIngest(Published(std::move(article), absl::Hours(30))).expired);
  }
  EXPECT_EQ(collection_->Stats().boilerplate_shingles, 0);
}

TEST_F(RetentionTest, ALateCopyOfAWithdrawnStoryIsTold) {
  UseAge(absl::Hours(24));
  const GroupNumber group = MustIngest(StoryArticle("a", 1)).group;
  Withdrawal withdrawal;
  withdrawal.note = "libel";
  ASSERT_TRUE(collection_->Withdraw(group, withdrawal).ok());
  const Verdict late = MustIngest(Published(StoryArticle("late", 1), absl::Hours(30)));
  ASSERT_TRUE(late.withdrawal.has_value());
  EXPECT_EQ(late.withdrawal->note, "libel");
}

TEST_F(RetentionTest, ARequestIdRepeatsALateAnswer) {
  UseAge(absl::Hours(24));
  MustIngest(StoryArticle("a", 1));
  const Verdict first = MustIngest(Published(StoryArticle("late", 1), absl::Hours(30)), "r1");
  EXPECT_TRUE(first.expired);
  Reopen();
  const Verdict second = MustIngest(Published(StoryArticle("late", 1), absl::Hours(30)), "r1");
  EXPECT_TRUE(second.expired);
  EXPECT_TRUE(second.replayed);
  EXPECT_EQ(second.group, first.group);
  EXPECT_FALSE(IsStored("late"));
}

TEST_F(RetentionTest, WhatIsNotKeptIsNoVerdictOfMetrics) {
  const auto verdicts = [] {
    uint64_t all = 0;
    for (const Counter& counter : Counters().verdicts) all += counter.value();
    return all;
  };
  UseAge(absl::Hours(24));
  const uint64_t before = verdicts();
  MustIngest(StoryArticle("a", 1));
  MustIngest(Published(StoryArticle("late", 1), absl::Hours(30)));
  EXPECT_EQ(verdicts(), before + 1);
}

TEST_F(RetentionTest, ByCountWhatIsOlderThanAllThatAreKeptComesTooLate) {
  UseCount(2);
  MustIngest(Published(StoryArticle("a", 1), absl::Hours(5)));
  MustIngest(Published(StoryArticle("b", 2), absl::Hours(3)));
  EXPECT_TRUE(MustIngest(Published(StoryArticle("late", 3), absl::Hours(6))).expired);
  EXPECT_FALSE(MustIngest(Published(StoryArticle("c", 4), absl::Hours(4))).expired);
  EXPECT_FALSE(IsStored("a"));
  EXPECT_TRUE(IsStored("b"));
  EXPECT_TRUE(IsStored("c"));
  ASSERT_TRUE(collection_->Delete("c", "").ok());
  EXPECT_FALSE(MustIngest(Published(StoryArticle("late", 3), absl::Hours(6))).expired);
}

TEST_F(RetentionTest, ACorrectedTimeMayBeTooLongAgo) {
  UseAge(absl::Hours(24));
  MustIngest(Published(StoryArticle("a", 1), absl::Hours(1)));
  MustIngest(Published(StoryArticle("b", 2), absl::Hours(23)));
  EXPECT_FALSE(MustIngest(Published(StoryArticle("b", 2), absl::Hours(2))).expired);
  EXPECT_TRUE(MustIngest(Published(StoryArticle("a", 1), absl::Hours(30))).expired);
  EXPECT_FALSE(IsStored("a"));
  clock_.Advance(absl::Hours(20));
  EXPECT_TRUE(IsStored("b"));
  clock_.Advance(absl::Hours(3));
  EXPECT_FALSE(IsStored("b"));
  ExpireAll();
  EXPECT_EQ(collection_->Stats().articles, 0);
}

TEST_F(RetentionTest, ARevisionOfAnArticleWithoutTimeRenewsIt) {
  UseAge(absl::Hours(24));
  MustIngest(StoryArticle("a", 1));
  clock_.Advance(absl::Hours(20));
  MustIngest(StoryArticle("a", 2));
  clock_.Advance(absl::Hours(20));
  EXPECT_TRUE(IsStored("a"));
  ExpireAll();
  EXPECT_TRUE(IsStored("a"));
  clock_.Advance(absl::Hours(5));
  EXPECT_FALSE(IsStored("a"));
}

TEST_F(RetentionTest, AWithdrawalIsForgottenWithItsLastArticle) {
  UseAge(absl::Hours(24));
  const GroupNumber group = MustIngest(StoryArticle("a", 1)).group;
  clock_.Advance(absl::Hours(10));
  MustIngest(StoryArticle("b", 1));
  ASSERT_TRUE(collection_->Withdraw(group, {}).ok());
  clock_.Advance(absl::Hours(20));  // "a" is gone, and its text is no tombstone
  ExpireAll();
  EXPECT_TRUE(MustIngest(StoryArticle("c", 1)).withdrawal.has_value());
  ASSERT_TRUE(collection_->Delete("b", "").ok());
  ASSERT_TRUE(collection_->Delete("c", "").ok());
  // What was deleted of it is recognised until it would have expired.
  EXPECT_TRUE(MustIngest(StoryArticle("d", 1)).withdrawal.has_value());
  ASSERT_TRUE(collection_->Delete("d", "").ok());
  EXPECT_EQ(collection_->Stats().groups, 1);
  clock_.Advance(absl::Hours(25));
  for (const bool deleted : {false, true}) {
    EXPECT_THAT(collection_->ListGroups(0, 10, AtLeast(0))->items, IsEmpty());
    EXPECT_EQ(collection_->FindDuplicates(StoryArticle("", 1), 10)->relation, Relation::kNew);
    if (!deleted) ExpireAll();
  }
  EXPECT_EQ(collection_->Stats().groups, 0);
  EXPECT_EQ(collection_->Stats().oldest_article_at, std::nullopt);
  EXPECT_FALSE(MustIngest(StoryArticle("e", 1)).withdrawal.has_value());
}

TEST_F(RetentionTest, EditingAGroupSeesWhatIsLeftOfIt) {
  UseAge(absl::Hours(24));
  const GroupNumber group = MustIngest(StoryArticle("a", 1)).group;
  const GroupNumber other = MustIngest(StoryArticle("x", 2)).group;
  clock_.Advance(absl::Hours(20));
  MustIngest(StoryArticle("b", 1));
  MustIngest(StoryArticle("c", 1));
  MustIngest(StoryArticle("y", 2));
  clock_.Advance(absl::Hours(10));
  EXPECT_EQ(collection_->SetCanonical(group, "a").status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(collection_->SetCanonical(group, "c")->canonical_id, "c");
  SplitRequest split;
  split.group = group;
  split.ids = {"b"};
  EXPECT_EQ(collection_->SplitGroup(split)->group.members, 1);
  const auto merged = collection_->MergeGroups(group, other);
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_EQ(merged->members, 2);
  EXPECT_THAT(Members(group), ElementsAre("c", "y"));
}

// They are deleted in turns before the write, which finds the group as everybody sees it.
TEST_F(RetentionTest, AGroupOfManyExpiredCopiesIsJoinedAndEdited) {
  for (const CanonicalPolicy policy :
       {CanonicalPolicy::kFirstIngested, CanonicalPolicy::kLongest}) {
    for (const bool edited_first : {false, true}) {
      Use({absl::Hours(24), 0}, policy);
      const GroupNumber group = MustIngest(StoryArticle("old0", 1)).group;
      for (int i = 1; i < 60; ++i) MustIngest(StoryArticle(absl::StrCat("old", i), 1));
      for (int i = 0; i < 60; ++i) MustIngest(StoryArticle(absl::StrCat("other", i), 2));
      ASSERT_TRUE(collection_->SetCanonical(group, "old50").ok());
      clock_.Advance(absl::Hours(20));
      MustIngest(StoryArticle("b", 1));
      MustIngest(StoryArticle("c", 1));
      clock_.Advance(absl::Hours(10));

      EXPECT_THAT(Members(group), ElementsAre("b", "c"));
      EXPECT_EQ(CanonicalOf(group), "b");
      EXPECT_THAT(CopiesOf(std::string("c")), ElementsAre("b"));
      if (edited_first) {
        EXPECT_EQ(collection_->SetCanonical(group, "c")->members, 2);
        EXPECT_EQ(collection_->SetCanonical(group, "")->canonical_id, "b");
      }
      const Verdict verdict = MustIngest(StoryArticle("d", 1));
      EXPECT_EQ(verdict.relation, Relation::kExact);
      EXPECT_EQ(verdict.group, group);
      EXPECT_EQ(verdict.canonical_id, "b");
      EXPECT_LT(collection_->Stats().articles, 60 + 3);  // nothing left of its own story
      EXPECT_EQ(collection_->Delete("b", "")->canonical_id, "c");
      EXPECT_EQ(collection_->Delete("c", "")->canonical_id, "d");
      EXPECT_EQ(collection_->Delete("d", "")->canonical_id, "");
      EXPECT_TRUE(absl::IsNotFound(collection_->SetCanonical(group, "").status()));
      const Verdict anew = MustIngest(StoryArticle("e", 1));
      EXPECT_EQ(anew.relation, Relation::kNew);
      EXPECT_NE(anew.group, group);
      ExpireAll();
      EXPECT_EQ(collection_->Stats().articles, 1);
      EXPECT_EQ(collection_->Stats().groups, 1);
      const std::vector<std::string> changes = Changes();
      // To the pinned one, back, and for each that went: one more is none too many.
      EXPECT_LE(std::count(changes.begin(), changes.end(), "canonical_changed old50"), 1);
      const auto of_ghosts = std::count_if(
          changes.begin(), changes.end(),
          [](const std::string& line) { return absl::StartsWith(line, "canonical_changed o"); });
      EXPECT_LE(of_ghosts, 3);
      ASSERT_TRUE(engine_->Drop("kept").ok());
    }
  }
}

// They are found by their text alone, and the first of it have expired.
TEST_F(RetentionTest, ManyExpiredFlashesOfOneTextHideNoOther) {
  UseAge(absl::Hours(24));
  const auto flash = [](const std::string& id) {
    Article article;
    article.id = id;
    article.body = "Bridge closed after storm.";
    return article;
  };
  const GroupNumber old = MustIngest(flash("old0")).group;
  for (int i = 1; i < 100; ++i) EXPECT_EQ(MustIngest(flash(absl::StrCat("old", i))).group, old);
  clock_.Advance(absl::Hours(30));
  const Verdict first = MustIngest(flash("a"));
  EXPECT_EQ(first.relation, Relation::kNew);
  EXPECT_NE(first.group, old);
  EXPECT_EQ(MustIngest(flash("b")).group, first.group);
}

// The reference of the story is among what has expired.
TEST_F(RetentionTest, AWithdrawnStoryIsRecognisedByWhatIsLeftOfIt) {
  UseAge(absl::Hours(24));
  const GroupNumber group = MustIngest(StoryArticle("old0", 1)).group;
  for (int i = 1; i < 40; ++i) MustIngest(StoryArticle(absl::StrCat("old", i), 1));
  clock_.Advance(absl::Hours(20));
  MustIngest(StoryArticle("b", 1));
  Withdrawal withdrawal;
  withdrawal.reason = WithdrawalReason::kKilled;
  ASSERT_TRUE(collection_->Withdraw(group, withdrawal).ok());
  clock_.Advance(absl::Hours(10));
  ASSERT_TRUE(collection_->Delete("b", "").ok());
  EXPECT_EQ(collection_->GetGroup(group, 0, 9)->group.members, 0);
  const Verdict late = MustIngest(StoryArticle("c", 1));
  EXPECT_TRUE(late.withdrawal.has_value());
  EXPECT_EQ(late.group, group);
  EXPECT_EQ(late.canonical_id, "c");
  ExpireAll();
  EXPECT_THAT(Members(group), ElementsAre("c"));
}

TEST_F(RetentionTest, WhatHasExpiredDoesNotCrowdOutTheRest) {
  UseAge(absl::Hours(24));
  const std::string text = StoryArticle("", 1).body;
  std::vector<std::string> words = absl::StrSplit(text, ' ');
  std::mt19937_64 random(newsprint::testing::Seed());
  const auto own_report = [&](const std::string& id) {
    std::shuffle(words.begin(), words.end(), random);
    Article article;
    article.id = id;
    article.body = absl::StrJoin(words, " ");
    return article;
  };
  for (int i = 0; i < 300; ++i) MustIngest(own_report(absl::StrCat("old", i)));
  clock_.Advance(absl::Hours(20));
  // Of the same words, with others among them: all that have expired are nearer.
  Article kept = own_report("kept");
  kept.body += " " + StoryArticle("", 2, 100).body;
  MustIngest(kept);
  clock_.Advance(absl::Hours(10));
  const auto related = collection_->FindRelated(ArticleQuery(own_report("")), RelatedOptions());
  ASSERT_TRUE(related.ok()) << related.status();
  ASSERT_EQ(related->size(), 1u);
  EXPECT_EQ(related->front().article.id, "kept");
}

TEST_F(RetentionTest, SettingsChangeAtOnceAndStay) {
  UseAge(absl::Hours(24));
  for (int i = 0; i < 30; ++i) {
    MustIngest(Published(StoryArticle(absl::StrCat("a", i), i, 120), absl::Minutes(100 - i)));
  }
  ASSERT_TRUE(collection_->Update(Retention{absl::InfiniteDuration(), 10}, std::nullopt).ok());
  EXPECT_EQ(collection_->Stats().articles, 10);
  EXPECT_FALSE(IsStored("a19"));
  EXPECT_TRUE(IsStored("a20"));
  ASSERT_TRUE(collection_->Update(Retention{absl::Minutes(75), 10}, Durability::kAsync).ok());
  EXPECT_FALSE(IsStored("a24"));
  EXPECT_TRUE(IsStored("a25"));
  Reopen();
  const CollectionSettings settings = collection_->Info().settings;
  EXPECT_EQ(settings.retention.age, absl::Minutes(75));
  EXPECT_EQ(settings.retention.articles_max, 10);
  EXPECT_EQ(settings.durability, Durability::kAsync);
  EXPECT_TRUE(IsStored("a25"));
  clock_.Advance(absl::Minutes(1));
  EXPECT_FALSE(IsStored("a25"));
  ASSERT_TRUE(collection_->Update(Retention(), std::nullopt).ok());
  EXPECT_EQ(collection_->Info().settings.durability, Durability::kAsync);
  ExpireAll();
  EXPECT_TRUE(IsStored("a26"));
}

TEST_F(RetentionTest, AStartGoesOnWhereItWas) {
  UseAge(absl::Hours(24));
  MustIngest(StoryArticle("a", 1));
  clock_.Advance(absl::Hours(1));
  MustIngest(StoryArticle("b", 1));
  clock_.Advance(absl::Hours(23) + absl::Seconds(1));
  Reopen();
  EXPECT_FALSE(IsStored("a"));
  EXPECT_EQ(collection_->Get("b", true)->state.canonical_id, "b");
  ExpireAll();
  EXPECT_EQ(collection_->Stats().articles, 1);
  Reopen();
  EXPECT_EQ(collection_->Stats().articles_expired, 1);
  EXPECT_EQ(MustIngest(StoryArticle("c", 1)).canonical_id, "b");
}

TEST_F(RetentionTest, TheBackgroundDeletesWhatHasExpired) {
  UseAge(absl::Hours(24));
  for (int i = 0; i < 40; ++i) MustIngest(StoryArticle(absl::StrCat("a", i), i, 120));
  engine_->StartBackgroundWork([](const Collection&, absl::string_view, const absl::Status&) {});
  clock_.Advance(absl::Hours(25));
  while (collection_->Stats().articles > 0) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_EQ(collection_->Stats().articles_expired, 40);
  EXPECT_TRUE(engine_->FinishBackgroundWork().ok());
}

// Rows of the index that are dead would else stay until the next start.
TEST_F(RetentionTest, MemoryComesBack) {
  UseCount(6000);
  EmbeddingSettings settings = collection_->subjects().embedding()->settings;
  SubjectIndex& subjects = collection_->subjects();
  std::vector<float> vector(static_cast<size_t>(settings.dimension));
  const auto unit = [&](Ordinal ordinal) {
    std::fill(vector.begin(), vector.end(), 0.0f);
    vector[ordinal % vector.size()] = 0.8f;
    vector[(ordinal / vector.size() + ordinal + 1) % vector.size()] = 0.6f;
    return vector;
  };
  for (Ordinal ordinal = 0; ordinal < 6000; ++ordinal) {
    ASSERT_TRUE(subjects.Add(ordinal, {{}, unit(ordinal), {}}).ok());
  }
  EXPECT_FALSE(*subjects.Compact());
  for (Ordinal ordinal = 0; ordinal < 5000; ++ordinal) subjects.Remove(ordinal, {});
  const size_t before = subjects.memory_bytes();
  // What is added and removed while it is at it.
  ASSERT_TRUE(*subjects.Compact());
  subjects.Remove(5500, {});
  ASSERT_TRUE(subjects.Add(6000, {{}, unit(6000), {}}).ok());
  for (int step = 0; step < 1000 && *subjects.Compact(); ++step) {
  }
  EXPECT_LT(subjects.memory_bytes(), before / 3);
  for (const Ordinal ordinal : {Ordinal{5000}, Ordinal{5999}, Ordinal{6000}}) {
    const auto nearest = subjects.Nearest(settings.generation, unit(ordinal), 1);
    ASSERT_TRUE(nearest.ok()) << nearest.status();
    EXPECT_THAT(*nearest, ElementsAre(ordinal));
  }
  EXPECT_FALSE(subjects.GetVector(5500, &vector));
  EXPECT_FALSE(subjects.GetVector(4999, &vector));
}

}  // namespace
}  // namespace newsprint
