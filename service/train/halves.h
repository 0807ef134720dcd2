// Articles as pairs of halves, and the vectors of such bags of terms.
#ifndef NEWSPRINT_SERVICE_TRAIN_HALVES_H_
#define NEWSPRINT_SERVICE_TRAIN_HALVES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "service/train/random.h"
#include "service/train/term_table.h"
#include "service/train/training_set.h"

namespace newsprint::train {

// A row that a bag has, and what it is multiplied by, the row's weight left out.
struct BagRow {
  uint32_t row;
  float factor;
};

// Bags of rows, one after the other.
class Bags {
 public:
  void Clear();
  // Adds the two random halves of an article's sentences as two bags. Each term is left out of a
  // half with the probability `dropout`.
  void AddHalves(const TrainingSet& set, const TermTable& table, size_t article, float dropout,
                 Random& random);

  size_t size() const { return ends_.size(); }
  const BagRow* begin(size_t bag) const { return rows_.data() + (bag == 0 ? 0 : ends_[bag - 1]); }
  const BagRow* end(size_t bag) const { return rows_.data() + ends_[bag]; }

 private:
  void AddBag(const TermTable& table, float dropout, Random& random);

  std::vector<BagRow> rows_;
  std::vector<size_t> ends_;
  std::vector<uint32_t> words_, order_;  // scratch
};

// For each bag the sum of its rows, scaled to length 1, and the length before that; a row of zeros
// and 0 for a bag without rows. `units` has bags.size() * table.dimension() values.
void UnitVectors(const Bags& bags, const TermTable& table, float* units, float* lengths);

}  // namespace newsprint::train

#endif  // NEWSPRINT_SERVICE_TRAIN_HALVES_H_
