// The vector index against hnswlib and against FAISS's own HNSW, one thread each, at equal recall.
// Prints one JSON object.
//
// Vectors are clustered, as articles are: topics, stories within them, articles within those.
// Queries are further articles of the same stories. Each engine searches with the least ef that
// reaches the recall asked for, so speeds compare at (nearly) the same recall@10 against brute
// force.
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
#include "service/index/int8_hnsw_index.h"
#include "service/index/vector_index.h"
#include "tests/testing/articles.h"

ABSL_FLAG(int, rows, 20'000, "Vectors in the index.");
ABSL_FLAG(int, queries, 1000, "Queries.");
ABSL_FLAG(int, rounds, 5, "Times that each engine's searches are measured, in turn.");
ABSL_FLAG(bool, stock_faiss, true, "Measure faiss::IndexHNSWFlat too, which takes long to build.");

namespace newsprint::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kDimension = 256;
constexpr int kLinks = 16;
constexpr int kEfConstruction = 64;
constexpr int kEfMax = 256;
constexpr int kNearest = 10;

using Vectors = std::vector<float>;    // rows of kDimension
using Answers = std::vector<int64_t>;  // kNearest a query

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

Answers BruteForce(const Vectors& vectors, const Vectors& queries) {
  Answers answers;
  std::vector<std::pair<float, int64_t>> scored(Rows(vectors));
  for (size_t q = 0; q < Rows(queries); ++q) {
    const float* query = Row(queries, q);
    for (size_t i = 0; i < scored.size(); ++i) {
      scored[i] = {-std::inner_product(query, query + kDimension, Row(vectors, i), 0.0f), i};
    }
    std::partial_sort(scored.begin(), scored.begin() + kNearest, scored.end());
    for (int i = 0; i < kNearest; ++i) answers.push_back(scored[i].second);
  }
  return answers;
}

double Recall(const Answers& truth, const Answers& answers) {
  size_t found = 0;
  for (size_t q = 0; q < truth.size(); q += kNearest) {
    for (int i = 0; i < kNearest; ++i) {
      found += std::count(&truth[q], &truth[q] + kNearest, answers[q + i]);
    }
  }
  return static_cast<double>(found) / static_cast<double>(truth.size());
}

// Writes the kNearest rows.
using SearchFunction = std::function<void(const float* query, int64_t* rows)>;

Answers SearchAll(const Vectors& queries, const SearchFunction& search) {
  Answers answers(Rows(queries) * kNearest, -1);
  for (size_t q = 0; q < Rows(queries); ++q) search(Row(queries, q), &answers[q * kNearest]);
  return answers;
}

// The least ef that reaches `recall`, or kEfMax where none does.
int LeastEf(const Vectors& queries, const Answers& truth, double recall,
            const std::function<void(int)>& set_ef, const SearchFunction& search) {
  int low = kNearest, high = kEfMax;
  while (low < high) {
    const int middle = (low + high) / 2;
    set_ef(middle);
    if (Recall(truth, SearchAll(queries, search)) >= recall) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  set_ef(low);
  return low;
}

struct Engine {
  std::string name;
  SearchFunction search;
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
  }

  void Run(double recall) {
    const std::string point = absl::StrCat("_at_", std::lround(recall * 100));
    TuneOurs(recall, point);
    hnswlib_set_ef_ = LeastEf(
        queries_, truth_, recall, [&](int ef) { hnswlib_->SetEfSearch(ef); }, HnswlibSearch());
    std::vector<Engine> engines;
    engines.push_back({"newsprint", OursSearch(), {}});
    engines.push_back({"hnswlib", HnswlibSearch(), {}});
    figures_[absl::StrCat("vector_newsprint_ef", point)] = ours_ef_;
    figures_[absl::StrCat("vector_hnswlib_ef", point)] = hnswlib_set_ef_;
    if (stock_ != nullptr) {
      figures_[absl::StrCat("vector_stock_faiss_ef", point)] = LeastEf(
          queries_, truth_, recall, [&](int ef) { stock_->hnsw.efSearch = ef; }, StockSearch());
      engines.push_back({"stock_faiss", StockSearch(), {}});
    }
    for (int round = 0; round < absl::GetFlag(FLAGS_rounds); ++round) {
      for (Engine& engine : engines) {
        const Clock::time_point begin = Clock::now();
        const Answers answers = SearchAll(queries_, engine.search);
        engine.queries_per_second.push_back(static_cast<double>(Rows(queries_)) /
                                            SecondsSince(begin));
        figures_[absl::StrCat("vector_", engine.name, "_recall", point)] = Recall(truth_, answers);
      }
    }
    for (const Engine& engine : engines) {
      figures_[absl::StrCat("vector_", engine.name, "_queries_per_second", point)] =
          Median(engine.queries_per_second);
    }
  }

  void BuildPeers() {
    const size_t rows = Rows(vectors_);
    Build("hnswlib", [&] {
      hnswlib_ = std::make_unique<HnswlibPeer>(kDimension, rows, kLinks, kEfConstruction);
      for (size_t i = 0; i < rows; ++i) hnswlib_->Add(Row(vectors_, i), i);
    });
    // Only for tuning: the class that VectorIndex is made of, whose ef can be changed.
    graph_ = std::make_unique<index::Int8HnswIndex>(kDimension, kLinks, kEfConstruction, kNearest);
    graph_->add(static_cast<faiss::Index::idx_t>(rows), vectors_.data());
    if (!absl::GetFlag(FLAGS_stock_faiss)) return;
    // At one go: adding one by one takes FAISS quadratic time.
    Build("stock_faiss", [&] {
      stock_ = std::make_unique<faiss::IndexHNSWFlat>(kDimension, kLinks);
      stock_->hnsw.efConstruction = kEfConstruction;
      stock_->add(static_cast<faiss::Index::idx_t>(rows), vectors_.data());
    });
  }

  nlohmann::ordered_json& figures() { return figures_; }

 private:
  // Builds VectorIndex with the ef that its graph needs.
  void TuneOurs(double recall, const std::string& point) {
    ours_ef_ = LeastEf(
        queries_, truth_, recall, [&](int ef) { graph_->hnsw.efSearch = ef; },
        [&](const float* query, int64_t* rows) {
          float distances[kNearest];
          faiss::Index::idx_t labels[kNearest];
          graph_->search(1, query, kNearest, distances, labels);
          std::copy_n(labels, kNearest, rows);
        });
    index::VectorIndex::Options options;
    options.dimension = kDimension;
    options.links = kLinks;
    options.ef_construction = kEfConstruction;
    options.ef_search = ours_ef_;
    options.exact_rows_max = 0;  // the graph at any size
    ours_.reset();
    Build(absl::StrCat("newsprint",
                       figures_.contains("vector_newsprint_adds_per_second") ? point : ""),
          [&] {
            ours_ = std::move(index::VectorIndex::Create(options)).value();
            for (size_t i = 0; i < Rows(vectors_); ++i) {
              const absl::Status status =
                  ours_->Add(static_cast<Ordinal>(i), {Row(vectors_, i), kDimension});
              if (!status.ok()) std::abort();
            }
          });
  }

  void Build(const std::string& name, const std::function<void()>& build) {
    const size_t bytes = AllocatedBytes();
    const Clock::time_point begin = Clock::now();
    build();
    const double rows = static_cast<double>(Rows(vectors_));
    figures_[absl::StrCat("vector_", name, "_adds_per_second")] = rows / SecondsSince(begin);
    figures_[absl::StrCat("vector_", name, "_bytes_per_vector")] =
        static_cast<double>(AllocatedBytes() - bytes) / rows;
  }

  SearchFunction OursSearch() const {
    return [this](const float* query, int64_t* rows) {
      const auto hits = ours_->Search({query, kDimension}, kNearest);
      for (size_t i = 0; i < hits->size(); ++i) rows[i] = (*hits)[i].ordinal;
    };
  }
  SearchFunction HnswlibSearch() const {
    return [this](const float* query, int64_t* rows) { hnswlib_->Search(query, kNearest, rows); };
  }
  SearchFunction StockSearch() const {
    return [this](const float* query, int64_t* rows) {
      float distances[kNearest];
      faiss::Index::idx_t labels[kNearest];
      stock_->search(1, query, kNearest, distances, labels);
      std::copy_n(labels, kNearest, rows);
    };
  }

  Vectors vectors_;
  Vectors queries_;
  Answers truth_;
  std::unique_ptr<index::VectorIndex> ours_;
  std::unique_ptr<index::Int8HnswIndex> graph_;
  std::unique_ptr<HnswlibPeer> hnswlib_;
  std::unique_ptr<faiss::IndexHNSWFlat> stock_;
  int ours_ef_ = 0;
  int hnswlib_set_ef_ = 0;
  nlohmann::ordered_json figures_;
};

}  // namespace

int Main() {
  omp_set_num_threads(1);
  Benchmark benchmark;
  nlohmann::ordered_json& figures = benchmark.figures();
  figures["vector_rows"] = absl::GetFlag(FLAGS_rows);
  benchmark.BuildPeers();
  benchmark.Run(0.95);
  benchmark.Run(0.99);
  std::cout << figures.dump(1) << std::endl;
  return 0;
}

}  // namespace newsprint::bench

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return newsprint::bench::Main();
}
