// The files that keep the graphs over the vectors, over restarts.
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/testing/articles.h"

namespace newsprint {
namespace {

// Enough for graphs (VectorIndex::Options::exact_rows_max).
constexpr int kManyArticles = 17'000;

class GraphFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Open();
    for (int i = 0; i < kManyArticles; ++i) {
      IngestRequest request;
      request.article = testing::StoryArticle(absl::StrCat("a", i), i, 25);
      request.skip_related = true;
      ASSERT_TRUE(collection_->Ingest(collection_->Prepare(std::move(request)).value()).ok());
    }
    const absl::Time deadline = absl::Now() + absl::Minutes(2);
    while (!collection_->subjects().SaveGraphs(/*all=*/true).value()) {
      ASSERT_LT(absl::Now(), deadline) << "no graph was built";
      absl::SleepFor(absl::Milliseconds(20));
    }
    before_ = Related();
  }

  void Open() {
    engine_ = testing::OpenEngine(folder_.path());
    collection_ = *engine_->Find(kDefaultCollection);
  }
  void Restart() {
    collection_ = nullptr;
    engine_ = nullptr;
    Open();
  }

  std::string GraphFile() const { return collection_->subjects().GraphPaths().at(0); }

  // What is found near some stored articles.
  std::vector<std::string> Related() const {
    std::vector<std::string> ids;
    for (int i = 0; i < kManyArticles; i += 1000) {
      const auto related = collection_->FindRelated(ArticleQuery(absl::StrCat("a", i)), {});
      EXPECT_TRUE(related.ok()) << related.status();
      for (const RelatedArticle& one : *related) ids.push_back(one.article.id);
    }
    return ids;
  }

  // Of those found now, how many were found before.
  double Recalled() const {
    const std::vector<std::string> now = Related();
    int same = 0;
    for (const std::string& id : now) {
      same += std::count(before_.begin(), before_.end(), id) > 0 ? 1 : 0;
    }
    return static_cast<double>(same) / static_cast<double>(before_.size());
  }

  const testing::TempDir folder_;
  std::unique_ptr<Engine> engine_;
  std::shared_ptr<Collection> collection_;
  std::vector<std::string> before_;
};

TEST_F(GraphFilesTest, AStartTakesThemOverAndDoesWithoutThem) {
  ASSERT_FALSE(before_.empty());
  const std::string path = GraphFile();
  const auto written = std::filesystem::last_write_time(path);
  Restart();
  EXPECT_TRUE(collection_->subjects().graphs_problem().ok());
  EXPECT_GT(Recalled(), 0.95);
  // All rows were taken over, so there is nothing to save.
  ASSERT_TRUE(engine_->FinishBackgroundWork().ok());
  EXPECT_EQ(std::filesystem::last_write_time(path), written);

  const auto size = std::filesystem::file_size(path);
  std::filesystem::resize_file(path, size / 2);
  std::ofstream(path + "-of-nobody") << "left behind";
  Restart();
  EXPECT_EQ(collection_->subjects().graphs_problem().code(), absl::StatusCode::kDataLoss);
  EXPECT_GT(Recalled(), 0.95);
  EXPECT_FALSE(std::filesystem::exists(path + "-of-nobody"));

  std::filesystem::remove(path);
  Restart();
  EXPECT_TRUE(collection_->subjects().graphs_problem().ok());
  EXPECT_GT(Recalled(), 0.95);
}

}  // namespace
}  // namespace newsprint
