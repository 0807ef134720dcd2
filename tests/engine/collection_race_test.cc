// Many threads on one collection. Run under ThreadSanitizer too.
#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
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

TEST(CollectionRaceTest, ThirtyTwoWritersMakeOneCanonicalAStory) {
  constexpr int kStories = 200;
  constexpr int kCopies = 5;
  const newsprint::testing::TempDir dir;
  auto engine = OpenEngine(dir.path());
  auto collection = *engine->Find(kDefaultCollection);
  std::vector<std::pair<int, int>> work;
  for (int story = 0; story < kStories; ++story) {
    for (int copy = 0; copy < kCopies; ++copy) work.emplace_back(story, copy);
  }
  std::mt19937_64 random(newsprint::testing::Seed());
  std::shuffle(work.begin(), work.end(), random);

  std::atomic<size_t> next = 0;
  std::atomic<int> firsts = 0;
  std::atomic<bool> done = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 32; ++i) {
    threads.emplace_back([&] {
      for (size_t item = next++; item < work.size(); item = next++) {
        const auto [story, copy] = work[item];
        Article article = StoryArticle(absl::StrCat(story, "-", copy), story, 150);
        if (copy % 2 == 1) article.title = absl::StrCat("Headline ", copy);
        const auto verdict = Ingest(*collection, article);
        ASSERT_TRUE(verdict.ok()) << verdict.status();
        EXPECT_TRUE(engine->WaitDurable().ok());
        if (!IsDuplicate(verdict->relation)) ++firsts;
      }
    });
  }
  // Readers meanwhile.
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      for (int story = i; !done; story = (story + 7) % kStories) {
        const Article article = StoryArticle("", story, 150);
        EXPECT_TRUE(collection->FindDuplicates(article, 10).ok());
        EXPECT_TRUE(collection->FindRelated(ArticleQuery(article), {}).ok());
        EXPECT_TRUE(collection->ListGroups(0, 20, AtLeast(2)).ok());
        collection->Stats();
      }
    });
  }
  for (int i = 0; i < 32; ++i) threads[i].join();
  done = true;
  threads[32].join();
  threads[33].join();

  EXPECT_EQ(firsts, kStories);
  EXPECT_EQ(collection->Stats().groups, kStories);
  EXPECT_EQ(collection->Stats().articles, kStories * kCopies);
  std::map<GroupNumber, std::set<std::string>> stories_of_group;
  for (const auto& [story, copy] : work) {
    const auto stored = collection->Get(absl::StrCat(story, "-", copy), true);
    ASSERT_TRUE(stored.ok());
    stories_of_group[stored->state.group].insert(absl::StrCat(story));
  }
  EXPECT_EQ(stories_of_group.size(), static_cast<size_t>(kStories));
  for (const auto& [group, stories] : stories_of_group) EXPECT_EQ(stories.size(), 1u);
}

