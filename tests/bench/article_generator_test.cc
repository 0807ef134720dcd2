#include "bench/article_generator.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "service/text/tokenizer.h"

namespace newsprint::bench {
namespace {

std::set<uint32_t> Shingles(const std::string& text) {
  std::vector<text::Token> tokens;
  text::Tokenize(text, &tokens);
  std::vector<uint32_t> shingles;
  text::Shingle(tokens, 5, &shingles);
  return {shingles.begin(), shingles.end()};
}

size_t Shared(const std::set<uint32_t>& a, const std::set<uint32_t>& b) {
  return std::count_if(a.begin(), a.end(), [&b](uint32_t shingle) { return b.count(shingle) > 0; });
}

ArticleGenerator Generator(double copy_share, uint64_t seed = 1) {
  ArticleGenerator::Options options;
  options.seed = seed;
  options.copy_share = copy_share;
  return ArticleGenerator(options);
}

GeneratedArticle Made(const ArticleGenerator& generator, uint64_t number) {
  GeneratedArticle article;
  generator.Make(number, &article);
  return article;
}

TEST(ZipfMandelbrotTest, FollowsTheLawAndStaysBelowItsSize) {
  constexpr uint32_t kSize = 1000;
  const ZipfMandelbrot ranks(kSize, 10);
  EXPECT_EQ(ranks.Rank(0), 0u);
  EXPECT_EQ(ranks.Rank(0xffffffff), kSize - 1);
  std::vector<double> counts(kSize);
  constexpr uint32_t kStep = 1 << 14;
  for (uint64_t uniform = 0; uniform < uint64_t{1} << 32; uniform += kStep) {
    ++counts[ranks.Rank(static_cast<uint32_t>(uniform))];
  }
  EXPECT_GT(*std::min_element(counts.begin(), counts.end()), 0);
  EXPECT_NEAR(counts[0] / counts[90], 10.0, 0.5);
  EXPECT_NEAR(counts[40] / counts[490], 10.0, 0.5);
}

TEST(ArticleGeneratorTest, IsAPureFunctionOfSeedAndNumber) {
  const ArticleGenerator one = Generator(0.3), again = Generator(0.3), other = Generator(0.3, 2);
  GeneratedArticle reused;
  for (uint64_t number : {700, 3, 0, 1'000'000}) {
    const GeneratedArticle article = Made(one, number);
    again.Make(number, &reused);
    EXPECT_EQ(article.body, reused.body);
    EXPECT_EQ(article.title, reused.title);
    EXPECT_EQ(article.source, reused.source);
    EXPECT_EQ(article.id, ArticleGenerator::Id(number));
    EXPECT_NE(article.body, Made(other, number).body);
  }
}

TEST(ArticleGeneratorTest, BodiesHaveTheLengthsOfNews) {
  const ArticleGenerator generator = Generator(0);
  std::vector<double> bytes;
  double sum = 0;
  for (uint64_t number = 0; number < 2000; ++number) {
    bytes.push_back(static_cast<double>(Made(generator, number).body.size()));
    sum += bytes.back();
  }
  std::sort(bytes.begin(), bytes.end());
  EXPECT_NEAR(sum / 2000, ArticleGenerator::kBodyBytesMean, 180);
  EXPECT_LT(bytes[200], 2000);
  EXPECT_GT(bytes[1800], 5500);
}

TEST(ArticleGeneratorTest, ReportsShareHardlyAShingle) {
  const ArticleGenerator generator = Generator(0);
  std::vector<std::set<uint32_t>> shingles;
  for (uint64_t number = 0; number < 50; ++number) {
    const GeneratedArticle article = Made(generator, number);
    EXPECT_EQ(article.origin, number);
    shingles.push_back(Shingles(article.body));
  }
  size_t shared = 0, of = 0;
  for (size_t a = 0; a < shingles.size(); ++a) {
    for (size_t b = 0; b < a; ++b) {
      shared += Shared(shingles[a], shingles[b]);
      of += shingles[a].size();
    }
  }
  EXPECT_LT(static_cast<double>(shared), 1e-4 * static_cast<double>(of));
}

TEST(ArticleGeneratorTest, ReportsOfOneStoryShareItsWords) {
  const ArticleGenerator generator = Generator(0);
  const auto words = [](const std::string& text) {
    const std::vector<std::string> all = text::NormalisedWords(text);
    return std::set<std::string>(all.begin(), all.end());
  };
  const auto alike = [&](const GeneratedArticle& a, const GeneratedArticle& b) {
    const std::set<std::string> in_a = words(a.title), in_b = words(b.body);
    return std::count_if(in_a.begin(), in_a.end(),
                         [&](const std::string& word) { return in_b.count(word) > 0; });
  };
  int64_t same = 0, unlike = 0;
  for (uint64_t number = 0; number < 100; ++number) {
    GeneratedArticle report;
    generator.MakeOtherReport(number, 1, &report);
    same += alike(Made(generator, number), report);
    unlike += alike(Made(generator, number + 100'000), report);
    EXPECT_LT(Shared(Shingles(Made(generator, number).body), Shingles(report.body)), 5u);
  }
  EXPECT_GT(same, 2 * unlike);
}

TEST(ArticleGeneratorTest, StoriesAreOfSeveralArticles) {
  const ArticleGenerator generator = Generator(0);
  std::map<uint64_t, int> sizes;
  for (uint64_t number = 0; number < 10'000; ++number) ++sizes[generator.StoryOf(number)];
  int alone = 0, largest = 0;
  for (const auto& [story, size] : sizes) {
    alone += size == 1 ? 1 : 0;
    largest = std::max(largest, size);
  }
  EXPECT_GT(alone, 3000);
  EXPECT_LT(alone, 5000);
  EXPECT_GT(largest, 200);
  EXPECT_LT(largest, 300);
}

TEST(ArticleGeneratorTest, CopiesHoldMostOfTheirOrigin) {
  const ArticleGenerator generator = Generator(0.3);
  int copies = 0, verbatim = 0;
  for (uint64_t number = 0; number < 1000; ++number) {
    const GeneratedArticle copy = Made(generator, number);
    if (copy.origin == number) continue;
    ++copies;
    ASSERT_LT(copy.origin, number);
    const GeneratedArticle origin = Made(generator, copy.origin);
    ASSERT_EQ(origin.origin, copy.origin);
    EXPECT_NE(origin.source, copy.source);
    EXPECT_GE(copy.published_at_seconds, origin.published_at_seconds);
    if (copy.body == origin.body && copy.title == origin.title) ++verbatim;
    if (copies % 10 != 0) continue;
    const std::set<uint32_t> a = Shingles(copy.body), b = Shingles(origin.body);
    EXPECT_GT(Shared(a, b), 0.5 * static_cast<double>(b.size()));
    EXPECT_GT(Shared(a, b), 0.7 * static_cast<double>(a.size()));
  }
  EXPECT_NEAR(copies, 300, 50);
  EXPECT_GT(verbatim, 50);
  EXPECT_LT(verbatim, 150);
}

TEST(ArticleGeneratorTest, EditedCopiesAreNeverVerbatim) {
  const ArticleGenerator generator = Generator(0);
  for (uint64_t number = 0; number < 200; ++number) {
    const GeneratedArticle origin = Made(generator, number);
    GeneratedArticle copy;
    generator.MakeEditedCopy(number, 1, &copy);
    EXPECT_TRUE(copy.body != origin.body || copy.title != origin.title);
    EXPECT_EQ(copy.origin, number);
    EXPECT_EQ(copy.id, "");
  }
}

}  // namespace
}  // namespace newsprint::bench
