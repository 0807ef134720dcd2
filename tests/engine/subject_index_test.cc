#include "service/engine/subject_index.h"

#include <cmath>
#include <string>
#include <vector>

namespace newsprint {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const embed::GeneralTerms& General() {
  static const embed::GeneralTerms& general = *new embed::GeneralTerms();
  return general;
}

std::shared_ptr<const Embedding> MakeEmbedding(uint32_t generation, int dimension = 8) {
  Embedding embedding;
  embedding.settings = {"e", "e/1", dimension, generation, absl::UnixEpoch()};
  return std::make_shared<const Embedding>(std::move(embedding));
}

// A vector of `dimension` values between the axes `axis` and `axis` + 1.
std::vector<float> Axis(size_t axis, size_t dimension = 8, float towards_next = 0) {
  std::vector<float> vector(dimension);
  vector[axis] = std::sqrt(1 - towards_next * towards_next);
  vector[(axis + 1) % dimension] = towards_next;
  return vector;
}

class SubjectIndexTest : public ::testing::Test {
 protected:
  void MustAdd(Ordinal ordinal, std::vector<float> vector, std::vector<float> next_vector = {}) {
    ASSERT_TRUE(index_->Add(ordinal, {{{ordinal, 1.0f}}, vector, next_vector}).ok());
  }
  std::vector<Ordinal> Nearest(uint32_t generation, const std::vector<float>& vector,
                               int articles_max = 10) {
    const auto nearest = index_->Nearest(generation, vector, articles_max);
    EXPECT_TRUE(nearest.ok()) << nearest.status();
    return nearest.value_or(std::vector<Ordinal>());
  }

  std::unique_ptr<SubjectIndex> index_ =
      *SubjectIndex::Create(MakeEmbedding(1), nullptr, &General());
};

TEST_F(SubjectIndexTest, NearestComeBestFirst) {
  MustAdd(1, Axis(0));
  MustAdd(2, Axis(0, 8, 0.5f));
  MustAdd(3, Axis(4));
  EXPECT_THAT(Nearest(1, Axis(0)), ElementsAre(1, 2, 3));
  EXPECT_THAT(Nearest(1, Axis(1), 1), ElementsAre(2));
  index_->Remove(1, std::vector<WeightedTerm>{{1, 1.0f}});
  EXPECT_THAT(Nearest(1, Axis(0)), ElementsAre(2, 3));
  std::vector<float> vector;
  EXPECT_FALSE(index_->GetVector(1, &vector));
  ASSERT_TRUE(index_->GetVector(3, &vector));
  EXPECT_NEAR(vector[4], 1, 0.01);
}

TEST_F(SubjectIndexTest, EmptyAndZeroVectorsAreNeverFound) {
  MustAdd(1, {});
  MustAdd(2, std::vector<float>(8));
  MustAdd(3, Axis(0));
  EXPECT_THAT(Nearest(1, Axis(0)), ElementsAre(3));
  std::vector<float> vector;
  EXPECT_FALSE(index_->GetVector(1, &vector));
  EXPECT_FALSE(index_->GetVector(2, &vector));
  // Their terms count all the same.
  const std::unique_ptr<SubjectIndex> empty =
      *SubjectIndex::Create(MakeEmbedding(1), nullptr, &General());
  const std::vector<WeightedTerm> terms = {{1, 1.0f}, {99, 1.0f}};
  EXPECT_NE(index_->Weigh(terms)[0].weight, empty->Weigh(terms)[0].weight);
  // An article that loses its vector is not found any more.
  ASSERT_TRUE(index_->SetVector(1, 3, std::vector<float>(8)).ok());
  EXPECT_THAT(Nearest(1, Axis(0)), IsEmpty());
}

TEST_F(SubjectIndexTest, GivesSeveralVectorsAtOnce) {
  MustAdd(1, Axis(0));
  MustAdd(2, {});
  MustAdd(3, Axis(4));
  std::vector<Ordinal> found;
  index_->GetVectors({3, 2, 9, 1}, [&](size_t place, absl::Span<const float> vector) {
    found.push_back(static_cast<Ordinal>(place));
    EXPECT_NEAR(vector[place == 0 ? 4 : 0], 1, 0.01);
  });
  EXPECT_THAT(found, ElementsAre(0, 3));
}

TEST_F(SubjectIndexTest, AVectorMayComeLater) {
  MustAdd(1, {});
  ASSERT_TRUE(index_->SetVector(1, 1, Axis(2)).ok());
  EXPECT_THAT(Nearest(1, Axis(2)), ElementsAre(1));
  // Of a generation that there is not: of a move that was cancelled.
  ASSERT_TRUE(index_->SetVector(2, 1, Axis(3, 16)).ok());
  EXPECT_THAT(Nearest(1, Axis(2)), ElementsAre(1));
}

TEST_F(SubjectIndexTest, AVectorOfAnotherLengthIsRefused) {
  EXPECT_FALSE(index_->Add(1, {{}, Axis(0, 16), {}}).ok());
  MustAdd(2, {});
  EXPECT_FALSE(index_->SetVector(1, 2, Axis(0, 16)).ok());
}

TEST_F(SubjectIndexTest, OldGenerationsAreAborted) {
  MustAdd(1, Axis(0));
  for (const uint32_t generation : {0u, 2u}) {
    const absl::Status status = index_->Nearest(generation, Axis(0), 5).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kAborted) << status;
  }
}

