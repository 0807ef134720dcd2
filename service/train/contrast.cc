#include "service/train/contrast.h"

#include <cblas.h>
#include <algorithm>
#include <cmath>

#include "service/train/parallel.h"

namespace newsprint::train {
namespace {

// Rows in one product of matrices. Fixed, and each product runs in one thread, so that sums are
// added up in the same order on any number of cores.
constexpr size_t kBlock = 64;

// c = alpha * a * b, or a * transposed b: `rows` x `inner` times `inner` x `columns`.
void Multiply(const float* a, size_t rows, size_t inner, const float* b, bool transposed_b,
              size_t columns, float alpha, float* c) {
  const int n = static_cast<int>(columns), k = static_cast<int>(inner);
  ForBlocks(rows, kBlock, [&](size_t begin, size_t end) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, transposed_b ? CblasTrans : CblasNoTrans,
                static_cast<int>(end - begin), n, k, alpha, a + begin * inner, k, b,
                transposed_b ? k : n, 0.0f, c + begin * columns, n);
  });
}

// Softmax of each row of a square matrix in place; returns the sum of -ln of the diagonal.
double SoftmaxRows(size_t size, std::vector<float>& matrix) {
  std::vector<double> losses(size);
  ForBlocks(size, kBlock, [&](size_t begin, size_t end) {
    for (size_t row = begin; row < end; ++row) {
      float* values = &matrix[row * size];
      const float largest = *std::max_element(values, values + size);
      const float own = values[row];
      double sum = 0;
      for (size_t i = 0; i < size; ++i) sum += values[i] = std::exp(values[i] - largest);
      const float scale = static_cast<float>(1 / sum);
      for (size_t i = 0; i < size; ++i) values[i] *= scale;
      losses[row] = std::log(sum) + largest - own;
    }
  });
  double loss = 0;
  for (const double part : losses) loss += part;
  return loss;
}

void UseOneThreadAProduct() {
  static const bool done = [] {
    openblas_set_num_threads(1);
    return true;
  }();
  (void)done;
}

}  // namespace

double ContrastiveLoss(const float* a, const float* b, size_t pairs, size_t dimension,
                       float temperature, float* gradient_a, float* gradient_b) {
  UseOneThreadAProduct();
  std::vector<float> to_b(pairs * pairs), to_a(pairs * pairs);
  Multiply(a, pairs, dimension, b, true, pairs, 1 / temperature, to_b.data());
  for (size_t i = 0; i < pairs; ++i) {
    for (size_t j = 0; j < pairs; ++j) to_a[j * pairs + i] = to_b[i * pairs + j];
  }
  const double loss = SoftmaxRows(pairs, to_b) + SoftmaxRows(pairs, to_a);
  // Gradient of the products a_i . b_j: the two probabilities, less 2 for the pair itself.
  const float scale = 1 / (2 * static_cast<float>(pairs) * temperature);
  for (size_t i = 0; i < pairs; ++i) {
    for (size_t j = 0; j < pairs; ++j) {
      to_b[i * pairs + j] += to_a[j * pairs + i];
    }
    to_b[i * pairs + i] -= 2;
  }
  for (size_t i = 0; i < pairs; ++i) {
    for (size_t j = 0; j < pairs; ++j) to_a[j * pairs + i] = to_b[i * pairs + j];
  }
  Multiply(to_b.data(), pairs, pairs, b, false, dimension, scale, gradient_a);
  Multiply(to_a.data(), pairs, pairs, a, false, dimension, scale, gradient_b);
  return loss / (2 * static_cast<double>(pairs));
}

std::vector<size_t> RanksOfOwn(const float* a, size_t queries, const float* b, size_t candidates,
                               size_t dimension) {
  UseOneThreadAProduct();
  std::vector<size_t> ranks(queries);
  std::vector<float> products;
  constexpr size_t kQueries = 256;
  for (size_t begin = 0; begin < queries; begin += kQueries) {
    const size_t count = std::min(kQueries, queries - begin);
    products.resize(count * candidates);
    Multiply(a + begin * dimension, count, dimension, b, true, candidates, 1, products.data());
    for (size_t i = 0; i < count; ++i) {
      const float* row = &products[i * candidates];
      const float own = row[begin + i];
      ranks[begin + i] = static_cast<size_t>(
          std::count_if(row, row + candidates, [own](float value) { return value > own; }));
    }
  }
  return ranks;
}

}  // namespace newsprint::train
