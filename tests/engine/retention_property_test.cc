// A collection with retention under random operations against a plain model, and against itself
// after opening again.
#include <climits>
#include <map>
#include <random>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "service/engine/collection.h"
#include "service/engine/engine.h"
#include "service/store/checker.h"
#include "tests/testing/articles.h"
#include "tests/testing/test_clock.h"

namespace newsprint {
namespace {

using ::newsprint::testing::AtLeast;
using ::newsprint::testing::Ingest;
using ::newsprint::testing::Named;
using ::newsprint::testing::OpenEngine;
using ::newsprint::testing::StoryArticle;

constexpr int kIds = 80;
constexpr int kStories = 25;

// Every article tells one whole story, so two belong together exactly when their stories are the
// same, and the first that was ingested of those that are left stands for them.
class Model {
 public:
  struct Stored {
    uint64_t story = 0;
    absl::Time time;
    absl::Time ingested_at;
    int order = 0;
  };

  void set_retention(const Retention& retention, absl::Time now) {
    retention_ = retention;
    Expire(now);
  }

  // Whether the article is kept.
  bool Ingest(const std::string& id, uint64_t story, std::optional<absl::Time> published,
              absl::Time now) {
    Expire(now);
    const auto known = articles_.find(id);
    const bool same = known != articles_.end() && known->second.story == story;
    Stored stored{story, now, same ? known->second.ingested_at : now, next_};
    stored.time = std::min(published.value_or(stored.ingested_at), stored.ingested_at);
    if (now - stored.time > retention_.age) {
      if (known != articles_.end()) articles_.erase(known);
      return false;
    }
    if (known != articles_.end()) {
      stored.order = known->second.order;
    } else if (IsFull() && stored.time < Oldest()->second.time) {
      return false;
    } else {
      ++next_;
    }
    articles_[id] = stored;
    Expire(now);
    return true;
  }

  void Expire(absl::Time now) {
    for (auto at = articles_.begin(); at != articles_.end();) {
      at = now - at->second.time > retention_.age ? articles_.erase(at) : std::next(at);
    }
    while (retention_.articles_max > 0 &&
           articles_.size() > static_cast<size_t>(retention_.articles_max)) {
      articles_.erase(Oldest());
    }
  }

  std::map<std::string, Stored>& articles() { return articles_; }

 private:
  bool IsFull() const {
    return retention_.articles_max > 0 &&
           articles_.size() >= static_cast<size_t>(retention_.articles_max);
  }
  std::map<std::string, Stored>::iterator Oldest() {
    return std::min_element(articles_.begin(), articles_.end(), [](const auto& a, const auto& b) {
      return std::make_pair(a.second.time, a.second.order) <
             std::make_pair(b.second.time, b.second.order);
    });
  }

  Retention retention_;
  std::map<std::string, Stored> articles_;
  int next_ = 0;
};

class RetentionPropertyTest : public ::testing::Test {
 protected:
  Retention RandomRetention() {
    Retention retention;
    if (random_() % 4 != 0) retention.age = absl::Hours(1 + static_cast<int>(random_() % 40));
    if (random_() % 3 != 0) retention.articles_max = 1 + static_cast<int64_t>(random_() % 50);
    return retention;
  }

  void IngestOne() {
    const std::string id = absl::StrCat("id", random_() % kIds);
    const uint64_t story = random_() % kStories;
    Article article = StoryArticle(id, story, 120);
    const int hours = static_cast<int>(random_() % 60) - 5;
    if (random_() % 3 != 0) article.published_at = clock_.now() - absl::Hours(hours);
    const std::optional<absl::Time> published = article.published_at;
    const auto verdict = Ingest(*collection_, std::move(article));
    ASSERT_TRUE(verdict.ok()) << verdict.status();
    const bool kept = model_.Ingest(id, story, published, clock_.now());
    ASSERT_EQ(verdict->expired, !kept) << id;
    if (verdict->replayed) return;  // its matches are those of then
    for (const Match& match : verdict->matches) {
      if (!IsDuplicate(match.relation) || match.article.id == id) continue;
      // It may have gone by count to make room for this one.
      const auto stored = model_.articles().find(match.article.id);
      if (stored != model_.articles().end()) {
        EXPECT_EQ(stored->second.story, story);
      }
    }
  }

  void DeleteOne(const std::string& id) {
    auto& articles = model_.articles();
    const auto stored = articles.find(id);
    const auto deleted = collection_->Delete(id, "");
    ASSERT_EQ(deleted.ok(), stored != articles.end()) << id << " " << deleted.status();
    if (!deleted.ok()) return;
    const uint64_t story = stored->second.story;
    articles.erase(stored);
    std::string heir;
    int order = INT_MAX;
    for (const auto& [other, article] : articles) {
      if (article.story != story || article.order > order) continue;
      heir = other;
      order = article.order;
    }
    EXPECT_EQ(deleted->canonical_id, heir) << id;
  }