TEST(CollectionRaceTest, DeletingRevisingAndReadingAtOnce) {
  const newsprint::testing::TempDir dir;
  auto engine = OpenEngine(dir.path());
  auto collection = *engine->Find(kDefaultCollection);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      std::mt19937_64 random(newsprint::testing::Seed() + thread);
      for (int step = 0; step < 150; ++step) {
        const std::string id = absl::StrCat("id", random() % 30);
        const uint64_t story = random() % 12;
        absl::Status status;
        switch (random() % 6) {
          case 0:
            status = collection->Delete(id, "").status();
            break;
          case 1:
            status = collection->FindDuplicates(id, 10).status();
            break;
          case 2: {
            RelatedOptions options;
            options.include_duplicates = true;
            status = collection->FindRelated(ArticleQuery(id), options).status();
            break;
          }
          case 3:
            status = collection->Get(id, false).status();
            break;
          default:
            status = Ingest(*collection, StoryArticle(id, story, 100)).status();
        }
        EXPECT_TRUE(status.ok() || absl::IsNotFound(status)) << status;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  int64_t members = 0;
  const auto all_groups = *collection->ListGroups(0, 1000, AtLeast(1));
  for (const GroupSummary& group : all_groups.items) {
    members += group.members;
  }
  EXPECT_EQ(members, collection->Stats().articles);
}

// What is in each group, and its canonical.
struct Groups {
  std::map<GroupNumber, std::set<std::string>> members;
  std::map<GroupNumber, std::string> canonicals;
};

// As those who watch would have it who heard of every change.
Groups ReadFromChanges(Engine& engine, const Collection& collection) {
  collection.AnnounceChanges();
  EXPECT_TRUE(engine.WaitDurable().ok());
  Groups groups;
  uint64_t sequence = 0;
  while (true) {
    const auto changes = collection.GroupChanges(sequence, 100);
    EXPECT_TRUE(changes.ok()) << changes.status();
    if (!changes.ok() || changes->empty()) break;
    for (const GroupChange& change : *changes) {
      EXPECT_EQ(change.sequence, ++sequence);
      std::set<std::string>& members = groups.members[change.group];
      switch (change.kind) {
        case GroupChangeKind::kCreated:
          EXPECT_TRUE(members.empty()) << "group " << change.group;
          [[fallthrough]];
        case GroupChangeKind::kJoined:
          EXPECT_TRUE(members.insert(change.article_id).second) << sequence;
          break;
        case GroupChangeKind::kLeft:
          EXPECT_EQ(members.erase(change.article_id), 1u) << sequence;
          break;
        case GroupChangeKind::kMerged: {
          std::set<std::string>& into = groups.members[change.other_group];
          for (const std::string& id : members) EXPECT_TRUE(into.insert(id).second) << sequence;
          groups.members.erase(change.group);
          groups.canonicals.erase(change.group);
          continue;
        }
        case GroupChangeKind::kEnded:
          EXPECT_TRUE(members.empty()) << sequence;
          groups.members.erase(change.group);
          groups.canonicals.erase(change.group);
          continue;
        case GroupChangeKind::kCanonicalChanged:
          EXPECT_EQ(change.article_id, change.canonical_id) << sequence;
          EXPECT_EQ(members.count(change.article_id), 1u) << sequence;
          break;
        case GroupChangeKind::kWithdrawn:
        case GroupChangeKind::kReinstated:
          break;
      }
      groups.canonicals[change.group] = change.canonical_id;
    }
  }
  EXPECT_EQ(static_cast<int64_t>(sequence), collection.Stats().group_change_sequence);
  return groups;
}

// As the collection says, with all that must hold of it.
Groups ReadFromCollection(const Collection& collection) {
  Groups groups;
  std::set<std::string> seen;
  GroupNumber first = 0;
  int64_t group_count = 0;
  while (true) {
    const auto page = collection.ListGroups(first, 7, AtLeast(0));
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) return groups;
    for (const GroupSummary& summary : page->items) {
      ++group_count;
      const auto group = collection.GetGroup(summary.group, 0, 1000);
      EXPECT_TRUE(group.ok()) << group.status();
      if (!group.ok()) continue;
      std::set<std::string>& members = groups.members[summary.group];
      for (const GroupMember& member : group->members.items) {
        members.insert(member.article.id);
        EXPECT_TRUE(seen.insert(member.article.id).second) << member.article.id << " is in two";
        const auto stored = collection.Get(member.article.id, true);
        EXPECT_TRUE(stored.ok()) << stored.status();
        if (!stored.ok()) continue;
        EXPECT_EQ(stored->state.group, summary.group);
        EXPECT_EQ(stored->state.canonical_id, summary.canonical_id);
      }
      EXPECT_EQ(summary.members, static_cast<int64_t>(members.size()));
      groups.canonicals[summary.group] = summary.canonical_id;
      if (members.empty()) {
        EXPECT_TRUE(summary.withdrawal.has_value()) << "group " << summary.group;
        EXPECT_EQ(summary.canonical_id, "");
      } else {
        EXPECT_EQ(members.count(summary.canonical_id), 1u) << summary.canonical_id;
      }
    }
    if (!page->next.has_value()) break;
    first = *page->next;
  }
  EXPECT_EQ(collection.Stats().articles, static_cast<int64_t>(seen.size()));
  EXPECT_EQ(collection.Stats().groups, group_count);
  return groups;
}

