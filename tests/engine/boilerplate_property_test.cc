// What is learned of boilerplate against exact counts, and against itself after a restart.
#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "service/common/hash.h"
#include "service/engine/boilerplate.h"
#include "tests/testing/articles.h"

namespace newsprint {
namespace {

constexpr uint32_t kSources[] = {0, 11, 12, 13};
constexpr int kVocabulary = 30'000;

// Shingle numbers by Zipf's law, so that a few are in most articles and most in one.
class ArticleSource {
 public:
  explicit ArticleSource(uint64_t seed) : random_(seed) {}

  std::vector<uint32_t> Next() {
    std::uniform_real_distribution<double> uniform(0, 1);
    std::vector<uint32_t> shingles;
    const uint64_t size = 1 + random_() % 120;
    for (uint64_t i = 0; i < size; ++i) {
      const double rank = std::pow(kVocabulary, uniform(random_));
      shingles.push_back(static_cast<uint32_t>(Mix64(static_cast<uint64_t>(rank))));
    }
    std::sort(shingles.begin(), shingles.end());
    shingles.erase(std::unique(shingles.begin(), shingles.end()), shingles.end());
    return shingles;
  }

  uint32_t NextSource() { return kSources[random_() % 4]; }

  std::mt19937_64& random() { return random_; }

 private:
  std::mt19937_64 random_;
};

std::vector<uint32_t> AllShingles() {
  std::vector<uint32_t> shingles;
  for (uint64_t rank = 0; rank <= kVocabulary; ++rank) {
    shingles.push_back(static_cast<uint32_t>(Mix64(rank)));
  }
  return shingles;
}

struct Lesson {
  std::vector<uint32_t> shingles;
  uint32_t source;
};

// A Boilerplate with what the store would hold of it.
class Learner {
 public:
  explicit Learner(const Boilerplate::Limits& limits)
      : limits_(limits), boilerplate_(std::make_unique<Boilerplate>(limits)) {}

  // True when a generation began with it.
  bool Learn(const Lesson& lesson) {
    const bool full = boilerplate_->GenerationIsFull();
    if (full) {
      const auto record = boilerplate_->NextGeneration(lessons_);
      stored_ = Encode(record);
      boilerplate_->Begin(record);
      since_.clear();
    }
    ++lessons_;
    since_.push_back(lesson);
    boilerplate_->Learn(lesson.shingles, lesson.source);
    return full;
  }

  void Restart() {
    boilerplate_ = std::make_unique<Boilerplate>(limits_);
    if (!stored_.empty()) boilerplate_->Begin(*store::DecodeBoilerplate(stored_));
    for (const Lesson& lesson : since_) boilerplate_->Learn(lesson.shingles, lesson.source);
  }

  const Boilerplate& boilerplate() const { return *boilerplate_; }

 private:
  const Boilerplate::Limits limits_;
  std::unique_ptr<Boilerplate> boilerplate_;
  Ordinal lessons_ = 0;
  std::string stored_;
  std::vector<Lesson> since_;
};

void CompareRestarted(const Boilerplate::Limits& limits, int articles, int generations_min) {
  ArticleSource source(newsprint::testing::Seed());
  const std::vector<uint32_t> all = AllShingles();
  Learner steady(limits);
  Learner restarted(limits);
  int generations = 0;
  size_t learned_max = 0;
  for (int article = 0; article < articles; ++article) {
    const Lesson lesson{source.Next(), source.NextSource()};
    const bool began = steady.Learn(lesson);
    ASSERT_EQ(restarted.Learn(lesson), began);
    generations += began ? 1 : 0;
    const uint64_t chance = source.random()() % 40;
    if (chance == 0 || (began && chance < 10)) restarted.Restart();
    learned_max = std::max(learned_max, steady.boilerplate().size());
    ASSERT_EQ(restarted.boilerplate().size(), steady.boilerplate().size()) << article;
    // What it knows of this article, and now and then all that it knows.
    ASSERT_EQ(restarted.boilerplate().Find(lesson.shingles, lesson.source),
              steady.boilerplate().Find(lesson.shingles, lesson.source));
    if (article % 50 != 0) continue;
    for (const uint32_t key : kSources) {
      ASSERT_EQ(restarted.boilerplate().Find(all, key), steady.boilerplate().Find(all, key))
          << "article " << article << ", source " << key;
    }
    ASSERT_EQ(Encode(restarted.boilerplate().NextGeneration(0)),
              Encode(steady.boilerplate().NextGeneration(0)));
  }
  EXPECT_GE(generations, generations_min);
  EXPECT_GT(learned_max, 10u);
}

TEST(BoilerplatePropertyTest, ARestartedOneKnowsTheSameOverManyGenerations) {
  Boilerplate::Limits limits;
  limits.generation_shingles = 2'000;
  CompareRestarted(limits, 4'000, 40);
}

TEST(BoilerplatePropertyTest, ARestartedOneKnowsTheSameWithFewCounters) {
  Boilerplate::Limits limits;
  limits.articles_min = 8;
  limits.source_articles_min = 4;
  limits.counts_max = 300;
  limits.learned_max = 200;
  CompareRestarted(limits, 3'000, 40);
}

// Within generations so long that the filter grows from its least size.
TEST(BoilerplatePropertyTest, ARestartedOneKnowsTheSameWhileTheFilterGrows) {
  Boilerplate::Limits limits;
  limits.generation_shingles = 10'000;
  CompareRestarted(limits, 4'000, 1);
}

TEST(BoilerplatePropertyTest, LearnsWhatExactCountsSay) {
  ArticleSource source(newsprint::testing::Seed() + 1);
  Boilerplate::Limits limits;
  limits.articles_min = 12;
  limits.source_articles_min = 6;
  Boilerplate boilerplate(limits);
  std::map<uint32_t, int> counts;
  std::map<std::pair<uint32_t, uint32_t>, int> counts_of_source;
  for (int article = 0; article < 3'000; ++article) {
    const Lesson lesson{source.Next(), source.NextSource()};
    boilerplate.Learn(lesson.shingles, lesson.source);
    for (const uint32_t shingle : lesson.shingles) {
      ++counts[shingle];
      ++counts_of_source[{shingle, lesson.source}];
    }
  }
  // In the first generation a count is right or one too high.
  int close = 0;
  int collisions = 0;
  for (const uint32_t shingle : AllShingles()) {
    for (const uint32_t key : kSources) {
      const int count = counts[shingle];
      const int of_source = key == 0 ? 0 : counts_of_source[{shingle, key}];
      const bool found = !boilerplate.Find({shingle}, key).empty();
      const bool expected = count >= limits.articles_min || of_source >= limits.source_articles_min;
      const bool allowed =
          count + 1 >= limits.articles_min || of_source + 1 >= limits.source_articles_min;
      EXPECT_TRUE(found || !expected) << count << " and " << of_source;
      collisions += found && !allowed ? 1 : 0;
      close += allowed && !expected ? 1 : 0;
    }
  }
  EXPECT_GT(close, 0);
  EXPECT_LE(collisions, 8);  // of 120,000 questions: two shingles of 32 bits that are the same
  EXPECT_GT(boilerplate.size(), 300u);
}

}  // namespace
}  // namespace newsprint
