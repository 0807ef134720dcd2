// A collection under random operations against a plain model, and against itself after opening
// again.
#include <map>
#include <random>
#include <set>
#include <string>

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

// Every article tells one whole story, so two belong together exactly when their stories are the
// same, and the model is a map from id to story.
TEST(CollectionPropertyTest, GroupsAreTheStories) {
  const newsprint::testing::TempDir dir;
  auto engine = OpenEngine(dir.path());
  auto collection = *engine->Find(kDefaultCollection);
  std::mt19937_64 random(newsprint::testing::Seed());
  std::map<std::string, uint64_t> stories;
  for (int step = 0; step < 1500; ++step) {
    const std::string id = absl::StrCat("id", random() % 120);
    if (random() % 5 == 0) {
      EXPECT_EQ(collection->Delete(id, "").ok(), stories.erase(id) == 1) << id;
    } else {
      const uint64_t story = random() % 40;
      const auto verdict = Ingest(*collection, StoryArticle(id, story, 120));
      ASSERT_TRUE(verdict.ok()) << verdict.status();
      stories[id] = story;
    }
    if (step % 500 == 499) {
      collection.reset();
      engine.reset();
      engine = OpenEngine(dir.path());
      collection = *engine->Find(kDefaultCollection);
    }
    if (step % 100 != 99) continue;
    std::map<uint64_t, GroupNumber> group_of_story;
    std::set<GroupNumber> groups;
    for (const auto& [stored, story] : stories) {
      const auto article = collection->Get(stored, true);
      ASSERT_TRUE(article.ok()) << article.status();
      const auto [at, first] = group_of_story.emplace(story, article->state.group);
      EXPECT_EQ(at->second, article->state.group) << "step " << step << ", " << stored;
      EXPECT_EQ(stories.at(article->state.canonical_id), story);
      groups.insert(article->state.group);
    }
    EXPECT_EQ(groups.size(), group_of_story.size());
    EXPECT_EQ(collection->Stats().articles, static_cast<int64_t>(stories.size()));
    EXPECT_EQ(collection->Stats().groups, static_cast<int64_t>(groups.size()));
    int64_t members = 0;
    const auto all_groups = *collection->ListGroups(0, 1000, AtLeast(1));
    for (const GroupSummary& group : all_groups.items) {
      members += group.members;
    }
    EXPECT_EQ(members, static_cast<int64_t>(stories.size()));
  }
}

}  // namespace
}  // namespace newsprint