// One random edit, deletion or ingestion of 40 articles that tell 10 stories.
absl::Status ChangeSomething(Collection& collection, std::mt19937_64& random) {
  const std::string id = absl::StrCat("id", random() % 40);
  const std::string other_id = absl::StrCat("id", random() % 40);
  const absl::StatusOr<GroupNumber> group = collection.GroupOf(id);
  const absl::StatusOr<GroupNumber> other = collection.GroupOf(other_id);
  const uint64_t kind = random() % 16;
  if (kind < 6 || !group.ok() || !other.ok()) {
    const absl::Status status = Ingest(collection, StoryArticle(id, random() % 10, 80)).status();
    EXPECT_TRUE(status.ok()) << status;
    return status;
  }
  switch (kind) {
    case 6:
    case 7:
      return collection.Delete(id, "").status();
    case 8:
      return collection.MergeGroups(*group, *other).status();
    case 9:
    case 10: {
      SplitRequest split;
      split.group = *group;
      split.ids = {id, other_id};
      if (*group != *other) split.ids.pop_back();
      return collection.SplitGroup(split).status();
    }
    case 11:
      return collection.SetCanonical(*group, id).status();
    case 12:
      return collection.SetCanonical(*group, "").status();
    case 13: {
      Withdrawal withdrawal;
      withdrawal.article_id = id;
      withdrawal.replacement_id = other_id;
      return collection.Withdraw(*group, withdrawal).status();
    }
    default:
      return collection.Reinstate(*group).status();
  }
}

TEST(CollectionRaceTest, EditingGroupsAndReadingAtOnce) {
  const newsprint::testing::TempDir dir;
  auto engine = OpenEngine(dir.path());
  auto collection = *engine->Find(kDefaultCollection);
  const Listeners::Id listener = collection->change_listeners().Add([] {});
  std::atomic<bool> done = false;
  std::vector<std::thread> threads;
  constexpr int kWriters = 8;
  for (int thread = 0; thread < kWriters; ++thread) {
    threads.emplace_back([&, thread] {
      std::mt19937_64 random(newsprint::testing::Seed() + thread);
      for (int step = 0; step < 200; ++step) {
        const absl::Status status = ChangeSomething(*collection, random);
        // What another thread has moved, merged or deleted meanwhile.
        EXPECT_TRUE(status.ok() || absl::IsNotFound(status) || absl::IsFailedPrecondition(status) ||
                    absl::IsInvalidArgument(status))
            << status;
      }
    });
  }
  // Readers meanwhile: each sees whole groups, and every change once.
  threads.emplace_back([&] {
    uint64_t sequence = 0;
    while (!done) {
      const auto changes = collection->GroupChanges(sequence, 50);
      ASSERT_TRUE(changes.ok()) << changes.status();
      for (const GroupChange& change : *changes) ASSERT_EQ(change.sequence, ++sequence);
    }
  });
  threads.emplace_back([&] {
    std::mt19937_64 random(newsprint::testing::Seed());
    while (!done) {
      const auto page = collection->ListGroups(0, 100, AtLeast(0));
      EXPECT_TRUE(page.ok()) << page.status();
      for (const GroupSummary& group : page->items) {
        const absl::Status status = collection->GetGroup(group.group, 0, 100).status();
        EXPECT_TRUE(status.ok() || absl::IsNotFound(status)) << status;
      }
      const absl::Status status =
          collection->Get(absl::StrCat("id", random() % 40), false).status();
      EXPECT_TRUE(status.ok() || absl::IsNotFound(status)) << status;
      const absl::Status found = collection->FindDuplicates(StoryArticle("", 3, 80), 5).status();
      EXPECT_TRUE(found.ok()) << found;
    }
  });
  for (int thread = 0; thread < kWriters; ++thread) threads[thread].join();
  done = true;
  for (size_t thread = kWriters; thread < threads.size(); ++thread) threads[thread].join();
  collection->change_listeners().Remove(listener);

  Groups told = ReadFromChanges(*engine, *collection);
  Groups held = ReadFromCollection(*collection);
  EXPECT_EQ(told.members, held.members);
  EXPECT_EQ(told.canonicals, held.canonicals);
  // And the same when it is opened again.
  collection.reset();
  engine.reset();
  engine = OpenEngine(dir.path());
  collection = *engine->Find(kDefaultCollection);
  Groups reopened = ReadFromCollection(*collection);
  EXPECT_EQ(reopened.members, held.members);
  EXPECT_EQ(reopened.canonicals, held.canonicals);
}

TEST(CollectionRaceTest, CreatingAndDroppingAtOnce) {
  const newsprint::testing::TempDir dir;
  auto engine = OpenEngine(dir.path());
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int step = 0; step < 15; ++step) {
        const std::string name = absl::StrCat("c", step % 3);
        engine->Create(Named(name)).status().IgnoreError();
        if (const auto collection = engine->Find(name); collection.ok()) {
          Ingest(**collection, StoryArticle("a", 1, 60)).status().IgnoreError();
        }
        engine->Drop(name).IgnoreError();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(engine->Find(kDefaultCollection).ok());
}

}  // namespace
}  // namespace newsprint
