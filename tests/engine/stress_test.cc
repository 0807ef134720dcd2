// What makes duplicate finders fail: templates, footers, short texts, chains. The full sizes are in
// bench/quality/stress.py; here are some that a test can wait for.
#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "service/engine/collection.h"
#include "service/engine/engine.h"
#include "tests/testing/articles.h"

namespace newsprint {
namespace {

using ::newsprint::testing::AtLeast;
using ::newsprint::testing::Ingest;
using ::newsprint::testing::OpenEngine;
using ::newsprint::testing::Seed;
using ::newsprint::testing::StoryText;
using ::newsprint::testing::TempDir;

class StressTest : public ::testing::Test {
 protected:
  Verdict Add(std::string body, std::string source = "") {
    Article article;
    article.id = absl::StrCat("a", count_++);
    article.title = "Item";
    article.body = std::move(body);
    article.source = std::move(source);
    const auto verdict = Ingest(*collection_, article);
    EXPECT_TRUE(verdict.ok()) << verdict.status();
    return verdict.value_or(Verdict());
  }

  int64_t LargestGroup() {
    int64_t largest = 0;
    const auto groups = *collection_->ListGroups(0, 100'000, AtLeast(2));
    for (const GroupSummary& group : groups.items) largest = std::max(largest, group.members);
    return largest;
  }

  std::mt19937_64 random_{Seed()};
  int count_ = 0;
  TempDir dir_;
  std::unique_ptr<Engine> engine_ = OpenEngine(dir_.path());
  std::shared_ptr<Collection> collection_ = *engine_->Find(kDefaultCollection);
};

TEST_F(StressTest, ShortTextsMatchOnlyExactly) {
  for (int words = 1; words <= 30; ++words) {
    for (uint64_t story = 0; story < 10; ++story) {
      const std::string body = StoryText(1000 * words + story, words);
      const Relation relation = Add("Police said " + body).relation;
      EXPECT_TRUE(!IsDuplicate(relation) || relation == Relation::kExact) << body;
    }
  }
  EXPECT_EQ(Add("Police said " + StoryText(5001, 5)).relation, Relation::kExact);
}

TEST_F(StressTest, ListsOfNumbersAreNoCopies) {
  for (int list = 0; list < 300; ++list) {
    std::vector<std::string> numbers;
    for (int i = 0; i < 100; ++i) numbers.push_back(absl::StrCat(random_() % 100));
    EXPECT_FALSE(IsDuplicate(Add(absl::StrJoin(numbers, " ")).relation));
  }
}

TEST_F(StressTest, TablesOfTheSameTeamsAreNoCopies) {
  for (int round = 0; round < 200; ++round) {
    std::string table;
    for (int team = 0; team < 20; ++team) {
      absl::StrAppend(&table, "Team", team * 7, "x played ", random_() % 40, " won ",
                      random_() % 40, " lost ", random_() % 40, " points ", random_() % 99, ". ");
    }
    EXPECT_FALSE(IsDuplicate(Add(table).relation));
  }
}

// It has a dozen shingles, however often it is repeated: no more than a short text has.
TEST_F(StressTest, ARepeatedSentenceIsAShortText) {
  std::string repeated;
  for (int i = 0; i < 1'000; ++i)
    repeated += "The harbour was closed on Tuesday because of a storm. ";
  EXPECT_FALSE(IsDuplicate(Add(repeated).relation));
  EXPECT_FALSE(
      IsDuplicate(Add(StoryText(1, 100) +
                      " The harbour was closed on Tuesday because of a storm. " + StoryText(2, 100))
                      .relation));
  EXPECT_EQ(Add(repeated).relation, Relation::kExact);
}

TEST_F(StressTest, OneTemplateWithOtherNumbersIsManyStories) {
  for (int item = 0; item < 1'000; ++item) {
    const auto number = [&] { return absl::StrCat(1 + random_() % 99'999); };
    const Relation relation =
        Add(absl::StrCat("The company reported net income of ", number(),
                         " million for the quarter, against ", number(),
                         " million in the same quarter of the year before. Revenue rose as orders "
                         "from abroad picked up, and the board left the dividend as it was. The "
                         "chief executive said that the outlook for the year had not changed."))
            .relation;
    EXPECT_FALSE(IsDuplicate(relation)) << item;
  }
}

// Before anything is learned the lede tells them apart; later the footer does not count at all, and
// a copy is still found, by what is its own.
TEST_F(StressTest, AFooterMakesNoGroupAndHidesNoCopy) {
  const std::string footer = StoryText(999, 150);
  for (uint64_t story = 0; story < 1'000; ++story) {
    const Relation relation =
        Add(absl::StrCat(StoryText(story, 100), " ", footer), absl::StrCat("outlet", story % 3))
            .relation;
    EXPECT_FALSE(IsDuplicate(relation)) << story;
  }
  EXPECT_GT(collection_->Stats().boilerplate_shingles, 100);
  std::vector<std::string> words = absl::StrSplit(StoryText(77, 100), ' ');
  words.resize(70);
  const Verdict copy = Add(absl::StrCat(absl::StrJoin(words, " "), " ", footer));
  ASSERT_TRUE(IsDuplicate(copy.relation));
  EXPECT_EQ(copy.canonical_id, "a77");
  EXPECT_GT(copy.matches[0].evidence.shared_boilerplate, 100);
  EXPECT_GT(copy.matches[0].evidence.containment, 0.9);
}

// Each shares 60 % with the next. The second is a copy of the first, and a reference too, as it
// brings new text; the third is a copy of the second, but not of the first, and so no reference;
// the fourth begins anew. A finder that links neighbours makes one group of all.
TEST_F(StressTest, AChainFallsIntoGroupsOfThree) {
  constexpr int kArticles = 2'100;
  const std::vector<std::string> tape = absl::StrSplit(StoryText(1, 40 * kArticles + 60), ' ');
  for (int i = 0; i < kArticles; ++i) {
    Add(absl::StrJoin(tape.begin() + 40 * i, tape.begin() + 40 * i + 100, " "));
  }
  EXPECT_EQ(LargestGroup(), 3);
  EXPECT_EQ(collection_->Stats().groups, kArticles / 3);
}

// What is learned is learned again from the store.
TEST_F(StressTest, BoilerplateSurvivesARestart) {
  const std::string footer = StoryText(999, 60);
  std::string last;
  std::string last_but_one;
  for (uint64_t story = 0; story < 98; ++story) {
    last_but_one = last;
    last = absl::StrCat("a", count_);
    Add(absl::StrCat(StoryText(story, 200), " ", footer), "outlet");
    if (story % 7 == 0) {  // copies and deletions in between
      Add(absl::StrCat("New lede. ", StoryText(story, 200), " ", footer), "outlet");
      ASSERT_TRUE(collection_->Delete(last, "").ok());
    }
  }
  const int64_t learned = collection_->Stats().boilerplate_shingles;
  EXPECT_GT(learned, 50);
  const auto compare = [&] {
    const auto comparison = collection_->Compare(ArticleQuery(last), ArticleQuery(last_but_one));
    EXPECT_TRUE(comparison.ok()) << comparison.status();
    return comparison.ok() ? comparison->evidence : Evidence();
  };
  const Evidence before = compare();
  EXPECT_GT(before.shared_boilerplate, 50);
  EXPECT_EQ(before.shared_shingles, 0);
  collection_.reset();
  engine_.reset();
  engine_ = OpenEngine(dir_.path());
  collection_ = *engine_->Find(kDefaultCollection);
  EXPECT_EQ(collection_->Stats().boilerplate_shingles, learned);
  const Evidence after = compare();
  EXPECT_EQ(after.shared_boilerplate, before.shared_boilerplate);
  EXPECT_EQ(after.query_boilerplate, before.query_boilerplate);
}

}  // namespace
}  // namespace newsprint
