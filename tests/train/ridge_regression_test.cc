#include "service/train/ridge_regression.h"

#include "gtest/gtest.h"
#include "service/train/random.h"

namespace newsprint::train {
namespace {

TEST(RidgeRegressionTest, FindsALinearMap) {
  RidgeRegression regression(4, 2);
  Random random(1);
  const auto input = [&random] {
    return std::vector<float>{random.Uniform(), random.Uniform() - 1, random.Uniform(), 1};
  };
  const auto first = [](const std::vector<float>& x) { return 2 * x[0] - x[1] + 3; };
  const auto second = [](const std::vector<float>& x) { return 0.5f * x[2] - 1; };
  for (int i = 0; i < 200; ++i) {
    const std::vector<float> x = input();
    regression.Add(x, {first(x), second(x)});
  }
  regression.Solve(1e-6);
  for (int i = 0; i < 20; ++i) {
    const std::vector<float> x = input();
    std::vector<float> y(2);
    regression.Predict(x, absl::MakeSpan(y));
    EXPECT_NEAR(y[0], first(x), 1e-3);
    EXPECT_NEAR(y[1], second(x), 1e-3);
  }
}

TEST(RidgeRegressionTest, PenaltyKeepsAnUndeterminedMapSmall) {
  RidgeRegression regression(3, 1);
  regression.Add({1, 1, 0}, {4});  // the same input twice over, the third never
  regression.Solve(1e-3);
  std::vector<float> y(1);
  regression.Predict({1, 0, 0}, absl::MakeSpan(y));
  EXPECT_NEAR(y[0], 2, 0.01);
  regression.Predict({0, 0, 1}, absl::MakeSpan(y));
  EXPECT_NEAR(y[0], 0, 1e-6);
}

}  // namespace
}  // namespace newsprint::train
