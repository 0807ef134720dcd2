// Linear regression with a penalty, of many values at once.
#ifndef NEWSPRINT_SERVICE_TRAIN_RIDGE_REGRESSION_H_
#define NEWSPRINT_SERVICE_TRAIN_RIDGE_REGRESSION_H_

#include <cstddef>
#include <vector>

#include "absl/types/span.h"

namespace newsprint::train {

// Ridge regression (A. Hoerl, R. Kennard: Ridge Regression, Technometrics 12, 1970) with several
// targets: the linear map from inputs to targets of least squared error, plus `penalty` times the
// squares of its values. Inputs want a 1 among them for the constant part. Not thread-safe.
class RidgeRegression {
 public:
  RidgeRegression(size_t inputs, size_t targets);

  void Add(absl::Span<const float> input, absl::Span<const float> target);
  // Once, after the last Add(); `penalty` > 0.
  void Solve(double penalty);
  void Predict(absl::Span<const float> input, absl::Span<float> target) const;

 private:
  const size_t inputs_, targets_;
  std::vector<double> squares_;   // inputs x inputs: sums of products of inputs
  std::vector<double> products_;  // inputs x targets; after Solve() the map
};

}  // namespace newsprint::train

#endif  // NEWSPRINT_SERVICE_TRAIN_RIDGE_REGRESSION_H_
