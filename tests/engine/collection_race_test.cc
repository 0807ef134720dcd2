// Many threads on one collection. Run under ThreadSanitizer too.
#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "service/engine/collection.h"
#include "service/engine/engine.h"
#include "tests/testing/articles.h"

namespace newsprint {
namespace {

using ::newsprint::testing::AtLeast;
using ::newsprint::testing::Ingest;
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

TEST(CollectionRaceTest, CreatingAndDroppingAtOnce) {
  const newsprint::testing::TempDir dir;
  auto engine = OpenEngine(dir.path());
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int step = 0; step < 15; ++step) {
        CollectionSettings settings;
        settings.name = absl::StrCat("c", step % 3);
        engine->Create(settings).status().IgnoreError();
        if (const auto collection = engine->Find(settings.name); collection.ok()) {
          Ingest(**collection, StoryArticle("a", 1, 60)).status().IgnoreError();
        }
        engine->Drop(settings.name).IgnoreError();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(engine->Find(kDefaultCollection).ok());
}

}  // namespace
}  // namespace newsprint
