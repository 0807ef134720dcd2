#include "service/train/halves.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "service/embed/row_sum.h"
#include "service/train/parallel.h"

namespace newsprint::train {
namespace {

constexpr size_t kBagsBlock = 16;

}  // namespace

void Bags::Clear() {
  rows_.clear();
  ends_.clear();
}

// The terms of words_, each with 1 + ln of how often it is there.
void Bags::AddBag(const TermTable& table, float dropout, Random& random) {
  std::sort(words_.begin(), words_.end());
  for (size_t begin = 0, end; begin < words_.size(); begin = end) {
    end = begin;
    while (end < words_.size() && words_[end] == words_[begin]) ++end;
    if (dropout > 0 && random.Uniform() < dropout) continue;
    const float weight = 1 + std::log(static_cast<float>(end - begin));
    const TermRows& rows = table.OfTerm(words_[begin]);
    for (int i = 0; i < rows.count; ++i) rows_.push_back({rows.row[i], weight * rows.factor[i]});
  }
  ends_.push_back(rows_.size());
}

void Bags::AddHalves(const TrainingSet& set, const TermTable& table, size_t article, float dropout,
                     Random& random) {
  order_.resize(set.Sentences(article));
  std::iota(order_.begin(), order_.end(), 0);
  random.Shuffle(order_);
  size_t tokens = 0;
  for (const uint32_t sentence : order_) tokens += set.Sentence(article, sentence).size();
  words_.clear();
  size_t next = 0;
  // Each half has one sentence at least.
  for (; next + 1 < order_.size() && (next == 0 || 2 * words_.size() < tokens); ++next) {
    const auto sentence = set.Sentence(article, order_[next]);
    words_.insert(words_.end(), sentence.begin(), sentence.end());
  }
  AddBag(table, dropout, random);
  words_.clear();
  for (; next < order_.size(); ++next) {
    const auto sentence = set.Sentence(article, order_[next]);
    words_.insert(words_.end(), sentence.begin(), sentence.end());
  }
  AddBag(table, dropout, random);
}

void UnitVectors(const Bags& bags, const TermTable& table, float* units, float* lengths) {
  const size_t dimension = table.dimension();
  ForBlocks(bags.size(), kBagsBlock, [&](size_t begin, size_t end) {
    std::vector<embed::WeightedRow<float>> rows;
    for (size_t bag = begin; bag < end; ++bag) {
      rows.clear();
      for (const BagRow* at = bags.begin(bag); at != bags.end(bag); ++at) {
        rows.push_back({table.Row(at->row), at->factor * table.Weight(at->row)});
      }
      float* unit = units + bag * dimension;
      embed::SumRows(rows.data(), rows.size(), dimension, unit);
      double squares = 0;
      for (size_t i = 0; i < dimension; ++i) squares += static_cast<double>(unit[i]) * unit[i];
      lengths[bag] = static_cast<float>(std::sqrt(squares));
      const float scale = lengths[bag] == 0 ? 0 : 1 / lengths[bag];
      for (size_t i = 0; i < dimension; ++i) unit[i] *= scale;
    }
  });
}

}  // namespace newsprint::train
