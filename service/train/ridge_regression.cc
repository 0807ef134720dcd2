#include "service/train/ridge_regression.h"

#include <algorithm>
#include <cmath>

namespace newsprint::train {

RidgeRegression::RidgeRegression(size_t inputs, size_t targets)
    : inputs_(inputs), targets_(targets), squares_(inputs * inputs), products_(inputs * targets) {}

void RidgeRegression::Add(absl::Span<const float> input, absl::Span<const float> target) {
  for (size_t i = 0; i < inputs_; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      squares_[i * inputs_ + j] += static_cast<double>(input[i]) * input[j];
    }
    for (size_t t = 0; t < targets_; ++t) {
      products_[i * targets_ + t] += static_cast<double>(input[i]) * target[t];
    }
  }
}

// By Cholesky's decomposition: squares + penalty = L * transposed L, and two substitutions.
void RidgeRegression::Solve(double penalty) {
  for (size_t i = 0; i < inputs_; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      double sum = squares_[i * inputs_ + j] + (i == j ? penalty : 0);
      for (size_t k = 0; k < j; ++k) sum -= squares_[i * inputs_ + k] * squares_[j * inputs_ + k];
      squares_[i * inputs_ + j] =
          i == j ? std::sqrt(std::max(sum, penalty)) : sum / squares_[j * inputs_ + j];
    }
  }
  for (size_t t = 0; t < targets_; ++t) {
    for (size_t i = 0; i < inputs_; ++i) {
      double sum = products_[i * targets_ + t];
      for (size_t k = 0; k < i; ++k) sum -= squares_[i * inputs_ + k] * products_[k * targets_ + t];
      products_[i * targets_ + t] = sum / squares_[i * inputs_ + i];
    }
    for (size_t i = inputs_; i-- > 0;) {
      double sum = products_[i * targets_ + t];
      for (size_t k = i + 1; k < inputs_; ++k) {
        sum -= squares_[k * inputs_ + i] * products_[k * targets_ + t];
      }
      products_[i * targets_ + t] = sum / squares_[i * inputs_ + i];
    }
  }
}

void RidgeRegression::Predict(absl::Span<const float> input, absl::Span<float> target) const {
  for (size_t t = 0; t < targets_; ++t) {
    double sum = 0;
    for (size_t i = 0; i < inputs_; ++i) sum += input[i] * products_[i * targets_ + t];
    target[t] = static_cast<float>(sum);
  }
}

}  // namespace newsprint::train
