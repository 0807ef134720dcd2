#include "service/train/contrast.h"

#include <cmath>

#include "gtest/gtest.h"
#include "service/train/random.h"

namespace newsprint::train {
namespace {

constexpr size_t kPairs = 7, kDimension = 32;
constexpr float kTemperature = 0.2f;

std::vector<float> RandomUnits(uint64_t seed) {
  Random random(seed);
  std::vector<float> values(kPairs * kDimension);
  for (float& value : values) value = random.Uniform() - 0.5f;
  for (size_t row = 0; row < kPairs; ++row) {
    double squares = 0;
    for (size_t i = 0; i < kDimension; ++i) squares += std::pow(values[row * kDimension + i], 2);
    for (size_t i = 0; i < kDimension; ++i) {
      values[row * kDimension + i] /= static_cast<float>(std::sqrt(squares));
    }
  }
  return values;
}

double Dot(const std::vector<float>& a, size_t i, const std::vector<float>& b, size_t j) {
  double sum = 0;
  for (size_t k = 0; k < kDimension; ++k) {
    sum += static_cast<double>(a[i * kDimension + k]) * b[j * kDimension + k];
  }
  return sum;
}

double NaiveLoss(const std::vector<float>& a, const std::vector<float>& b) {
  double loss = 0;
  for (size_t i = 0; i < kPairs; ++i) {
    double to_b = 0, to_a = 0;
    for (size_t j = 0; j < kPairs; ++j) {
      to_b += std::exp(Dot(a, i, b, j) / kTemperature);
      to_a += std::exp(Dot(a, j, b, i) / kTemperature);
    }
    loss += std::log(to_b) + std::log(to_a) - 2 * Dot(a, i, b, i) / kTemperature;
  }
  return loss / (2 * kPairs);
}

TEST(ContrastTest, LossAndGradientsAreThoseOfTheFormula) {
  std::vector<float> a = RandomUnits(1), b = RandomUnits(2);
  std::vector<float> gradient_a(a.size()), gradient_b(b.size());
  const double loss = ContrastiveLoss(a.data(), b.data(), kPairs, kDimension, kTemperature,
                                      gradient_a.data(), gradient_b.data());
  EXPECT_NEAR(loss, NaiveLoss(a, b), 1e-5);
  constexpr float kStep = 1e-3f;
  const auto slope = [&](std::vector<float>& values, size_t at) {
    const float before = values[at];
    values[at] = before + kStep;
    const double above = NaiveLoss(a, b);
    values[at] = before - kStep;
    const double below = NaiveLoss(a, b);
    values[at] = before;
    return (above - below) / (2 * kStep);
  };
  for (size_t at = 0; at < a.size(); at += 5) {
    EXPECT_NEAR(gradient_a[at], slope(a, at), 2e-3) << at;
    EXPECT_NEAR(gradient_b[at], slope(b, at), 2e-3) << at;
  }
}

TEST(ContrastTest, RanksCountWhatIsNearer) {
  const std::vector<float> a = RandomUnits(3), b = RandomUnits(4);
  const std::vector<size_t> ranks = RanksOfOwn(a.data(), 4, b.data(), kPairs, kDimension);
  ASSERT_EQ(ranks.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    size_t nearer = 0;
    for (size_t j = 0; j < kPairs; ++j) nearer += Dot(a, i, b, j) > Dot(a, i, b, i) ? 1 : 0;
    EXPECT_EQ(ranks[i], nearer);
  }
  EXPECT_EQ(RanksOfOwn(a.data(), 4, a.data(), kPairs, kDimension), std::vector<size_t>(4));
}

}  // namespace
}  // namespace newsprint::train