TEST_F(SubjectIndexTest, AMoveChangesOverAtOnce) {
  MustAdd(1, Axis(0));
  MustAdd(2, Axis(1));
  EXPECT_EQ(index_->next(), nullptr);
  ASSERT_TRUE(index_->BeginMove(MakeEmbedding(2, 16)).ok());
  EXPECT_EQ(index_->next()->settings.dimension, 16);
  EXPECT_EQ(index_->embedding()->settings.dimension, 8);
  ASSERT_TRUE(index_->SetVector(2, 1, Axis(9, 16)).ok());
  MustAdd(3, Axis(2), Axis(10, 16));
  // Searches go on with the old ones; the new ones cannot be searched yet.
  EXPECT_THAT(Nearest(1, Axis(0), 1), ElementsAre(1));
  EXPECT_EQ(index_->Nearest(2, Axis(9, 16), 1).status().code(), absl::StatusCode::kAborted);

  index_->CompleteMove();
  EXPECT_EQ(index_->next(), nullptr);
  EXPECT_EQ(index_->embedding()->settings.generation, 2u);
  EXPECT_EQ(index_->Nearest(1, Axis(0), 1).status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(Nearest(2, Axis(9, 16)), ElementsAre(1, 3));  // the second never got its vector
  std::vector<float> vector;
  EXPECT_FALSE(index_->GetVector(2, &vector));
  ASSERT_TRUE(index_->GetVector(3, &vector));
  EXPECT_EQ(vector.size(), 16u);
}

TEST_F(SubjectIndexTest, ARemovedArticleIsGoneFromBothIndexes) {
  ASSERT_TRUE(index_->BeginMove(MakeEmbedding(2, 16)).ok());
  MustAdd(1, Axis(0), Axis(0, 16));
  MustAdd(2, Axis(1), Axis(1, 16));
  index_->Remove(1, std::vector<WeightedTerm>{{1, 1.0f}});
  EXPECT_THAT(Nearest(1, Axis(0)), ElementsAre(2));
  index_->CompleteMove();
  EXPECT_THAT(Nearest(2, Axis(0, 16)), ElementsAre(2));
}

TEST_F(SubjectIndexTest, ACancelledMoveLeavesNothing) {
  MustAdd(1, Axis(0));
  const size_t before = index_->memory_bytes();
  ASSERT_TRUE(index_->BeginMove(MakeEmbedding(2, 4096)).ok());
  for (Ordinal ordinal = 0; ordinal < 50; ++ordinal) {
    ASSERT_TRUE(index_->SetVector(2, ordinal, Axis(ordinal, 4096)).ok());
  }
  EXPECT_GT(index_->memory_bytes(), before + 50 * 4096);
  index_->CancelMove();
  EXPECT_EQ(index_->next(), nullptr);
  EXPECT_LE(index_->memory_bytes(), before);
  EXPECT_THAT(Nearest(1, Axis(0)), ElementsAre(1));
  // Another one begins with nothing of the first.
  ASSERT_TRUE(index_->BeginMove(MakeEmbedding(2, 16)).ok());
  index_->CompleteMove();
  EXPECT_THAT(Nearest(2, Axis(0, 16)), IsEmpty());
}

TEST_F(SubjectIndexTest, MayBeginInTheMiddleOfAMove) {
  index_ = *SubjectIndex::Create(MakeEmbedding(3), MakeEmbedding(4, 16), &General());
  MustAdd(1, Axis(0), Axis(5, 16));
  EXPECT_THAT(Nearest(3, Axis(0)), ElementsAre(1));
  index_->CompleteMove();
  EXPECT_THAT(Nearest(4, Axis(5, 16)), ElementsAre(1));
}

}  // namespace
}  // namespace newsprint
