// The vector index against hnswlib and against FAISS's own HNSW, one thread each, at equal recall.
// Prints one JSON object.
//
// Vectors are clustered, as articles are: topics, stories within them, articles within those.
// Queries are further articles of the same stories. Each engine searches with the least ef that
// reaches the recall asked for, so speeds compare at (nearly) the same recall@10 against brute
// force; and again for the 200 nearest, which is what a search for related articles asks for.
#include <faiss/IndexHNSW.h>
#include <malloc.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <iostream>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "bench/hnswlib_peer.h"
#include "bench/stats.h"
#include "nlohmann/json.hpp"
#include "service/index/vector_index.h"
#include "tests/testing/articles.h"

ABSL_FLAG(int, rows, 20'000, "Vectors in the index.");
ABSL_FLAG(int, queries, 1000, "Queries.");
ABSL_FLAG(int, rounds, 5, "Times that each engine's searches are measured, in turn.");
ABSL_FLAG(bool, stock_faiss, true,
          "Measure faiss::IndexHNSWFlat too, which takes minutes to build with 200,000 vectors.");

namespace newsprint::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kDimension = 256;
constexpr int kLinks = 16;
constexpr int kEfConstruction = 64;
constexpr int kEfMax = 4096;
constexpr int kNearestMax = 200;

using Vectors = std::vector<float>;    // rows of kDimension
using Answers = std::vector<int64_t>;  // as many for each query

size_t Rows(const Vectors& vectors) { return vectors.size() / kDimension; }
const float* Row(const Vectors& vectors, size_t row) { return &vectors[row * kDimension]; }

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Bytes that the process has from the allocator.
size_t AllocatedBytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

// `base` with noise of length `noise` added, scaled to length 1.
void AppendNear(const float* base, float noise, std::mt19937_64& random, Vectors* vectors) {
  std::normal_distribution<float> normal(0, noise / std::sqrt(static_cast<float>(kDimension)));
  const size_t begin = vectors->size();
  float squares = 0;
  for (int i = 0; i < kDimension; ++i) {
    const float value = base[i] + normal(random);
    vectors->push_back(value);
    squares += value * value;
  }
  const float scale = 1 / std::sqrt(squares);
  for (size_t i = begin; i < vectors->size(); ++i) (*vectors)[i] *= scale;
}

Vectors Around(const Vectors& centres, size_t count, std::mt19937_64& random) {
  Vectors vectors;
  vectors.reserve(count * kDimension);
  for (size_t i = 0; i < count; ++i) {
    AppendNear(Row(centres, random() % Rows(centres)), 1.0f, random, &vectors);
  }
  return vectors;
}

float Dot(const float* a, const float* b) {
  float sums[16] = {};  // independent, so that the compiler can use SIMD
  for (int i = 0; i < kDimension; i += 16) {
    for (int j = 0; j < 16; ++j) sums[j] += a[i + j] * b[i + j];
  }
  return std::accumulate(std::begin(sums), std::end(sums), 0.0f);
}

// The kNearestMax rows of each query, nearest first.
Answers BruteForce(const Vectors& vectors, const Vectors& queries) {
  Answers answers;
  std::vector<std::pair<float, int64_t>> scored(Rows(vectors));
  for (size_t q = 0; q < Rows(queries); ++q) {
    const float* query = Row(queries, q);
    for (size_t i = 0; i < scored.size(); ++i) scored[i] = {-Dot(query, Row(vectors, i)), i};
    std::partial_sort(scored.begin(), scored.begin() + kNearestMax, scored.end());
    for (int i = 0; i < kNearestMax; ++i) answers.push_back(scored[i].second);
  }
  return answers;
}

// Writes the `count` nearest rows.
using SearchFunction = std::function<void(const float* query, int count, int64_t* rows)>;

Answers SearchAll(const Vectors& queries, int count, const SearchFunction& search) {
  Answers answers(Rows(queries) * count, -1);
  for (size_t q = 0; q < Rows(queries); ++q) {
    search(Row(queries, q), count, &answers[q * count]);
  }
  return answers;
}

// Share of the `count` nearest that are among the answers.
double Recall(const Answers& truth, int count, const Answers& answers) {
  size_t found = 0;
  const size_t queries = answers.size() / count;
  for (size_t q = 0; q < queries; ++q) {
    std::vector<int64_t> expected(&truth[q * kNearestMax], &truth[q * kNearestMax] + count);
    std::sort(expected.begin(), expected.end());
    for (int i = 0; i < count; ++i) {
      found += std::binary_search(expected.begin(), expected.end(), answers[q * count + i]);
    }
  }
  return static_cast<double>(found) / static_cast<double>(answers.size());
}

struct Engine {
  std::string name;
  SearchFunction search;
  std::function<void(int)> set_ef;
  std::vector<double> queries_per_second;
};

class Benchmark {
 public:
  Benchmark() {
    std::mt19937_64 random(testing::Seed());
    const size_t rows = absl::GetFlag(FLAGS_rows);
    const Vectors origin(kDimension, 0.0f);
    Vectors topics, stories;
    for (int i = 0; i < 50; ++i) AppendNear(origin.data(), 1.0f, random, &topics);
    for (size_t i = 0; i < rows / 10; ++i) {
      AppendNear(Row(topics, random() % Rows(topics)), 1.0f, random, &stories);
    }
    vectors_ = Around(stories, rows, random);
    queries_ = Around(stories, absl::GetFlag(FLAGS_queries), random);
    truth_ = BruteForce(vectors_, queries_);
    figures_["vector_rows"] = rows;
  }

  void BuildAll() {
    const size_t rows = Rows(vectors_);
    Build("newsprint", [&] {
      index::VectorIndex::Options options;
      options.dimension = kDimension;
      options.links = kLinks;
      options.ef_construction = kEfConstruction;
      options.exact_rows_max = 0;  // the graph at any size
      ours_ = std::move(index::VectorIndex::Create(options)).value();
      for (size_t i = 0; i < rows; ++i) {
        const absl::Status status =
            ours_->Add(static_cast<Ordinal>(i), {Row(vectors_, i), kDimension});
        if (!status.ok()) std::abort();
      }
      if (!ours_->WaitUntilBuilt().ok()) std::abort();
    });
    Build("hnswlib", [&] {
      hnswlib_ = std::make_unique<HnswlibPeer>(kDimension, rows, kLinks, kEfConstruction);
      for (size_t i = 0; i < rows; ++i) hnswlib_->Add(Row(vectors_, i), i);
    });
    if (!absl::GetFlag(FLAGS_stock_faiss)) return;
    // At one go: adding one by one takes FAISS quadratic time.
    Build("stock_faiss", [&] {
      stock_ = std::make_unique<faiss::IndexHNSWFlat>(kDimension, kLinks);
      stock_->hnsw.efConstruction = kEfConstruction;
      stock_->add(static_cast<int64_t>(rows), vectors_.data());
    });
  }

  // `suffix` of the figures' names.
  void Search(double recall, int count, const std::string& suffix) {
    std::vector<Engine> engines = Engines();
    for (Engine& engine : engines) {
      figures_[absl::StrCat("vector_", engine.name, "_ef", suffix)] =
          SetLeastEf(engine, recall, count);
    }
    for (int round = 0; round < absl::GetFlag(FLAGS_rounds); ++round) {
      for (Engine& engine : engines) {
        const Clock::time_point begin = Clock::now();
        const Answers answers = SearchAll(queries_, count, engine.search);
        engine.queries_per_second.push_back(static_cast<double>(Rows(queries_)) /
                                            SecondsSince(begin));
        figures_[absl::StrCat("vector_", engine.name, "_recall", suffix)] =
            Recall(truth_, count, answers);
      }
    }
    for (const Engine& engine : engines) {
      figures_[absl::StrCat("vector_", engine.name, "_queries_per_second", suffix)] =
          Median(engine.queries_per_second);
    }
  }

  const nlohmann::ordered_json& figures() const { return figures_; }

 private:
  std::vector<Engine> Engines() {
    std::vector<Engine> engines;
    engines.push_back({"newsprint",
                       [this](const float* query, int count, int64_t* rows) {
                         const auto hits = ours_->Search({query, kDimension}, count, ours_ef_);
                         for (size_t i = 0; i < hits->size(); ++i) rows[i] = (*hits)[i].ordinal;
                       },
                       [this](int ef) { ours_ef_ = ef; },
                       {}});
    engines.push_back({"hnswlib",
                       [this](const float* query, int count, int64_t* rows) {
                         hnswlib_->Search(query, count, rows);
                       },
                       [this](int ef) { hnswlib_->SetEfSearch(ef); },
                       {}});
    if (stock_ == nullptr) return engines;
    engines.push_back({"stock_faiss",
                       [this](const float* query, int count, int64_t* rows) {
                         float distances[kNearestMax];
                         int64_t labels[kNearestMax];
                         stock_->search(1, query, count, distances, labels);
                         std::copy_n(labels, count, rows);
                       },
                       [this](int ef) { stock_->hnsw.efSearch = ef; },
                       {}});
    return engines;
  }

  // The least ef that reaches `recall`, or kEfMax where none does.
  int SetLeastEf(const Engine& engine, double recall, int count) const {
    const auto is_enough = [&](int ef) {
      engine.set_ef(ef);
      return Recall(truth_, count, SearchAll(queries_, count, engine.search)) >= recall;
    };
    int low = count, high = count;
    while (high < kEfMax &&
           !is_enough(high)) {  // from below, as searches with a large ef take long
      low = high + 1;
      high = std::min(2 * high, kEfMax);
    }
    while (low < high) {
      const int middle = (low + high) / 2;
      if (is_enough(middle)) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    engine.set_ef(low);
    return low;
  }

  void Build(const std::string& name, const std::function<void()>& build) {
    const size_t bytes = AllocatedBytes();
    const Clock::time_point begin = Clock::now();
    build();
    const double count = static_cast<double>(Rows(vectors_));
    figures_[absl::StrCat("vector_", name, "_adds_per_second")] = count / SecondsSince(begin);
    figures_[absl::StrCat("vector_", name, "_bytes_per_vector")] =
        static_cast<double>(AllocatedBytes() - bytes) / count;
  }

  Vectors vectors_;
  Vectors queries_;
  Answers truth_;
  std::unique_ptr<index::VectorIndex> ours_;
  std::unique_ptr<HnswlibPeer> hnswlib_;
  std::unique_ptr<faiss::IndexHNSWFlat> stock_;
  int ours_ef_ = 0;
  nlohmann::ordered_json figures_;
};

}  // namespace

int Main() {
  omp_set_num_threads(1);
  Benchmark benchmark;
  benchmark.BuildAll();
  benchmark.Search(0.95, 10, "_at_95");
  benchmark.Search(0.99, 10, "_at_99");
  benchmark.Search(0.95, kNearestMax, "_of_200_at_95");
  std::cout << benchmark.figures().dump(1) << std::endl;
  return 0;
}

}  // namespace newsprint::bench

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return newsprint::bench::Main();
}