  void Compare() {
    const auto& articles = model_.articles();
    std::map<uint64_t, std::vector<std::string>> stories;
    for (const auto& [id, stored] : articles) stories[stored.story].push_back(id);
    std::map<uint64_t, GroupNumber> group_of_story;
    for (int i = 0; i < kIds; ++i) {
      const std::string id = absl::StrCat("id", i);
      const auto got = collection_->Get(id, /*omit_body=*/true);
      const auto expected = articles.find(id);
      ASSERT_EQ(got.ok(), expected != articles.end()) << id << " " << got.status();
      if (!got.ok()) continue;
      const uint64_t story = expected->second.story;
      const auto [at, first] = group_of_story.emplace(story, got->state.group);
      EXPECT_EQ(at->second, got->state.group) << id;
      const std::vector<std::string>& ids = stories[story];
      const std::string canonical = *std::min_element(
          ids.begin(), ids.end(), [&](const std::string& a, const std::string& b) {
            return articles.at(a).order < articles.at(b).order;
          });
      EXPECT_EQ(got->state.canonical_id, canonical) << id;
    }
    const auto groups = collection_->ListGroups(0, 1000, AtLeast(0));
    ASSERT_TRUE(groups.ok()) << groups.status();
    std::set<GroupNumber> listed;
    size_t members = 0;
    for (const GroupSummary& group : groups->items) {
      listed.insert(group.group);
      members += static_cast<size_t>(group.members);
    }
    EXPECT_EQ(members, articles.size());
    EXPECT_EQ(listed.size(), stories.size());
    for (const auto& [story, group] : group_of_story) EXPECT_EQ(listed.count(group), 1u);
    for (uint64_t story = 0; story < kStories; story += 5) {
      const auto found = collection_->FindDuplicates(StoryArticle("", story, 120), 100);
      ASSERT_TRUE(found.ok()) << found.status();
      EXPECT_EQ(IsDuplicate(found->relation), stories.count(story) == 1) << story;
      for (const Match& match : found->matches) {
        EXPECT_EQ(articles.count(match.article.id), 1u) << match.article.id;
      }
    }
  }

  newsprint::testing::TestClock clock_;
  newsprint::testing::TempDir dir_;
  std::mt19937_64 random_{newsprint::testing::Seed()};
  Model model_;
  std::unique_ptr<Engine> engine_ = OpenEngine(dir_.path(), {}, clock_.function());
  std::shared_ptr<Collection> collection_;
};

TEST_F(RetentionPropertyTest, KeepsWhatTheModelKeeps) {
  collection_ = *engine_->Create(Named("kept"));
  for (int step = 0; step < 1200 && !HasFailure(); ++step) {
    const uint64_t what = random_() % 100;
    if (what < 2) {
      const Retention retention = RandomRetention();
      ASSERT_TRUE(collection_->Update(retention, std::nullopt).ok());
      model_.set_retention(retention, clock_.now());
    } else if (what < 8) {
      clock_.Advance(absl::Hours(static_cast<int>(random_() % 12)));
      model_.Expire(clock_.now());
    } else if (what < 12) {
      ASSERT_TRUE(collection_->ExpireSome().ok());
    } else if (what < 16) {
      const std::string id = absl::StrCat("id", random_() % kIds);
      DeleteOne(id);
    } else if (what < 17) {
      // More expire at once than an ingest deletes.
      for (int i = 0; i < 30 && !HasFailure(); ++i) IngestOne();
      clock_.Advance(absl::Hours(static_cast<int>(random_() % 40)));
      model_.Expire(clock_.now());
    } else if (what < 18) {
      collection_.reset();
      engine_.reset();
      engine_ = OpenEngine(dir_.path(), {}, clock_.function());
      collection_ = *engine_->Find("kept");
    } else {
      IngestOne();
    }
    clock_.Advance(absl::Milliseconds(1));
    model_.Expire(clock_.now());
    if (step % 20 == 0) Compare();
  }
  while (*collection_->ExpireSome()) {
  }
  Compare();
  EXPECT_EQ(collection_->Stats().articles, static_cast<int64_t>(model_.articles().size()));
  collection_.reset();
  engine_.reset();
  const auto report =
      store::CheckDataFolder(dir_.path(), 100, [](uint64_t, uint64_t) { return true; });
  ASSERT_TRUE(report.ok()) << report.status();
  for (const auto& [kind, found] : report->problems.kinds()) {
    ADD_FAILURE() << store::ProblemKindName(kind) << ": " << found.first.front();
  }
}

}  // namespace
}  // namespace newsprint
