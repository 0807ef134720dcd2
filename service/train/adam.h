// The Adam optimiser on one row.
#ifndef NEWSPRINT_SERVICE_TRAIN_ADAM_H_
#define NEWSPRINT_SERVICE_TRAIN_ADAM_H_

#include <cstddef>

namespace newsprint::train {

// D. Kingma, J. Ba: Adam: A Method for Stochastic Optimization, ICLR 2015.
struct AdamStep {
  static constexpr float kBeta1 = 0.9f;
  static constexpr float kBeta2 = 0.999f;
  static constexpr float kEpsilon = 1e-8f;

  // `step` counts from 1.
  AdamStep(float learning_rate, int step);

  float rate;          // the learning rate, with the first moment's correction
  float second_scale;  // the second moment's correction
};

// One step for `size` values; `mean` and `square` are the moments, zero before the first step.
void AdamUpdate(const AdamStep& step, const float* gradient, size_t size, float* values,
                float* mean, float* square);

}  // namespace newsprint::train

#endif  // NEWSPRINT_SERVICE_TRAIN_ADAM_H_
