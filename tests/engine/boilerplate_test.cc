#include "service/engine/boilerplate.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "service/common/hash.h"
#include "service/engine/collection.h"
#include "service/engine/engine.h"
#include "tests/testing/articles.h"

namespace newsprint {
namespace {

using ::newsprint::testing::OpenEngine;
using ::newsprint::testing::StoryArticle;
using ::newsprint::testing::StoryText;
using ::newsprint::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

uint32_t Shingle(uint64_t number) { return static_cast<uint32_t>(Mix64(number)); }

// The shingle asked about, and 20 that no other article has.
std::vector<uint32_t> ArticleWith(uint32_t shingle, uint64_t article) {
  std::vector<uint32_t> shingles = {shingle};
  for (uint64_t i = 0; i < 20; ++i) shingles.push_back(Shingle(1'000'000 + 20 * article + i));
  std::sort(shingles.begin(), shingles.end());
  return shingles;
}

void LearnTimes(int times, uint32_t shingle, uint32_t source, Boilerplate* boilerplate) {
  static uint64_t article = 0;
  for (int i = 0; i < times; ++i) boilerplate->Learn(ArticleWith(shingle, ++article), source);
}

bool Knows(const Boilerplate& boilerplate, uint32_t shingle, uint32_t source = 0) {
  return !boilerplate.Find({shingle}, source).empty();
}

void NextGeneration(Boilerplate* boilerplate) {
  boilerplate->Begin(boilerplate->NextGeneration(0));
}

TEST(BoilerplateTest, IsLearnedFromArticlesMinOn) {
  // Of 40 shingles none earlier than one article too soon, and hardly any so soon.
  Boilerplate boilerplate({});
  int early = 0;
  for (uint32_t shingle = 1; shingle <= 40; ++shingle) {
    LearnTimes(18, Shingle(shingle), 0, &boilerplate);
    EXPECT_FALSE(Knows(boilerplate, Shingle(shingle))) << shingle;
    LearnTimes(1, Shingle(shingle), 0, &boilerplate);
    early += Knows(boilerplate, Shingle(shingle)) ? 1 : 0;
    LearnTimes(1, Shingle(shingle), 0, &boilerplate);
    EXPECT_TRUE(Knows(boilerplate, Shingle(shingle))) << shingle;
  }
  EXPECT_LE(early, 12);
  EXPECT_EQ(boilerplate.size(), 40u);
  EXPECT_TRUE(Knows(boilerplate, Shingle(1), Boilerplate::SourceKey("AP")));
}

TEST(BoilerplateTest, IsLearnedOfASourceFromItsOwnLimitOn) {
  const uint32_t ledger = Boilerplate::SourceKey("Ledger");
  Boilerplate boilerplate({});
  LearnTimes(3, Shingle(1), ledger, &boilerplate);
  EXPECT_FALSE(Knows(boilerplate, Shingle(1), ledger));
  LearnTimes(2, Shingle(1), ledger, &boilerplate);
  EXPECT_TRUE(Knows(boilerplate, Shingle(1), ledger));
  EXPECT_FALSE(Knows(boilerplate, Shingle(1), Boilerplate::SourceKey("Herald")));
  EXPECT_FALSE(Knows(boilerplate, Shingle(1)));
  EXPECT_FALSE(Knows(boilerplate, Shingle(2), ledger));
  EXPECT_EQ(boilerplate.size(), 1u);
  // Two sources that have learned the same count twice.
  LearnTimes(5, Shingle(1), Boilerplate::SourceKey("Herald"), &boilerplate);
  EXPECT_EQ(boilerplate.size(), 2u);
}

TEST(BoilerplateTest, AnUnknownSourceLearnsOnlyByTheCollection) {
  EXPECT_EQ(Boilerplate::SourceKey(""), 0u);
  EXPECT_NE(Boilerplate::SourceKey("a"), 0u);
  EXPECT_NE(Boilerplate::SourceKey("a"), Boilerplate::SourceKey("b"));
  Boilerplate boilerplate({});
  LearnTimes(18, Shingle(1), 0, &boilerplate);
  EXPECT_EQ(boilerplate.size(), 0u);
  LearnTimes(2, Shingle(1), 0, &boilerplate);
  EXPECT_TRUE(Knows(boilerplate, Shingle(1)));
  EXPECT_EQ(boilerplate.size(), 1u);
}

TEST(BoilerplateTest, ShinglesThatOccurOnceTeachNothing) {
  Boilerplate boilerplate({});
  std::vector<uint32_t> all;
  for (uint64_t article = 0; article < 200; ++article) {
    std::vector<uint32_t> shingles;
    for (uint64_t i = 0; i < 300; ++i) shingles.push_back(Shingle(300 * article + i));
    std::sort(shingles.begin(), shingles.end());
    boilerplate.Learn(shingles, Boilerplate::SourceKey("Ledger"));
    all.insert(all.end(), shingles.begin(), shingles.end());
  }
  EXPECT_EQ(boilerplate.size(), 0u);
  EXPECT_THAT(boilerplate.Find(all, Boilerplate::SourceKey("Ledger")), IsEmpty());
  // What sets a bit that is set already is counted: at most about one in eight.
  EXPECT_LT(boilerplate.NextGeneration(0).counts.size(), 100u);
}

TEST(BoilerplateTest, FindKeepsTheOrder) {
  Boilerplate boilerplate({});
  const std::vector<uint32_t> known = {10, 2'000'000'000, 4'000'000'000};
  for (int i = 0; i < 20; ++i) boilerplate.Learn(known, 0);
  EXPECT_THAT(boilerplate.Find({5, 10, 11, 1'999'999'999, 2'000'000'000, 4'000'000'000}, 0),
              ElementsAre(10, 2'000'000'000, 4'000'000'000));
}

TEST(BoilerplateGenerationsTest, CountsAreHalvedAndSmallOnesDropped) {
  Boilerplate::Limits limits;
  limits.articles_min = 40;
  Boilerplate boilerplate(limits);
  const std::vector<uint32_t> many = {1'000'000'000};
  const std::vector<uint32_t> few = {2'000'000'000};
  const std::vector<uint32_t> fewest = {3'000'000'000};
  for (int i = 0; i < 30; ++i) boilerplate.Learn(many, 0);
  for (int i = 0; i < 4; ++i) boilerplate.Learn(few, 0);
  for (int i = 0; i < 3; ++i) boilerplate.Learn(fewest, 0);
  const store::BoilerplateRecord record = boilerplate.NextGeneration(77);
  EXPECT_EQ(record.generation, 1u);
  EXPECT_EQ(record.first_lesson, 77u);
  ASSERT_EQ(record.counts.size(), 2u);
  EXPECT_EQ(record.counts[0].key, many[0]);
  EXPECT_EQ(record.counts[0].value, 15u);
  EXPECT_EQ(record.counts[1].key, few[0]);
  EXPECT_EQ(record.counts[1].value, 2u);
  EXPECT_THAT(record.learned, IsEmpty());
  // Asking changes nothing.
  EXPECT_EQ(Encode(boilerplate.NextGeneration(77)), Encode(record));

  boilerplate.Begin(record);
  boilerplate.Learn(many, 0);  // sets the bit anew, and is not counted
  for (int i = 16; i < 40; ++i) {
    EXPECT_FALSE(Knows(boilerplate, many[0])) << i;
    boilerplate.Learn(many, 0);
  }
  EXPECT_FALSE(Knows(boilerplate, many[0]));
  boilerplate.Learn(many, 0);
  EXPECT_TRUE(Knows(boilerplate, many[0]));
}

TEST(BoilerplateGenerationsTest, WhatIsNotSeenAnyMoreIsForgotten) {
  Boilerplate boilerplate({});
  const uint32_t old_habit = Shingle(1);
  const uint32_t habit = Shingle(2);
  LearnTimes(20, old_habit, 0, &boilerplate);
  LearnTimes(20, habit, 0, &boilerplate);
  for (uint64_t generation = 1; generation <= Boilerplate::kGenerationsKept; ++generation) {
    NextGeneration(&boilerplate);
    EXPECT_TRUE(Knows(boilerplate, old_habit)) << generation;
    if (generation == 9) LearnTimes(2, habit, 0, &boilerplate);
  }
  NextGeneration(&boilerplate);
  EXPECT_FALSE(Knows(boilerplate, old_habit));
  for (uint64_t generation = 18; generation <= 9 + Boilerplate::kGenerationsKept; ++generation) {
    EXPECT_TRUE(Knows(boilerplate, habit)) << generation;
    NextGeneration(&boilerplate);
  }
  EXPECT_TRUE(Knows(boilerplate, habit));
  NextGeneration(&boilerplate);
  EXPECT_FALSE(Knows(boilerplate, habit));
  EXPECT_EQ(boilerplate.size(), 0u);
}

TEST(BoilerplateGenerationsTest, AGenerationEndsWithItsShingles) {
  Boilerplate::Limits limits;
  limits.generation_shingles = 2'100;
  Boilerplate boilerplate(limits);
  LearnTimes(90, Shingle(1), 0, &boilerplate);  // 20 new ones each
  EXPECT_FALSE(boilerplate.GenerationIsFull());
  LearnTimes(25, Shingle(1), 0, &boilerplate);
  EXPECT_TRUE(boilerplate.GenerationIsFull());
  NextGeneration(&boilerplate);
  EXPECT_FALSE(boilerplate.GenerationIsFull());
  EXPECT_TRUE(Knows(boilerplate, Shingle(1)));
}

TEST(BoilerplateGenerationsTest, CountersAndLearnedShinglesAreBounded) {
  Boilerplate::Limits limits;
  limits.counts_max = 1'000;
  limits.learned_max = 50;
  Boilerplate boilerplate(limits);
  // 3,000 shingles, each in one article of six: all want a counter, and all would be learned.
  uint64_t generations = 0;
  for (uint64_t article = 0; article < 600; ++article) {
    std::vector<uint32_t> shingles;
    for (uint64_t i = article % 6; i < 3'000; i += 6) shingles.push_back(Shingle(i));
    std::sort(shingles.begin(), shingles.end());
    if (boilerplate.GenerationIsFull()) {
      const store::BoilerplateRecord record = boilerplate.NextGeneration(0);
      EXPECT_LE(record.counts.size(), limits.counts_max + 2 * shingles.size());
      EXPECT_LE(record.learned.size(), limits.learned_max);
      boilerplate.Begin(record);
      ++generations;
    }
    boilerplate.Learn(shingles, Boilerplate::SourceKey("Ledger"));
    ASSERT_LE(boilerplate.size(), limits.learned_max);
  }
  EXPECT_GT(generations, 10u);
}

TEST(BoilerplateGenerationsTest, APlaceThatIsForgottenIsFree) {
  Boilerplate::Limits limits;
  limits.learned_max = 2;
  Boilerplate boilerplate(limits);
  for (uint64_t i = 1; i <= 3; ++i) LearnTimes(20, Shingle(i), 0, &boilerplate);
  EXPECT_EQ(boilerplate.size(), 2u);
  EXPECT_FALSE(Knows(boilerplate, Shingle(3)));
  for (uint64_t i = 0; i <= Boilerplate::kGenerationsKept; ++i) NextGeneration(&boilerplate);
  LearnTimes(20, Shingle(3), 0, &boilerplate);
  EXPECT_TRUE(Knows(boilerplate, Shingle(3)));
  EXPECT_FALSE(Knows(boilerplate, Shingle(1)));
}

// What a collection gives it to learn.
class CollectionBoilerplateTest : public ::testing::Test {
 protected:
  void Reopen() {
    collection_.reset();
    engine_.reset();
    engine_ = OpenEngine(dir_.path());
    collection_ = *engine_->Find(kDefaultCollection);
  }

  void MustIngest(Article article) {
    const auto verdict = newsprint::testing::Ingest(*collection_, std::move(article));
    EXPECT_TRUE(verdict.ok()) << verdict.status();
  }

  // A story of its own with a footer that others have too.
  static Article WithFooter(int number, const std::string& source) {
    Article article = StoryArticle(absl::StrCat("a", number), 1000 + number, 150);
    article.source = source;
    article.body += StoryText(7, 60);
    return article;
  }

  int64_t learned() const { return collection_->Stats().boilerplate_shingles; }

  TempDir dir_;
  std::unique_ptr<Engine> engine_ = OpenEngine(dir_.path());
  std::shared_ptr<Collection> collection_ = *engine_->Find(kDefaultCollection);
};

TEST_F(CollectionBoilerplateTest, CopiesOfAStoryCountOnce) {
  for (int i = 0; i < 40; ++i) {
    Article copy = StoryArticle(absl::StrCat("copy", i), 1);
    copy.source = "Ledger";
    if (i % 2 == 1) copy.title = absl::StrCat("Headline ", i);
    MustIngest(copy);
  }
  EXPECT_EQ(collection_->Stats().groups, 1);
  EXPECT_EQ(learned(), 0);
}

TEST_F(CollectionBoilerplateTest, WhatCopiesAddCounts) {
  MustIngest(StoryArticle("wire", 1));
  for (int i = 0; i < 25; ++i) {
    Article copy = StoryArticle(absl::StrCat("copy", i), 1);
    copy.title = absl::StrCat("Headline ", i);
    copy.body += StoryText(7, 60);
    MustIngest(copy);
  }
  EXPECT_EQ(collection_->Stats().groups, 1);
  EXPECT_GE(learned(), 50);
  EXPECT_LE(learned(), 60);
}

// Systems that update by deleting and sending again, and imports that are repeated.
TEST_F(CollectionBoilerplateTest, WhatIsDeletedAndSentAgainCountsOnce) {
  for (int i = 0; i < 40; ++i) {
    Article article = StoryArticle(i % 2 == 0 ? "a" : absl::StrCat("a", i), 1);
    article.source = "Ledger";
    MustIngest(article);
    ASSERT_TRUE(collection_->Delete(article.id, "").ok());
  }
  EXPECT_EQ(learned(), 0);
}

TEST_F(CollectionBoilerplateTest, AFooterOfOneSourceIsLeftOutOfItsEvidence) {
  for (int i = 0; i < 6; ++i) MustIngest(WithFooter(i, "Ledger"));
  const Comparison own = *collection_->Compare("a0", "a1");
  EXPECT_GE(own.evidence.shared_boilerplate, 50);
  EXPECT_EQ(own.evidence.query_boilerplate, own.evidence.shared_boilerplate);
  EXPECT_EQ(own.evidence.shared_shingles, 0);
  MustIngest(WithFooter(6, "Herald"));
  MustIngest(WithFooter(7, "Herald"));
  const Comparison foreign = *collection_->Compare("a6", "a7");
  EXPECT_EQ(foreign.evidence.shared_boilerplate, 0);
  EXPECT_GE(foreign.evidence.shared_shingles, 50);
}

TEST_F(CollectionBoilerplateTest, IsTheSameAfterOpeningAgain) {
  for (int i = 0; i < 12; ++i) MustIngest(WithFooter(i, i % 2 == 0 ? "" : "Ledger"));
  // What an article has taught stays, also when its text is gone.
  ASSERT_TRUE(collection_->Delete("a3", "").ok());
  MustIngest(StoryArticle("a4", 5000, 100));
  ASSERT_TRUE(collection_->Withdraw(collection_->Get("a5", true)->state.group, {}).ok());
  ASSERT_TRUE(collection_->Delete("a5", "").ok());
  const int64_t before = learned();
  EXPECT_GT(before, 0);
  const Evidence evidence = collection_->Compare("a1", "a7")->evidence;
  for (int round = 0; round < 2; ++round) {
    Reopen();
    EXPECT_EQ(learned(), before);
    EXPECT_EQ(collection_->Compare("a1", "a7")->evidence.shared_boilerplate,
              evidence.shared_boilerplate);
  }
  // The plain counts go on from where they were: 20 articles have the footer now.
  for (int i = 12; i < 19; ++i) MustIngest(WithFooter(i, ""));
  const int64_t almost = learned();
  MustIngest(WithFooter(19, ""));
  EXPECT_GT(learned(), almost + 20);
}

}  // namespace
}  // namespace newsprint
