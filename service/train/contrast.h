// The loss that training makes smaller: each half of an article is to be nearest to its other half.
#ifndef NEWSPRINT_SERVICE_TRAIN_CONTRAST_H_
#define NEWSPRINT_SERVICE_TRAIN_CONTRAST_H_

#include <cstddef>
#include <vector>

namespace newsprint::train {

// InfoNCE (A. van den Oord, Y. Li, O. Vinyals: Representation Learning with Contrastive Predictive
// Coding, 2018), in both directions: of `pairs` pairs, with rows a and b of length 1, the mean of
// -ln softmax(a_i . b_j / temperature)_i over j and over i. Returns it, and writes its gradients
// with respect to a and b. All have pairs * dimension values. The result does not depend on the
// number of threads.
double ContrastiveLoss(const float* a, const float* b, size_t pairs, size_t dimension,
                       float temperature, float* gradient_a, float* gradient_b);

// Rank of the other half: for each of `queries` rows of `a`, how many of the `candidates` rows of
// `b` are nearer to it than the row of b with its own number.
std::vector<size_t> RanksOfOwn(const float* a, size_t queries, const float* b, size_t candidates,
                               size_t dimension);

}  // namespace newsprint::train

#endif  // NEWSPRINT_SERVICE_TRAIN_CONTRAST_H_
