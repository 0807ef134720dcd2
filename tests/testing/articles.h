// Made-up articles for tests, and an engine to put them into.
#ifndef NEWSPRINT_TESTS_TESTING_ARTICLES_H_
#define NEWSPRINT_TESTS_TESTING_ARTICLES_H_

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "service/common/types.h"
#include "service/engine/engine.h"
#include "tests/testing/temp_dir.h"  // IWYU pragma: export

namespace newsprint::testing {

// The seed of random tests: the environment's NEWSPRINT_TEST_SEED, or a fixed one.
uint64_t Seed();

// `words` words of a made-up vocabulary, by Zipf's law, in sentences. The same `story` gives the
// same text; two stories share words but hardly a shingle.
std::string StoryText(uint64_t story, int words);

// An article that tells story number `story`; ids are up to the caller.
Article StoryArticle(std::string id, uint64_t story, int words = 300);

// An engine over a folder, ready for calls. Dies with a message when it cannot be opened.
std::unique_ptr<Engine> OpenEngine(const std::string& data_dir,
                                   const Embedders::Options& embedders = {},
                                   Clock clock = absl::Now);

// With the defaults and the built-in embedder.
NewCollection Named(std::string name);

// For ListGroups.
GroupFilter AtLeast(uint64_t members);

// Prepares and ingests, in one go.
absl::StatusOr<Verdict> Ingest(Collection& collection, Article article,
                               std::string request_id = "");

}  // namespace newsprint::testing

#endif  // NEWSPRINT_TESTS_TESTING_ARTICLES_H_
